// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile kernel tries to get a page table that it can write, or one that says more than it may:
 * writable mappings of tables of each level by every way there is, tables that contain themselves
 * (linear page tables), large pages, bits that are reserved, the hypervisor's slots of a root. Each
 * must be refused and nothing may change; in the end the tables are still what they were.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-tables";

#define VA 0x23456000UL

static uint8_t page[PAGE_SIZE] __attribute__((aligned(4096)));

static long one(uint64_t ptr, uint64_t val, unsigned cmd)
{
	return mmu_update(ptr | cmd, val);
}

/* Everything that could make `mfn` writable. */
static void try_writable(uint64_t mfn, const char *what)
{
	uint64_t leaf = LEAF(mfn, PTE_KERNEL), before = *pte_of(page);

	if (map_page(page, mfn, PTE_KERNEL) == 0 ||
	    one(pte_maddr(page), leaf, MMU_NORMAL_PT_UPDATE) == 0 ||
	    one(pte_maddr(page), leaf, MMU_PT_UPDATE_PRESERVE_AD) == 0 ||
	    one(pte_maddr(page), leaf, MMU_PT_UPDATE_NO_TRANSLATE) == 0 ||
	    map_page(page, mfn, PTE_KERNEL | PTE_US) == 0 ||
	    map_page(page, mfn, PTE_KERNEL | PTE_NX) == 0)
		fail("%s could be mapped writable", what);
	check_eq(*pte_of(page) & (PTE_ADDR | 3), before & (PTE_ADDR | 3));
	/* First read-only, which is allowed, then the bit alone. */
	check_eq(map_page(page, mfn, PTE_P | PTE_AD), 0);
	check_refused(one(pte_maddr(page), leaf, MMU_NORMAL_PT_UPDATE));
	check_refused(one(pte_maddr(page), leaf, MMU_PT_UPDATE_PRESERVE_AD));
	check_refused(make_writable(page) ? -EINVAL : map_page(page, mfn, PTE_KERNEL));
	check_eq(map_page(page, virt_to_mfn(page), PTE_KERNEL), 0);
	/* In one batch: read-only away, writable in. */
	struct mmu_update u[2] = { { pte_maddr(page), 0 }, { pte_maddr(page), leaf } };
	uint32_t done = 0;

	check_refused(hypercall(mmu_update, u, 2L, &done, (long)DOMID_SELF));
	check_eq(done, 1);
	check_eq(map_page(page, virt_to_mfn(page), PTE_KERNEL), 0);
	/* Ordinary writes, clearing and copying over it. */
	check_refused(mmuext(MMUEXT_CLEAR_PAGE, mfn));
	check_refused(copy_page(mfn, virt_to_mfn(page)));
}

static void test_writable(void)
{
	struct space s;

	for (int l = 1; l <= ROOT_LEVEL; l++)
		try_writable(virt_to_mfn(entry_of(page, l)), "a table in use");
	space_new(&s, VA);
	space_readonly(&s);
	check_eq(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	for (int l = 1; l <= ROOT_LEVEL; l++)
		try_writable(virt_to_mfn(s.table[l]), "a pinned table");
	/* A table in which a writable mapping of itself hides. */
	check_refused(mmu_update(virt_to_mfn(s.table[1]) << 12,
				 LEAF(virt_to_mfn(s.table[1]), PTE_KERNEL)));
	check_refused(mmu_update(virt_to_mfn(s.table[1]) << 12,
				 LEAF(virt_to_mfn(s.table[ROOT_LEVEL]), PTE_KERNEL)));
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	space_writable(&s);
	/* The same, there before the table became one. */
	s.table[1][5] = LEAF(virt_to_mfn(s.table[1]), PTE_KERNEL);
	space_readonly(&s);
	for (int l = 1; l <= ROOT_LEVEL; l++)
		check_refused(mmuext(MMUEXT_PIN_L1_TABLE + l - 1, virt_to_mfn(s.table[l])));
	check_eq(make_writable(s.table[1]), 0);
	s.table[1][5] = LEAF(virt_to_mfn(s.table[3]), PTE_KERNEL);
	check_eq(make_readonly(s.table[1]), 0);
	check_refused(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])));
	/* A second, writable mapping elsewhere, while our own is read-only. */
	check_eq(make_writable(s.table[1]), 0);
	s.table[1][5] = 0;
	check_eq(make_readonly(s.table[1]), 0);
	check_eq(map_page(page, virt_to_mfn(s.table[2]), PTE_KERNEL), 0);
	check_refused(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(s.table[ROOT_LEVEL])));
	check_eq(map_page(page, virt_to_mfn(page), PTE_KERNEL), 0);
	check_eq(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	space_writable(&s);
}

static void test_linear(void)
{
	const uint64_t *root = (const uint64_t *)start_info->pt_base;
	struct space s;

	/* Into the tables in use, at every level: itself, an uncle, a nephew. */
	for (int at = 2; at <= ROOT_LEVEL; at++)
		for (int l = 1; l <= ROOT_LEVEL; l++) {
			uint64_t slot = virt_to_mfn(entry_of(page, at)) << 12 | 3 * 8;

			if (l == at - 1)
				continue;
			check_refused(mmu_update(slot, LEAF(virt_to_mfn(entry_of(page, l)),
							    PTE_P | PTE_RW | PTE_US)));
			check_refused(mmu_update(slot, LEAF(virt_to_mfn(entry_of(page, l)),
							    PTE_P | PTE_US)));
		}
	space_new(&s, VA);
	s.table[ROOT_LEVEL][3] = TABLE_ENTRY(s.table[ROOT_LEVEL]);
	space_readonly(&s);
	check_refused(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])));
	check_eq(make_writable(s.table[ROOT_LEVEL]), 0);
	s.table[ROOT_LEVEL][3] = LEAF(virt_to_mfn(root), PTE_P | PTE_US);
	check_eq(make_readonly(s.table[ROOT_LEVEL]), 0);
	check_refused(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])));
	check_eq(make_writable(s.table[ROOT_LEVEL]), 0);
	s.table[ROOT_LEVEL][3] = 0;
	check_eq(make_writable(s.table[2]), 0);
	s.table[2][9] = LEAF(virt_to_mfn(s.table[2]), PTE_P | PTE_US);
	check_eq(make_readonly(s.table[ROOT_LEVEL]), 0);
	check_eq(make_readonly(s.table[2]), 0);
	for (int l = 2; l <= ROOT_LEVEL; l++)
		check_refused(mmuext(MMUEXT_PIN_L1_TABLE + l - 1, virt_to_mfn(s.table[l])));
	space_writable(&s);
}

#ifndef __i386__ /* evil-ring1 has what is its counterpart in three levels */
static void test_bits(void)
{
	uint64_t l2 = entry_maddr(page, 2), l3 = entry_maddr(page, 3), l4 = entry_maddr(page, 4),
		 mfn = virt_to_mfn(page);
	uint64_t free_l2 = (l2 & ~0xfffUL) | 500 * 8, free_l3 = (l3 & ~0xfffUL) | 3 * 8;

	/* Large pages: 2 MiB, 1 GiB, and the bit in a root. */
	check_refused(mmu_update(free_l2, LEAF(mfn & ~511UL, PTE_KERNEL | PTE_US | PTE_PS)));
	check_refused(mmu_update(free_l2, LEAF(0, PTE_KERNEL | PTE_US | PTE_PS)));
	check_refused(mmu_update(free_l3, LEAF(0, PTE_KERNEL | PTE_US | PTE_PS)));
	check_refused(mmu_update(l2, *entry_of(page, 2) | PTE_PS));
	check_refused(mmu_update(l3, *entry_of(page, 3) | PTE_PS));
	check_refused(mmu_update(l4, *entry_of(page, 4) | PTE_PS));
	check_refused(mmu_update((l4 & ~0xfffUL) | 3 * 8, LEAF(0, PTE_KERNEL | PTE_US | PTE_PS)));
	/* Address bits beyond the machine. */
	for (int bit = 46; bit < 52; bit++) {
		check_refused(mmu_update(pte_maddr(page), LEAF(mfn, PTE_KERNEL) | 1UL << bit));
		check_refused(mmu_update(l2, *entry_of(page, 2) | 1UL << bit));
	}
	check_eq(*(volatile uint8_t *)page, 0);
}

static void test_slots(void)
{
	uint64_t root = virt_to_mfn((void *)start_info->pt_base) << 12;
	uint64_t own = *(uint64_t *)start_info->pt_base;
	struct space s;

	own = *entry_of(page, 4);
	for (int i = 256; i < 272; i++) {
		check_refused(mmu_update(root | i * 8, own));
		check_refused(mmu_update(root | i * 8, 0));
		check_refused(mmu_update(root | i * 8 | MMU_PT_UPDATE_PRESERVE_AD, own));
	}
	check_eq(probe_read(m2p), -1);
	/* In a root that is made with its own ideas about them: they are not what counts. */
	space_new(&s, VA);
	for (int i = 256; i < 272; i++)
		s.table[ROOT_LEVEL][i] = TABLE_ENTRY(s.table[3]);
	for (int i = 272; i < 512; i++)
		s.table[ROOT_LEVEL][i] = ((uint64_t *)start_info->pt_base)[i];
	space_readonly(&s);
	if (mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])) == 0) {
		check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
		check_eq(m2p[virt_to_mfn(page)], virt_to_pfn(page));
		for (int i = 257; i < 272; i++)
			check_eq(probe_read((void *)(uintptr_t)(0xffff000000000000UL |
								(uint64_t)i << 39)),
				 14);
		check_eq(mmuext(MMUEXT_NEW_BASEPTR, root >> 12), 0);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	}
	/* Now it is no table any more: what the hypervisor put there must not be usable again. */
	check_eq(make_writable(s.table[ROOT_LEVEL]), 0);
	check_eq(make_readonly(s.table[ROOT_LEVEL]), 0);
	check_eq(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	/* As a table of a lower level the hypervisor's entries would lead into the hypervisor. */
	check_refused(mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])));
	check_refused(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])));
	check_refused(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])));
	space_writable(&s);
}

#endif

/* A table given back as memory while something still refers to it. */
static void test_release(void)
{
	struct space s;

	space_new(&s, VA);
	space_readonly(&s);
	check_eq(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	for (int l = 1; l <= ROOT_LEVEL; l++) {
		xen_ulong_t mfn = virt_to_mfn(s.table[l]);

		reservation(XENMEM_decrease_reservation, &mfn, 1, 0, 0);
	}
	/* Whatever became of them: they cannot be written. */
	for (int l = 1; l <= ROOT_LEVEL; l++) {
		check_refused(map_page(page, virt_to_mfn(s.table[l]), PTE_KERNEL));
		check_refused(make_writable(s.table[l]));
	}
	mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(s.table[ROOT_LEVEL]));
	check_eq(map_page(page, virt_to_mfn(page), PTE_KERNEL), 0);
}

void test_main(void)
{
	test_writable();
	test_linear();
#ifndef __i386__
	test_bits();
	test_slots();
#endif
	test_release();
	check_eq(*pte_of(page) & PTE_ADDR, virt_to_mfn(page) << 12);
	*(volatile uint8_t *)page = 1;
}
