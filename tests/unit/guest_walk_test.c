// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/memory/p2m.c hypervisor/hvm/guest_walk.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// An HVM guest's page tables, walked in software: the three kinds, their rights, and tables that
// lead out of the guest.

#include "mmu_fixture.h"
#include "suite.h"
#include "cpu/msr.h"
#include "hvm/guest_walk.h"
#include "memory/p2m.h"

#define PAGES 16
#define BITS  (PTE_P | PTE_RW)

static void begin(void)
{
	fixture_begin();
	guest->max_pages = 64;
	CU_ASSERT_EQUAL(p2m_create(guest), 0);
	for (gfn_t gfn = 0; gfn < PAGES; gfn++)
		CU_ASSERT_EQUAL(p2m_add(guest, gfn, new_frame(guest), 0, P2M_RAM), 0);
}

/* Every reference was given back, too. */
static void end(void)
{
	CU_ASSERT_EQUAL(audit(), 0);
	guest->dying = true;
	while (p2m_relinquish(guest))
		;
	p2m_destroy(guest);
	fixture_end();
}

static void *page(gfn_t gfn)
{
	return mfn_to_va(p2m_lookup(guest, gfn, NULL));
}

static void put8(gfn_t table, unsigned slot, u64 e)
{
	((u64 *)page(table))[slot] = e;
}

static void put4(gfn_t table, unsigned slot, u32 e)
{
	((u32 *)page(table))[slot] = e;
}

#define NOWHERE (~0ULL)
static u64 walk(const struct guest_paging *p, vaddr_t va, bool write)
{
	u64 gpa = NOWHERE;
	int r = guest_walk(guest, p, va, write, &gpa);

	CU_ASSERT_TRUE(r == 0 || (r == -EFAULT && gpa == NOWHERE));
	return gpa;
}

static const struct guest_paging none = { .cr0 = CR0_PE, .cr3 = 0x1000 };
static const struct guest_paging two = { CR0_PE | CR0_PG | CR0_WP, 0x1000 | 0x18, 0, 0 };
static const struct guest_paging pae = { CR0_PE | CR0_PG | CR0_WP, 0x1020, CR4_PAE, 0 };
static const struct guest_paging four = { CR0_PE | CR0_PG | CR0_WP, 0x1000 | 0x18, CR4_PAE,
					  EFER_LME | EFER_LMA };

TEST(test_none, "without paging addresses are what they say, in 32 bits")
{
	CU_ASSERT_EQUAL(walk(&none, 0x1234, true), 0x1234);
	CU_ASSERT_EQUAL(walk(&none, 0xffffffff, false), 0xffffffff);
	CU_ASSERT_EQUAL(walk(&none, 0x100000000, false), NOWHERE);
}

TEST(test_two, "two levels of 4 bytes")
{
	struct guest_paging pse = two;

	put4(1, 0x301, 0x2000 | BITS);
	put4(2, 0x0ff, 0x5000 | BITS);
	CU_ASSERT_EQUAL(walk(&two, 0xc04ff123, true), 0x5123);
	CU_ASSERT_EQUAL(walk(&two, 0xc04fe123, true), NOWHERE);
	CU_ASSERT_EQUAL(walk(&two, 0xc08ff123, true), NOWHERE);
	CU_ASSERT_EQUAL(walk(&two, 0x1c04ff123, true), NOWHERE);
	/* 4 MiB, which are tables where CR4.PSE is clear. */
	put4(1, 3, 0x00c00000 | 0x12 << 13 | PTE_PS | BITS);
	CU_ASSERT_EQUAL(walk(&two, 3 << 22 | 0x123456, false), NOWHERE);
	pse.cr4 = CR4_PSE;
	CU_ASSERT_EQUAL(walk(&pse, 3 << 22 | 0x123456, false), 0x1200d23456);
	CU_ASSERT_EQUAL(walk(&pse, 0xc04ff123, true), 0x5123);
}

TEST(test_pae, "PAE: a root of four entries in 32 bytes")
{
	put8(1, 4 + 3, 0x2000 | PTE_P);
	put8(2, 5, 0x3000 | BITS);
	put8(3, 6, 0x123456000 | BITS | PTE_NX);
	CU_ASSERT_EQUAL(walk(&pae, 0xc0a06789, true), 0x123456789);
	CU_ASSERT_EQUAL(walk(&pae, 0x80a06789, true), NOWHERE);
	put8(2, 7, 0x123400000 | PTE_PS | BITS);
	CU_ASSERT_EQUAL(walk(&pae, 0xc0f23456, true), 0x123523456);
	put8(1, 4, PTE_PS | PTE_P);
	CU_ASSERT_EQUAL(walk(&pae, 0, true), NOWHERE);
}

#define VA 0xffff888000205678ULL /* slots 0x111, 0, 1, 5 */

static void four_levels(void)
{
	put8(1, 0x111, 0x2000 | BITS);
	put8(2, 0, 0x3000 | BITS);
	put8(3, 1, 0x4000 | BITS);
	put8(4, 5, 0x7000 | BITS);
}

TEST(test_four, "long mode, whose pages are of three sizes")
{
	four_levels();
	CU_ASSERT_EQUAL(walk(&four, VA, true), 0x7678);
	CU_ASSERT_EQUAL(walk(&four, VA + PAGE_SIZE, true), NOWHERE);
	CU_ASSERT_EQUAL(walk(&four, VA & ~(0xffffULL << 48), true), NOWHERE);
	CU_ASSERT_EQUAL(walk(&four, VA ^ BIT(47), true), NOWHERE);
	put8(3, 2, 0x123400000 | PTE_PS | BITS | PTE_PAT << 5);
	CU_ASSERT_EQUAL(walk(&four, 0xffff888000423456, true), 0x123423456);
	put8(2, 9, 0x5c0000000 | PTE_PS | BITS);
	CU_ASSERT_EQUAL(walk(&four, 0xffff888000000000 + (9ULL << 30) + 0x3456789a, true),
			0x5c0000000 + 0x3456789a);
	/* No such pages of 512 GiB: what the entry leads to is a table. */
	put8(1, 0x112, 0x2000 | PTE_PS | BITS);
	CU_ASSERT_EQUAL(walk(&four, VA + BIT(39), true), 0x7678);
}

TEST(test_rights, "any level may forbid writing, unless CR0.WP is clear")
{
	struct guest_paging loose = four;

	loose.cr0 &= ~CR0_WP;
	for (gfn_t table = 1; table < 5; table++) {
		static const unsigned slots[] = { 0, 0x111, 0, 1, 5 };
		u64 *e = (u64 *)page(table) + slots[table];

		four_levels();
		*e &= ~PTE_RW;
		CU_ASSERT_EQUAL(walk(&four, VA, false), 0x7678);
		CU_ASSERT_EQUAL(walk(&four, VA, true), NOWHERE);
		CU_ASSERT_EQUAL(walk(&loose, VA, true), 0x7678);
		*e &= ~PTE_P;
		CU_ASSERT_EQUAL(walk(&loose, VA, false), NOWHERE);
	}
}

TEST(test_outside, "tables that are not the guest's memory")
{
	static const gfn_t outside[] = { PAGES, BIT(P2M_GFN_BITS), BIT(P2M_GFN_BITS) - 1,
					 BIT(40) - 1 };
	struct guest_paging p = four;

	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		four_levels();
		p.cr3 = outside[i] << PAGE_SHIFT;
		CU_ASSERT_EQUAL(walk(&p, VA, false), NOWHERE);
		for (gfn_t table = 1; table < 4; table++) {
			four_levels();
			put8(table, table == 1 ? 0x111 : table == 2 ? 0 : 1,
			     outside[i] << PAGE_SHIFT | BITS);
			CU_ASSERT_EQUAL(walk(&four, VA, false), NOWHERE);
		}
		/* Where it leads may lie outside, which copying then finds. */
		four_levels();
		put8(4, 5, outside[i] << PAGE_SHIFT | BITS);
		CU_ASSERT_EQUAL(walk(&four, VA, false), outside[i] << PAGE_SHIFT | 0x678);
		CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, VA, &(u64){ 0 }, 8, false), -EFAULT);
		CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, VA, &(u64){ 0 }, 8, true), -EFAULT);
	}
	/* A table that is its own: the walk has an end all the same. */
	memset(page(1), 0, PAGE_SIZE);
	for (unsigned i = 0; i < 512; i++)
		put8(1, i, 0x1000 | BITS);
	CU_ASSERT_EQUAL(walk(&four, VA, true), 0x1678);
}

TEST(test_copy, "copies over the ends of pages, in pieces")
{
	char out[3 * PAGE_SIZE], in[sizeof(out)];
	const vaddr_t at = VA & PAGE_MASK;

	four_levels();
	/* Three pages in a row, and in any order below. */
	put8(4, 6, 0xb000 | BITS);
	put8(4, 7, 0x9000 | BITS);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 256);
	CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, at, out, sizeof(out), true), 0);
	CU_ASSERT_EQUAL(memcmp(page(7), out, PAGE_SIZE), 0);
	CU_ASSERT_EQUAL(memcmp(page(0xb), out + PAGE_SIZE, PAGE_SIZE), 0);
	CU_ASSERT_EQUAL(memcmp(page(9), out + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, at, in, sizeof(in), false), 0);
	CU_ASSERT_EQUAL(memcmp(in, out, sizeof(in)), 0);
	CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, at + 4090, in, 12, false), 0);
	CU_ASSERT_EQUAL(memcmp(in, out + 4090, 12), 0);
	CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, at + 5, in, 0, false), 0);
	/* The fourth is not there: what comes before is done. */
	memset(in, 0, sizeof(in));
	CU_ASSERT_EQUAL(guest_walk_copy(guest, &four, at + sizeof(out) - 4, in, 8, false), -EFAULT);
	CU_ASSERT_EQUAL(memcmp(in, out + sizeof(out) - 4, 4), 0);
	CU_ASSERT_EQUAL(in[4], 0);
	/* To the last byte there is, and not around. */
	CU_ASSERT_EQUAL(guest_walk_copy(guest, &none, 0xfffffffc, in, 8, false), -EFAULT);
}

/* ---- as the guest's own accesses ---- */

static u32 error;

/* What an access of its own leads to; NOWHERE: a page fault, with `error`. */
static u64 translate(const struct guest_paging *p, vaddr_t va, unsigned how)
{
	u64 gpa = NOWHERE;
	int r = guest_translate(guest, p, va, how, &gpa, &error);

	CU_ASSERT_TRUE(r == 0 || (r == -EFAULT && gpa == NOWHERE));
	return gpa;
}

static void all_users(void)
{
	put8(1, 0x111, 0x2000 | BITS | PTE_US);
	put8(2, 0, 0x3000 | BITS | PTE_US);
	put8(3, 1, 0x4000 | BITS | PTE_US);
	put8(4, 5, 0x7000 | BITS | PTE_US);
}

#define IS(gpa) CU_ASSERT_EQUAL(gpa, 0x7678)
#define FAULTS(gpa, code)                       \
	do {                                    \
		CU_ASSERT_EQUAL(gpa, NOWHERE);  \
		CU_ASSERT_EQUAL(error, code);   \
	} while (0)

TEST(test_access_rights, "rights by U, W, NX, WP, SMEP, SMAP: and what the fault's error code says")
{
	struct guest_paging p = four;

	p.efer |= EFER_NX;
	all_users();
	IS(translate(&p, VA, GUEST_USER));
	IS(translate(&p, VA, GUEST_USER | GUEST_WRITE));
	IS(translate(&p, VA, GUEST_USER | GUEST_FETCH));
	IS(translate(&p, VA, 0));
	IS(translate(&p, VA, GUEST_FETCH));
	p.cr4 |= CR4_SMEP | CR4_SMAP;
	FAULTS(translate(&p, VA, 0), 1);
	FAULTS(translate(&p, VA, GUEST_WRITE), 3);
	IS(translate(&p, VA, GUEST_WRITE | GUEST_AC));
	FAULTS(translate(&p, VA, GUEST_FETCH | GUEST_AC), 0x11);
	IS(translate(&p, VA, GUEST_USER));
	/* U counts where all levels have it. */
	for (gfn_t table = 1; table <= 4; table++) {
		unsigned slot = table == 1 ? 0x111 : table == 2 ? 0 : table == 3 ? 1 : 5;

		all_users();
		((u64 *)page(table))[slot] &= ~(u64)PTE_US;
		FAULTS(translate(&p, VA, GUEST_USER), 5);
		FAULTS(translate(&p, VA, GUEST_USER | GUEST_WRITE), 7);
		IS(translate(&p, VA, GUEST_WRITE));
		IS(translate(&p, VA, GUEST_FETCH));
		all_users();
		((u64 *)page(table))[slot] &= ~(u64)PTE_RW;
		FAULTS(translate(&p, VA, GUEST_USER | GUEST_WRITE), 7);
		FAULTS(translate(&p, VA, GUEST_WRITE | GUEST_AC), 3);
		p.cr0 &= ~CR0_WP;
		IS(translate(&p, VA, GUEST_WRITE | GUEST_AC));
		FAULTS(translate(&p, VA, GUEST_USER | GUEST_WRITE), 7);
		p.cr0 |= CR0_WP;
		all_users();
		((u64 *)page(table))[slot] |= PTE_NX;
		FAULTS(translate(&p, VA, GUEST_USER | GUEST_FETCH), 0x15);
		IS(translate(&p, VA, GUEST_USER | GUEST_WRITE));
		p.efer &= ~EFER_NX;
		IS(translate(&p, VA, GUEST_USER | GUEST_FETCH));
		p.efer |= EFER_NX;
		all_users();
		((u64 *)page(table))[slot] &= ~(u64)PTE_P;
		FAULTS(translate(&p, VA, GUEST_USER | GUEST_WRITE), 6);
		FAULTS(translate(&p, VA, GUEST_FETCH), 0x10);
		((u64 *)page(table))[slot] = 0;
	}
	/* Without NX and SMEP a fetch is told as a read. */
	p = four;
	FAULTS(translate(&p, VA, GUEST_FETCH), 0);
	/* PAE's first level has no such bits; without paging there are none. */
	put8(1, 4 + 3, 0x2000 | PTE_P);
	put8(2, 5, 0x3000 | BITS | PTE_US);
	put8(3, 6, 0x7000 | BITS | PTE_US);
	CU_ASSERT_EQUAL(translate(&pae, 0xc0a06678, GUEST_USER | GUEST_WRITE), 0x7678);
	CU_ASSERT_EQUAL(((u64 *)page(1))[7], 0x2000 | PTE_P);
	CU_ASSERT_EQUAL(translate(&none, 0xfee00020, GUEST_USER | GUEST_WRITE), 0xfee00020);
}

TEST(test_accessed, "A and D are set as a CPU does it")
{
	const u64 bits = BITS | PTE_US;

	all_users();
	IS(translate(&four, VA, GUEST_USER));
	CU_ASSERT_EQUAL(((u64 *)page(1))[0x111], 0x2000 | bits | PTE_A);
	CU_ASSERT_EQUAL(((u64 *)page(2))[0], 0x3000 | bits | PTE_A);
	CU_ASSERT_EQUAL(((u64 *)page(3))[1], 0x4000 | bits | PTE_A);
	CU_ASSERT_EQUAL(((u64 *)page(4))[5], 0x7000 | bits | PTE_A);
	IS(translate(&four, VA, GUEST_WRITE));
	CU_ASSERT_EQUAL(((u64 *)page(3))[1], 0x4000 | bits | PTE_A);
	CU_ASSERT_EQUAL(((u64 *)page(4))[5], 0x7000 | bits | PTE_A | PTE_D);
	/* Where there is a fault there is none; what is a hypercall's argument has none either. */
	all_users();
	put8(4, 5, 0x7000 | PTE_P | PTE_US);
	FAULTS(translate(&four, VA, GUEST_USER | GUEST_WRITE), 7);
	CU_ASSERT_EQUAL(walk(&four, VA, false), 0x7678);
	CU_ASSERT_EQUAL(((u64 *)page(1))[0x111], 0x2000 | bits);
	/* Entries of 4 bytes, and their neighbours. */
	put4(1, 0x301, 0x2000 | (u32)bits);
	put4(1, 0x302, 0x55555555);
	put4(2, 0x0fe, 0x66666666);
	put4(2, 0x0ff, 0x5000 | (u32)bits);
	CU_ASSERT_EQUAL(translate(&two, 0xc04ff123, GUEST_USER | GUEST_WRITE), 0x5123);
	CU_ASSERT_EQUAL(((u32 *)page(1))[0x301], 0x2000 | (u32)(bits | PTE_A));
	CU_ASSERT_EQUAL(((u32 *)page(1))[0x302], 0x55555555);
	CU_ASSERT_EQUAL(((u32 *)page(2))[0x0ff], 0x5000 | (u32)(bits | PTE_A | PTE_D));
	CU_ASSERT_EQUAL(((u32 *)page(2))[0x0fe], 0x66666666);
	/* A table that is no memory is not a fault, but the guest's mistake. */
	all_users();
	put8(2, 0, (u64)PAGES << PAGE_SHIFT | bits);
	CU_ASSERT_EQUAL(guest_translate(guest, &four, VA, 0, &(u64){ 0 }, &error), -EIO);
}

SUITE("guest_walk", .init = fixture_init, .begin = begin, .end = end)
