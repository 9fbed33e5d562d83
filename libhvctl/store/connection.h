/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's connection, whatever it runs over: takes turns with the others in reading requests and
 * sending output.
 */
#ifndef HVSTORE_CONNECTION_H
#define HVSTORE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"
#include "store.h"

struct connection;

/*
 * How bytes move. Both return the number moved, 0 if none can be now, or a negative errno: the
 * connection is over.
 */
struct connection_ops {
	ssize_t (*read)(struct connection *connection, char *out, size_t size);
	ssize_t (*write)(struct connection *connection, const char *in, size_t size);
	/* A turn is over in which bytes moved, and the journal knows. May be NULL. */
	void (*moved)(struct connection *connection);
	/*
	 * The connection is over, for the reason @error (negative errno). Called with @connection
	 * off the list.
	 */
	void (*lost)(struct connection *connection, int error);
};

/* What a connection is left to do after the first half of its turn. */
enum outcome {
	TURN_IDLE,		/* waits for the other end */
	TURN_FULL,		/* the other end has to take replies first */
	TURN_MORE,		/* has more to do */
	TURN_HELD,		/* has more to do, later */
};

struct connection {
	const struct connection_ops *ops;
	struct client *client;
	struct inbox inbox;
	struct connection *next_active;
	bool active;
	bool kicked;		/* something new happened since its last turn */
	/* Between the two halves of its turn: */
	bool taken;
	struct connection *next_taken;
	enum outcome outcome;
	uint64_t until;		/* ms, for TURN_HELD */
	bool moved;		/* bytes, in either direction */
	int error;		/* negative errno: it is over */
};

/*
 * The connections that have something to do, in the order of their turns. A turn has two halves:
 * all that have one carry out their requests, then the journal is written, once for all of them,
 * and then the answers leave.
 */
struct turns {
	struct connection *first, *last;
	struct connection *taken;	/* those that have had the first half */
};

/* turns_add - there is something to do for @connection. It may be on the list already. */
void turns_add(struct turns *turns, struct connection *connection);

/* turns_remove - @connection goes away. */
void turns_remove(struct turns *turns, struct connection *connection);

/*
 * turns_run - give one turn to every connection that is on the list now.
 * Returns how many milliseconds may pass before the next call: 0 when there is more to do at once,
 * -1 when nothing is left to do.
 */
int turns_run(struct turns *turns, uint64_t now);

#endif
