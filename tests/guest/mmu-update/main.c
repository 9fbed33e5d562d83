// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmu_update: the batch by which a kernel changes page tables. Every form works (an entry of a
 * table, an entry with its A and D bits kept, a word of the M2P, a word of ordinary memory); a
 * batch is done element by element, a failing one changes nothing and ends it, and the count of
 * those done before is reported, since kernels resume from there.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "mmu-update";

static uint8_t a[PAGE_SIZE] __attribute__((aligned(4096))),
	b[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t words[PAGE_SIZE / 8] __attribute__((aligned(4096)));

static long batch(struct mmu_update *u, long n, uint32_t *done)
{
	return hypercall(mmu_update, u, n, done, (long)DOMID_SELF);
}

static void flush(void)
{
	check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
}

static void test_entries(void)
{
	uint64_t ptr = pte_maddr(a), own = LEAF(virt_to_mfn(a), PTE_KERNEL),
		 other = LEAF(virt_to_mfn(b), PTE_KERNEL);

	memset(a, 1, PAGE_SIZE);
	memset(b, 2, PAGE_SIZE);
	check_eq(mmu_update(ptr, other), 0);
	flush();
	check_eq(*(volatile uint8_t *)a, 2);
	check_eq(*pte_of(a) & PTE_ADDR, other & PTE_ADDR);
	/* A kernel's page and a user's look alike to the CPU: both are marked user. */
	check(KERNEL_RING == 1 || (*pte_of(a) & PTE_US));
	check_eq(mmu_update(ptr | MMU_PT_UPDATE_NO_TRANSLATE, own), 0);
	flush();
	check_eq(*(volatile uint8_t *)a, 1);
	check_eq(mmu_update(ptr, 0), 0);
	flush();
	check_eq(probe_read(a), 14);
	check_eq(mmu_update(ptr, own), 0);
	check_eq(*(volatile uint8_t *)a, 1);
}

static void test_preserve_ad(void)
{
	uint64_t ptr = pte_maddr(a), bare = LEAF(virt_to_mfn(a), PTE_P | PTE_RW);

	check_eq(mmu_update(ptr, bare), 0);
	flush();
	check_eq(*pte_of(a) & PTE_AD, 0);
	*(volatile uint8_t *)a = 3;
	check_eq(*pte_of(a) & PTE_AD, PTE_AD);
	check_eq(mmu_update(ptr | MMU_PT_UPDATE_PRESERVE_AD, bare), 0);
	check_eq(*pte_of(a) & PTE_AD, PTE_AD);
	check_eq(mmu_update(ptr, bare), 0);
	check_eq(*pte_of(a) & PTE_AD, 0);
	flush();
	check_eq(mmu_update(ptr, LEAF(virt_to_mfn(a), PTE_KERNEL)), 0);
}

static void test_m2p(void)
{
	uint64_t mfn = virt_to_mfn(b), pfn = virt_to_pfn(b);

	check_eq(m2p[mfn], pfn);
	check_eq(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, 0x12345), 0);
	check_eq(*(volatile uint64_t *)&m2p[mfn], 0x12345);
	check_eq(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
	check_eq(*(volatile uint64_t *)&m2p[mfn], pfn);
	check_refused(mmu_update(0x7fffffffffffUL << 12 | MMU_MACHPHYS_UPDATE, pfn));
	check_refused(mmu_update(1ULL << 40 | MMU_MACHPHYS_UPDATE, pfn));
}

static void test_memory(void)
{
	check_eq(mmu_update(virt_to_mfn(words) << 12 | 8 * 7, 0x1122334455667788), 0);
	check_eq(((volatile uint64_t *)words)[7], 0x1122334455667788);
	check_eq(((volatile uint64_t *)words)[6], 0);
	check_eq(((volatile uint64_t *)words)[8], 0);
}

static void test_batch(void)
{
	uint64_t frame = virt_to_mfn(words) << 12;
	struct mmu_update u[] = {
		{ frame | 8, 1 }, { frame | 16, 2 }, { frame | 24, 3 },
		{ 1ULL << 45, 4 }, { frame | 32, 5 }, { frame | 40, 6 },
	};
	uint32_t done = 77;

	memset(words, 0, PAGE_SIZE);
	check_refused(batch(u, 6, &done));
	check_eq(done, 3);
	check(words[1] == 1 && words[2] == 2 && words[3] == 3);
	check(words[4] == 0 && words[5] == 0);
	check_eq(batch(u, 3, &done), 0);
	check_eq(done, 3);
	check_eq(batch(u, 0, &done), 0);
	check_eq(done, 0);
	/* The bad one alone, and an entry that points where it must not: the table keeps what it
	 * had. */
	check_refused(batch(u + 3, 3, &done));
	check_eq(done, 0);
	check_eq(words[4], 0);
	u[0] = (struct mmu_update){ pte_maddr(a), LEAF(1ULL << 33, PTE_KERNEL) };
	check_refused(batch(u, 1, &done));
	check_eq(done, 0);
	check_eq(*pte_of(a) & PTE_ADDR, virt_to_mfn(a) << 12);
	*(volatile uint8_t *)a = 9;
	/* No count wanted. */
	u[0] = (struct mmu_update){ frame | 8, 11 };
	check_eq(batch(u, 1, NULL), 0);
	check_eq(words[1], 11);
	/* A list that ends in nowhere: what can be read is done. */
	check_eq(batch((void *)0x10000, 1, &done), -EFAULT);
	check_eq(done, 0);
}

static void test_long_batch(void)
{
	struct mmu_update *u = page_alloc();
	uint32_t done;

	for (int i = 0; i < 256; i++)
		u[i] = (struct mmu_update){ virt_to_mfn(words) << 12 | i * 8, i * 3 };
	for (int round = 0; round < 50; round++)
		check_eq(batch(u, 256, &done), 0);
	check_eq(done, 256);
	for (int i = 0; i < 256; i++)
		check_eq(words[i], i * 3);
}

void test_main(void)
{
	test_entries();
	test_preserve_ad();
	test_m2p();
	test_memory();
	test_batch();
	test_long_batch();
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		struct mmu_update u = { pte_maddr(a), 0 };

		check_refused(hypercall(mmu_update, &u, 1L, (long *)0, (long)DOMID_XEN));
		check_refused(hypercall(mmu_update, &u, 1L, (long *)0, 77L));
		check_refused(
			hypercall(mmu_update, &u, 1L, (long *)0, (long)DOMID_SELF | 78L << 16));
		check(*pte_of(a) & PTE_P);
	}
}
