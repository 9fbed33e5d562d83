// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU's state as a whole, in the ABI's form: VCPUOP_initialise, the control domain's get and
 * set, the domain builder. What is only copied is checked first, then what has references is taken,
 * then the rest is written and cannot fail.
 */
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/regs.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "lib/string.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv/callback.h"
#include "pv/compat.h"
#include "pv/cpu_ops.h"
#include "pv/descriptor_page.h"
#include "pv/mmu.h"
#include "pv/pv.h"
#include "pv/ring1.h"

#define CR0_TS_BIT BIT(3)
#define NR_VECTORS 256
#define SELECTOR_LDT 4
#define VECTOR_NMI 2

/* What a guest may have in RFLAGS; IF is always set, IOPL is virtual (SDM vol. 1, 3.4.3). */
#define RFLAGS_GUEST (0x0cd5ULL | RFLAGS_TF | RFLAGS_RF | RFLAGS_AC | BIT(21))

#define VM_ASSIST_VALID                                                                \
	(BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |        \
	 BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_pae_extended_cr3) |    \
	 BIT(VMASST_TYPE_architectural_iopl) | BIT(VMASST_TYPE_runstate_update_flag) | \
	 BIT(VMASST_TYPE_m2p_strict))

/* All that can be judged without looking at memory. */
static int check(const struct vcpu *v, const struct vcpu_guest_context *c)
{
	if (!guest_entry_ok(c->event_callback_eip) || !guest_entry_ok(c->failsafe_callback_eip) ||
	    !guest_entry_ok(c->syscall_callback_eip) || !guest_entry_ok(c->user_regs.rip))
		return -EINVAL;
	if (!is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) ||
	    !is_canonical(c->gs_base_user))
		return -EINVAL;
	for (unsigned i = 0; i < NR_VECTORS; i++)
		if (!guest_entry_ok(c->trap_ctxt[i].address))
			return -EINVAL;
	if (c->gdt_ents > FIRST_RESERVED_GDT_ENTRY || c->ldt_ents > 8192)
		return -EINVAL;
	/*
	 * A process needs a root of its own, or one that is both. What counts is the frame that
	 * take_tables() will see: a register of flags alone names none.
	 */
	if (!(c->flags & VGCF_in_kernel) && !xen_cr3_to_pfn(c->ctrlreg[1]) &&
	    !v->domain->is_32bit && !v->domain->ring1)
		return -EINVAL;
	if (v->domain->ring1 && (!guest_entry_ok(c->ctrlreg[5]) || !guest_entry_ok(c->ctrlreg[6])))
		return -EINVAL;
	if (!v->id && (c->vm_assist & ~VM_ASSIST_VALID))
		return -EINVAL;
	return 0;
}

/* For a vCPU that has roots and tables already: they are not replaced behind its back. */
static bool same_tables(const struct vcpu *v, const struct vcpu_guest_context *c)
{
	const struct pv_vcpu *pv = &v->pv;
	mfn_t user = pv->guest_table_user == INVALID_MFN ? 0 : pv->guest_table_user;

	return xen_cr3_to_pfn(c->ctrlreg[3]) == pv->guest_table &&
	       xen_cr3_to_pfn(c->ctrlreg[1]) == user && c->gdt_ents == pv->gdt_entries &&
	       c->ldt_ents == pv->ldt_entries && (!c->ldt_ents || c->ldt_base == pv->ldt_base) &&
	       !memcmp(c->gdt_frames, pv->gdt_frames,
		       DIV_ROUND_UP(c->gdt_ents, 512) * sizeof(c->gdt_frames[0]));
}

static int take_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int ret = pv_new_guest_cr3(v, xen_cr3_to_pfn(c->ctrlreg[3]));

	if (!ret)
		ret = pv_new_user_cr3(v, xen_cr3_to_pfn(c->ctrlreg[1]));
	if (!ret)
		ret = pv_set_gdt(v, c->gdt_frames, (unsigned)c->gdt_ents);
	if (!ret)
		ret = pv_set_ldt(v, c->ldt_base, (unsigned)c->ldt_ents);
	return ret;
}

/*
 * Undo take_tables() for a vCPU that had nothing before. -ERESTART leaves the roots to the next
 * attempt.
 */
static int drop_tables(struct vcpu *v)
{
	(void)pv_set_ldt(v, 0, 0);
	(void)pv_set_gdt(v, NULL, 0);
	return pv_drop_guest_tables(v);
}

/*
 * A selector that will be loaded in ring 0, where of the hypervisor's own descriptors only RPL can
 * say that they are not for a guest. As the guest's ring it makes the CPU refuse them, and the
 * segment is null (pv_cpu_restore()). IRET would take them away on the way out, but an event that
 * is pending already makes it SYSRET, which does not.
 */
static u16 data_selector(const struct vcpu *v, u16 sel)
{
	if ((sel & SELECTOR_LDT) || sel >> 3 < FIRST_RESERVED_GDT_ENTRY)
		return sel;
	return v->domain->is_32bit || v->domain->ring1 ? compat_selector(sel) : sel | 3;
}

static void write_regs(struct vcpu *v, const struct vcpu_guest_context *c)
{
	const struct cpu_user_regs *u = &c->user_regs;

	v->regs = (struct regs){
		.r15 = u->r15, .r14 = u->r14, .r13 = u->r13, .r12 = u->r12, .rbp = u->rbp,
		.rbx = u->rbx, .r11 = u->r11, .r10 = u->r10, .r9 = u->r9, .r8 = u->r8,
		.rax = u->rax, .rcx = u->rcx, .rdx = u->rdx, .rsi = u->rsi, .rdi = u->rdi,
		.rip = u->rip, .rsp = u->rsp, .cs = u->cs | 3U, .ss = u->ss | 3U,
		.rflags = (u->rflags & RFLAGS_GUEST) | RFLAGS_IF | 2,
	};
	v->pv.ds = data_selector(v, u->ds);
	v->pv.es = data_selector(v, u->es);
	v->pv.fs = data_selector(v, u->fs);
	v->pv.gs = data_selector(v, u->gs);
	v->pv.iopl = (u->rflags & RFLAGS_IOPL) >> 12;
}

/* What selectors make of it in a 32-bit guest. */
static void write_compat(struct vcpu *v, const struct vcpu_guest_context *c,
			 const struct compat_callback_selectors *sel)
{
	struct pv_vcpu *pv = &v->pv;

	v->regs.cs = compat_selector(c->user_regs.cs);
	v->regs.ss = compat_selector(c->user_regs.ss);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		pv->traps[i].cs = compat_selector(c->trap_ctxt[i].cs);
	pv->kernel_ss = compat_selector((u16)c->kernel_ss);
	/* Another one's segments are not at hand: the quick way has to wait for a stack_switch. */
	if (pv->kernel_ss == FLAT_COMPAT_KERNEL_SS)
		compat_set_kernel_stack(pv, (u16)pv->kernel_ss, (u32)c->kernel_sp, 0);
	else
		pv->bounce_sp = 0;
	pv->event_cs = compat_selector(sel->event);
	pv->failsafe_cs = compat_selector(sel->failsafe);
	pv->kernel_mode = (v->regs.cs & 3) == 1;
}

/* What is different in a 64-bit guest whose kernel runs in ring 1 (pv-abi/ring1.h). */
static void write_ring1(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct pv_vcpu *pv = &v->pv;

	pv->kernel_mode = (c->user_regs.cs & 3) != 3;
	v->regs.cs = compat_selector(c->user_regs.cs);
	v->regs.ss = compat_selector(c->user_regs.ss);
	pv->return_start = c->ctrlreg[5];
	pv->return_end = c->ctrlreg[6];
	pv->gs_base_now = pv->kernel_mode && !ring1_returning(v, v->regs.rip) ? pv->gs_base_kernel :
			  pv->gs_base_user;
	pv->cr4 |= pv_guest_cr4(v, CR4_FSGSBASE);
}

static void write_rest(struct vcpu *v, const struct vcpu_guest_context *c,
		       const struct compat_callback_selectors *sel)
{
	struct pv_vcpu *pv = &v->pv;

	write_regs(v, c);
	for (unsigned i = 0; i < NR_VECTORS; i++) {
		const struct trap_info *t = &c->trap_ctxt[i];

		/* Where vcpu_get_context() puts the NMI's callback: the handler is what it was. */
		if (i == VECTOR_NMI && pv->nmi_callback && t->address == pv->nmi_callback)
			continue;
		pv->traps[i] = (struct trap_info){
			.vector = (u8)i, .flags = t->flags, .cs = t->cs | 3, .address = t->address,
		};
	}
	pv->kernel_mode = c->flags & VGCF_in_kernel;
	pv->failsafe_masks = c->flags & VGCF_failsafe_disables_events;
	pv->syscall_masks = c->flags & VGCF_syscall_disables_events;
	pv->event_callback = c->event_callback_eip;
	pv->failsafe_callback = c->failsafe_callback_eip;
	pv->syscall_callback = c->syscall_callback_eip;
	pv_set_kernel_stack(pv, c->kernel_ss, c->kernel_sp);
	pv->ts = c->ctrlreg[0] & CR0_TS_BIT;
	pv->cr4 = (pv->cr4 & ~CR4_FSGSBASE) | pv_guest_cr4(v, c->ctrlreg[4] & CR4_FSGSBASE);
	pv->fs_base = c->fs_base;
	pv->gs_base_kernel = c->gs_base_kernel;
	pv->gs_base_user = c->gs_base_user;
	if (v->domain->is_32bit)
		write_compat(v, c, sel);
	else if (v->domain->ring1)
		write_ring1(v, c);
	if (c->flags & VGCF_i387_valid)
		fpu_import(v, c->fpu_ctxt.x);
	if (!v->id && !v->initialised) {
		struct vcpu *other;

		atomic_set(&v->domain->vm_assist,
			   c->vm_assist | (atomic_read(&v->domain->vm_assist) & VM_ASSIST_OURS));
		/* As vm_assist() does: they look again when they have been here next. */
		for_each_vcpu(v->domain, other)
			WRITE_ONCE(other->pv.short_way, false);
	}
}

/* Debug registers are judged one by one: all, or those of before. */
static int write_debugregs(struct vcpu *v, const u64 *dr)
{
	u64 old[8];
	int ret = 0;

	memcpy(old, v->pv.dr, sizeof(old));
	for (unsigned i = 0; !ret && i < 8; i++)
		if (i < 4 || i > 5)
			ret = pv_set_debugreg(v, i, dr[i]);
	if (ret)
		memcpy(v->pv.dr, old, sizeof(old));
	return ret ? -EINVAL : 0;
}

/* One at a time: two vCPUs may try to initialise a third. */
static bool context_claim(struct vcpu *v)
{
	bool mine;

	spin_lock(&v->domain->lock);
	mine = !v->context_busy && !v->domain->dying;
	if (mine)
		v->context_busy = true;
	spin_unlock(&v->domain->lock);
	return mine;
}

static void context_unclaim(struct vcpu *v, bool done)
{
	spin_lock(&v->domain->lock);
	v->context_busy = false;
	if (done)
		v->initialised = true;
	spin_unlock(&v->domain->lock);
}

int vcpu_set_context_compat(struct vcpu *v, const struct vcpu_guest_context *c,
			    const struct compat_callback_selectors *sel)
{
	int ret = check(v, c);

	if (ret)
		return ret;
	if (v == current)
		return -EINVAL;
	if (!context_claim(v))
		return v->domain->dying ? -EINVAL : -EBUSY;
	/*
	 * A guest's own vCPU may have been initialised and started since its caller looked: it is
	 * not paused and may run.
	 */
	if (v->initialised && v->domain == current->domain)
		ret = -EEXIST;
	else if (v->initialised)
		ret = same_tables(v, c) ? 0 : -EOPNOTSUPP;
	else
		ret = take_tables(v, c);
	if (!ret)
		ret = write_debugregs(v, c->debugreg);
	if (!ret)
		write_rest(v, c, sel);
	else if (!v->initialised && ret != -ERESTART)
		(void)drop_tables(v);
	context_unclaim(v, !ret);
	if (ret)
		return ret;

	if (c->flags & VGCF_online) {
		atomic_and(&v->pause_flags, ~VPF_DOWN);
		vcpu_wake(v);
	} else {
		atomic_or(&v->pause_flags, VPF_DOWN);
		vcpu_sleep_nosync(v);
	}
	return 0;
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	const struct compat_callback_selectors flat = { FLAT_COMPAT_KERNEL_CS,
							FLAT_COMPAT_KERNEL_CS };

	return vcpu_set_context_compat(v, c, &flat);
}

void vcpu_get_context_compat(struct vcpu *v, struct vcpu_guest_context *c,
			     struct compat_callback_selectors *sel)
{
	vcpu_get_context(v, c);
	sel->event = v->pv.event_cs;
	sel->failsafe = v->pv.failsafe_cs;
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct pv_vcpu *pv = &v->pv;
	const struct regs *r = &v->regs;

	memset(c, 0, sizeof(*c));
	fpu_export(v, c->fpu_ctxt.x);
	c->flags = VGCF_i387_valid;
	if (pv->kernel_mode)
		c->flags |= VGCF_in_kernel;
	if (pv->failsafe_masks)
		c->flags |= VGCF_failsafe_disables_events;
	if (pv->syscall_masks)
		c->flags |= VGCF_syscall_disables_events;
	if (!(atomic_read(&v->pause_flags) & VPF_DOWN))
		c->flags |= VGCF_online;
	c->user_regs = (struct cpu_user_regs){
		.r15 = r->r15, .r14 = r->r14, .r13 = r->r13, .r12 = r->r12, .rbp = r->rbp,
		.rbx = r->rbx, .r11 = r->r11, .r10 = r->r10, .r9 = r->r9, .r8 = r->r8,
		.rax = r->rax, .rcx = r->rcx, .rdx = r->rdx, .rsi = r->rsi, .rdi = r->rdi,
		.rip = r->rip, .rsp = r->rsp, .cs = (u16)r->cs, .ss = (u16)r->ss, .ds = pv->ds,
		.es = pv->es, .fs = pv->fs, .gs = pv->gs,
		.rflags = (r->rflags & ~RFLAGS_IOPL) | (u64)pv->iopl << 12,
	};
	memcpy(c->trap_ctxt, pv->traps, sizeof(c->trap_ctxt));
	/* To the ABI the NMI's callback is the handler of its vector: it has no other place. */
	if (pv->nmi_callback) {
		c->trap_ctxt[VECTOR_NMI].address = pv->nmi_callback;
		if (v->domain->is_32bit)
			c->trap_ctxt[VECTOR_NMI].cs = pv->nmi_cs;
	}
	c->ldt_base = pv->ldt_base;
	c->ldt_ents = pv->ldt_entries;
	memcpy(c->gdt_frames, pv->gdt_frames,
	       DIV_ROUND_UP(pv->gdt_entries, 512) * sizeof(c->gdt_frames[0]));
	c->gdt_ents = pv->gdt_entries;
	c->kernel_ss = pv->kernel_ss;
	c->kernel_sp = pv->kernel_sp;
	c->ctrlreg[0] = pv->cr0 | (pv->ts ? CR0_TS_BIT : 0);
	c->ctrlreg[4] = pv->cr4;
	if (pv->guest_table != INVALID_MFN)
		c->ctrlreg[3] = xen_pfn_to_cr3(pv->guest_table);
	if (pv->guest_table_user != INVALID_MFN)
		c->ctrlreg[1] = xen_pfn_to_cr3(pv->guest_table_user);
	memcpy(c->debugreg, pv->dr, sizeof(c->debugreg));
	c->debugreg[4] = c->debugreg[5] = 0;
	c->event_callback_eip = pv->event_callback;
	c->failsafe_callback_eip = pv->failsafe_callback;
	c->syscall_callback_eip = pv->syscall_callback;
	c->vm_assist = atomic_read(&v->domain->vm_assist) & ~VM_ASSIST_OURS;
	c->fs_base = pv->fs_base;
	c->gs_base_kernel = pv->gs_base_kernel;
	c->gs_base_user = pv->gs_base_user;
	if (v->domain->ring1) {
		c->gs_base_user = pv->gs_base_now;
		c->ctrlreg[5] = pv->return_start;
		c->ctrlreg[6] = pv->return_end;
	}
}

void vcpu_get_ext_context(const struct vcpu *v, struct xen_domctl_ext_vcpucontext *c)
{
	const struct pv_vcpu *pv = &v->pv;

	*c = (struct xen_domctl_ext_vcpucontext){
		.vcpu = v->id,
		.size = sizeof(*c),
		.syscall32_callback_eip = pv->syscall32_callback,
		.sysenter_callback_eip = pv->sysenter_callback,
		.syscall32_callback_cs = pv->syscall32_cs,
		.sysenter_callback_cs = pv->sysenter_cs,
		.syscall32_disables_events = pv->syscall32_masks,
		.sysenter_disables_events = pv->sysenter_masks,
	};
}

int vcpu_set_ext_context(struct vcpu *v, const struct xen_domctl_ext_vcpucontext *c)
{
	struct pv_vcpu *pv = &v->pv;

	if (!guest_entry_ok(c->syscall32_callback_eip) || !guest_entry_ok(c->sysenter_callback_eip))
		return -EINVAL;
	pv->syscall32_callback = c->syscall32_callback_eip;
	pv->sysenter_callback = c->sysenter_callback_eip;
	/* A 64-bit kernel is entered by its flat segment. */
	if (v->domain->is_32bit) {
		pv->syscall32_cs = compat_selector(c->syscall32_callback_cs);
		pv->sysenter_cs = compat_selector(c->sysenter_callback_cs);
	}
	pv->syscall32_masks = c->syscall32_disables_events;
	pv->sysenter_masks = c->sysenter_disables_events;
	return 0;
}

int vcpu_reset(struct vcpu *v)
{
	int ret;

	atomic_or(&v->pause_flags, VPF_DOWN);
	vcpu_sleep_sync(v);
	/* First of all: while the tables go, in several steps, another vCPU could bring it up. */
	spin_lock(&v->domain->lock);
	v->initialised = false;
	spin_unlock(&v->domain->lock);
	ret = drop_tables(v);
	if (!ret)
		ret = pv_finish_old_table(v);
	if (ret)
		return ret;
	memset(v->pv.traps, 0, sizeof(v->pv.traps));
	v->pv.event_callback = v->pv.failsafe_callback = v->pv.syscall_callback = 0;
	v->pv.syscall32_callback = v->pv.sysenter_callback = v->pv.nmi_callback = 0;
	v->pv.return_start = v->pv.return_end = 0;
	v->pv.kernel_mode = true;
	v->nmi_pending = false;
	return 0;
}
