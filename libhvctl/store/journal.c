// SPDX-License-Identifier: GPL-2.0-or-later

#include "journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* A buffer that has grown beyond this is given back after use. */
#define KEEP	(256u << 10)

/* One of the pieces that an entry consists of. */
struct piece {
	const void *data;
	size_t length;
};

/* ------------------------------------------------------------------------------------------------
 * Records
 */

void journal_empty(struct journal *journal)
{
	if (journal->size > KEEP) {
		free(journal->data);
		journal->data = NULL;
		journal->size = 0;
	}
	journal->used = sizeof(struct record_head);
	journal->failed = false;
}

void journal_free(struct journal *journal)
{
	free(journal->data);
	*journal = (struct journal){ 0 };
}

uint64_t journal_head_hash(const struct record_head *head)
{
	return XXH3_64bits(head, offsetof(struct record_head, head_hash));
}

uint64_t journal_hash(const struct record_head *head, const void *entries)
{
	return XXH3_64bits_withSeed(entries, head->length, head->head_hash);
}

size_t journal_seal(struct journal *journal, uint32_t number)
{
	struct record_head head = { .number = number };

	if (journal->failed || !journal_has(journal) ||
	    journal->used - sizeof(head) > RECORD_MAX)
		return 0;
	head.length = journal->used - sizeof(head);
	head.head_hash = journal_head_hash(&head);
	head.hash = journal_hash(&head, journal->data + sizeof(head));
	memcpy(journal->data, &head, sizeof(head));
	return journal->used;
}

void journal_head(struct journal_head *head, const char *boot)
{
	*head = (struct journal_head){ .version = JOURNAL_VERSION };
	memcpy(head->magic, JOURNAL_MAGIC, sizeof(head->magic));
	snprintf(head->boot, sizeof(head->boot), "%s", boot);
	head->hash = XXH3_64bits(head, offsetof(struct journal_head, hash));
}

/* Room for @length bytes more. NULL without memory: then this record is worth nothing. */
static char *room(struct journal *journal, size_t length)
{
	size_t wanted = journal->used + length, size = journal->size ? journal->size : 4096;
	char *data;

	if (journal->failed)
		return NULL;
	if (wanted > journal->size) {
		while (size < wanted)
			size *= 2;
		data = realloc(journal->data, size);
		if (!data) {
			journal->failed = true;
			return NULL;
		}
		journal->data = data;
		journal->size = size;
	}
	data = journal->data + journal->used;
	journal->used = wanted;
	return data;
}

static void put(struct store *store, enum entry_type type, domid_t domid,
		const struct piece *piece, unsigned int count)
{
	struct entry_head head = { .type = type, .domid = domid };
	char *at;

	for (unsigned int i = 0; i < count; i++)
		head.length += piece[i].length;
	store->journaled += sizeof(head) + head.length;
	at = room(store->journal, sizeof(head) + head.length);
	if (!at)
		return;
	memcpy(at, &head, sizeof(head));
	at += sizeof(head);
	for (unsigned int i = 0; i < count; i++) {
		if (piece[i].length)
			memcpy(at, piece[i].data, piece[i].length);
		at += piece[i].length;
	}
}

#define PUT(store, type, domid, ...)						\
	put(store, type, domid, (const struct piece[]){ __VA_ARGS__ },		\
	    sizeof((const struct piece[]){ __VA_ARGS__ }) / sizeof(struct piece))
#define VALUE(value)	{ &(value), sizeof(value) }
#define TEXT(text)	{ text, strlen(text) + 1 }

/* Whether what happens to @client is written down. */
static bool counts(const struct client *client)
{
	return client->store->journal && client->lasting;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

void journal_quota(struct store *store, domid_t domid, const char *text)
{
	if (store->journal)
		PUT(store, ENTRY_QUOTA, domid, TEXT(text));
}

/*
 * An entry whose permissions come between two other pieces. There can be as many as fit into a
 * message.
 */
__attribute__((noinline))
static void put_with_perms(struct store *store, enum entry_type type, domid_t domid,
			   const struct piece *before, unsigned int count,
			   const struct perms *perms, struct piece after)
{
	struct entry_perm entry[XENSTORE_PAYLOAD_MAX / 3];
	struct piece piece[6];
	uint32_t number = perms->count;

	for (uint32_t i = 0; i < number; i++)
		entry[i] = (struct entry_perm){ perms->entry[i].domid, perms->entry[i].rights };
	memcpy(piece, before, count * sizeof(*before));
	piece[count++] = (struct piece)VALUE(number);
	piece[count++] = (struct piece){ entry, number * sizeof(entry[0]) };
	piece[count++] = after;
	put(store, type, domid, piece, count);
}

void journal_special(struct store *store, enum special event)
{
	const uint32_t which = event;
	const struct piece before = VALUE(which);

	if (store->journal)
		put_with_perms(store, ENTRY_SPECIAL, 0, &before, 1, store->special[event],
			       (struct piece){ 0 });
}

void journal_change(struct store *store, domid_t writer, uint64_t gen, const struct op *op)
{
	const struct piece before[] = { VALUE(gen), TEXT(op->path) };

	if (!store->journal)
		return;
	switch (op->kind) {
	case OP_WRITE:
		PUT(store, ENTRY_WRITE, writer, before[0], before[1], { op->value, op->length });
		break;
	case OP_MKDIR:
		put(store, ENTRY_MKDIR, writer, before, 2);
		break;
	case OP_REMOVE:
		put(store, ENTRY_REMOVE, writer, before, 2);
		break;
	case OP_SET_PERMS:
		put_with_perms(store, ENTRY_SET_PERMS, writer, before, 2, op->perms,
			       (struct piece){ 0 });
		break;
	}
}

void journal_committed(struct store *store)
{
	if (store->journal)
		PUT(store, ENTRY_TREE, 0, VALUE(store->live.gen), VALUE(store->last_gen));
}

void journal_gone(struct store *store, domid_t domid, uint64_t gen)
{
	if (store->journal)
		PUT(store, ENTRY_GONE, domid, VALUE(gen));
}

void journal_target(struct store *store, const struct account *account)
{
	const uint32_t target = account->target;

	if (store->journal)
		PUT(store, ENTRY_TARGET, account->domid, VALUE(target));
}

/* As deep as the path is long. @path has the node's, of @length bytes. */
static void put_nodes(struct store *store, const struct node *node, char *path, size_t length)
{
	const struct entry_node stamp = { node->content_gen, node->children_gen };
	const struct piece before[] = { VALUE(stamp), { path, length + 1 } };

	put_with_perms(store, ENTRY_NODE, node->writer, before, 2, node->perms,
		       (struct piece){ node->value, node->value_length });
	if (length == 1)
		length = 0;
	for (unsigned int i = 0; i < node->nr_children; i++) {
		const char *name = node->child[i]->name;

		path[length] = '/';
		strcpy(path + length + 1, name);
		put_nodes(store, node->child[i], path, length + 1 + strlen(name));
	}
}

static void put_quota(struct store *store, domid_t domid, const struct quota *quota)
{
	char text[64];

	for (unsigned int i = 0; i < QUOTA_KINDS; i++) {
		if (!(quota->told & 1u << i))
			continue;
		snprintf(text, sizeof(text), "%s=%lu", quota_name(i), quota->limit[i]);
		journal_quota(store, domid, text);
	}
}

static void put_account(struct store *store, const struct account *account)
{
	if (account->domid)
		put_quota(store, account->domid, &account->own);
	if (account->target != DOMID_INVALID)
		journal_target(store, account);
}

void journal_store(struct store *store)
{
	char path[PATH_BUFFER] = "/";

	put_quota(store, 0, &store->quota);
	for (unsigned int i = 0; i < SPECIAL_EVENTS; i++)
		journal_special(store, i);
	put_nodes(store, store->live.root, path, 1);
	journal_committed(store);
	for (unsigned int i = 0; i < ACCOUNT_BUCKETS; i++)
		for (const struct account *account = store->accounts.bucket[i]; account;
		     account = account->next)
			put_account(store, account);
}

/* ------------------------------------------------------------------------------------------------
 * Connections
 */

static void put_connect(struct store *store, domid_t domid, const struct lasting *lasting,
			uint32_t consumed, uint32_t produced)
{
	struct entry_connect entry = {
		.frame = lasting->frame,
		.port = lasting->port,
		.consumed = consumed,
		.produced = produced,
	};

	memcpy(entry.handle, lasting->handle, sizeof(entry.handle));
	PUT(store, ENTRY_CONNECT, domid, VALUE(entry));
}

void journal_known(struct store *store, domid_t domid, const struct lasting *lasting)
{
	if (!store->journal)
		return;
	put_connect(store, domid, lasting, 0, 0);
	PUT(store, ENTRY_BROKEN, domid, { NULL, 0 });
}

void journal_connect(struct client *client)
{
	const struct lasting *lasting = client->lasting;

	if (counts(client))
		put_connect(client->store, client->domid, lasting, lasting->place.consumed,
			    lasting->place.produced);
}

void journal_port(struct client *client)
{
	if (counts(client))
		PUT(client->store, ENTRY_PORT, client->domid, VALUE(client->lasting->port));
}

void journal_place(struct client *client)
{
	const struct ring_place *place = &client->lasting->place;

	if (counts(client))
		PUT(client->store, ENTRY_PLACE, client->domid, VALUE(place->consumed),
		    VALUE(place->produced));
}

void journal_broken(struct client *client)
{
	if (counts(client))
		PUT(client->store, ENTRY_BROKEN, client->domid, { NULL, 0 });
}

void journal_release(struct store *store, domid_t domid)
{
	if (store->journal)
		PUT(store, ENTRY_RELEASE, domid, { NULL, 0 });
}

static void put_watch(struct client *client, enum entry_type type, const struct watch *watch)
{
	const uint32_t prefix = watch->prefix;

	if (counts(client))
		PUT(client->store, type, client->domid, VALUE(prefix), TEXT(watch->point->path),
		    TEXT(watch->token));
}

void journal_watch(struct client *client, const struct watch *watch)
{
	put_watch(client, ENTRY_WATCH, watch);
}

void journal_unwatch(struct client *client, const struct watch *watch)
{
	put_watch(client, ENTRY_UNWATCH, watch);
}

void journal_reset(struct client *client)
{
	if (counts(client))
		PUT(client->store, ENTRY_RESET, client->domid, { NULL, 0 });
}

void journal_begin(const struct client *client, uint32_t transaction)
{
	if (counts(client))
		PUT(client->store, ENTRY_BEGIN, client->domid, VALUE(transaction));
}

void journal_end(struct client *client, uint32_t transaction)
{
	if (counts(client))
		PUT(client->store, ENTRY_END, client->domid, VALUE(transaction));
}

void journal_output(struct client *client, domid_t cause, const void *message, size_t length)
{
	const uint32_t from = cause;

	if (counts(client))
		PUT(client->store, ENTRY_OUTPUT, client->domid, VALUE(from), { message, length });
}

void journal_input(struct client *client, const char *inbox, size_t at, size_t have)
{
	const struct entry_input entry = {
		.consumed = counts(client) ? client->lasting->place.consumed : 0,
		.at = at,
	};

	if (counts(client))
		PUT(client->store, ENTRY_INPUT, client->domid, VALUE(entry),
		    { inbox + at, have - at });
}

void journal_connection(struct client *client, const char *inbox, size_t have)
{
	const struct lasting *lasting = client->lasting;

	if (!counts(client))
		return;
	/* The first message is given whole: so the output begins where that one does. */
	put_connect(client->store, client->domid, lasting, lasting->place.consumed,
		    lasting->place.produced - (uint32_t)client->out_sent);
	if (have)
		journal_input(client, inbox, 0, have);
	for (const struct watch *watch = client->watches; watch; watch = watch->next)
		journal_watch(client, watch);
	transaction_each(client, journal_begin);
	for (const struct message *message = client->out_first; message; message = message->next)
		journal_output(client, message->cause, message->data, message->length);
}
