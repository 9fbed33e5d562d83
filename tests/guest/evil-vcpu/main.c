// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 3
/*
 * States that no vcpu may start with: roots that are no tables or not ours, addresses of the
 * hypervisor for callbacks and debug registers, a GDT of somebody else's frames, more entries than
 * there are, selectors of ring 0, flags and rflags all set. VCPUOP_initialise refuses or tames
 * them; a refused state leaves the vcpu as it was, and a tamed one runs in the guest's ring.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-vcpu";

static volatile unsigned long cs_seen, flags_seen;
static volatile int ran;

static void report(void)
{
	unsigned long cs, flags;

	__asm__ volatile("movw %%cs, %w0; pushf; pop %1" : "=r"(cs), "=r"(flags));
	cs_seen = cs & 0xffff;
	flags_seen = flags;
	ran = 1;
	for (;;)
		yield();
}

/* Of the vcpu that could not start: it stays here. */
static bool failed_start(struct trap_frame *f)
{
	if (vcpu_id() != 1)
		return false;
	check(f->vector == TRAP_FAILSAFE || (KERNEL_RING == 1 && f->vector == 13));
	ran = 2;
	for (;;)
		yield();
}

static void refused(struct vcpu_guest_context *c, const char *what)
{
	if (vcpu_op(VCPUOP_initialise, 1, c) >= 0)
		fail("a vcpu state with %s was accepted", what);
	check_refused(vcpu_op(VCPUOP_up, 1, NULL));
}

void test_main(void)
{
#ifndef __i386__
	static const uint64_t addresses[] = { 0xffff830000000000, 0xffff82d080000000,
					      0x8000000000000000, 0x800000000000 };
#endif
	struct vcpu_guest_context *c;
	uint8_t *page = page_alloc();

	c = vcpu_context(1, report);
	c->ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(page));
	refused(c, "a writable page as its root");
	c = vcpu_context(1, report);
	c->ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(pte_of(page)));
	refused(c, "an L1 as its root");
	c = vcpu_context(1, report);
	c->ctrlreg[3] = xen_pfn_to_cr3(NO_SUCH_MFN >> 2);
	refused(c, "a root that is not memory");
	c = vcpu_context(1, report);
	c->ctrlreg[3] = ~0UL;
	refused(c, "a root of all ones");
	c = vcpu_context(1, report);
	c->ctrlreg[3] = 0;
	refused(c, "no root");
#ifndef __i386__
	c = vcpu_context(1, report);
	c->ctrlreg[1] = xen_pfn_to_cr3(virt_to_mfn(page));
	refused(c, "a writable page as its user root");
#endif
	c = vcpu_context(1, report);
	c->gdt_ents = 512;
	c->gdt_frames[0] = virt_to_mfn(page);
	refused(c, "a writable GDT");
	c = vcpu_context(1, report);
	c->gdt_ents = 512;
	c->gdt_frames[0] = 0x200;
	refused(c, "a GDT that is not its own");
	c = vcpu_context(1, report);
	c->gdt_ents = FIRST_RESERVED_GDT_ENTRY + 1;
	refused(c, "too long a GDT");
	c = vcpu_context(1, report);
	c->gdt_ents = ~0UL;
	refused(c, "an endless GDT");
	c = vcpu_context(1, report);
	c->ldt_ents = 8193;
	c->ldt_base = (uintptr_t)page;
	refused(c, "too long an LDT");
#ifdef __i386__
	c = vcpu_context(1, report);
	c->ctrlreg[3] = start_info->pt_base;
	refused(c, "an address as its root");
	c = vcpu_context(1, report);
	c->debugreg[7] = 0x00020001;
	refused(c, "a breakpoint on a port");
#else
	for (int i = 0; i < 4; i++) {
		c = vcpu_context(1, report);
		c->event_callback_eip = addresses[i];
		refused(c, "a bad event callback");
		c = vcpu_context(1, report);
		c->failsafe_callback_eip = addresses[i];
		refused(c, "a bad failsafe callback");
		c = vcpu_context(1, report);
		c->syscall_callback_eip = addresses[i];
		refused(c, "a bad system-call entry");
		c = vcpu_context(1, report);
		c->trap_ctxt[14].address = addresses[i];
		if (vcpu_op(VCPUOP_initialise, 1, c) >= 0)
			fail("a bad trap handler was accepted");
	}
	c = vcpu_context(1, report);
	c->fs_base = 0x800000000000;
	refused(c, "a non-canonical FS base");
	c = vcpu_context(1, report);
	c->gs_base_kernel = 0x800000000000;
	refused(c, "a non-canonical GS base");
	c = vcpu_context(1, report);
	c->gs_base_user = 0x8000000000000000;
	refused(c, "a non-canonical user GS base");

	c = vcpu_context(1, report);
	c->debugreg[0] = 0xffff830000000000;
	c->debugreg[7] = 0xffffffff;
	refused(c, "a breakpoint on the hypervisor");
#endif

	/*
	 * Ring 0 selectors, I/O privilege and virtual-8086 mode, everything set that can be. It
	 * runs in the guest's ring, or fails to and says so by the failsafe callback, which needs a
	 * stack: in ring 1 that is a segment of its own.
	 */
	c = vcpu_context(1, report);
	c->user_regs.cs = 0xe008;
#ifdef __i386__
	c->user_regs.eflags = 0x23202;
#else
	c->user_regs.ss = 0xe010;
	c->user_regs.rflags = 0x23202;
#endif
	c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs = 0xe010;
	c->kernel_ss = 0xe010;
	for (int i = 0; i < 256; i++)
		c->trap_ctxt[i].cs = 0xe008;
	c->ctrlreg[0] = c->ctrlreg[4] = ~0UL;
	memset(&c->fpu_ctxt, 0xff, sizeof(c->fpu_ctxt));
	c->flags |= VGCF_i387_valid;
	trap_hook = failed_start;
	if (vcpu_op(VCPUOP_initialise, 1, c) == 0) {
		check_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
		wait_until(ran);
		if (ran == 1) {
			check_eq(cs_seen & 3, KERNEL_RING);
			check_eq(flags_seen & 0x23000, 0);
		}
		vcpu_down(1);
	}
	trap_hook = NULL;
	/* And an ordinary one still starts. */
	ran = 0;
	vcpu_start(2, report);
	wait_until(ran);
	check_eq(cs_seen & 3, KERNEL_RING);
}
