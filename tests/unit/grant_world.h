/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A granter, a mapper and the calls that they make. After each test nothing is left. */
#ifndef ANNULUS_TESTS_UNIT_GRANT_WORLD_H
#define ANNULUS_TESTS_UNIT_GRANT_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "sim.h"

#include "cpu/cpu.h"
#include "domain/grant_table.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

static struct domain *granter, *mapper, *dom0_;

static inline void setup(void)
{
	sim_reset();
	dom0_ = sim_domain(0, 1, true);
	granter = sim_domain(5, 1, false);
	mapper = sim_domain(6, 1, false);
	CU_ASSERT_EQUAL_FATAL(grant_init(dom0_, 0, 0), 0);
	CU_ASSERT_EQUAL_FATAL(grant_init(granter, 4, 2), 0);
	CU_ASSERT_EQUAL_FATAL(grant_init(mapper, 4, 2), 0);
}

static inline void teardown(void)
{
	struct domain *all[] = { granter, mapper, dom0_ };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		all[i]->dying = true;
		CU_ASSERT_EQUAL(grant_release_mappings(all[i]), 0);
		CU_ASSERT_EQUAL(all[i]->grants->mappings, 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct grant_table *gt = all[i]->grants;

		for (u32 ref = 0; ref < gt->nr_frames * GRANTS_PER_FRAME; ref++)
			CU_ASSERT_EQUAL(
				gt->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME].users,
				0);
		grant_destroy(all[i]);
		grant_destroy(all[i]);
		CU_ASSERT_EQUAL(all[i]->refs, 1);
	}
	/* Only the domains' own references are left. */
	for (mfn_t m = 1; m < SIM_FRAMES; m++) {
		if (mfn_to_frame(m)->count & FC_ALLOCATED) {
			CU_ASSERT_EQUAL(mfn_to_frame(m)->count & FC_COUNT_MASK, 1);
			CU_ASSERT_EQUAL(mfn_to_frame(m)->type & FT_COUNT_MASK, 0);
		}
	}
	CU_ASSERT_EQUAL(sim.objects, 0);
	sim_reset();
}

static inline s64 call(struct domain *d, unsigned cmd, void *arg, u64 count)
{
	sim_current = d->vcpu[0];
	return do_grant_table_op(cmd, (u64)(uintptr_t)arg, count);
}

/* What hypercall_continue() arranged. */
static inline s64 resume(void)
{
	return do_grant_table_op(sim.continuation.args[0], sim.continuation.args[1],
				 sim.continuation.args[2]);
}

static inline struct grant_entry_v1 *entry(struct domain *d, u32 ref)
{
	return &d->grants->frames[ref / 512][ref % 512];
}

/* Let `to` use a fresh frame of d's as `ref`. */
static inline mfn_t grant(struct domain *d, u32 ref, domid_t to, u16 flags)
{
	mfn_t mfn = sim_frame_of(d);

	*entry(d, ref) = (struct grant_entry_v1){ .flags = GTF_permit_access | flags,
						  .domid = to,
						  .frame = (u32)mfn };
	return mfn;
}

static inline struct gnttab_map_grant_ref map(struct domain *d, domid_t from, u32 ref, u32 flags,
				       u64 host_addr)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = host_addr, .flags = flags, .ref = ref, .dom = from, .status = 99
	};

	CU_ASSERT_EQUAL(call(d, GNTTABOP_map_grant_ref, &op, 1), 0);
	return op;
}

static inline s16 unmap(struct domain *d, u32 handle, u64 host_addr, u64 dev_bus_addr)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = host_addr, .dev_bus_addr = dev_bus_addr, .handle = handle, .status = 99
	};

	CU_ASSERT_EQUAL(call(d, GNTTABOP_unmap_grant_ref, &op, 1), 0);
	return op.status;
}

static inline struct gnttab_copy copy(struct domain *d, struct gnttab_copy op)
{
	op.status = 99;
	CU_ASSERT_EQUAL(call(d, GNTTABOP_copy, &op, 1), 0);
	return op;
}

static inline u64 refs(mfn_t mfn)
{
	return mfn_to_frame(mfn)->count & FC_COUNT_MASK;
}

static inline u64 type_refs(mfn_t mfn)
{
	return mfn_to_frame(mfn)->type & FT_COUNT_MASK;
}

#endif
