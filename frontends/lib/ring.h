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

/* ---- the backend's side of a ring of requests and responses ---- */

/*
 * Entries of a size known only when the frontend has said what it is (a 32-bit one's are smaller).
 * Our own indices are here; nothing that the frontend may do to the page moves them.
 */
struct back_ring {
	char *page;
	uint32_t nr, entry;		/* entries, a power of two; bytes of one */
	RING_IDX req_cons;		/* requests taken */
	RING_IDX rsp_prod_pvt;		/* responses written, published or not */
};

/*
 * back_ring_attach - a ring of @size bytes at @page, which is @req_cons requests and @rsp_prod
 * responses old (0 for a fresh one). -EINVAL: no room for an entry of @entry bytes, or more than
 * a ring's requests without a response.
 */
int back_ring_attach(struct back_ring *r, void *page, uint32_t size, uint32_t entry,
		     RING_IDX req_cons, RING_IDX rsp_prod);

/*
 * back_ring_requests - how many requests wait, up to the ring's size; -EIO: the frontend's index is
 * impossible. What was counted may be copied after it.
 */
int back_ring_requests(const struct back_ring *r);

/* back_ring_copy - @size bytes of the entry of request @index, read once. */
void back_ring_copy(const struct back_ring *r, RING_IDX index, void *to, uint32_t size);

/*
 * back_ring_respond - writes the next response; the caller owes one, and publishes it by
 * back_ring_push(), which returns whether the frontend wants to be told.
 */
void back_ring_respond(struct back_ring *r, const void *response, uint32_t size);
bool back_ring_push(struct back_ring *r);

/* back_ring_published - the frontend's idea of what we have published. It may have changed it. */
RING_IDX back_ring_published(const struct back_ring *r);

/* back_ring_sleep - asks for an event with the next request. True: it is there already. */
bool back_ring_sleep(struct back_ring *r);

#endif
