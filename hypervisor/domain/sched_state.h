/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_SCHED_STATE_H
#define ANNULUS_DOMAIN_SCHED_STATE_H

#include "lib/list.h"
#include "lib/types.h"

/* A vCPU's scheduling state; under the run queue lock of sched.cpu's queue. */
struct sched_vcpu {
	struct list link;     /* on its CPU's run queue while runnable and not running */
	unsigned cpu;         /* the queue it belongs to */
	cpumask_t affinity;   /* hard affinity: where it may run */
	u64 vruntime;         /* ns of CPU received, scaled by weight */
	bool relative;        /* vruntime is relative to the clock of the queue it comes to next */
	u64 slice_end;        /* ns of system time */
	u32 weight;           /* 256 is normal */
	bool queued;
	bool pinned;          /* SCHEDOP_pin_override is in force ... */
	cpumask_t unpinned;   /* ... and this was the affinity before */
};

#endif
