// SPDX-License-Identifier: GPL-2.0-or-later
/* What a domain may have of all CPUs together: sched/cap.h. */
#include "sched/cap.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "sched/policy.h"
#include "sched/sched.h"

/* The lock is held. */
static void catch_up(struct sched_cap *c, u64 now)
{
	u64 periods;

	if (now < c->refill_at)
		return;
	periods = (now - c->refill_at) / CAP_PERIOD_NS + 1;
	c->refill_at += periods * CAP_PERIOD_NS;
	c->budget = policy_cap_refill(c->budget, policy_cap_quota(c->percent), periods);
}

/* A part of the budget for v, which has used up its own; 0: there is nothing. The lock is held. */
static s64 take_part(struct vcpu *v)
{
	struct sched_cap *c = &v->domain->cap;

	/* What it ran too long is the domain's debt. */
	c->budget += v->sched.cap_left;
	v->sched.cap_left = policy_cap_part(c->budget, policy_cap_quota(c->percent),
					    v->domain->max_vcpus);
	c->budget -= v->sched.cap_left;
	return v->sched.cap_left;
}

/*
 * Let those run that wait for the budget: in turn, each with a part, as far as it goes. The others
 * come first the next time, wherever they are and whoever is faster.
 */
static void wake_capped(struct domain *d, u64 now)
{
	struct sched_cap *c = &d->cap;
	u64 flags = spin_lock_irqsave(&c->lock), wake = 0;
	bool left = false;

	if (c->percent)
		catch_up(c, now);
	for (unsigned i = 0, id = c->first; i < d->max_vcpus; i++, id = (id + 1) % d->max_vcpus) {
		struct vcpu *v = d->vcpu[id];

		if (!v || !(atomic_read(&v->pause_flags) & VPF_CAPPED))
			continue;
		/* One that is just being switched away from charges itself: it asks again. */
		if (c->percent && !v->running && !take_part(v)) {
			left = true;
			continue;
		}
		atomic_and(&v->pause_flags, ~VPF_CAPPED);
		wake |= BIT(id);
		c->first = (id + 1) % d->max_vcpus;
	}
	if (left)
		timer_set(&c->refill, c->refill_at);
	spin_unlock_irqrestore(&c->lock, flags);
	for (unsigned id = 0; id < d->max_vcpus; id++)
		if (wake & BIT(id))
			vcpu_wake(d->vcpu[id]);
}

static void refill(void *arg)
{
	wake_capped(arg, system_time());
}

bool cap_take(struct vcpu *v, u64 now)
{
	struct sched_cap *c = &v->domain->cap;
	bool may = true;
	u64 flags;

	if (likely(!c->percent) || v->sched.cap_left > 0)
		return true;
	flags = spin_lock_irqsave(&c->lock);
	if (c->percent) {
		catch_up(c, now);
		may = take_part(v);
	}
	if (!may) {
		/* Under the lock: who fills it up finds the flag, or we find it filled up. */
		atomic_or(&v->pause_flags, VPF_CAPPED);
		timer_set(&c->refill, c->refill_at);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return may;
}

void cap_give(struct vcpu *v)
{
	struct sched_cap *c = &v->domain->cap;
	u64 flags;

	if (likely(!c->percent))
		return;
	flags = spin_lock_irqsave(&c->lock);
	c->budget = min(c->budget + v->sched.cap_left, (s64)policy_cap_quota(c->percent));
	v->sched.cap_left = 0;
	spin_unlock_irqrestore(&c->lock, flags);
}

void sched_set_cap(struct domain *d, u32 percent)
{
	struct sched_cap *c = &d->cap;
	u64 flags, now;

	if (!c->ready) {
		if (!percent)
			return;
		spin_lock_init(&c->lock);
		timer_init(&c->refill, refill, d, (unsigned)__builtin_ctzll(cpus_online));
		c->ready = true;
	}
	/* What they ran without a cap does not count. */
	sched_charge_all(d);
	now = system_time();
	flags = spin_lock_irqsave(&c->lock);
	/* The new measure holds at once; a debt of the old one does not. */
	c->budget = (s64)policy_cap_quota(percent);
	c->refill_at = now + CAP_PERIOD_NS;
	WRITE_ONCE(c->percent, percent);
	spin_unlock_irqrestore(&c->lock, flags);
	/* Those that run get a part of it, or go. */
	sched_kick_all(d);
	wake_capped(d, now);
}

u32 sched_get_cap(const struct domain *d)
{
	return d->cap.percent;
}

void cap_destroy(struct domain *d)
{
	if (d->cap.ready)
		timer_kill(&d->cap.refill);
}
