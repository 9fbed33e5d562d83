// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 32
/*
 * Start states of vCPUs, field by field, from a domain without any privilege. States that no CPU
 * could run with (user mode without a user root, however its register spells that there is none,
 * frames that are no roots or descriptor pages, addresses that are none) are refused and leave the
 * vcpu as it was. All others are taken, and each is brought up on a vcpu of its own: it runs in
 * the guest's ring with the flags, segments, MXCSR and debug registers that a guest may have, or
 * what cannot be loaded becomes its failsafe callback, a trap, or nothing. With an event pending,
 * so that it leaves the hypervisor by the upcall, and without. The machine goes on.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "evil-context";

/* The vcpus share a stack: one of them runs at a time. */
#define STACK 1

#define OFFSET(field) offsetof(struct vcpu_guest_context, field), \
	sizeof(((struct vcpu_guest_context *)0)->field)
#ifdef __i386__
#define IP user_regs.eip
#define FLAGS user_regs.eflags
#define USER_ROOT_FIELD false
#else
#define IP user_regs.rip
#define FLAGS user_regs.rflags
#define USER_ROOT_FIELD true
#endif

static struct seen {
	unsigned long cs, ss, ds, es, fs, gs, flags;
	uint32_t mxcsr;
	unsigned long vector;
} seen;
static volatile unsigned stage; /* of the vcpu that is up: 1 it ran, 2 it trapped */
static unsigned running;	/* its number */
static unsigned next = 1;

static void __attribute__((noreturn)) stop(unsigned how)
{
	__atomic_store_n(&stage, how, __ATOMIC_SEQ_CST);
	for (;;)
		vcpu_op(VCPUOP_down, running, NULL);
}

static void look(void)
{
	__asm__ volatile("pushf; pop %0" : "=r"(seen.flags));
	__asm__ volatile("cld; movw %%cs, %w0; movw %%ss, %w1" : "=r"(seen.cs), "=r"(seen.ss));
	__asm__ volatile("movw %%ds, %w0; movw %%es, %w1" : "=r"(seen.ds), "=r"(seen.es));
	__asm__ volatile("movw %%fs, %w0; movw %%gs, %w1" : "=r"(seen.fs), "=r"(seen.gs));
}

/* A 32-bit kernel cannot store a word with the segments that it may have been given. */
static void report(void)
{
#ifdef __i386__
	unsigned long ds, es;

	__asm__ volatile("movl %%ds, %0; movl %%es, %1; movl %2, %%ds; movl %2, %%es"
			 : "=&r"(ds), "=&r"(es) : "r"(KERNEL_DS) : "memory");
	look();
	seen.ds = ds;
	seen.es = es;
#else
	look();
#endif
	__asm__ volatile("stmxcsr %0" : "=m"(seen.mxcsr));
	stop(1);
}

/* Of the vcpu that is up, whatever it is: it has shown what becomes of its state. */
static bool trapped(struct trap_frame *f)
{
	if (vcpu_id() != STACK)
		return false;
	seen.vector = f->vector;
	if (f->vector == TRAP_EVENT) {
		/* The upcall came first; what it interrupted comes now. */
		vcpu_info()->evtchn_upcall_pending = 0;
		shared_info->vcpu_info[running].evtchn_upcall_pending = 0;
		__asm__ volatile("movw %%ds, %w0; movw %%es, %w1" : "=r"(seen.ds), "=r"(seen.es));
		__asm__ volatile("movw %%fs, %w0; movw %%gs, %w1" : "=r"(seen.fs), "=r"(seen.gs));
#ifndef __i386__
		stop(3);
#endif
		return true;
	}
	if (f->vector == 1 || f->vector == 7) {
		/* A single step or the first touch of the FPU: on. */
		f->rflags &= ~0x100UL;
		return true;
	}
	stop(2);
}

static void refused(struct vcpu_guest_context *c, const char *what, unsigned long value)
{
	if (vcpu_op(VCPUOP_initialise, 31, c) >= 0)
		fail("a vcpu state with %s %#lx was taken", what, value);
	check_refused(vcpu_op(VCPUOP_up, 31, NULL));
	check_eq(vcpu_op(VCPUOP_is_up, 31, NULL), 0);
}

static struct vcpu_guest_context *good(void)
{
	return vcpu_context(STACK, report);
}

static void refused_word(const char *what, size_t at, size_t size, unsigned long value)
{
	struct vcpu_guest_context *c = good();

	memcpy((char *)c + at, &value, size);
	refused(c, what, value);
}

/*
 * Bring a vcpu up with it: it has run, or said why it cannot. `event`: with an upcall pending. Then
 * what it saw is what a guest may see.
 */
static void run(struct vcpu_guest_context *c, const char *what, unsigned long value, bool event)
{
	uint64_t start = system_time();
	struct vcpu_info *vi;

	if (next == 31)
		fail("more states than vcpus");
	running = next++;
	vi = &shared_info->vcpu_info[running];
	memset(&seen, 0, sizeof(seen));
	stage = 0;
	if (vcpu_op(VCPUOP_initialise, running, c) != 0)
		fail("a vcpu state with %s %#lx was refused", what, value);
	vi->evtchn_upcall_mask = !event;
	vi->evtchn_upcall_pending = event;
	check_eq(vcpu_op(VCPUOP_up, running, NULL), 0);
	while (!stage) {
		yield();
		if (system_time() - start > 30000000000UL)
			fail("%s %#lx: the vcpu has not been heard of for 30 s", what, value);
	}
	/* Off its CPU before the next one uses its stack. */
	for (;;) {
		struct vcpu_runstate_info info;

		check_eq(vcpu_op(VCPUOP_get_runstate_info, running, &info), 0);
		if (info.state == RUNSTATE_offline)
			break;
		yield();
	}
	/* None of the hypervisor's own segments, whoever looked: 0xe008 and 0xe010. */
	for (unsigned i = 0; i < 4; i++) {
		unsigned long sel = (&seen.ds)[i] & 0xfff8;

		if (sel == 0xe008 || sel == 0xe010)
			fail("%s %#lx: a segment of the hypervisor's, %#lx", what, value, sel);
	}
	if (stage != 1)
		return;
	if ((seen.cs & 3) != KERNEL_RING || (seen.flags & 0x3000))
		fail("%s %#lx: cs %#lx, flags %#lx", what, value, seen.cs, seen.flags);
	if (seen.mxcsr & ~0x2ffffU)
		fail("%s %#lx: MXCSR %#x", what, value, seen.mxcsr);
}

static void run_word(const char *what, size_t at, size_t size, unsigned long value)
{
	struct vcpu_guest_context *c = good();

	memcpy((char *)c + at, &value, size);
	run(c, what, value, false);
}

static void test_roots(void)
{
	static const unsigned long no_frame[] = { 0, 1, 8, 0x18, 0x800, 0xfff };
	uint8_t *page = page_alloc();
	const uint64_t bad[] = { virt_to_mfn(page), virt_to_mfn(pte_of(page)), 1, NO_SUCH_MFN };
	struct vcpu_guest_context *c;

	for (unsigned i = 0; i < sizeof(no_frame) / sizeof(no_frame[0]); i++) {
		c = good();
		c->ctrlreg[3] = no_frame[i];
		refused(c, "a root of no frame", no_frame[i]);
		c = good();
		if (USER_ROOT_FIELD) {
			c->flags = 0;
			c->ctrlreg[1] = no_frame[i];
			refused(c, "user mode and a user root of no frame", no_frame[i]);
		}
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c = good();
		c->ctrlreg[3] = xen_pfn_to_cr3(bad[i]);
		refused(c, "a root", bad[i]);
		c = good();
		if (USER_ROOT_FIELD) {
			c->ctrlreg[1] = xen_pfn_to_cr3(bad[i]);
			refused(c, "a user root", bad[i]);
		}
		c = good();
		c->gdt_ents = 512;
		c->gdt_frames[0] = bad[i];
		refused(c, "a GDT", bad[i]);
	}
}

static void test_words(void)
{
	static const unsigned long counts[] = { 8193, 0x10000, 0x80000000UL, ~0UL };
	static const unsigned long lists[] = { 0x1c01, 0x2000, 0x80000000UL, ~0UL };
	static const unsigned long bases[] = { 0, 8, ~0xfffUL };
	static const unsigned long ports[] = { 0x20001, 0x200004, 0xe0000080 };

	for (unsigned i = 0; i < 4; i++) {
		refused_word("LDT entries", OFFSET(ldt_ents), counts[i]);
		refused_word("GDT entries", OFFSET(gdt_ents), lists[i]);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct vcpu_guest_context *c = good();

		c->ldt_ents = 1;
		c->ldt_base = bases[i];
		refused(c, "an LDT at", bases[i]);
		c = good();
		c->ldt_ents = 1;
		c->ldt_base = (uintptr_t)&stacks[0];
		refused(c, "a writable LDT", 0);
		refused_word("a breakpoint on ports", OFFSET(debugreg[7]), ports[i]);
	}
#ifndef __i386__
	static const unsigned long addresses[] = {
		0x800000000000, 0xffff7fffffffffff, 0xffff800000000000, 0xffff87ffffffffff,
		0xffff830000000000, 0xffff82d080000000, 0x8000000000000000, 0x4000000000000000,
	};
	static const unsigned long no_base[] = { 0x800000000000, 0xffff7fffffffffff,
						 0x8000000000000000 };

	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		refused_word("rip", OFFSET(user_regs.rip), addresses[i]);
		refused_word("event callback", OFFSET(event_callback_eip), addresses[i]);
		refused_word("failsafe callback", OFFSET(failsafe_callback_eip), addresses[i]);
		refused_word("system-call entry", OFFSET(syscall_callback_eip), addresses[i]);
		refused_word("handler", OFFSET(trap_ctxt[0].address), addresses[i]);
		refused_word("handler", OFFSET(trap_ctxt[255].address), addresses[i]);
		for (unsigned dr = 0; dr < 4; dr++)
			refused_word("breakpoint",
				     offsetof(struct vcpu_guest_context, debugreg) + 8 * dr, 8,
				     addresses[i]);
	}
	for (unsigned i = 0; i < sizeof(no_base) / sizeof(no_base[0]); i++) {
		refused_word("FS base", OFFSET(fs_base), no_base[i]);
		refused_word("GS base", OFFSET(gs_base_kernel), no_base[i]);
		refused_word("user GS base", OFFSET(gs_base_user), no_base[i]);
	}
	refused_word("DR7", OFFSET(debugreg[7]), 1UL << 32);
#endif
}

static void test_taken(void)
{
	static const unsigned short selectors[] = { 0xe008, 0xe010, 0xe040, 7, 0xffff };
	struct vcpu_guest_context *c;

	run(good(), "nothing odd", 0, false);
	check_eq(stage, 1);
	for (unsigned i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		run_word("cs", OFFSET(user_regs.cs), selectors[i]);
		check(stage == 2 && (seen.vector == TRAP_FAILSAFE || KERNEL_RING == 1));
		if (KERNEL_RING == 3) /* in ring 1 there is no other stack to say it on */
			run_word("ss", OFFSET(user_regs.ss), selectors[i]);
		c = good();
		c->user_regs.ds = c->user_regs.es = selectors[i];
		c->user_regs.fs = c->user_regs.gs = selectors[i];
		run(c, "data segments", selectors[i], i & 1);
	}
	c = good();
	c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs = 0xe010;
	run(c, "segments of ring 0 and an event", 0xe010, true);
	c = good();
	c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs = 0xe008;
	run(c, "code of ring 0 as data and an event", 0xe008, true);
	run_word("flags", OFFSET(FLAGS), ~0UL);
	run_word("flags", OFFSET(FLAGS), 0x7000);  /* NT, IOPL */
	run_word("flags", OFFSET(FLAGS), 0x20002); /* VM, no IF */
	check_eq(stage, 1);

	/* All that is only copied, all ones at once: FPU, control registers, debug status. */
	c = good();
	memset(&c->fpu_ctxt, 0xff, sizeof(c->fpu_ctxt));
	c->flags |= VGCF_i387_valid;
	memset(c->ctrlreg, 0xff, 3 * sizeof(c->ctrlreg[0]));
	c->ctrlreg[1] = 0;
	memset(&c->ctrlreg[4], 0xff, 4 * sizeof(c->ctrlreg[0]));
	memset(&c->debugreg[4], 0xff, 3 * sizeof(c->debugreg[0]));
	c->debugreg[7] = 0xf800; /* general detect and reserved bits */
	c->kernel_ss = ~0UL;
	c->kernel_sp = ~0UL;
	c->vm_assist = ~0UL;
	for (unsigned i = 0; i < 256; i++) {
		c->trap_ctxt[i].cs |= c->trap_ctxt[i].address ? 0 : 0xe008;
		c->trap_ctxt[i].flags = 0xff;
		c->trap_ctxt[i].vector = ~i;
	}
	run(c, "all ones", ~0UL, false);
	check_eq(stage, 1);
#ifndef __i386__
	/* User mode on the kernel's root, which may be both; its first system call is a trap. */
	c = good();
	c->flags = 0;
	c->ctrlreg[1] = c->ctrlreg[3] | 0xfff;
	run(c, "user mode", c->ctrlreg[1], false);
	check_eq(stage, 2);
	/* Bases in the hypervisor are addresses like any other. */
	c = good();
	c->fs_base = c->gs_base_kernel = c->gs_base_user = 0xffff830000000000;
	run(c, "bases", c->fs_base, false);
	check_eq(stage, 1);
#endif
}

void test_main(void)
{
	trap_hook = trapped;
	test_roots();
	test_words();
	test_taken();
	trap_hook = NULL;
	/* The vcpu that everything was refused for starts as any other. */
	stage = 0;
	running = 31;
	check_eq(vcpu_op(VCPUOP_initialise, 31, good()), 0);
	shared_info->vcpu_info[31].evtchn_upcall_mask = 1;
	check_eq(vcpu_op(VCPUOP_up, 31, NULL), 0);
	wait_until(stage);
	check_eq(stage, 1);
}
