// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/memory/p2m.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// The physical-to-machine map: what a guest frame number leads to, the references that keep those
// frames what they are, and that the tables are bounded and come back.

#define FIXTURE_OWN_GRANTS
#include "mmu_fixture.h"
#include "suite.h"
#include "memory/p2m.h"

#define LIMIT BIT(P2M_GFN_BITS)

/* What the guest has mapped by a grant: a handle, with references of its own. */
static struct {
	mfn_t mfn; /* 0: nothing */
	bool write;
} handle;

void grant_for_each_mapping(struct domain *d, void (*fn)(mfn_t mfn, bool writable, void *arg),
			    void *arg)
{
	if (d == guest && handle.mfn)
		fn(handle.mfn, handle.write, arg);
}

static void hold(struct domain *d, mfn_t mfn, bool write)
{
	CU_ASSERT_TRUE(frame_get(mfn_to_frame(mfn), d));
	if (write)
		CU_ASSERT_EQUAL(frame_get_type(mfn_to_frame(mfn), FT_WRITABLE), 0);
	handle.mfn = mfn;
	handle.write = write;
}

static void let_go(void)
{
	if (handle.write)
		frame_put_type(mfn_to_frame(handle.mfn));
	frame_put(mfn_to_frame(handle.mfn));
	handle.mfn = 0;
}

/* Whose entries they are. */
static bool ept;

static void begin(void)
{
	fixture_begin();
	p2m_use_ept(ept = false, true);
	guest->max_pages = other->max_pages = 4096;
	CU_ASSERT_EQUAL(p2m_create(guest), 0);
}

static void end(void)
{
	CU_ASSERT_EQUAL(audit(), 0);
	guest->dying = true;
	while (p2m_relinquish(guest))
		;
	for (unsigned t = 0; t < P2M_TYPES; t++)
		CU_ASSERT_EQUAL(guest->p2m->entries[t], 0);
	CU_ASSERT_EQUAL(audit(), 0);
	p2m_destroy(guest);
	p2m_destroy(guest);
	fixture_end();
}

static u64 refs(mfn_t mfn)
{
	return mfn_to_frame(mfn)->count & FC_COUNT_MASK;
}

static u64 types(mfn_t mfn)
{
	return mfn_to_frame(mfn)->type & FT_COUNT_MASK;
}

/* What the CPU would find at gfn. */
static mfn_t nested_walk(gfn_t gfn)
{
	mfn_t table = p2m_root(guest);

	for (unsigned level = 4;; level--) {
		u64 e = table_of(table)[pt_slot(gfn << PAGE_SHIFT, level)];

		if (!(e & PTE_P))
			return INVALID_MFN;
		if ((e & (PTE_RW | PTE_US)) != (PTE_RW | PTE_US))
			CU_FAIL("an entry on the way lacks rights");
		/* What is not ours to choose: a memory type, which tables have not; or A and D. */
		if (ept ? (e >> 3 & 15) != (level == 1 || (e & PTE_PS) ? 14U : 0U) : !(e & PTE_A))
			CU_FAIL("an entry on the way is not of that kind");
		if (level == 1)
			return pte_mfn(e);
		if (e & PTE_PS)
			return pte_mfn(e) + (gfn & (BIT(9 * (level - 1)) - 1));
		table = pte_mfn(e);
	}
}

static const gfn_t places[] = { 0, 1, 511, 512, 0x40000, 0x3ffff, 0xfffff, LIMIT - 1 };

TEST(test_pages, "a page is where it was put, and held")
{
	mfn_t m[ARRAY_SIZE(places)];
	enum p2m_type type;

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		CU_ASSERT_EQUAL(p2m_lookup(guest, places[i], &type), INVALID_MFN);
		CU_ASSERT_EQUAL(type, P2M_NONE);
		CU_ASSERT_PTR_NULL(p2m_get_frame(guest, places[i]));
		m[i] = new_frame(guest);
		CU_ASSERT_EQUAL(p2m_add(guest, places[i], m[i], 0, P2M_RAM), 0);
		CU_ASSERT_EQUAL(p2m_lookup(guest, places[i], &type), m[i]);
		CU_ASSERT_EQUAL(type, P2M_RAM);
		CU_ASSERT_EQUAL(nested_walk(places[i]), m[i]);
		CU_ASSERT_EQUAL(refs(m[i]), 2);
		CU_ASSERT_EQUAL(types(m[i]), 1);
		CU_ASSERT_PTR_EQUAL(p2m_get_frame(guest, places[i]), mfn_to_frame(m[i]));
		CU_ASSERT_EQUAL(refs(m[i]), 3);
		frame_put(mfn_to_frame(m[i]));
		/* No page table, whoever asks. */
		CU_ASSERT_EQUAL(frame_get_and_type(mfn_to_frame(m[i]), guest, FT_L1), -EINVAL);
	}
	CU_ASSERT_EQUAL(audit(), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		CU_ASSERT_EQUAL(p2m_remove(guest, places[i], m[i] + 1), -ENOENT);
		CU_ASSERT_EQUAL(p2m_remove(guest, places[i], m[i]), 0);
		CU_ASSERT_EQUAL(p2m_remove(guest, places[i], m[i]), -ENOENT);
		CU_ASSERT_EQUAL(p2m_lookup(guest, places[i], NULL), INVALID_MFN);
		CU_ASSERT_EQUAL(nested_walk(places[i]), INVALID_MFN);
		CU_ASSERT_EQUAL(refs(m[i]), 1);
		CU_ASSERT_EQUAL(types(m[i]), 0);
	}
}

TEST(test_refused, "what is refused changes nothing")
{
	mfn_t m = new_frame(guest), theirs = new_frame(other), table = new_frame(guest);
	mfn_t large = frame_to_mfn(heap_alloc_dom(guest, 9, 0));
	const struct {
		gfn_t gfn;
		mfn_t mfn;
		unsigned order;
		int err;
	} bad[] = {
		{ LIMIT, m, 0, -EINVAL }, { ~0ULL, m, 0, -EINVAL }, { ~0ULL >> 12, m, 0, -EINVAL },
		{ 7, theirs, 0, -EINVAL }, { 7, SIM_FRAMES, 0, -EINVAL }, { 7, ~0ULL, 0, -EINVAL },
		{ 7, table, 0, -EINVAL }, { 7, va_to_mfn(idle_l4), 0, -EINVAL },
		{ 5, m, 0, -EEXIST }, { 512, large, 1, -EINVAL }, { 512, large, 18, -EINVAL },
		{ 513, large, 9, -EINVAL }, { 512, large + 1, 9, -EINVAL },
		{ 512, large + 512, 9, -EINVAL }, { 0, large, 9, -EEXIST },
		{ LIMIT, large, 9, -EINVAL },
	};

	CU_ASSERT_EQUAL(frame_get_and_type(mfn_to_frame(table), guest, FT_L1), 0);
	CU_ASSERT_EQUAL(p2m_add(guest, 5, m, 0, P2M_RAM), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		u64 r = mfn_valid(bad[i].mfn) ? refs(bad[i].mfn) : 0;

		CU_ASSERT_EQUAL(p2m_add(guest, bad[i].gfn, bad[i].mfn, bad[i].order, P2M_RAM),
				bad[i].err);
		CU_ASSERT_EQUAL(mfn_valid(bad[i].mfn) ? refs(bad[i].mfn) : 0, r);
		if (bad[i].gfn != 5)
			CU_ASSERT_EQUAL(p2m_lookup(guest, bad[i].gfn, NULL), INVALID_MFN);
	}
	CU_ASSERT_EQUAL(guest->p2m->entries[P2M_RAM], 1);
	CU_ASSERT_EQUAL(guest->p2m->highest, 5);
	/* One frame of the block that is none of its own: all of it is refused. */
	frame_put_and_type(mfn_to_frame(table));
	CU_ASSERT_EQUAL(frame_get_and_type(mfn_to_frame(large + 511), guest, FT_L1), 0);
	CU_ASSERT_EQUAL(p2m_add(guest, 512, large, 9, P2M_RAM), -EINVAL);
	CU_ASSERT_EQUAL(refs(large), 1);
	frame_put_and_type(mfn_to_frame(large + 511));
	CU_ASSERT_EQUAL(p2m_lookup(guest, LIMIT, NULL), INVALID_MFN);
	CU_ASSERT_EQUAL(p2m_lookup(guest, ~0ULL, NULL), INVALID_MFN);
	CU_ASSERT_EQUAL(p2m_remove(guest, LIMIT, m), -ENOENT);
}

TEST(test_large, "2 MiB are one entry until one page of them goes")
{
	mfn_t m = frame_to_mfn(heap_alloc_dom(guest, 9, 0)), page = new_frame(guest);
	u64 tables;

	CU_ASSERT_EQUAL(p2m_add(guest, 1024, m, 9, P2M_RAM), 0);
	tables = guest->p2m->tables;
	CU_ASSERT_EQUAL(tables, 3);
	for (u64 i = 0; i < 512; i++) {
		CU_ASSERT_EQUAL(nested_walk(1024 + i), m + i);
		CU_ASSERT_EQUAL(p2m_lookup(guest, 1024 + i, NULL), m + i);
		CU_ASSERT_EQUAL(refs(m + i), 2);
	}
	CU_ASSERT_EQUAL(guest->p2m->highest, 1535);
	CU_ASSERT_EQUAL(nested_walk(1023), INVALID_MFN);
	CU_ASSERT_EQUAL(nested_walk(1536), INVALID_MFN);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(p2m_add(guest, 1030, page, 0, P2M_RAM), -EEXIST);
	CU_ASSERT_EQUAL(guest->p2m->tables, tables);
	CU_ASSERT_EQUAL(p2m_remove(guest, 1030, m + 7), -ENOENT);
	CU_ASSERT_EQUAL(guest->p2m->tables, tables);
	CU_ASSERT_EQUAL(p2m_remove(guest, 1030, m + 6), 0);
	CU_ASSERT_EQUAL(guest->p2m->tables, tables + 1);
	for (u64 i = 0; i < 512; i++)
		CU_ASSERT_EQUAL(nested_walk(1024 + i), i == 6 ? INVALID_MFN : m + i);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(p2m_add(guest, 1030, page, 0, P2M_RAM), 0);
	CU_ASSERT_EQUAL(nested_walk(1030), page);
	CU_ASSERT_EQUAL(refs(m + 6), 1);
}

TEST(test_bound, "a domain that scatters its memory runs out of tables, not the machine")
{
	u64 most = 64 + guest->max_pages / 256;
	mfn_t m = new_frame(guest);
	gfn_t gfn = 0;
	int r = 0;

	/* Three tables for each gfn: a GiB apart would be two, so half a TiB is enough. */
	for (; !r && gfn < LIMIT; gfn += BIT(18) + 512)
		r = p2m_add(guest, gfn, m, 0, P2M_RAM);
	CU_ASSERT_EQUAL(r, -ENOMEM);
	CU_ASSERT_EQUAL(guest->p2m->tables, most);
	CU_ASSERT_EQUAL(audit(), 0);
	/* Room where tables are; and none to split a large page. */
	CU_ASSERT_EQUAL(p2m_add(guest, 1, m, 0, P2M_RAM), 0);
	CU_ASSERT_EQUAL(p2m_remove(guest, 1, m), 0);
	m = frame_to_mfn(heap_alloc_dom(guest, 9, 0));
	CU_ASSERT_EQUAL(p2m_add(guest, 1024, m, 9, P2M_RAM), 0);
	CU_ASSERT_EQUAL(p2m_remove(guest, 1025, m + 1), -ENOMEM);
	CU_ASSERT_EQUAL(nested_walk(1025), m + 1);
	CU_ASSERT_EQUAL(refs(m + 1), 2);
}

TEST(test_lowered, "a balloon that shrinks after its limit was lowered has tables to split into")
{
	mfn_t m = new_frame(guest), large = frame_to_mfn(heap_alloc_dom(guest, 9, 0));

	CU_ASSERT_EQUAL(p2m_add(guest, 1024, large, 9, P2M_RAM), 0);
	for (gfn_t gfn = BIT(18); guest->p2m->tables < 70; gfn += BIT(18) + 512)
		CU_ASSERT_EQUAL_FATAL(p2m_add(guest, gfn, m, 0, P2M_RAM), 0);
	guest->max_pages = 256;
	for (u64 i = 0; i < 512; i++)
		CU_ASSERT_EQUAL(p2m_remove(guest, 1024 + i, large + i), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	guest->max_pages = 4096;
}

TEST(test_last_reference, "a frame that only the map holds goes with its entry")
{
	mfn_t m = new_frame(guest);
	u64 had = guest->tot_pages;

	CU_ASSERT_EQUAL(p2m_add(guest, 3, m, 0, P2M_RAM), 0);
	CU_ASSERT_TRUE(frame_get(mfn_to_frame(m), guest));
	frame_release(mfn_to_frame(m));
	frame_put(mfn_to_frame(m));
	CU_ASSERT_EQUAL(guest->tot_pages, had);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(p2m_remove(guest, 3, m), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, had - 1);
}

TEST(test_interrupted, "emptying it goes on where it stopped")
{
	for (unsigned i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(p2m_add(guest, i * 0x123457 % LIMIT, new_frame(guest), 0, P2M_RAM),
				0);
	guest->dying = true;
	for (unsigned left = 5; left; left--) {
		sim.preempt_after = 1;
		CU_ASSERT_EQUAL(p2m_relinquish(guest), -ERESTART);
		CU_ASSERT_EQUAL(guest->p2m->entries[P2M_RAM], left);
		CU_ASSERT_EQUAL(audit(), 0);
	}
	guest->dying = false;
}

static u64 *entry_of(gfn_t gfn)
{
	u64 *table = table_of(p2m_root(guest));

	for (unsigned level = 4; level > 1; level--)
		table = table_of(pte_mfn(table[pt_slot(gfn << PAGE_SHIFT, level)]));
	return &table[pt_slot(gfn << PAGE_SHIFT, 1)];
}

TEST(test_grants, "what is another's is where it was put, with its rights, until it is unmapped")
{
	mfn_t theirs = new_frame(other), own = new_frame(guest), shown = new_frame(guest);
	enum p2m_type type;

	CU_ASSERT_EQUAL(p2m_add(guest, 5, own, 0, P2M_RAM), 0);
	for (unsigned write = 0; write < 2; write++) {
		hold(other, theirs, write);
		CU_ASSERT_EQUAL(p2m_add_grant(guest, LIMIT, theirs, write), -EINVAL);
		CU_ASSERT_EQUAL(p2m_add_grant(guest, 5, theirs, write), -EEXIST);
		CU_ASSERT_EQUAL(refs(theirs), 2);
		CU_ASSERT_EQUAL(types(theirs), write);
		CU_ASSERT_EQUAL(p2m_add_grant(guest, 77, theirs, write), 0);
		CU_ASSERT_EQUAL(p2m_add_grant(guest, 77, theirs, write), -EEXIST);
		CU_ASSERT_EQUAL(p2m_lookup(guest, 77, &type), theirs);
		CU_ASSERT_EQUAL(type, write ? P2M_GRANT : P2M_GRANT_RO);
		CU_ASSERT_EQUAL(!!(*entry_of(77) & PTE_RW), write);
		CU_ASSERT_EQUAL(refs(theirs), 3);
		CU_ASSERT_EQUAL(types(theirs), 2 * write);
		/* Whoever frees it asks all CPUs that may have it. */
		CU_ASSERT_TRUE(!!(mfn_to_frame(theirs)->count & FC_FOREIGN));
		CU_ASSERT_EQUAL(!!(mfn_to_frame(theirs)->count & FC_FOREIGN_RW), write);
		CU_ASSERT_EQUAL(audit(), 0);
		/* Neither the guest's memory nor to be taken for it. */
		CU_ASSERT_PTR_NULL(p2m_get_frame(guest, 77));
		CU_ASSERT_EQUAL(p2m_remove(guest, 77, theirs), -EINVAL);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, 77, own, write), -EINVAL);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, 77, theirs, !write), -EINVAL);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, 78, theirs, write), -EINVAL);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, 5, own, write), -EINVAL);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, LIMIT, theirs, write), -EINVAL);
		CU_ASSERT_EQUAL(audit(), 0);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, 77, theirs, write), 0);
		CU_ASSERT_EQUAL(*entry_of(77), 0);
		CU_ASSERT_EQUAL(refs(theirs), 2);
		CU_ASSERT_EQUAL(p2m_remove_grant(guest, 77, theirs, write), -EINVAL);
		let_go();
		CU_ASSERT_EQUAL(refs(theirs), 1);
		CU_ASSERT_EQUAL(types(theirs), 0);
	}
	/* One of its own, granted to itself, is not foreign. */
	hold(guest, shown, true);
	CU_ASSERT_EQUAL(p2m_add_grant(guest, 80, shown, true), 0);
	CU_ASSERT_FALSE(!!(mfn_to_frame(shown)->count & FC_FOREIGN));
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(p2m_remove_grant(guest, 80, shown, true), 0);
	let_go();
	/* The audit: more rights than there are references; another's without a grant. */
	hold(other, theirs, false);
	CU_ASSERT_EQUAL(p2m_add_grant(guest, 77, theirs, false), 0);
	*entry_of(77) |= PTE_RW;
	CU_ASSERT_NOT_EQUAL(audit(), 0);
	*entry_of(77) &= ~PTE_RW;
	CU_ASSERT_EQUAL(audit(), 0);
	let_go();
	CU_ASSERT_NOT_EQUAL(audit(), 0);
	/* A domain that is taken apart lets go of its grants first, and of its map then. */
	guest->dying = true;
	CU_ASSERT_EQUAL(audit(), 0);
	hold(other, theirs, false);
	CU_ASSERT_EQUAL(p2m_add_grant(guest, 79, theirs, false), -ESRCH);
	CU_ASSERT_EQUAL(refs(theirs), 3);
	let_go();
	CU_ASSERT_EQUAL(p2m_relinquish(guest), 0);
	CU_ASSERT_EQUAL(refs(theirs), 1);
	guest->dying = false;
}

static void spoil(u64 flip)
{
	u64 *e = &table_of(pte_mfn(table_of(pte_mfn(table_of(pte_mfn(table_of(p2m_root(guest))[0]))
		[0]))[0]))[9];

	*e ^= flip;
	CU_ASSERT_NOT_EQUAL(audit(), 0);
	*e ^= flip;
	CU_ASSERT_EQUAL(audit(), 0);
}

TEST(test_ept, "Intel's entries: a memory type where something is mapped, nowhere else")
{
	mfn_t m = new_frame(guest), theirs = new_frame(other);
	mfn_t large = frame_to_mfn(heap_alloc_dom(guest, 9, 0));
	enum p2m_type type;
	u64 e = 0;

	p2m_use_ept(ept = true, true);
	CU_ASSERT_EQUAL(p2m_add(guest, 5, m, 0, P2M_RAM), 0);
	CU_ASSERT_EQUAL(nested_walk(5), m);
	CU_ASSERT_EQUAL(p2m_add(guest, 512, large, 9, P2M_RAM), 0);
	CU_ASSERT_EQUAL(nested_walk(512), large);
	CU_ASSERT_EQUAL(nested_walk(1023), large + 511);
	CU_ASSERT_EQUAL(p2m_remove(guest, 700, large + 188), 0);
	CU_ASSERT_EQUAL(nested_walk(700), INVALID_MFN);
	CU_ASSERT_EQUAL(nested_walk(701), large + 189);
	hold(other, theirs, false);
	CU_ASSERT_EQUAL(p2m_add_grant(guest, 6, theirs, false), 0);
	CU_ASSERT_EQUAL(p2m_lookup(guest, 6, &type), theirs);
	CU_ASSERT_EQUAL(type, P2M_GRANT_RO);
	for (mfn_t table = p2m_root(guest), level = 4; level; level--, table = pte_mfn(e))
		e = table_of(table)[pt_slot(6ULL << PAGE_SHIFT, (unsigned)level)];
	CU_ASSERT_EQUAL(e & 0x1ff, 0x75); /* read, execute, write-back whatever PAT says */
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(p2m_remove_grant(guest, 6, theirs, false), 0);
	let_go();
}

TEST(test_audit, "the audit sees what is wrong")
{
	mfn_t m = new_frame(guest), next = new_frame(guest);

	CU_ASSERT_EQUAL(p2m_add(guest, 9, m, 0, P2M_RAM), 0);
	spoil(PTE_P);
	spoil(PTE_US);
	spoil(PTE_PCD);
	spoil(PTE_NX);
	spoil(7ULL << 9);
	spoil((m ^ next) << PAGE_SHIFT);
	guest->p2m->tables++;
	CU_ASSERT_NOT_EQUAL(audit(), 0);
	guest->p2m->tables--;
}

SUITE("p2m", .init = fixture_init, .begin = begin, .end = end)
