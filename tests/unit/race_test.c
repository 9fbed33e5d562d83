// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/leaf.c hypervisor/pv/mmu.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/grant_pte.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// cflags: -include tests/unit/race.h
// libs: -lpthread
//
// Frames, tables and entries that change between the look and the deed. What another CPU could do
// in that moment is done at the last one possible, right before the compare-exchange.

#include <pthread.h>

#include "mmu_fixture.h"
#include "suite.h"

static struct {
	const volatile void *word;
	void (*deed)(void);
	unsigned happened;
} race;

/* Once, before the next compare-exchange of `word`. */
static void race_before(const volatile void *word, void (*deed)(void))
{
	race.word = word;
	race.deed = deed;
	race.happened = 0;
}

void race_at(const volatile void *word)
{
	if (!race.word || word != race.word)
		return;
	race.word = NULL; /* the deed has compare-exchanges of its own */
	race.happened++;
	race.deed();
}

static struct space s;
static struct frame *raced;

/* The frame goes to the other domain, and is counted as it was. */
static void to_other(void)
{
	u64 count = raced->count;

	CU_ASSERT_EQUAL(frame_steal(guest, raced), 0);
	CU_ASSERT_EQUAL(heap_assign(other, raced, 0), 0);
	CU_ASSERT_EQUAL(raced->count, count);
}

/* Its owner gives it up: the count becomes zero. */
static void freed(void)
{
	sim_give_up(guest, frame_to_mfn(raced));
}

static void referenced(void)
{
	CU_ASSERT_TRUE(frame_get(raced, guest));
}

TEST(test_reference_of_a_lost_frame, "reference of a frame that is lost")
{
	mfn_t m;

	m = new_frame(guest);
	raced = mfn_to_frame(m);
	race_before(&raced->count, to_other);
	CU_ASSERT_FALSE(frame_get(raced, guest));
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(refs_of(m), 1);
	CU_ASSERT_PTR_EQUAL(frame_owner(raced), other);

	raced = mfn_to_frame(new_frame(guest));
	race_before(&raced->count, freed);
	CU_ASSERT_FALSE(frame_get(raced, guest));
	CU_ASSERT_EQUAL(race.happened, 1);
}

TEST(test_theft_of_a_referenced_frame, "theft of a frame that is referenced")
{
	raced = mfn_to_frame(new_frame(guest));
	race_before(&raced->count, referenced);
	CU_ASSERT_EQUAL(frame_steal(guest, raced), -EBUSY);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_PTR_EQUAL(frame_owner(raced), guest);
	CU_ASSERT_EQUAL(guest->tot_pages, 1);
	frame_put(raced);

	raced = heap_alloc_hv(ALLOC_SHARED, 0);
	frame_share(raced, guest, FRAME_SHARE_RW);
	race_before(&raced->count, referenced);
	CU_ASSERT_EQUAL(frame_unshare(raced), -EBUSY);
	CU_ASSERT_EQUAL(race.happened, 1);
	frame_put(raced);
	CU_ASSERT_EQUAL(frame_unshare(raced), 0);
	heap_free_hv(ALLOC_SHARED, raced, 0);
}

/*
 * A page that is lost while it is being mapped, the short way and as the long way says. To be read:
 * the short way is not for a page that becomes writable by it.
 */
TEST(test_mapping_of_a_lost_frame, "mapping of a frame that is lost")
{
	struct frame *l1;

	build_space(guest, &s, 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	l1 = mfn_to_frame(s.l1);
	raced = mfn_to_frame(new_frame(guest));
	race_before(&raced->count, to_other);
	CU_ASSERT_EQUAL(
		leaf_update(l1, guest, 9, pte_make(frame_to_mfn(raced), PTE_P), false, NULL), 1);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(table_of(s.l1)[9], 0);
	CU_ASSERT_EQUAL(refs_of(frame_to_mfn(raced)), 1);
	CU_ASSERT_EQUAL(l1->type & FT_LOCKED, 0);
	CU_ASSERT_EQUAL(audit(), 0);

	raced = mfn_to_frame(new_frame(guest));
	race_before(&raced->count, to_other);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 72, pte_make(frame_to_mfn(raced), PTE_P)),
			-EINVAL);
	CU_ASSERT_EQUAL(table_of(s.l1)[9], 0);
	CU_ASSERT_EQUAL(refs_of(frame_to_mfn(raced)), 1);
}

/* A table that is unpinned, goes to another domain and is pinned there with the same type word. */
static void table_to_other(void)
{
	u64 type = raced->type;

	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, frame_to_mfn(raced), 0), 0);
	to_other();
	memset(table_of(frame_to_mfn(raced)), 0, PAGE_SIZE);
	sim_current = other->vcpu[0];
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, frame_to_mfn(raced), 0), 0);
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(raced->type, type);
}

TEST(test_entry_of_a_lost_table, "entry of a table that is lost")
{
	mfn_t l1, page;

	l1 = new_frame(guest);
	page = new_frame(guest);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, l1, 0), 0);
	raced = mfn_to_frame(l1);
	race_before(&raced->type, table_to_other);
	CU_ASSERT_EQUAL(leaf_update(raced, guest, 3, pte_make(page, PTE_P), false, NULL), 1);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(table_of(l1)[3], 0);
	CU_ASSERT_EQUAL(refs_of(page), 1);
	CU_ASSERT_EQUAL(raced->type & FT_LOCKED, 0);
	CU_ASSERT_EQUAL(audit(), 0);
}

/* What a CPU does to an entry of its own accord. */
static u64 *touched;

static void used(void)
{
	*touched |= PTE_A | PTE_D;
}

/* A and D set at the last moment: kept if they shall be, noticed if an entry is expected. */
TEST(test_entry_in_use, "entry that is in use")
{
	u64 old, val, expect;
	struct frame *l1, *stuck;
	u64 refs;

	build_space(guest, &s, 2);
	touched = table_of(s.l1) + 1;
	*touched = old = pte_make(s.data[0], PTE_P | PTE_RW);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	l1 = mfn_to_frame(s.l1);
	val = pte_make(s.data[1], PTE_P);
	refs = refs_of(s.data[1]);

	expect = old = *touched;
	for (int way = 0; way < 2; way++) {
		*touched = old;
		race_before(touched, used);
		if (way == 0) {
			CU_ASSERT_EQUAL(leaf_update(l1, guest, 1, val, false, &expect), -EAGAIN);
		} else {
			CU_ASSERT_EQUAL(table_lock(l1), 1);
			CU_ASSERT_EQUAL(table_write(l1, 1, 1, val, guest, false, &expect, &old,
						    &stuck),
					-EAGAIN);
			CU_ASSERT_EQUAL(old, 0);
			table_unlock(l1, stuck);
		}
		CU_ASSERT_EQUAL(race.happened, 1);
		CU_ASSERT_EQUAL(*touched, expect | PTE_A | PTE_D);
		CU_ASSERT_EQUAL(refs_of(s.data[1]), refs);
		CU_ASSERT_EQUAL(audit(), 0);
	}

	*touched = expect;
	race_before(touched, used);
	CU_ASSERT_EQUAL(leaf_update(l1, guest, 1, val, true, NULL), 0);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(pte_mfn(*touched), s.data[1]);
	CU_ASSERT_EQUAL(*touched & (PTE_A | PTE_D), PTE_A | PTE_D);
	CU_ASSERT_EQUAL(refs_of(s.data[1]), refs + 1);
	CU_ASSERT_EQUAL(audit(), 0);

	*touched &= ~(PTE_A | PTE_D);
	race_before(touched, used);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8 + MMU_PT_UPDATE_PRESERVE_AD,
			pte_make(s.data[0], PTE_P)), 0);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(*touched & (PTE_A | PTE_D), PTE_A | PTE_D);
}

/* Somebody else changes the type of a page between the look at it and the reference. */
static void written(void)
{
	CU_ASSERT_EQUAL(frame_get_and_type(raced, guest, FT_WRITABLE), 0);
}

static void pinned(void)
{
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, frame_to_mfn(raced), 0), 0);
}

TEST(test_type_that_changes, "type that changes")
{
	raced = mfn_to_frame(new_frame(guest));
	race_before(&raced->type, written);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, frame_to_mfn(raced), 0), -EINVAL);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(type_of(frame_to_mfn(raced)), FT_WRITABLE);
	CU_ASSERT_EQUAL(type_count(frame_to_mfn(raced)), 1);
	frame_put_and_type(raced);

	raced = mfn_to_frame(new_frame(guest));
	race_before(&raced->type, pinned);
	CU_ASSERT_EQUAL(frame_get_and_type(raced, guest, FT_WRITABLE), -EINVAL);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(type_of(frame_to_mfn(raced)), FT_L1);
	CU_ASSERT_EQUAL(type_count(frame_to_mfn(raced)), 1);
	CU_ASSERT_EQUAL(refs_of(frame_to_mfn(raced)), 2);
}

/*
 * A domain's first foreign mappings, two at once. `asked`: the CPUs that would be asked to forget
 * the second one's frame when it is first marked.
 */
static struct {
	pthread_t thread;
	struct frame *f;
	cpumask_t asked;
	bool done;
} second;

static void is_marked(void)
{
	second.asked = foreign_cpus;
}

static void *map_second(void *unused)
{
	frame_foreign(second.f, dom0, true);
	atomic_set(&second.done, true);
	return unused;
}

/* The other vCPU goes as far as it can: to its end or to a lock. */
static void second_begins(void)
{
	u64 waits = atomic_read(&sim.lock_waits);

	race_before(&second.f->count, is_marked);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&second.thread, NULL, map_second, NULL), 0);
	while (!atomic_read(&second.done) && atomic_read(&sim.lock_waits) == waits)
		cpu_relax();
}

TEST(test_first_foreign_mappings, "first foreign mappings")
{
	cpus_online = 7;
	dom0->dirty_cpus = 6;
	dom0->maps_foreign = dom0->foreign_mapper = false;
	foreign_cpus = 0;
	raced = mfn_to_frame(new_frame(guest));
	second.f = mfn_to_frame(new_frame(guest));
	second.asked = 0;
	second.done = false;
	race_before(&foreign_cpus, second_begins);
	frame_foreign(raced, dom0, true);
	CU_ASSERT_EQUAL_FATAL(pthread_join(second.thread, NULL), 0);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(second.asked, 6);
	CU_ASSERT_EQUAL(foreign_cpus, 6);
	CU_ASSERT_TRUE((second.f->count & FC_FOREIGN_RW) != 0);
	raced->count &= ~(FC_FOREIGN | FC_FOREIGN_RW);
	second.f->count &= ~(FC_FOREIGN | FC_FOREIGN_RW);
	foreign_cpus = 0;
	cpus_online = 1;
	dom0->dirty_cpus = 1;
}

static u64 *raced_entry;

/* A CPU walks through the entry: it sets A, then it has it in its TLB. */
static void walked(void)
{
	*raced_entry |= PTE_A;
}

/* A grant's entry is judged by what the exchange takes out, not by a look before it. */
TEST(test_entry_touched_at_last, "a grant's entry that a CPU comes to at the last moment")
{
	const u32 kinds[] = { 0, GNTMAP_readonly, GNTMAP_contains_pte };
	mfn_t m = new_frame(guest);

	sim_current = other->vcpu[0];
	build_space(other, &s, 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	raced_entry = &table_of(s.l1)[1];
	CU_ASSERT_EQUAL(frame_get_and_type(mfn_to_frame(m), guest, FT_WRITABLE), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		u64 at = kinds[i] & GNTMAP_contains_pte ? (s.l1 << PAGE_SHIFT) + 8 : SPACE_VA;

		CU_ASSERT_EQUAL(grant_pte_map(at, m, kinds[i] | GNTMAP_host_map, 0), 0);
		race_before(raced_entry, walked);
		CU_ASSERT_EQUAL(grant_pte_unmap(at, m, kinds[i] | GNTMAP_host_map, 0),
				GRANT_PTE_CACHED);
		CU_ASSERT_EQUAL(race.happened, 1);
	}
	/* A guest's write that keeps A and D has it by then. */
	CU_ASSERT_EQUAL(grant_pte_map(SPACE_VA, m, GNTMAP_host_map, 0), 0);
	race_before(raced_entry, walked);
	CU_ASSERT_EQUAL(mmu_update((s.l1 << PAGE_SHIFT) + 8, *raced_entry ^ PTE_NX), 0);
	CU_ASSERT_EQUAL(race.happened, 1);
	CU_ASSERT_EQUAL(grant_pte_unmap(SPACE_VA, m, GNTMAP_host_map, 0), GRANT_PTE_CACHED);
	frame_put_and_type(mfn_to_frame(m));
}

SUITE("races", .init = fixture_init, .begin = fixture_begin, .end = fixture_end)
