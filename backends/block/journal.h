/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker has taken from a disk's rings and not answered yet, in a file of memory (a tmpfs)
 * that outlives it: descriptors, never data. Who comes after a worker that was killed at any
 * instruction finds in it what to do again.
 *
 * The order of stores is all there is to it. An entry is complete before .req_cons moves past its
 * request; it names the index of its response before that response is published; and it is done if
 * and only if that index lies before what the ring says is published. That number lies in a page
 * that the frontend can write, so it is bounded by two of ours: .rsp_pushed, stored after
 * publishing, and .rsp_prepared, stored before.
 *
 * The stores of a process that is killed become visible in the order of the program, so barriers
 * are the compiler's. The file is as trusted as the worker: one that takes it over checks it.
 */
#ifndef BLOCK_JOURNAL_H
#define BLOCK_JOURNAL_H

#include "backends/block/request.h"

#define JOURNAL_QUEUES		4u
#define JOURNAL_ORDER_MAX	4u		/* rings of at most 16 pages */
#define JOURNAL_ENTRIES		512u		/* in each queue: as in the largest ring */

/* A done one has its .status and no response yet; the response of an answered one has an index. */
enum journal_state { JOURNAL_FREE, JOURNAL_TAKEN, JOURNAL_DONE, JOURNAL_ANSWERED };

/* The low half of .state is the enum, the high half the response's index: one store sets both. */
struct journal_entry {
	uint64_t state;
	uint32_t req_index;
	int16_t status;			/* unless it is only taken */
	uint16_t nr_segments;
	uint64_t id, sector, sectors;
	uint8_t operation;
	uint8_t malformed, secure, unused;
	uint32_t pad;
	struct blkif_request_segment segments[REQUEST_SEGMENTS];
};

/* What is counted, for whoever reads the file. Bytes are those of data. */
struct journal_counts {
	uint64_t reads, writes, flushes, discards, errors;
	uint64_t bytes_read, bytes_written;
	uint64_t taken_over;		/* times that a worker came after another */
	uint64_t replayed;		/* requests that were done again */
	uint64_t maps, unmaps, mapped_pages, bounced, throttled;
};

/*
 * How the frontend is connected: another connection is another journal. The same references and
 * ports can come again, with another device or another domain of the same number: .nonce does not.
 */
struct journal_connection {
	uint64_t nonce;			/* of the supervisor's; 0: none */
	uint32_t nr_queues, ring_order, protocol, persistent;
	uint32_t ports[JOURNAL_QUEUES];
	uint32_t refs[JOURNAL_QUEUES][1u << JOURNAL_ORDER_MAX];
};

struct journal_queue {
	uint32_t req_cons;		/* requests taken */
	uint32_t rsp_pushed, rsp_prepared;
	uint32_t extent;		/* entries from here on were never touched: no memory */
	struct journal_entry entries[JOURNAL_ENTRIES];
};

#define JOURNAL_MAGIC 0x326b6c6276686c6aull

struct journal {
	uint64_t magic;			/* 0: there is no connection */
	struct journal_connection connection;
	struct journal_counts counts;
	/* Sparse: what is not used takes no memory. */
	struct journal_queue queues[JOURNAL_QUEUES];
};

/* journal_begin - a new connection: nothing taken, nothing answered. Counts stay. */
void journal_begin(struct journal *j, const struct journal_connection *c);

/* journal_end - the connection is over; nothing of it will be done again. */
void journal_end(struct journal *j);

/* journal_belongs - whether @j is of this very connection. */
bool journal_belongs(const struct journal *j, const struct journal_connection *c);

/* journal_take - complete, and then counted: request @index, by whose entry @e. */
void journal_take(struct journal_queue *q, struct journal_entry *e, const struct request *r,
		  uint32_t index);

/* journal_done - its result is known, its answer has to wait. */
void journal_done(struct journal_entry *e, int status);

/* journal_answer - before the response @index is written into the ring. */
void journal_answer(struct journal_queue *q, struct journal_entry *e, int status, uint32_t index);

/* journal_pushed - after responses up to @index were published; their entries may be freed. */
void journal_pushed(struct journal_queue *q, uint32_t index);
void journal_free(struct journal_entry *e);

/* What journal_recover() makes of a queue of a worker that is no more. */
struct journal_recovery {
	uint32_t req_cons, rsp_prod;	/* where the ring is taken up */
	unsigned int nr;		/* entries that are owed an answer, by request index */
	uint16_t entries[JOURNAL_ENTRIES];
};

/*
 * journal_recover - @published is what the ring says, @nr_ents how many entries it has. What is
 * done is freed. One that was answered and is owed is JOURNAL_DONE then, the others are to be
 * done. -EINVAL: the journal contradicts itself.
 */
int journal_recover(struct journal_queue *q, uint32_t published, uint32_t nr_ents,
		    struct journal_recovery *out);

static inline enum journal_state journal_state(const struct journal_entry *e)
{
	return (enum journal_state)(uint32_t)e->state;
}

/* journal_request - the request of an entry, as it was taken. */
void journal_request(const struct journal_entry *e, struct request *r);

#endif
