// SPDX-License-Identifier: GPL-2.0-or-later
#include "share.h"

/* What is asked of a guest in one pass, at most: it has to find the pages. */
static uint64_t stride(uint64_t target)
{
	return target / 8 > 8 ? target / 8 : 8;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* How far @from is above @to, 0: it is not. */
static uint64_t above(uint64_t from, uint64_t to)
{
	return from > to ? from - to : 0;
}

/* Whether @a and @b are too far from each other to be the same. */
static bool differ(uint64_t a, uint64_t b)
{
	return above(a, b) + above(b, a) >= share_band(b);
}

/* ---- who does as asked ---- */

/*
 * Only what is nearer than ever counts as a step: a guest that goes up and down by a page would be
 * waited for without end.
 */
static void look(struct share_guest *g)
{
	struct share_past *p = &g->past;
	bool down = g->has > g->target;

	if (!differ(g->has, g->target)) {
		p->waited = 0;
	} else if (!p->waited || p->down != down ||
		   (down ? g->has < p->best : g->has > p->best)) {
		p->waited = 1;
		p->down = down;
		p->best = g->has;
	} else if (p->waited < SHARE_PATIENCE) {
		p->waited++;
	}
	if (p->rest && (differ(g->has, p->rest) || differ(g->wants, p->said)))
		p->rest = 0;
	if (p->waited < SHARE_PATIENCE || !g->has || !g->wants)
		return;
	p->rest = g->has;
	p->kept = p->down;
	p->said = g->wants;
	/* It is asked for what it has, which is not to be had from anybody. */
	g->goal = p->kept ? less(g->has, g->most) : g->has;
	g->settled = true;
}

/* ---- what each is to have ---- */

/* @level: how much above its floor, if it wants that. */
static uint64_t ideal(const struct share_guest *g, uint64_t level)
{
	uint64_t wish = more(less(g->wants, g->most), g->floor);
	uint64_t gets = g->floor + less(wish - g->floor, level);

	if (!g->past.rest)
		return gets;
	return g->past.kept ? more(gets, g->past.rest) : less(gets, g->past.rest);
}

static uint64_t sum_at(const struct share_guest *guests, size_t count, uint64_t level)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		if (guests[i].wants)
			sum += ideal(&guests[i], level);
	return sum;
}

/* The highest level, the same for all, that @total is enough for. */
static uint64_t level_of(const struct share_guest *guests, size_t count, uint64_t total)
{
	uint64_t low = 0, high = 0;

	for (size_t i = 0; i < count; i++)
		if (guests[i].wants)
			high = more(high, above(less(guests[i].wants, guests[i].most),
						guests[i].floor));
	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;

		if (sum_at(guests, count, middle) <= total)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* ---- the pass ---- */

struct sums {
	uint64_t owed;		/* promised, and not taken yet */
	uint64_t coming;	/* asked for, and still to be given */
	uint64_t level;
};

static struct sums add_up(const struct share_guest *guests, size_t count,
			  const struct share_host *host)
{
	struct sums s = { .owed = host->owed };
	uint64_t total = host->free, others = host->owed;

	for (size_t i = 0; i < count; i++) {
		const struct share_guest *g = &guests[i];
		uint64_t owed = above(g->target, g->has), coming = above(g->has, g->target);

		s.owed += owed;
		if (!g->wants) {
			others += owed;
			continue;
		}
		total += g->has;
		if (!g->settled && coming >= share_band(g->target))
			s.coming += coming;
	}
	/* What was promised to those who say nothing is theirs. */
	s.level = level_of(guests, count, above(total, host->reserve + others));
	return s;
}

/* What it lacks, 0: too little to be worth it. Who is below its floor is. */
static uint64_t need(const struct share_guest *g, uint64_t level)
{
	uint64_t lacks = g->wants && !g->settled ? above(ideal(g, level), g->target) : 0;

	return lacks >= share_band(g->target) || g->target < g->floor ? lacks : 0;
}

static uint64_t excess(const struct share_guest *g, uint64_t level)
{
	uint64_t has = g->wants && !g->settled ? above(g->target, ideal(g, level)) : 0;

	return has >= SHARE_LEAST ? has : 0;
}

/* A need, with those first that are below their floors. */
static uint64_t urgency(const struct share_guest *g, uint64_t level)
{
	uint64_t lacks = need(g, level);

	return lacks && g->target < g->floor ? lacks + (UINT64_MAX >> 1) : lacks;
}

/* The guest that has most of this, NULL: none has any. */
static struct share_guest *first(struct share_guest *guests, size_t count, uint64_t level,
				 uint64_t (*key)(const struct share_guest *g, uint64_t level))
{
	struct share_guest *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t k = key(&guests[i], level);

		if (k > most) {
			best = &guests[i];
			most = k;
		}
	}
	return best;
}

void share_pass(struct share_guest *guests, size_t count, const struct share_host *host)
{
	uint64_t wanted, spare, taken;
	struct share_guest *g;
	struct sums s;

	for (size_t i = 0; i < count; i++) {
		guests[i].goal = guests[i].target;
		guests[i].settled = false;
		look(&guests[i]);
	}
	s = add_up(guests, count, host);
	spare = above(host->free, host->reserve + s.owed);
	wanted = above(host->reserve + s.owed, host->free);
	for (size_t i = 0; i < count; i++)
		wanted += need(&guests[i], s.level);
	/* Nobody is asked for what nobody needs. */
	taken = s.coming + spare;
	while (wanted > taken && (g = first(guests, count, s.level, excess))) {
		uint64_t cut = less(excess(g, s.level), stride(g->target));

		cut = less(cut, more(wanted - taken, SHARE_LEAST));
		g->goal = g->target - cut;
		g->settled = true;
		taken += cut;
	}
	while ((g = first(guests, count, s.level, urgency))) {
		uint64_t lacks = need(g, s.level), gets = less(lacks, spare);

		g->settled = true;
		/* Too little for this one may be enough for another. */
		if (gets < lacks && gets < SHARE_LEAST && g->target >= g->floor)
			continue;
		g->goal = g->target + gets;
		spare -= gets;
	}
}
