/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_SCHED_STATE_H
#define ANNULUS_DOMAIN_SCHED_STATE_H

#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "machine/timer.h"

/* A vCPU's scheduling state; under the run queue lock of sched.cpu's queue. */
struct sched_vcpu {
	struct list link;     /* on its CPU's run queue while runnable and not running */
	unsigned cpu;         /* the queue it belongs to */
	cpumask_t affinity;   /* hard affinity: where it may run */
	cpumask_t soft;       /* soft affinity: where it had rather run */
	bool moves;           /* it is to let go of its CPU for one that it prefers */
	/* ns of its domain's budget that are its own (less than 0: overrun); with VPF_CAPPED under
	 * that one's lock */
	s64 cap_left;
	u64 vruntime;         /* ns of CPU received, scaled by weight */
	bool relative;        /* vruntime is relative to the clock of the queue it comes to next */
	u64 slice_end;        /* ns of system time */
	u32 weight;           /* 256 is normal */
	bool queued;
	bool pinned;          /* SCHEDOP_pin_override is in force ... */
	cpumask_t unpinned;   /* ... and this was the affinity before */
};

/*
 * A domain's cap: so much CPU time that all its vCPUs together may have in each period
 * (sched/cap.h). `lock` comes inside queue locks, interrupts off.
 */
struct sched_cap {
	volatile u32 percent; /* of one CPU; 0: none. Changed under the lock, looked at by all */
	bool ready;           /* lock and timer are there: it had a cap once */
	struct spinlock lock;
	s64 budget;           /* ns that nobody has taken yet; less than 0: a debt */
	u64 refill_at;        /* ns of system time: the period's end */
	unsigned first;       /* whose turn it is when it is filled up: a vCPU's number */
	struct timer refill;  /* runs while some vCPU waits for that */
};

#endif
