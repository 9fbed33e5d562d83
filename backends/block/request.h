/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk's requests as they stand in rings, of frontends of each width, and what may be done with
 * them. Nothing here looks at memory that a frontend can change: callers copy first.
 *
 * The protocol has no request for writing zeroes; a discard is what comes nearest.
 */
#ifndef BLOCK_REQUEST_H
#define BLOCK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-abi/io/blkif.h"

#define REQUEST_SEGMENTS	256u	/* pages of a request, at most */
#define REQUEST_RAW		112u	/* bytes of the largest entry of any protocol */

/* How a frontend lays out its entries: the "protocol" key. */
enum protocol { PROTOCOL_X86_64, PROTOCOL_X86_32 };

#if defined(__x86_64__)
#define PROTOCOL_NATIVE PROTOCOL_X86_64
#else
#define PROTOCOL_NATIVE PROTOCOL_X86_32
#endif

/* protocol_entry - bytes of a ring's entry. protocol_parse - by its name; NULL: native. -EINVAL. */
uint32_t protocol_entry(enum protocol protocol);
int protocol_parse(const char *name, enum protocol *protocol);

struct request {
	uint64_t id;			/* the frontend's, echoed */
	uint64_t sector;		/* of 512 bytes */
	uint64_t sectors;		/* a discard's, or the sum of the segments */
	uint8_t operation;		/* BLKIF_OP_*, never BLKIF_OP_INDIRECT */
	bool indirect;			/* the segments still have to be fetched from .page */
	bool secure;			/* a discard that must not be recoverable */
	bool malformed;			/* it is answered with an error */
	uint16_t nr_segments;
	grant_ref_t page;
	struct blkif_request_segment segments[REQUEST_SEGMENTS];
};

/*
 * request_decode - what @raw, a private copy of REQUEST_RAW bytes, asks for. What cannot be is
 * marked as malformed; .id and .operation are always there to be answered with.
 */
void request_decode(struct request *r, enum protocol protocol, const void *raw);

/* What is behind the disk, for request_check(). */
struct request_limits {
	uint64_t sectors;		/* of 512 bytes */
	uint32_t sector_size;		/* bytes */
	bool readonly, flush, barrier, discard;
};

/*
 * request_check - whether a request, with its segments, may be done. Fills .sectors.
 * Returns BLKIF_RSP_OKAY, BLKIF_RSP_ERROR or BLKIF_RSP_EOPNOTSUPP.
 */
int request_check(struct request *r, const struct request_limits *limits);

/*
 * request_response - the answer as it goes into a ring, at most 16 bytes. Returns its size. What is
 * between its fields is zero: nothing of ours reaches the frontend.
 */
uint32_t request_response(void *to, enum protocol protocol, uint64_t id, uint8_t operation,
			  int status);

#endif
