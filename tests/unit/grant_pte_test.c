// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/leaf.c hypervisor/pv/mmu.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/grant_pte.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// Entries of granted frames: A says whether a CPU may have come to them, and a guest has no say in
// it. What happens at the last moment is in race_test.c.

#include "mmu_fixture.h"
#include "suite.h"

#include "cpu/accessed.h"
#include "pv/grant_pte.h"
#include "pv-abi/grant_table.h"

/* Map `m` at SPACE_VA with these flags, a CPU comes to it or not, unmap: what is said of it. */
static int map_and_unmap(mfn_t m, u32 flags, u64 at, u64 *e, bool touch)
{
	CU_ASSERT_EQUAL(grant_pte_map(at, m, GNTMAP_host_map | flags, 0), 0);
	CU_ASSERT_EQUAL(*e & (PTE_A | PTE_D), 0);
	if (touch)
		*e |= PTE_A;
	return grant_pte_unmap(at, m, GNTMAP_host_map | flags, 0);
}

/* A guest of other's kind writes `val` over the entry in each of the ways that there are. */
static s64 write_entry(unsigned way, u64 at, u64 val)
{
	switch (way) {
	case 0:
		return mmu_update(at, val);
	case 1:
		return mmu_update(at | MMU_PT_UPDATE_PRESERVE_AD, val);
	case 2:
		return finish(do_update_va_mapping(SPACE_VA, val, 0));
	default: {
		struct mmu_update both[2] = { { at, val }, { at, val } };

		return finish(do_mmu_update((u64)both, 2, 0, DOMID_SELF));
	}
	}
}

TEST(test_untouched_grants, "A of grant mappings")
{
	const u32 kinds[] = { 0, GNTMAP_readonly, GNTMAP_contains_pte,
			      GNTMAP_contains_pte | GNTMAP_application_map };
	struct frame *f;
	struct space s;
	u64 *e, at, was;
	mfn_t m;

	sim_current = other->vcpu[0];
	build_space(other, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	m = new_frame(guest);
	f = mfn_to_frame(m);
	e = &table_of(s.l1)[1];
	at = (s.l1 << PAGE_SHIFT) + 8;
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_WRITABLE), 0);
	grants[nr_grants].mfn = m;
	grants[nr_grants++].writable = true;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		u64 where = kinds[i] & GNTMAP_contains_pte ? at : SPACE_VA;

		CU_ASSERT_EQUAL(map_and_unmap(m, kinds[i], where, e, false), GRANT_PTE_UNTOUCHED);
		CU_ASSERT_EQUAL(map_and_unmap(m, kinds[i], where, e, true), GRANT_PTE_CACHED);
	}
	/* Clearing A is not the guest's, in whatever way; nor is leaving it clear by a write. */
	for (unsigned way = 0; way < 4; way++) {
		for (unsigned touched = 0; touched < 2; touched++) {
			CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
			if (touched)
				*e |= PTE_A;
			CU_ASSERT_EQUAL(write_entry(way, at, (*e ^ PTE_NX) & ~PTE_A), 0);
			CU_ASSERT_TRUE(*e & PTE_A);
			CU_ASSERT_EQUAL(audit(), 0);
			CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, 0),
					GRANT_PTE_CACHED);
		}
		/* With less rights, which is allowed too. */
		CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
		CU_ASSERT_EQUAL(write_entry(way, at, *e & ~(PTE_RW | PTE_A)), 0);
		CU_ASSERT_TRUE((*e & PTE_A) && !(*e & PTE_RW));
		CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map | GNTMAP_readonly, 0),
				GRANT_PTE_CACHED);
	}
	/* dom0's write to other's table is one like any other's. */
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
	sim_current = dom0->vcpu[0];
	struct mmu_update req = { at, pte_make(m, PTE_P | PTE_RW) };

	CU_ASSERT_EQUAL(finish(do_mmu_update((u64)&req, 1, 0, (other->id + 1U) << 16 | guest->id)),
			0);
	sim_current = other->vcpu[0];
	CU_ASSERT_TRUE(*e & PTE_A);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, 0), GRANT_PTE_CACHED);

	/* An entry that moves stays what it was, touched or not. */
	for (unsigned touched = 0; touched < 2; touched++) {
		CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
		CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA + PAGE_SIZE, m, GNTMAP_host_map, 0), 0);
		if (touched)
			table_of(s.l1)[2] |= PTE_A;
		CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, SPACE_VA + PAGE_SIZE),
				touched ? GRANT_PTE_CACHED : GRANT_PTE_UNTOUCHED);
		CU_ASSERT_EQUAL(table_of(s.l1)[2], 0);
		CU_ASSERT_EQUAL(!!(*e & PTE_A), touched);
		CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, 0),
				touched ? GRANT_PTE_CACHED : GRANT_PTE_UNTOUCHED);
	}

	/* A table with such an entry is given up; it does not come back with it, A or no A. */
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 8, 0), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, s.l1, 0), -EINVAL);
	was = *e;
	*e = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, s.l1, 0), 0);
	CU_ASSERT_EQUAL(mmu_update(at, was), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 8, pte_make(s.l1, TABLE_FLAGS)), 0);

	/* A processor whose manual does not say so, and the domain's own frame: as ever. */
	cpu_features.accessed_first = false;
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
	CU_ASSERT_EQUAL(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, 0), GRANT_PTE_CACHED);
	cpu_features.accessed_first = true;
	CU_ASSERT_EQUAL(frame_get_and_type(mfn_to_frame(s.data[1]), other, FT_WRITABLE), 0);
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, s.data[1], GNTMAP_host_map, 0), 0);
	CU_ASSERT_EQUAL(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	CU_ASSERT_EQUAL(mmu_update(at, *e & ~PTE_A), 0);
	CU_ASSERT_FALSE(*e & PTE_A);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, s.data[1], GNTMAP_host_map, 0), GRANT_PTE_CACHED);
	frame_put_and_type(mfn_to_frame(s.data[1]));

	nr_grants = 0;
	frame_put_and_type(f);
}

TEST(test_accessed_first, "whose manuals say that A comes first")
{
	/* As CPUID's EBX, EDX, ECX spell it. */
	static const struct {
		char vendor[13];
		u32 family, model;
		bool said;
	} cpu[] = {
		{ "GenuineIntel", 6, 0x3c, true },  { "GenuineIntel", 6, 0x57, false },
		{ "GenuineIntel", 6, 0x85, false }, { "GenuineIntel", 15, 0x57, true },
		{ "AuthenticAMD", 15, 6, true },    { "AuthenticAMD", 0x19, 0x57, true },
		{ "AuthenticAMD", 0x10, 2, false }, { "AuthenticAMD", 0x10, 4, true },
		{ "HygonGenuine", 0x18, 0, false }, { "CentaurHauls", 6, 15, false },
		{ "", 0, 0, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cpu); i++) {
		u32 vendor[3];

		memcpy(vendor, cpu[i].vendor, sizeof(vendor));
		CU_ASSERT_EQUAL(accessed_first(vendor, cpu[i].family, cpu[i].model), cpu[i].said);
	}
}

SUITE("grant_pte", .init = fixture_init, .begin = fixture_begin, .end = fixture_end)
