// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pinning tables that the guest built, and changing to them. A page becomes a table only while
 * nothing maps it writable, and stays read-only as long as it is one; a bad entry anywhere refuses
 * the whole and leaves no trace; a pin holds a table without any user, once; unpinning gives the
 * memory back as ordinary memory. The same tables serve as the kernel's root.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "pin";

#define VA 0x23456000UL

static long batch(struct mmuext_op *ops, long n, uint32_t *done)
{
	return hypercall(mmuext_op, ops, n, done, (long)DOMID_SELF);
}

static uint64_t mfn_of(struct space *s, int level)
{
	return virt_to_mfn(s->table[level]);
}

static void test_levels(void)
{
	struct space s;
	uint8_t *page = page_alloc();

	space_new(&s, VA);
	s.table[1][(VA >> 12) & 511] = LEAF(virt_to_mfn(page), PTE_KERNEL);
	/* Writable somewhere: no table. */
	for (int l = 1; l <= ROOT_LEVEL; l++)
		check_refused(mmuext(MMUEXT_PIN_L1_TABLE + l - 1, mfn_of(&s, l)));
	s.table[1][7] = 0;
	space_readonly(&s);
	for (int l = 1; l <= ROOT_LEVEL; l++) {
		check_eq(mmuext(MMUEXT_PIN_L1_TABLE + l - 1, mfn_of(&s, l)), 0);
		/* Twice, or as something else. */
		for (int k = 1; k <= ROOT_LEVEL; k++)
			check_refused(mmuext(MMUEXT_PIN_L1_TABLE + k - 1, mfn_of(&s, l)));
		/* Everything at or below is a table now. */
		for (int k = 1; k <= l; k++)
			check_refused(make_writable(s.table[k]));
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&s, l)), 0);
		check_refused(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&s, l)));
	}
	space_writable(&s);
	s.table[1][7] = 0;

	/* The wrong level: an L2 of L1s is no L3, and so on up to the root. */
	space_readonly(&s);
#ifndef __i386__ /* of a root only four entries are looked at, and it could be an L2 as well */
	check_refused(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(&s, 3)));
	check_refused(mmuext(MMUEXT_PIN_L3_TABLE, mfn_of(&s, 4)));
#endif
	space_writable(&s);
}

static void test_root(void)
{
	struct space s;

	space_new(&s, VA);
	space_readonly(&s);
	check_eq(mmuext(PIN_ROOT, mfn_of(&s, ROOT_LEVEL)), 0);
	/* Entries of pinned tables of each level, changed one by one. */
	for (int l = 2; l <= ROOT_LEVEL; l++) {
		uint64_t at = mfn_of(&s, l) << 12 | ((VA >> (l * 9 + 3)) & 511) * 8;

		check_eq(mmu_update(at, 0), 0);
		check_eq(make_writable(s.table[l - 1]), 0);
		check_refused(mmu_update(at, TABLE_ENTRY(s.table[l - 1])));
		check_eq(make_readonly(s.table[l - 1]), 0);
		check_eq(mmu_update(at, TABLE_ENTRY(s.table[l - 1])), 0);
	}
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&s, ROOT_LEVEL)), 0);
	space_writable(&s);
}

static void test_bad_entry(void)
{
	struct space s;

	space_new(&s, VA);
	/* Good entries before and after a frame that does not exist. */
	for (int i = 0; i < 512; i++)
		s.table[1][i] = LEAF(virt_to_mfn(s.table[1]), PTE_P | PTE_AD);
	s.table[1][300] = LEAF(1ULL << 34, PTE_P | PTE_AD);
	space_readonly(&s);
	for (int l = 1; l <= ROOT_LEVEL; l++)
		check_refused(mmuext(MMUEXT_PIN_L1_TABLE + l - 1, mfn_of(&s, l)));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(&s, ROOT_LEVEL)));
	space_writable(&s);
	s.table[1][300] = 0;
	space_readonly(&s);
	check_eq(mmuext(PIN_ROOT, mfn_of(&s, ROOT_LEVEL)), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&s, ROOT_LEVEL)), 0);
	space_writable(&s);
}

static void test_base_pointer(void)
{
	const uint64_t *first = (const uint64_t *)start_info->pt_base;
	uint64_t *page = page_alloc();
	struct space s;

	space_new(&s, VA);
	s.table[1][(VA >> 12) & 511] = LEAF(virt_to_mfn(page), PTE_KERNEL);
	*page = 0x5151;
	/* The kernel's own part. */
	for (int i = ROOT_LEVEL == 4 ? 272 : 3; i < (ROOT_LEVEL == 4 ? 512 : 4); i++)
		s.table[ROOT_LEVEL][i] = first[i];
	space_readonly(&s);
	check_eq(mmuext(PIN_ROOT, mfn_of(&s, ROOT_LEVEL)), 0);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(&s, ROOT_LEVEL)), 0);
	check_eq(*(volatile uint64_t *)VA, 0x5151);
	*(volatile uint64_t *)VA = 0x6161;
	check_eq(*(volatile uint64_t *)page, 0x6161);
	check_eq(m2p[virt_to_mfn(page)], virt_to_pfn(page));
	check_eq(map_page((void *)VA, 0, 0), 0);
	check_eq(probe_read((void *)VA), 14);
	/* In use without a pin, and pinned without being in use. */
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&s, ROOT_LEVEL)), 0);
	check_refused(make_writable(s.table[ROOT_LEVEL]));
	check_eq(mmuext(PIN_ROOT, mfn_of(&s, ROOT_LEVEL)), 0);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(first)), 0);
	check_eq(probe_read((void *)VA), 14);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&s, ROOT_LEVEL)), 0);
	space_writable(&s);

	check_refused(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(page)));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(pte_of(page))));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, NO_SUCH_MFN));
	check_refused(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(page)));
	check_refused(mmuext(MMUEXT_NEW_USER_BASEPTR, NO_SUCH_MFN));
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), KERNEL_RING == 1 ? -EINVAL : 0);
}

static void test_pages(void)
{
	uint64_t *from = page_alloc(), *to = page_alloc();

	from[511] = 0x1234;
	check_eq(copy_page(virt_to_mfn(to), virt_to_mfn(from)), 0);
	check_eq(((volatile uint64_t *)to)[511], 0x1234);
	check_eq(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(to)), 0);
	check_eq(((volatile uint64_t *)to)[511], 0);
	/* Not over a table. */
	check_refused(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(pte_of(to))));
	check_refused(copy_page(virt_to_mfn(pte_of(to)), virt_to_mfn(from)));
	check_refused(copy_page(virt_to_mfn(to), NO_SUCH_MFN));
}

static void test_flushes(void)
{
	uint64_t mask = 1;
	struct mmuext_op ops[] = {
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL },
		{ .cmd = MMUEXT_INVLPG_LOCAL },
		{ .cmd = MMUEXT_TLB_FLUSH_ALL },
		{ .cmd = MMUEXT_INVLPG_ALL },
		{ .cmd = MMUEXT_TLB_FLUSH_MULTI },
		{ .cmd = MMUEXT_INVLPG_MULTI },
		{ .cmd = 999 },
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL },
	};
	uint32_t done = 5;

	for (int i = 0; i < 8; i++) {
		if (ops[i].cmd == MMUEXT_INVLPG_LOCAL || ops[i].cmd == MMUEXT_INVLPG_ALL ||
		    ops[i].cmd == MMUEXT_INVLPG_MULTI)
			ops[i].arg1.linear_addr = (uintptr_t)ops;
		if (ops[i].cmd == MMUEXT_TLB_FLUSH_MULTI || ops[i].cmd == MMUEXT_INVLPG_MULTI)
			ops[i].arg2.vcpumask = (uintptr_t)&mask;
	}
	check_eq(batch(ops, 6, &done), 0);
	check_eq(done, 6);
	check_eq(batch(ops, 8, &done), -ENOSYS);
	check_eq(done, 6);
	check_eq(mmuext(MMUEXT_MARK_SUPER, virt_to_mfn(page_alloc())), -EOPNOTSUPP);
	if (!(start_info->flags & SIF_INITDOMAIN))
		check_refused(mmuext(MMUEXT_FLUSH_CACHE, 0));
	ops[0] = (struct mmuext_op){ .cmd = MMUEXT_TLB_FLUSH_MULTI, .arg2.vcpumask = 0x10000 };
	check_refused(batch(ops, 1, NULL));
}

void test_main(void)
{
	test_levels();
	test_root();
	test_bad_entry();
	test_base_pointer();
	test_pages();
	test_flushes();
}
