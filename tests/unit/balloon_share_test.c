// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/balloon/share.c
/*
 * How hvballoond shares memory: by small examples, then by many worlds drawn at random, with guests
 * that obey, at their own pace, guests that do not, in part or at all, that say nothing, that say
 * too much, and that say something else each time. The numbers of the random worlds are always the
 * same ones.
 */
#include <string.h>

#include "balloon/share.h"
#include "suite.h"

#define MOST 16u

enum mind { OBEYS, DEAF, TAKES_NOTHING, GIVES_NOTHING, JITTERS, MINDS };

static struct share_guest guest[MOST];
static enum mind mind[MOST];
static uint64_t pace[MOST]; /* MiB that it moves in a pass */
static unsigned int count;
static struct share_host host;
static unsigned int changes; /* of targets, in the last pass */
static uint64_t all;	     /* what there is: guests' and free */

static uint32_t state;

static uint32_t random_below(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static struct share_guest *add(uint64_t has, uint64_t floor, uint64_t most, uint64_t wants)
{
	struct share_guest *g = &guest[count];

	*g = (struct share_guest){ .has = has, .target = has, .floor = floor, .most = most,
				   .wants = wants };
	mind[count] = OBEYS;
	pace[count] = 1000000;
	count++;
	return g;
}

static void begin(void)
{
	count = 0;
	host = (struct share_host){ 0 };
	memset(guest, 0, sizeof(guest));
}

static uint64_t sum(void)
{
	uint64_t n = host.free;

	for (unsigned int i = 0; i < count; i++)
		n += guest[i].has;
	return n;
}

static uint64_t held(void)
{
	uint64_t n = host.owed;

	for (unsigned int i = 0; i < count; i++)
		n += guest[i].has > guest[i].target ? guest[i].has : guest[i].target;
	return n;
}

/* The decision, and what must be so whatever happened before. */
static void decide(void)
{
	uint64_t before = held();

	share_pass(guest, count, &host);
	changes = 0;
	for (unsigned int i = 0; i < count; i++) {
		struct share_guest *g = &guest[i];
		uint64_t was = g->target;

		changes += g->goal != was;
		if (!g->wants)
			CU_ASSERT_EQUAL_FATAL(g->goal, was);
		/* Nothing is taken from below the floor, nobody told to go above the most. */
		CU_ASSERT_TRUE_FATAL(g->goal >= was || g->goal >= g->floor || g->goal >= g->has);
		CU_ASSERT_TRUE_FATAL(g->goal <= was || g->goal <= g->most);
		g->target = g->goal;
	}
	/* All that is promised is there, and the reserve stays, if it was there. */
	CU_ASSERT_TRUE_FATAL(held() <= before || held() + host.reserve <= sum());
}

/* What guests do then. */
static void obey(void)
{
	for (unsigned int i = 0; i < count; i++) {
		struct share_guest *g = &guest[i];
		bool down = g->has > g->target;
		uint64_t way = down ? g->has - g->target : g->target - g->has;

		if (way > pace[i])
			way = pace[i];
		if (mind[i] == DEAF || (mind[i] == TAKES_NOTHING && !down) ||
		    (mind[i] == GIVES_NOTHING && down))
			continue;
		if (mind[i] == JITTERS) {
			/* Up and down by one; above its target the hypervisor gives it nothing. */
			way = way && !down ? 1 : 0;
			down = g->has & 1;
		}
		if (down) {
			g->has -= way;
			host.free += way;
		} else {
			CU_ASSERT_TRUE_FATAL(way <= host.free);
			g->has += way;
			host.free -= way;
		}
	}
	CU_ASSERT_EQUAL_FATAL(sum(), all);
}

static unsigned int run(unsigned int passes)
{
	unsigned int last = 0;

	all = sum();
	for (unsigned int n = 1; n <= passes; n++) {
		decide();
		if (changes)
			last = n;
		obey();
	}
	return last;
}

/* ---- examples ---- */

TEST(test_flows, "one has what another needs")
{
	struct share_guest *a = add(64, 16, 128, 15), *b = add(32, 16, 128, 60);

	run(20);
	CU_ASSERT_EQUAL(b->has, 60);
	CU_ASSERT_TRUE(a->has >= 15 && a->has <= 36);
	CU_ASSERT_EQUAL(a->has + b->has + host.free, 96);
	CU_ASSERT_EQUAL(run(20), 0);
}

TEST(test_quiet, "what nobody needs stays where it is, and small changes move nothing")
{
	struct share_guest *a = add(256, 16, 512, 20), *b = add(128, 16, 512, 128);

	host.free = 64;
	CU_ASSERT_EQUAL(run(20), 0);
	for (b->wants = 120; b->wants < 136; b->wants++)
		CU_ASSERT_EQUAL(run(3), 0);
	/* What is free goes first. */
	b->wants = 180;
	CU_ASSERT_EQUAL(run(10), 1);
	CU_ASSERT_EQUAL(b->has, 180);
	CU_ASSERT_EQUAL(a->has, 256);
	/* Who says nothing is left alone. */
	a->wants = 0;
	b->wants = 400;
	run(20);
	CU_ASSERT_EQUAL(a->has, 256);
	CU_ASSERT_EQUAL(b->has, 192);
}

TEST(test_slow, "what is on its way is not asked for again")
{
	struct share_guest *a = add(300, 16, 512, 20), *b = add(200, 16, 512, 20);

	add(100, 16, 512, 140);
	pace[0] = pace[1] = 2;
	for (unsigned int n = 0; n < 60; n++) {
		run(1);
		/* But for what is too little to be counted on. */
		CU_ASSERT_TRUE(300 - a->target + 200 - b->target <=
			       40 + SHARE_LEAST + share_band(300) + share_band(200));
	}
	CU_ASSERT_TRUE(guest[2].has >= 140 - share_band(140));
}

TEST(test_reserve, "what is to be left free")
{
	struct share_guest *a = add(100, 16, 500, 40);

	host.reserve = 50;
	host.free = 20;
	run(20);
	CU_ASSERT_TRUE(host.free >= 50 && host.free < 60);
	a->wants = 400;
	run(40);
	CU_ASSERT_TRUE(host.free >= 46 && host.free < 58);
	/* Others were promised some. */
	host.owed = 30;
	run(40);
	CU_ASSERT_TRUE(host.free >= 76 && host.free < 96);
}

TEST(test_liar, "who says too much gets the same as others")
{
	struct share_guest *a = add(300, 50, 4000, 300), *b = add(300, 50, 4000, 120);
	struct share_guest *liar = add(300, 50, 4000, UINT64_MAX >> 20);

	run(60);
	CU_ASSERT_TRUE(b->has >= 112);
	CU_ASSERT_EQUAL(a->has, 300);
	CU_ASSERT_TRUE(liar->has >= 460 && liar->has <= 490);
	/* All want what is not there: the same above their floors. */
	a->wants = b->wants = 2000;
	a->floor = 200;
	run(100);
	CU_ASSERT_TRUE(a->has > 380 && a->has < 430);
	CU_ASSERT_TRUE(b->has > 230 && b->has < 280);
	CU_ASSERT_TRUE(liar->has > 230 && liar->has < 280);
}

TEST(test_floor, "a floor is had back before anybody else gets more")
{
	struct share_guest *a = add(20, 60, 100, 30), *b = add(100, 20, 400, 400);

	run(40);
	CU_ASSERT_EQUAL(a->has, 60);
	CU_ASSERT_TRUE(b->has <= 60 && b->has > 50);
}

TEST(test_deaf, "who does not do as asked wedges nobody")
{
	struct share_guest *a = add(300, 20, 600, 30), *b = add(100, 20, 600, 60);
	struct share_guest *c = add(100, 20, 600, 200);

	/* It gives nothing; the other does. */
	mind[0] = DEAF;
	run(2 * SHARE_PATIENCE);
	CU_ASSERT_EQUAL(a->has, 300);
	CU_ASSERT_EQUAL(a->target, 300);
	CU_ASSERT_TRUE(b->has >= 60 && b->has < 70 && c->has >= 136);
	CU_ASSERT_EQUAL(run(100), 0);
	/* When it says something else, it is asked again. */
	mind[0] = OBEYS;
	a->wants = 50;
	run(60);
	CU_ASSERT_TRUE(a->has < 300);
	CU_ASSERT_TRUE(c->has >= 190);
	CU_ASSERT_EQUAL(run(100), 0);
	/* It takes nothing: what it was promised is the others' again. */
	begin();
	a = add(40, 20, 600, 300);
	b = add(40, 20, 600, 40);
	host.free = 100;
	mind[0] = TAKES_NOTHING;
	run(2);
	CU_ASSERT_EQUAL(a->target, 140);
	b->wants = 300;
	run(4 * SHARE_PATIENCE);
	CU_ASSERT_EQUAL(a->target, 40);
	CU_ASSERT_EQUAL(b->has, 140);
	CU_ASSERT_EQUAL(run(100), 0);
}

/* It goes up and down by a page, so that there seems to be something to wait for. */
TEST(test_jitter, "who moves, but nowhere")
{
	add(40, 20, 600, 300);
	add(40, 20, 600, 40);
	host.free = 100;
	mind[0] = JITTERS;
	run(3);
	CU_ASSERT_EQUAL(guest[0].target, 140);
	guest[1].wants = 300;
	run(4 * SHARE_PATIENCE);
	CU_ASSERT_TRUE(guest[0].target <= 42);
	CU_ASSERT_TRUE(guest[1].has >= 134);
}

/* It holds what it is asked for, and says something else each time. */
TEST(test_restless, "who says something else each time and gives nothing")
{
	add(300, 20, 600, 30);
	add(150, 20, 600, 60);
	add(100, 20, 600, 190);
	mind[0] = GIVES_NOTHING;
	for (unsigned int n = 0; n < 8 * SHARE_PATIENCE; n++) {
		guest[0].wants = n & 1 ? 500 : 30;
		run(1);
	}
	CU_ASSERT_TRUE(guest[2].has >= 170);
	CU_ASSERT_EQUAL(guest[0].has, 300);
}

/* ---- worlds ---- */

static void draw(void)
{
	uint64_t size = 16u << random_below(8);

	begin();
	for (unsigned int n = 1 + random_below(MOST); n; n--) {
		uint64_t floor = 1 + random_below((uint32_t)size);
		uint64_t most = floor + random_below(4 * (uint32_t)size);
		uint64_t has = random_below(3) ? floor + random_below((uint32_t)(most - floor) + 1)
					       : 1 + random_below((uint32_t)floor);
		unsigned int who = random_below(8);
		uint64_t wants = 1 + random_below(5 * (uint32_t)size);

		if (!random_below(8))
			wants = 0;
		else if (!random_below(8))
			wants = UINT64_MAX >> (8 + random_below(8));
		add(has, floor, most, wants);
		mind[count - 1] = who < MINDS ? who : OBEYS;
		pace[count - 1] = random_below(2) ? 1000000 : 1 + size / 16 + random_below(20);
	}
	host.free = random_below((uint32_t)size * 2);
	host.reserve = random_below(2) ? 0 : random_below((uint32_t)size);
	host.owed = random_below(4) ? 0 : random_below((uint32_t)host.free + 1);
}

/* What one is to have when all have @level above their floors, as far as they want and do. */
static uint64_t due(unsigned int i, uint64_t level)
{
	const struct share_guest *g = &guest[i];
	uint64_t n = g->wants < g->most ? g->wants : g->most;

	if (n < g->floor)
		n = g->floor;
	if (n > g->floor + level)
		n = g->floor + level;
	if (g->past.rest && (g->past.kept ? n < g->past.rest : n > g->past.rest))
		n = g->past.rest;
	return n;
}

/*
 * At rest: nobody who obeys lacks more of what all are due than is worth the trouble, but where the
 * floors are more than there is.
 */
static void check_shares(void)
{
	uint64_t level = 0, total = sum() - host.owed, sum, little = 0;

	for (unsigned int i = 0; i < count; i++)
		if (!guest[i].wants)
			total -= guest[i].has > guest[i].target ? guest[i].has : guest[i].target;
	if (total < host.reserve)
		return;
	total -= host.reserve;
	for (uint64_t step = 1 << 20; step; step /= 2) {
		sum = 0;
		for (unsigned int i = 0; i < count; i++)
			sum += guest[i].wants ? due(i, level + step) : 0;
		level += sum <= total ? step : 0;
	}
	sum = 0;
	for (unsigned int i = 0; i < count; i++)
		sum += guest[i].wants ? due(i, level) : 0;
	for (unsigned int i = 0; i < count; i++)
		little += SHARE_LEAST + (guest[i].has > guest[i].target ?
					 guest[i].has - guest[i].target : 0);
	for (unsigned int i = 0; i < count && sum <= total; i++)
		if (mind[i] == OBEYS && guest[i].wants)
			CU_ASSERT_TRUE_FATAL(guest[i].target + share_band(guest[i].target) +
					     little >= due(i, level));
}

/* At rest: memory is not left lying there while one who obeys lacks more than a band. */
static void check_used(void)
{
	uint64_t owed = host.owed;

	for (unsigned int i = 0; i < count; i++)
		owed += guest[i].target > guest[i].has ? guest[i].target - guest[i].has : 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct share_guest *g = &guest[i];
		uint64_t wish = g->wants < g->most ? g->wants : g->most, bands = 0;

		for (unsigned int k = 0; k < count; k++)
			bands += share_band(guest[k].target) + 1;
		if (mind[i] != OBEYS || !g->wants || g->target + share_band(g->target) >= wish)
			continue;
		CU_ASSERT_TRUE_FATAL(host.free < host.reserve + owed + bands);
	}
}

TEST(test_worlds, "many worlds: what is promised is there, and all come to rest")
{
	for (unsigned int n = 0; n < 3000; n++) {
		unsigned int last;

		state = n;
		draw();
		last = run(600);
		/* Constant figures: nothing changes for the last half. */
		if (last > 300)
			printf("\n    world %u: still changes in pass %u\n", n, last);
		CU_ASSERT_TRUE_FATAL(last <= 300);
		check_shares();
		check_used();
		/* Then everybody says something else, again and again. */
		for (unsigned int k = 0; k < 40; k++) {
			struct share_guest *g = &guest[random_below(count)];

			g->wants = random_below(2) ? random_below(4 * (uint32_t)g->most)
						   : UINT64_MAX >> 12;
			run(random_below(4));
		}
	}
}

SUITE("sharing memory", .begin = begin)
