// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/refusal.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "machine/timer.h"

/*
 * Who is refused all the time shall not cost more than the hypercall itself: beyond its first burst
 * only one in so many of a domain's looks at the clock.
 */
#define LOOK_EACH 1024

/* One line of an unprivileged domain's budget, if there is one. */
static bool may_tell(struct domain *d)
{
	u64 now = system_time();
	bool may;

	spin_lock(&d->console_lock);
	if (d->refusals_paid < now)
		d->refusals_paid = now;
	may = d->refusals_paid - now <= (REFUSAL_BURST - 1) * REFUSAL_NS;
	if (may)
		d->refusals_paid += REFUSAL_NS;
	spin_unlock(&d->console_lock);
	return may;
}

#define FORMAT "d%uv%u: %s %llu refused: error %lld\n"

static __attribute__((noinline)) void tell(const char *call, u64 number, s64 error)
{
	const struct vcpu *v = current;
	struct domain *d = v->domain;

	if (d->privileged)
		printk(LOG_DEBUG FORMAT, d->id, v->id, call, (unsigned long long)number,
		       (long long)-error);
	else if (may_tell(d))
		printk(LOG_GUEST FORMAT, d->id, v->id, call, (unsigned long long)number,
		       (long long)-error);
}

s64 refused(const char *call, u64 number, s64 error)
{
	struct domain *d = current->domain;

	if (!d->privileged) {
		u32 n = d->refusals++; /* two at once may count as one */

		if (n >= REFUSAL_BURST && n % LOOK_EACH)
			return error;
	}
	tell(call, number, error);
	return error;
}
