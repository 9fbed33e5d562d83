/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_MMU_WORLD_H
#define ANNULUS_TESTS_FUZZ_MMU_WORLD_H

/*
 * Three domains with a handful of frames each on a small machine of four CPUs, the real heap, frame
 * references, page types and MMU hypercalls under them (tests/unit/mmu_fixture.h), and a model of
 * what the CPUs' TLBs may hold. Included once, by a fuzzer's only file.
 *
 * The guest's vCPUs 0 and 1 run on CPUs 0 and 1, `other`'s on CPU 2, dom0's on CPU 3.
 */
#define FIXTURE_OWN_ROOT_LOAD
#include "mmu_fixture.h"
#include "tests/fuzz/fuzz.h"

#define CPUS 4
#define POOL 28
#define GUEST_POOL 16 /* pool[0..15] are the guest's, [16..23] other's, the rest dom0's */
#define OTHER_POOL 8
static mfn_t pool[POOL];

/* The slots that anybody writes to, so that the walks below are short. */
static const unsigned slots[] = { 0, 1, 2, 3, 255, 256, 271, 511 };

static mfn_t pool_frame(struct domain *d)
{
	struct frame *f = heap_alloc_dom(d, 0, 0);

	FUZZ_CHECK(f, "the simulated RAM is used up");
	return frame_to_mfn(f);
}

/* ---- TLBs ---- */

/*
 * What a CPU may have cached: leaf translations with and without the right to write, and tables by
 * level (paging-structure caches). A CPU may walk whatever it can reach, whenever it likes; and
 * through what it has cached, too.
 */
#define WORDS DIV_ROUND_UP(SIM_FRAMES, 64)
static struct tlb {
	/* One bit a frame. [0]: pages, [1..4]: tables of that level. */
	u64 cached[5][WORDS];
	u64 writable[WORDS], global[WORDS]; /* of the pages */
	u8 owner[SIM_FRAMES];               /* when it was cached: owner_number() */
} tlbs[CPUS];

static bool test(const u64 *map, mfn_t m)
{
	return map[m / 64] & BIT(m % 64);
}

static void set(u64 *map, mfn_t m)
{
	map[m / 64] |= BIT(m % 64);
}

#define for_each_set(m, w, map)                                       \
	for (unsigned w = 0; w < WORDS; w++)                          \
		for (u64 left_ = (map)[w], m; left_; left_ &= left_ - 1) \
			if (m = w * 64 + (u64)__builtin_ctzll(left_), true)

/* Domains are told apart by 1..3; 0 is nobody. */
static unsigned owner_number(mfn_t mfn)
{
	const struct domain *d = frame_owner(mfn_to_frame(mfn));

	return !d ? 0 : d == guest ? 1 : d == other ? 2 : d == dom0 ? 3 : 4;
}

static void tlb_empty(unsigned cpu, bool keep_global)
{
	struct tlb *t = &tlbs[cpu];

	memset(t->cached[1], 0, 4 * sizeof(t->cached[1]));
	for (unsigned w = 0; w < WORDS; w++) {
		t->cached[0][w] &= keep_global ? t->global[w] : 0;
		t->writable[w] &= t->cached[0][w];
		t->global[w] &= t->cached[0][w];
	}
}

static void flush_hook(cpumask_t mask)
{
	for (unsigned c = 0; c < CPUS; c++)
		if (mask & CPU_MASK(c))
			tlb_empty(c, false);
}

void root_copies_forget(void) { }

void root_load(struct vcpu *v)
{
	mfn_t root = v->pv.kernel_mode ? v->pv.cr3_kernel : v->pv.cr3_user;

	sim_cpu->cr3_mfn = root == INVALID_MFN ? va_to_mfn(idle_l4) : root;
	tlb_empty(sim_cpu->id, cpu_features.pge);
	if (cpu_features.pge)
		tlb_flush(CPU_MASK(sim_cpu->id), 0);
}

/*
 * CPU 3 flushes many times in a row, while the others do nothing: times lie about as far from each
 * other as a stamp can tell, or further. `n`, 0 to 15: how often, mostly not at all.
 */
static __attribute__((unused)) void world_leap(unsigned n)
{
	static const u64 ticks[16] = {
		[10] = 1, BIT(30), BIT(31) - 2, BIT(31) - 1, BIT(31), 5 * BIT(31) - 3,
	};

	if (!ticks[n])
		return;
	fuzz_say("cpu 3: %lu flushes\n", ticks[n]);
	tlb_empty(3, false);
	tlb_clock += ticks[n] * TLB_TICK;
	cpus[3].tlb_stamp = tlb_clock;
}

/*
 * Leaf entries: a CPU may fill its TLB with what it can reach at any moment, and sets A before.
 * `a_counts`: the model goes by that, and what has A clear is in no TLB by this entry; CPUs come to
 * new entries when `world_walks` says so. Otherwise everything is taken for cached, whatever its A
 * says, which is more than a processor does.
 */
static bool a_counts, world_walks;

static void cache_leaf(struct tlb *t, u64 *e)
{
	u64 v = *e;
	mfn_t m = pte_mfn(v);

	if (!(v & PTE_P) || m >= SIM_FRAMES)
		return;
	if (a_counts && !(v & PTE_A)) {
		if (!world_walks)
			return;
		*e |= PTE_A | (v & PTE_RW ? PTE_D : 0);
	}
	set(t->cached[0], m);
	t->owner[m] = (u8)owner_number(m);
	if (v & PTE_RW)
		set(t->writable, m);
	if (v & PTE_G)
		set(t->global, m);
}

/*
 * For a fuzzer that is built with tests/fuzz/moment.h: right before an exchange of an entry, the
 * CPUs that have its table in their paging-structure caches walk through it, or do not, by the next
 * of these bits.
 */
static u32 moments;

void world_moment(const volatile void *word);
void world_moment(const volatile void *word)
{
	u64 at = (u64)word - (u64)sim_ram;
	bool walks = world_walks;

	moments = moments << 1 | moments >> 31;
	if (at >= sizeof(sim_ram) || at % sizeof(u64) || !(moments & 1))
		return;
	world_walks = true;
	for (unsigned c = 0; c < CPUS; c++)
		if (test(tlbs[c].cached[1], at >> PAGE_SHIFT))
			cache_leaf(&tlbs[c], (u64 *)(sim_ram + at));
	world_walks = walks;
}

static void walk(struct tlb *t, unsigned level, mfn_t table);

static void cache_table(struct tlb *t, unsigned level, mfn_t mfn)
{
	if (mfn >= SIM_FRAMES || test(t->cached[level], mfn))
		return;
	set(t->cached[level], mfn);
	t->owner[mfn] = (u8)owner_number(mfn);
	walk(t, level, mfn);
}

static void walk(struct tlb *t, unsigned level, mfn_t table)
{
	u64 *e = table_of(table);

	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
		u64 v = e[slots[i]];

		if (level == 1)
			cache_leaf(t, &e[slots[i]]);
		else if ((v & PTE_P) &&
			 !(level == 4 && slots[i] >= HV_SLOT_FIRST && slots[i] <= HV_SLOT_LAST))
			cache_table(t, level - 1, pte_mfn(v));
	}
}

/* Every CPU caches all that it can reach. */
static void tlb_fill(void)
{
	for (unsigned c = 0; c < CPUS; c++) {
		struct tlb *t = &tlbs[c];

		for (unsigned level = 4; level >= 1; level--)
			for_each_set(m, w, t->cached[level])
				walk(t, level, m);
		if (cpus[c].cr3_mfn != va_to_mfn(idle_l4))
			cache_table(t, 4, cpus[c].cr3_mfn);
	}
}

static void check_cached(unsigned c, mfn_t m, unsigned level)
{
	const struct frame *f = mfn_to_frame(m);
	u64 type = f->type & FT_TYPE_MASK, used = f->count & FC_HEAP ? 0 : f->type & FT_COUNT_MASK;
	unsigned now = owner_number(m), was = tlbs[c].owner[m];

	FUZZ_CHECK(!(f->count & FC_FREE), "CPU %u still has free frame %lx (%u)", c, m, level);
	FUZZ_CHECK(!now || now == was, "CPU %u still has frame %lx (%u), which changed hands", c, m,
		   level);
	if (level)
		FUZZ_CHECK(!used || type == ft_of_level(level),
			   "CPU %u walks frame %lx as level %u, its type is %lu", c, m, level,
			   type >> 60);
	else if (test(tlbs[c].writable, m))
		FUZZ_CHECK(!used || type == FT_WRITABLE, "CPU %u can write frame %lx of type %lu",
			   c, m, type >> 60);
}

/* The sixth invariant: a stale entry never outlives a type change or a free. */
static void tlb_check(void)
{
	for (unsigned c = 0; c < CPUS; c++)
		for (unsigned level = 0; level <= 4; level++)
			for_each_set(m, w, tlbs[c].cached[level])
				check_cached(c, m, level);
}

/* ---- the world ---- */

static void (*world_gone)(void); /* what else goes with the last frame */

/* dom0 lives on from input to input; its frames go, once nobody else's tables map them. */
static void dom0_frames_gone(void)
{
	while (dom0->frames_head != FRAME_LIST_END) {
		FUZZ_CHECK((mfn_to_frame(dom0->frames_head)->count & FC_COUNT_MASK) == 1,
			   "frame %x of dom0 is still in use", dom0->frames_head);
		sim_give_up(dom0, dom0->frames_head);
	}
	if (world_gone)
		world_gone();
}

static void world_init(void)
{
	fixture_init();
	tlb_flush_hook = flush_hook;
	fixture_gone = dom0_frames_gone;
}

/* For the audit, when the guests have taken or claimed all there is. */
static void *reserve;

static void reserve_take(void)
{
	reserve = page_alloc(ALLOC_MISC);
	FUZZ_CHECK(reserve, "no frame for the audit, %lu are free", heap_free_frames());
}

/* `ticks`: so many, at most 15, before the low half of the TLB clock wraps. */
static void world_begin(bool global_pages, unsigned ticks)
{
	memset(tlbs, 0, sizeof(tlbs));
	memset(&continuation, 0, sizeof(continuation));
	cpu_features.pge = global_pages;
	/* On from the last input's time, so never back. */
	tlb_clock = (((tlb_clock >> 32) + 2) << 32) + 1 - (ticks & 15) * TLB_TICK;
	fixture_begin();
	cpus_online = 15;
	nr_cpus = CPUS;
	for (unsigned c = 0; c < CPUS; c++) {
		cpus[c].id = c;
		cpus[c].tlb_stamp = 0;
	}
	for (unsigned i = 0; i < 4; i++)
		guest->vcpu[i]->cpu = i & 1;
	other->vcpu[0]->cpu = 2;
	dom0->vcpu[0]->cpu = 3;
	dom0->dying = false;
	guest->dirty_cpus = 3;
	other->dirty_cpus = 4;
	dom0->dirty_cpus = 8;
	for (unsigned i = 0; i < POOL; i++)
		pool[i] = pool_frame(i < GUEST_POOL ? guest : i < GUEST_POOL + OTHER_POOL ? other :
				     dom0);
	reserve_take();
}

/* The CPU and the vCPU that it runs. */
static void on_cpu(unsigned c)
{
	struct vcpu *const v[CPUS] = { guest->vcpu[0], guest->vcpu[1], other->vcpu[0],
				       dom0->vcpu[0] };

	sim_cpu = &cpus[c];
	sim_current = v[c];
}

static __attribute__((unused)) struct domain *domain_of(unsigned n)
{
	return n % 3 == 0 ? guest : n % 3 == 1 ? other : dom0;
}

/*
 * A tree of four tables for each domain, of the first frames of its pool, loaded on its CPUs. The
 * guest's is on two of them, and ready on the second.
 */
static __attribute__((unused)) void world_trees(void)
{
	static const unsigned first[CPUS] = { 0, 0, GUEST_POOL, GUEST_POOL + OTHER_POOL };

	for (unsigned c = 0; c < CPUS; c++) {
		on_cpu(c);
		for (unsigned i = first[c]; c != 1 && i < first[c] + 3; i++)
			table_of(pool[i])[0] = pte_make(pool[i + 1], TABLE_FLAGS);
		FUZZ_CHECK(!mmuext(MMUEXT_NEW_BASEPTR, pool[first[c]], 0), "the first tree");
	}
}

static void world_check(void)
{
	sim.preempt_after = 0;
	tlb_check();
	page_free(ALLOC_MISC, reserve);
	FUZZ_CHECK(audit() == 0, "the audit, see FUZZ_VERBOSE=1 SIM_VERBOSE=1");
	reserve_take();
	tlb_fill();
	tlb_check();
}

static void drop_tables(struct domain *d)
{
	int r;

	do {
		r = pv_relinquish_tables(d);
	} while (r == -ERESTART);
	FUZZ_CHECK(!r, "tables cannot be given up: %d", r);
}

static void world_end(void)
{
	sim.preempt_after = 0;
	page_free(ALLOC_MISC, reserve);
	on_cpu(3);
	for (unsigned c = 0; c < CPUS; c++)
		cpus[c].cr3_mfn = va_to_mfn(idle_l4);
	drop_tables(dom0);
	for (u32 m = dom0->frames_head; m != FRAME_LIST_END;) {
		struct frame *f = mfn_to_frame(m);

		m = f->next;
		if (!(f->type & (FT_PINNED | FT_PARTIAL)))
			continue;
		while (frame_type_relinquish(f))
			;
		m = dom0->frames_head;
	}
	cpus_online = 1;
	nr_cpus = 1;
	fixture_end();
}

#endif
