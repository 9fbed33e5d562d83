/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's pages on their way to another host while it runs: in rounds, each of what was written
 * since the one before, and a last one when it stands still. Page tables and all else that has
 * machine frames in it is sent in that one only, for what they say is right only then.
 *
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_LIVE_H
#define HVCTL_SAVE_LIVE_H

#include "save/known.h"
#include "save/parts.h"

struct live {
	struct saving *s;
	/* The caller's: bytes a second, 0: as it comes; called before each batch, NULL: nobody. */
	uint64_t bandwidth;
	int (*check)(void *data);
	void *data;
	/* The caller's: pages that the other end has already, NULL: none. */
	const struct known *known;
	/* ours */
	bool logging;
	uint64_t nr_pfns, nr_words; /* of the bitmaps */
	uint64_t *log;	 /* what the hypervisor says was written */
	uint64_t *due;	 /* what has to be sent */
	uint64_t *there; /* by pfn: the machine frame that was sent, NO_MFN: none */
	uint64_t nr_there;
	uint8_t *copy;
	struct record_pages *batch;
	uint64_t sent, zeros, spared; /* pages of all rounds; spared: the other end had them */
	uint64_t started_ms, bytes; /* of this round */
	uint64_t started_us, napped_ms, hashed_us; /* of this round */
	bool measured; /* the first round's beginning is over */
	uint64_t free; /* pages a second without the limit; 0: that holds nobody up */
	uint64_t said_ms; /* when something was last sent */
	uint64_t tables; /* that the last look found */
};

/*
 * Switch the log of written pages on, for a guest that @l->s->g has been looked at live. -EINVAL:
 * it cannot be had, or the guest has frames of others. live_end() is due in any case.
 */
int live_begin(struct live *l, struct saving *s);
/* All that is due, and looks at the guest anew for it. */
int live_round(struct live *l);
/*
 * Pages that the link would have taken in the @us of the last round, had none of them been looked
 * for among those that the other end has.
 */
uint64_t live_rate_pages(const struct live *l, uint64_t us);
/* How many pages wait, but for tables. */
int live_rest(struct live *l, uint64_t *rest);
/* Between rounds: nothing, sent as often as it has to be that the other side knows of us. */
int live_pulse(struct live *l);
/* The guest stands still: the rest of its pages, tables and list, and how many it has. */
int live_last(struct live *l);
/* A page of zeros, which is told by a word. */
bool live_is_zero(const uint8_t *page);
/* The log is off. */
void live_end(struct live *l);

#endif
