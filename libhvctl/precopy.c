// SPDX-License-Identifier: LGPL-2.1-or-later
#include "precopy.h"

#define SECOND	1000000ull

/* @count in @time, each second. Rounds of no time at all count as one of the shortest. */
static uint64_t per_second(uint64_t count, uint64_t time)
{
	if (!time)
		time = 1;
	return count > UINT64_MAX / SECOND ? count / time * SECOND : count * SECOND / time;
}

/* Half of what was known and half of what has been seen: one odd round decides nothing. */
static uint64_t blend(uint64_t known, uint64_t seen)
{
	return known ? known / 2 + seen / 2 + (known & seen & 1) : seen;
}

uint64_t precopy_downtime(const struct precopy *p, uint64_t rest)
{
	uint64_t time;

	if (!rest)
		return p->overhead;
	if (!p->link || rest > UINT64_MAX / SECOND)
		return UINT64_MAX;
	time = rest * SECOND / p->link;
	return time > UINT64_MAX - p->overhead ? UINT64_MAX : time + p->overhead;
}

enum precopy_next precopy_round(struct precopy *p, uint64_t sent, uint64_t time, uint64_t free,
				uint64_t rest)
{
	p->rounds++;
	p->sent += sent;
	/* A few pages say nothing of the link: the first round's rate is better than theirs. */
	if (!p->rate || sent >= 64)
		p->rate = blend(p->rate, per_second(sent, time));
	p->link = free > p->rate ? free : p->rate;
	p->dirty_rate = blend(p->dirty_rate, per_second(rest, time));
	if (p->rounds == 1 || rest < p->best - p->best / 10) {
		p->best = rest;
		p->stuck = 0;
	} else {
		p->stuck++;
	}
	if (precopy_downtime(p, rest) <= p->downtime)
		return PRECOPY_STOP;
	if (p->rounds >= PRECOPY_ROUNDS || p->stuck >= PRECOPY_STUCK ||
	    p->sent / PRECOPY_TIMES >= p->pages)
		return PRECOPY_HOPELESS;
	return PRECOPY_AGAIN;
}

/*
 * Each round leaves a share of the one before, dirty_rate / rate: a geometric series, whose sum is
 * what is still to be sent.
 */
uint64_t precopy_left(const struct precopy *p, uint64_t rest)
{
	if (!p->rate || p->dirty_rate >= p->rate)
		return UINT64_MAX;
	return (uint64_t)((double)rest * (double)SECOND / (double)(p->rate - p->dirty_rate));
}
