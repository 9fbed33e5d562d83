// SPDX-License-Identifier: GPL-2.0-or-later

#include "connection.h"

#include <errno.h>

#include "journal.h"

/*
 * Requests carried out in one turn. Domain 0's kernel multiplexes many processes over one
 * connection, so it gets more.
 */
#define TURN_GUEST	8
#define TURN_DOMAIN0	64

/* Requests can differ by a factor of thousands, so this much work ends a guest's turn, too. */
#define TURN_WORK	1000

/* What it costs a domain that a part of a request is written down. */
#define WORK_PART	10

static void append(struct turns *turns, struct connection *connection)
{
	if (connection->active)
		return;
	connection->active = true;
	connection->next_active = NULL;
	if (turns->last)
		turns->last->next_active = connection;
	else
		turns->first = connection;
	turns->last = connection;
}

void turns_add(struct turns *turns, struct connection *connection)
{
	connection->kicked = true;
	append(turns, connection);
}

static void unlist(struct turns *turns, struct connection *connection)
{
	struct connection *previous = NULL, *at = turns->first;

	if (!connection->active)
		return;
	while (at != connection) {
		previous = at;
		at = at->next_active;
	}
	if (previous)
		previous->next_active = connection->next_active;
	else
		turns->first = connection->next_active;
	if (turns->last == connection)
		turns->last = previous;
	connection->active = false;
}

void turns_remove(struct turns *turns, struct connection *connection)
{
	struct connection **slot = &turns->taken;

	unlist(turns, connection);
	while (*slot && *slot != connection)
		slot = &(*slot)->next_taken;
	if (*slot)
		*slot = connection->next_taken;
	connection->taken = false;
}

/* Send what can be sent. */
static int flush(struct connection *connection, bool *moved)
{
	const char *data;
	size_t length;

	while ((data = client_output(connection->client, &length))) {
		ssize_t sent = connection->ops->write(connection, data, length);

		if (sent < 0)
			return sent;
		if (sent == 0)
			return 0;
		client_sent(connection->client, sent);
		*moved = true;
	}
	return 0;
}

/*
 * Read and carry out one request. Returns 1 if there was one, 0 if there is not a whole one yet, or
 * an error.
 */
static int handle_one(struct connection *connection, bool *moved)
{
	size_t wanted;
	int complete = 0;

	while (!complete) {
		char *space = inbox_space(&connection->inbox, &wanted);
		ssize_t got = connection->ops->read(connection, space, wanted);

		if (got <= 0)
			return got;
		*moved = true;
		complete = inbox_add(&connection->inbox, got);
	}
	if (complete < 0)
		return complete;
	complete = protocol_handle(connection->client, &connection->inbox);
	return complete < 0 ? complete : 1;
}

/*
 * Note for the journal how far the requests have been read: what of one that is not whole yet, from
 * its byte @at on, is nowhere else once the domain may overwrite it.
 */
static void note_input(struct connection *connection, size_t at)
{
	const struct inbox *inbox = &connection->inbox;
	struct client *client = connection->client;

	if (!client->lasting)
		return;
	journal_input(client, inbox->data, at, inbox->have);
	/* Whoever sends a message byte by byte has each written down. */
	if (inbox->have)
		protocol_charge(client, WORK_PART);
}

/*
 * The first half of a turn: read requests and carry them out. What they are answered waits for the
 * second half.
 */
static void take_turn(struct connection *connection)
{
	struct client *client = connection->client;
	unsigned int left = client->domid == 0 ? TURN_DOMAIN0 : TURN_GUEST;
	const struct store *store = client->store;
	uint64_t begin = store->work;
	size_t at = connection->inbox.have;
	int result = 1;

	connection->outcome = TURN_IDLE;
	connection->until = 0;
	connection->moved = false;
	while (result > 0) {
		if (!client_may_ask(client, &connection->until)) {
			connection->outcome = connection->until ? TURN_HELD : TURN_FULL;
			break;
		}
		if (left-- == 0 || (client->domid != 0 && store->work - begin > TURN_WORK)) {
			connection->outcome = TURN_MORE;
			break;
		}
		result = handle_one(connection, &connection->moved);
		if (result > 0)
			at = 0;
	}
	connection->error = result < 0 ? result : 0;
	if (result < 0) {
		journal_broken(client);
		client->lasting = NULL;
	} else if (connection->moved) {
		note_input(connection, at);
	}
}

/* The second half: what was done is in the journal, and may be told. */
static void end_turn(struct turns *turns, struct connection *connection, uint64_t now, int *timeout)
{
	struct client *client = connection->client;
	int error = flush(connection, &connection->moved);

	/* Its own replies put it on the list again, but whatever could be sent has been. */
	unlist(turns, connection);
	connection->kicked = false;
	if (connection->moved && connection->ops->moved)
		connection->ops->moved(connection);
	if (connection->error)
		error = connection->error;
	else if (error >= 0 && client->broken)
		error = -EOVERFLOW;
	if (error < 0) {
		connection->ops->lost(connection, error);
		return;
	}
	/* It had to take replies before it could ask, and perhaps it has room for them now. */
	if (connection->outcome == TURN_FULL && client_may_ask(client, &connection->until))
		connection->outcome = TURN_MORE;
	if (connection->outcome == TURN_MORE) {
		turns_add(turns, connection);
	} else if (connection->outcome == TURN_HELD) {
		int wait = connection->until > now ? connection->until - now : 0;

		append(turns, connection);
		if (*timeout < 0 || wait < *timeout)
			*timeout = wait;
	}
}

int turns_run(struct turns *turns, uint64_t now)
{
	struct connection *connection, *reversed = NULL;
	struct store *store = NULL;
	unsigned int count = 0;
	int timeout = -1;

	for (connection = turns->first; connection; connection = connection->next_active)
		count++;
	/*
	 * Connections can disappear from both lists in the turns of others, and come back to the
	 * end of the first by their own replies: one that has had its turn is behind all others.
	 */
	while (count-- && turns->first && !turns->first->taken) {
		connection = turns->first;
		unlist(turns, connection);
		connection->taken = true;
		connection->next_taken = turns->taken;
		turns->taken = connection;
		store = connection->client->store;
		take_turn(connection);
	}
	if (store)
		store_commit(store);
	while ((connection = turns->taken)) {
		turns->taken = connection->next_taken;
		connection->next_taken = reversed;
		reversed = connection;
	}
	turns->taken = reversed;
	while (turns->taken) {
		connection = turns->taken;
		turns->taken = connection->next_taken;
		connection->taken = false;
		end_turn(turns, connection, now, &timeout);
	}
	for (connection = turns->first; connection; connection = connection->next_active)
		if (connection->kicked)
			timeout = 0;
	return timeout;
}
