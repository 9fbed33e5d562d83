// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// Code and model agree: every (state, hypercall) -> (state, result) edge that pv/pagetype.pml
// prints is gone through by the real code. scripts/model.sh writes the edges to the file that
// ANNULUS_MODEL_EDGES names.

#include "mmu_fixture.h"
#include "suite.h"

/*
 * The one slot of a table that the model knows: not the last, so that preemption is asked after it.
 */
#define SLOT 1

enum { TYPE_NONE, TYPE_L1, TYPE_L2, TYPE_W };

struct state {
	struct {
		unsigned type, validated, partial, pn, pinned, cnt, ref, stamp, entry;
	} f[2];
	unsigned clock, cpu_stamp;
};

struct edge {
	struct state before, after;
	unsigned op, frame, arg, preempt, res, flushed;
};

static const u64 types[] = { FT_NONE, FT_L1, FT_L2, FT_WRITABLE };
static mfn_t mfns[2];

/*
 * The model's times are 1, 2, 3: what they are here. Far from where the low half of the clock
 * wraps, and so that it does between 1 and 2, and between 2 and 3.
 */
static const u64 first_times[] = { 1, 0x1fffffffdULL, 0x1fffffffbULL };
static u64 first_time;

static u64 time_of(unsigned n)
{
	return first_time + (u64)n * TLB_TICK;
}

static u64 entry_of(unsigned e)
{
	return e ? pte_make(mfns[(e - 1) / 2], PTE_P | ((e - 1) % 2 ? PTE_RW : 0)) : 0;
}

static unsigned entry_number(u64 pte)
{
	if (!(pte & PTE_P))
		return 0;
	for (unsigned i = 0; i < 2; i++)
		if (pte_mfn(pte) == mfns[i])
			return 1 + 2 * i + !!(pte & PTE_RW);
	return 99;
}

static void put_state(const struct state *s)
{
	for (unsigned i = 0; i < 2; i++) {
		struct frame *f = mfn_to_frame(mfns[i]);

		f->type = types[s->f[i].type] | s->f[i].cnt;
		f->type |= s->f[i].validated ? FT_VALIDATED : 0;
		f->type |= s->f[i].pinned ? FT_PINNED : 0;
		if (s->f[i].partial)
			f->type |= FT_PARTIAL | (u64)(SLOT + s->f[i].pn) << FT_PARTIAL_SHIFT;
		f->count = FC_ALLOCATED | s->f[i].ref;
		f->tlb_stamp = s->f[i].stamp ? (u32)time_of(s->f[i].stamp) : TLB_STAMP_NONE;
		table_of(mfns[i])[SLOT] = entry_of(s->f[i].entry);
	}
	tlb_clock = time_of(s->clock);
	cpus[0].tlb_stamp = time_of(s->cpu_stamp);
}

/* Times as the model numbers them: only how they compare to the CPU's last flush counts. */
static unsigned rank(u64 t)
{
	return 1 + (cpus[0].tlb_stamp <= t);
}

/* Of a stamp that has been made since time 1. */
static unsigned rank_of_stamp(u32 stamp)
{
	return stamp == TLB_STAMP_NONE ? 0 : rank(time_of(1) + (u32)(stamp - (u32)time_of(1)));
}

static bool get_state(struct state *s)
{
	for (unsigned i = 0; i < 2; i++) {
		struct frame *f = mfn_to_frame(mfns[i]);
		u64 t = f->type;
		unsigned type = 0;

		while (type < 4 && types[type] != (t & FT_TYPE_MASK))
			type++;
		if (type == 4 || (t & FT_LOCKED))
			return false;
		s->f[i].type = type;
		s->f[i].cnt = (unsigned)(t & FT_COUNT_MASK);
		s->f[i].validated = !!(t & FT_VALIDATED);
		s->f[i].pinned = !!(t & FT_PINNED);
		s->f[i].partial = !!(t & FT_PARTIAL);
		s->f[i].pn = (t & FT_PARTIAL_MASK) >> FT_PARTIAL_SHIFT > SLOT;
		s->f[i].ref = (unsigned)(f->count & FC_COUNT_MASK);
		s->f[i].stamp = rank_of_stamp(f->tlb_stamp);
		s->f[i].entry = entry_number(table_of(mfns[i])[SLOT]);
	}
	s->clock = rank(tlb_clock);
	s->cpu_stamp = rank(cpus[0].tlb_stamp);
	return true;
}

static int do_pin(struct frame *f, unsigned type)
{
	int r;

	if (!frame_get(f, guest))
		return -EINVAL;
	r = frame_pin(f, types[type]);
	if (r)
		frame_put(f);
	return r;
}

static int do_unpin(struct frame *f)
{
	int r;

	if (!frame_get(f, guest))
		return -EINVAL;
	r = frame_unpin(f);
	frame_put(f);
	return r;
}

static int do_update(struct frame *f, unsigned e)
{
	struct frame *stuck;
	int level, r;
	u64 old;

	if (!frame_get(f, guest))
		return -EINVAL;
	r = level = table_lock(f);
	if (level > 0) {
		r = table_write(f, (unsigned)level, SLOT, entry_of(e), guest, false, NULL, &old,
				&stuck);
		table_unlock(f, stuck);
		while (old && entry_put((unsigned)level, old, true))
			;
	}
	frame_put(f);
	return r;
}

static unsigned perform(const struct edge *e)
{
	struct frame *f = mfn_to_frame(mfns[e->frame]);
	int r;

	sim.preempt_after = e->preempt;
	r = e->op == 1 ? do_pin(f, e->arg) : e->op == 2 ? do_unpin(f) : do_update(f, e->arg);
	sim.preempt_after = 0;
	return r == 0 ? 0 : r == -EINVAL ? 1 : r == -ERESTART ? 2 : 99;
}

static bool parse_state(char **p, struct state *s)
{
	unsigned *const w = (unsigned *)s;

	for (unsigned i = 0; i < sizeof(*s) / sizeof(*w); i++) {
		char *end;

		w[i] = (unsigned)strtoul(*p, &end, 10);
		if (end == *p)
			return false;
		*p = end;
	}
	return true;
}

static bool parse(char *line, struct edge *e)
{
	char *p = line + 5;
	int n = 0;

	if (strncmp(line, "EDGE ", 5) || !parse_state(&p, &e->before))
		return false;
	if (sscanf(p, "%u %u %u %u %u %u%n", &e->op, &e->frame, &e->arg, &e->preempt, &e->res,
		   &e->flushed, &n) != 6)
		return false;
	p += n;
	return parse_state(&p, &e->after) && e->op >= 1 && e->op <= 3 && e->frame < 2;
}

static void go_through(void)
{
	unsigned n = 0, interrupted = 0, refused = 0, wrong = 0;
	char line[512];
	const char *path = getenv("ANNULUS_MODEL_EDGES");
	FILE *in;

	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	in = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	fixture_begin();
	mfns[0] = new_frame(guest);
	mfns[1] = new_frame(guest);
	while (fgets(line, sizeof(line), in)) {
		struct state now = { 0 };
		struct edge e;
		unsigned res;

		CU_ASSERT_TRUE_FATAL(parse(line, &e));
		put_state(&e.before);
		flushed = 0;
		res = perform(&e);
		n++;
		interrupted += res == 2;
		refused += res == 1;
		if (get_state(&now) && res == e.res && (flushed & 1) == e.flushed &&
		    !memcmp(&now, &e.after, sizeof(now)))
			continue;
		if (wrong++ < 5)
			fprintf(stderr, "result %u, flushed %u, stamps %u %u, model says: %s", res,
				(unsigned)flushed, now.f[0].stamp, now.f[1].stamp, line);
	}
	fclose(in);
	CU_ASSERT_EQUAL(wrong, 0);
	/* The table is the whole one, and it is about something. */
	CU_ASSERT_TRUE(n > 100000 && interrupted > 1000 && refused > 10000);
	for (unsigned i = 0; i < 2; i++) {
		struct frame *f = mfn_to_frame(mfns[i]);

		f->type = FT_NONE;
		f->count = FC_ALLOCATED | 1;
		memset(frame_to_va(f), 0, PAGE_SIZE);
	}
	fixture_end();
}

TEST(test_edges, "every edge of the model")
{
	for (unsigned i = 0; i < ARRAY_SIZE(first_times); i++) {
		first_time = first_times[i];
		go_through();
	}
}

SUITE("pagetype_model", .init = fixture_init)
