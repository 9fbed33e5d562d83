/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store as a whole and its clients. This and everything it includes does no input or output:
 * messages come in as bytes and leave through each client's output queue; what concerns the machine
 * goes through struct store_host. One thread owns a store and all its clients.
 */
#ifndef HVSTORE_STORE_H
#define HVSTORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/io/xs_wire.h"

#include "quota.h"
#include "ring.h"
#include "table.h"
#include "tree.h"

struct client;
struct journal;
struct transaction;
struct watch;

/* Transactions of guests that are open, in the order in which they began. */
struct open_transactions {
	struct transaction *oldest, *newest;
};

/* What the store asks of the daemon around it. @context is the one given to store_new(). */
struct store_host {
	/*
	 * Connect to domain @domid through the page at its frame @frame and its event channel
	 * @port. For a connected domain: use the new port from now on.
	 * @fresh receives whether the domain was not connected before.
	 * Returns 0 or a negative errno.
	 */
	int (*introduce)(void *context, domid_t domid, uint64_t frame, uint32_t port, bool *fresh);
	/* Disconnect from @domid. Returns 0, or -ENOENT if it is not connected. */
	int (*release)(void *context, domid_t domid);
	/* @domid runs again after a shutdown. Returns 0, or -ENOENT if it is not connected. */
	int (*resume)(void *context, domid_t domid);
	bool (*is_introduced)(void *context, domid_t domid);
	/* @client has something to send (or is to be closed, see client->broken). */
	void (*output)(void *context, struct client *client);
	/*
	 * Write down what store->journal has collected, before anybody learns of it. May be NULL
	 * where there is no journal.
	 */
	void (*commit)(void *context);
	/* A line for the log. */
	void (*log)(void *context, const char *line);
	/* Milliseconds of a clock that never goes back. */
	uint64_t (*now)(void *context);
};

enum special { SPECIAL_INTRODUCE, SPECIAL_RELEASE, SPECIAL_EVENTS };

struct store {
	struct tree live;		/* what everybody sees outside transactions */
	uint64_t last_gen;		/* the newest generation given out */
	struct table watch_points;	/* canonical path -> watches on it */
	size_t nr_watches;
	struct quota quota;
	struct accounts accounts;
	struct perms *special[SPECIAL_EVENTS];
	struct client *clients;		/* all of them */
	const struct store_host *host;
	void *context;
	struct journal *journal;	/* NULL: nothing is written down */
	uint64_t journaled;		/* bytes of it since start */
	bool tracing;			/* log every request */
	domid_t cause;			/* whose request is being carried out; 0: nobody's */
	uint64_t work;			/* done since start, see store_work() */
	uint64_t churn;			/* bytes written to the live tree since start */
	struct open_transactions open;
	uint64_t last_event;		/* number of the last change that watches were told of */
	uint64_t requests, commits, conflicts, events;	/* since start, for reports */
};

/* A message on its way out. */
struct message {
	struct message *next;
	struct table_entry pending;	/* for events not yet begun: in client->pending */
	char *key;			/* NULL unless in client->pending */
	bool event;
	domid_t cause;			/* whose account has it among the unread; 0: nobody's */
	size_t length;			/* of header and payload */
	char data[];
};

/*
 * A connection that outlives the daemon: a domain's ring. What is here goes to the journal, and
 * what happens to its client does.
 */
struct lasting {
	uint64_t frame;			/* of the page, as it was introduced */
	uint32_t port;			/* the domain's */
	uint8_t handle[16];		/* of the domain, which no other one of its number has */
	struct ring_place place;
};

struct client {
	struct store *store;
	struct client *next;
	domid_t domid;
	bool broken;			/* it overran a limit that ends the connection */
	struct watch *watches;
	unsigned int nr_watches;
	struct transaction *transactions;
	unsigned int nr_transactions;
	uint32_t last_transaction;
	/* Output: a list, with how much of its first message has left. */
	struct message *out_first, *out_last;
	size_t out_sent;
	size_t out_bytes;
	unsigned int out_replies, out_events;
	struct table pending; /* events that wait; an equal one need not be queued twice */
	void *transport;		/* the daemon's */
	struct lasting *lasting;	/* NULL: the connection ends with the daemon */
};

/* store_new - an empty store. NULL without memory. */
struct store *store_new(const struct store_host *host, void *context);

/* store_free - the clients must be gone. */
void store_free(struct store *store);

/* store_log - a line for the log, printf-like, that no guest can cause. */
void store_log(const struct store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * store_log_domain - a line about @domid, which will stand in front, for the log, if its budget for
 * lines (QUOTA_LOG_LINES) allows one. Otherwise the next one that it allows tells how many are
 * missing. Domain 0 has no such limit.
 */
void store_log_domain(const struct store *store, domid_t domid, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * store_log_trace - the same for what is logged of requests only when somebody wants it: a budget
 * of its own, of 50 times as many lines.
 */
void store_log_trace(const struct store *store, domid_t domid, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* store_commit - what was done may be told now: have it written down first. */
void store_commit(struct store *store);

/*
 * store_work - count work: a unit is about what looking at a node or a watch takes. Each domain has
 * a budget of it (QUOTA_WORK), out of which all is paid that its requests cause, at others as well.
 */
static inline void store_work(struct store *store, uint64_t units)
{
	store->work += units;
}

/*
 * store_seed - write a node as domain 0 does, outside any message; for the nodes that exist from
 * the start.
 * Returns 0, -EINVAL or -ENOMEM.
 */
int store_seed(struct store *store, const char *path, const char *value);

/* store_announce - fire @introduceDomain or @releaseDomain. */
void store_announce(struct store *store, enum special event);

/*
 * store_domain_gone - domain @domid exists no longer: its nodes fall to domain 0, its rights
 * vanish, its account is closed. Its client must have been freed. Returns 0 or -ENOMEM (call again
 * later).
 */
int store_domain_gone(struct store *store, domid_t domid);

/* client_new - a connection of domain @domid. NULL without memory. */
struct client *client_new(struct store *store, domid_t domid, void *transport);

/* client_reset - drop watches and transactions of @client. */
void client_reset(struct client *client);

/* client_discard_output - drop all that waits to be sent, when the other end starts anew. */
void client_discard_output(struct client *client);

/* client_free - end a connection, with its watches, transactions and output. */
void client_free(struct client *client);

/* client_subject - in whose name @client asks. */
struct subject client_subject(const struct client *client);

/*
 * client_limit - whether @value is more than @client may have of @kind, which is then refused: a
 * line in the log says so.
 */
bool client_limit(const struct client *client, enum quota_kind kind, unsigned long value);

/* store_limit - the limit of @kind for @domid, which is not 0. */
unsigned long store_limit(const struct store *store, domid_t domid, enum quota_kind kind);

/*
 * quota_tell - set a limit from text of the form "name=number" while the store runs, for @domid or,
 * if that is 0, for all that have none of their own.
 * Returns 0, -EINVAL when there is no such limit or the number is malformed, -ENOMEM.
 */
int quota_tell(struct store *store, domid_t domid, const char *text);

/*
 * client_may_ask - whether a request of @client should be taken now. If not: either it has to take
 * its replies first, or it is held until @until (ms), which is otherwise set to 0.
 */
bool client_may_ask(const struct client *client, uint64_t *until);

/*
 * client_send - queue a message of @length payload bytes.
 * Returns 0, -E2BIG if the payload is longer than the protocol allows, -ENOMEM.
 */
int client_send(struct client *client, uint32_t type, uint32_t req_id, uint32_t tx_id,
		const void *payload, size_t length);

/*
 * client_send_event - queue a watch event, unless an equal one is still waiting. A client that lets
 * too many events pile up is marked broken.
 */
void client_send_event(struct client *client, const char *path, const char *token);

/*
 * client_restore - queue a message that another daemon has left, of @length bytes with its header,
 * caused by @cause. Nobody is told. Returns 0, -EINVAL if it is none, -ENOMEM.
 */
int client_restore(struct client *client, domid_t cause, const void *data, size_t length);

/* client_output - the next bytes to send, or NULL. */
const char *client_output(const struct client *client, size_t *length);

/* client_sent - the first @length bytes of client_output() have left. */
void client_sent(struct client *client, size_t length);

#endif
