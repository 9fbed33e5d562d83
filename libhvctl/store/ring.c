// SPDX-License-Identifier: GPL-2.0-or-later

#include "ring.h"

#include <errno.h>
#include <string.h>

/* The domain's index: what it wrote before it is visible to us. */
static uint32_t theirs(const XENSTORE_RING_IDX *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Our index: what we did before is visible to whoever sees the new value. */
static void publish(XENSTORE_RING_IDX *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

void ring_find(const struct xenstore_domain_interface *ring, struct ring_place *place)
{
	place->consumed = place->took = __atomic_load_n(&ring->req_cons, __ATOMIC_RELAXED);
	place->produced = __atomic_load_n(&ring->rsp_prod, __ATOMIC_RELAXED);
}

bool ring_moved(const struct xenstore_domain_interface *ring, const struct ring_place *place)
{
	return __atomic_load_n(&ring->req_cons, __ATOMIC_RELAXED) != place->took ||
	       __atomic_load_n(&ring->rsp_prod, __ATOMIC_RELAXED) != place->produced;
}

int ring_resume(const struct xenstore_domain_interface *ring, struct ring_place *place,
		uint32_t first, size_t length, size_t *sent)
{
	uint32_t producer = theirs(&ring->req_prod);
	uint32_t left = __atomic_load_n(&ring->rsp_prod, __ATOMIC_RELAXED);

	place->took = __atomic_load_n(&ring->req_cons, __ATOMIC_RELAXED);
	place->produced = left;
	*sent = (uint32_t)(left - first);
	/* From what the domain was told on: what we took, and what it has put there since. */
	if ((uint32_t)(place->consumed - place->took) > (uint32_t)(producer - place->took) ||
	    (uint32_t)(producer - place->took) > XENSTORE_RING_SIZE || *sent > length)
		return -EIO;
	return 0;
}

ssize_t ring_read(const struct xenstore_domain_interface *ring, struct ring_place *place,
		  char *out, size_t size)
{
	uint32_t producer = theirs(&ring->req_prod);
	uint32_t consumer = place->consumed;
	size_t filled = (uint32_t)(producer - consumer);
	size_t done = 0;

	if (filled > XENSTORE_RING_SIZE)
		return -EIO;
	if (size > filled)
		size = filled;
	while (done < size) {
		size_t at = MASK_XENSTORE_IDX(consumer + done);
		size_t part = XENSTORE_RING_SIZE - at;

		if (part > size - done)
			part = size - done;
		memcpy(out + done, ring->req + at, part);
		done += part;
	}
	place->consumed += done;
	return done;
}

bool ring_took(struct xenstore_domain_interface *ring, struct ring_place *place)
{
	if (place->took == place->consumed)
		return false;
	place->took = place->consumed;
	publish(&ring->req_cons, place->took);
	/*
	 * Who adds to requests that we have not given back yet sends no event. We said how far we
	 * are before we look, and it puts them there before it looks.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return theirs(&ring->req_prod) != place->consumed;
}

ssize_t ring_write(struct xenstore_domain_interface *ring, struct ring_place *place,
		   const char *in, size_t size)
{
	uint32_t consumer = theirs(&ring->rsp_cons);
	uint32_t producer = place->produced;
	size_t filled = (uint32_t)(producer - consumer);
	size_t done = 0;

	if (filled > XENSTORE_RING_SIZE)
		return -EIO;
	if (size > XENSTORE_RING_SIZE - filled)
		size = XENSTORE_RING_SIZE - filled;
	while (done < size) {
		size_t at = MASK_XENSTORE_IDX(producer + done);
		size_t part = XENSTORE_RING_SIZE - at;

		if (part > size - done)
			part = size - done;
		memcpy(ring->rsp + at, in + done, part);
		done += part;
	}
	place->produced += done;
	if (done)
		publish(&ring->rsp_prod, place->produced);
	return done;
}

bool ring_wants_restart(struct xenstore_domain_interface *ring)
{
	return theirs(&ring->connection) == XENSTORE_RECONNECT;
}

void ring_restart(struct xenstore_domain_interface *ring, struct ring_place *place)
{
	*place = (struct ring_place){ 0 };
	ring->req_cons = ring->req_prod = 0;
	ring->rsp_cons = ring->rsp_prod = 0;
	ring->error = XENSTORE_ERROR_NONE;
	publish(&ring->connection, XENSTORE_CONNECTED);
}

void ring_offer(struct xenstore_domain_interface *ring)
{
	ring->error = XENSTORE_ERROR_NONE;
	publish(&ring->server_features,
		XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
}

void ring_fail(struct xenstore_domain_interface *ring, uint32_t error)
{
	publish(&ring->error, error);
}
