/* SPDX-License-Identifier: MIT */
/*
 * A virtual disk.
 *
 * A request's data are granted to the backend where they lie, whole pages at a time: what else is
 * in the first and the last page, the backend can see (and, reading from the disk, change).
 *
 * The backend is not trusted: whatever it writes into the ring or the store, only requests that are
 * with it are completed, each once, and no memory is touched but theirs. A page that it keeps
 * mapped after its answer is counted in blk_request.stuck.
 */
#ifndef FRONTENDS_LIB_BLKFRONT_H
#define FRONTENDS_LIB_BLKFRONT_H

#include "frontends/lib/ring.h"
#include "frontends/lib/xenbus.h"
#include "pv-abi/io/blkif.h"

#define BLKFRONT_RING_ORDER_MAX	2u	/* the ring is at most 4 pages */
#define BLKFRONT_SEGMENTS	32u	/* pages of a request, at most */
#define BLKFRONT_INDIRECT	16u	/* requests at once with more than 11 pages */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

/* Belongs to the caller, and stays in its place from blkfront_submit() to done(). */
struct blk_request {
	enum blk_op op;
	uint64_t sector;	/* 512 bytes each, whatever the disk's own */
	uint64_t count;		/* sectors; a multiple of the disk's own, and so is .sector */
	void *buffer;		/* of count * 512 bytes at an address divisible by 512 */
	/*
	 * It is over. May submit requests, also this one. .status is 0, -EIO, or -EOPNOTSUPP.
	 * .stuck is how many pages the backend has not let go of; if it is not 0, the buffer may
	 * not be used for anything again.
	 */
	void (*done)(struct blk_request *r);
	void *context;		/* the caller's */
	int status;
	unsigned int stuck;
	/* The library's. */
	grant_ref_t refs[BLKFRONT_SEGMENTS];
	uint16_t nr_refs;
	uint8_t operation;	/* in the ring */
	int8_t indirect;	/* which page of segments, or -1 */
};

struct blkfront {
	struct xenbus_device xenbus;
	/* Known when it is connected: xenbus.running. */
	uint64_t sectors;		/* of 512 bytes; may grow in use */
	uint32_t sector_size;		/* the disk's own, bytes */
	bool readonly, flush, barrier, discard;
	uint32_t max_segments;		/* pages of a request */
	/* The library's. */
	blkif_vdev_t handle;
	struct xenbus_ring shared;
	struct blkif_front_ring ring;
	struct slots slots;
	struct blk_request *requests[SLOTS_MAX];
	struct {
		struct blkif_request_segment *page;
		grant_ref_t ref;
		bool busy;
	} indirect[BLKFRONT_INDIRECT];
	unsigned int nr_indirect;
};

/* blkfront_open - the disk device/vbd/@id, a number; as xenbus_open(). @b begins zeroed. */
int blkfront_open(struct blkfront *b, struct store *s, const char *id);

/*
 * blkfront_submit - hands @r to the backend. A flush of a disk that needs none is done at once.
 * -ENODEV: not connected. -EROFS. -EINVAL: alignment, size, or beyond the end. -EOPNOTSUPP: the
 * backend has no discard. -EAGAIN: the ring or the grant table is full; try again after a done().
 */
int blkfront_submit(struct blkfront *b, struct blk_request *r);

/* blkfront_poll - takes the backend's answers. The event's handler does; also without event. */
void blkfront_poll(struct blkfront *b);

/* blkfront_busy - requests that are with the backend. */
unsigned int blkfront_busy(const struct blkfront *b);

#endif
