/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frontend's pages, in both ways of handing them over.
 *
 * Kept: the frontend grants the same pages again and again ("persistent"), and each is mapped the
 * first time it is seen. Who was not used for longest goes when there are too many.
 *
 * Windows: the pages of many requests are mapped by one call and taken away by one, when the last
 * of these requests is over. The answers go out only when the kernel has said that the mapping is
 * gone, since a frontend that finds its page still in use gives the disk up. It says so by an event
 * through a channel of ours to ourselves: the unmapping call can come back before.
 *
 * One thread; a worker has one of these for each of its disks.
 */
#ifndef BLOCK_GRANTS_H
#define BLOCK_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-abi/grant_table.h"

#define GRANTS_KEPT_MAX	2048u		/* pages of a disk that stay mapped */

#define GRANTS_IDLE_MS	60000u		/* after which one that was not used goes */

/*
 * A domain's part of dom0's table of foreign mappings, which all disks of all domains are in. What
 * is at work is bounded by whoever takes requests, what is kept by grants_keep().
 */
#define SHARE_TOTAL	98304u		/* pages of all domains: three quarters of the table */
#define SHARE_MAX	8192u		/* of one, however few there are */
#define SHARE_MIN	512u		/* of one, however many there are */

struct share {
	uint32_t max;			/* pages, half of them to be kept, half at work */
	uint32_t kept, working;		/* all disks' */
	bool refused;			/* a request was not taken for what others had at work */
};

/* share_of - the part of each of @nr domains. */
static inline uint32_t share_of(uint32_t nr)
{
	uint32_t part = SHARE_TOTAL / (nr ? nr : 1);

	return part > SHARE_MAX ? SHARE_MAX : part < SHARE_MIN ? SHARE_MIN : part;
}

/* share_full - whether nothing more may be put to work. */
static inline bool share_full(const struct share *s)
{
	return s->working >= s->max / 2;
}

struct mapping;

/* A page that is kept, in the list of its hash. */
struct kept {
	grant_ref_t ref;
	struct mapping *mapping;
	struct kept *next;
};

struct mapping {
	uint64_t index;
	char *base;
	uint32_t nr;
	unsigned int users;		/* jobs, or pages of jobs, that need it */
	uint64_t used;			/* ns: when a kept one was used last */
	struct mapping *older, *newer;	/* kept ones, by their last use */
	struct mapping *next;		/* windows on their way out */
	void *jobs;			/* the user's: who waits for the end of a window */
	struct kept kept[];		/* nr of them; none of a window */
};

/* Through which the kernel tells that a window is gone; shared by the disks of a worker. */
#define NOTICES 8u
struct notices {
	int evtchn;
	struct notice {
		uint32_t send, receive;
		struct mapping *waiting;
		struct grants *owner;
	} notice[NOTICES];
};

#define KEPT_BUCKETS 1024u

struct grants {
	int fd;				/* of gntdev */
	domid_t domid;
	struct notices *notices;
	struct share *share;
	uint64_t now, check;		/* ns: the time; when kept ones are looked through */
	/* Called with a window that is gone, and is freed afterwards. */
	void (*gone)(struct grants *g, struct mapping *window);
	struct kept *buckets[KEPT_BUCKETS];
	struct mapping *oldest, *newest;
	uint32_t nr_kept;
	struct mapping *retired, **retired_last;
	unsigned int leaving;		/* windows that are retired or waited for */
	uint64_t maps, unmaps, pages;	/* counted */
};

/* notices_open - makes the channels. 0 or a negative errno. */
int notices_open(struct notices *n, int evtchn);

/* notices_event - whether @port is one of them; its window is gone then. */
bool notices_event(struct notices *n, uint32_t port);

void grants_init(struct grants *g, int fd, domid_t domid, struct notices *n, struct share *share,
		 void (*gone)(struct grants *g, struct mapping *window));

/*
 * grants_keep - where the @nr pages @refs are, mapping what is not mapped. Each page of @maps has a
 * user more until grants_let_go(). 0, or a negative errno: nothing is held; -ENOSPC: what is kept
 * already is in use, and no more may be.
 */
int grants_keep(struct grants *g, const grant_ref_t *refs, unsigned int nr, void **pages,
		struct mapping **maps);
void grants_let_go(struct mapping **maps, unsigned int nr);

/* grants_window - maps @nr pages in a row; @users jobs need them. NULL with errno set. */
struct mapping *grants_window(struct grants *g, const grant_ref_t *refs, unsigned int nr,
			      bool writable, unsigned int users);

/* grants_retire - a window without users will be taken away by grants_run(). */
void grants_retire(struct grants *g, struct mapping *window);

/* grants_run - takes windows away, as many as can be told apart. */
void grants_run(struct grants *g);

/*
 * grants_age - the time is @now; kept pages that were not used for long go, now and then. Returns
 * when it wants to be called next, 0: nothing is kept.
 */
uint64_t grants_age(struct grants *g, uint64_t now);

/* grants_forget - takes away what is kept. Nothing has users. */
void grants_forget(struct grants *g);

#endif
