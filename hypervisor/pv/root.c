// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The root layer: which top-level table a CPU runs on. Mapped mode: the guest's own, our slots
 * filled in when it was validated. Unmapped mode: the same while we run, and a copy of the guest's
 * slots beside the entry region while it runs.
 *
 * A 32-bit guest's root is an L3 of its own; its vCPUs run on an L4 of ours each, with that L3 in
 * slot 0 and our slots where they always are, out of reach of 32-bit segments.
 *
 * "The guest's own" is a shadow of it while what the domain writes is logged (pv/shadow.h).
 */
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "cpu/root_copies.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/paging.h"
#include "pv-abi/errno.h"
#include "pv/pv.h"
#include "pv/root.h"

bool root_slot_is_ours(unsigned slot)
{
	return slot >= HV_SLOT_FIRST && slot <= HV_SLOT_LAST;
}

void root_fill(u64 *l4)
{
	memcpy(&l4[HV_SLOT_FIRST], &idle_root()[HV_SLOT_FIRST],
	       (HV_SLOT_LAST - HV_SLOT_FIRST + 1) * sizeof(u64));
}

void root_fill_compat(u64 *l2)
{
	memcpy(&l2[COMPAT_L2_FIRST], compat_m2p_l2, sizeof(compat_m2p_l2));
	memset(&l2[COMPAT_L2_FIRST + COMPAT_M2P_L2S], 0,
	       (PT_ENTRIES - COMPAT_L2_FIRST - COMPAT_M2P_L2S) * sizeof(u64));
}

int root_create_compat(struct vcpu *v)
{
	u64 *l4;

	if (v->pv.root32)
		return 0;
	l4 = page_alloc(ALLOC_PAGING);
	if (!l4)
		return -ENOMEM;
	root_fill(l4);
	v->pv.root32 = l4;
	return 0;
}

void root_destroy_compat(struct vcpu *v)
{
	if (v->pv.root32)
		page_free(ALLOC_PAGING, v->pv.root32);
	v->pv.root32 = NULL;
}

void root_set_compat(struct vcpu *v)
{
	u64 e = 0;

	if (v->pv.cr3_kernel != INVALID_MFN)
		e = pte_make(v->pv.cr3_kernel, PTE_P | PTE_RW | PTE_US | PTE_A);
	WRITE_ONCE(v->pv.root32[0], e);
}

void root_load_mfn(mfn_t mfn)
{
	struct cpu *c = this_cpu();

	c->no_root = mfn >= max_mfn;
	/* What CR3 cannot hold would be a fault of ours; what is no memory, anything. */
	if (unlikely(c->no_root)) {
		mfn = idle_root_paddr() >> PAGE_SHIFT;
		/* On its way out the vCPU is asked for root_missing(). */
		softirq_raise(SOFTIRQ_SCHEDULE);
	}
	WRITE_ONCE(c->cr3_mfn, mfn);
	if (c->unmapped)
		c->entry_info->hv_cr3 = mfn << PAGE_SHIFT;
	write_cr3(mfn << PAGE_SHIFT);
}

void root_load_idle(void)
{
	root_copies_forget();
	root_load_mfn(idle_root_paddr() >> PAGE_SHIFT);
	tlb_flush_local(0);
}

void root_load(struct vcpu *v)
{
	root_copies_forget();
	if (v->pv.root32) {
		mfn_t mfn = va_to_mfn(v->pv.root32);
		bool same = this_cpu()->cr3_mfn == mfn;

		root_load_mfn(mfn);
		/* Nothing of such a guest is global: loading CR3 was enough. */
		if (same)
			return;
		if (cpu_features.pge)
			tlb_flush_local(0);
		return;
	}
	/* From user mode entry/fast.S goes to the kernel's root without a look: both or none. */
	root_load_mfn(v->pv.kernel_mode || v->domain->ring1 || v->pv.cr3_kernel >= max_mfn ?
		      v->pv.cr3_kernel : v->pv.cr3_user);
	/* User pages are global, so that they survive the change of mode; another address space
	 * must not see them. */
	if (cpu_features.pge)
		tlb_flush_local(0);
}

mfn_t root_copy_of_loaded(void)
{
	struct cpu *c = this_cpu();
	struct root_copy *r = &c->root_copies[c->ring1 ? 2 : current->pv.kernel_mode];
	const u64 *guest;
	u64 *copy;

	/* Of the kind that this CPU's guest is. */
	ASSERT(c->unmapped && r->mfn);
	/* exit_unmapped (entry/entry.S) asks the same: who changes this changes that. */
	if (likely(r->of == c->cr3_mfn))
		return r->mfn;
	r->of = c->cr3_mfn;
	/* First the claim, then the entries: a flush that comes in between is for the next exit. */
	barrier();
	guest = mfn_to_va(c->cr3_mfn);
	copy = mfn_to_va(r->mfn);
	memcpy(copy, guest, HV_SLOT_FIRST * sizeof(u64));
	memcpy(copy + HV_SLOT_LAST + 1, guest + HV_SLOT_LAST + 1,
	       (511 - HV_SLOT_LAST) * sizeof(u64));
	return r->mfn;
}
