// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/leaf.c hypervisor/pv/mmu.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/grant_pte.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// Page types: long work on tables that is interrupted at every point there is, resumed, given up or
// left for the next user. After each test the audit walks everything and every frame must have come
// back.

#include "mmu_fixture.h"
#include "suite.h"

/*
 * Validation stopped at its k-th look: whatever the state, counts are right; then it is carried on.
 */
TEST(test_interrupted_pin, "interrupted validation")
{
	struct space s;
	unsigned k;

	for (k = 1; k < 100; k++) {
		struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE };
		s64 r;

		build_space(guest, &s, 1);
		for (unsigned i = 2; i < 6; i++) {
			table_of(s.l4)[i] = table_of(s.l4)[1];
			table_of(s.l3)[i] = table_of(s.l3)[1];
			table_of(s.l2)[i] = table_of(s.l2)[1];
		}
		op.arg1.mfn = s.l4;
		sim.preempt_after = k;
		continuation.wanted = false;
		r = do_mmuext_op((u64)&op, 1, 0, DOMID_SELF);
		sim.preempt_after = 0;
		CU_ASSERT_EQUAL(audit(), 0);
		if (r == SIM_CONTINUED) {
			CU_ASSERT_TRUE((mfn_to_frame(s.l4)->type & FT_PARTIAL) != 0);
			CU_ASSERT_EQUAL(type_count(s.l4), 0);
			switch (k % 3) {
			case 0: /* abandoned: the teardown at the end finds it */
				continuation.wanted = false;
				continue;
			case 1: /* abandoned, and the frame becomes something else */
				continuation.wanted = false;
				CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, s.l4, 0), 0);
				CU_ASSERT_EQUAL(audit(), 0);
				continue;
			}
			r = finish(r);
		}
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
		CU_ASSERT_EQUAL(type_count(s.l4) | type_count(s.l3) | type_count(s.l2) |
				type_count(s.l1), 0);
		if (k > 40)
			break;
	}
}

/*
 * An L2 whose validation was given up holds the only reference of an L1; an entry of that very L1
 * shall now map the L2 writable. Undoing the L2 wants the L1 that is being written.
 */
TEST(test_abandoned_parent, "a table given up that leads to the one at work")
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L2_TABLE };
	struct space s;

	for (unsigned k = 0; k < 2; k++) {
		build_space(guest, &s, 1);
		table_of(s.l2)[2] = pte_make(new_frame(guest), TABLE_FLAGS);
		op.arg1.mfn = s.l2;
		sim.preempt_after = 1;
		CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, DOMID_SELF), SIM_CONTINUED);
		continuation.wanted = false;
		CU_ASSERT_EQUAL(type_count(s.l1), 1);
		if (k) {
			/* It may as well become a table of another level. */
			CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, s.l2, 0), 0);
			CU_ASSERT_EQUAL(type_of(s.l1), FT_WRITABLE);
		} else {
			CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 64, pte_make(s.l2,
					DATA_FLAGS)), 0);
			CU_ASSERT_EQUAL(type_count(s.l1) | type_count(s.l2), 0);
		}
		CU_ASSERT_EQUAL(audit(), 0);
	}
}

TEST(test_interrupted_failure, "interrupted failure")
{
	struct space s;

	for (unsigned k = 1; k < 12; k++) {
		build_space(guest, &s, 1);
		for (unsigned i = 2; i < 6; i++)
			table_of(s.l4)[i] = table_of(s.l4)[1];
		table_of(s.l4)[400] = pte_make(s.data[0], TABLE_FLAGS | PTE_PS);
		sim.preempt_after = k;
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		sim.preempt_after = 0;
		CU_ASSERT_EQUAL(audit(), 0);
		CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + 400 * 8, 0), 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	}
}

/*
 * Undoing stopped inside a table that the tables above it still count, and then the topmost one is
 * wanted after all: all of them must be whole again.
 */
TEST(test_half_undone_again, "half undone and wanted again")
{
	struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE };

	for (unsigned k = 1; k < 30; k++) {
		struct space s, t;

		build_space(guest, &s, 1);
		build_space(guest, &t, 1);
		table_of(s.l3)[0] = pte_make(t.l2, TABLE_FLAGS);
		table_of(s.l2)[0] = pte_make(new_frame(guest), TABLE_FLAGS);
		table_of(t.l2)[0] = pte_make(new_frame(guest), TABLE_FLAGS);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
		op.arg1.mfn = s.l4;
		sim.preempt_after = k;
		continuation.wanted = false;
		(void)do_mmuext_op((u64)&op, 1, 0, DOMID_SELF);
		continuation.wanted = false;
		sim.preempt_after = 0;
		CU_ASSERT_EQUAL(audit(), 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
		CU_ASSERT_EQUAL(audit(), 0);
		CU_ASSERT_TRUE((mfn_to_frame(s.l2)->type & FT_VALIDATED) != 0);
		CU_ASSERT_TRUE((mfn_to_frame(t.l2)->type & FT_VALIDATED) != 0);
		CU_ASSERT_EQUAL(type_count(s.l1) & type_count(t.l1), 1);
	}
}

TEST(test_interrupted_unpin, "interrupted undoing")
{
	struct space s;

	for (unsigned k = 1; k < 60; k++) {
		struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE };
		struct mmu_update zap = { 0 };
		s64 r;

		build_space(guest, &s, 1);
		for (unsigned i = 2; i < 6; i++) {
			table_of(s.l4)[i] = table_of(s.l4)[1];
			table_of(s.l3)[i] = table_of(s.l3)[1];
			table_of(s.l2)[i] = table_of(s.l2)[1];
		}
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
		op.arg1.mfn = s.l4;
		zap.ptr = (s.l4 << PAGE_SHIFT) + 8;
		sim.preempt_after = k;
		continuation.wanted = false;
		r = do_mmuext_op((u64)&op, 1, 0, DOMID_SELF);
		sim.preempt_after = 0;
		CU_ASSERT_EQUAL(audit(), 0);
		if (r == SIM_CONTINUED) {
			CU_ASSERT_EQUAL(mfn_to_frame(s.l4)->type & (FT_PARTIAL | FT_PINNED),
					FT_PARTIAL | FT_PINNED);
			CU_ASSERT_EQUAL(type_count(s.l4), 1);
			CU_ASSERT_EQUAL(do_mmu_update((u64)&zap, 1, 0, DOMID_SELF), -EINVAL);
			switch (k % 4) {
			case 0: /* left so */
				continuation.wanted = false;
				continue;
			case 1:
				/*
				 * taken into use again: validation is carried on, then it is
				 * unpinned for good
				 */
				CU_ASSERT_EQUAL(frame_get_and_type(mfn_to_frame(s.l4), guest,
						FT_L4), 0);
				CU_ASSERT_TRUE((mfn_to_frame(s.l4)->type & FT_VALIDATED) != 0);
				/* Our two references are the only ones it cannot explain */
				CU_ASSERT_EQUAL(audit(), 1 + 1);
				frame_put_and_type(mfn_to_frame(s.l4));
				break;
			}
			r = finish(r);
		}
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_EQUAL(type_count(s.l4) | type_count(s.l3) | type_count(s.l2) |
				type_count(s.l1), 0);
		CU_ASSERT_EQUAL(refs_of(s.l4), 1);
	}
}

/* A root or a subtree that is given up and cannot be undone at once is remembered by the vCPU. */
TEST(test_interrupted_base_pointer, "tables given up half-way")
{
	struct space s, t;

	build_space(guest, &s, 1);
	for (unsigned k = 1; k < 20; k++) {
		build_space(guest, &t, 1);
		for (unsigned i = 2; i < 6; i++)
			table_of(t.l4)[i] = table_of(t.l4)[1];
		CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, t.l4, 0), 0);
		sim.preempt_after = k;
		CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
		sim.preempt_after = 0;
		CU_ASSERT_EQUAL(guest->vcpu[0]->pv.old_table, 0);
		CU_ASSERT_EQUAL(type_count(t.l4) | type_count(t.l3), 0);

		CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + 16, pte_make(t.l3,
				TABLE_FLAGS)), 0);
		sim.preempt_after = k;
		CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + 16, 0), 0);
		sim.preempt_after = 0;
		CU_ASSERT_EQUAL(guest->vcpu[0]->pv.old_table, 0);
		CU_ASSERT_EQUAL(type_count(t.l3), 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, t.l3, 0), 0);
	}
	CU_ASSERT_EQUAL(audit(), 0);
}

SUITE("interrupted", .init = fixture_init, .begin = fixture_begin, .end = fixture_end)
