/* SPDX-License-Identifier: MIT */
/*
 * Shared rings, so used that a peer cannot lead us anywhere. A peer's index is loaded once and
 * compared with what it could honestly be; entries are copied out before they are looked at; our
 * own index is kept where the peer cannot write.
 */
#ifndef FRONTENDS_LIB_RING_H
#define FRONTENDS_LIB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/io/ring.h"

/* ---- bytes: the console's and the store's rings ---- */

/* One direction. The peer's index is in the page; ours is here, and copied there. */
struct byte_ring {
	char *data;
	uint32_t size;		/* bytes, a power of two */
	uint32_t own;		/* our index: of the producer or of the consumer */
	uint32_t *own_shared;
	const uint32_t *peer_shared;
};

/*
 * byte_ring_put - put up to @size bytes into a ring that we produce for.
 * Returns how many fitted, or -EIO: the peer's index is impossible.
 */
int byte_ring_put(struct byte_ring *r, const void *data, uint32_t size);

/*
 * byte_ring_get - take up to @size bytes from a ring that we consume.
 * Returns how many there were, or -EIO: the peer's index is impossible.
 */
int byte_ring_get(struct byte_ring *r, void *data, uint32_t size);

/* ---- requests and responses: the ids ---- */

/*
 * Which of our requests are with the backend: an id in a response is worth something only if it is
 * among them. Ids are the numbers 0 to nr - 1.
 */
#define SLOTS_MAX 256u

struct slots {
	uint16_t nr, nr_busy;
	uint16_t first_free;
	uint16_t next[SLOTS_MAX];	/* the next free one, or SLOT_BUSY */
};

void slots_init(struct slots *s, unsigned int nr);
/* slots_take - a free id, now busy. -EAGAIN: all are busy. */
int slots_take(struct slots *s);
/* slots_busy - whether @id, anything that a backend may say, is one of the busy ones. */
bool slots_busy(const struct slots *s, uint64_t id);
/* slots_free - @id, a busy one, is free again. */
void slots_free(struct slots *s, unsigned int id);

/*
 * front_ring_responses - how many responses wait in front ring @r, a number up to that of the
 * entries; -1: the backend's index is impossible. What was counted may be read after it.
 */
#define front_ring_responses(r) ({							\
	RING_IDX waiting_ = XEN_RING_NR_UNCONSUMED_RESPONSES(r);			\
	xen_rmb();									\
	waiting_ > (r)->req_prod_pvt - (r)->rsp_cons ? -1 : (int)waiting_;		\
})

#endif
