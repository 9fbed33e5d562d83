// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * A root of four entries is rewritten while both vcpus run on it, one of them writing through what
 * it leads to without pause: to another table and back, with everything that is no table for that
 * place, and to nothing. What is wrong is refused and the other vcpu does not notice. A table that
 * was taken out, and the pages behind it, are anything else at once: no write by a translation of
 * before reaches them, though nobody asked for a flush.
 * bits: 32
 */
#include "guest.h"

const char test_name[] = "evil-pae-root";

#define ROUNDS 30
#define VA     0x40000000UL /* the second entry */

static uint64_t *root, *l2[2], *l1[2];
static uint64_t root_at;
static volatile uint32_t *page[2];
static volatile unsigned writes, faults;
static volatile bool loaded;

static bool count_fault(struct trap_frame *f)
{
	bool skipped = skip_touch(f);

	faults += skipped;
	return skipped;
}

static void toucher(void)
{
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, root_at >> 12), 0);
	loaded = true;
	for (unsigned i = 1;; i++) {
		/* Present, and a frame that is nobody's: no table is taken with such an entry. */
		touch_store((void *)(VA + 64), 0xfffff063);
		writes = i;
	}
}

static void wait_more(volatile unsigned *counter, unsigned more)
{
	unsigned from = *counter;

	wait_until(*counter - from >= more);
}

static long entry(unsigned slot, uint64_t value)
{
	return mmu_update(root_at | slot * 8, value);
}

static void test_wrong(void)
{
	uint64_t good = TABLE_ENTRY(l2[0]);
	uint64_t bad[] = {
		TABLE_ENTRY(root),		  /* itself */
		TABLE_ENTRY((void *)start_info->pt_base),
		TABLE_ENTRY(l1[0]),
		LEAF(virt_to_mfn((void *)page[0]), PTE_P),
		root[3],			  /* the last L2, which is a kind of its own */
		good | PTE_PS,			  /* a large page */
		good & ~PTE_ADDR,		  /* frame 0 */
		good | 1ULL << 51,		  /* an address that there is not */
		LEAF(0xfffff, PTE_P),
		LEAF(start_info->shared_info >> 12, PTE_P),
		~0ULL,
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (unsigned slot = 0; slot < 3; slot++)
			if (entry(slot, bad[i]) >= 0)
				fail("entry %u of a loaded root became %#llx", slot,
				     (unsigned long long)bad[i]);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bad[i] != root[3] && entry(3, bad[i]) >= 0)
			fail("the last entry of a loaded root became %#llx",
			     (unsigned long long)bad[i]);
	/* An L2 that is one already is not the last one. */
	check_refused(entry(3, good));
	for (unsigned slot = 4; slot < 512; slot += 63)
		check_refused(entry(slot, good));
	/* In use it is a root and nothing else. */
	check_refused(make_writable(root));
	check_refused(mmuext(MMUEXT_PIN_L2_TABLE, root_at >> 12));
	check_refused(mmuext(MMUEXT_CLEAR_PAGE, root_at >> 12));
	check_refused(make_writable(l2[0]));
	check_eq(root[1] & PTE_ADDR, good & PTE_ADDR);
}

/* What was behind the second entry, now that nothing leads there any more: page n is a table. */
static void test_stale(unsigned n)
{
	uint64_t mfn = virt_to_mfn((void *)page[n]);
	struct mmuext_op ops[2] = { { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn },
				    { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn } };
	long r;

	/* The page's own mapping is the last one that is writable. */
	check_eq(make_readonly((void *)page[n]), 0);
	do {
		r = mmuext_ops(ops, 2);
	} while (r < 0 && page[n][16]);
	check_eq(r, 0);
	wait_more(&writes, 20);
	check_eq(page[n][16], 0);
	/* The tables that led to it are memory again. */
	check_eq(make_writable(l2[n]), 0);
	check_eq(make_writable(l1[n]), 0);
	l2[n][7] = 0;
	l1[n][7] = 0;
	check_eq(make_readonly(l1[n]), 0);
	check_eq(make_readonly(l2[n]), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
	check_eq(make_writable((void *)page[n]), 0);
	page[n][16] = 0;
}

void test_main(void)
{
	const uint64_t *now = (const uint64_t *)start_info->pt_base;

	root = page_alloc();
	root_at = virt_to_mfn(root) << 12;
	for (int i = 0; i < 4; i++)
		root[i] = now[i];
	for (int i = 0; i < 2; i++) {
		l2[i] = page_alloc();
		l1[i] = page_alloc();
		page[i] = page_alloc();
		l1[i][0] = LEAF(virt_to_mfn((void *)page[i]), PTE_KERNEL);
		l2[i][0] = TABLE_ENTRY(l1[i]);
		check_eq(make_readonly(l1[i]), 0);
		check_eq(make_readonly(l2[i]), 0);
	}
	check_eq(make_readonly(root), 0);
	check_eq(mmuext(MMUEXT_PIN_L3_TABLE, root_at >> 12), 0);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, root_at >> 12), 0);
	trap_hook = count_fault;
	vcpu_start(1, toucher);
	while (!loaded)
		pause();
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned n = i & 1;

		check_eq(entry(1, TABLE_ENTRY(l2[n])), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		wait_more(&writes, 3);
		check_eq(page[n][16], 0xfffff063);
		if (!n)
			test_wrong();
		/* From one to the other, and to nothing. */
		if (i % 3 == 0) {
			page[!n][16] = 0;
			check_eq(entry(1, TABLE_ENTRY(l2[!n])), 0);
			test_stale(n);
			n = !n;
		}
		check_eq(entry(1, 0), 0);
		test_stale(n);
		wait_more(&faults, 2);
	}
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, root_at >> 12), 0);
	check_refused(make_writable(root));
	vcpu_down(1);
	check_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn((void *)start_info->pt_base)), 0);
}
