/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a journal (journal.h): from the bytes of its file to a store as it was. */
#ifndef HVSTORE_REPLAY_H
#define HVSTORE_REPLAY_H

#include "protocol.h"
#include "store.h"

/* A domain that the daemon before us knew. */
struct remembered {
	struct remembered *next;
	domid_t domid;
	struct client *client;		/* NULL if its connection was lost; see below */
	struct lasting lasting;		/* ->place.consumed is right, the rest is not known */
	uint32_t output;		/* index of the ring at which the client's output begins */
	struct inbox inbox;		/* what had been read of a message */
};

/* What there was in a file. */
struct replayed {
	struct remembered *domains;
	uint32_t records;		/* that were read */
	size_t whole;			/* bytes up to the end of the last of them */
};

enum replay_result {
	REPLAY_WHOLE,		/* all was read, but for a last record that was not written whole */
	REPLAY_NONE,		/* nothing to read: it is empty, or of an earlier boot */
	REPLAY_FOREIGN,		/* it is no journal, or one of another version */
	REPLAY_DAMAGED,		/* what is behind the records that were read makes no sense */
	REPLAY_MEMORY,		/* not enough memory */
};

/*
 * replay - make @store, which is new, what the @length bytes at @data say. Nobody is told of
 * anything: clients have no transport, and their output is what it was, with what has left since.
 * @boot: the name of this boot of the machine
 * @version: receives what a foreign file says of its version, 0 if it is no journal at all
 * After REPLAY_DAMAGED the store is as the records before the damage say; after the others that are
 * not REPLAY_WHOLE it is as new or, without memory, of no use.
 * @result: receives what was there; the clients go with the store, the rest by replay_free()
 */
enum replay_result replay(struct store *store, const char *data, size_t length, const char *boot,
			  struct replayed *result, uint32_t *version);

/* replay_free - forget what is left on the list. Clients on it stay those of the store. */
void replay_free(struct replayed *replayed);

/*
 * replay_skip - the first @length bytes of the output of @client have left. There are as many.
 */
void replay_skip(struct client *client, size_t length);

#endif
