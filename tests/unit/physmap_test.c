// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/memory/p2m.c hypervisor/domain/physmap.c hypervisor/domain/memory_op.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// memory_op on an HVM domain, by itself and by dom0: its frames are named by its own numbers only,
// and dom0 maps them by these.

#include "mmu_fixture.h"
#include "suite.h"
#include "domain/grant.h"
#include "domain/memory_op.h"
#include "domain/physmap.h"
#include "memory/e820.h"
#include "memory/m2p.h"
#include "memory/p2m.h"
#include "pv-abi/memory.h"

#define LIMIT BIT(P2M_GFN_BITS)

struct e820_map machine_e820;
static struct space s;
static mfn_t shared, grant_frames[3];
static struct shared_info *given;

int grant_frame_mfn(struct domain *d, unsigned n, bool status, mfn_t *mfn)
{
	if (status || n >= ARRAY_SIZE(grant_frames))
		return -EINVAL;
	*mfn = grant_frames[n];
	return 0;
}

static mfn_t share(void)
{
	struct frame *f = heap_alloc_hv(ALLOC_SHARED, 0);

	frame_share(f, guest, FRAME_SHARE_RW);
	return frame_to_mfn(f);
}

static void unshare(mfn_t mfn)
{
	CU_ASSERT_EQUAL(frame_unshare(mfn_to_frame(mfn)), 0);
	heap_free_hv(ALLOC_SHARED, mfn_to_frame(mfn), 0);
}

static void begin(void)
{
	fixture_begin();
	guest->max_pages = other->max_pages = 2048;
	CU_ASSERT_EQUAL(p2m_create(guest), 0);
	shared = share();
	given = guest->shared_info;
	guest->shared_info = mfn_to_va(shared);
	for (unsigned i = 0; i < ARRAY_SIZE(grant_frames); i++)
		grant_frames[i] = share();
}

static void end(void)
{
	CU_ASSERT_EQUAL(audit(), 0);
	guest->dying = true;
	while (p2m_relinquish(guest))
		;
	p2m_destroy(guest);
	guest->shared_info = given;
	unshare(shared);
	for (unsigned i = 0; i < ARRAY_SIZE(grant_frames); i++)
		unshare(grant_frames[i]);
	fixture_end();
}

static s64 reservation(unsigned op, domid_t domid, u64 *list, u64 n, unsigned order)
{
	struct xen_memory_reservation r = {
		.extent_start = (u64)list, .nr_extents = n, .extent_order = order, .domid = domid,
	};

	return do_memory_op(op, (u64)&r);
}

static s64 add(domid_t domid, unsigned space, u64 idx, gfn_t gfn)
{
	struct xen_add_to_physmap a = { .domid = domid, .space = space, .idx = idx, .gpfn = gfn };

	return do_memory_op(XENMEM_add_to_physmap, (u64)&a);
}

static s64 take_out(domid_t domid, gfn_t gfn)
{
	struct xen_remove_from_physmap a = { .domid = domid, .gpfn = gfn };

	return do_memory_op(XENMEM_remove_from_physmap, (u64)&a);
}

/* Somebody else, between a look at where a frame is and what follows. */
static void (*meanwhile)(void);

pfn_t m2p_get(mfn_t mfn)
{
	pfn_t pfn = mfn < SIM_FRAMES ? sim.pfn[mfn] : M2P_INVALID;
	void (*fn)(void) = meanwhile;

	meanwhile = NULL;
	if (fn)
		fn();
	return pfn;
}

static mfn_t at(gfn_t gfn)
{
	return p2m_lookup(guest, gfn, NULL);
}

TEST(test_populate, "memory comes where it is wanted, and its frames' numbers stay with us")
{
	u64 list[] = { 4, 0x40000, 1024 };

	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 2, 2), 2);
	CU_ASSERT_EQUAL(list[0], 4);
	CU_ASSERT_EQUAL(list[1], 0x40000);
	CU_ASSERT_EQUAL(guest->tot_pages, 8);
	for (u64 i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(m2p_get(at(4 + i)), 4 + i);
		CU_ASSERT_EQUAL(m2p_get(at(0x40000 + i)), 0x40000 + i);
	}
	CU_ASSERT_EQUAL(at(3), INVALID_MFN);
	CU_ASSERT_EQUAL(at(8), INVALID_MFN);
	/* 2 MiB at once, and where a table is already. */
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, &list[2], 1, 9), 1);
	CU_ASSERT_EQUAL(at(1535), at(1024) + 511);
	list[0] = 0x40200;
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 1, 0), 1);
	list[0]++;
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 1, 9), 1);
	CU_ASSERT_EQUAL(at(0x40400), at(0x40201) + 511);
	CU_ASSERT_EQUAL(do_memory_op(XENMEM_maximum_gpfn, (u64)&(domid_t){ DOMID_SELF }), 0x40400);
	CU_ASSERT_EQUAL(guest->tot_pages, 8 + 512 + 513);
}

TEST(test_no_large, "where large pages are none, 2 MiB are 512 pages")
{
	u64 list[] = { 512, 1024, 1536 }, tables;

	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 1, 9), 1);
	tables = guest->p2m->tables;
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list + 1, 1, 9), 1);
	CU_ASSERT_EQUAL(guest->p2m->tables, tables);
	p2m_use_ept(false, false);
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list + 2, 1, 9), 1);
	CU_ASSERT_EQUAL(guest->p2m->tables, tables + 1);
	CU_ASSERT_EQUAL(at(2047), at(1536) + 511);
	p2m_use_ept(false, true);
}

TEST(test_populate_refused, "memory that cannot come leaves nothing behind")
{
	u64 bad[] = { LIMIT, ~0ULL, LIMIT - 1, 6, 0 }, had;
	unsigned orders[] = { 0, 0, 1, 2, 10 };
	u64 list[] = { 8 };

	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 1, 0), 1);
	had = heap_free_frames() + guest->p2m->tables;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		s64 r = reservation(XENMEM_populate_physmap, DOMID_SELF, &bad[i], 1, orders[i]);

		/* None done; the largest is more than any guest may ask for. */
		CU_ASSERT_EQUAL(r, orders[i] == 10 ? -EINVAL : 0);
		CU_ASSERT_EQUAL(guest->tot_pages, 1);
		CU_ASSERT_EQUAL(heap_free_frames() + guest->p2m->tables, had);
	}
	CU_ASSERT_EQUAL(at(6), INVALID_MFN);
	CU_ASSERT_EQUAL(at(7), INVALID_MFN);
	sim_current = dom0->vcpu[0];
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, guest->id, &bad[4], 1, 12), 0);
	/* It may not have more. */
	guest->max_pages = 2;
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, guest->id, (u64[]){ 16 }, 1, 1), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
	CU_ASSERT_EQUAL(at(16), INVALID_MFN);
	/* What has no number there has none. */
	CU_ASSERT_EQUAL(reservation(XENMEM_increase_reservation, guest->id, NULL, 1, 0), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
}

TEST(test_release, "memory is given back by its number, once")
{
	u64 list[] = { 1024 }, back[] = { 1027, 1029, 1027 };
	mfn_t m;

	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 1, 9), 1);
	m = at(1027);
	flushed = 0;
	CU_ASSERT_EQUAL(reservation(XENMEM_decrease_reservation, DOMID_SELF, back, 3, 0), 2);
	CU_ASSERT_EQUAL(guest->tot_pages, 510);
	/* Whoever runs it has forgotten them when the call is over. */
	CU_ASSERT_EQUAL(flushed & 1, 1);
	CU_ASSERT_EQUAL(at(1027), INVALID_MFN);
	CU_ASSERT_EQUAL(m2p_get(m), M2P_INVALID);
	CU_ASSERT_NOT_EQUAL(at(1028), INVALID_MFN);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 7), 0);
	back[0] = 7;
	CU_ASSERT_EQUAL(reservation(XENMEM_decrease_reservation, DOMID_SELF, back, 1, 0), 0);
	CU_ASSERT_EQUAL(at(7), shared);
	/* Others' memory is not its to give. */
	CU_ASSERT_EQUAL(reservation(XENMEM_decrease_reservation, other->id, back, 1, 0), -EPERM);
	sim_current = other->vcpu[0];
	CU_ASSERT_EQUAL(reservation(XENMEM_decrease_reservation, guest->id, list, 1, 0), -EPERM);
	CU_ASSERT_EQUAL(guest->tot_pages, 510);
}

TEST(test_shared, "the hypervisor's frames are in one place, and make room for themselves")
{
	u64 list[] = { 20, 21 };

	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 2, 0), 2);
	flushed = 0;
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 20), 0);
	CU_ASSERT_EQUAL(flushed & 1, 1);
	CU_ASSERT_EQUAL(at(20), shared);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 20), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 0x50000), 0);
	CU_ASSERT_EQUAL(at(20), INVALID_MFN);
	CU_ASSERT_EQUAL(at(0x50000), shared);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_grant_table, i, 30 + i), 0);
	CU_ASSERT_EQUAL(at(32), grant_frames[2]);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_grant_table, 2, 30), 0);
	CU_ASSERT_EQUAL(at(30), grant_frames[2]);
	CU_ASSERT_EQUAL(at(32), INVALID_MFN);
	CU_ASSERT_EQUAL(audit(), 0);

	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 1, 21), -EINVAL);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, LIMIT), -EINVAL);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, ~0ULL), -EINVAL);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_grant_table, 3, 21), -EINVAL);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_grant_table, 1ULL << 32, 21), -EINVAL);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, 21),
			-EINVAL);
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_gmfn, 21, 22), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(add(other->id, XENMAPSPACE_shared_info, 0, 21), -EPERM);
	CU_ASSERT_NOT_EQUAL(at(21), shared);
	CU_ASSERT_EQUAL(at(0x50000), shared);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);

	flushed = 0;
	CU_ASSERT_EQUAL(take_out(DOMID_SELF, 30), 0);
	CU_ASSERT_EQUAL(flushed & 1, 1);
	CU_ASSERT_EQUAL(take_out(DOMID_SELF, 30), -ENOENT);
	CU_ASSERT_EQUAL(take_out(DOMID_SELF, ~0ULL), -ENOENT);
	CU_ASSERT_EQUAL(take_out(other->id, 30), -EPERM);
	/* A page of memory that was taken out is still the domain's. */
	CU_ASSERT_EQUAL(take_out(DOMID_SELF, 21), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
}

static void show_at_20(void)
{
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 20), 0);
}

TEST(test_shared_race, "two who show one frame at two places at once: it is at one of them")
{
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 10), 0);
	meanwhile = show_at_20;
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 30), 0);
	CU_ASSERT_EQUAL(at(10), INVALID_MFN);
	CU_ASSERT_EQUAL(at(20), INVALID_MFN);
	CU_ASSERT_EQUAL(at(30), shared);
	CU_ASSERT_EQUAL(guest->p2m->entries[P2M_SHARED], 1);
}

TEST(test_flushes, "who only gets memory asks nobody to flush, unless it is taken away again")
{
	u64 list[] = { 8, 512, 1024 };

	flushed = 0;
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 3, 0), 3);
	CU_ASSERT_EQUAL(flushed & 1, 0);
	/* The first four of eight were there for a moment. */
	list[0] = 4;
	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 1, 3), 0);
	CU_ASSERT_EQUAL(flushed & 1, 1);
	flushed = 0;
	CU_ASSERT_EQUAL(reservation(XENMEM_decrease_reservation, DOMID_SELF, &list[1], 1, 0), 1);
	CU_ASSERT_EQUAL(flushed & 1, 1);
}

TEST(test_others, "a PV domain has no such map, and HVM domains exchange nothing")
{
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF },
	};

	CU_ASSERT_EQUAL(do_memory_op(XENMEM_exchange, (u64)&x), -EOPNOTSUPP);
	sim_current = dom0->vcpu[0];
	CU_ASSERT_EQUAL(add(other->id, XENMAPSPACE_shared_info, 0, 21), -EACCES);
	CU_ASSERT_EQUAL(take_out(other->id, 21), -EACCES);
	CU_ASSERT_EQUAL(add(guest->id, XENMAPSPACE_shared_info, 0, 21), 0);
	CU_ASSERT_EQUAL(at(21), shared);
	CU_ASSERT_EQUAL(add(999, XENMAPSPACE_shared_info, 0, 21), -ESRCH);
	sim_current = other->vcpu[0];
	CU_ASSERT_EQUAL(add(DOMID_SELF, XENMAPSPACE_shared_info, 0, 21), -EACCES);
}

static s64 map(u64 kind, unsigned slot, u64 val, u32 foreigndom)
{
	struct mmu_update req = { s.l1 << PAGE_SHIFT | slot * 8 | kind, val };

	return finish(do_mmu_update((u64)&req, 1, 0, foreigndom));
}

TEST(test_foreign, "dom0 maps its memory by its numbers, and makes no tables of it")
{
	const u64 flags = PTE_P | PTE_RW | PTE_A | PTE_D;
	u64 list[] = { 50, 51 };
	mfn_t m, unmapped;
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE };

	CU_ASSERT_EQUAL(reservation(XENMEM_populate_physmap, DOMID_SELF, list, 2, 0), 2);
	m = at(50);
	unmapped = at(51);
	CU_ASSERT_EQUAL(take_out(DOMID_SELF, 51), 0);
	sim_current = dom0->vcpu[0];
	dom0->max_pages = 64;
	build_space(dom0, &s, 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);

	CU_ASSERT_EQUAL(map(MMU_NORMAL_PT_UPDATE, 9, pte_make(50, flags), guest->id), 0);
	CU_ASSERT_EQUAL(pte_mfn(table_of(s.l1)[9]), m);
	CU_ASSERT_EQUAL(mfn_to_frame(m)->count & FC_COUNT_MASK, 3);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(map(MMU_PT_UPDATE_PRESERVE_AD, 10, pte_make(50, flags), guest->id), 0);
	CU_ASSERT_EQUAL(pte_mfn(table_of(s.l1)[10]), m);
	/* A frame's own number only for who says so. */
	CU_ASSERT_EQUAL(map(MMU_NORMAL_PT_UPDATE, 11, pte_make(m, flags), guest->id), -EINVAL);
	CU_ASSERT_EQUAL(map(MMU_PT_UPDATE_NO_TRANSLATE, 11, pte_make(m, flags), guest->id), 0);
	CU_ASSERT_EQUAL(map(MMU_NORMAL_PT_UPDATE, 12, pte_make(51, flags), guest->id), -EINVAL);
	CU_ASSERT_EQUAL(map(MMU_NORMAL_PT_UPDATE, 12, pte_make(LIMIT, flags), guest->id), -EINVAL);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping_otherdomain(SPACE_VA, pte_make(77, flags), 0,
								guest->id)), -EINVAL);
	/* Neither table nor word of it is written as a table. */
	CU_ASSERT_EQUAL(map(MMU_NORMAL_PT_UPDATE, 0, 0, (guest->id + 1U) << 16 | guest->id),
			-EINVAL);
	for (unsigned i = 0; i < 2; i++) {
		pin.arg1.mfn = i ? m : unmapped;
		CU_ASSERT_EQUAL(finish(do_mmuext_op((u64)&pin, 1, 0, guest->id)), -EINVAL);
	}
	/* It stays mapped when the domain gives it up. */
	CU_ASSERT_EQUAL(reservation(XENMEM_decrease_reservation, guest->id, list, 1, 0), 1);
	CU_ASSERT_EQUAL(pte_mfn(table_of(s.l1)[9]), m);
	CU_ASSERT_EQUAL(audit(), 0);
	for (unsigned i = 9; i < 12; i++)
		CU_ASSERT_EQUAL(map(MMU_NORMAL_PT_UPDATE, i, 0, guest->id), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	/* Its frames are not counted at the end. */
	frames_at_start -= dom0->tot_pages;
}

SUITE("physmap", .init = fixture_init, .begin = begin, .end = end)
