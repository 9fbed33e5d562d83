// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c libhvctl/store/ring.c
// sources: libhvctl/store/connection.c
// bits: 64 32
/*
 * The store's rings and the turns that connections take, with guests that break every rule.
 */
#include "store_ring_sim.h"

/* ------------------------------------------------------------------------------------------------
 * Rings and turns
 */

static size_t guest_get(struct xenstore_domain_interface *ring, char *out, size_t size)
{
	size_t done = 0;

	while (done < size && ring->rsp_cons != ring->rsp_prod)
		out[done++] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons++)];
	return done;
}

static bool guest_ask(struct xenstore_domain_interface *ring, uint32_t type, const char *text)
{
	char raw[512];
	struct xsd_sockmsg header = { .type = type, .req_id = 5, .len = strlen(text) };

	memcpy(raw, &header, sizeof(header));
	encode(raw + sizeof(header), text);
	return guest_put(ring, raw, sizeof(header) + header.len);
}

TEST(test_ring, "rings and turns")
{
	struct turns turns = { 0 };
	struct ring_connection *one, *two;
	char reply[64];
	unsigned int answers = 0;

	begin();
	one = connect_ring(1);
	two = connect_ring(2);
	/* Indexes run over the end of their type. */
	one->ring.req_cons = one->ring.req_prod = 0xfffffff0;
	one->ring.rsp_cons = one->ring.rsp_prod = 0xfffffffa;
	ring_find(&one->ring, &one->lasting.place);
	CU_ASSERT(guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"));
	turns_add(&turns, &one->connection);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), -1);
	CU_ASSERT_EQUAL(one->notified, 1);
	CU_ASSERT_EQUAL(guest_get(&one->ring, reply, sizeof(reply)), 16 + 16);
	CU_ASSERT_STRING_EQUAL(reply + 16, "/local/domain/3");

	/* An endless stream gets its share of turns, and leaves the others theirs. */
	while (guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"))
		continue;
	CU_ASSERT(guest_ask(&two->ring, XS_GET_DOMAIN_PATH, "4|"));
	turns_add(&turns, &one->connection);
	turns_add(&turns, &two->connection);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), 0);
	CU_ASSERT_EQUAL(guest_get(&two->ring, reply, sizeof(reply)), 32);
	CU_ASSERT(one->ring.req_cons != one->ring.req_prod);
	/* It does not take its replies: so its requests wait, once ring and queue are full. */
	for (unsigned int i = 0; i < 1000; i++) {
		while (guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"))
			continue;
		turns_add(&turns, &one->connection);
		turns_run(&turns, fake_now);
	}
	CU_ASSERT_EQUAL(one->lost, 0);
	CU_ASSERT(one->connection.client->out_replies <= quota_default.limit[QUOTA_REQUESTS]);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), -1);
	/* It takes them: nothing was lost. */
	while (guest_get(&one->ring, reply, 32) == 32) {
		CU_ASSERT_STRING_EQUAL(reply + 16, "/local/domain/3");
		answers++;
		turns_add(&turns, &one->connection);
		turns_run(&turns, fake_now);
	}
	CU_ASSERT(answers >= 60);
	CU_ASSERT_EQUAL(one->ring.req_cons, one->ring.req_prod);

	/* Impossible indexes and messages end this connection only. */
	one->ring.req_prod = one->ring.req_cons + XENSTORE_RING_SIZE + 1;
	turns_add(&turns, &one->connection);
	turns_add(&turns, &two->connection);
	CU_ASSERT(guest_ask(&two->ring, XS_GET_DOMAIN_PATH, "4|"));
	turns_run(&turns, fake_now);
	CU_ASSERT_EQUAL(one->lost, -EIO);
	CU_ASSERT_EQUAL(guest_get(&two->ring, reply, sizeof(reply)), 32);
	free(one);

	one = connect_ring(1);
	one->ring.rsp_cons = 77;
	CU_ASSERT(guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"));
	turns_add(&turns, &one->connection);
	turns_run(&turns, fake_now);
	CU_ASSERT_EQUAL(one->lost, -EIO);
	free(one);

	one = connect_ring(1);
	CU_ASSERT(guest_put(&one->ring, &(struct xsd_sockmsg){ .type = XS_READ, .len = 4097 }, 16));
	turns_add(&turns, &one->connection);
	turns_run(&turns, fake_now);
	CU_ASSERT_EQUAL(one->lost, -EMSGSIZE);
	free(one);

	/* A guest that is replaced by a new kernel. */
	CU_ASSERT_FALSE(ring_wants_restart(&two->ring));
	two->ring.req_prod = 12345;
	two->ring.connection = XENSTORE_RECONNECT;
	CU_ASSERT(ring_wants_restart(&two->ring));
	ring_restart(&two->ring, &two->lasting.place);
	CU_ASSERT_EQUAL(two->ring.req_prod, 0);
	CU_ASSERT_EQUAL(two->ring.connection, XENSTORE_CONNECTED);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), -1);
	free(two);
	end(client_new(store, 0, NULL));
}

/*
 * A page whose every byte changes all the time: no index leads outside of it (the sanitizers
 * watch).
 */
/* A guest tells of what it puts only if all before that was given back to it. */
TEST(test_no_event, "requests that come without an event")
{
	static struct xenstore_domain_interface ring;
	struct ring_place place;
	char text[40];

	memset(&ring, 0, sizeof(ring));
	ring.req_cons = ring.req_prod = 0xfffffff8;
	ring_find(&ring, &place);
	guest_put(&ring, "0123456789abcdef", 16);
	CU_ASSERT_EQUAL(ring_read(&ring, &place, text, sizeof(text)), 16);
	guest_put(&ring, "more", 4);
	CU_ASSERT_EQUAL(ring.req_cons, 0xfffffff8);
	CU_ASSERT_TRUE(ring_took(&ring, &place));
	CU_ASSERT_EQUAL(ring.req_cons, 8);
	CU_ASSERT_EQUAL(ring_read(&ring, &place, text, sizeof(text)), 4);
	CU_ASSERT_FALSE(ring_took(&ring, &place));
	CU_ASSERT_FALSE(ring_took(&ring, &place));
}

TEST(test_ring_random, "a ring page gone wild")
{
	struct turns turns = { 0 };
	struct ring_connection *connection;

	begin();
	connection = connect_ring(1);
	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t *word = (uint32_t *)&connection->ring;

		for (unsigned int i = chance(40); i; i--)
			word[chance(sizeof(connection->ring) / 4)] =
				chance(3) ? chance(4096) : seed;
		connection->ring.req_cons =
			connection->ring.req_prod - chance(XENSTORE_RING_SIZE + 8);
		connection->ring.rsp_prod =
			connection->ring.rsp_cons + chance(XENSTORE_RING_SIZE + 8);
		if (chance(2))
			ring_find(&connection->ring, &connection->lasting.place);
		turns_add(&turns, &connection->connection);
		turns_run(&turns, fake_now);
		if (connection->lost) {
			free(connection);
			connection = connect_ring(1);
		}
		fake_now += 100;
	}
	free(connection);
	end(client_new(store, 0, NULL));
}

SUITE("store-ring", .init = seed_init)
