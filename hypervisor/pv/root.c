// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The root layer: which top-level table a CPU runs on. Mapped mode: the guest's own, our slots
 * filled in when it was validated. Unmapped mode: the same while we run, and a copy of the guest's
 * slots beside the entry region while it runs.
 */
#include "cpu/cpu.h"
#include "cpu/entry.h"
#include "cpu/entry_area.h"
#include "cpu/msr.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "memory/layout.h"
#include "memory/paging.h"
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

void root_load_mfn(mfn_t mfn)
{
	struct cpu *c = this_cpu();

	WRITE_ONCE(c->cr3_mfn, mfn);
	if (unmapped_mode) {
		entry_info(c->id)->hv_cr3 = mfn << PAGE_SHIFT;
		c->root_stale = true;
	}
	write_cr3(mfn << PAGE_SHIFT);
}

void root_load_idle(void)
{
	root_load_mfn(idle_root_paddr() >> PAGE_SHIFT);
	tlb_flush_local(0);
}

void root_load(struct vcpu *v)
{
	root_load_mfn(v->pv.kernel_mode ? v->pv.guest_table : v->pv.guest_table_user);
	/* User pages are global, so that they survive the change of mode; another address space
	 * must not see them. */
	if (cpu_features.pge)
		tlb_flush_local(0);
}

void root_copy_refresh(void)
{
	struct cpu *c = this_cpu();
	const u64 *guest = mfn_to_va(c->cr3_mfn);
	u64 *copy = mfn_to_va(c->root_copy);

	c->root_stale = false;
	barrier();
	memcpy(copy, guest, HV_SLOT_FIRST * sizeof(u64));
	memcpy(copy + HV_SLOT_LAST + 1, guest + HV_SLOT_LAST + 1,
	       (511 - HV_SLOT_LAST) * sizeof(u64));
}
