/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handing a domain over: which of two hosts a migrated domain runs on, whatever fails on the way.
 *
 * Each host keeps a record under the migration's token (handover_record.h). The source alone
 * decides, once: before it has heard that the destination holds the whole, verified domain it can
 * only keep it, after that it may write down that the domain goes, and says so only then. A host
 * that does not know keeps its copy stopped, and asks again: never two run, sometimes none until
 * the link is back or a person decides. A host that was started anew has no records and no domain.
 *
 * Everything here is a table: no clock, no file, no hypercall. What a step asks for is done in the
 * order of struct handover_step, and may be done again after a crash in the middle of it.
 */
#ifndef HVCTL_HANDOVER_H
#define HVCTL_HANDOVER_H

#include <stdbool.h>

enum handover_state {
	HANDOVER_NONE,		/* no record: never begun, settled, or forgotten by a restart */
	/* of the source */
	HANDOVER_SENDING,	/* undecided; the domain runs, or has stopped for its last pages */
	HANDOVER_HERE,		/* it stays; the destination may not have heard */
	HANDOVER_THERE,		/* it goes; stopped here until the destination says that it runs */
	/* of the destination */
	HANDOVER_RECEIVING,	/* not all of it is here */
	HANDOVER_READY,		/* all of it, verified and stopped */
	HANDOVER_RUNNING,	/* told to go on with it; the source may not have heard */
	HANDOVER_STATES
};

/* What one side tells the other. The source begins, but for the destination's first READY. */
enum handover_word {
	HANDOVER_SILENCE,	/* nothing is said; heard: the link is gone, or time is up */
	HANDOVER_IS_READY,	/* destination: the domain is complete here */
	HANDOVER_GO,		/* source: it is yours */
	HANDOVER_BACK,		/* source: it stays with me */
	HANDOVER_IS_RUNNING,	/* destination: I took it */
	HANDOVER_UNKNOWN,	/* destination: I have nothing under this token */
	HANDOVER_BYE,		/* source: my copy is gone, forget the token */
	HANDOVER_WORDS
};

/* What the domain of this host is to be afterwards. Each is done although it may be so already. */
enum handover_act {
	HANDOVER_LEAVE,		/* as it is */
	HANDOVER_RUN,		/* it goes on here, once the record is written */
	HANDOVER_DESTROY,	/* it goes, before the record is written */
};

/*
 * In this order: destroy if so asked, write @next into the record, run if so asked, say @say. But
 * HANDOVER_NONE removes the record behind running it: what is forgotten cannot be done again. And
 * with HANDOVER_HERE it is said before it is run: the other host's copy may have the memory that
 * this one needs.
 */
struct handover_step {
	enum handover_state next;
	enum handover_act act;
	enum handover_word say;
	bool person;		/* it cannot be settled by itself: somebody has to decide */
	bool conflict;		/* the sides contradict each other: nothing is changed */
};

/*
 * handover_state_seen - what a record counts for, whose domain is (@present) or is not here any
 * more: whoever promised to hold it ready and has lost it has nothing, and may not take it over.
 * One that was to run, but could not begin to (not @ran), is as good as ready: it may go back.
 * The state for handover_hear() and handover_decide(), and with @ran for handover_resume(), which
 * tries again.
 */
enum handover_state handover_state_seen(enum handover_state record, bool present, bool ran);

/* handover_hear - what the side whose record says @state does when it hears @word. */
struct handover_step handover_hear(enum handover_state state, enum handover_word word);

/*
 * handover_resume - what is to be done for a record whose process has died: nobody goes on with a
 * stream that was broken off, and what was decided is done again. @say begins a conversation: it
 * is the source's to find the destination.
 */
struct handover_step handover_resume(enum handover_state state);

/*
 * handover_decide - a person's word: the domain runs on this host (@here), or it does not. Where
 * it would contradict what this host has begun to run, conflict.
 */
struct handover_step handover_decide(enum handover_state state, bool here);

/* The name of a state in records and messages, and the state of a name (HANDOVER_STATES: none). */
const char *handover_state_name(enum handover_state state);
enum handover_state handover_state_named(const char *name);

/* The same for words, as they go over the wire. */
const char *handover_word_name(enum handover_word word);
enum handover_word handover_word_named(const char *name);

#endif
