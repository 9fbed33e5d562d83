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

#define GRANTS_KEPT_MAX	1056u		/* pages of a disk that stay mapped */

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

void grants_init(struct grants *g, int fd, domid_t domid, struct notices *n,
		 void (*gone)(struct grants *g, struct mapping *window));

/*
 * grants_keep - where the @nr pages @refs are, mapping what is not mapped. Each page of @maps has a
 * user more until grants_let_go(). 0 or a negative errno: nothing is held.
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

/* grants_forget - takes away what is kept. Nothing has users. */
void grants_forget(struct grants *g);

#endif
