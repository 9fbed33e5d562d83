/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_SCHED_CAP_H
#define ANNULUS_SCHED_CAP_H

#include "lib/types.h"

/*
 * Caps: a domain has a budget of CAP_PERIOD_NS * percent / 100 in each period. A vCPU that is to
 * run takes a part of it, runs at most that long, and gives back what it did not use; so several
 * may run at once and the sum is exact. What one runs too long, because its CPU's interrupt came
 * late, is taken off the next period. When nothing is left, each vCPU that is chosen next sleeps
 * (VPF_CAPPED) until the budget is filled up and it is its turn. Nothing is saved up.
 */
struct domain;
struct vcpu;

#define CAP_PERIOD_NS 10000000ULL

/*
 * cap_take() - v is about to run, or to run on, at `now`: true if it may, and if its domain has a
 * cap v->sched.cap_left says for how many ns. Else it has VPF_CAPPED, until it is woken. Its queue
 * is locked. cap_give() - v stops running, and its time was charged: what it has left goes back.
 */
bool cap_take(struct vcpu *v, u64 now);
void cap_give(struct vcpu *v);
/* The domain goes, none of its vCPUs runs. May be called again. */
void cap_destroy(struct domain *d);

#endif
