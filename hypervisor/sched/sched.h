/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_SCHED_SCHED_H
#define ANNULUS_SCHED_SCHED_H

#include "domain/sched_state.h"
#include "lib/types.h"
#include "lib/upcalls.h"

struct vcpu;
struct domain;

void sched_init(void);                   /* boot CPU, once */
void sched_init_cpu(unsigned cpu);       /* each CPU as it comes up; its idle vCPU exists */
/* A vCPU's life here, sleep and wake-up, context_switch(): lib/upcalls.h. */

/*
 * vcpu_kick() - something (an event) is pending for v: if it runs on another CPU, make it pass its
 * exit path.
 */
void vcpu_kick(struct vcpu *v);
/*
 * current blocks until an event: no lost wake-up when one arrives meanwhile. Takes effect on the
 * way out.
 */
void vcpu_block(void);
void sched_yield(void);
int sched_set_affinity(struct vcpu *v, cpumask_t mask); /* 0, -EINVAL if no online CPU is in it */
/*
 * Where v had rather run: it is placed there as long as the hard affinity allows it and no other
 * allowed CPU is idle while all of these are busy. A mask without an allowed CPU means nothing.
 */
void sched_set_soft_affinity(struct vcpu *v, cpumask_t mask);
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
void sched_set_vcpu_weight(struct vcpu *v, u32 weight);
/*
 * How much of one CPU, in percent, all vCPUs of d together may have; 0: as much as there is. Exact
 * over each 10 ms. Under the control lock.
 */
void sched_set_cap(struct domain *d, u32 percent);
u32 sched_get_cap(const struct domain *d);
/*
 * For so many us nobody who wakes up interrupts who has begun to run; 0: no such limit. 0, or
 * -EINVAL: not 0, nor 100 to 500000.
 */
int sched_set_rate_limit(u32 us);
u32 sched_get_rate_limit(void);
/* cap.c's: charge those vCPUs of d that run for their time so far; make their CPUs choose anew. */
void sched_charge_all(struct domain *d);
void sched_kick_all(struct domain *d);

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
