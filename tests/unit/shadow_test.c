// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/grant_pte.c
// sources: hypervisor/pv/shadow.c hypervisor/memory/log_dirty.c hypervisor/control/shadow_op.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// The log of written pages and the shadows of tables: what a fault fills, what a change empties,
// what is marked, and that none of it can be missed.

#include "mmu_fixture.h"
#include "suite.h"
#include "control/control.h"
#include "memory/log_dirty.h"
#include "memory/m2p.h"
#include "pv/descriptor_page.h"
#include "pv/grant_pte.h"
#include "pv/shadow.h"
#include "pv-abi/domctl.h"
#include "pv-abi/grant_table.h"

#define PFNS 128

u8 unmapped_mode;
static struct space s;
static u64 map[PFNS / 64];
static mfn_t granted;

void grant_for_each_written(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg)
{
	if (d == guest && granted)
		fn(granted, arg);
}

/* What the hypercall answers the first time, -ERESTART too. */
static s64 ask_once(u32 what, void *buffer, u64 pages)
{
	static struct xen_domctl op;
	struct vcpu *v = sim_current;
	bool copyback;
	s64 r;

	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = what;
	op.u.shadow_op.dirty_bitmap = (u64)buffer;
	op.u.shadow_op.pages = pages;
	sim_current = dom0->vcpu[0];
	r = domctl_shadow_op(guest, &op, &copyback);
	sim_current = v;
	return r;
}

static s64 ask(u32 what, void *buffer, u64 pages)
{
	s64 r;

	do
		r = ask_once(what, buffer, pages);
	while (r == -ERESTART);
	return r;
}

static void switch_log(bool on)
{
	CU_ASSERT_EQUAL(ask(on ? XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY : XEN_DOMCTL_SHADOW_OP_OFF,
			    NULL, 0), 0);
	root_load(sim_current);
}

static void clean(void)
{
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_CLEAN, map, PFNS), 0);
}

static bool bit(pfn_t p)
{
	return map[p / 64] >> p % 64 & 1;
}

static bool marked(mfn_t m)
{
	return log_dirty_marked(guest, m);
}

/* What the CPU finds at `va` where it is: the leaf, or 0. */
static u64 seen(vaddr_t va)
{
	mfn_t table = sim_cpu->cr3_mfn;
	u64 e = 0;

	for (unsigned level = 4; level; level--) {
		e = table_of(table)[pt_slot(va, level)];
		if (!(e & PTE_P))
			return 0;
		table = pte_mfn(e);
	}
	return e;
}

static vaddr_t page(unsigned i)
{
	return SPACE_VA + i * PAGE_SIZE;
}

static u64 *entry(unsigned i)
{
	return &table_of(s.l1)[1 + i];
}

static bool fault(vaddr_t va, u32 ec)
{
	return shadow_fault(va, &ec, true);
}

static void name_frames(void)
{
	mfn_t all[] = { s.l4, s.l3, s.l2, s.l1 };

	for (unsigned i = 0; i < 4; i++)
		sim.pfn[all[i]] = i;
	for (unsigned i = 0; i < 8; i++)
		sim.pfn[s.data[i]] = 8 + i;
}

static void begin(void)
{
	fixture_begin();
	granted = 0;
	build_space(guest, &s, 8);
	name_frames();
	for (unsigned i = 0; i < 8; i++)
		*entry(i) = pte_make(s.data[i], PTE_P | PTE_RW);
	table_of(s.l4)[1] &= ~PTE_A;
	table_of(s.l2)[1] &= ~PTE_A;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	switch_log(true);
}

static void end(void)
{
	CU_ASSERT_EQUAL(audit(), 0);
	switch_log(false);
	log_dirty_destroy(guest);
	fixture_end();
}

TEST(test_ring1, "a 64-bit kernel in ring 1 is not logged")
{
	switch_log(false);
	guest->ring1 = true;
	CU_ASSERT_EQUAL(ask_once(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EOPNOTSUPP);
	CU_ASSERT_FALSE(guest->log_dirty);
	guest->ring1 = false;
	switch_log(true);
}

TEST(test_switch, "on and off")
{
	struct vcpu *v = guest->vcpu[0];

	CU_ASSERT_NOT_EQUAL(v->pv.cr3_kernel, s.l4);
	CU_ASSERT_EQUAL(v->pv.guest_table, s.l4);
	CU_ASSERT_TRUE(shadow_is_root(guest, v->pv.cr3_kernel));
	CU_ASSERT_EQUAL(table_of(v->pv.cr3_kernel)[HV_SLOT_FIRST], idle_l4[HV_SLOT_FIRST]);
	CU_ASSERT_TRUE(guest->vm_assist & VM_ASSIST_SHADOWED);
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EINVAL);
	switch_log(false);
	CU_ASSERT_EQUAL(v->pv.cr3_kernel, s.l4);
	CU_ASSERT_FALSE(guest->vm_assist & VM_ASSIST_SHADOWED);
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_CLEAN, map, PFNS), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_PEEK, map, PFNS), -EINVAL);
	switch_log(true);
	CU_ASSERT_FALSE(seen(page(0)));
	/* Whose devices write by themselves cannot be watched. */
	switch_log(false);
	for (unsigned i = 0; i < 3; i++) {
		struct range_set *r = i == 0 ? &guest->perms.iomem :
				      i == 1 ? &guest->perms.ports : &guest->perms.irqs;

		CU_ASSERT_EQUAL(range_set_add(r, 0x70, 0x70), 0);
		CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EINVAL);
		CU_ASSERT_EQUAL(range_set_remove(r, 0x70, 0x70), 0);
	}
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), 0);
}

TEST(test_half_free, "a pool of which a part is given back")
{
	struct log_dirty *ld = guest->log;

	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	sim.preempt_after = 3;
	CU_ASSERT_EQUAL(ask_once(XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), -ERESTART);
	sim.preempt_after = 0;
	root_load(sim_current);
	CU_ASSERT_TRUE(ld->pages && ld->pages < ld->nr);
	CU_ASSERT_FALSE(ld->free || ld->free_count || ld->limbo || ld->free_roots || ld->roots);
	for (u32 i = 0; i < ld->nr; i++)
		CU_ASSERT_FALSE(ld->buckets[i] || ld->shadows[i].next || ld->shadows[i].state);
	CU_ASSERT_EQUAL(audit(), 0);
	/* Nobody fills it again before the rest is gone, too. */
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EBUSY);
	CU_ASSERT_FALSE(guest->log_dirty);
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
	CU_ASSERT_EQUAL(ld->pages, 0);
	switch_log(true);
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	CU_ASSERT_EQUAL(pte_mfn(seen(page(0))), s.data[0]);
}

TEST(test_grown, "a domain that has more pages than when its log was made")
{
	struct log_dirty *ld = guest->log;
	u64 bits = ld->bits, *first = ld->bitmap[0];

	guest->shared_info->arch.max_pfn = bits + 1;
	/* Not while it is on: marks beyond would be lost. */
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EINVAL);
	CU_ASSERT_EQUAL(ld->bits, bits);
	switch_log(false);
	sim.preempt_after = 1;
	switch_log(true);
	sim.preempt_after = 0;
	CU_ASSERT_EQUAL(ld->bits, bits + LOG_DIRTY_PAGE_BITS);
	/* Who marks has no reference. */
	CU_ASSERT_PTR_EQUAL(ld->bitmap[0], first);
	sim.pfn[s.data[0]] = bits;
	(void)log_dirty_take(ld, bits / 64, true);
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	CU_ASSERT_EQUAL(log_dirty_take(ld, bits / 64, true), 1);
	guest->shared_info->arch.max_pfn = 0;
	sim.pfn[s.data[0]] = 8;
	/* A size that is wished for before is no size of the bitmap. */
	switch_log(false);
	log_dirty_destroy(guest);
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, NULL, 0), 0);
	CU_ASSERT_EQUAL(guest->log->bits, 0);
	switch_log(true);
	CU_ASSERT_EQUAL(guest->log->bits, bits);
}

TEST(test_load, "a load: A everywhere, no right to write")
{
	clean();
	CU_ASSERT_TRUE(fault(page(0), 0));
	CU_ASSERT_EQUAL(pte_mfn(seen(page(0))), s.data[0]);
	CU_ASSERT_FALSE(seen(page(0)) & PTE_RW);
	CU_ASSERT_EQUAL(*entry(0) & (PTE_A | PTE_D), PTE_A);
	CU_ASSERT_TRUE(table_of(s.l4)[1] & PTE_A);
	CU_ASSERT_TRUE(table_of(s.l2)[1] & PTE_A);
	CU_ASSERT_TRUE(marked(s.l4) && marked(s.l2) && marked(s.l1));
	CU_ASSERT_FALSE(marked(s.l3) || marked(s.data[0]));
	/* Nor is there one where the guest's D is set already: it is not marked in this round. */
	*entry(3) |= PTE_D;
	CU_ASSERT_TRUE(fault(page(3), 0));
	CU_ASSERT_FALSE(seen(page(3)) & PTE_RW);
	/* The neighbours are not there. */
	CU_ASSERT_EQUAL(seen(page(1)), 0);
}

TEST(test_store, "a store: D and the mark, then the right")
{
	clean();
	CU_ASSERT_TRUE(fault(page(0), 0));
	CU_ASSERT_TRUE(fault(page(0), PF_PRESENT | PF_WRITE));
	CU_ASSERT_TRUE(seen(page(0)) & PTE_RW);
	CU_ASSERT_EQUAL(*entry(0) & (PTE_A | PTE_D), PTE_A | PTE_D);
	CU_ASSERT_TRUE(marked(s.data[0]) && marked(s.l1));
	/* Dirty already in both books: no second fault. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 16, *entry(1)), 0);
	log_dirty_mark(guest, s.data[1]);
	*entry(1) |= PTE_D;
	CU_ASSERT_TRUE(fault(page(1), 0));
	CU_ASSERT_TRUE(seen(page(1)) & PTE_RW);
}

TEST(test_denied, "what the guest's own tables refuse")
{
	u32 ec = PF_WRITE;

	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, pte_make(s.data[0], PTE_P)), 0);
	CU_ASSERT_FALSE(shadow_fault(page(0), &ec, true));
	CU_ASSERT_EQUAL(ec, PF_WRITE | PF_PRESENT);
	CU_ASSERT_FALSE(*entry(0) & (PTE_A | PTE_D));
	ec = PF_PRESENT;
	CU_ASSERT_FALSE(shadow_fault(page(20), &ec, true));
	CU_ASSERT_EQUAL(ec, 0);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, pte_make(s.data[0], PTE_P | PTE_NX)),
			0);
	ec = PF_FETCH;
	CU_ASSERT_FALSE(shadow_fault(page(0), &ec, true));
	CU_ASSERT_EQUAL(ec, PF_FETCH | PF_PRESENT);
	CU_ASSERT_FALSE(fault(page(0), PF_RSVD));
	CU_ASSERT_FALSE(fault(HV_VIRT_START, 0));
	/* No right to write above, none below. */
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 8, pte_make(s.l1, PTE_P | PTE_A)), 0);
	CU_ASSERT_FALSE(fault(page(1), PF_WRITE));
	CU_ASSERT_TRUE(fault(page(1), 0));
}

TEST(test_leaf_changed, "an entry that is replaced")
{
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	clean();
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, 0), 0);
	CU_ASSERT_EQUAL(seen(page(0)), 0);
	CU_ASSERT_TRUE(marked(s.l1));
	CU_ASSERT_TRUE(fault(page(1), PF_WRITE));
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(page(1), pte_make(s.data[0], PTE_P), 0)), 0);
	CU_ASSERT_EQUAL(seen(page(1)), 0);
}

TEST(test_table_changed, "a table that is replaced, and one that is none any more")
{
	mfn_t l1 = new_frame(guest);

	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	table_of(l1)[1] = pte_make(s.data[3], PTE_P | PTE_RW);
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 8, pte_make(l1, TABLE_FLAGS)), 0);
	CU_ASSERT_EQUAL(seen(page(0)), 0);
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	CU_ASSERT_EQUAL(pte_mfn(seen(page(0))), s.data[3]);
	/* The old L1 is data now, and an L1 of other pages once more. */
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, pte_make(s.data[4], PTE_P)), 0);
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 8, pte_make(s.l1, TABLE_FLAGS)), 0);
	CU_ASSERT_TRUE(fault(page(0), 0));
	CU_ASSERT_EQUAL(pte_mfn(seen(page(0))), s.data[4]);
}

TEST(test_clean, "a round")
{
	clean();
	CU_ASSERT_TRUE(fault(page(2), PF_WRITE));
	flushed = 0;
	clean();
	CU_ASSERT_TRUE(bit(10));
	CU_ASSERT_FALSE(bit(11));
	CU_ASSERT_FALSE(seen(page(2)) & PTE_RW);
	CU_ASSERT_TRUE(flushed & 1);
	clean();
	CU_ASSERT_FALSE(bit(10));
	CU_ASSERT_TRUE(fault(page(2), PF_PRESENT | PF_WRITE));
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_PEEK, map, PFNS), 0);
	CU_ASSERT_TRUE(bit(10));
	CU_ASSERT_TRUE(seen(page(2)) & PTE_RW);
	clean();
	CU_ASSERT_TRUE(bit(10));
}

TEST(test_interrupted, "a round that is interrupted at every point")
{
	for (unsigned n = 1; n < 12; n++) {
		u64 marks = 0;

		clean();
		CU_ASSERT_TRUE(fault(page(2), PF_WRITE));
		sim.preempt_after = n;
		clean();
		sim.preempt_after = 0;
		for (unsigned i = 0; i < PFNS / 64; i++)
			marks += (u64)__builtin_popcountll(map[i]);
		CU_ASSERT_TRUE(bit(10));
		CU_ASSERT_FALSE(seen(page(2)) & PTE_RW);
		CU_ASSERT_TRUE(marks < 8);
	}
}

TEST(test_nowhere, "no room for the answer, and rooms of all sizes")
{
	u8 small[3] = { 0xaa, 0xaa, 0xaa };

	clean();
	sim.bad = map;
	sim.bad_end = map + 1;
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_CLEAN, map, PFNS), -EFAULT);
	sim.bad = sim.bad_end = NULL;
	clean();
	CU_ASSERT_EQUAL(map[0], ~0ULL);
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_PEEK, small, 11), 0);
	CU_ASSERT_EQUAL(small[1], 1);
	CU_ASSERT_EQUAL(small[2], 0xaa);
	/* Nor are the marks of those that were not asked for taken. */
	CU_ASSERT_TRUE(fault(page(3), PF_WRITE));
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_CLEAN, small, 11), 0);
	CU_ASSERT_TRUE(marked(s.data[3]));
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_CLEAN, map, ~0UL), -EINVAL);
	/* What is beyond the books is written at any time. */
	CU_ASSERT_EQUAL(log_dirty_take(guest->log, guest->log->bits / 64, true), ~0ULL);
}

TEST(test_direct, "what ring 0 stores for a guest")
{
	u64 e;

	clean();
	CU_ASSERT_EQUAL(mmu_update((s.data[0] << PAGE_SHIFT) + 8, 5), 0);
	CU_ASSERT_TRUE(marked(s.data[0]));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, s.data[1], 0), 0);
	CU_ASSERT_TRUE(marked(s.data[1]));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, s.data[2], s.data[1]), 0);
	CU_ASSERT_TRUE(marked(s.data[2]));
	e = s.data[3] << PAGE_SHIFT;
	CU_ASSERT_EQUAL(do_update_descriptor(e, 0x00cffb000000ffff), 0);
	CU_ASSERT_TRUE(marked(s.data[3]));
	/* Becoming a table: our slots, bits that every entry has. */
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8 * 5, 0), 0);
	clean();
	CU_ASSERT_FALSE(marked(s.data[4]));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.data[4], 0), 0);
	CU_ASSERT_TRUE(marked(s.data[4]));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.data[4], 0), 0);
}

TEST(test_numbers, "frames that come, go and change their number")
{
	struct frame *f;

	clean();
	CU_ASSERT_EQUAL(mmu_update((s.data[0] << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 40), 0);
	clean();
	CU_ASSERT_TRUE(bit(8) && bit(40));
	f = heap_alloc_dom_at(guest, 0, 0, 50);
	clean();
	CU_ASSERT_TRUE(bit(50));
	sim_give_up(guest, frame_to_mfn(f));
	clean();
	CU_ASSERT_TRUE(bit(50));
	clean();
	CU_ASSERT_FALSE(bit(50) || bit(40));
}

TEST(test_held, "what may be written at any time")
{
	struct vcpu *v = guest->vcpu[1];

	v->info_frame = mfn_to_frame(s.data[0]);
	v->pv.gdt_frames[0] = s.data[1];
	v->pv.gdt_entries = 1;
	v->pv.ldt_frames[0] = s.data[2];
	v->pv.ldt_entries = 1;
	granted = s.data[3];
	clean();
	for (unsigned i = 0; i < 3; i++) {
		clean();
		CU_ASSERT_TRUE(bit(8) && bit(9) && bit(10) && bit(11));
		CU_ASSERT_FALSE(bit(12));
	}
	v->info_frame = NULL;
	v->pv.gdt_entries = v->pv.ldt_entries = 0;
	granted = 0;
	clean();
	CU_ASSERT_TRUE(bit(8) && bit(9) && bit(10) && bit(11));
	clean();
	CU_ASSERT_FALSE(bit(8) || bit(9) || bit(10) || bit(11));
}

TEST(test_foreign, "a page that dom0 has mapped")
{
	struct space z;
	struct mmu_update req;

	sim_current = dom0->vcpu[0];
	build_space(dom0, &z, 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, z.l4, 0), 0);
	clean();
	req = (struct mmu_update){ (z.l1 << PAGE_SHIFT) + 8, pte_make(s.data[5], PTE_P | PTE_RW) };
	CU_ASSERT_EQUAL(finish(do_mmu_update((u64)&req, 1, 0, guest->id)), 0);
	for (unsigned i = 0; i < 3; i++) {
		clean();
		CU_ASSERT_TRUE(bit(13));
	}
	CU_ASSERT_EQUAL(mmu_update(req.ptr, 0), 0);
	clean();
	CU_ASSERT_TRUE(bit(13));
	clean();
	CU_ASSERT_FALSE(bit(13));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, z.l4, 0), 0);
	sim_give_up(dom0, z.l4);
	sim_give_up(dom0, z.l3);
	sim_give_up(dom0, z.l2);
	sim_give_up(dom0, z.l1);
	sim_current = guest->vcpu[0];
}

static bool empty_root(mfn_t root)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if ((i < HV_SLOT_FIRST || i > HV_SLOT_LAST) && table_of(root)[i])
			return false;
	return true;
}

/* In between it is in no table: a round that ends then has not found it. */
TEST(test_moved_grant, "an entry that moves to another address")
{
	struct frame *f[2] = { mfn_to_frame(s.data[5]), mfn_to_frame(s.data[6]) };
	struct space z;

	sim_current = other->vcpu[0];
	build_space(other, &z, 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, z.l4, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(frame_get_and_type(f[i], guest, FT_WRITABLE), 0);
		CU_ASSERT_EQUAL(grant_pte_map(page(i), s.data[5 + i], GNTMAP_host_map, 0), 0);
	}
	while (log_dirty_take(guest->log, 0, true))
		;
	CU_ASSERT_FALSE(marked(s.data[6]));
	CU_ASSERT_TRUE(grant_pte_unmap(page(0), s.data[5], GNTMAP_host_map, page(1)) >= 0);
	CU_ASSERT_EQUAL(pte_mfn(table_of(z.l1)[1]), s.data[6]);
	CU_ASSERT_TRUE(marked(s.data[6]));
	CU_ASSERT_TRUE(grant_pte_unmap(page(0), s.data[6], GNTMAP_host_map, 0) >= 0);
	for (unsigned i = 0; i < 2; i++)
		frame_put_and_type(f[i]);
	sim_current = guest->vcpu[0];
}

/* A tree of many L1s, more than a small pool has pages. */
TEST(test_pool, "a pool that is used up")
{
	struct log_dirty *ld = guest->log;
	unsigned n = 0;
	mfn_t root;

	switch_log(false);
	CU_ASSERT_EQUAL(ask(XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, NULL, 0), 0);
	ld->wanted = 1;
	switch_log(true);
	CU_ASSERT_TRUE(ld->pages < 200);
	/* Others have roots of their own, which stay. */
	root = new_frame(guest);
	table_of(root)[1] = pte_make(s.l3, TABLE_FLAGS);
	for (unsigned i = 1; i < 3; i++) {
		sim_current = guest->vcpu[i];
		CU_ASSERT_EQUAL(mmuext(i == 1 ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR,
				       root, 0), 0);
	}
	sim_current = guest->vcpu[0];
	root_load(sim_current);
	for (unsigned i = 2; i < 160; i++) {
		mfn_t l1 = new_frame(guest);

		table_of(l1)[0] = pte_make(s.data[i % 8], PTE_P | PTE_RW);
		CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + i * 8,
					   pte_make(l1, TABLE_FLAGS)), 0);
	}
	flushed = 0;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 2; i < 160; i++) {
			vaddr_t va = 0x0000008040000000ULL + i * 0x200000ULL;

			CU_ASSERT_TRUE(fault(va, PF_WRITE));
			CU_ASSERT_EQUAL(pte_mfn(seen(va)), s.data[i % 8]);
			n += !!flushed;
			flushed = 0;
		}
		CU_ASSERT_EQUAL(audit(), 0);
	}
	CU_ASSERT_TRUE(n >= 3);
	/* A new root gets a page that was some L1's, of which nothing is left. */
	root = new_frame(guest);
	table_of(root)[1] = pte_make(s.l3, TABLE_FLAGS);
	CU_ASSERT_EQUAL(ld->free_roots, 0);
	CU_ASSERT_FALSE(empty_root(va_to_mfn(ld->shadows[ld->free - 1].page)));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, root, 0), 0);
	CU_ASSERT_TRUE(shadow_is_root(guest, sim_cpu->cr3_mfn));
	CU_ASSERT_TRUE(empty_root(sim_cpu->cr3_mfn));
	CU_ASSERT_EQUAL(audit(), 0);
	/* With interrupts off there is a reserve, and nobody flushes; then there is none. */
	local_irq_disable();
	for (unsigned i = 2; i < 160; i++) {
		u32 ec = PF_WRITE;

		n = i;
		if (!shadow_fault(0x0000008040000000ULL + i * 0x200000ULL, &ec, false))
			break;
	}
	local_irq_enable();
	CU_ASSERT_TRUE(n > 12);
	CU_ASSERT_TRUE(n < 160);
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
}

/* Somebody may be on it still, on his way to another one. */
TEST(test_root_gone, "a root that is none any more")
{
	mfn_t root = new_frame(guest), was;

	table_of(root)[1] = pte_make(s.l3, TABLE_FLAGS);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, root, 0), 0);
	CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
	was = sim_cpu->cr3_mfn;
	CU_ASSERT_FALSE(empty_root(was));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_NOT_EQUAL(sim_cpu->cr3_mfn, was);
	CU_ASSERT_FALSE(shadow_is_root(guest, was));
	CU_ASSERT_TRUE(empty_root(was));
	CU_ASSERT_EQUAL(table_of(was)[HV_SLOT_FIRST], idle_l4[HV_SLOT_FIRST]);
}

/* More roots than there may be shadows of: those that nobody is on go. */
TEST(test_roots, "many roots")
{
	mfn_t root[64];

	switch_log(false);
	guest->log->wanted = 1;
	switch_log(true);
	for (unsigned i = 0; i < 64; i++) {
		root[i] = new_frame(guest);
		table_of(root[i])[1] = pte_make(s.l3, TABLE_FLAGS);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, root[i], 0), 0);
	}
	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < 64; i++) {
			CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, root[i], 0), 0);
			CU_ASSERT_TRUE(shadow_is_root(guest, sim_cpu->cr3_mfn));
			CU_ASSERT_TRUE(fault(page(0), PF_WRITE));
			CU_ASSERT_EQUAL(pte_mfn(seen(page(0))), s.data[0]);
		}
		CU_ASSERT_EQUAL(audit(), 0);
	}
	for (unsigned i = 0; i < 64; i++)
		CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, root[i], 0), 0);
}

SUITE("shadows", .init = fixture_init, .begin = begin, .end = end)
