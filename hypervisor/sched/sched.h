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
 * Called by context_switch() when prev's state is saved: clears prev->running, from then on it may
 * run elsewhere or be freed.
 */
void sched_switched(struct vcpu *prev);
/* Debug key: what runs and waits on every CPU. */
void sched_dump(void);
/* Does not return: boot stack becomes the idle vCPU's. */
void __attribute__((noreturn)) idle_loop(void);

#endif
