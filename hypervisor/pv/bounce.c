// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/bounce.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/regs.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "lib/printk.h"
#include "pv/compat.h"
#include "pv/pv.h"
#include "pv/ring1.h"
#include "pv/root.h"
#include "pv/trap_handler.h"

void pv_toggle_mode(struct vcpu *v)
{
	u64 irq = local_irq_save();

	v->pv.kernel_mode = !v->pv.kernel_mode;
	/* KERNEL_GS_BASE always holds the base of the mode that is not running. */
	__asm__ volatile("swapgs" ::: "memory");
	root_load_mfn(v->pv.kernel_mode ? v->pv.cr3_kernel : v->pv.cr3_user);
	local_irq_restore(irq);
}

/* More than the largest frame. */
#define FRAME_ROOM 128

void pv_set_kernel_stack(struct pv_vcpu *pv, u64 ss, u64 sp)
{
	u64 aligned = sp & ~15ULL, low = aligned - FRAME_ROOM;

	pv->kernel_ss = (ss & 0xffff) | 3;
	pv->kernel_sp = sp;
	pv->short_way = false;
	pv->bounce_sp = low < aligned && guest_range_ok(low, FRAME_ROOM) ? aligned : 0;
}

static u16 read_seg(unsigned which)
{
	u16 v = 0;

	switch (which) {
	case 0:
		__asm__ volatile("movw %%ds, %0" : "=r"(v));
		break;
	case 1:
		__asm__ volatile("movw %%es, %0" : "=r"(v));
		break;
	case 2:
		__asm__ volatile("movw %%fs, %0" : "=r"(v));
		break;
	case 3:
		__asm__ volatile("movw %%gs, %0" : "=r"(v));
		break;
	}
	return v;
}

void pv_bounce_failed(const struct regs *r, u64 sp)
{
	domain_crash(current->domain,
		     "vcpu %u: kernel stack %#llx cannot take a bounce frame, rip %#llx\n",
		     current->id, (unsigned long long)sp, (unsigned long long)r->rip);
}

/*
 * Everything is assembled here first, so that a fault on the guest's stack leaves nothing half
 * done. entry/fast.S does the same for system calls and page faults.
 */
static void bounce(struct regs *r, u64 target, unsigned flags, u32 error_code)
{
	struct vcpu *v = current;
	struct pv_vcpu *pv = &v->pv;
	u8 mask = READ_ONCE(v->info->evtchn_upcall_mask) & 1;
	u64 frame[12], sp, cs = r->cs;
	unsigned n = 0;

	if (!target || !is_canonical(target) || (target >= HV_VIRT_START && target < HV_VIRT_END)) {
		domain_crash(v->domain, "vcpu %u has no handler for what happened at rip %#llx\n",
			     v->id, (unsigned long long)r->rip);
		return;
	}
	if (pv->kernel_mode) {
		sp = r->rsp;
		cs &= ~3ULL;
	} else {
		sp = pv->kernel_sp;
		pv_toggle_mode(v);
	}
	frame[n++] = r->rcx;
	frame[n++] = r->r11;
	if (flags & FRAME_SEGMENTS)
		for (unsigned i = 0; i < 4; i++)
			frame[n++] = read_seg(i);
	if (flags & FRAME_ERROR)
		frame[n++] = error_code;
	frame[n++] = r->rip;
	frame[n++] = (cs & 0xffff) | (u64)mask << 32;
	frame[n++] =
		(r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (mask ? 0 : RFLAGS_IF) |
		(v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl) ? (u64)pv->iopl << 12
									    : 0);
	frame[n++] = r->rsp;
	frame[n++] = r->ss;

	sp = (sp & ~15ULL) - n * sizeof(u64);
	if (copy_to_guest(sp, frame, n * sizeof(u64))) {
		pv_bounce_failed(r, sp);
		return;
	}
	if (flags & FRAME_MASK)
		v->info->evtchn_upcall_mask = 1;
	r->rsp = sp;
	r->rip = target;
	r->cs = FLAT_KERNEL_CS64;
	r->ss = FLAT_KERNEL_SS64;
	r->rflags = (r->rflags &
		     ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC | RFLAGS_IOPL)) |
		    RFLAGS_IF;
	/* The frame has rcx and r11: the quick way out may clobber them. */
	r->vector |= VEC_FAST_EXIT;
}

void pv_inject_trap(unsigned vector, u32 error_code)
{
	const struct trap_info *ti;
	unsigned flags;

	if (unlikely(current->pv.root32)) {
		compat_inject_trap(vector, error_code);
		return;
	}
	if (unlikely(current->domain->ring1)) {
		ring1_inject_trap(vector, error_code);
		return;
	}
	ti = trap_handler(vector, error_code, &flags);
	if (ti)
		bounce(guest_regs(), ti->address, flags, error_code);
}

void pv_inject_pf(vaddr_t cr2, u32 error_code)
{
	struct vcpu *v = current;

	v->pv.cr2 = cr2;
	vcpu_info_set_cr2(v, cr2);
	/* User mode of a guest without a split kernel: the U bit tells the guest what it would see
	 * on bare hardware. */
	if (v->pv.kernel_mode)
		error_code &= ~4U;
	pv_inject_trap(14, error_code);
}

void pv_bounce_syscall(struct regs *r)
{
	struct vcpu *v = current;

	bounce(r, v->pv.syscall_callback, v->pv.syscall_masks ? FRAME_MASK : 0, 0);
}

void pv_bounce_event(struct regs *r)
{
	if (unlikely(current->pv.root32))
		compat_bounce_event(r);
	else if (unlikely(current->domain->ring1))
		ring1_bounce_event(r);
	else
		bounce(r, current->pv.event_callback, FRAME_MASK, 0);
}

void pv_bounce_bad_frame(struct regs *r, u32 error_code)
{
	if (unlikely(current->pv.root32))
		compat_bounce_bad_frame(r, error_code);
	else if (unlikely(current->domain->ring1))
		ring1_bounce_bad_frame(r, error_code);
	else if (!current->pv.failsafe_callback)
		pv_inject_trap(13, error_code);
	else
		bounce(r, current->pv.failsafe_callback,
		       FRAME_SEGMENTS | (current->pv.failsafe_masks ? FRAME_MASK : 0), 0);
}

void pv_bounce_nmi(struct regs *r)
{
	if (unlikely(current->pv.root32)) {
		compat_bounce_nmi(r);
		return;
	}
	if (unlikely(current->domain->ring1)) {
		ring1_bounce_nmi(r);
		return;
	}
	bounce(r,
	       current->pv.nmi_callback ? current->pv.nmi_callback : current->pv.traps[2].address,
	       FRAME_MASK, 0);
}

void pv_bounce_callback(struct regs *r, u16 cs, u64 target, bool mask_events)
{
	if (unlikely(current->pv.root32))
		compat_bounce_callback(r, cs, (u32)target, mask_events);
	else if (unlikely(current->domain->ring1))
		ring1_bounce_callback(r, target, mask_events);
	else
		bounce(r, target, mask_events ? FRAME_MASK : 0, 0);
}

/*
 * The iret hypercall: struct iret_context on the kernel's stack. CS with RPL 3 means user mode,
 * anything else is forced to the kernel's own ring 3. entry/fast.S does the same in the usual
 * cases.
 */
s64 do_iret(void)
{
	struct vcpu *v = current;
	struct regs *r = guest_regs();
	struct iret_context c;

	if (unlikely(v->domain->ring1))
		return ring1_iret();
	if (copy_from_guest(&c, r->rsp, sizeof(c))) {
		domain_crash(v->domain, "vcpu %u: iret with an unreadable stack %#llx\n", v->id,
			     (unsigned long long)r->rsp);
		return 0;
	}
	if ((c.cs & 3) == 3) {
		if (v->pv.guest_table_user == INVALID_MFN) {
			domain_crash(v->domain,
				     "vcpu %u: iret to user mode without a user page table\n",
				     v->id);
			return 0;
		}
		if (v->pv.kernel_mode)
			pv_toggle_mode(v);
	}
	if (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
		v->pv.iopl = (c.rflags >> 12) & 3;
	r->rip = c.rip;
	r->cs = (c.cs & 0xffff) | 3;
	r->rflags = (c.rflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | BIT(1);
	r->rsp = c.rsp;
	r->ss = (c.ss & 0xffff) | 3;
	if (c.flags & VGCF_in_syscall && r->cs == FLAT_USER_CS64 && r->ss == FLAT_USER_SS64) {
		r->vector |= VEC_FAST_EXIT;
		/* As SYSRET leaves them, also if an event comes first: user space is not to see its
		 * kernel's. */
		r->rcx = r->rip;
		r->r11 = r->rflags;
	} else {
		r->vector &= ~VEC_FAST_EXIT;
		r->r11 = c.r11;
		r->rcx = c.rcx;
	}
	v->nmi_masked = false;
	v->info->evtchn_upcall_mask = !(c.rflags & RFLAGS_IF);
	return c.rax;
}
