// SPDX-License-Identifier: LGPL-2.1-or-later
#include "handover.h"

#include <stddef.h>
#include <string.h>

static struct handover_step stay(enum handover_state state, enum handover_word say)
{
	return (struct handover_step){ .next = state, .say = say };
}

static struct handover_step conflict(enum handover_state state, enum handover_word say)
{
	return (struct handover_step){ .next = state, .say = say, .conflict = true };
}

static struct handover_step run(enum handover_state next, enum handover_word say)
{
	return (struct handover_step){ .next = next, .act = HANDOVER_RUN, .say = say };
}

static struct handover_step destroy(enum handover_word say)
{
	return (struct handover_step){ .next = HANDOVER_NONE, .act = HANDOVER_DESTROY, .say = say };
}

static struct handover_step ask_person(enum handover_state state)
{
	return (struct handover_step){ .next = state, .person = true };
}

enum handover_state handover_state_seen(enum handover_state record, bool present, bool ran)
{
	if (!present && (record == HANDOVER_READY || record == HANDOVER_RECEIVING))
		return HANDOVER_NONE;
	/* Nobody was told that it runs, and it has written nothing. */
	if (present && !ran && record == HANDOVER_RUNNING)
		return HANDOVER_READY;
	return record;
}

/* The destination runs what the source kept: only a person can have told it to. */
static struct handover_step source_kept_it(enum handover_word word)
{
	switch (word) {
	case HANDOVER_IS_READY:
		return stay(HANDOVER_HERE, HANDOVER_BACK);
	case HANDOVER_UNKNOWN:
		return run(HANDOVER_NONE, HANDOVER_SILENCE);
	case HANDOVER_IS_RUNNING:
		return conflict(HANDOVER_HERE, HANDOVER_SILENCE);
	default:
		return run(HANDOVER_HERE, HANDOVER_SILENCE);
	}
}

/* "Unknown" may come from a host that ran the domain, wrote to its disks, and went down. */
static struct handover_step source_gave_it(enum handover_word word)
{
	switch (word) {
	case HANDOVER_IS_READY:
		return stay(HANDOVER_THERE, HANDOVER_GO);
	case HANDOVER_IS_RUNNING:
		return destroy(HANDOVER_BYE);
	case HANDOVER_UNKNOWN:
		return ask_person(HANDOVER_THERE);
	default:
		return stay(HANDOVER_THERE, HANDOVER_SILENCE);
	}
}

static struct handover_step destination_waits(enum handover_word word)
{
	switch (word) {
	case HANDOVER_GO:
		return run(HANDOVER_RUNNING, HANDOVER_IS_RUNNING);
	case HANDOVER_BACK:
		return destroy(HANDOVER_UNKNOWN);
	default:
		return stay(HANDOVER_READY, HANDOVER_SILENCE);
	}
}

static struct handover_step destination_runs(enum handover_word word)
{
	switch (word) {
	case HANDOVER_GO:
		return run(HANDOVER_RUNNING, HANDOVER_IS_RUNNING);
	case HANDOVER_BACK:
		return conflict(HANDOVER_RUNNING, HANDOVER_IS_RUNNING);
	case HANDOVER_BYE:
		return run(HANDOVER_NONE, HANDOVER_SILENCE);
	default:
		return stay(HANDOVER_RUNNING, HANDOVER_SILENCE);
	}
}

struct handover_step handover_hear(enum handover_state state, enum handover_word word)
{
	switch (state) {
	case HANDOVER_SENDING:
		if (word == HANDOVER_IS_READY)
			return stay(HANDOVER_THERE, HANDOVER_GO);
		return run(HANDOVER_HERE, HANDOVER_BACK);
	case HANDOVER_HERE:
		return source_kept_it(word);
	case HANDOVER_THERE:
		return source_gave_it(word);
	case HANDOVER_RECEIVING:
		/* The source decides that it goes only after a READY that was never said. */
		if (word == HANDOVER_GO)
			return conflict(HANDOVER_RECEIVING, HANDOVER_SILENCE);
		return destroy(HANDOVER_UNKNOWN);
	case HANDOVER_READY:
		return destination_waits(word);
	case HANDOVER_RUNNING:
		return destination_runs(word);
	default:
		if (word == HANDOVER_GO || word == HANDOVER_BACK)
			return stay(HANDOVER_NONE, HANDOVER_UNKNOWN);
		return stay(HANDOVER_NONE, HANDOVER_SILENCE);
	}
}

struct handover_step handover_resume(enum handover_state state)
{
	switch (state) {
	case HANDOVER_SENDING:
	case HANDOVER_HERE:
		return run(HANDOVER_HERE, HANDOVER_BACK);
	case HANDOVER_THERE:
		return stay(HANDOVER_THERE, HANDOVER_GO);
	case HANDOVER_RECEIVING:
		return destroy(HANDOVER_SILENCE);
	case HANDOVER_RUNNING:
		return run(HANDOVER_RUNNING, HANDOVER_SILENCE);
	default:
		return stay(state, HANDOVER_SILENCE);
	}
}

struct handover_step handover_decide(enum handover_state state, bool here)
{
	switch (state) {
	case HANDOVER_THERE:
		return here ? run(HANDOVER_HERE, HANDOVER_SILENCE) : destroy(HANDOVER_SILENCE);
	case HANDOVER_READY:
		return here ? run(HANDOVER_RUNNING, HANDOVER_SILENCE) : destroy(HANDOVER_SILENCE);
	case HANDOVER_HERE:
	case HANDOVER_RUNNING:
		return here ? run(HANDOVER_NONE, HANDOVER_SILENCE) :
			      conflict(state, HANDOVER_SILENCE);
	default:
		/* Under way, or nothing: there is nothing to decide yet. */
		return conflict(state, HANDOVER_SILENCE);
	}
}

static const char *const states[HANDOVER_STATES] = {
	[HANDOVER_NONE] = "none",
	[HANDOVER_SENDING] = "sending",
	[HANDOVER_HERE] = "here",
	[HANDOVER_THERE] = "there",
	[HANDOVER_RECEIVING] = "receiving",
	[HANDOVER_READY] = "ready",
	[HANDOVER_RUNNING] = "running",
};

static const char *const words[HANDOVER_WORDS] = {
	[HANDOVER_SILENCE] = "silence",
	[HANDOVER_IS_READY] = "READY",
	[HANDOVER_GO] = "GO",
	[HANDOVER_BACK] = "BACK",
	[HANDOVER_IS_RUNNING] = "RUNNING",
	[HANDOVER_UNKNOWN] = "UNKNOWN",
	[HANDOVER_BYE] = "BYE",
};

static unsigned int named(const char *const *names, unsigned int n, const char *name)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			break;
	return i;
}

const char *handover_state_name(enum handover_state state)
{
	return states[state];
}

enum handover_state handover_state_named(const char *name)
{
	return (enum handover_state)named(states, HANDOVER_STATES, name);
}

const char *handover_word_name(enum handover_word word)
{
	return words[word];
}

enum handover_word handover_word_named(const char *name)
{
	return (enum handover_word)named(words, HANDOVER_WORDS, name);
}
