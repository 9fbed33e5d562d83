// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/handover.c
/*
 * Every way in which handing a domain over can go wrong, gone through one by one: words that are
 * lost, links that are cut, processes that die between any two of destroying, writing down, running
 * and saying, hosts that die. At no moment do both hosts run the domain, and wherever things stand,
 * when nothing more fails one of them does.
 */
#include "libhvctl/handover.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

enum domain { ABSENT, STOPPED, RUNS };

/* A step in work: what of it is still to be done. */
struct work {
	uint8_t left;		/* 0: none; else how many of its parts are left */
	uint8_t next, act, say;
};

struct side {
	uint8_t record, domain;
	uint8_t heard;		/* a word that has come and waits, HANDOVER_SILENCE: none */
	uint8_t dead;		/* the host: nothing of it comes back */
	struct work work;
};

struct world {
	struct side side[2];	/* source, destination */
	uint8_t link;		/* there is a connection */
	uint8_t faults;		/* how many more there may be */
	uint8_t forced;		/* a person has decided */
};

enum { SOURCE, DESTINATION };

#define FAULTS 3

static enum handover_state seen(const struct side *s)
{
	return handover_state_seen((enum handover_state)s->record, s->domain != ABSENT,
				   s->domain != STOPPED);
}

static void begin(struct side *s, struct handover_step step)
{
	s->work = (struct work){
		.left = 5,
		.next = (uint8_t)step.next,
		.act = (uint8_t)step.act,
		.say = (uint8_t)step.say,
	};
}

static void let_run(struct side *s)
{
	if (s->work.act == HANDOVER_RUN && s->domain == STOPPED)
		s->domain = RUNS;
}

static void speak(struct world *w, int who)
{
	if (w->side[who].work.say && w->link && !w->side[!who].dead)
		w->side[!who].heard = w->side[who].work.say;
}

/* One part of the step under way at @who. */
static void advance(struct world *w, int who)
{
	struct side *s = &w->side[who];
	uint8_t next = s->work.next;

	switch (s->work.left--) {
	case 5:
		if (s->work.act == HANDOVER_DESTROY)
			s->domain = ABSENT;
		break;
	case 4:
		if (next == HANDOVER_NONE)
			let_run(s);
		break;
	case 3:
		s->record = next;
		break;
	case 2:
		if (next == HANDOVER_HERE)
			speak(w, who);
		else if (next != HANDOVER_NONE)
			let_run(s);
		break;
	default:
		if (next == HANDOVER_HERE)
			let_run(s);
		else
			speak(w, who);
		s->work = (struct work){ 0 };
	}
}

static void cut(struct world *w)
{
	w->link = 0;
	w->side[0].heard = w->side[1].heard = HANDOVER_SILENCE;
}

/* What was decided is done again, also if it could not be begun. */
static void again(struct side *s)
{
	begin(s, handover_resume(handover_state_seen((enum handover_state)s->record,
						     s->domain != ABSENT, true)));
}

/* The process of @who dies; a guard puts right what it left, on a connection to come. */
static void crash(struct world *w, int who)
{
	cut(w);
	again(&w->side[who]);
	w->side[who].work.say = HANDOVER_SILENCE;
}

static bool idle(const struct side *s)
{
	return !s->dead && !s->work.left;
}

/* All that can happen next that is no fault. Returns how many worlds were put at @to, at most 8. */
static int go_on(const struct world *w, struct world *to)
{
	int who, n = 0;

	for (who = 0; who < 2; who++) {
		const struct side *s = &w->side[who];

		if (!s->dead && s->work.left) {
			to[n] = *w;
			advance(&to[n++], who);
		} else if (idle(s) && s->heard) {
			to[n] = *w;
			to[n].side[who].heard = HANDOVER_SILENCE;
			begin(&to[n++].side[who], handover_hear(seen(s), s->heard));
		}
	}
	/* All of the domain has come, whether there still is somebody to tell or not. */
	if (idle(&w->side[DESTINATION]) && w->side[DESTINATION].record == HANDOVER_RECEIVING &&
	    !w->side[DESTINATION].heard) {
		to[n] = *w;
		begin(&to[n++].side[DESTINATION],
		      (struct handover_step){ HANDOVER_READY, .say = HANDOVER_IS_READY });
	}
	/* The link is back, and the source asks. */
	if (!w->link && idle(&w->side[SOURCE]) && !w->side[DESTINATION].dead &&
	    w->side[SOURCE].record) {
		to[n] = *w;
		to[n].link = 1;
		again(&to[n++].side[SOURCE]);
	}
	/* And whoever waited at the end of a link that is gone notices. */
	for (who = 0; who < 2; who++) {
		const struct side *s = &w->side[who];

		if (w->link || !idle(s) || s->heard)
			continue;
		if (s->record != HANDOVER_SENDING && s->record != HANDOVER_RECEIVING)
			continue;
		to[n] = *w;
		begin(&to[n++].side[who], handover_hear(seen(s), HANDOVER_SILENCE));
	}
	return n;
}

static int fail(const struct world *w, struct world *to)
{
	int who, n = 0;

	if (!w->faults)
		return 0;
	if (w->link) {
		to[n] = *w;
		cut(&to[n++]);
	}
	for (who = 0; who < 2; who++) {
		if (w->side[who].dead)
			continue;
		to[n] = *w;
		crash(&to[n++], who);
		to[n] = *w;
		cut(&to[n]);
		to[n++].side[who] = (struct side){ .dead = 1 };
	}
	/* Time is up for the source although the link is there. */
	if (idle(&w->side[SOURCE]) && w->side[SOURCE].record == HANDOVER_SENDING) {
		to[n] = *w;
		begin(&to[n++].side[SOURCE], handover_hear(HANDOVER_SENDING, HANDOVER_SILENCE));
	}
	for (who = 0; who < n; who++)
		to[who].faults--;
	return n;
}

/* --- all worlds that can be reached ------------------------------------------------- */

#define SLOTS (1u << 20)

static struct world slots[SLOTS];
static uint8_t used[SLOTS];
static uint32_t queue[SLOTS], queued;

static void visit(const struct world *w)
{
	const uint8_t *b = (const uint8_t *)w;
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < sizeof(*w); i++)
		hash = (hash ^ b[i]) * 16777619u;
	for (hash %= SLOTS; used[hash]; hash = (hash + 1) % SLOTS)
		if (!memcmp(&slots[hash], w, sizeof(*w)))
			return;
	if (queued > SLOTS / 2)
		abort();
	used[hash] = 1;
	slots[hash] = *w;
	queue[queued++] = hash;
}

static struct world first(void)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	w.side[SOURCE] = (struct side){ .record = HANDOVER_SENDING, .domain = STOPPED };
	w.side[DESTINATION] = (struct side){ .record = HANDOVER_RECEIVING, .domain = STOPPED };
	w.link = 1;
	w.faults = FAULTS;
	return w;
}

static void explore(void)
{
	struct world w = first(), to[16];
	uint32_t i;
	int n, j;

	if (queued)
		return;
	visit(&w);
	for (i = 0; i < queued; i++) {
		w = slots[queue[i]];
		n = go_on(&w, to);
		n += fail(&w, to + n);
		for (j = 0; j < n; j++)
			visit(&to[j]);
	}
}

static void say_world(const char *what, const struct world *w)
{
	int who;

	fprintf(stderr, "%s:", what);
	for (who = 0; who < 2; who++)
		fprintf(stderr, " %s %s%s",
			handover_state_name((enum handover_state)w->side[who].record),
			w->side[who].domain == RUNS	 ? "runs"
			: w->side[who].domain == STOPPED ? "stopped"
							 : "absent",
			w->side[who].dead ? " (host dead)" : "");
	fprintf(stderr, "\n");
}

TEST(test_never_two, "the domain never runs on both hosts")
{
	unsigned int bad = 0;
	uint32_t i;

	explore();
	for (i = 0; i < queued; i++) {
		const struct world *w = &slots[queue[i]];

		if (w->side[SOURCE].domain == RUNS && w->side[DESTINATION].domain == RUNS && !bad++)
			say_world("two", w);
	}
	CU_ASSERT_EQUAL(bad, 0);
	/* A search that stopped at the first step would find nothing either. */
	CU_ASSERT(queued > 500);
}

/*
 * Nothing fails any more, from each of the worlds: both hosts live, so exactly one runs the domain,
 * the other has nothing left of it, and no record waits for anybody but one of "running", whose
 * last word was lost.
 */
TEST(test_always_one, "when nothing fails any more exactly one host has it")
{
	unsigned int bad = 0;
	uint32_t i;

	explore();
	for (i = 0; i < queued; i++) {
		struct world w = slots[queue[i]], to[16];
		int steps = 0, n, runs;

		if (w.side[SOURCE].dead || w.side[DESTINATION].dead)
			continue;
		/* Any order will do; take the last way offered, then the first, by turns. */
		while ((n = go_on(&w, to)) && steps++ < 200)
			w = to[steps & 1 ? n - 1 : 0];
		runs = (w.side[SOURCE].domain == RUNS) + (w.side[DESTINATION].domain == RUNS);
		if (runs != 1 || n || w.side[SOURCE].record ||
		    (w.side[DESTINATION].record &&
		     w.side[DESTINATION].record != HANDOVER_RUNNING) ||
		    w.side[SOURCE].domain == STOPPED || w.side[DESTINATION].domain == STOPPED) {
			if (!bad++)
				say_world("not one", &w);
		}
	}
	CU_ASSERT_EQUAL(bad, 0);
}

/* A survivor that was told GO has it; one that was not keeps its copy stopped. */
TEST(test_host_dies, "with a host dead the other one runs it if it knows that it may")
{
	unsigned int bad = 0, waits = 0;
	uint32_t i;

	explore();
	for (i = 0; i < queued; i++) {
		struct world w = slots[queue[i]], to[16];
		int steps = 0, n;

		if (!w.side[SOURCE].dead == !w.side[DESTINATION].dead)
			continue;
		while ((n = go_on(&w, to)) && steps++ < 200)
			w = to[0];
		if (w.side[DESTINATION].dead) {
			enum handover_state record = seen(&w.side[SOURCE]);

			/* Decided for "there": only a person knows whether it ran there. */
			if (record == HANDOVER_THERE)
				waits++;
			/* Gone, if the other one ran it and died before its copy was forgotten. */
			if (w.side[SOURCE].domain == (record == HANDOVER_THERE ? RUNS : STOPPED) &&
			    !bad++)
				say_world("source alone", &w);
		} else {
			enum handover_state record = seen(&w.side[DESTINATION]);

			if (record == HANDOVER_READY)
				waits++;
			if ((record == HANDOVER_READY) != (w.side[DESTINATION].domain == STOPPED) &&
			    !bad++)
				say_world("destination alone", &w);
		}
	}
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT(waits > 0);
}

TEST(test_person, "a person's word")
{
	struct handover_step s;

	s = handover_decide(HANDOVER_THERE, true);
	CU_ASSERT_EQUAL(s.next, HANDOVER_HERE);
	CU_ASSERT_EQUAL(s.act, HANDOVER_RUN);
	s = handover_decide(HANDOVER_THERE, false);
	CU_ASSERT_EQUAL(s.next, HANDOVER_NONE);
	CU_ASSERT_EQUAL(s.act, HANDOVER_DESTROY);
	s = handover_decide(HANDOVER_READY, true);
	CU_ASSERT_EQUAL(s.next, HANDOVER_RUNNING);
	CU_ASSERT_EQUAL(s.act, HANDOVER_RUN);
	s = handover_decide(HANDOVER_READY, false);
	CU_ASSERT_EQUAL(s.next, HANDOVER_NONE);
	CU_ASSERT_EQUAL(s.act, HANDOVER_DESTROY);
	/* What runs here is not taken away by a word about another host. */
	CU_ASSERT(handover_decide(HANDOVER_RUNNING, false).conflict);
	CU_ASSERT(handover_decide(HANDOVER_HERE, false).conflict);
	CU_ASSERT(!handover_decide(HANDOVER_HERE, true).conflict);
	CU_ASSERT(handover_decide(HANDOVER_SENDING, true).conflict);
	CU_ASSERT(handover_decide(HANDOVER_RECEIVING, true).conflict);
	CU_ASSERT(handover_decide(HANDOVER_NONE, true).conflict);
}

TEST(test_contradiction, "what only a person can have brought about is reported, not mended")
{
	struct handover_step s;

	s = handover_hear(HANDOVER_HERE, HANDOVER_IS_RUNNING);
	CU_ASSERT(s.conflict);
	CU_ASSERT_EQUAL(s.next, HANDOVER_HERE);
	CU_ASSERT_EQUAL(s.act, HANDOVER_LEAVE);
	s = handover_hear(HANDOVER_RUNNING, HANDOVER_BACK);
	CU_ASSERT(s.conflict);
	CU_ASSERT_EQUAL(s.act, HANDOVER_LEAVE);
	CU_ASSERT_EQUAL(s.say, HANDOVER_IS_RUNNING);
	CU_ASSERT(handover_hear(HANDOVER_RECEIVING, HANDOVER_GO).conflict);
	CU_ASSERT(handover_hear(HANDOVER_THERE, HANDOVER_UNKNOWN).person);
}

TEST(test_lost, "what was promised and is lost is not taken over")
{
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_READY, true, false), HANDOVER_READY);
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_READY, false, false), HANDOVER_NONE);
	CU_ASSERT_EQUAL(handover_hear(HANDOVER_NONE, HANDOVER_GO).say, HANDOVER_UNKNOWN);
	/* It ran, and came to its own end. */
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_RUNNING, false, false), HANDOVER_RUNNING);
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_THERE, false, true), HANDOVER_THERE);
}

TEST(test_not_begun, "what was to run and could not begin to may still go back")
{
	enum handover_state state = handover_state_seen(HANDOVER_RUNNING, true, false);

	CU_ASSERT_EQUAL(state, HANDOVER_READY);
	CU_ASSERT_EQUAL(handover_hear(state, HANDOVER_BACK).act, HANDOVER_DESTROY);
	CU_ASSERT_EQUAL(handover_decide(state, false).act, HANDOVER_DESTROY);
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_RUNNING, true, true), HANDOVER_RUNNING);
	/* Only where it came to. */
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_HERE, true, false), HANDOVER_HERE);
	CU_ASSERT_EQUAL(handover_state_seen(HANDOVER_THERE, true, false), HANDOVER_THERE);
}

TEST(test_names, "names of states and words come back")
{
	unsigned int i;

	for (i = 0; i < HANDOVER_STATES; i++) {
		const char *name = handover_state_name((enum handover_state)i);

		CU_ASSERT_EQUAL((unsigned int)handover_state_named(name), i);
	}
	for (i = 0; i < HANDOVER_WORDS; i++) {
		const char *name = handover_word_name((enum handover_word)i);

		CU_ASSERT_EQUAL((unsigned int)handover_word_named(name), i);
	}
	CU_ASSERT_EQUAL(handover_state_named("nonsense"), HANDOVER_STATES);
	CU_ASSERT_EQUAL(handover_word_named("go"), HANDOVER_WORDS);
}

SUITE("handover")
