/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_SCHED_SCHED_H
#define ANNULUS_SCHED_SCHED_H

#include "lib/list.h"
#include "lib/types.h"

struct vcpu;
struct domain;

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

void sched_init(void);                   /* boot CPU, once */
void sched_init_cpu(unsigned cpu);       /* each CPU as it comes up; its idle vCPU exists */
int sched_init_vcpu(struct vcpu *v, unsigned cpu);
void sched_destroy_vcpu(struct vcpu *v);

/*
 * vcpu_wake() - the vCPU may be runnable now (pause_flags may be 0): queue it and kick a CPU if it
 * should run there.
 */
void vcpu_wake(struct vcpu *v);
/*
 * vcpu_sleep_nosync() - pause_flags became non-zero: take it off the queue; if it runs, make its
 * CPU reschedule.
 */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);    /* the same, and wait until it is off its CPU */
/*
 * vcpu_kick() - something (an event) is pending for v: if it runs on another CPU, make it pass its
 * exit path.
 */
void vcpu_kick(struct vcpu *v);
/* An event arrived: clear VPF_BLOCKED and wake, or kick if it runs. */
void vcpu_unblock(struct vcpu *v);
/*
 * current blocks until an event: no lost wake-up when one arrives meanwhile. Takes effect on the
 * way out.
 */
void vcpu_block(void);
void sched_yield(void);
int sched_set_affinity(struct vcpu *v, cpumask_t mask); /* 0, -EINVAL if no online CPU is in it */
/*
 * SCHEDOP_pin_override: run on `cpu` only, a negative one undoes it. 0, -EINVAL (no such CPU, or
 * nothing to undo), -EBUSY.
 */
int sched_pin_override(struct vcpu *v, int cpu);
/*
 * vcpu_kick_nmi() - v has an NMI pending: like vcpu_unblock(), but takes no lock and may be called
 * by an NMI handler. It takes effect when this CPU next passes its exit path, which it is made to
 * do.
 */
void vcpu_kick_nmi(struct vcpu *v);
/* XEN_DOMCTL_SCHEDOP_*: weight of all vCPUs of d. */
void sched_set_weight(struct domain *d, u32 weight);
u32 sched_get_weight(struct domain *d);

/*
 * context_switch() - entry/switch.c: from `prev` (current) to `next`; called by the scheduler's
 * softirq with interrupts off; does not return if next is another vCPU (it leaves through next's
 * exit path).
 */
void context_switch(struct vcpu *prev, struct vcpu *next);
/*
 * Called by context_switch() when prev's state is saved: clears prev->running, from then on it may
 * run elsewhere or be freed.
 */
void sched_switched(struct vcpu *prev);
/* Debug key: what runs and waits on every CPU. */
void sched_dump(void);
/* Does not return: boot stack becomes the idle vCPU's. */
void __attribute__((noreturn)) idle_loop(void);

#endif
