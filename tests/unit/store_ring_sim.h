/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's ring, connected to the store of store_sim.h: what it does with it is the test's. */
#ifndef TESTS_UNIT_STORE_RING_SIM_H
#define TESTS_UNIT_STORE_RING_SIM_H

#include "libhvctl/store/connection.h"
#include "libhvctl/store/ring.h"
#include "store_sim.h"

struct ring_connection {
	struct connection connection;
	struct xenstore_domain_interface ring;
	struct lasting lasting;
	bool takes;		/* the guest takes its replies at once, unread */
	unsigned int notified;
	int lost;		/* the error, once it is over */
};

static ssize_t sim_read(struct connection *connection, char *out, size_t size)
{
	struct ring_connection *at = (struct ring_connection *)connection;

	return ring_read(&at->ring, &at->lasting.place, out, size);
}

static ssize_t sim_write(struct connection *connection, const char *in, size_t size)
{
	struct ring_connection *at = (struct ring_connection *)connection;

	if (at->takes)
		at->ring.rsp_cons = at->ring.rsp_prod;
	return ring_write(&at->ring, &at->lasting.place, in, size);
}

static void sim_moved(struct connection *connection)
{
	struct ring_connection *at = (struct ring_connection *)connection;

	ring_took(&at->ring, &at->lasting.place);
	at->notified++;
}

static void sim_lost(struct connection *connection, int error)
{
	((struct ring_connection *)connection)->lost = error;
	client_free(connection->client);
	connection->client = NULL;
}

static const struct connection_ops sim_ring_ops = {
	.read = sim_read,
	.write = sim_write,
	.moved = sim_moved,
	.lost = sim_lost,
};

/* To be freed with free(); its client goes with the store. */
static inline struct ring_connection *connect_ring(domid_t domid)
{
	struct ring_connection *connection = calloc(1, sizeof(*connection));

	connection->connection.ops = &sim_ring_ops;
	connection->connection.client = client_new(store, domid, connection);
	return connection;
}

/* The guest's half of the ring. */
static inline bool guest_put(struct xenstore_domain_interface *ring, const void *data,
			     size_t length)
{
	if (XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons) < length)
		return false;
	for (size_t i = 0; i < length; i++)
		ring->req[MASK_XENSTORE_IDX(ring->req_prod + i)] = ((const char *)data)[i];
	ring->req_prod += length;
	return true;
}

#endif
