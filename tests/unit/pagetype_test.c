// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/leaf.c hypervisor/pv/mmu.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/grant_pte.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// Page types: what a guest may and may not put into its tables
// After each test the audit walks everything and every frame must have come back.

#include "mmu_fixture.h"
#include "suite.h"
#include "pv/descriptor_page.h"
#include "pv/grant_pte.h"
#include "pv-abi/grant_table.h"

TEST(test_one_type_at_a_time, "one type at a time")
{
	mfn_t m = new_frame(guest);
	struct frame *f = mfn_to_frame(m);

	CU_ASSERT_EQUAL(frame_get_and_type(f, other, FT_WRITABLE), -EINVAL);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_WRITABLE), 0);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_WRITABLE), 0);
	CU_ASSERT_EQUAL(type_count(m), 2);
	for (unsigned level = 1; level <= 4; level++)
		CU_ASSERT_EQUAL(frame_get_and_type(f, guest, ft_of_level(level)), -EINVAL);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_SEGDESC), -EINVAL);
	frame_put_and_type(f);
	frame_put_and_type(f);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_SEGDESC), 0);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_WRITABLE), -EINVAL);
	frame_put_and_type(f);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_L1), 0);
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_L2), -EINVAL);
	frame_put_and_type(f);
	CU_ASSERT_EQUAL(refs_of(m), 1);
}

TEST(test_pin, "pin and unpin")
{
	struct space s;

	build_space(guest, &s, 3);
	/* Read-only mappings of tables are fine */
	table_of(s.l1)[4] = pte_make(s.l1, PTE_P);
	table_of(s.l1)[5] = pte_make(s.l4, PTE_P | PTE_US | PTE_G);
	/* What a guest leaves there does not matter */
	table_of(s.l4)[HV_SLOT_FIRST + 3] = 0x1237;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(type_of(s.l4), FT_L4);
	CU_ASSERT_EQUAL(type_of(s.l3), FT_L3);
	CU_ASSERT_EQUAL(type_of(s.l2), FT_L2);
	CU_ASSERT_EQUAL(type_of(s.l1), FT_L1);
	CU_ASSERT_EQUAL(type_of(s.data[0]), FT_WRITABLE);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 2);
	CU_ASSERT_EQUAL(refs_of(s.l1), 3);
	CU_ASSERT_EQUAL(memcmp(table_of(s.l4) + 256, idle_l4 + 256, 16 * 8), 0);
	/* Fix-ups: U everywhere, the mark on kernel pages only. */
	CU_ASSERT_TRUE((table_of(s.l4)[1] & table_of(s.l3)[1] & table_of(s.l2)[1] & PTE_US) != 0);
	CU_ASSERT_EQUAL(table_of(s.l1)[1], pte_make(s.data[0], DATA_FLAGS | PTE_US |
						    PTE_GUEST_KERNEL));
	CU_ASSERT_FALSE((table_of(s.l1)[5] & PTE_GUEST_KERNEL) != 0);
	CU_ASSERT_EQUAL(audit(), 0);

	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, s.l1, 0), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L2_TABLE, s.l1, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l2, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.l4) | type_count(s.l2), 0);
	CU_ASSERT_EQUAL(type_count(s.l1), 1);
	CU_ASSERT_EQUAL(type_count(s.data[0]), 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l1, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.data[0]), 0);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l1, 0), -EINVAL);
}

/* Try one entry in an otherwise good L1, by validation and by update; both must agree. */
static s64 try_leaf(u64 e)
{
	struct space s;
	s64 by_update, by_pin;

	build_space(guest, &s, 1);
	table_of(s.l1)[9] = e;
	by_pin = mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0);
	if (!by_pin)
		CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.l4) | type_count(s.l3) | type_count(s.l2) | type_count(s.l1),
			0);
	table_of(s.l1)[9] = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	by_update = mmu_update((s.l1 << PAGE_SHIFT) + 9 * 8, e);
	if (by_update)
		CU_ASSERT_EQUAL(table_of(s.l1)[9], 0);
	CU_ASSERT_EQUAL(by_pin, by_update);
	/* No root */
	CU_ASSERT_EQUAL(finish(do_update_va_mapping((SPACE_VA & ~0x1ff000ULL) | 9 << PAGE_SHIFT,
						    e, 0)), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	return by_update;
}

TEST(test_leaf_rules, "leaf entries")
{
	mfn_t own = new_frame(guest), foreign = new_frame(other), io = 100, device = 200;
	struct frame *hv = heap_alloc_hv(ALLOC_MISC, 0);

	cpu_features.pge = true;
	/* Frame 100 has an entry in the frame table but is a device's, frame 200 is none of RAM. */
	mfn_to_frame(io)->count = 0;
	frame_set_owner(mfn_to_frame(io), dom_io);
	mfn_to_frame(device)->count = FC_BAD;

	CU_ASSERT_EQUAL(try_leaf(0), 0);
	CU_ASSERT_EQUAL(try_leaf(0xdeadbeef00), 0); /* not present: whatever it says */
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P)), 0);
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_RW | PTE_US | PTE_AVAIL | PTE_NX |
					  BIT(58))), 0);
	CU_ASSERT_EQUAL(try_leaf(pte_make(foreign, PTE_P)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(foreign, PTE_P | PTE_RW)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(frame_to_mfn(hv), PTE_P)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(va_to_mfn(guest), PTE_P)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(va_to_mfn(idle_l4), PTE_P)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_PCD)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_PAT)), -EINVAL);
	/* Beyond the physical address width */
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P) | BIT(50)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(0xfffff, PTE_P)), -EPERM);
	CU_ASSERT_EQUAL(try_leaf(pte_make(io, PTE_P)), -EPERM);
	CU_ASSERT_EQUAL(try_leaf(pte_make(device, PTE_P | PTE_RW)), -EPERM);
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, io, io), 0);
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, device, device), 0);
	CU_ASSERT_EQUAL(try_leaf(pte_make(io, PTE_P | PTE_RW | PTE_PCD | PTE_PWT)), 0);
	CU_ASSERT_EQUAL(try_leaf(pte_make(device, PTE_P | PTE_RW | PTE_PCD)), 0);
	/* A device is no reason to see memory past the cache, except for the privileged. */
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_PAT)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_RW | PTE_PCD)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_RW | PTE_PWT)), -EINVAL);
	guest->privileged = true;
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, PTE_P | PTE_PAT)), 0);
	guest->privileged = false;
	heap_free_hv(ALLOC_MISC, hv, 0);
	frame_set_owner(mfn_to_frame(io), NULL);
	mfn_to_frame(io)->count = mfn_to_frame(device)->count = FC_HEAP | FC_FREE;
	cpu_features.pge = false;
}

/* A kernel in ring 1: U is its own business, but in the upper half of a root nobody has it. */
TEST(test_ring1, "a 64-bit guest in ring 1")
{
	static const unsigned upper[] = { 256 - 1, HV_SLOT_LAST + 1, 300, 511 };
	struct space s;
	u64 at, *l4, e;

	guest->ring1 = true;
	build_space(guest, &s, 2);
	l4 = table_of(s.l4);
	at = s.l4 << PAGE_SHIFT;
	e = l4[1] | PTE_US;
	for (unsigned i = 0; i < ARRAY_SIZE(upper); i++)
		l4[upper[i]] = e;
	/* A process's page and one of its kernel's, which says that it is global. */
	table_of(s.l1)[1] |= PTE_US | PTE_G;
	table_of(s.l1)[2] |= PTE_G;
	CU_ASSERT_EQUAL_FATAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_TRUE((l4[1] & PTE_US) && (l4[255] & PTE_US));
	for (unsigned i = 1; i < ARRAY_SIZE(upper); i++)
		CU_ASSERT_EQUAL(l4[upper[i]] & PTE_US, 0);
	CU_ASSERT_EQUAL(table_of(s.l1)[1], pte_make(s.data[0], DATA_FLAGS | PTE_US));
	CU_ASSERT_EQUAL(table_of(s.l1)[2], pte_make(s.data[1], DATA_FLAGS));
	CU_ASSERT_EQUAL(audit(), 0);

	/* Written one by one, the same entry and another, and by the short way for leaves. */
	guest->dirty_cpus = 5;
	for (unsigned i = 0; i < ARRAY_SIZE(upper); i++) {
		flushed = 0;
		CU_ASSERT_EQUAL(mmu_update(at + upper[i] * 8, e), 0);
		CU_ASSERT_EQUAL(!(l4[upper[i]] & PTE_US), i != 0);
		/* Every CPU that may have a copy of the root forgets it. */
		CU_ASSERT_EQUAL(flushed & 5, 5);
		CU_ASSERT_EQUAL(mmu_update(at + upper[i] * 8, 0), 0);
		CU_ASSERT_EQUAL(mmu_update((at + upper[i] * 8) | MMU_PT_UPDATE_PRESERVE_AD, e), 0);
		CU_ASSERT_EQUAL(!(l4[upper[i]] & PTE_US), i != 0);
	}
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 2 * 8,
				   pte_make(s.data[1], DATA_FLAGS | PTE_US | PTE_G)), 0);
	CU_ASSERT_EQUAL(table_of(s.l1)[2], pte_make(s.data[1], DATA_FLAGS | PTE_US));
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 2 * 8, pte_make(s.data[1], PTE_P)), 0);
	CU_ASSERT_EQUAL(table_of(s.l1)[2], pte_make(s.data[1], PTE_P));
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_USER_BASEPTR, s.l4, 0), -EINVAL);
	CU_ASSERT_EQUAL(audit(), 0);
	/* The audit sees what should not be. */
	l4[300] |= PTE_US;
	CU_ASSERT_EQUAL(audit(), 1);
	l4[300] &= ~PTE_US;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	guest->dirty_cpus = 1;
}

TEST(test_global, "global pages")
{
	u64 user, kernel, marked;

	mfn_t m = new_frame(guest);

	user = pte_make(m, PTE_P | PTE_US);
	kernel = pte_make(m, PTE_P | PTE_G);
	marked = pte_make(m, PTE_P | PTE_US | PTE_GUEST_KERNEL | PTE_G);
	cpu_features.pge = true;
	CU_ASSERT_TRUE(entry_fix(guest, 1, &user) == 0 && (user & PTE_G));
	CU_ASSERT_TRUE(entry_fix(guest, 1, &kernel) == 0 && !(kernel & PTE_G) &&
		       (kernel & PTE_GUEST_KERNEL));
	CU_ASSERT_TRUE(entry_fix(guest, 1, &marked) == 0 && !(marked & PTE_G) &&
		       (marked & PTE_GUEST_KERNEL));
	cpu_features.meltdown = true;
	CU_ASSERT_TRUE(entry_fix(guest, 1, &user) == 0 && !(user & PTE_G));
	cpu_features.meltdown = cpu_features.pge = false;
}

TEST(test_read_only_device_page, "read-only device pages")
{
	struct space s;
	u64 *e;

	mfn_to_frame(200)->count = FC_BAD;
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, 200, 200), 0);
	CU_ASSERT_EQUAL(range_set_add(&mmio_ro_ranges, 200, 200), 0);
	build_space(guest, &s, 1);
	e = &table_of(s.l1)[7];
	*e = pte_make(200, PTE_P | PTE_RW | PTE_PCD);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_FALSE((*e & PTE_RW) != 0);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 56, pte_make(200, PTE_P | PTE_RW)), 0);
	CU_ASSERT_TRUE((*e & PTE_P) && !(*e & PTE_RW));
	range_set_destroy(&mmio_ro_ranges);
	mfn_to_frame(200)->count = FC_HEAP | FC_FREE;
	table_of(s.l1)[7] = 0;
}

/*
 * A device's memory is never cached, by whatever step an entry comes to be: all eight kinds, in a
 * new table, as a new entry, as a change of the entry that is there, by the guest's own store.
 */
TEST(test_device_caching, "the caching of device pages")
{
	static const u64 kinds[] = {
		0, PTE_PWT, PTE_PCD, PTE_PCD | PTE_PWT, PTE_PAT, PTE_PAT | PTE_PWT,
		PTE_PAT | PTE_PCD, PTE_PAT | PTE_PCD | PTE_PWT
	};
	static const bool cached[] = { true, true, false, false, false, true, false, false };
	struct domain *g;

	g = guest;
	mfn_to_frame(200)->count = FC_BAD;
	CU_ASSERT_EQUAL(range_set_add(&g->perms.iomem, 200, 300), 0);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		unsigned k = i % ARRAY_SIZE(kinds);
		mfn_t device = i < ARRAY_SIZE(kinds) ? 200 : 0x80000;
		u64 val = pte_make(device, PTE_P | PTE_RW | PTE_US | kinds[k]),
		    want = cached[k] ? PTE_PCD | PTE_PWT : kinds[k], ptr, *e;
		struct space s;

		if (device != 200)
			CU_ASSERT_EQUAL(range_set_add(&g->perms.iomem, device, device), 0);
		build_space(g, &s, 1);
		e = &table_of(s.l1)[7];
		ptr = (s.l1 << PAGE_SHIFT) + 7 * 8;
		*e = val;
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
		CU_ASSERT_EQUAL(*e & PTE_CACHE, want);
		CU_ASSERT_EQUAL(mmu_update(ptr, pte_make(device, PTE_P | PTE_RW | PTE_US |
							 PTE_PCD)), 0);
		CU_ASSERT_EQUAL(*e & PTE_CACHE, PTE_PCD);
		/* The frame and the right to write stay. */
		CU_ASSERT_EQUAL(mmu_update(ptr, val), 0);
		CU_ASSERT_EQUAL(*e & PTE_CACHE, want);
		CU_ASSERT_EQUAL(mmu_update(ptr | MMU_PT_UPDATE_PRESERVE_AD, val), 0);
		CU_ASSERT_EQUAL(*e & PTE_CACHE, want);
		/* From RAM, and back to it. */
		CU_ASSERT_EQUAL(mmu_update(ptr, pte_make(s.data[0], PTE_P | PTE_RW)), 0);
		CU_ASSERT_EQUAL(type_count(s.data[0]), 2);
		CU_ASSERT_EQUAL(mmu_update(ptr, val), 0);
		CU_ASSERT_EQUAL(*e & PTE_CACHE, want);
		CU_ASSERT_EQUAL(type_count(s.data[0]), 1);
		CU_ASSERT_EQUAL(audit(), 0);
		/* dom0 knows its machine. */
		g->privileged = true;
		CU_ASSERT_EQUAL(mmu_update(ptr, val), 0);
		CU_ASSERT_EQUAL(*e & PTE_CACHE, kinds[k]);
		g->privileged = false;
		CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
		*e = 0;
	}
	mfn_to_frame(200)->count = FC_HEAP | FC_FREE;
}

TEST(test_table_rules, "table entries")
{
	struct space s;
	u64 bad[] = { PTE_PS, PTE_PCD, PTE_PWT, PTE_G };

	build_space(guest, &s, 2);
	for (unsigned level = 4; level >= 2; level--) {
		mfn_t mfn = level == 4 ? s.l4 : level == 3 ? s.l3 : s.l2;
		u64 *slot = &table_of(mfn)[3], child = table_of(mfn)[1];

		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
			*slot = child | bad[i];
			CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		}
		*slot = pte_make(new_frame(other), TABLE_FLAGS);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		*slot = pte_make(200000, TABLE_FLAGS);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		*slot = pte_make(mfn, TABLE_FLAGS); /* a linear page table */
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		*slot = pte_make(s.l4, TABLE_FLAGS); /* a loop */
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		*slot = pte_make(s.data[0], TABLE_FLAGS); /* writable elsewhere in the same tree */
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
		*slot = 0;
		CU_ASSERT_EQUAL(audit(), 0);
	}
	/* A table mapped writable by itself, from each end. */
	table_of(s.l1)[8] = pte_make(s.l2, DATA_FLAGS);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
	table_of(s.l1)[8] = pte_make(s.l1, DATA_FLAGS);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL);
	table_of(s.l1)[8] = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	for (unsigned level = 1; level <= 4; level++) {
		mfn_t mfn = level == 4 ? s.l4 : level == 3 ? s.l3 : level == 2 ? s.l2 : s.l1;

		CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 64, pte_make(mfn, DATA_FLAGS)),
				-EINVAL);
		CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 64, pte_make(mfn, PTE_P)), 0);
		CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 64, pte_make(mfn, DATA_FLAGS)),
				-EINVAL);
	}
	CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + HV_SLOT_FIRST * 8, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + HV_SLOT_LAST * 8, pte_make(s.l3,
			TABLE_FLAGS)), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + 4 * 8, pte_make(s.l4, TABLE_FLAGS)),
			-EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l3 << PAGE_SHIFT) + 4 * 8, pte_make(s.l4, TABLE_FLAGS)),
			-EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 4 * 8, pte_make(s.data[0], TABLE_FLAGS |
			PTE_PS)), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l2 << PAGE_SHIFT) + 4 * 8, pte_make(s.l1, TABLE_FLAGS)), 0);
	CU_ASSERT_EQUAL(type_count(s.l1), 2);
}

TEST(test_update, "mmu_update")
{
	struct mmu_update req[4];
	u32 done = 99;
	struct space s;
	u64 *e;

	build_space(guest, &s, 4);
	mfn_t foreign = new_frame(other), plain = new_frame(guest);
	paddr_t l1 = s.l1 << PAGE_SHIFT;

	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	e = &table_of(s.l1)[1];

	/* References move with the entry. */
	CU_ASSERT_EQUAL(mmu_update(l1 + 8, pte_make(s.data[1], DATA_FLAGS)), 0);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 1);
	CU_ASSERT_EQUAL(type_count(s.data[0]), 0);
	CU_ASSERT_EQUAL(type_count(s.data[1]), 2);
	CU_ASSERT_EQUAL(mmu_update(l1 + 8, pte_make(s.data[1], PTE_P)), 0);
	CU_ASSERT_EQUAL(type_count(s.data[1]), 1);
	CU_ASSERT_EQUAL(refs_of(s.data[1]), 3);
	CU_ASSERT_EQUAL(mmu_update(l1 + 8, pte_make(s.data[1], PTE_P | PTE_NX | PTE_US)), 0);
	CU_ASSERT_EQUAL(refs_of(s.data[1]), 3);
	CU_ASSERT_EQUAL(mmu_update(l1 + 8, 0), 0);
	CU_ASSERT_EQUAL(refs_of(s.data[1]), 2);

	/* A and D. */
	*e = 0;
	CU_ASSERT_EQUAL(mmu_update(l1 + 8, pte_make(s.data[0], PTE_P | PTE_RW)), 0);
	atomic_or(e, PTE_A | PTE_D);
	CU_ASSERT_EQUAL(mmu_update((l1 + 8) | MMU_PT_UPDATE_PRESERVE_AD, pte_make(s.data[0],
			PTE_P)), 0);
	CU_ASSERT_EQUAL(*e & (PTE_A | PTE_D | PTE_RW), PTE_A | PTE_D);
	CU_ASSERT_EQUAL(mmu_update((l1 + 8) | MMU_PT_UPDATE_NO_TRANSLATE, pte_make(s.data[0],
			PTE_P)), 0);
	CU_ASSERT_EQUAL(*e & (PTE_A | PTE_D), 0);

	/* Memory that is no table. */
	CU_ASSERT_EQUAL(mmu_update((plain << PAGE_SHIFT) + 24, 0x1122334455667788), 0);
	CU_ASSERT_EQUAL(table_of(plain)[3], 0x1122334455667788);
	CU_ASSERT_EQUAL(mmu_update((foreign << PAGE_SHIFT) + 24, 1), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update(l1 + 4, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update(~0ULL & ~7ULL, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((1ULL << 52) + 8, 0), -EINVAL);

	/* M2P. */
	CU_ASSERT_EQUAL(mmu_update((plain << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 1234), 0);
	CU_ASSERT_EQUAL(sim.pfn[plain], 1234);
	CU_ASSERT_EQUAL(mmu_update((foreign << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 1), -EINVAL);

	/* A batch stops at its first bad element and says how far it came. */
	req[0] = (struct mmu_update){ l1 + 8, pte_make(s.data[3], PTE_P) };
	req[1] = (struct mmu_update){ l1 + 16, 0 };
	req[2] = (struct mmu_update){ l1 + 24, pte_make(foreign, PTE_P) };
	req[3] = (struct mmu_update){ l1 + 32, 0 };
	CU_ASSERT_EQUAL(do_mmu_update((u64)req, 4, (u64)&done, DOMID_SELF), -EINVAL);
	CU_ASSERT_EQUAL(done, 2);
	CU_ASSERT_EQUAL(pte_mfn(table_of(s.l1)[3]), s.data[2]);
	CU_ASSERT_TRUE(table_of(s.l1)[4]);
	CU_ASSERT_EQUAL(do_mmu_update(16, 1, (u64)&done, DOMID_SELF), -EFAULT);
	CU_ASSERT_EQUAL(done, 0);
	CU_ASSERT_EQUAL(do_mmu_update((u64)req, 0, 0, DOMID_SELF), 0);

	/* The batch is taken up where it was interrupted. */
	req[2].val = pte_make(s.data[0], PTE_P);
	for (unsigned k = 1; k <= 3; k++) {
		sim.preempt_after = k;
		continued = 0;
		CU_ASSERT_EQUAL(finish(do_mmu_update((u64)req, 4, (u64)&done, DOMID_SELF)), 0);
		CU_ASSERT_EQUAL(continued, 1);
		CU_ASSERT_EQUAL(done, 4);
	}
}

TEST(test_foreign, "other domains' frames and tables")
{
	struct mmu_update req;
	struct space s, t;
	u32 foreigndom;

	build_space(guest, &s, 1);
	sim_current = dom0->vcpu[0];
	build_space(dom0, &t, 1);
	req.ptr = (t.l1 << PAGE_SHIFT) + 64;
	req.val = pte_make(s.data[0], DATA_FLAGS);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, t.l4, 0), 0);
	/* dom0 maps a guest's frame when it names the owner, and only then. */
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, DOMID_SELF), -EINVAL);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, 8), -EINVAL);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, 99), -ESRCH);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, 7), 0);
	CU_ASSERT_EQUAL(type_count(s.data[0]), 1);
	CU_ASSERT_TRUE(mmuext(MMUEXT_PIN_L1_TABLE, s.data[0], 0) == -EINVAL);
	CU_ASSERT_EQUAL(audit(), 0);
	/* The mapping keeps the frame although its owner gives it away. */
	sim_give_up(guest, s.data[0]);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 1);
	/* Another look at it needs no permission, the right to write does. */
	req.val = pte_make(s.data[0], PTE_P);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(type_count(s.data[0]), 0);
	req.val = pte_make(s.data[0], DATA_FLAGS);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, DOMID_SELF), -EINVAL);
	req.val = 0;
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, DOMID_SELF), 0);
	CU_ASSERT_TRUE((mfn_to_frame(s.data[0])->count & FC_HEAP) != 0);

	/* The guest's own tables from outside: high half of the domain argument. */
	table_of(s.l1)[1] = 0;
	foreigndom = 7 | (7 + 1) << 16;
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = s.l4 };

	CU_ASSERT_EQUAL(do_mmuext_op((u64)&pin, 1, 0, DOMID_SELF), -EINVAL);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&pin, 1, 0, 7), 0);
	req.ptr = (s.l1 << PAGE_SHIFT) + 64;
	req.val = pte_make(s.l1, PTE_P);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, DOMID_SELF), -EINVAL);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, foreigndom), 0);
	/* Nobody else may. */
	sim_current = other->vcpu[0];
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, foreigndom), -EPERM);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, 7), -EPERM);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, (7 + 1) << 16 | DOMID_SELF), -EPERM);
	CU_ASSERT_EQUAL(do_mmu_update((u64)&req, 1, 0, DOMID_XEN), -EPERM);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&pin, 1, 0, 7), -EPERM);

	sim_current = dom0->vcpu[0];
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, t.l4, 0), 0);
	sim_give_up(dom0, t.l4);
	sim_give_up(dom0, t.l3);
	sim_give_up(dom0, t.l2);
	sim_give_up(dom0, t.l1);
	sim_give_up(dom0, t.data[0]);
}

TEST(test_va_mapping, "update_va_mapping and base pointers")
{
	struct vcpu *v;
	struct space s;

	v = guest->vcpu[0];
	build_space(guest, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, new_frame(other), 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_EQUAL(v->pv.guest_table, s.l4);
	CU_ASSERT_EQUAL(sim_cpu->cr3_mfn, s.l4);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(SPACE_VA, pte_make(s.data[1], PTE_P),
						    UVMF_INVLPG | UVMF_LOCAL)),
			0);
	CU_ASSERT_EQUAL(pte_mfn(table_of(s.l1)[1]), s.data[1]);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 1);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(SPACE_VA, 0, UVMF_TLB_FLUSH | UVMF_ALL)), 0);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(SPACE_VA, 0, UVMF_TLB_FLUSH | 8)), -EFAULT);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(SPACE_VA, pte_make(s.l2, DATA_FLAGS), 0)),
			-EINVAL);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(0, 0, 0)), -EINVAL);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(HV_VIRT_START, 0, 0)), -EINVAL);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(0x800000000000, 0, 0)), -EINVAL);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping_otherdomain(SPACE_VA, 0, 0, 8)), -EPERM);
	/* The root that is in use keeps its type whatever happens to pins. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.l4), 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_USER_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.l4), 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.l4), 1);
	CU_ASSERT_EQUAL(audit(), 0);
}

/* dom0 puts `req` into a table of the guest's, which takes it out again. */
static void mapped_for_a_while(struct mmu_update *req)
{
	sim_current = dom0->vcpu[0];
	CU_ASSERT_EQUAL(do_mmu_update((u64)req, 1, 0, 8 | (7 + 1) << 16), 0);
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(mmu_update(req->ptr, 0), 0);
}

TEST(test_tlb, "TLB flushes at type changes")
{
	struct space s;

	cpus_online = 7;
	nr_cpus = 3;
	guest->dirty_cpus = 3;
	build_space(guest, &s, 1);
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(flushed, 0); /* fresh frames: nobody can know them */
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, 0), 0);
	/* data[0] was writable: a CPU that has not flushed since may still write to it. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, s.data[0], 0), 0);
	CU_ASSERT_EQUAL(flushed, 3);
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.data[0], 0), 0);
	CU_ASSERT_EQUAL(flushed, 0);
	tlb_flush(1, 0);
	flushed = 0;
	/* Writable: a CPU may have the table in its paging caches */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, s.data[0], 0), 0);
	CU_ASSERT_EQUAL(flushed, 2);
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, s.data[0], 0), 0);
	CU_ASSERT_EQUAL(flushed, 0);
	/* A frame that another domain had mapped: its CPUs too. */
	struct mmu_update req = { (s.l1 << PAGE_SHIFT) + 8, pte_make(new_frame(other),
			DATA_FLAGS) };

	mapped_for_a_while(&req);
	other->dirty_cpus = 0;
	sim_current = other->vcpu[0];
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, pte_mfn(req.val), 0), 0);
	CU_ASSERT_EQUAL(flushed, 3); /* not CPU 2, which runs neither of them */
	/* Once, and not at every change of type from now on. */
	other->dirty_cpus = 4;
	flushed = 0;
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, pte_mfn(req.val), 0), 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, pte_mfn(req.val), 0), 0);
		CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, pte_mfn(req.val), 0), 0);
	}
	CU_ASSERT_EQUAL(flushed, 4);
	/* Mapped once more, and its CPUs are asked once more. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, pte_mfn(req.val), 0), 0);
	mapped_for_a_while(&req);
	sim_current = other->vcpu[0];
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, pte_mfn(req.val), 0), 0);
	CU_ASSERT_EQUAL(flushed, 7);
	/* Read-only: nothing that a change of type must fear, but who frees it must. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, pte_mfn(req.val), 0), 0);
	req.val &= ~PTE_RW;
	mapped_for_a_while(&req);
	sim_current = other->vcpu[0];
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, pte_mfn(req.val), 0), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, pte_mfn(req.val), 0), 0);
	CU_ASSERT_EQUAL(flushed, 4);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, pte_mfn(req.val), 0), 0);
	CU_ASSERT_EQUAL(frame_known_cpus(mfn_to_frame(pte_mfn(req.val))), 7);
	/* A frame taken away: those who knew it, once. */
	flushed = 0;
	CU_ASSERT_EQUAL(frame_steal(other, mfn_to_frame(pte_mfn(req.val))), 0);
	CU_ASSERT_EQUAL(heap_assign(other, mfn_to_frame(pte_mfn(req.val)), 0), 0);
	CU_ASSERT_EQUAL(flushed, 7);
	flushed = 0;
	CU_ASSERT_EQUAL(frame_steal(other, mfn_to_frame(pte_mfn(req.val))), 0);
	CU_ASSERT_EQUAL(heap_assign(other, mfn_to_frame(pte_mfn(req.val)), 0), 0);
	CU_ASSERT_EQUAL(flushed, 4);
	/* Unmapped mode: the copies of a root are stale at once. */
	sim_current = guest->vcpu[0];
	cpu_features.meltdown = true;
	flushed = 0;
	CU_ASSERT_EQUAL(mmu_update((s.l4 << PAGE_SHIFT) + 8, 0), 0);
	CU_ASSERT_EQUAL(flushed, 3);
	cpu_features.meltdown = false;
	cpus_online = 1;
	nr_cpus = 1;
	guest->dirty_cpus = 1;
}

/* Which CPUs run domains that have others' frames mapped. */
TEST(test_foreign_cpus, "CPUs with foreign frames")
{
	struct frame *f;

	foreign_cpus = 0;
	guest->maps_foreign = dom0->maps_foreign = false;
	guest->foreign_mapper = dom0->foreign_mapper = false;
	cpus_online = 7;
	f = mfn_to_frame(new_frame(guest));
	dom0->dirty_cpus = 2;
	CU_ASSERT_EQUAL(foreign_cpus, 0);
	foreign_cpu_enter(dom0);
	foreign_cpu_left(dom0);
	CU_ASSERT_EQUAL(foreign_cpus, 0);
	/* Where it runs already, and where it comes to. */
	frame_foreign(f, dom0, false);
	CU_ASSERT_EQUAL(foreign_cpus, 2);
	CU_ASSERT_EQUAL(f->count & (FC_FOREIGN | FC_FOREIGN_RW), FC_FOREIGN);
	foreign_cpu_enter(dom0);
	CU_ASSERT_EQUAL(foreign_cpus, 3);
	foreign_cpu_left(dom0);
	CU_ASSERT_EQUAL(foreign_cpus, 3);
	foreign_cpu_left(guest);
	CU_ASSERT_EQUAL(foreign_cpus, 2);
	frame_foreign(f, dom0, true);
	CU_ASSERT_EQUAL(f->count & (FC_FOREIGN | FC_FOREIGN_RW), FC_FOREIGN | FC_FOREIGN_RW);
	f->count &= ~(FC_FOREIGN | FC_FOREIGN_RW);
	foreign_cpus = 0;
	cpus_online = 1;
}

TEST(test_flush_operations, "TLB operations")
{
	struct mmuext_op op[4] = { { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
				  { .cmd = MMUEXT_TLB_FLUSH_ALL },
				   { .cmd = MMUEXT_TLB_FLUSH_MULTI },
					{ .cmd = MMUEXT_INVLPG_LOCAL } };
	u64 mask = 6;

	cpus_online = 15;
	guest->dirty_cpus = 15;
	for (unsigned i = 0; i < 4; i++)
		guest->vcpu[i]->cpu = i;
	op[2].arg2.vcpumask = (u64)&mask;
	flushed = 0;
	sim.tlb_flushes = 0;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 1, 0, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(flushed, 1);
	flushed = 0;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op[2], 1, 0, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(flushed, 6);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 4, 0, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(flushed, 15);
	op[2].arg2.vcpumask = 8;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op[2], 1, 0, DOMID_SELF), -EFAULT);
	op[0].cmd = MMUEXT_FLUSH_CACHE;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 1, 0, DOMID_SELF), -EACCES);
	op[0].cmd = MMUEXT_MARK_SUPER;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 1, 0, DOMID_SELF), -EOPNOTSUPP);
	op[0].cmd = 77;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 1, 0, DOMID_SELF), -ENOSYS);
	cpus_online = 1;
	guest->dirty_cpus = 1;
}

TEST(test_descriptor_tables, "GDT and LDT")
{
	struct vcpu *v;
	struct space s;
	u64 frames[2];

	v = guest->vcpu[0];
	build_space(guest, &s, 3);
	for (unsigned i = 0; i < 512; i++)
		table_of(s.data[2])[i] = 0x00cf92000000ffffULL; /* flat data, DPL 0 */
	frames[0] = s.data[2];
	CU_ASSERT_EQUAL(pv_set_gdt(v, frames, 512), 0);
	CU_ASSERT_EQUAL(table_of(s.data[2])[5], 0x00cff2000000ffffULL);
	CU_ASSERT_EQUAL(type_of(s.data[2]), FT_SEGDESC);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), -EINVAL); /* maps it writable */
	table_of(s.l1)[3] = pte_make(s.data[2], PTE_P);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	frames[1] = s.l1;
	CU_ASSERT_EQUAL(pv_set_gdt(v, frames, 513), -EINVAL);
	CU_ASSERT_EQUAL(v->pv.gdt_entries, 512);
	CU_ASSERT_EQUAL(pv_set_gdt(v, frames, FIRST_RESERVED_GDT_ENTRY + 1), -EINVAL);
	frames[0] = ~0ULL;
	CU_ASSERT_EQUAL(pv_set_gdt(v, frames, 1), -EINVAL);
	CU_ASSERT_EQUAL(do_update_descriptor((s.data[2] << PAGE_SHIFT) + 8,
					     0x00cf9a000000ffffULL), 0);
	CU_ASSERT_EQUAL(table_of(s.data[2])[1], 0x00cffa000000ffffULL);
	CU_ASSERT_EQUAL(do_update_descriptor((s.data[2] << PAGE_SHIFT) + 8,
					     0x0000890000000067ULL), -EINVAL);
	CU_ASSERT_EQUAL(do_update_descriptor((s.data[2] << PAGE_SHIFT) + 9, 0), -EINVAL);
	CU_ASSERT_EQUAL(do_update_descriptor(s.l1 << PAGE_SHIFT, 0), -EINVAL);
	CU_ASSERT_EQUAL(do_update_descriptor(~7ULL, 0), -EINVAL);
	/* An LDT by its address. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, SPACE_VA + 2 * PAGE_SIZE, 100), 0);
	CU_ASSERT_EQUAL(type_count(s.data[2]), 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, SPACE_VA + 2 * PAGE_SIZE, 513), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, SPACE_VA + 2 * PAGE_SIZE + 8, 1), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, HV_VIRT_START, 1), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, SPACE_VA, 1), -EINVAL); /* mapped writable */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, ~0ULL << 12, 8193), -EINVAL);
	CU_ASSERT_EQUAL(v->pv.ldt_entries, 100);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_SET_LDT, 0, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.data[2]), 1);
	CU_ASSERT_EQUAL(pv_set_gdt(v, NULL, 0), 0);
	CU_ASSERT_EQUAL(type_count(s.data[2]), 0);
	CU_ASSERT_TRUE(windows_loaded >= 4);
}

TEST(test_grant_entries, "grant mappings")
{
	struct frame *f;
	struct space s;
	u64 *e;
	mfn_t m;

	sim_current = other->vcpu[0];
	build_space(other, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	m = new_frame(guest);
	f = mfn_to_frame(m);
	e = &table_of(s.l1)[1];
	/* The grant code's own references. */
	CU_ASSERT_EQUAL(frame_get_and_type(f, guest, FT_WRITABLE), 0);
	grants[nr_grants].mfn = m;
	grants[nr_grants++].writable = true;

	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, PTE_AVAIL), 0);
	CU_ASSERT_EQUAL(pte_mfn(*e), m);
	CU_ASSERT_TRUE((*e & PTE_GUEST_KERNEL) && (*e & PTE_RW) && (*e & PTE_AVAIL) == PTE_AVAIL);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 1); /* what was there before is given up */
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m + 1, GNTMAP_host_map, 0), -EINVAL);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA + PAGE_SIZE, m, GNTMAP_host_map, 0), -EINVAL);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, 0), GRANT_PTE_UNTOUCHED);
	CU_ASSERT_EQUAL(*e, 0);
	CU_ASSERT_EQUAL(refs_of(m), 2);

	/* By the entry's machine address, for user space. */
	u64 at = (s.l1 << PAGE_SHIFT) + 8;

	CU_ASSERT_EQUAL(grant_pte_map(at, m, GNTMAP_host_map | GNTMAP_contains_pte |
				      GNTMAP_application_map, 0), 0);
	CU_ASSERT_TRUE((*e & PTE_US) && !(*e & PTE_GUEST_KERNEL));
	CU_ASSERT_EQUAL(grant_pte_map(at + 1, m, GNTMAP_contains_pte, 0), -EINVAL);
	CU_ASSERT_EQUAL(grant_pte_map((s.l2 << PAGE_SHIFT) + 64, m, GNTMAP_contains_pte, 0),
			-EINVAL);
	CU_ASSERT_EQUAL(grant_pte_map((m << PAGE_SHIFT) + 64, m, GNTMAP_contains_pte, 0), -EINVAL);
	CU_ASSERT_EQUAL(grant_pte_map(~7ULL, m, GNTMAP_contains_pte, 0), -EINVAL);
	CU_ASSERT_EQUAL(audit(), 0);
	/*
	 * The guest overwrites it by other means: nothing is lost, the grant's own references stay.
	 */
	CU_ASSERT_EQUAL(mmu_update(at, 0), 0);
	CU_ASSERT_EQUAL(refs_of(m), 2);
	CU_ASSERT_EQUAL(grant_pte_unmap(at, m, GNTMAP_contains_pte, 0), -EINVAL);

	/* unmap_and_replace: the entry of another address moves here. */
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, SPACE_VA + PAGE_SIZE),
			GRANT_PTE_CACHED); /* the replacement's address is the guest's own page's */
	CU_ASSERT_EQUAL(pte_mfn(*e), s.data[1]);
	CU_ASSERT_EQUAL(table_of(s.l1)[2], 0);
	CU_ASSERT_EQUAL(refs_of(m), 2);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, SPACE_VA + PAGE_SIZE),
			-EINVAL);
	CU_ASSERT_EQUAL(pte_mfn(*e), s.data[1]);

	/* Read-only stays read-only. */
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map | GNTMAP_readonly, 0), 0);
	CU_ASSERT_EQUAL(mmu_update(at, pte_make(m, DATA_FLAGS)), -EINVAL);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping(SPACE_VA, pte_make(m, PTE_P | PTE_RW), 0)),
			-EINVAL);
	CU_ASSERT_EQUAL(audit(), 0);
	/* The owner's end: the frame stays as long as the entry. */
	nr_grants = 0;
	frame_put_and_type(f);
	kill_domain(guest);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
	sim_current = other->vcpu[0];
	CU_ASSERT_EQUAL(mmu_update(at, 0), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, 0);
}

TEST(test_share_and_steal, "shared, abandoned and stolen frames")
{
	struct frame *f;
	struct space s;

	build_space(guest, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	f = heap_alloc_hv(ALLOC_SHARED, 0);
	frame_share(f, guest, FRAME_SHARE_RW);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 80, pte_make(frame_to_mfn(f),
			DATA_FLAGS)), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, frame_to_mfn(f), 0), -EINVAL);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(frame_unshare(f), -EBUSY);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 80, 0), 0);
	CU_ASSERT_EQUAL(frame_unshare(f), 0);
	heap_free_hv(ALLOC_SHARED, f, 0);

	f = heap_alloc_hv(ALLOC_SHARED, 0);
	frame_share(f, guest, FRAME_SHARE_RO);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 80, pte_make(frame_to_mfn(f),
			DATA_FLAGS)), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 80, pte_make(frame_to_mfn(f), PTE_P)), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	frame_abandon(f, ALLOC_SHARED);
	CU_ASSERT_EQUAL(frame_to_mfn(f), pte_mfn(table_of(s.l1)[10]));
	CU_ASSERT_EQUAL(audit(), 0);

	CU_ASSERT_EQUAL(frame_steal(guest, mfn_to_frame(s.data[0])), -EBUSY);
	CU_ASSERT_EQUAL(frame_steal(other, mfn_to_frame(s.data[0])), -EINVAL);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, 0), 0);
	CU_ASSERT_EQUAL(frame_steal(guest, mfn_to_frame(s.data[0])), 0);
	CU_ASSERT_EQUAL(frame_steal(guest, mfn_to_frame(s.data[0])), -EINVAL);
	flushed = 0;
	CU_ASSERT_EQUAL(heap_assign(other, mfn_to_frame(s.data[0]), 0), 0);
	CU_ASSERT_EQUAL(flushed, 1);
	CU_ASSERT_EQUAL(other->tot_pages, 1);
	CU_ASSERT_EQUAL(audit(), 0);
}

/* The audit itself sees what it should see. */
TEST(test_audit_sees, "what the audit sees")
{
	struct space s;
	struct frame *f;

	build_space(guest, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	f = mfn_to_frame(s.data[0]);
	f->count++;
	CU_ASSERT_EQUAL(audit(), 1);
	f->count--;
	f->type++;
	CU_ASSERT_EQUAL(audit(), 1);
	f->type--;
	table_of(s.l1)[20] = pte_make(s.l2, PTE_P | PTE_RW);
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l1)[20] = pte_make(new_frame(other), PTE_P);
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l1)[20] = pte_make(va_to_mfn(idle_l4), PTE_P);
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l1)[20] = pte_make(SIM_FRAMES + 5, PTE_P);
	CU_ASSERT_EQUAL(audit(), 1);
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, SIM_FRAMES + 5, SIM_FRAMES + 5), 0);
	CU_ASSERT_EQUAL(audit(), 1); /* cached */
	table_of(s.l1)[20] |= PTE_PCD;
	CU_ASSERT_EQUAL(audit(), 0);
	table_of(s.l1)[20] = 0;
	table_of(s.l1)[1] |= PTE_PCD; /* memory, uncached */
	CU_ASSERT_EQUAL(audit(), 1);
	guest->privileged = true;
	CU_ASSERT_EQUAL(audit(), 0);
	guest->privileged = false;
	table_of(s.l1)[1] &= ~PTE_PCD;
	table_of(s.l4)[260] ^= PAGE_SIZE;
	CU_ASSERT_EQUAL(audit(), 1);
	table_of(s.l4)[260] ^= PAGE_SIZE;
	sim_cpu->cr3_mfn = s.l1;
	CU_ASSERT_EQUAL(audit(), 1);
	sim_cpu->cr3_mfn = s.l4;
	CU_ASSERT_EQUAL(audit(), 0);
	sim_cpu->cr3_mfn = va_to_mfn(idle_l4);
	f->type |= FT_LOCKED;
	CU_ASSERT_EQUAL(audit(), 1);
	f->type &= ~FT_LOCKED;
	guest->tot_pages++;
	CU_ASSERT_EQUAL(audit(), 1);
	guest->tot_pages--;
}

/* L1TF: a not-present entry names RAM only where the CPU or the domain makes that harmless. */
TEST(test_not_present_entries, "not-present entries")
{
	mfn_t own = new_frame(guest), foreign = new_frame(other);
	u64 swapped = pte_make(foreign, PTE_RW | PTE_AVAIL);

	CU_ASSERT_EQUAL(try_leaf(swapped), 0);
	cpu_features.l1tf = true;
	CU_ASSERT_EQUAL(try_leaf(swapped), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(own, 0)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(pte_make(max_mfn - 1, PTE_NX)), -EINVAL);
	CU_ASSERT_EQUAL(try_leaf(0), 0);
	CU_ASSERT_EQUAL(try_leaf(pte_make(0, PTE_RW | PTE_NX)), 0);
	CU_ASSERT_EQUAL(try_leaf(pte_make(max_mfn, PTE_RW)), 0);
	/* As Linux writes what is swapped out or has no rights. */
	CU_ASSERT_EQUAL(try_leaf(~swapped & PTE_ADDR), 0);
	guest->privileged = true;
	CU_ASSERT_EQUAL(try_leaf(swapped), 0);
	guest->privileged = false;
	cpu_features.l1tf = false;
}

SUITE("pagetype", .init = fixture_init, .begin = fixture_begin, .end = fixture_end)
