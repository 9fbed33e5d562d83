// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entering a 64-bit guest's kernel that runs in ring 1, and its iret hypercall: pv-abi/ring1.h says
 * what they look like. Nothing here changes the root: kernel and processes share one. GS has the
 * kernel's base in ring 1 and the process's in ring 3, and is changed on the way from one to the
 * other; KERNEL_GS_BASE is of no use to anybody.
 */
#include "pv/ring1.h"
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/mitigation.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "lib/printk.h"
#include "pv-abi/errno.h"
#include "pv-abi/ring1.h"
#include "pv/compat.h"
#include "pv/pv.h"
#include "pv/trap_handler.h"

#define RING(cs) ((cs) & 3)

int domain_set_ring1(struct domain *d)
{
	struct vcpu *v;
	int ret = 0;

	if (d->ring1)
		return 0;
	if (!ring1_64bit_allowed())
		return -EOPNOTSUPP;
	for_each_vcpu(d, v)
		if (v->initialised)
			return -EBUSY;
	/* Who gives it memory at the same time, or makes it a 32-bit one, comes before or after. */
	spin_lock(&d->page_lock);
	if (d->tot_pages || d->is_32bit || d->log_dirty)
		ret = -EBUSY;
	else
		d->ring1 = true;
	spin_unlock(&d->page_lock);
	return ret;
}

static bool is_handler(u64 target)
{
	return target && is_canonical(target) &&
	       (target < HV_VIRT_START || target >= HV_VIRT_END);
}

static void bounce(struct regs *r, u64 target, unsigned flags, u32 error_code)
{
	struct vcpu *v = current;
	struct pv_vcpu *pv = &v->pv;
	u8 mask = READ_ONCE(v->info->evtchn_upcall_mask) & 1;
	bool outer = RING(r->cs) == 3, returning = !outer && ring1_returning(v, r->rip);
	u64 frame[8], sp;
	unsigned n = 0;

	if (!is_handler(target)) {
		domain_crash(v->domain, "vcpu %u has no handler for what happened at rip %#llx\n",
			     v->id, (unsigned long long)r->rip);
		return;
	}
	if (flags & FRAME_ERROR)
		frame[n++] = error_code;
	frame[n++] = r->rip;
	frame[n++] = (r->cs & 0xffff) | (returning ? ANNULUS_FRAME_RETURNING : 0) |
		     (u64)mask << ANNULUS_FRAME_MASK_SHIFT;
	frame[n++] = (r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (mask ? 0 : RFLAGS_IF) |
		     (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl)
			      ? (u64)pv->iopl << 12 : 0);
	frame[n++] = r->rsp;
	frame[n++] = r->ss & 0xffff;
	if (outer) {
		frame[n++] = rdmsr(MSR_GS_BASE);
		frame[n++] = 0;
	}
	sp = ((outer ? pv->kernel_sp : r->rsp) & ~15ULL) - n * sizeof(u64);
	if (copy_to_guest(sp, frame, n * sizeof(u64))) {
		domain_crash(v->domain,
			     "vcpu %u: kernel stack %#llx cannot take a frame, rip %#llx\n", v->id,
			     (unsigned long long)sp, (unsigned long long)r->rip);
		return;
	}
	if (outer || returning)
		wrmsr(MSR_GS_BASE, pv->gs_base_kernel);
	if (flags & FRAME_MASK)
		v->info->evtchn_upcall_mask = 1;
	r->rsp = sp;
	r->rip = target;
	r->cs = ANNULUS_KERNEL_CS;
	r->ss = ANNULUS_KERNEL_SS;
	r->rflags = (r->rflags & ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC |
				   RFLAGS_IOPL)) | RFLAGS_IF;
	r->vector &= ~VEC_FAST_EXIT;
	pv->kernel_mode = true;
}

void ring1_inject_trap(unsigned vector, u32 error_code)
{
	unsigned flags;
	const struct trap_info *ti = trap_handler(vector, error_code, &flags);

	if (ti)
		bounce(guest_regs(), ti->address, flags, error_code);
}

void ring1_bounce_syscall(struct regs *r)
{
	/* As the instruction left it; the frame has what it was before. */
	bounce(r, current->pv.syscall_callback, current->pv.syscall_masks ? FRAME_MASK : 0, 0);
	r->rflags &= ~RFLAGS_DF;
}

void ring1_bounce_event(struct regs *r)
{
	bounce(r, current->pv.event_callback, FRAME_MASK, 0);
}

/* What cannot be entered by its handler either has nobody left to tell. */
void ring1_bounce_bad_frame(struct regs *r, u32 error_code)
{
	const struct pv_vcpu *pv = &current->pv;
	u64 entry = pv->failsafe_callback ? pv->failsafe_callback : pv->traps[13].address;

	if (entry && r->rip == entry && r->cs == ANNULUS_KERNEL_CS) {
		domain_crash(current->domain, "vcpu %u: its handler %#llx cannot be entered\n",
			     current->id, (unsigned long long)entry);
		return;
	}
	if (pv->failsafe_callback)
		bounce(r, entry, pv->failsafe_masks ? FRAME_MASK : 0, 0);
	else
		ring1_inject_trap(13, error_code);
}

void ring1_bounce_nmi(struct regs *r)
{
	const struct pv_vcpu *pv = &current->pv;

	/* Until it is done its ways out are C's: ring1_iret() has to see the end of it. */
	current->pv.short_way = false;
	bounce(r, pv->nmi_callback ? pv->nmi_callback : pv->traps[2].address, FRAME_MASK, 0);
}

void ring1_bounce_callback(struct regs *r, u64 target, bool mask_events)
{
	bounce(r, target, mask_events ? FRAME_MASK : 0, 0);
}

s64 ring1_iret(void)
{
	const unsigned inner = offsetof(struct annulus_iret_context, frame.gs_base);
	struct annulus_iret_context c = { 0 };
	struct vcpu *v = current;
	struct regs *r = guest_regs();
	bool outer = false;
	int err = copy_from_guest(&c, r->rsp, inner);

	if (!err) {
		outer = RING(c.frame.cs) == 3;
		if (outer)
			err = copy_from_guest(&c.frame.gs_base, r->rsp + inner,
					      sizeof(c.frame.gs_base));
	}
	if (err || !is_canonical(c.frame.gs_base)) {
		domain_crash(v->domain, "vcpu %u: iret with an unreadable frame at %#llx\n", v->id,
			     (unsigned long long)r->rsp);
		return 0;
	}
	if (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
		v->pv.iopl = (c.frame.rflags >> 12) & 3;
	r->rip = c.frame.rip;
	r->cs = compat_selector((u32)c.frame.cs & 0xffff);
	r->ss = outer ? c.frame.ss & 0xffff : compat_selector((u32)c.frame.ss & 0xffff);
	r->rflags = (c.frame.rflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | BIT(1);
	r->rsp = c.frame.rsp;
	r->vector &= ~VEC_FAST_EXIT;
	r->r11 = c.r11;
	r->rcx = c.rcx;
	if (outer && (c.flags & VGCF_in_syscall)) {
		r->rcx = r->rip;
		r->r11 = r->rflags;
	}
	if (outer)
		wrmsr(MSR_GS_BASE, c.frame.gs_base);
	v->pv.kernel_mode = !outer;
	if (v->nmi_masked)
		v->pv.short_way = false;
	v->nmi_masked = false;
	v->info->evtchn_upcall_mask = !(c.frame.rflags & RFLAGS_IF);
	return (s64)c.rax;
}

static u64 *info_slot(const struct cpu *c)
{
	u64 *view = c->area_view[VIEW_RING1];

	return view ? &view[EA_VCPU_INFO] : NULL;
}

void ring1_no_short_way(struct cpu *c)
{
	u64 *slot = info_slot(c);

	struct entry_info *info = c->entry_info;

	/* What says that it is a guest's view is never 0. */
	info->short_info = entry_area_page(c->id, EA_INFO) + EI_GUEST_VIEW;
	/* Whoever is here next can read the page. */
	info->short_frame = info->short_handler = info->short_gs = 0;
	info->short_masks = info->short_fsgsbase = info->short_pf_masks = 0;
	info->short_pf = info->short_stretch = info->short_stretch_end = 0;
	if (slot)
		*slot = 0;
}

void ring1_short_way(struct vcpu *v)
{
	struct pv_vcpu *pv = &v->pv;
	struct cpu *c = this_cpu();
	struct entry_info *info = c->entry_info;
	const struct vcpu_info *to, *spare = v->domain->spare_info;
	const struct trap_info *pf = &pv->traps[14];
	u64 *slot = info_slot(c);
	paddr_t at;

	/* First the claim: what changes from here on takes it back. */
	WRITE_ONCE(pv->short_way, true);
	smp_mb();
	/* Read once: another vCPU may be registering a place for it. */
	to = READ_ONCE(v->info);
	at = va_to_paddr(to);
	/* vcpu_info of those who have registered none may share its page with what is ours. */
	if ((to >= spare && to < spare + MAX_VCPUS) || !pv->bounce_sp ||
	    !is_handler(pv->syscall_callback) || v->nmi_masked ||
	    (atomic_read(&v->domain->vm_assist) & BIT(VMASST_TYPE_architectural_iopl))) {
		ring1_no_short_way(c);
		return;
	}
	/* The load of the view, which comes now, is the flush: nothing here is global. */
	*slot = pte_make(at >> PAGE_SHIFT, PTE_P | PTE_RW | PTE_A | PTE_D) |
		(cpu_features.nx ? PTE_NX : 0);
	info->short_frame = pv->bounce_sp - ANNULUS_USER_FRAME_SIZE;
	info->short_handler = pv->syscall_callback;
	info->short_gs = pv->gs_base_kernel;
	info->short_masks = pv->syscall_masks;
	info->short_fsgsbase = !!(c->cr4 & CR4_FSGSBASE);
	info->short_pf = is_handler(pf->address) ? pf->address : 0;
	info->short_pf_masks = !!TI_GET_IF(pf);
	info->short_stretch = pv->return_start;
	info->short_stretch_end = pv->return_end;
	info->short_info = entry_area_page(c->id, EA_VCPU_INFO) + at % PAGE_SIZE;
}
