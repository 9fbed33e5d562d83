// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/timer_heap.c hypervisor/machine/timescale.c hypervisor/sched/policy.c
// cflags: -Dsched_yield=hypervisor_sched_yield
// options: -max_len=512
//
// Time and turns. The heap of timers against an array; the clocks' arithmetic against 128-bit
// arithmetic; the scheduler's policy against what it promises: whoever has had less runs, nobody
// saves up, nobody leaves its affinity, and everybody gets its share.

#include "tests/fuzz/fuzz.h"

#include "machine/timer_heap.h"
#include "machine/timescale.h"
#include "sched/policy.h"

#define TIMERS 48

static void check_tree(const struct timer *t, const struct timer *parent, unsigned *seen)
{
	const struct timer *before = parent;

	for (; t; before = t, t = t->next) {
		FUZZ_CHECK(++*seen <= TIMERS, "the heap goes round");
		FUZZ_CHECK(t->prev == before, "a link back is wrong");
		FUZZ_CHECK(!parent || parent->expires <= t->expires, "a child expires first");
		check_tree(t->child, t, seen);
	}
}

static void fuzz_heap(struct fuzz_in *in)
{
	static struct timer timers[TIMERS];
	struct timer *root = NULL;
	unsigned queued = 0;

	memset(timers, 0, sizeof(timers));
	for (unsigned n = 0; n < 128 && fuzz_more(in); n++) {
		u8 op = fuzz_u8(in);
		struct timer *t = &timers[fuzz_below(in, TIMERS)];
		unsigned seen = 0;
		u64 first = ~0ULL;

		if (op & 1 && root)
			t = root;
		if (t->queued) {
			root = timerheap_remove(root, t);
			t->queued = false;
			queued--;
		} else {
			t->expires = op & 2 ? fuzz_number(in) : fuzz_u8(in);
			root = timerheap_insert(root, t);
			t->queued = true;
			queued++;
		}
		check_tree(root, NULL, &seen);
		FUZZ_CHECK(seen == queued, "%u of %u timers", seen, queued);
		for (unsigned i = 0; i < TIMERS; i++)
			if (timers[i].queued && timers[i].expires < first)
				first = timers[i].expires;
		FUZZ_CHECK(!root || root->expires == first, "the root expires at %lu, not %lu",
			   root->expires, first);
		FUZZ_CHECK(!root == !queued, "timers are lost");
	}
}

static void fuzz_scale(struct fuzz_in *in)
{
	u64 hz = TIMESCALE_HZ_MIN + fuzz_u64(in) % (TIMESCALE_HZ_MAX - TIMESCALE_HZ_MIN + 1);
	u64 ticks = fuzz_u64(in) >> (20 + (fuzz_u8(in) & 31)), ns, back, limit = fuzz_number(in);
	u64 local = fuzz_u64(in) >> 2, master = local + fuzz_u32(in) - fuzz_u32(in);
	u64 epoch = 1000000ULL + fuzz_u32(in), period = 1ULL + fuzz_u32(in);
	u64 now = fuzz_u64(in) >> 1;
	u64 last = fuzz_u8(in) & 1 ? now - min(now, (u64)fuzz_u32(in)) : fuzz_u64(in) >> 1, next;
	struct timescale s = timescale_from_hz(hz), t;
	__uint128_t exact = (__uint128_t)ticks * 1000000000 / hz;
	u64 base_sec = 0, sec = fuzz_u32(in), at = fuzz_u64(in) >> 10;
	u32 base_nsec = 0, nsec = fuzz_u32(in) % 1100000000;
	bool ticked;

	FUZZ_CHECK(s.mul >> 31, "mul %x has not 32 bits", s.mul);
	ns = timescale_ns(s, ticks);
	/* 31 bits of precision, and what a right shift loses. */
	FUZZ_CHECK((ns > exact ? ns - exact : exact - ns) <=
			   (exact >> 30) + (1000000000ULL << 4) / hz + 16,
		   "%lu ticks of %lu Hz are %lu ns, not %lu", ticks, hz, ns, (u64)exact);
	back = timescale_hz(s);
	FUZZ_CHECK((back > hz ? back - hz : hz - back) <= hz / (1 << 29) + 1,
		   "%lu Hz became %lu", hz, back);
	ns = fuzz_u64(in) >> 24;
	back = timescale_ticks(hz, ns, limit);
	FUZZ_CHECK(back <= limit, "%lu ticks, limit %lu", back, limit);
	if (back < limit && ns <= 3600000000000ULL)
		FUZZ_CHECK((__uint128_t)back * 1000000000 >= (__uint128_t)ns * hz &&
				   (__uint128_t)(back - 1) * 1000000000 <= (__uint128_t)ns * hz,
			   "%lu ns of %lu Hz are %lu ticks", ns, hz, back);

	/* Whichever way it is steered, a clock goes on, by 1/16 faster or slower at most. */
	if (hz > 2 * TIMESCALE_HZ_MIN && hz < TIMESCALE_HZ_MAX / 2) {
		u64 fast, slow;

		t = timescale_steer(hz, local, master, epoch);
		back = timescale_hz(t);
		slow = hz + hz / 14;
		fast = hz - hz / 14;
		FUZZ_CHECK(back >= fast && back <= slow, "%lu Hz steered to %lu", hz, back);
		FUZZ_CHECK(local <= master || back + 2 >= hz, "a fast clock is made faster");
		FUZZ_CHECK(local >= master || back <= hz + 2, "a slow clock is made slower");
	}

	next = periodic_next(last, period, now, &ticked);
	FUZZ_CHECK(next > now || (now < last && next == last), "the next tick is over");
	FUZZ_CHECK(now < last || next - now <= period, "a tick is left out");
	FUZZ_CHECK(now < last || (next - last) % period == 0, "the ticks drift");
	FUZZ_CHECK(ticked == (now >= last && now - last >= period), "ticked");

	if (wallclock_base(sec, nsec, at, &base_sec, &base_nsec)) {
		__uint128_t sum = (__uint128_t)base_sec * 1000000000 + base_nsec + at;

		FUZZ_CHECK(nsec < 1000000000 && base_nsec < 1000000000, "%u", base_nsec);
		FUZZ_CHECK(sum == (__uint128_t)sec * 1000000000 + nsec, "%lu.%u", base_sec,
			   base_nsec);
	} else {
		FUZZ_CHECK(nsec >= 1000000000 ||
				   (__uint128_t)sec * 1000000000 + nsec < (__uint128_t)at,
			   "%u.%u can be represented", (u32)sec, nsec);
	}
}

static void fuzz_pick(struct fuzz_in *in)
{
	static u16 load[NR_CPUS];
	cpumask_t allowed = fuzz_u64(in), idle = fuzz_u64(in) & fuzz_u64(in);
	unsigned prev = fuzz_u8(in) % NR_CPUS, cpu, c, least = 0xffff;
	bool rotate = fuzz_u8(in) & 1;

	if (fuzz_u8(in) & 1)
		allowed &= 15;
	if (!allowed)
		allowed = 1;
	for (unsigned i = 0; i < NR_CPUS; i++)
		load[i] = fuzz_u8(in) & 7;
	cpu = policy_pick_cpu(allowed, idle, prev, load, rotate);
	FUZZ_CHECK(cpu < NR_CPUS && allowed & CPU_MASK(cpu), "CPU %u is not allowed", cpu);
	if (idle & allowed) {
		FUZZ_CHECK(idle & CPU_MASK(cpu), "CPU %u is busy and others are not", cpu);
		return;
	}
	for_each_cpu_in(c, allowed)
		least = min(least, (unsigned)load[c]);
	if (rotate && allowed & CPU_MASK(prev))
		FUZZ_CHECK(load[cpu] <= load[prev], "CPU %u has more to do", cpu);
	else
		FUZZ_CHECK(load[cpu] <= least + 1, "CPU %u has %u, another %u", cpu, load[cpu],
			   least);
}

/* One CPU shared by some that always want it, and by some that sleep: everybody gets its share. */
static void fuzz_share(struct fuzz_in *in)
{
	enum { N = 4, STEPS = 4000 };
	u64 vruntime[N] = { 0 }, got[N] = { 0 }, clock = 0, total = 0, start = fuzz_u64(in);
	u32 weight[N];
	unsigned run = 0, sum = 0;

	for (unsigned i = 0; i < N; i++) {
		weight[i] = 64u << (fuzz_u8(in) & 3);
		sum += weight[i];
		vruntime[i] = start;
	}
	clock = start;
	for (unsigned n = 0; n < STEPS; n++) {
		u64 ns = 1000000;
		unsigned best = run;

		vruntime[run] += policy_charge(ns, weight[run]);
		got[run] += ns;
		total += ns;
		for (unsigned i = 0; i < N; i++)
			if (policy_before(vruntime[i], vruntime[best]))
				best = i;
		if (!policy_keeps(vruntime[run], vruntime[best], n % 10 == 9, false))
			run = best;
		if (policy_before(clock, vruntime[run]))
			clock = vruntime[run];
	}
	for (unsigned i = 0; i < N; i++) {
		u64 share = total * weight[i] / sum, slack = 80000000;

		FUZZ_CHECK(got[i] + slack >= share && got[i] <= share + slack,
			   "weight %u of %u got %lu of %lu ns", weight[i], sum, got[i], total);
	}
	/* Who slept for long is ahead, by its credit and no more. */
	FUZZ_CHECK(policy_wake(start, clock) == clock - SCHED_CREDIT_NS ||
			   !policy_before(start, clock - SCHED_CREDIT_NS), "credit");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	switch (fuzz_u8(&in) % 4) {
	case 0:
		fuzz_heap(&in);
		break;
	case 1:
		while (fuzz_more(&in))
			fuzz_scale(&in);
		break;
	case 2:
		while (fuzz_more(&in))
			fuzz_pick(&in);
		break;
	default:
		fuzz_share(&in);
	}
	return 0;
}
