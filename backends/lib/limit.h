/* SPDX-License-Identifier: GPL-2.0-or-later */
/* So much a second and no more: a bucket that fills at the rate. Times are in nanoseconds. */
#ifndef BACKENDS_LIMIT_H
#define BACKENDS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* What may come at once after a pause: so many ms' worth. */
#define LIMIT_BURST_MS	100u

struct limit {
	uint64_t rate;			/* a second; 0: no limit */
	int64_t level;			/* may be below 0: what is too large is paid off after */
	uint64_t last, rest;		/* when .level was right, and a division's rest */
};

static inline void limit_set(struct limit *l, uint64_t rate, uint64_t now)
{
	/* What multiplies with a second's nanoseconds and fits. */
	if (rate > UINT64_C(1) << 33)
		rate = 0;
	*l = (struct limit){ .rate = rate, .level = 1, .last = now };
}

/* limit_burst - what there is at once after a pause. */
static inline int64_t limit_burst(const struct limit *l)
{
	int64_t most = (int64_t)(l->rate * LIMIT_BURST_MS / 1000);

	return most < 1 ? 1 : most;
}

/* limit_wait - 0: one more may come; else nanoseconds until it may. */
static inline uint64_t limit_wait(struct limit *l, uint64_t now)
{
	const uint64_t second = UINT64_C(1000000000);
	uint64_t passed = now - l->last, gained;
	int64_t most;

	if (!l->rate)
		return 0;
	/* After a second it is as full as it gets, unless it is deep below. */
	if (passed > second)
		passed = second;
	gained = passed * l->rate + l->rest;
	l->level += (int64_t)(gained / second);
	l->rest = gained % second;
	l->last = now;
	most = limit_burst(l);
	if (l->level >= most) {
		l->level = most;
		l->rest = 0;
	}
	if (l->level > 0)
		return 0;
	return ((uint64_t)(1 - l->level) * second - l->rest + l->rate - 1) / l->rate;
}

static inline void limit_spend(struct limit *l, uint64_t amount)
{
	if (l->rate)
		l->level -= (int64_t)amount;
}

#endif
