/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pre-copy: when to stop a domain whose memory is being copied while it runs. Round after round
 * what was written meanwhile is sent once more, until the rest can be sent within the time that the
 * domain may stand still; or it turns out that this will never be. Times are microseconds, and the
 * caller's: nothing here looks at a clock.
 */
#ifndef HVCTL_PRECOPY_H
#define HVCTL_PRECOPY_H

#include <stdint.h>

struct precopy {
	/* the caller's, before the first round */
	uint64_t downtime;	/* how long it may stand still, all in all */
	uint64_t overhead;	/* of it, what stopping and starting takes with nothing to send */
	uint64_t pages;		/* of the domain */
	/* ours, zero before the first round; to be shown */
	unsigned int rounds;
	uint64_t sent;		/* pages, of all rounds */
	uint64_t rate;		/* pages a second of late, as fast as we may; 0: not known */
	uint64_t link;		/* the same as fast as we can: a domain that stands still */
	uint64_t dirty_rate;	/* pages written a second of late */
	uint64_t best;		/* the smallest rest so far */
	unsigned int stuck;	/* rounds since it was a tenth smaller than the one before */
};

enum precopy_next {
	PRECOPY_AGAIN,		/* send what was written, once more */
	PRECOPY_STOP,		/* stop the domain and send the rest */
	PRECOPY_HOPELESS,	/* it writes faster than we send: give up, or stop it anyhow */
};

/*
 * precopy_round - a round is over: @sent pages (or words on pages that the other side has already)
 * took @time, and @rest pages have been written meanwhile and wait. @free: pages a second that
 * would have gone without a limit of ours that held them up, 0: none did. What to do next. The
 * answer is not PRECOPY_AGAIN for ever: at most PRECOPY_ROUNDS rounds, and PRECOPY_TIMES times its
 * pages.
 */
enum precopy_next precopy_round(struct precopy *p, uint64_t sent, uint64_t time, uint64_t free,
				uint64_t rest);

/* precopy_downtime - how long the domain would stand still if @rest pages were sent now. */
uint64_t precopy_downtime(const struct precopy *p, uint64_t rest);

/* precopy_left - about how long it takes until the domain is stopped, UINT64_MAX: who knows. */
uint64_t precopy_left(const struct precopy *p, uint64_t rest);

#define PRECOPY_ROUNDS	64
#define PRECOPY_STUCK	6	/* rounds without getting on that are taken for the end */
#define PRECOPY_TIMES	8

#endif
