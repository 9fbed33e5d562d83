// SPDX-License-Identifier: GPL-2.0-or-later

#include "connection.h"

#include <errno.h>

/*
 * Requests carried out in one turn. Domain 0's kernel multiplexes many processes over one
 * connection, so it gets more.
 */
#define TURN_GUEST	8
#define TURN_DOMAIN0	64

/* Requests can differ by a factor of thousands, so this much work ends a guest's turn, too. */
#define TURN_WORK	1000

enum outcome {
	TURN_IDLE,		/* waits for the other end */
	TURN_MORE,		/* has more to do */
	TURN_HELD,		/* has more to do, later */
};

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

void turns_remove(struct turns *turns, struct connection *connection)
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

static int take_turn(struct connection *connection, enum outcome *outcome, uint64_t *until)
{
	unsigned int left = connection->client->domid == 0 ? TURN_DOMAIN0 : TURN_GUEST;
	const struct store *store = connection->client->store;
	uint64_t begin = store->work;
	bool moved = false;
	int result = flush(connection, &moved);

	*outcome = TURN_IDLE;
	while (result >= 0) {
		if (!client_may_ask(connection->client, until)) {
			if (*until)
				*outcome = TURN_HELD;
			break;
		}
		if (left-- == 0 ||
		    (connection->client->domid != 0 && store->work - begin > TURN_WORK)) {
			*outcome = TURN_MORE;
			break;
		}
		result = handle_one(connection, &moved);
		if (result <= 0)
			break;
		result = flush(connection, &moved);
	}
	if (result >= 0)
		result = flush(connection, &moved);
	if (result >= 0 && connection->client->broken)
		result = -EOVERFLOW;
	if (moved && connection->ops->moved)
		connection->ops->moved(connection);
	return result < 0 ? result : 0;
}

int turns_run(struct turns *turns, uint64_t now)
{
	unsigned int count = 0;
	int timeout = -1;

	for (struct connection *connection = turns->first; connection;
	     connection = connection->next_active)
		count++;
	/* Connections can disappear from the list in the turns of others. */
	while (count-- && turns->first) {
		struct connection *connection = turns->first;
		enum outcome outcome;
		uint64_t until;
		int error;

		turns_remove(turns, connection);
		error = take_turn(connection, &outcome, &until);
		/* Its own replies put it on the list again, but whatever could be sent has been. */
		turns_remove(turns, connection);
		connection->kicked = false;
		if (error) {
			connection->ops->lost(connection, error);
		} else if (outcome == TURN_MORE) {
			turns_add(turns, connection);
		} else if (outcome == TURN_HELD) {
			int wait = until > now ? until - now : 0;

			append(turns, connection);
			if (timeout < 0 || wait < timeout)
				timeout = wait;
		}
	}
	for (struct connection *connection = turns->first; connection;
	     connection = connection->next_active)
		if (connection->kicked)
			timeout = 0;
	return timeout;
}
