/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_SCHED_POLICY_H
#define ANNULUS_SCHED_POLICY_H

#include "lib/types.h"

/*
 * The scheduler's decisions, as pure functions. Each vCPU has a virtual runtime: the ns of CPU time
 * that it received, scaled by 256 / weight. On a CPU the vCPU with the smallest runs. One that
 * wakes up is put a little before the others, so that it runs at once, but cannot save up what it
 * did not use.
 */
#define SCHED_SLICE_NS      10000000ULL /* longest time on a CPU that others wait for */
#define SCHED_CREDIT_NS      5000000ULL /* how far before the others one that wakes up may be */
#define SCHED_GRANULARITY_NS  500000ULL /* who is ahead by less does not interrupt who runs */
#define SCHED_WEIGHT_NORMAL 256
/* dom0's, unless it is given another: it works for the others, and sleeps when there is nothing. */
#define SCHED_WEIGHT_DOM0   512

/* Is virtual time a before b? They may wrap. */
static inline bool policy_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* What `ns` of CPU time cost a vCPU with this weight (1 .. 65535). */
u64 policy_charge(u64 ns, u32 weight);
/* Where a vCPU starts that wakes up on a queue whose virtual clock shows `clock`. */
u64 policy_wake(u64 vruntime, u64 clock);
/* Does a vCPU that became runnable interrupt the running one? */
bool policy_preempts(u64 waking, u64 running);
/* May the running vCPU go on while another one waits? */
bool policy_keeps(u64 running, u64 waiting, bool slice_over, bool yields);

/*
 * policy_pick_cpu() - where a vCPU is to wait or run that was on `prev`. `allowed` (not 0) are the
 * online CPUs of its affinity, `idle` those that run nothing, load[] how many vCPUs run or wait on
 * each. `rotate`: it used up its slice while others waited; it may as well go to where no more wait
 * than here, so that an odd vCPU goes round instead of sticking to one CPU.
 */
unsigned policy_pick_cpu(cpumask_t allowed, cpumask_t idle, unsigned prev, const u16 *load,
			 bool rotate);
/*
 * policy_prefer() - of `allowed`, the CPUs to choose from for a vCPU that had rather be on those of
 * `soft`: these, unless all of them are busy and another is idle, or none is allowed.
 */
cpumask_t policy_prefer(cpumask_t allowed, cpumask_t soft, cpumask_t idle);

/*
 * Caps (sched/cap.h). ns of CPU time in a period for a cap of `percent` of one CPU; the budget
 * after `periods` (1 or more) have begun; what a vCPU gets of it at a time, 0 if nothing is left.
 */
u64 policy_cap_quota(u32 percent);
s64 policy_cap_refill(s64 budget, u64 quota, u64 periods);
s64 policy_cap_part(s64 budget, u64 quota, unsigned vcpus);

#endif
