// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/leaf.c hypervisor/pv/mmu.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/ptwr.c
// sources: hypervisor/pv/modify.c hypervisor/pv/decode.c hypervisor/domain/permission.c
// sources: hypervisor/memory/range_set.c
// sources: hypervisor/lib/printf.c tests/unit/sim/sim.c
//
// Writable page tables: a guest kernel's instruction on an entry of a table that it maps read-only
// does what it would have done, as far as a validated table may take it; anything else is the
// guest's own page fault and changes nothing.

#include "mmu_fixture.h"
#include "suite.h"
#include "pv/ptwr.h"

#define WRITE_FAULT 7 /* present, write, user: a 64-bit guest kernel is in ring 3 */

static struct space s;
static vaddr_t table_va; /* where the guest maps its L1, read-only */
static u8 code[2 * PAGE_SIZE] __aligned(4096);
static struct regs r;

static void begin(void)
{
	fixture_begin();
	build_space(guest, &s, 4);
	table_of(s.l1)[100] = pte_make(s.l1, PTE_P);
	table_of(s.l1)[101] = pte_make(s.l2, PTE_P);
	table_of(s.l1)[102] = pte_make(s.data[3], PTE_P);
	CU_ASSERT_EQUAL_FATAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	table_va = (SPACE_VA & ~0x1fffffULL) + 100 * PAGE_SIZE;
	memset(&r, 0, sizeof(r));
	memset(code, 0x90, sizeof(code));
	r.cs = 0xe033;
	r.rflags = 0x202;
	sim.bad = sim.bad_end = NULL;
}

/*
 * Put the instruction at rip and fault on entry `slot` of the mapped table with rdi pointing at it.
 */
static bool fault(const void *insn, unsigned n, unsigned slot, unsigned byte)
{
	memcpy(code, insn, n);
	r.rip = (u64)code;
	r.rdi = table_va + slot * 8 + byte;
	return ptwr_fault(&r, r.rdi, WRITE_FAULT);
}

static const u8 mov_store[] = { 0x48, 0x89, 0x07 };              /* mov %rax,(%rdi) */
static const u8 lock_andb[] = { 0xf0, 0x80, 0x27, 0xfd };        /* lock andb $~2,(%rdi) */
static const u8 lock_btr[] = { 0xf0, 0x48, 0x0f, 0xba, 0x37, 1 }; /* lock btrq $1,(%rdi) */
static const u8 xchg[] = { 0x48, 0x87, 0x07 };                   /* xchg %rax,(%rdi) */
static const u8 cmpxchg[] = { 0xf0, 0x48, 0x0f, 0xb1, 0x37 };    /* lock cmpxchg %rsi,(%rdi) */
static const u8 rep_stos[] = { 0xf3, 0x48, 0xab };
static const u8 bts_reg[] = { 0x48, 0x0f, 0xab, 0x37 };          /* bts %rsi,(%rdi) */
static const u8 mov_imm[] = { 0x48, 0xc7, 0x07, 0, 0, 0, 0 };
static const u8 load[] = { 0x48, 0x8b, 0x07 };
static const u8 mov_gs[] = { 0x65, 0x48, 0x89, 0x07 };
static const u8 movd[] = { 0x89, 0x07 };

TEST(test_store, "stores")
{
	u64 *e;

	e = &table_of(s.l1)[1];
	r.rax = pte_make(s.data[1], DATA_FLAGS);
	CU_ASSERT_TRUE_FATAL(fault(mov_store, sizeof(mov_store), 1, 0));
	CU_ASSERT_EQUAL(*e, pte_make(s.data[1], DATA_FLAGS | PTE_US | PTE_GUEST_KERNEL));
	CU_ASSERT_EQUAL(r.rip, (u64)code + 3);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 1);
	CU_ASSERT_EQUAL(type_count(s.data[1]), 2);
	CU_ASSERT_TRUE(fault(mov_imm, sizeof(mov_imm), 1, 0));
	CU_ASSERT_EQUAL(*e, 0);
	CU_ASSERT_EQUAL(type_count(s.data[1]), 1);
	CU_ASSERT_EQUAL(audit(), 0);
}

TEST(test_write_protect, "write protection")
{
	u64 *e;

	e = &table_of(s.l1)[1];
	CU_ASSERT_TRUE(fault(lock_andb, sizeof(lock_andb), 1, 0));
	CU_ASSERT_EQUAL(*e, pte_make(s.data[0], (DATA_FLAGS & ~PTE_RW) | PTE_US |
				     PTE_GUEST_KERNEL));
	CU_ASSERT_EQUAL(type_count(s.data[0]), 0);
	CU_ASSERT_EQUAL(refs_of(s.data[0]), 2);
	CU_ASSERT_TRUE(fault(lock_btr, sizeof(lock_btr), 2, 0));
	CU_ASSERT_EQUAL((r.rflags & 1), 1); /* CF: the bit was set */
	CU_ASSERT_TRUE(fault(lock_btr, sizeof(lock_btr), 2, 0));
	CU_ASSERT_EQUAL((r.rflags & 1), 0);
	CU_ASSERT_EQUAL(type_count(s.data[1]), 0);
}

TEST(test_exchange, "exchange")
{
	u64 *e, old;

	e = &table_of(s.l1)[1];
	old = *e;
	r.rax = 0;
	CU_ASSERT_TRUE(fault(xchg, sizeof(xchg), 1, 0));
	CU_ASSERT_EQUAL(r.rax, old);
	CU_ASSERT_EQUAL(*e, 0);
	/* cmpxchg that matches, and one that does not */
	r.rax = 0;
	r.rsi = old;
	CU_ASSERT_TRUE(fault(cmpxchg, sizeof(cmpxchg), 1, 0));
	CU_ASSERT_EQUAL((r.rflags >> 6 & 1), 1);
	CU_ASSERT_EQUAL(*e, old);
	r.rax = 5;
	r.rsi = 0;
	CU_ASSERT_TRUE(fault(cmpxchg, sizeof(cmpxchg), 1, 0));
	CU_ASSERT_EQUAL((r.rflags >> 6 & 1), 0);
	CU_ASSERT_EQUAL(r.rax, old);
	CU_ASSERT_EQUAL(*e, old);
	CU_ASSERT_EQUAL(r.rip, (u64)code + sizeof(cmpxchg));
}

TEST(test_stos, "string stores")
{
	r.rax = 0;
	r.rcx = 3;
	for (unsigned i = 1; i <= 3; i++) {
		vaddr_t rdi = table_va + i * 8;

		CU_ASSERT_TRUE(fault(rep_stos, sizeof(rep_stos), i, 0));
		CU_ASSERT_EQUAL(r.rcx, 3 - i);
		CU_ASSERT_EQUAL(r.rdi, rdi + 8);
		CU_ASSERT_EQUAL(r.rip, (u64)code + (i == 3 ? 3 : 0));
		CU_ASSERT_EQUAL(table_of(s.l1)[i], 0);
	}
}

TEST(test_half, "parts of entries")
{
	u64 was;

	/* The high half alone, and with it the mark of a kernel page. */
	was = table_of(s.l1)[1];
	r.rax = 0;
	CU_ASSERT_TRUE(fault(movd, sizeof(movd), 1, 4));
	CU_ASSERT_EQUAL(table_of(s.l1)[1], was & 0xffffffff);
	r.rax = 0x00010000; /* an address that the machine does not have */
	CU_ASSERT_FALSE(fault(movd, sizeof(movd), 1, 4));
	CU_ASSERT_EQUAL(table_of(s.l1)[1], was & 0xffffffff);
}

/* Whatever is refused leaves table and registers alone. */
static void refused(const void *insn, unsigned n, unsigned slot, unsigned byte)
{
	struct regs before;
	u64 copy[512];

	memcpy(copy, table_of(s.l1), sizeof(copy));
	memcpy(code, insn, n);
	r.rip = (u64)code;
	r.rdi = table_va + slot * 8 + byte;
	before = r;
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	CU_ASSERT_EQUAL(memcmp(&before, &r, sizeof(r)), 0);
	CU_ASSERT_EQUAL(memcmp(copy, table_of(s.l1), sizeof(copy)), 0);
}

TEST(test_refused, "what is refused")
{
	static const u8 unaligned[] = { 0x48, 0x89, 0x07 };

	r.rax = pte_make(s.l2, DATA_FLAGS); /* a table, writable */
	refused(mov_store, sizeof(mov_store), 1, 0);
	refused(xchg, sizeof(xchg), 1, 0);
	r.rax = pte_make(new_frame(other), PTE_P);
	refused(mov_store, sizeof(mov_store), 1, 0);
	r.rax = 0;
	refused(load, sizeof(load), 1, 0);
	refused(mov_gs, sizeof(mov_gs), 1, 0);
	refused(unaligned, sizeof(unaligned), 1, 4); /* across two entries */
	r.rsi = 64;
	refused(bts_reg, sizeof(bts_reg), 1, 0); /* reaches beyond the entry */
	refused("\x0f\x0b", 2, 1, 0);
	/* Code that is not there. */
	sim.bad = code;
	sim.bad_end = code + 1;
	refused(mov_store, sizeof(mov_store), 1, 0);
	sim.bad = sim.bad_end = NULL;

	/* Faults that are something else. */
	memcpy(code, mov_store, 3);
	r.rip = (u64)code;
	r.rdi = table_va + 8;
	CU_ASSERT_FALSE(ptwr_fault(&r, table_va + 8, 6)); /* not present */
	CU_ASSERT_FALSE(ptwr_fault(&r, table_va + 8, 5)); /* a read */
	CU_ASSERT_FALSE(ptwr_fault(&r, table_va + 8, 15)); /* a reserved bit */
	/* Not where the instruction writes */
	CU_ASSERT_FALSE(ptwr_fault(&r, table_va + 16, WRITE_FAULT));
	r.rdi = table_va + PAGE_SIZE + 8; /* an L2 */
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	r.rdi = table_va + 2 * PAGE_SIZE + 8; /* a page that is merely read-only */
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	r.rdi = SPACE_VA; /* writable */
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	r.rdi = HV_VIRT_START;
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	r.rdi = 0x900000000000;
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
}

TEST(test_fetch_across_pages, "instructions at page ends")
{
	u8 *at = code + PAGE_SIZE - 2;

	memcpy(at, mov_store, 3);
	r.rip = (u64)at;
	r.rax = 0;
	r.rdi = table_va + 8;
	CU_ASSERT_TRUE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	/* Ends before the page that is missing. */
	at = code + PAGE_SIZE - 3;
	memcpy(at, mov_store, 3);
	sim.bad = code + PAGE_SIZE;
	sim.bad_end = code + 2 * PAGE_SIZE;
	r.rip = (u64)at;
	r.rdi = table_va + 16;
	CU_ASSERT_TRUE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	/* Does not. */
	at = code + PAGE_SIZE - 2;
	memcpy(at, mov_store, 2);
	r.rip = (u64)at;
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	sim.bad = sim.bad_end = NULL;
}

TEST(test_device_page, "read-only device pages")
{
	mfn_to_frame(200)->count = FC_BAD;
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, 200, 201), 0);
	CU_ASSERT_EQUAL(range_set_add(&mmio_ro_ranges, 200, 200), 0);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 110 * 8, pte_make(200, PTE_P | PTE_RW |
			PTE_PCD)), 0);
	memcpy(code, movd, sizeof(movd));
	r.rip = (u64)code;
	r.rdi = table_va + 10 * PAGE_SIZE + 12;
	/* The write is lost, nothing else happens; a read-modify-write is not taken for one. */
	CU_ASSERT_TRUE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	CU_ASSERT_EQUAL(r.rip, (u64)code + sizeof(movd));
	range_set_destroy(&mmio_ro_ranges);
	r.rip = (u64)code;
	CU_ASSERT_FALSE(ptwr_fault(&r, r.rdi, WRITE_FAULT));
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 110 * 8, 0), 0);
	mfn_to_frame(200)->count = FC_HEAP | FC_FREE;
}

/* Random instructions on random entries: the table stays one that the audit accepts. */
TEST(test_random, "random instructions")
{
	unsigned done = 0;

	srand(9);
	for (unsigned i = 0; i < 100000; i++) {
		static const u8 *const insns[] = { mov_store, lock_andb, lock_btr, xchg, cmpxchg,
						  bts_reg, movd, rep_stos };
		static const unsigned lengths[] = { 3, 4, 6, 3, 5, 4, 2, 3 };
		mfn_t frames[] = { s.l1, s.l2, s.data[0], s.data[1], s.data[2], s.data[3] };
		unsigned k = (unsigned)rand() % ARRAY_SIZE(insns), slot = 1 + (unsigned)rand() % 20;
		static const u64 flags[] = { PTE_P, PTE_P | PTE_RW, PTE_P | PTE_RW | PTE_US, 0,
					    PTE_P | PTE_PAT };

		r.rax = rand() % 2 ? pte_make(frames[(unsigned)rand() % 6],
					      flags[(unsigned)rand() % 5]) :
			table_of(s.l1)[slot];
		r.rsi = rand() % 2 ? pte_make(frames[(unsigned)rand() % 6],
					      flags[(unsigned)rand() % 5]) :
			(u64)rand() % 64;
		r.rcx = 1;
		done += fault(insns[k], lengths[k], slot, 0);
		if (i % 500 == 0)
			CU_ASSERT_EQUAL_FATAL(audit(), 0);
	}
	CU_ASSERT_TRUE(done > 1000);
}

SUITE("ptwr", .init = fixture_init, .begin = begin, .end = fixture_end)
