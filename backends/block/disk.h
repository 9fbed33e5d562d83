/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual disk as a worker serves it: from a frontend's rings to an image and back.
 *
 * A request is copied out of its ring, entered into the journal, checked, given its pages, done by
 * the image, and answered; each is a "job" meanwhile. Nothing waits. What cannot go on (no room,
 * a limit, a barrier) stays in the ring, where the frontend sees that it is full.
 */
#ifndef BLOCK_DISK_H
#define BLOCK_DISK_H

#include "backends/block/grants.h"
#include "backends/block/image.h"
#include "backends/block/journal.h"
#include "backends/lib/limit.h"
#include "frontends/lib/ring.h"

/*
 * Events a second that are listened to: more than there are operations worth an event each. Rings
 * are looked at when an operation is over, too, so that a disk with much to do misses nothing.
 */
#define DISK_EVENTS	30000u

/* Pages of one disk that its image works on at once; bounds what it can take of anything. */
#define DISK_PAGES_MAX	2048u

struct disk;
struct job;

struct disk_queue {
	struct disk *disk;
	unsigned int number;
	struct back_ring ring;
	uint64_t map_index;
	void *page;
	uint32_t nr_pages;
	uint32_t port;			/* ours; 0: none */
	bool masked;			/* it had an event, and has no other until we let it */
	struct journal_queue *journal;
	/* Journal entries that are free, and those whose answers wait to be published. */
	uint16_t free[JOURNAL_ENTRIES], answered[JOURNAL_ENTRIES];
	unsigned int nr_free, nr_answered;
};

struct disk {
	struct disk *next;		/* the worker's */
	uint32_t devid;
	domid_t domid;
	int gntdev, evtchn;
	struct image *image;
	struct request_limits limits;
	struct journal *journal;
	bool window;			/* data-mode: never keep pages */
	struct limit iops, bps;
	struct limit events;		/* of all its queues */
	/* While there is a frontend. */
	bool connected, closing;
	const char *broken;		/* why the frontend is not listened to any more */
	bool broken_told;
	enum protocol protocol;
	bool keep;			/* pages are kept */
	unsigned int nr_queues;
	struct disk_queue queues[JOURNAL_QUEUES];
	struct grants grants;
	struct job *spare;		/* for the next requests */
	struct job *ready, **ready_last;/* taken, not begun */
	struct job *barrier;		/* nothing else is begun until it is over */
	bool barrier_begun;		/* what was before it is */
	unsigned int jobs;		/* taken, not answered */
	unsigned int running;		/* begun, not done by the image; the barrier apart */
	uint32_t pages;
	bool kick;			/* something was submitted */
	uint64_t age;			/* when kept pages are looked through; 0: there are none */
	uint64_t wake;			/* when a limit lets the next one in; 0: none does */
};

/*
 * disk_new - the disk @devid of @domid in @image, which it owns from now on, as it does @journal, a
 * mapping. NULL with errno set: owns nothing.
 */
struct disk *disk_new(uint32_t devid, domid_t domid, int gntdev, struct notices *notices,
		      struct share *share, struct image *image, struct journal *journal);

/*
 * disk_connect - takes the frontend's rings up, where a worker before us left them if the journal
 * knows this connection, else as fresh ones. @taken_over: the former. 0 or a negative errno:
 * as before.
 */
int disk_connect(struct disk *d, const struct journal_connection *c, bool *taken_over);

/* disk_disconnect - takes nothing more. Over when disk_idle(). */
void disk_disconnect(struct disk *d);

/* disk_idle - whether nothing is under way. */
bool disk_idle(const struct disk *d);

/* disk_released - after that: lets go of everything that is the frontend's. */
void disk_released(struct disk *d);

/* disk_free - with no connection. */
void disk_free(struct disk *d);

/*
 * disk_run - does what there is to do, once around, at the time @now (nanoseconds). Returns whether
 * there is more already. Sets .wake and .age.
 */
bool disk_run(struct disk *d, uint64_t now);

/* disk_port - whether @port, which had an event, is one of its; disk_run() opens it again. */
bool disk_port(struct disk *d, uint32_t port);

/* disk_resized - the image has another size. */
void disk_resized(struct disk *d);

#endif
