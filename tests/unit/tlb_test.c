// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c hypervisor/cpu/tlb.c tests/unit/sim/sim.c
// cflags: -include tests/unit/race.h
//
// Flushes and the TLB clock: a CPU that may hold a stale translation is always asked to flush,
// whatever the clock's low half does, whoever steps in between, however long somebody was idle; and
// nobody is asked without need while a stamp is not very old.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include "suite.h"

#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "cpu/root_copies.h"
#include "cpu/tlb.h"
#include "machine/irq.h"

#define CPUS 3
#define ALL 7
#define PAGES 4
#define LOW_HALF (1ULL << 32)

/* ---- the machine: what each CPU's TLB holds, interrupts between CPUs ---- */

static bool held[CPUS][PAGES];
static unsigned roots_forgotten[CPUS];
static void (*while_emptying)(void), (*before_ticking)(void);
static void (*flush_interrupt)(struct regs *r);

static void on_cpu(unsigned c)
{
	sim_cpu = &cpus[c];
}

static void run_once(void (**what)(void))
{
	void (*deed)(void) = *what;
	struct cpu *me = sim_cpu;

	*what = NULL;
	if (deed)
		deed();
	sim_cpu = me;
}

void race_at(const volatile void *word)
{
	if (word == &tlb_clock)
		run_once(&before_ticking);
}

static void emptied(void)
{
	memset(held[cpu_id()], 0, sizeof(held[0]));
	run_once(&while_emptying);
}

void write_cr4(u64 v)
{
	if (!(v & CR4_PGE))
		emptied();
	sim.cr4 = v;
}

void write_cr3(u64 v)
{
	if (!(sim.cr4 & CR4_PGE))
		emptied();
	sim.cr3 = v;
}

void root_copies_forget(void) { roots_forgotten[cpu_id()]++; }
void vector_register(u8 vector, void (*fn)(struct regs *r)) { flush_interrupt = fn; }

void apic_send_ipi_mask(cpumask_t mask, u8 vector)
{
	struct cpu *me = sim_cpu;
	unsigned c;

	for_each_cpu_in(c, mask) {
		on_cpu(c);
		flush_interrupt(NULL);
	}
	sim_cpu = me;
}

static void begin(u64 clock)
{
	sim_reset();
	memset(held, 0, sizeof(held));
	memset(roots_forgotten, 0, sizeof(roots_forgotten));
	while_emptying = before_ticking = NULL;
	cpu_features.pge = true;
	cpus_online = ALL;
	for (unsigned c = 0; c < CPUS; c++) {
		cpus[c].id = c;
		cpus[c].cr4 = CR4_PGE;
		cpus[c].tlb_stamp = 0;
	}
	sim.cr4 = CR4_PGE;
	on_cpu(0);
	tlb_clock = clock;
	tlb_init();
}

/* ---- flushes ---- */

TEST(test_flush, "flushes")
{
	for (int pge = 0; pge < 2; pge++) {
		begin(1);
		cpu_features.pge = pge;
		if (!pge)
			sim.cr4 = 0;
		memset(held, 1, sizeof(held));
		for (unsigned c = 0; c < 3; c++)
			cpus[c].guest_tlb_stale = false;
		tlb_flush(5, TLB_GLOBAL);
		/* What hardware guests have under tags of their own goes with it. */
		CU_ASSERT_TRUE(cpus[0].guest_tlb_stale && cpus[2].guest_tlb_stale);
		CU_ASSERT_FALSE(cpus[1].guest_tlb_stale);
		CU_ASSERT_FALSE(held[0][1] || held[2][1]);
		CU_ASSERT_TRUE(held[1][1]);
		CU_ASSERT_EQUAL(cpus[1].tlb_stamp, 0);
		CU_ASSERT_TRUE(cpus[0].tlb_stamp > 1 && cpus[2].tlb_stamp > 1);
		tlb_flush(1, TLB_ROOT);
		CU_ASSERT_EQUAL(roots_forgotten[0], 1);
		CU_ASSERT_EQUAL(roots_forgotten[1] + roots_forgotten[2], 0);
		tlb_flush(0, 0);
		CU_ASSERT_TRUE(held[1][1]);
	}
	/* More pages than it pays to flush one by one: a full flush, with its tick. */
	tlb_flush_va(2, 0x1000, 6);
	CU_ASSERT_FALSE(held[1][1]);
	CU_ASSERT_EQUAL(cpus[1].tlb_stamp, tlb_clock);
}

/* What is unmapped while a CPU empties its TLB may be in it again: its tick came before. */
static u32 late_stamp;

static void unmapped_now(void)
{
	late_stamp = tlb_stamp_now();
}

TEST(test_stamped_during_flush, "stamped during a flush")
{
	begin(1);
	while_emptying = unmapped_now;
	tlb_flush_local(0);
	CU_ASSERT_EQUAL(tlb_filter(1, late_stamp), 1);
	tlb_flush_local(0);
	CU_ASSERT_EQUAL(tlb_filter(1, late_stamp), 0);
	begin(1);
	before_ticking = unmapped_now;
	tlb_flush_local(0);
	CU_ASSERT_EQUAL(tlb_filter(1, late_stamp), 0);
}

/* ---- stamps ---- */

TEST(test_none_and_unknown, "none and unknown")
{
	/* Odd times only, wherever the low half stands. */
	for (u64 t = 1; t < 16 * LOW_HALF; t += LOW_HALF / 2) {
		begin(t);
		tlb_flush(ALL, 0);
		CU_ASSERT_EQUAL(tlb_filter(ALL, TLB_STAMP_NONE), 0);
		CU_ASSERT_EQUAL(tlb_filter(ALL, TLB_STAMP_UNKNOWN), ALL);
		cpus_online = 3;
		CU_ASSERT_EQUAL(tlb_filter(6, TLB_STAMP_UNKNOWN), 2);
		for (unsigned i = 0; i < 5; i++) {
			u32 stamp = tlb_stamp_now();

			CU_ASSERT_NOT_EQUAL(stamp, TLB_STAMP_NONE);
			CU_ASSERT_NOT_EQUAL(stamp, TLB_STAMP_UNKNOWN);
			CU_ASSERT_EQUAL(tlb_filter(6, stamp), 2);
			tlb_flush(3, 0);
			CU_ASSERT_EQUAL(tlb_filter(ALL, stamp), 0);
		}
	}
}

/*
 * Two CPUs carry the clock over the end of its low half together: one stands right before its tick
 * while the other flushes. From there on frames are stamped that all CPUs hold.
 */
static void other_flushes(void)
{
	on_cpu(1);
	tlb_flush_local(0);
}

TEST(test_race_at_the_end, "two CPUs at the end of the low half")
{
	for (u64 end = LOW_HALF; end <= 4 * LOW_HALF; end += LOW_HALF)
		for (u64 before = 1; before < 16; before += 2) {
			begin(end - before);
			tlb_flush(ALL, 0);
			before_ticking = other_flushes;
			on_cpu(0);
			tlb_flush_local(0);
			for (unsigned i = 0; i < 4; i++) {
				u32 stamp = tlb_stamp_now();

				CU_ASSERT_EQUAL(tlb_filter(ALL, stamp), ALL);
				on_cpu(2);
				tlb_flush_local(0);
				CU_ASSERT_EQUAL(tlb_filter(ALL, stamp), 3);
			}
		}
}

/* As many flushes of others as there can be between any two steps. */
static const u64 leaps[] = { 2, 4, LOW_HALF / 2 - 2, LOW_HALF / 2, LOW_HALF - 2, LOW_HALF,
			     LOW_HALF + 2, 3 * LOW_HALF / 2, 5 * LOW_HALF - 4, 1ULL << 50 };

TEST(test_stamps_of_any_age, "stamps of any age")
{
	for (unsigned a = 0; a < ARRAY_SIZE(leaps); a++)
		for (unsigned b = 0; b < ARRAY_SIZE(leaps); b++)
			for (u64 start = 1; start < 2 * LOW_HALF; start += LOW_HALF / 4) {
				u32 stamp;

				begin(start);
				tlb_flush(ALL, 0);
				tlb_clock += leaps[a];
				stamp = tlb_stamp_now();
				tlb_clock += leaps[b];
				CU_ASSERT_EQUAL(tlb_filter(ALL, stamp), ALL);
				/*
				 * However old the stamp, a flush does; two, if the first ticked to
				 * the very time that the stamp looks like.
				 */
				on_cpu(1);
				tlb_flush_local(0);
				if (leaps[b] == LOW_HALF - 2)
					tlb_flush_local(0);
				CU_ASSERT_EQUAL(tlb_filter(ALL, stamp), 5);
			}
}

/* ---- anything, in any order ---- */

static struct page {
	bool mapped, stamped;
	u32 stamp;
	u64 time; /* the whole of it */
} pages[PAGES];
static unsigned seed, deeds_left, asked, spared;

static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static void reuse(struct page *p)
{
	cpumask_t said = tlb_filter(ALL, p->stamp), needed = 0;
	unsigned i = (unsigned)(p - pages);

	for (unsigned c = 0; c < CPUS; c++) {
		if (held[c][i])
			CU_ASSERT_TRUE_FATAL(said & CPU_MASK(c));
		if (cpus[c].tlb_stamp <= p->time)
			needed |= CPU_MASK(c);
	}
	CU_ASSERT_EQUAL_FATAL(said & needed, needed);
	if (tlb_clock - p->time < LOW_HALF)
		CU_ASSERT_EQUAL_FATAL(said, needed);
	asked += said != 0;
	spared += said != ALL;
}

static cpumask_t flushing; /* their interrupts are off */

static void deed(void)
{
	unsigned c = any(CPUS);
	struct page *p = &pages[any(PAGES)];

	if (!deeds_left)
		return;
	deeds_left--;
	switch (any(8)) {
	case 0: case 1:
		if (p->mapped)
			held[c][p - pages] = true;
		break;
	case 2:
		if (p->mapped) {
			p->mapped = false;
			p->stamped = true;
			p->time = tlb_clock;
			p->stamp = tlb_stamp_now();
		}
		break;
	case 3: case 4:
		if (p->stamped)
			reuse(p);
		/* Whoever holds it still may not once it is somebody's again. */
		if (p->stamped && any(2)) {
			for (unsigned i = 0; i < CPUS; i++)
				if (held[i][p - pages])
					return;
			p->stamped = false;
			p->mapped = true;
		} else if (!p->stamped) {
			p->mapped = true;
		}
		break;
	case 5: case 6:
		if (flushing & CPU_MASK(c))
			break;
		if (any(2))
			before_ticking = deed;
		if (any(2))
			while_emptying = deed;
		flushing |= CPU_MASK(c);
		on_cpu(c);
		tlb_flush_local(0);
		flushing &= ~CPU_MASK(c);
		break;
	default:
		tlb_clock += leaps[any(any(16) ? 4 : ARRAY_SIZE(leaps))];
	}
}

TEST(test_any_order, "anything in any order")
{
	for (unsigned run = 0; run < 400; run++) {
		begin(LOW_HALF * (1 + run % 3) - 1 - run % 32 * 2);
		memset(pages, 0, sizeof(pages));
		seed = run;
		deeds_left = 1000;
		while (deeds_left)
			deed();
		CU_ASSERT_EQUAL(flushing, 0);
	}
	/* It was about something. */
	CU_ASSERT_TRUE(asked > 10000 && spared > 1000);
}

SUITE("tlb")
