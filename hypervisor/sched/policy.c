// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/policy.h"
#include "sched/cap.h"

/* For less there shall be no switch. */
#define CAP_PART_MIN_NS 200000ULL

u64 policy_charge(u64 ns, u32 weight)
{
	/* Longer than any slice; keeps the product in range. */
	ns = min(ns, BIT(48));
	return ns * SCHED_WEIGHT_NORMAL / max(weight, 1U);
}

u64 policy_wake(u64 vruntime, u64 clock)
{
	u64 earliest = clock - SCHED_CREDIT_NS;

	return policy_before(vruntime, earliest) ? earliest : vruntime;
}

bool policy_preempts(u64 waking, u64 running)
{
	return policy_before(waking + SCHED_GRANULARITY_NS, running);
}

bool policy_keeps(u64 running, u64 waiting, bool slice_over, bool yields)
{
	if (yields)
		return false;
	return slice_over ? policy_before(running, waiting) : !policy_preempts(waiting, running);
}

unsigned policy_pick_cpu(cpumask_t allowed, cpumask_t idle, unsigned prev, const u16 *load,
			 bool rotate)
{
	unsigned cpu, best, limit;

	idle &= allowed;
	if (idle & CPU_MASK(prev))
		return prev;
	if (idle)
		return (unsigned)__builtin_ctzll(idle);
	best = allowed & CPU_MASK(prev) ? prev : (unsigned)__builtin_ctzll(allowed);
	for_each_cpu_in(cpu, allowed)
		if (load[cpu] < load[best])
			best = cpu;
	if (!(allowed & CPU_MASK(prev)))
		return best;
	if (rotate) {
		/* The next one round that is loaded like this one, or less. */
		limit = load[prev];
		for (unsigned i = 1; i < NR_CPUS; i++) {
			cpu = (prev + i) % NR_CPUS;
			if (allowed & CPU_MASK(cpu) && load[cpu] <= limit)
				return cpu;
		}
		return prev;
	}
	/* Not for a difference that the move would only turn round. */
	return load[best] + 1U < load[prev] ? best : prev;
}

cpumask_t policy_prefer(cpumask_t allowed, cpumask_t soft, cpumask_t idle)
{
	soft &= allowed;
	if (!soft || (!(soft & idle) && (allowed & idle)))
		return allowed;
	return soft;
}

u64 policy_cap_quota(u32 percent)
{
	return CAP_PERIOD_NS / 100 * percent;
}

s64 policy_cap_refill(s64 budget, u64 quota, u64 periods)
{
	u64 debt = budget < 0 ? -(u64)budget : 0, paid = debt / quota;

	/* The product cannot be larger than the debt. */
	if (periods <= paid)
		return budget + (s64)(quota * periods);
	return (s64)(periods > paid + 1 ? quota : quota - debt % quota);
}

s64 policy_cap_part(s64 budget, u64 quota, unsigned vcpus)
{
	/* If all want to run, each has its share. */
	u64 part = max(quota / max(vcpus, 1U), CAP_PART_MIN_NS);

	return budget <= 0 ? 0 : min(budget, (s64)part);
}
