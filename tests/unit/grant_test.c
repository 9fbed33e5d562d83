// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// sources: tests/unit/sim/sim.c
// libs: -lpthread
// Grant tables. After every test all references, pins and handles must be gone: teardown() counts
// them. A guest changes its entries while they are in use, and in a thread of its own.
#include <pthread.h>

#include "grant_world.h"

#include "memory/log_dirty.h"
#include "memory/p2m.h"

TEST(test_table, "table frames")
{
	u64 list[5] = { 0 };
	struct gnttab_setup_table op = { .dom = DOMID_SELF,
					 .nr_frames = 3,
					 .frame_list = (u64)(uintptr_t)list };
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	mfn_t mfn;

	CU_ASSERT_EQUAL(granter->grants->nr_frames, 1);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_setup_table, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(list[i])), granter);
		CU_ASSERT(!!(mfn_to_frame(list[i])->count & FC_SHARED));
		CU_ASSERT_EQUAL(grant_frame_mfn(granter, i, false, &mfn), 0);
		CU_ASSERT_EQUAL(mfn, list[i]);
	}
	call(granter, GNTTABOP_query_size, &size, 1);
	CU_ASSERT_EQUAL(size.nr_frames, 3);
	CU_ASSERT_EQUAL(size.max_nr_frames, 4);
	op.nr_frames = 5;
	call(granter, GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	op.nr_frames = ~0U;
	call(granter, GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_general_error);
	op.nr_frames = 2;
	op.frame_list = 8;
	call(granter, GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_virt_addr);
	CU_ASSERT_EQUAL(grant_frame_mfn(granter, 4, false, &mfn), -EINVAL);
	CU_ASSERT_EQUAL(grant_frame_mfn(granter, 0, true, &mfn), -EINVAL);

	/* Others' tables are dom0's business. */
	op.dom = mapper->id;
	op.frame_list = (u64)(uintptr_t)list;
	call(granter, GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_permission_denied);
	call(dom0_, GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	op.dom = 77;
	call(dom0_, GNTTABOP_setup_table, &op, 1);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_domain);

	sim.allocs_left = 1;
	CU_ASSERT_EQUAL(grant_frame_mfn(granter, 3, false, &mfn), -ENOMEM);
	sim.allocs_left = -1;
	CU_ASSERT_EQUAL(grant_frame_mfn(granter, 3, false, &mfn), 0);
}

TEST(test_limits, "limits and no memory")
{
	struct domain *d;

	d = sim_domain(9, 1, false);
	CU_ASSERT_EQUAL(grant_init(d, grant_max_frames + 1, 1), -EINVAL);
	CU_ASSERT_EQUAL(grant_init(d, 1, grant_max_maptrack + 1), -EINVAL);
	CU_ASSERT_EQUAL(grant_init(d, ~0U, ~0U), 0);
	CU_ASSERT_EQUAL(d->grants->max_frames, 64);
	CU_ASSERT_EQUAL(d->grants->max_maptrack, 1024);
	grant_destroy(d);
	for (unsigned i = 0; i < 6; i++) {
		sim.allocs_left = i;
		CU_ASSERT_EQUAL(grant_init(d, 1, 1), -ENOMEM);
		CU_ASSERT_PTR_NULL(d->grants);
	}
	sim.allocs_left = -1;
}

TEST(test_versions, "versions")
{
	struct gnttab_set_version v = { .version = 2 };
	struct gnttab_get_version g = { .dom = DOMID_SELF, .version = 9 };
	struct gnttab_get_status_frames f = { .dom = DOMID_SELF, .nr_frames = 1 };

	CU_ASSERT_EQUAL(call(granter, GNTTABOP_set_version, &v, 1), -ENOSYS);
	CU_ASSERT_EQUAL(v.version, 1);
	v.version = 3;
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_set_version, &v, 1), -EINVAL);
	v.version = 1;
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_set_version, &v, 1), 0);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_get_version, &g, 1), 0);
	CU_ASSERT_EQUAL(g.version, 1);
	g.dom = mapper->id;
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_get_version, &g, 1), -EPERM);
	g.dom = 77;
	CU_ASSERT_EQUAL(call(dom0_, GNTTABOP_get_version, &g, 1), -ESRCH);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_get_status_frames, &f, 1), 0);
	CU_ASSERT_EQUAL(f.status, GNTST_general_error);
}

TEST(test_map, "map and unmap")
{
	struct gnttab_map_grant_ref op;
	mfn_t mfn;

	mfn = grant(granter, 3, mapper->id, 0);
	op = map(mapper, granter->id, 3, GNTMAP_host_map | 5 << _GNTMAP_guest_avail0, 0x7000);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(op.dev_bus_addr, mfn << PAGE_SHIFT);
	CU_ASSERT_EQUAL(sim.ptes, 1);
	CU_ASSERT_EQUAL(sim.pte[0].mfn, mfn);
	CU_ASSERT_EQUAL(sim.pte[0].addr, 0x7000);
	CU_ASSERT_EQUAL(sim.pte[0].avail, 5 << 9);
	CU_ASSERT_EQUAL(entry(granter, 3)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	CU_ASSERT_EQUAL(refs(mfn), 2);
	CU_ASSERT_EQUAL(type_refs(mfn), 1);
	CU_ASSERT_EQUAL(granter->refs, 2);

	/* What the granter writes now does not change what is mapped or given back. */
	entry(granter, 3)->frame = 1;
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x8000, 0), GNTST_general_error);
	CU_ASSERT_EQUAL(sim.tlb_flushes, 0);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);
	CU_ASSERT_EQUAL(sim.tlb_flushes, 1);
	CU_ASSERT_EQUAL(sim.ptes, 0);
	CU_ASSERT_EQUAL(entry(granter, 3)->flags, GTF_permit_access);
	CU_ASSERT_EQUAL(refs(mfn), 1);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_bad_handle);
}

/* Where an HVM domain has its frame: at 77. */
static mfn_t hvm_frame;

mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type)
{
	CU_ASSERT_PTR_NOT_NULL(d->p2m);
	return gfn == 77 ? hvm_frame : INVALID_MFN;
}

TEST(test_map_hvm, "an HVM granter names its frames by its own numbers")
{
	struct gnttab_map_grant_ref op;

	granter->p2m = (struct p2m *)entry(granter, 0);
	hvm_frame = grant(granter, 3, mapper->id, 0);
	/* The machine's number of it is none of those. */
	op = map(mapper, granter->id, 3, GNTMAP_host_map, 0x7000);
	CU_ASSERT(op.status < 0);
	CU_ASSERT_EQUAL(sim.ptes, 0);
	CU_ASSERT_EQUAL(entry(granter, 3)->flags, GTF_permit_access);
	entry(granter, 3)->frame = 77;
	op = map(mapper, granter->id, 3, GNTMAP_host_map, 0x7000);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(op.dev_bus_addr, hvm_frame << PAGE_SHIFT);
	CU_ASSERT_EQUAL(sim.pte[0].mfn, hvm_frame);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);
	CU_ASSERT_EQUAL(refs(hvm_frame), 1);
	granter->p2m = NULL;
}

TEST(test_map_by_hvm, "an HVM mapper has it in its map, and the flush when it goes")
{
	mfn_t mfn = grant(granter, 3, mapper->id, 0);
	struct gnttab_map_grant_ref op;

	mapper->p2m = (struct p2m *)mapper;
	op = map(mapper, granter->id, 3, GNTMAP_host_map | GNTMAP_contains_pte, 0x7000);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_virt_addr);
	CU_ASSERT_EQUAL(refs(mfn), 1);
	sim.pte_error = -EEXIST;
	op = map(mapper, granter->id, 3, GNTMAP_host_map, 0x7000);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_virt_addr);
	CU_ASSERT_EQUAL(entry(granter, 3)->flags, GTF_permit_access);
	sim.pte_error = 0;
	for (unsigned i = 0; i < 2; i++) {
		u32 ro = i ? GNTMAP_readonly : 0;

		op = map(mapper, granter->id, 3, GNTMAP_host_map | ro, 0x7000);
		CU_ASSERT_EQUAL(op.status, GNTST_okay);
		CU_ASSERT_EQUAL(op.dev_bus_addr, 0);
		CU_ASSERT_EQUAL(sim.ptes, 1);
		CU_ASSERT_EQUAL(sim.pte[0].addr, 0x7000);
		CU_ASSERT_EQUAL(sim.pte[0].mfn, mfn);
		CU_ASSERT_EQUAL(sim.pte[0].flags, ro);
		/* No A tells that no CPU has it. */
		sim.pte[0].untouched = true;
		CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x8000, 0), GNTST_general_error);
		sim.tlb_flushes = 0;
		CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);
		CU_ASSERT_EQUAL(sim.tlb_flushes, 1);
		CU_ASSERT_EQUAL(refs(mfn), 1);
	}
	mapper->p2m = NULL;
}

TEST(test_hvm_device_part, "an HVM mapper is not told where memory is, and has no part for devices")
{
	mfn_t mfn = grant(granter, 3, mapper->id, 0);
	struct gnttab_map_grant_ref op;

	mapper->p2m = (struct p2m *)mapper;
	op = map(mapper, granter->id, 3, GNTMAP_device_map, 0);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_dev_addr);
	CU_ASSERT_EQUAL(entry(granter, 3)->flags, GTF_permit_access);
	op = map(mapper, granter->id, 3, GNTMAP_host_map | GNTMAP_device_map, 0x7000);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(op.dev_bus_addr, 0);
	/* A right guess is told by nothing. */
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, mfn << PAGE_SHIFT), GNTST_okay);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, (mfn + 1) << PAGE_SHIFT), GNTST_okay);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);
	CU_ASSERT_EQUAL(refs(mfn), 1);
	mapper->p2m = NULL;
}

TEST(test_readonly, "read-only")
{
	struct gnttab_map_grant_ref r, w;
	mfn_t mfn;

	mfn = grant(granter, 1, mapper->id, GTF_readonly);
	w = map(mapper, granter->id, 1, GNTMAP_host_map, 0x7000);
	CU_ASSERT_EQUAL(w.status, GNTST_general_error);
	CU_ASSERT_EQUAL(entry(granter, 1)->flags, GTF_permit_access | GTF_readonly);
	r = map(mapper, granter->id, 1, GNTMAP_host_map | GNTMAP_readonly, 0x7000);
	CU_ASSERT_EQUAL(r.status, GNTST_okay);
	CU_ASSERT_EQUAL(entry(granter, 1)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
	CU_ASSERT_EQUAL(type_refs(mfn), 0);
	/* Also while it is mapped read-only. */
	CU_ASSERT_EQUAL(map(mapper, granter->id, 1, GNTMAP_host_map, 0x8000).status,
			GNTST_general_error);
	CU_ASSERT_EQUAL(unmap(mapper, r.handle, 0x7000, 0), GNTST_okay);

	/* A page table can be read, not written. */
	mfn = grant(granter, 2, mapper->id, 0);
	mfn_to_frame(mfn)->type = FT_L1 | FT_VALIDATED | 1;
	CU_ASSERT_EQUAL(map(mapper, granter->id, 2, GNTMAP_host_map, 0x7000).status,
			GNTST_bad_page);
	CU_ASSERT_EQUAL(entry(granter, 2)->flags, GTF_permit_access);
	r = map(mapper, granter->id, 2, GNTMAP_host_map | GNTMAP_readonly, 0x7000);
	CU_ASSERT_EQUAL(r.status, GNTST_okay);
	CU_ASSERT_EQUAL(unmap(mapper, r.handle, 0x7000, 0), GNTST_okay);
	mfn_to_frame(mfn)->type = 0;

	/*
	 * Reading and writing users of one grant: writing ends with the last writer, reading with
	 * the last user.
	 */
	grant(granter, 4, mapper->id, 0);
	r = map(mapper, granter->id, 4, GNTMAP_host_map | GNTMAP_readonly, 0x7000);
	w = map(mapper, granter->id, 4, GNTMAP_host_map, 0x8000);
	CU_ASSERT_EQUAL(entry(granter, 4)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	unmap(mapper, w.handle, 0x8000, 0);
	CU_ASSERT_EQUAL(entry(granter, 4)->flags, GTF_permit_access | GTF_reading);
	unmap(mapper, r.handle, 0x7000, 0);
	CU_ASSERT_EQUAL(entry(granter, 4)->flags, GTF_permit_access);
}

TEST(test_two_parts, "host and device parts")
{
	struct gnttab_unmap_grant_ref both[2];
	struct gnttab_map_grant_ref op;
	mfn_t mfn;

	mfn = grant(granter, 1, mapper->id, 0);
	op = map(mapper, granter->id, 1, GNTMAP_host_map | GNTMAP_device_map, 0x7000);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, op.dev_bus_addr + PAGE_SIZE),
			GNTST_bad_dev_addr);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, 0), GNTST_okay);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);
	CU_ASSERT_EQUAL(refs(mfn), 2);
	CU_ASSERT(entry(granter, 1)->flags & GTF_writing);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, op.dev_bus_addr), GNTST_okay);
	CU_ASSERT_EQUAL(refs(mfn), 1);

	/* The two parts in one call, then the same part twice. */
	op = map(mapper, granter->id, 1, GNTMAP_host_map | GNTMAP_device_map, 0x7000);
	both[0] = (struct gnttab_unmap_grant_ref){ .host_addr = 0x7000, .handle = op.handle };
	both[1] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = op.dev_bus_addr,
						   .handle = op.handle };
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, both, 2), 0);
	CU_ASSERT_EQUAL(both[0].status, GNTST_okay);
	CU_ASSERT_EQUAL(both[1].status, GNTST_okay);
	CU_ASSERT_EQUAL(refs(mfn), 1);
	op = map(mapper, granter->id, 1, GNTMAP_host_map, 0x7000);
	both[0] = both[1] =
		(struct gnttab_unmap_grant_ref){ .host_addr = 0x7000, .handle = op.handle };
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, both, 2), 0);
	CU_ASSERT_EQUAL(both[0].status, GNTST_okay);
	CU_ASSERT_EQUAL(both[1].status, GNTST_bad_handle);
}

TEST(test_refusals, "refusals")
{
	static const u32 wild[] = { 512, 513, 0x7fffffff, 0x80000000, ~0U };
	struct gnttab_map_grant_ref op;
	mfn_t foreign;

	grant(granter, 1, dom0_->id, 0);
	CU_ASSERT_EQUAL(map(mapper, granter->id, 1, GNTMAP_host_map, 0x7000).status,
			GNTST_general_error);
	CU_ASSERT_EQUAL(map(mapper, 77, 1, GNTMAP_host_map, 0x7000).status, GNTST_bad_domain);
	CU_ASSERT_EQUAL(map(mapper, granter->id, 0, GNTMAP_host_map, 0x7000).status,
			GNTST_general_error);
	for (unsigned i = 0; i < ARRAY_SIZE(wild); i++)
		CU_ASSERT_EQUAL(map(mapper, granter->id, wild[i], GNTMAP_host_map, 0x7000).status,
				GNTST_bad_gntref);
	CU_ASSERT_EQUAL(map(dom0_, granter->id, 1, 0, 0x7000).status, GNTST_bad_gntref);
	CU_ASSERT_EQUAL(map(dom0_, granter->id, 1, GNTMAP_readonly, 0x7000).status,
			GNTST_bad_gntref);
	entry(granter, 1)->flags = GTF_accept_transfer;
	CU_ASSERT_EQUAL(map(dom0_, granter->id, 1, GNTMAP_host_map, 0x7000).status,
			GNTST_general_error);

	/* A frame that is somebody else's, the hypervisor's, or none. */
	foreign = sim_frame_of(dom0_);
	*entry(granter, 2) = (struct grant_entry_v1){ GTF_permit_access, mapper->id, (u32)foreign };
	CU_ASSERT_EQUAL(map(mapper, granter->id, 2, GNTMAP_host_map, 0x7000).status,
			GNTST_bad_page);
	entry(granter, 2)->frame = (u32)va_to_mfn(granter);
	CU_ASSERT_EQUAL(map(mapper, granter->id, 2, GNTMAP_host_map, 0x7000).status,
			GNTST_bad_page);
	entry(granter, 2)->frame = 0;
	CU_ASSERT_EQUAL(map(mapper, granter->id, 2, GNTMAP_host_map, 0x7000).status,
			GNTST_bad_page);
	entry(granter, 2)->frame = ~0U;
	CU_ASSERT_EQUAL(map(mapper, granter->id, 2, GNTMAP_host_map, 0x7000).status,
			GNTST_bad_page);
	CU_ASSERT_EQUAL(entry(granter, 2)->flags, GTF_permit_access);

	/* The page tables refuse. */
	grant(granter, 3, mapper->id, 0);
	sim.pte_error = -EINVAL;
	CU_ASSERT_EQUAL(map(mapper, granter->id, 3, GNTMAP_host_map, 0x7000).status,
			GNTST_bad_virt_addr);
	CU_ASSERT_EQUAL(entry(granter, 3)->flags, GTF_permit_access);
	sim.pte_error = 0;
	op = map(mapper, granter->id, 3, GNTMAP_host_map, 0x7000);
	sim.pte_error = -EINVAL;
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_general_error);
	sim.pte_error = 0;
	/* A grant in use is not another domain's, whatever its entry says now. */
	entry(granter, 3)->domid = dom0_->id;
	CU_ASSERT_EQUAL(map(dom0_, granter->id, 3, GNTMAP_host_map, 0x9000).status,
			GNTST_general_error);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);

	granter->dying = true;
	entry(granter, 3)->domid = mapper->id;
	CU_ASSERT_EQUAL(map(mapper, granter->id, 3, GNTMAP_host_map, 0x7000).status,
			GNTST_general_error);
}

TEST(test_handles, "handles")
{
	static const u32 wild[] = { 1, 127, 128, 256, 0xfffff, 0x100000, 0x7fffffff, ~0U };
	struct gnttab_map_grant_ref op, old;
	u32 handles[256], n = 0;

	grant(granter, 1, mapper->id, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(wild); i++)
		CU_ASSERT_EQUAL(unmap(mapper, wild[i], 0x7000, 0), GNTST_bad_handle);
	old = map(mapper, granter->id, 1, GNTMAP_device_map, 0);
	CU_ASSERT_EQUAL(unmap(dom0_, old.handle, 0, old.dev_bus_addr), GNTST_bad_handle);
	CU_ASSERT_EQUAL(unmap(mapper, old.handle, 0, old.dev_bus_addr), GNTST_okay);
	/* The same place, another handle. */
	op = map(mapper, granter->id, 1, GNTMAP_device_map, 0);
	CU_ASSERT(op.handle != old.handle);
	CU_ASSERT_EQUAL(unmap(mapper, old.handle, 0, old.dev_bus_addr), GNTST_bad_handle);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, old.dev_bus_addr), GNTST_okay);

	/* Two frames of mappings are the limit of this domain. */
	for (;;) {
		op = map(mapper, granter->id, 1, GNTMAP_device_map, 0);
		if (op.status != GNTST_okay)
			break;
		for (u32 i = 0; i < n; i++)
			CU_ASSERT(handles[i] != op.handle);
		CU_ASSERT(op.handle != ~0U);
		handles[n++] = op.handle;
		CU_ASSERT_FATAL(n <= 256);
	}
	CU_ASSERT_EQUAL(op.status, GNTST_no_space);
	CU_ASSERT_EQUAL(n, 256);
	for (u32 i = 0; i < n; i++)
		CU_ASSERT_EQUAL(unmap(mapper, handles[i], 0,
				      op.dev_bus_addr ? op.dev_bus_addr : old.dev_bus_addr),
				GNTST_okay);
	/*
	 * With the last mapping the array shrinks again, and no handle from before fits what comes
	 * into its place.
	 */
	CU_ASSERT_EQUAL(mapper->grants->nr_maptrack, 1);
	for (u32 i = 0; i < 256; i++)
		CU_ASSERT_EQUAL(map(mapper, granter->id, 1, GNTMAP_device_map, 0).status,
				GNTST_okay);
	CU_ASSERT_EQUAL(mapper->grants->nr_maptrack, 2);
	for (u32 i = 0; i < n; i++)
		CU_ASSERT_EQUAL(unmap(mapper, handles[i], 0, old.dev_bus_addr), GNTST_bad_handle);
	while (!grant_release_mappings(mapper) && mapper->grants->mappings)
		;
	CU_ASSERT_EQUAL(mapper->grants->mappings, 0);
	/* Through all generations. */
	for (unsigned i = 0; i < 3 * HANDLE_GENERATIONS; i++) {
		op = map(mapper, granter->id, 1, GNTMAP_device_map, 0);
		CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, op.dev_bus_addr), GNTST_okay);
	}
	CU_ASSERT_EQUAL(mapper->grants->nr_maptrack, 1);
}

TEST(test_batches, "batches and preemption")
{
	struct gnttab_unmap_grant_ref un[80];
	struct gnttab_map_grant_ref ops[80];
	s64 rc;

	for (u32 i = 0; i < 80; i++) {
		if (i != 40)
			grant(granter, i, mapper->id, 0);
		ops[i] = (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map,
							.ref = i,
							.dom = granter->id };
	}
	/* Preempted after ten, the rest as the continuation says. */
	sim.preempt_after = 10;
	rc = call(mapper, GNTTABOP_map_grant_ref, ops, 80);
	CU_ASSERT_EQUAL(rc, SIM_CONTINUED);
	CU_ASSERT_EQUAL(sim.continuation.op, __HYPERVISOR_grant_table_op);
	CU_ASSERT_EQUAL(sim.continuation.nargs, 3);
	CU_ASSERT_EQUAL(sim.continuation.args[1], (u64)(uintptr_t)(ops + 10));
	CU_ASSERT_EQUAL(sim.continuation.args[2], 70);
	CU_ASSERT_EQUAL(mapper->grants->mappings, 10);
	CU_ASSERT_EQUAL(resume(), 0);
	for (u32 i = 0; i < 80; i++) {
		CU_ASSERT_EQUAL(ops[i].status, i == 40 ? GNTST_general_error : GNTST_okay);
		un[i] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = ops[i].dev_bus_addr,
							 .handle = ops[i].handle };
	}
	un[40].handle = ~0U;
	sim.preempt_after = 50;
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, un, 80), SIM_CONTINUED);
	CU_ASSERT_EQUAL(sim.continuation.args[2], 30);
	/* Nothing is left half-way meanwhile. */
	CU_ASSERT_EQUAL(mapper->grants->mappings, 30);
	CU_ASSERT_EQUAL(resume(), 0);
	for (u32 i = 0; i < 80; i++)
		CU_ASSERT_EQUAL(un[i].status, i == 40 ? GNTST_bad_handle : GNTST_okay);
	CU_ASSERT_EQUAL(sim.tlb_flushes, 0);

	/* One flush for up to 32 of them. */
	for (u32 i = 0; i < 32; i++) {
		ops[i].flags = GNTMAP_host_map;
		ops[i].host_addr = 0x7000 + i * PAGE_SIZE;
	}
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_map_grant_ref, ops, 32), 0);
	for (u32 i = 0; i < 32; i++)
		un[i] = (struct gnttab_unmap_grant_ref){ .host_addr = ops[i].host_addr,
							 .handle = ops[i].handle };
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, un, 32), 0);
	CU_ASSERT_EQUAL(sim.tlb_flushes, 1);
	CU_ASSERT_EQUAL(sim.ptes, 0);

	/* One of them was touched: one. */
	sim.untouched = true;
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_map_grant_ref, ops, 32), 0);
	sim.pte[20].untouched = sim.untouched = false;
	for (u32 i = 0; i < 32; i++)
		un[i].handle = ops[i].handle;
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, un, 32), 0);
	CU_ASSERT_EQUAL(sim.tlb_flushes, 2);
	CU_ASSERT_EQUAL(mapper->grants->mappings, 0);

	/* Memory ends in the middle: what was done is complete. */
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_map_grant_ref, ops, 8), 0);
	for (u32 i = 0; i < 8; i++)
		un[i] = (struct gnttab_unmap_grant_ref){ .host_addr = ops[i].host_addr,
							 .handle = ops[i].handle };
	sim.bad = &un[4];
	sim.bad_end = &un[8];
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, un, 8), -EFAULT);
	CU_ASSERT_EQUAL(mapper->grants->mappings, 4);
	CU_ASSERT_EQUAL(sim.ptes, 4);
	sim.bad = sim.bad_end = NULL;
}

/* One flush for a batch, as large as kernels have them, and none for what was not touched. */
TEST(test_flushes, "flushes, and what is counted")
{
	static struct gnttab_map_grant_ref ops[600];
	static struct gnttab_unmap_grant_ref un[600];
	struct gnttab_copy c = { .source.u.ref = 0, .source.domid = granter->id,
				 .dest.u.ref = 1, .dest.domid = granter->id, .len = 100,
				 .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref };
	const struct { u32 n; bool untouched; unsigned flushes; } batch[] = {
		{ 1, false, 1 }, { 1, true, 0 }, { 512, false, 1 }, { 512, true, 0 },
		{ 600, false, 2 }, { 600, true, 0 },
	};
	struct grant_counters sum, want = { 0 };

	grant(granter, 0, dom0_->id, 0);
	grant(granter, 1, dom0_->id, 0);
	for (unsigned b = 0; b < ARRAY_SIZE(batch); b++) {
		u32 n = batch[b].n;

		for (u32 i = 0; i < n; i++)
			ops[i] = (struct gnttab_map_grant_ref){
				.flags = GNTMAP_host_map, .ref = i & 1, .dom = granter->id,
				.host_addr = 0x10000 + i * PAGE_SIZE };
		sim.untouched = batch[b].untouched;
		CU_ASSERT_EQUAL(call(dom0_, GNTTABOP_map_grant_ref, ops, n), 0);
		for (u32 i = 0; i < n; i++)
			un[i] = (struct gnttab_unmap_grant_ref){ .host_addr = ops[i].host_addr,
								 .handle = ops[i].handle };
		sim.tlb_flushes = 0;
		CU_ASSERT_EQUAL(call(dom0_, GNTTABOP_unmap_grant_ref, un, n), 0);
		CU_ASSERT_EQUAL(sim.tlb_flushes, batch[b].flushes);
		CU_ASSERT_EQUAL(dom0_->grants->mappings, 0);
		want.mapped += n;
		want.unmapped += n;
		want.untouched += batch[b].untouched ? n : 0;
		want.flushes += batch[b].flushes;
		want.flushes_avoided += batch[b].untouched;
	}
	CU_ASSERT_EQUAL(copy(dom0_, c).status, GNTST_okay);
	c.len = 5000;
	CU_ASSERT_NOT_EQUAL(copy(dom0_, c).status, GNTST_okay);
	want.copied = 1;
	want.copied_bytes = 100;
	CU_ASSERT_NOT_EQUAL(map(dom0_, granter->id, 9, GNTMAP_host_map, 0).status, GNTST_okay);
	CU_ASSERT_EQUAL(unmap(dom0_, 77, 0x7000, 0), GNTST_bad_handle);
	grant_counters_get(dom0_, &sum);
	CU_ASSERT_EQUAL(memcmp(&sum, &want, sizeof(sum)), 0);
	grant_counters_get(granter, &sum);
	CU_ASSERT_EQUAL(sum.mapped | sum.copied, 0);
}

TEST(test_replace, "unmap and replace")
{
	struct gnttab_unmap_and_replace op = { .host_addr = 0x7000, .new_addr = 0x9000 };

	grant(granter, 1, mapper->id, 0);
	op.handle = map(mapper, granter->id, 1, GNTMAP_host_map, 0x7000).handle;
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_and_replace, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_okay);
	CU_ASSERT_EQUAL(sim.ptes, 0);
	CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_and_replace, &op, 1), 0);
	CU_ASSERT_EQUAL(op.status, GNTST_bad_handle);
}

TEST(test_copy_hvm, "an HVM domain copies to and from its own frames by its own numbers")
{
	struct gnttab_copy op = { .source = { .u.ref = 1, .domid = granter->id },
				  .dest = { .u.gmfn = 77, .domid = DOMID_SELF }, .len = 4,
				  .flags = GNTCOPY_source_gref };
	mfn_t from = grant(granter, 1, mapper->id, GTF_readonly), own = sim_frame_of(mapper);

	mapper->p2m = (struct p2m *)mapper;
	hvm_frame = own;
	memcpy(mfn_to_va(from), "abc", 4);
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_okay);
	CU_ASSERT_STRING_EQUAL((char *)mfn_to_va(own), "abc");
	op.dest.u.gmfn = own;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_page);
	/* Not what is another's, wherever it may be. */
	hvm_frame = from;
	op.dest.u.gmfn = 77;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_page);
	CU_ASSERT_EQUAL(refs(own), 1);
	CU_ASSERT_EQUAL(refs(from), 1);
	mapper->p2m = NULL;
}

TEST(test_copy, "copy")
{
	mfn_t from, to, own;
	struct gnttab_copy op;

	from = grant(granter, 1, mapper->id, GTF_readonly);
	to = grant(dom0_, 2, mapper->id, 0);
	own = sim_frame_of(mapper);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		((u8 *)mfn_to_va(from))[i] = (u8)(i * 7);

	op = (struct gnttab_copy){ .source = { .u.ref = 1, .domid = granter->id, .offset = 100 },
				   .dest = { .u.ref = 2, .domid = dom0_->id, .offset = 4000 },
				   .len = 96,
				   .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref };
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_okay);
	CU_ASSERT_EQUAL(memcmp((u8 *)mfn_to_va(to) + 4000, (u8 *)mfn_to_va(from) + 100, 96), 0);
	CU_ASSERT_EQUAL(((u8 *)mfn_to_va(to))[3999], 0);
	CU_ASSERT_EQUAL(entry(dom0_, 2)->flags, GTF_permit_access);
	CU_ASSERT_EQUAL(entry(granter, 1)->flags, GTF_permit_access | GTF_readonly);

	/* Own frames on either side; overlapping. */
	op = (struct gnttab_copy){ .source = { .u.ref = 1, .domid = granter->id },
				   .dest = { .u.gmfn = own, .domid = DOMID_SELF }, .len = 4096,
				   .flags = GNTCOPY_source_gref };
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_okay);
	CU_ASSERT_EQUAL(memcmp(mfn_to_va(own), mfn_to_va(from), PAGE_SIZE), 0);
	op = (struct gnttab_copy){ .source = { .u.gmfn = own, .domid = DOMID_SELF },
				   .dest = { .u.gmfn = own, .domid = DOMID_SELF, .offset = 10 },
				   .len = 1000 };
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_okay);
	CU_ASSERT_EQUAL(memcmp((u8 *)mfn_to_va(own) + 10, mfn_to_va(from), 1000), 0);

	/*
	 * To a read-only grant, of a wrong domain, past the page, to a page table, from a frame
	 * that is not ours.
	 */
	op = (struct gnttab_copy){ .source = { .u.gmfn = own, .domid = DOMID_SELF },
				   .dest = { .u.ref = 1, .domid = granter->id },
				   .len = 8,
				   .flags = GNTCOPY_dest_gref };
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_general_error);
	op.dest.domid = 77;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_domain);
	op.dest.domid = granter->id;
	op.dest.u.ref = ~0U;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_gntref);
	op = (struct gnttab_copy){ .source = { .u.gmfn = own, .domid = DOMID_SELF, .offset = 4095 },
				   .dest = { .u.gmfn = own, .domid = DOMID_SELF }, .len = 2 };
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_copy_arg);
	op.source.offset = 0;
	op.dest.offset = 4095; /* one byte past the end, of either frame */
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_copy_arg);
	op.dest.offset = 0;
	op.source.offset = 0xffff;
	op.len = 0xffff;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_copy_arg);
	op.source.offset = 0;
	op.len = 8;
	op.dest.offset = 4090;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_copy_arg);
	op.dest.offset = 0;
	op.source.u.gmfn = from;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_page);
	op.source.u.gmfn = ~0ULL;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_page);
	op.source.u.gmfn = own;
	op.source.domid = granter->id;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_permission_denied);
	op.source.domid = DOMID_SELF;
	mfn_to_frame(own)->type = FT_L2 | FT_VALIDATED | 1;
	CU_ASSERT_EQUAL(copy(mapper, op).status, GNTST_bad_page);
	mfn_to_frame(own)->type = 0;
}

/* What memory/log_dirty.c would note: the last frame that was said to be written, and whose. */
static struct domain *log_domain;
static mfn_t log_mfn;

void log_dirty_mark(struct domain *d, mfn_t mfn)
{
	log_domain = d;
	log_mfn = mfn;
}

static unsigned written_by_grants;

static void count_written(u64 mfn, void *arg)
{
	written_by_grants += mfn == *(mfn_t *)arg;
}

TEST(test_log, "the log of written pages")
{
	struct gnttab_map_grant_ref op;
	struct gnttab_copy c = {
		.dest = { .u.ref = 2, .domid = granter->id },
		.source = { .u.gmfn = sim_frame_of(mapper), .domid = DOMID_SELF },
		.len = 8, .flags = GNTCOPY_dest_gref,
	};
	mfn_t w = grant(granter, 2, mapper->id, 0), r = grant(granter, 3, mapper->id, 0);

	granter->log_dirty = true;
	CU_ASSERT_EQUAL(copy(mapper, c).status, GNTST_okay);
	CU_ASSERT_TRUE(log_domain == granter && log_mfn == w);
	log_mfn = 0;
	/* Mapped to be read: nothing to note. To be written, by a device alone too: while it is. */
	op = map(mapper, granter->id, 3, GNTMAP_host_map | GNTMAP_readonly, 0x7000);
	CU_ASSERT_EQUAL(log_mfn, 0);
	grant_for_each_written(granter, count_written, &r);
	CU_ASSERT_EQUAL(written_by_grants, 0);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0x7000, 0), GNTST_okay);
	op = map(mapper, granter->id, 2, GNTMAP_device_map, 0);
	CU_ASSERT_TRUE(log_domain == granter && log_mfn == w);
	grant_for_each_written(granter, count_written, &w);
	CU_ASSERT_EQUAL(written_by_grants, 1);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, op.dev_bus_addr), GNTST_okay);
	grant_for_each_written(granter, count_written, &w);
	CU_ASSERT_EQUAL(written_by_grants, 1);
	granter->log_dirty = false;
}

TEST(test_hypercall, "the hypercall's arguments")
{
	for (unsigned cmd = 0; cmd < 12; cmd++)
		CU_ASSERT_EQUAL(call(granter, cmd, NULL, 1), -EFAULT);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_cache_flush, NULL, 1), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(call(granter, 13, NULL, 1), -ENOSYS);
	CU_ASSERT_EQUAL(call(granter, ~0U, NULL, 1), -ENOSYS);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_map_grant_ref, NULL, 0), 0);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_map_grant_ref, NULL, 0x80000000), -EINVAL);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_copy, NULL, ~0ULL), -EINVAL);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_setup_table, NULL, 2), -EINVAL);
	CU_ASSERT_EQUAL(call(granter, GNTTABOP_setup_table, NULL, 0), -EINVAL);

	struct gnttab_dump_table dump = { .dom = granter->id };

	CU_ASSERT_EQUAL(call(granter, GNTTABOP_dump_table, &dump, 1), 0);
	CU_ASSERT_EQUAL(dump.status, GNTST_permission_denied);
	CU_ASSERT_EQUAL(call(dom0_, GNTTABOP_dump_table, &dump, 1), 0);
	CU_ASSERT_EQUAL(dump.status, GNTST_okay);
}

struct visit {
	unsigned total, writable;
	mfn_t expect;
};

static void visit_mapping(mfn_t mfn, bool writable, void *arg)
{
	struct visit *v = arg;

	CU_ASSERT_EQUAL(mfn, v->expect);
	v->total++;
	v->writable += writable;
}

static void visit_frame(mfn_t mfn, void *arg)
{
	CU_ASSERT_EQUAL(mfn, va_to_mfn(granter->grants->frames[0]));
	(*(unsigned *)arg)++;
}

TEST(test_end_of_mapper, "the mapper ends")
{
	struct visit v = { 0 };
	unsigned n = 0;
	int rc;

	v.expect = grant(granter, 1, mapper->id, 0);
	for (unsigned i = 0; i < 200; i++)
		map(mapper, granter->id, 1, GNTMAP_device_map | (i % 2 ? GNTMAP_readonly : 0), 0);
	grant_for_each_mapping(mapper, visit_mapping, &v);
	CU_ASSERT_EQUAL(v.total, 200);
	CU_ASSERT_EQUAL(v.writable, 100);
	grant_for_each_frame(granter, visit_frame, &n);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(refs(v.expect), 201);
	CU_ASSERT_EQUAL(type_refs(v.expect), 100);
	grant_dump(granter);

	/* Interrupted, then finished. */
	mapper->dying = true;
	sim.preempt_after = 1;
	rc = grant_release_mappings(mapper);
	CU_ASSERT_EQUAL(rc, -ERESTART);
	CU_ASSERT_EQUAL(mapper->grants->mappings, 136);
	CU_ASSERT_EQUAL(grant_release_mappings(mapper), 0);
	CU_ASSERT_EQUAL(refs(v.expect), 1);
	CU_ASSERT_EQUAL(entry(granter, 1)->flags, GTF_permit_access);
}

TEST(test_end_of_granter, "the granter ends")
{
	struct gnttab_map_grant_ref op;
	mfn_t mfn, table;

	/* The granter goes first: its frame stays until the mapping ends. */
	mfn = grant(granter, 1, mapper->id, 0);
	op = map(mapper, granter->id, 1, GNTMAP_device_map, 0);
	granter->dying = true;
	sim_give_up(granter, mfn);
	CU_ASSERT_EQUAL(refs(mfn), 1);
	CU_ASSERT_EQUAL(unmap(mapper, op.handle, 0, op.dev_bus_addr), GNTST_okay);
	CU_ASSERT(!!(mfn_to_frame(mfn)->count & FC_FREE));

	/* A grant frame that dom0 still maps outlives its table. */
	table = va_to_mfn(granter->grants->frames[0]);
	CU_ASSERT(frame_get(mfn_to_frame(table), granter));
	grant_destroy(granter);
	CU_ASSERT(!(mfn_to_frame(table)->count & FC_FREE));
	frame_put(mfn_to_frame(table));
	CU_ASSERT(!!(mfn_to_frame(table)->count & FC_FREE));
	granter->dying = false;
	CU_ASSERT_EQUAL(grant_init(granter, 4, 2), 0);
}

/* A granter that rewrites its entries while two vCPUs of the mapper use them. */

static volatile bool stop;
static mfn_t good, page_table, foreign_frame;

static void *hostile_granter(void *arg)
{
	const u16 flags[] = { 0,
			      GTF_permit_access,
			      GTF_permit_access | GTF_readonly,
			      GTF_accept_transfer,
			      0xffff,
			      GTF_permit_access | GTF_reading | GTF_writing };
	const domid_t ids[] = { mapper->id, mapper->id, mapper->id, 0, 77 };
	const u32 targets[] = { (u32)good, (u32)good, (u32)page_table, (u32)foreign_frame, ~0U, 0 };
	unsigned seed = 4;

	while (!stop) {
		struct grant_entry_v1 *e = entry(granter, rand_r(&seed) % 4);

		WRITE_ONCE(e->flags, flags[rand_r(&seed) % ARRAY_SIZE(flags)]);
		WRITE_ONCE(e->domid, ids[rand_r(&seed) % ARRAY_SIZE(ids)]);
		WRITE_ONCE(e->frame, targets[rand_r(&seed) % ARRAY_SIZE(targets)]);
	}
	return NULL;
}

/* of either thread: also the other's, which may be gone by now */
static volatile u32 recent_handle;

static void *mapping_vcpu(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg, done = 0;

	sim_current = mapper->vcpu[0];
	/* On a busy machine the granter may not get to change anything for a while. */
	for (unsigned i = 0; i < 20000 || (!done && i < 100000000); i++) {
		u32 readonly = rand_r(&seed) % 2 ? GNTMAP_readonly : 0;
		struct gnttab_map_grant_ref m = { .flags = GNTMAP_device_map | readonly,
						  .ref = rand_r(&seed) % 4,
						  .dom = granter->id };
		struct gnttab_unmap_grant_ref u = { 0 };

		do_grant_table_op(GNTTABOP_map_grant_ref, (u64)(uintptr_t)&m, 1);
		if (m.status == GNTST_okay) {
			done++;
			recent_handle = m.handle;
		}
		u.handle = rand_r(&seed) % 4 ? recent_handle : m.handle;
		u.dev_bus_addr = (rand_r(&seed) % 4 ? good : page_table) << PAGE_SHIFT;
		do_grant_table_op(GNTTABOP_unmap_grant_ref, (u64)(uintptr_t)&u, 1);
	}
	return (void *)(uintptr_t)done;
}

TEST(test_races, "entries that change meanwhile")
{
	pthread_t g, m[2];
	void *done[2];

	good = sim_frame_of(granter);
	page_table = sim_frame_of(granter);
	foreign_frame = sim_frame_of(dom0_);
	mfn_to_frame(page_table)->type = FT_L4 | FT_VALIDATED | 1;
	stop = false;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&g, NULL, hostile_granter, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&m[i], NULL, mapping_vcpu, (void *)(uintptr_t)(i + 1)), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(m[i], &done[i]);
	stop = true;
	pthread_join(g, NULL);
	CU_ASSERT(done[0] && done[1]);
	/*
	 * Nobody ever got a frame that was not the granter's to give, or to write where it must not
	 * be.
	 */
	CU_ASSERT_EQUAL(refs(foreign_frame), 1);
	CU_ASSERT_EQUAL(mfn_to_frame(page_table)->type, FT_L4 | FT_VALIDATED | 1);
	mfn_to_frame(page_table)->type = 0;
}

/* What one operation does by the short way, a list of many does by the long one. */
#define MANY 24
static void one_and_many(bool lists, unsigned seed, struct gnttab_map_grant_ref *m,
			 struct gnttab_unmap_grant_ref *u, struct gnttab_copy *c)
{
	teardown();
	setup();
	for (u32 ref = 1; ref < 8; ref++)
		grant(granter, ref, ref < 7 ? mapper->id : dom0_->id, ref & 1 ? GTF_readonly : 0);
	for (unsigned i = 0; i < MANY; i++) {
		m[i] = (struct gnttab_map_grant_ref){ .flags = (u32)rand_r(&seed) % 8,
						      .ref = (u32)rand_r(&seed) % 10,
						      .dom = rand_r(&seed) % 8 ? granter->id : 77,
						      .host_addr = 0x10000 + i * PAGE_SIZE,
						      .status = 99 };
		c[i] = (struct gnttab_copy){
			.source = { .u.ref = (u32)rand_r(&seed) % 10, .domid = granter->id },
			.dest = { .u.ref = (u32)rand_r(&seed) % 10, .domid = granter->id },
			.len = (u16)(rand_r(&seed) % 5000),
			.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref, .status = 99,
		};
		if (!lists)
			CU_ASSERT_EQUAL(call(mapper, GNTTABOP_map_grant_ref, &m[i], 1), 0);
	}
	for (unsigned i = 0; !lists && i < MANY; i++)
		CU_ASSERT_EQUAL(call(mapper, GNTTABOP_copy, &c[i], 1), 0);
	if (lists) {
		CU_ASSERT_EQUAL(call(mapper, GNTTABOP_map_grant_ref, m, MANY), 0);
		CU_ASSERT_EQUAL(call(mapper, GNTTABOP_copy, c, MANY), 0);
	}
	/* Each part of each mapping in some order, some of them twice, some of them wrongly. */
	for (unsigned i = 0; i < 4 * MANY; i++) {
		const struct gnttab_map_grant_ref *of = &m[(unsigned)rand_r(&seed) % MANY];

		if (i >= 3 * MANY)
			of = &m[i - 3 * MANY];
		u[i] = (struct gnttab_unmap_grant_ref){
			.handle = of->status == GNTST_okay ? of->handle : (u32)rand_r(&seed),
			.host_addr = i >= 3 * MANY || rand_r(&seed) % 3 ? of->host_addr : 0,
			.dev_bus_addr = i >= 3 * MANY || rand_r(&seed) % 3 ? of->dev_bus_addr : 0,
			.status = 99
		};
		if (!lists)
			CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, &u[i], 1), 0);
	}
	if (lists)
		CU_ASSERT_EQUAL(call(mapper, GNTTABOP_unmap_grant_ref, u, 4 * MANY), 0);
}

TEST(test_one_and_many, "one by one and in lists")
{
	static struct gnttab_map_grant_ref m[2][MANY];
	static struct gnttab_unmap_grant_ref u[2][4 * MANY];
	static struct gnttab_copy c[2][MANY];
	unsigned mapped = 0, unmapped = 0, copied = 0;

	for (unsigned seed = 1; seed <= 50; seed++) {
		for (unsigned i = 0; i < 2; i++)
			one_and_many(i, seed, m[i], u[i], c[i]);
		for (unsigned i = 0; i < MANY; i++) {
			CU_ASSERT_EQUAL(m[0][i].status, m[1][i].status);
			CU_ASSERT_EQUAL(m[0][i].handle, m[1][i].handle);
			CU_ASSERT_EQUAL(m[0][i].dev_bus_addr, m[1][i].dev_bus_addr);
			CU_ASSERT_EQUAL(c[0][i].status, c[1][i].status);
			mapped += m[0][i].status == GNTST_okay;
			copied += c[0][i].status == GNTST_okay;
		}
		for (unsigned i = 0; i < 4 * MANY; i++) {
			CU_ASSERT_EQUAL(u[0][i].status, u[1][i].status);
			unmapped += u[0][i].status == GNTST_okay;
		}
	}
	CU_ASSERT(mapped > 100 && unmapped > 100 && copied > 20);
}

SUITE("grant", .begin = setup, .end = teardown)
