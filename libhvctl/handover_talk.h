/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The conversation of a handover: words over a pair of descriptors, a line each ("TOKEN WORD"), and
 * what they make of the domain and of the record.
 */
#ifndef HVCTL_HANDOVER_TALK_H
#define HVCTL_HANDOVER_TALK_H

#include <stdbool.h>

#include "handover_record.h"

/* A host, as far as handing over needs it. Called with the record open: nobody else acts. */
struct handover_host {
	int dir;			/* of its records */
	void *data;
	/* Whether the record's domain is here. */
	bool (*present)(void *data, const struct handover_record *r);
	/* Whether it has been let run here since it came. NULL: it has. */
	bool (*ran)(void *data, const struct handover_record *r);
	/*
	 * Let the domain run, or destroy it. It may be so already. 0 or -errno; one that is not
	 * there can be destroyed, and "run" of one that has come to its end since is no error.
	 */
	int (*act)(void *data, const struct handover_record *r, enum handover_act act);
	/*
	 * Whoever else writes for the record's domain, its backends, has come to an end with that:
	 * asked by the source before it decides that the domain goes. -errno: it does not go. NULL:
	 * there is nobody.
	 */
	int (*release)(void *data, const struct handover_record *r);
	/* For whoever reads logs: what has to be decided by a person, or contradicts itself. */
	void (*report)(void *data, const struct handover_record *r, const char *line);
};

struct handover_link {
	int in, out;			/* -1: gone */
	int patience;			/* ms for which a word is waited, -1: for ever */
	int running_patience;		/* the same once it was said that it runs, 0: as before */
	char line[HANDOVER_TOKEN_LEN + 16];	/* what has come of the next one */
	unsigned int have;
};

/*
 * handover_perform - do what @step says, in its order, to the domain of the open record @r, and say
 * what is to be said to @link (NULL: nobody is there). An error (-errno of the host or the record)
 * leaves the rest undone and unsaid: it is done again when the record is taken up again. One that
 * stays at the source before anything was decided goes on also if that cannot be written down; the
 * error is returned all the same.
 */
int handover_perform(const struct handover_host *host, struct handover_record *r,
		     const struct handover_step *step, struct handover_link *link);

/* handover_seen - what the open record @r counts for: handover_state_seen(). */
enum handover_state handover_seen(const struct handover_host *host,
				  const struct handover_record *r);

/*
 * handover_begin - write the first record of a migration. @r has all but the state, and is open.
 * 0, or -EEXIST (there is one under the token), or -errno as handover_record_write().
 */
int handover_begin(struct handover_record *r, enum handover_state state);

/*
 * handover_ready - the destination has all of the domain, verified: write it down and say so. 0;
 * -ECANCELED: somebody heard meanwhile that it stays where it was; -errno: it cannot be written.
 */
int handover_ready(const struct handover_host *host, const char *token, struct handover_link *link);

/*
 * handover_converse - hear and answer until this side has nothing more to do for @token, the link
 * is gone, or patience is at its end, which is heard as silence, once. After 16 words it is the
 * link that is gone. Returns 0 if there is no
 * record any more; -EAGAIN: one waits for another conversation; -ENOTUNIQ: for a person; -EPROTO:
 * the other side does not speak this language; or -errno of the host.
 */
int handover_converse(const struct handover_host *host, const char *token,
		      struct handover_link *link);

/*
 * handover_take_up - whoever had @token has died: do again what was decided (handover_resume()),
 * say it to @link, if there is one, and converse. As handover_converse().
 */
int handover_take_up(const struct handover_host *host, const char *token,
		     struct handover_link *link);

#endif
