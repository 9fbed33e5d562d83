// SPDX-License-Identifier: GPL-2.0-or-later

#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "path.h"
#include "transaction.h"
#include "watch.h"

/*
 * Output that even domain 0 may not let pile up. It is far more than all events of a busy host, and
 * far less than what would hurt it.
 */
#define OUTPUT_MAX	(64u << 20)

/* Bytes of waiting output after which a guest is no longer served or, for events, is given up. */
#define OUTPUT_GUEST_MAX	(1u << 20)

struct store *store_new(const struct store_host *host, void *context)
{
	const struct perm none = { .domid = 0, .rights = PERM_NONE };
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->host = host;
	store->context = context;
	store->quota = quota_default;
	store->last_gen = 1;
	for (unsigned int i = 0; i < SPECIAL_EVENTS; i++) {
		store->special[i] = perms_new(&none, 1);
		if (!store->special[i])
			goto fail;
	}
	if (tree_new(&store->live) || !account_get(&store->accounts, 0))
		goto fail;
	account_find(&store->accounts, 0)->nodes = 1;
	return store;
fail:
	store_free(store);
	return NULL;
}

void store_free(struct store *store)
{
	tree_free(&store->live);
	for (unsigned int i = 0; i < SPECIAL_EVENTS; i++)
		perms_put(store->special[i]);
	accounts_free(&store->accounts);
	table_free(&store->watch_points, NULL);
	free(store);
}

void store_log(const struct store *store, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!store->host->log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	store->host->log(store->context, line);
}

void store_commit(struct store *store)
{
	if (store->host->commit)
		store->host->commit(store->context);
}

static void log_budgeted(const struct store *store, domid_t domid, bool trace, const char *format,
			 va_list args)
{
	struct account *account = domid ? account_find(&store->accounts, domid) : NULL;
	const struct budget_rate rate = {
		.burst = account_limit(account, &store->quota, QUOTA_LOG_LINES) *
			 (trace ? QUOTA_TRACE_LINES : 1),
		.period = 60 * 1000,
	};
	uint64_t suppressed = 0;
	char line[448];

	if (!store->host->log ||
	    (account && !line_budget_take(trace ? &account->traces : &account->lines, &rate,
					  store->host->now(store->context), &suppressed)))
		return;
	if (suppressed)
		store_log(store, "domain %u: %" PRIu64 " lines suppressed", domid, suppressed);
	vsnprintf(line, sizeof(line), format, args);
	store_log(store, "domain %u: %s", domid, line);
}

void store_log_domain(const struct store *store, domid_t domid, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_budgeted(store, domid, false, format, args);
	va_end(args);
}

void store_log_trace(const struct store *store, domid_t domid, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_budgeted(store, domid, true, format, args);
	va_end(args);
}

int store_seed(struct store *store, const char *path, const char *value)
{
	struct tally tally = { 0 };
	const struct change change = {
		.writer = 0,
		.gen = ++store->last_gen,
		.tally = &tally,
	};
	int error;

	if (!path_valid(path))
		return -EINVAL;
	error = tree_write(&store->live, path, value, strlen(value), DOMID_INVALID, &change);
	if (!error)
		error = accounts_reserve(&store->accounts, &tally);
	if (!error)
		accounts_apply(&store->accounts, &tally);
	tally_free(&tally);
	return error;
}

void store_announce(struct store *store, enum special event)
{
	watch_fire_special(store, event);
}

int store_domain_gone(struct store *store, domid_t domid)
{
	struct tally tally = { 0 };
	const struct change change = {
		.writer = 0,
		.gen = ++store->last_gen,
		.tally = &tally,
	};
	int error = tree_forget_domain(&store->live, domid, &change);

	/* The books follow what was done, even if not all could be. */
	if (accounts_reserve(&store->accounts, &tally) == 0)
		accounts_apply(&store->accounts, &tally);
	else
		error = -ENOMEM;
	store_work(store, tally.visits);
	tally_free(&tally);

	for (unsigned int i = 0; i < SPECIAL_EVENTS && !error; i++) {
		struct perms *perms = perms_without(store->special[i], domid);

		if (!perms) {
			error = -ENOMEM;
			break;
		}
		perms_put(store->special[i]);
		store->special[i] = perms;
	}
	if (!error) {
		const struct account *account = account_find(&store->accounts, domid);
		uint64_t suppressed = account ? account->lines.suppressed +
						account->traces.suppressed : 0;

		if (suppressed)
			store_log(store, "domain %u: %" PRIu64 " lines suppressed", domid,
				  suppressed);
		account_close(&store->accounts, domid);
	}
	journal_gone(store, domid, change.gen);
	return error;
}

/* ------------------------------------------------------------------------------------------------
 * Clients
 */

struct client *client_new(struct store *store, domid_t domid, void *transport)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client || !account_get(&store->accounts, domid)) {
		free(client);
		return NULL;
	}
	client->store = store;
	client->domid = domid;
	client->transport = transport;
	client->next = store->clients;
	store->clients = client;
	return client;
}

void client_reset(struct client *client)
{
	journal_reset(client);
	watch_remove_all(client);
	transaction_end_all(client);
}

/* Its number may have gone to another domain meanwhile, which owes nothing. */
static void taken(struct client *client, const struct message *message)
{
	struct account *account = account_find(&client->store->accounts, message->cause);

	if (account)
		account->unread -= message->length < account->unread ? message->length
								     : account->unread;
}

static void drop_first(struct client *client)
{
	struct message *message = client->out_first;

	if (message->cause)
		taken(client, message);

	if (message->key) {
		table_remove(&client->pending, &message->pending);
		free(message->key);
	}
	client->out_first = message->next;
	if (!client->out_first)
		client->out_last = NULL;
	client->out_bytes -= message->length;
	if (message->event)
		client->out_events--;
	else
		client->out_replies--;
	client->out_sent = 0;
	free(message);
}

void client_discard_output(struct client *client)
{
	while (client->out_first)
		drop_first(client);
}

void client_free(struct client *client)
{
	struct client **slot = &client->store->clients;

	client_reset(client);
	client_discard_output(client);
	table_free(&client->pending, NULL);
	while (*slot != client)
		slot = &(*slot)->next;
	*slot = client->next;
	free(client);
}

struct subject client_subject(const struct client *client)
{
	const struct account *account = account_find(&client->store->accounts, client->domid);

	return (struct subject){
		.domid = client->domid,
		.target = account ? account->target : DOMID_INVALID,
	};
}

unsigned long store_limit(const struct store *store, domid_t domid, enum quota_kind kind)
{
	return account_limit(account_find(&store->accounts, domid), &store->quota, kind);
}

bool client_limit(const struct client *client, enum quota_kind kind, unsigned long value)
{
	unsigned long limit;

	if (client->domid == 0)
		return false;
	limit = store_limit(client->store, client->domid, kind);
	if (value <= limit)
		return false;
	store_log_domain(client->store, client->domid, "refused: its quota of %s is %lu",
			 quota_name(kind), limit);
	return true;
}

int quota_tell(struct store *store, domid_t domid, const char *text)
{
	struct account *account = domid ? account_get(&store->accounts, domid) : NULL;
	int error;

	if (domid && !account)
		return -ENOMEM;
	error = quota_set(account ? &account->own : &store->quota, text);
	if (!error)
		journal_quota(store, domid, text);
	return error;
}

bool client_may_ask(const struct client *client, uint64_t *until)
{
	const struct store *store = client->store;
	const struct account *account;

	*until = 0;
	if (client->broken || client->out_bytes > OUTPUT_MAX / 2)
		return false;
	if (client->domid == 0)
		return true;
	account = account_find(&store->accounts, client->domid);
	if (client->out_replies >= account_limit(account, &store->quota, QUOTA_REQUESTS) ||
	    client->out_bytes > OUTPUT_GUEST_MAX / 2)
		return false;
	if (account && account->held_until > store->host->now(store->context)) {
		*until = account->held_until;
		return false;
	}
	return true;
}

static void append(struct client *client, struct message *message)
{
	message->next = NULL;
	if (client->out_last)
		client->out_last->next = message;
	else
		client->out_first = message;
	client->out_last = message;
	client->out_bytes += message->length;
	if (message->event)
		client->out_events++;
	else
		client->out_replies++;
}

static void queue(struct client *client, struct message *message)
{
	append(client, message);
	journal_output(client, message->cause, message->data, message->length);
	client->store->host->output(client->store->context, client);
}

static struct message *message_new(uint32_t type, uint32_t req_id, uint32_t tx_id,
				   const void *payload, size_t length)
{
	const struct xsd_sockmsg header = {
		.type = type, .req_id = req_id, .tx_id = tx_id, .len = length,
	};
	struct message *message = malloc(sizeof(*message) + sizeof(header) + length);

	if (!message)
		return NULL;
	message->key = NULL;
	message->event = false;
	message->cause = 0;
	message->length = sizeof(header) + length;
	memcpy(message->data, &header, sizeof(header));
	if (length)
		memcpy(message->data + sizeof(header), payload, length);
	return message;
}

int client_send(struct client *client, uint32_t type, uint32_t req_id, uint32_t tx_id,
		const void *payload, size_t length)
{
	struct message *message;

	if (length > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	message = message_new(type, req_id, tx_id, payload, length);
	if (!message)
		return -ENOMEM;
	queue(client, message);
	return 0;
}

int client_restore(struct client *client, domid_t cause, const void *data, size_t length)
{
	struct message *message;
	struct xsd_sockmsg header;

	if (length < sizeof(header))
		return -EINVAL;
	memcpy(&header, data, sizeof(header));
	if (header.len > XENSTORE_PAYLOAD_MAX || length != sizeof(header) + header.len)
		return -EINVAL;
	message = message_new(header.type, header.req_id, header.tx_id,
			      (const char *)data + sizeof(header), header.len);
	if (!message)
		return -ENOMEM;
	message->event = header.type == XS_WATCH_EVENT;
	/* Its cause has not taken over the debt if it has no account any more. */
	message->cause = client->domid == 0 && account_find(&client->store->accounts, cause) ?
			 cause : 0;
	if (message->cause)
		account_find(&client->store->accounts, cause)->unread += message->length;
	append(client, message);
	return 0;
}

static void break_client(struct client *client, const char *why)
{
	if (client->broken)
		return;
	store_log_domain(client->store, client->domid, "connection given up: %s", why);
	client->broken = true;
	/* A daemon that comes after this one must not go on with it as if nothing were missing. */
	journal_broken(client);
	client->lasting = NULL;
	client->store->host->output(client->store->context, client);
}

/* Domain 0 has no limits of its own, so that whoever causes its events is asked for them. */
static void book_unread(struct client *client, struct message *message)
{
	domid_t cause = client->store->cause;
	struct account *account = NULL;

	if (client->domid == 0 && cause)
		account = account_find(&client->store->accounts, cause);
	if (!account)
		return;
	message->cause = cause;
	account->unread += message->length;
}

void client_send_event(struct client *client, const char *path, const char *token)
{
	size_t path_length = strlen(path), token_length = strlen(token);
	size_t length = path_length + token_length + 2;
	struct message *message = NULL;
	char payload[XENSTORE_PAYLOAD_MAX];
	char *key;

	if (client->broken || length > sizeof(payload))
		return;
	if (client->out_bytes > OUTPUT_MAX ||
	    client_limit(client, QUOTA_EVENTS, client->out_events + 1) ||
	    (client->domid != 0 && client->out_bytes > OUTPUT_GUEST_MAX)) {
		break_client(client, "it does not take its watch events");
		return;
	}

	/* A path has no newline in it, so this names path and token without doubt. */
	if (asprintf(&key, "%s\n%s", path, token) < 0)
		goto no_memory;
	if (table_find(&client->pending, key, strlen(key))) {
		free(key);
		return;
	}
	memcpy(payload, path, path_length + 1);
	memcpy(payload + path_length + 1, token, token_length + 1);
	message = message_new(XS_WATCH_EVENT, 0, 0, payload, length);
	if (!message || table_insert(&client->pending, &message->pending, key)) {
		free(message);
		free(key);
		goto no_memory;
	}
	message->key = key;
	message->event = true;
	client->store->events++;
	store_work(client->store, 2 + length / 64);
	book_unread(client, message);
	queue(client, message);
	return;
no_memory:
	/* Silently losing an event would leave the client waiting for ever. */
	break_client(client, "no memory for a watch event");
}

const char *client_output(const struct client *client, size_t *length)
{
	const struct message *message = client->out_first;

	if (!message)
		return NULL;
	*length = message->length - client->out_sent;
	return message->data + client->out_sent;
}

void client_sent(struct client *client, size_t length)
{
	struct message *message = client->out_first;

	if (!length)
		return;
	/*
	 * Once begun, an event may be read before the next change: that one needs an event of its
	 * own.
	 */
	if (message->key) {
		table_remove(&client->pending, &message->pending);
		free(message->key);
		message->key = NULL;
	}
	client->out_sent += length;
	if (client->out_sent == message->length)
		drop_first(client);
}
