// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// sources: tests/unit/sim/sim.c
// Grants by which frames change hands, and entries that change places.
#include "grant_world.h"

TEST(test_transfer, "transfer")
{
	struct gnttab_transfer op;
	u64 pages;
	mfn_t mfn;

	mfn = sim_frame_of(mapper);
	pages = mapper->tot_pages;
	memset(mfn_to_va(mfn), 0x42, PAGE_SIZE);
	*entry(granter, 5) = (struct grant_entry_v1){ GTF_accept_transfer, mapper->id, 0x1234 };
	op = (struct gnttab_transfer){ .mfn = mfn, .domid = granter->id, .ref = 5 };
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_transfer, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(mfn)), granter);
	CU_ASSERT_EQUAL(mapper->tot_pages, pages - 1);
	CU_ASSERT_EQUAL(entry(granter, 5)->flags,
			GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
	CU_ASSERT_EQUAL(entry(granter, 5)->frame, mfn);
	CU_ASSERT_EQUAL(sim.pfn[mfn], 0x1234);
	CU_ASSERT_EQUAL(*(u8 *)mfn_to_va(mfn), 0x42);
	/* It is gone, and the offer is used up. */
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_transfer, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_page);
	op.mfn = sim_frame_of(mapper);
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(op.mfn)), mapper);

	/* Not offered to us; receiver is full, unknown or ourselves; frame in use or none. */
	*entry(granter, 6) = (struct grant_entry_v1){ GTF_accept_transfer, dom0_->id, 0 };
	op.ref = 6;
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	entry(granter, 6)->domid = mapper->id;
	granter->max_pages = granter->tot_pages;
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	CU_ASSERT_EQUAL(entry(granter, 6)->flags, GTF_accept_transfer);
	granter->max_pages = 1024;
	op.ref = ~0U;
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_gntref);
	op.ref = 6;
	op.domid = 77;
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_domain);
	op.domid = DOMID_SELF;
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_domain);
	op.domid = granter->id;
	mfn = op.mfn;
	CU_ASSERT(frame_get(mfn_to_frame(mfn), mapper));
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_page);
	frame_put(mfn_to_frame(mfn));
	op.mfn = ~0ULL;
	call(mapper, GNTTABOP_transfer, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_page);
	CU_ASSERT_EQUAL(entry(granter, 6)->flags, GTF_accept_transfer);
	CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(mfn)), mapper);
}

TEST(test_swap, "swap")
{
	struct gnttab_swap_grant_ref op = { .ref_a = 1, .ref_b = 2 };
	struct gnttab_map_grant_ref m;
	mfn_t a, b;

	a = grant(granter, 1, mapper->id, 0);
	b = grant(granter, 2, mapper->id, 0);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_swap_grant_ref, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(entry(granter, 1)->frame, b);
	CU_ASSERT_EQUAL(entry(granter, 2)->frame, a);
	m = map(mapper, granter->id, 2, GNTMAP_device_map, 0);
	call(granter, GNTTABOP_swap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_eagain);
	CU_ASSERT_EQUAL(entry(granter, 2)->frame, a);
	unmap(mapper, m.handle, 0, m.dev_bus_addr);
	op.ref_b = 512;
	call(granter, GNTTABOP_swap_grant_ref, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_gntref);
}

SUITE("grant transfer", .begin = setup, .end = teardown)
