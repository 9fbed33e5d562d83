// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/memory_op.c tests/unit/sim/sim.c
/*
 * memory_op: reservations grow and shrink, exchanges swap or change nothing, maps and resources
 * answer whom they may, and a hostile guest's numbers get an errno. Frames and allocations are
 * counted after each test.
 */
#include "suite.h"
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "domain/grant_table.h"
#include "domain/memory_op.h"
#include "memory/e820.h"
#include "memory/heap.h"
#include "memory/m2p.h"
#include "memory/paging.h"
#include "pv-abi/errno.h"
#include "pv-abi/memory.h"
#include "sim.h"

struct e820_map machine_e820 = { 2,
				 { { 0, 0x9f000, E820_RAM }, { 0x100000, 0xf00000, E820_RAM } } };

static struct domain *dom_a, *dom_b, *privileged;
static struct grant_table grants = { .max_frames = 4 };

/* An M2P of one 2 MiB page at mfn 512, as the hypervisor's tables have it. */
u64 *idle_root(void)
{
	static u64 __aligned(4096) l4[512];
	u64 *l3 = mfn_to_va(2000), *l2 = mfn_to_va(2001);

	l4[pt_slot(M2P_RW_START, 4)] = pte_make(2000, PTE_P);
	l3[pt_slot(M2P_RW_START, 3)] = pte_make(2001, PTE_P);
	l2[pt_slot(M2P_RW_START, 2)] = pte_make(512, PTE_P | PTE_PS);
	return l4;
}

int grant_frame_mfn(struct domain *d, unsigned n, bool status, mfn_t *mfn)
{
	if (status || n >= d->grants->max_frames)
		return -EINVAL;
	*mfn = 900 + n;
	return 0;
}

int heap_claim(struct domain *d, u64 pages)
{
	if (pages > d->max_pages)
		return -EINVAL;
	d->claimed_pages = pages;
	return 0;
}

static void setup(void)
{
	sim_reset();
	privileged = sim_domain(0, 1, true);
	dom_a = sim_domain(5, 1, false);
	dom_b = sim_domain(6, 1, false);
	privileged->max_pages = dom_a->max_pages = dom_b->max_pages = 1024;
	dom_b->grants = &grants;
	sim_current = dom_a->vcpu[0];
}

static void teardown(void)
{
	CU_ASSERT_EQUAL(dom_a->refs, 1);
	CU_ASSERT_EQUAL(dom_b->refs, 1);
	CU_ASSERT_EQUAL(privileged->refs, 1);
	CU_ASSERT_EQUAL(sim.objects, 0);
	sim_reset();
}

static s64 call_as(struct domain *d, u64 cmd, void *arg)
{
	sim_current = d->vcpu[0];
	return do_memory_op(cmd, (u64)(uintptr_t)arg);
}

static s64 call(u64 cmd, void *arg)
{
	return call_as(dom_a, cmd, arg);
}

static struct xen_memory_reservation reservation(void *list, u64 n, u32 order)
{
	return (struct xen_memory_reservation){
		.extent_start = (u64)(uintptr_t)list,
		.nr_extents = n,
		.extent_order = order,
		.domid = DOMID_SELF,
	};
}

/* `n` frames for dom_a; list[i] becomes the mfn of pfn 100 + i. */
static void populate(u64 *list, u64 n)
{
	struct xen_memory_reservation r = reservation(list, n, 0);

	for (u64 i = 0; i < n; i++)
		list[i] = 100 + i;
	CU_ASSERT_EQUAL_FATAL(call(XENMEM_populate_physmap, &r), (s64)n);
}

TEST(test_grow_and_shrink, "grow and shrink")
{
	struct xen_memory_reservation r;
	u64 list[8];

	populate(list, 8);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 8);
	for (unsigned i = 0; i < 8; i++) {
		CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(list[i])), dom_a);
		CU_ASSERT_EQUAL(sim.pfn[list[i]], 100 + i);
	}
	r = reservation(list, 8, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 8);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 0);
	CU_ASSERT_EQUAL(sim.pfn[list[3]], M2P_INVALID);
	/* They are gone: nothing is left to give. */
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 0);

	r = reservation(list, 2, 2);
	CU_ASSERT_EQUAL(call(XENMEM_increase_reservation, &r), 2);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 8);
	CU_ASSERT_EQUAL(list[0] % 4, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 2);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 0);
}

TEST(test_limits, "limits and bad numbers")
{
	struct xen_memory_reservation r;
	u64 list[8] = { 0 };

	dom_a->max_pages = 3;
	r = reservation(list, 8, 0);
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap, &r), 3);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 3);
	r = reservation(list, 1, 10);
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap, &r), -EINVAL);
	r = reservation(list, 1, ~0U);
	CU_ASSERT_EQUAL(call(XENMEM_increase_reservation, &r), -EINVAL);
	r = reservation(list, ~0ULL, 0);
	CU_ASSERT_EQUAL(call(XENMEM_increase_reservation, &r), -EINVAL);
	r = reservation(NULL, 1, 0);
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap, &r), -EFAULT);
	r = reservation(list, 1, 0);
	r.mem_flags = XENMEMF_populate_on_demand;
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap, &r), -EINVAL);
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap, NULL), -EFAULT);
	/* A continued call that never began, and one past its end. */
	r = reservation(list, 8, 0);
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap | 9ULL << 6, &r), 9);
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap | ~0ULL << 6, &r), (s64)(~0ULL >> 6));
	CU_ASSERT_EQUAL(call(XENMEM_maximum_ram_page | 1ULL << 6, &r), -EINVAL);
	r = reservation(list, 3, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 3);
}

/* The answer cannot be written: the frame must not stay with the domain, unknown to it. */
TEST(test_unwritable_list, "an unwritable list")
{
	static const u64 list[2] = { 1, 2 };
	struct xen_memory_reservation r = reservation((void *)(uintptr_t)list, 2, 0);

	sim.bad = &list[1];
	sim.bad_end = &list[2];
	r.extent_start = 0x10;
	CU_ASSERT_EQUAL(call(XENMEM_increase_reservation, &r), -EFAULT);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 0);
}

static mfn_t lost;

/*
 * Another vCPU of dom_a's does not wait for the answer: it gives the frame back, dom_b gets it and
 * says where it has it.
 */
static void lose_it(void)
{
	struct xen_memory_reservation r;

	for (lost = 1; lost < SIM_FRAMES && frame_owner(mfn_to_frame(lost)) != dom_a; lost++)
		;
	CU_ASSERT_NOT_EQUAL_FATAL(lost, SIM_FRAMES);
	r = reservation(&lost, 1, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 1);
	CU_ASSERT_EQUAL_FATAL(sim_frame_of(dom_b), lost);
	sim.pfn[lost] = 77;
}

/* What must not stay with the domain may be its no more: only what still is gets taken back. */
TEST(test_lost_before_the_answer, "frames lost before the answer")
{
	struct xen_memory_reservation r = reservation((void *)0x10, 1, 0);

	sim.at_fault = lose_it;
	CU_ASSERT_EQUAL(call(XENMEM_increase_reservation, &r), -EFAULT);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 0);
	CU_ASSERT_EQUAL(dom_b->tot_pages, 1);
	CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(lost)), dom_b);
	CU_ASSERT_EQUAL(mfn_to_frame(lost)->count, FC_ALLOCATED | 1);
	CU_ASSERT_EQUAL(sim.pfn[lost], 77);
	r = reservation(&lost, 1, 0);
	CU_ASSERT_EQUAL(call_as(dom_b, XENMEM_decrease_reservation, &r), 1);
}

TEST(test_not_ones_own, "frames of others")
{
	struct xen_memory_reservation r;
	u64 mfn[4];

	mfn[0] = sim_frame_of(dom_b);
	mfn[1] = ~0ULL;
	mfn[2] = SIM_FRAMES;
	mfn[3] = 0;
	for (unsigned i = 0; i < 4; i++) {
		r = reservation(&mfn[i], 1, 0);
		CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 0);
	}
	/* A frame of the hypervisor's that the domain may only use */
	mfn[3] = frame_to_mfn(heap_alloc_hv(ALLOC_SHARED, 0));
	frame_share(mfn_to_frame(mfn[3]), dom_a, FRAME_SHARE_RW);
	m2p_set(mfn[3], M2P_SHARED);
	r = reservation(&mfn[3], 1, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 0);
	CU_ASSERT_EQUAL(sim.pfn[mfn[3]], M2P_SHARED);
	CU_ASSERT_EQUAL(frame_unshare(mfn_to_frame(mfn[3])), 0);
	heap_free_hv(ALLOC_SHARED, mfn_to_frame(mfn[3]), 0);
	mfn[3] = 0;
	/* An extent that wraps around, and one that begins well and ends in somebody else's. */
	r = reservation(&mfn[1], 1, 3);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 0);
	CU_ASSERT_EQUAL(dom_b->tot_pages, 1);
	/* Other domains are the control domain's business. */
	r = reservation(mfn, 1, 0);
	r.domid = dom_b->id;
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), -EPERM);
	r.domid = 77;
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_decrease_reservation, &r), -ESRCH);
	r.domid = dom_b->id;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_decrease_reservation, &r), 1);
	CU_ASSERT_EQUAL(dom_b->tot_pages, 0);
}

TEST(test_preemption, "preemption")
{
	struct xen_memory_reservation r;
	u64 list[6] = { 0 };

	r = reservation(list, 6, 0);
	sim.preempt_after = 2;
	CU_ASSERT_EQUAL(call(XENMEM_populate_physmap, &r), SIM_CONTINUED);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 2);
	CU_ASSERT_EQUAL(sim.continuation.op, __HYPERVISOR_memory_op);
	CU_ASSERT_EQUAL(sim.continuation.args[0], XENMEM_populate_physmap | 2 << 6);
	sim.preempt_after = 0;
	CU_ASSERT_EQUAL(call(sim.continuation.args[0], &r), 6);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 6);
	r = reservation(list, 6, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 6);
}

/* swiotlb's two uses: scattered frames for a contiguous extent, and back. */
TEST(test_exchange, "exchange")
{
	u64 list[4], out = 500, back[4] = { 600, 601, 602, 603 };
	struct xen_memory_exchange x;
	struct xen_memory_reservation r;

	populate(list, 4);
	x = (struct xen_memory_exchange){ reservation(list, 4, 0), reservation(&out, 1, 2), 0 };
	CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), 0);
	CU_ASSERT_EQUAL(x.nr_exchanged, 4);
	CU_ASSERT_EQUAL(out % 4, 0);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 4);
	for (unsigned i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(sim.pfn[out + i], 500 + i);
		CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(out + i)), dom_a);
	}
	x = (struct xen_memory_exchange){ reservation(&out, 1, 2), reservation(back, 4, 0), 0 };
	CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), 0);
	CU_ASSERT_EQUAL(x.nr_exchanged, 1);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(sim.pfn[back[i]], 600 + i);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 4);
	r = reservation(back, 4, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 4);
}

TEST(test_exchange_undone, "a failed exchange changes nothing")
{
	u64 list[4], out = 500;
	struct xen_memory_exchange x;
	struct xen_memory_reservation r;

	populate(list, 4);
	/* The last one is in use. */
	CU_ASSERT_TRUE_FATAL(frame_get(mfn_to_frame(list[3]), dom_a));
	x = (struct xen_memory_exchange){ reservation(list, 4, 0), reservation(&out, 1, 2), 0 };
	CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), -EBUSY);
	CU_ASSERT_EQUAL(x.nr_exchanged, 0);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 4);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_PTR_EQUAL(frame_owner(mfn_to_frame(list[i])), dom_a);
	frame_put(mfn_to_frame(list[3]));
	/* No memory for the new extent. */
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), -ENOMEM);
	sim.allocs_left = -1;
	CU_ASSERT_EQUAL(dom_a->tot_pages, 4);
	/* The same frame twice. */
	u64 twice[4] = { list[0], list[0], list[1], list[2] };

	x.in.extent_start = (u64)(uintptr_t)twice;
	CU_ASSERT_TRUE(call(XENMEM_exchange, &x) < 0);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 4);
	r = reservation(list, 4, 0);
	CU_ASSERT_EQUAL(call(XENMEM_decrease_reservation, &r), 4);
}

TEST(test_exchange_hostile, "hostile exchanges")
{
	u64 list[4] = { 0 }, out = 500;
	const struct xen_memory_exchange good = { reservation(list, 4, 0), reservation(&out, 1, 2),
						  0 };
	struct xen_memory_exchange x;

#define REFUSED(change)                                              \
	do {                                                         \
		x = good;                                            \
		change;                                              \
		CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), -EINVAL); \
	} while (0)
	REFUSED(x.nr_exchanged = 1);
	REFUSED(x.nr_exchanged = 5);
	REFUSED(x.nr_exchanged = ~0ULL);
	REFUSED(x.nr_exchanged = ~0ULL << 2);
	REFUSED(x.in.extent_order = 64);
	REFUSED(x.out.extent_order = 10);
	REFUSED(x.in.nr_extents = 5);
	REFUSED(x.in.nr_extents = ~0ULL);
	REFUSED((x.in.nr_extents = 1ULL << 63, x.in.extent_order = 1, x.out.nr_extents = 0));
	REFUSED(x.out.domid = dom_a->id);
#undef REFUSED
	x = good;
	x.in.domid = x.out.domid = dom_b->id;
	CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), -EPERM);
	x = good;
	x.nr_exchanged = 4;
	CU_ASSERT_EQUAL(call(XENMEM_exchange, &x), 0);
	CU_ASSERT_EQUAL(dom_a->tot_pages, 0);
}

TEST(test_memory_map, "memory maps")
{
	struct memory_range range = { 0, 0x800000, E820_RAM }, got[4];
	struct xen_foreign_memory_map set = { .domid = 5, .map = { 1, (u64)(uintptr_t)&range } };
	struct xen_memory_map map = { 4, (u64)(uintptr_t)got };

	CU_ASSERT_EQUAL(call(XENMEM_memory_map, &map), -ENOSYS);
	CU_ASSERT_EQUAL(call(XENMEM_set_memory_map, &set), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_set_memory_map, &set), 0);
	CU_ASSERT_EQUAL(call(XENMEM_memory_map, &map), 0);
	CU_ASSERT_EQUAL(map.nr_entries, 1);
	CU_ASSERT_EQUAL(got[0].size, 0x800000);
	set.map.nr_entries = 129;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_set_memory_map, &set), -EINVAL);
	set.map.nr_entries = 0;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_set_memory_map, &set), -EINVAL);
	zfree(dom_a->memory_map);
	dom_a->memory_map = NULL;

	map.nr_entries = 4;
	CU_ASSERT_EQUAL(call(XENMEM_machine_memory_map, &map), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_machine_memory_map, &map), 0);
	CU_ASSERT_EQUAL(map.nr_entries, 2);
	CU_ASSERT_EQUAL(got[1].start, 0x100000);
	map.nr_entries = 1;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_machine_memory_map, &map), -EINVAL);
}

TEST(test_questions, "questions")
{
	struct xen_memory_domain q = { DOMID_SELF };
	struct xen_machphys_mapping m;
	struct xen_machphys_mfn_list l;
	u64 extents[4];

	CU_ASSERT_EQUAL(call(XENMEM_current_reservation, &q), 0);
	CU_ASSERT_EQUAL(call(XENMEM_maximum_reservation, &q), 1024);
	dom_a->shared_info->arch.max_pfn = ~0ULL;
	CU_ASSERT_TRUE(call(XENMEM_maximum_gpfn, &q) > 0);
	q.domid = dom_b->id;
	CU_ASSERT_EQUAL(call(XENMEM_current_reservation, &q), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_current_reservation, &q), 0);
	CU_ASSERT_EQUAL(call(XENMEM_maximum_ram_page, NULL), SIM_FRAMES);
	CU_ASSERT_EQUAL(call(XENMEM_machphys_mapping, &m), 0);
	CU_ASSERT_EQUAL(m.v_start, M2P_RO_START);
	CU_ASSERT_EQUAL(m.max_mfn, SIM_FRAMES - 1);
	l = (struct xen_machphys_mfn_list){ .max_extents = 4,
					    .extent_start = (u64)(uintptr_t)extents };
	CU_ASSERT_EQUAL(call(XENMEM_machphys_mfn_list, &l), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_machphys_mfn_list, &l), 0);
	CU_ASSERT_EQUAL(l.nr_extents, 1);
	CU_ASSERT_EQUAL(extents[0], 512);
	CU_ASSERT_EQUAL(call(XENMEM_add_to_physmap, NULL), -EACCES);
	CU_ASSERT_EQUAL(call(XENMEM_machphys_compat_mfn_list, &l), -EPERM);
	CU_ASSERT_EQUAL(call(63, NULL), -ENOSYS);
}

TEST(test_resources, "resources")
{
	u64 frames[4] = { 0 };
	struct xen_mem_acquire_resource r = { .domid = 6, .type = XENMEM_resource_grant_table };

	CU_ASSERT_EQUAL(call(XENMEM_acquire_resource, &r), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), 0);
	CU_ASSERT_EQUAL(r.nr_frames, 4);
	r.frame_list = (u64)(uintptr_t)frames;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), 0);
	CU_ASSERT_EQUAL(frames[3], 903);
	r.frame = 1;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), -EINVAL);
	r.frame = ~0ULL - 1;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), -EINVAL);
	r.frame = 0;
	r.id = XENMEM_resource_grant_table_id_status;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), -EINVAL);
	r.type = XENMEM_resource_ioreq_server;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), -EOPNOTSUPP);
	r.domid = 77;
	r.type = XENMEM_resource_grant_table;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_acquire_resource, &r), -ESRCH);
}

TEST(test_claims, "claims")
{
	struct xen_memory_reservation r = { .nr_extents = 100, .domid = 5 };

	CU_ASSERT_EQUAL(call(XENMEM_claim_pages, &r), -EPERM);
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_claim_pages, &r), 0);
	CU_ASSERT_EQUAL(dom_a->claimed_pages, 100);
	r.extent_order = 1;
	CU_ASSERT_EQUAL(call_as(privileged, XENMEM_claim_pages, &r), -EINVAL);
}

SUITE("memory_op", .begin = setup, .end = teardown)
