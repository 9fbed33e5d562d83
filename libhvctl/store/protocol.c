// SPDX-License-Identifier: GPL-2.0-or-later

#include "protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "journal.h"
#include "number.h"
#include "path.h"
#include "transaction.h"
#include "watch.h"

/* What a request costs beside what it causes: reading it, its reply, telling the other end. */
#define WORK_REQUEST	10

/* Names of children in a list that are passed by for what looking at a node costs. */
#define NAMES_PER_UNIT	8

/* A request being carried out. */
struct request {
	struct client *client;
	struct store *store;
	struct transaction *transaction;	/* NULL outside transactions */
	uint32_t type, req_id, tx_id;
	const char *data; /* followed by a terminator that is not part of it */
	size_t length;
};

/* ------------------------------------------------------------------------------------------------
 * Messages in
 */

static struct xsd_sockmsg inbox_header(const struct inbox *inbox)
{
	struct xsd_sockmsg header;

	memcpy(&header, inbox->data, sizeof(header));
	return header;
}

char *inbox_space(struct inbox *inbox, size_t *wanted)
{
	size_t end = sizeof(struct xsd_sockmsg);

	if (inbox->have >= end)
		end += inbox_header(inbox).len;
	*wanted = end - inbox->have;
	return inbox->data + inbox->have;
}

int inbox_add(struct inbox *inbox, size_t length)
{
	struct xsd_sockmsg header;

	inbox->have += length;
	if (inbox->have < sizeof(header))
		return 0;
	header = inbox_header(inbox);
	if (header.len > XENSTORE_PAYLOAD_MAX)
		return -EMSGSIZE;
	return inbox->have == sizeof(header) + header.len;
}

/* ------------------------------------------------------------------------------------------------
 * Replies
 */

static int reply(const struct request *request, const void *payload, size_t length)
{
	return client_send(request->client, request->type, request->req_id, request->tx_id,
			   payload, length);
}

static int reply_string(const struct request *request, const char *text)
{
	return reply(request, text, strlen(text) + 1);
}

static int reply_ok(const struct request *request)
{
	return reply_string(request, "OK");
}

static const char *error_name(int error)
{
#define NAME(number) { number, #number }
	static const struct {
		int number;
		const char *name;
	} names[] = {
		NAME(EINVAL), NAME(EACCES), NAME(EEXIST), NAME(EISDIR), NAME(ENOENT), NAME(ENOMEM),
		NAME(ENOSPC), NAME(EIO), NAME(ENOTEMPTY), NAME(ENOSYS), NAME(EROFS), NAME(EBUSY),
		NAME(EAGAIN), NAME(EISCONN), NAME(E2BIG), NAME(EPERM),
	};
#undef NAME

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == error)
			return names[i].name;
	/* The protocol has no name for any other. */
	return "EIO";
}

/* ------------------------------------------------------------------------------------------------
 * Arguments
 */

/*
 * Whether the payload is exactly @count strings, each with its terminator; @string receives them.
 */
static bool strings(const struct request *request, unsigned int count, const char **string)
{
	const char *at = request->data, *end = request->data + request->length;

	for (unsigned int i = 0; i < count; i++) {
		const char *terminator = memchr(at, '\0', end - at);

		if (!terminator)
			return false;
		string[i] = at;
		at = terminator + 1;
	}
	return at == end;
}

/* The first string; what follows it is left to the caller. */
static const char *first_string(const struct request *request, const char **rest,
				size_t *rest_length)
{
	const char *terminator = memchr(request->data, '\0', request->length);

	if (!terminator)
		return NULL;
	*rest = terminator + 1;
	*rest_length = request->data + request->length - *rest;
	return request->data;
}

static int one_path(const struct request *request, char *path)
{
	const char *string;

	if (!strings(request, 1, &string))
		return -EINVAL;
	return path_canonical(string, request->client->domid, path, NULL);
}

static int parse_domid(const char *text, domid_t *domid)
{
	uint64_t value;

	if (number_parse(text, DOMID_FIRST_RESERVED - 1, &value))
		return -EINVAL;
	*domid = value;
	return 0;
}

static int one_domid(const struct request *request, domid_t *domid)
{
	const char *string;

	return strings(request, 1, &string) ? parse_domid(string, domid) : -EINVAL;
}

/* The domain event whose permissions are meant, or -1. */
static int special_of(const char *path)
{
	if (strcmp(path, "@introduceDomain") == 0)
		return SPECIAL_INTRODUCE;
	if (strcmp(path, "@releaseDomain") == 0)
		return SPECIAL_RELEASE;
	return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Nodes
 */

static int do_read(struct request *request)
{
	char path[PATH_BUFFER];
	const struct node *node;
	int error = one_path(request, path);

	if (!error)
		error = store_lookup(request->client, request->transaction, path, PERM_READ, false,
				     &node);
	return error ? error : reply(request, node->value, node->value_length);
}

static int do_directory(struct request *request)
{
	char path[PATH_BUFFER], list[XENSTORE_PAYLOAD_MAX];
	const struct node *node;
	size_t used = 0;
	unsigned int i;
	int error = one_path(request, path);

	if (!error)
		error = store_lookup(request->client, request->transaction, path, PERM_READ, true,
				     &node);
	if (error)
		return error;
	for (i = 0; i < node->nr_children; i++) {
		size_t length = strlen(node->child[i]->name) + 1;

		if (used + length > sizeof(list)) {
			error = -E2BIG;
			break;
		}
		memcpy(list + used, node->child[i]->name, length);
		used += length;
	}
	store_work(request->store, i / NAMES_PER_UNIT);
	return error ? error : reply(request, list, used);
}

/*
 * A list of children too long for one message is fetched in parts: the offset counts bytes of the
 * list; the generation in front tells the client whether the list stayed the same; an empty string
 * marks the end.
 */
static int do_directory_part(struct request *request)
{
	char path[PATH_BUFFER], list[XENSTORE_PAYLOAD_MAX];
	const char *argument[2];
	const struct node *node;
	uint64_t offset, at = 0;
	size_t used;
	bool whole = true;
	unsigned int i;
	int error;

	if (!strings(request, 2, argument))
		return -EINVAL;
	error = path_canonical(argument[0], request->client->domid, path, NULL);
	if (!error)
		error = number_parse(argument[1], UINT32_MAX, &offset);
	if (!error)
		error = store_lookup(request->client, request->transaction, path, PERM_READ, true,
				     &node);
	if (error)
		return error;

	used = snprintf(list, sizeof(list), "%" PRIu64, node->children_gen) + 1;
	for (i = 0; i < node->nr_children; i++) {
		size_t length = strlen(node->child[i]->name) + 1;

		if (at >= offset) {
			/* One byte stays free for the end mark. */
			whole = used + length < sizeof(list);
			if (!whole)
				break;
			memcpy(list + used, node->child[i]->name, length);
			used += length;
		}
		at += length;
	}
	store_work(request->store, i / NAMES_PER_UNIT);
	if (whole)
		list[used++] = '\0';
	return reply(request, list, used);
}

static int do_get_perms(struct request *request)
{
	char path[PATH_BUFFER], list[XENSTORE_PAYLOAD_MAX];
	const char *string;
	const struct node *node;
	int special, length;

	if (!strings(request, 1, &string))
		return -EINVAL;
	special = special_of(string);
	if (special >= 0) {
		length = perms_format(request->store->special[special], list, sizeof(list));
		return length < 0 ? length : reply(request, list, length);
	}
	length = path_canonical(string, request->client->domid, path, NULL);
	if (!length)
		length = store_lookup(request->client, request->transaction, path, PERM_READ, false,
				      &node);
	if (!length)
		length = perms_format(node->perms, list, sizeof(list));
	return length < 0 ? length : reply(request, list, length);
}

static int change(struct request *request, const struct op *op)
{
	int error = store_perform(request->client, request->transaction, op);

	return error ? error : reply_ok(request);
}

static int do_set_perms(struct request *request)
{
	char path[PATH_BUFFER];
	const char *string, *rest;
	struct op op = { .kind = OP_SET_PERMS, .path = path };
	size_t length;
	int special, error;

	string = first_string(request, &rest, &length);
	if (!string)
		return -EINVAL;
	special = special_of(string);
	error = special >= 0 ? 0 : path_canonical(string, request->client->domid, path, NULL);
	if (!error)
		error = perms_parse(rest, length, &op.perms);
	if (error)
		return error;

	if (special < 0) {
		error = change(request, &op);
	} else if (request->client->domid != 0) {
		error = -EACCES;
	} else {
		perms_put(request->store->special[special]);
		request->store->special[special] = perms_get(op.perms);
		journal_special(request->store, special);
		error = reply_ok(request);
	}
	perms_put(op.perms);
	return error;
}

static int do_write(struct request *request)
{
	char path[PATH_BUFFER];
	const char *string, *value;
	struct op op = { .kind = OP_WRITE, .path = path };
	int error;

	string = first_string(request, &value, &op.length);
	if (!string)
		return -EINVAL;
	op.value = value;
	error = path_canonical(string, request->client->domid, path, NULL);
	return error ? error : change(request, &op);
}

static int do_mkdir(struct request *request)
{
	char path[PATH_BUFFER];
	const struct op op = { .kind = OP_MKDIR, .path = path };
	int error = one_path(request, path);

	return error ? error : change(request, &op);
}

static int do_rm(struct request *request)
{
	char path[PATH_BUFFER];
	const struct op op = { .kind = OP_REMOVE, .path = path };
	int error = one_path(request, path);

	return error ? error : change(request, &op);
}

/* ------------------------------------------------------------------------------------------------
 * Watches and transactions
 */

static int do_watch(struct request *request)
{
	const char *argument[2];
	int error;

	if (!strings(request, 2, argument))
		return -EINVAL;
	error = watch_add(request->client, argument[0], argument[1]);
	if (!error)
		error = reply_ok(request);
	if (!error)
		watch_first_event(request->client, argument[0], argument[1]);
	return error;
}

static int do_unwatch(struct request *request)
{
	const char *argument[2];
	int error;

	if (!strings(request, 2, argument))
		return -EINVAL;
	error = watch_remove(request->client, argument[0], argument[1]);
	return error ? error : reply_ok(request);
}

static int do_reset_watches(struct request *request)
{
	client_reset(request->client);
	request->transaction = NULL;
	return reply_ok(request);
}

static int do_transaction_start(struct request *request)
{
	char text[16];
	uint32_t id;
	int error;

	if (request->tx_id)
		return -EBUSY;
	error = transaction_start(request->client, &id);
	if (error)
		return error;
	snprintf(text, sizeof(text), "%u", id);
	return reply_string(request, text);
}

static int do_transaction_end(struct request *request)
{
	const char *string;
	int error;

	if (!strings(request, 1, &string) || (strcmp(string, "T") != 0 && strcmp(string, "F") != 0))
		return -EINVAL;
	if (!request->transaction)
		return -ENOENT;
	error = transaction_end(request->client, request->transaction, string[0] == 'T');
	request->transaction = NULL;
	return error ? error : reply_ok(request);
}

/* ------------------------------------------------------------------------------------------------
 * Domains
 */

static int do_introduce(struct request *request)
{
	struct store *store = request->store;
	const char *argument[3];
	uint64_t frame, port;
	domid_t domid;
	bool fresh;
	int error;

	if (!strings(request, 3, argument) || parse_domid(argument[0], &domid) ||
	    number_parse(argument[1], UINT64_MAX, &frame) ||
	    number_parse(argument[2], UINT32_MAX, &port) || domid == 0 || port == 0)
		return -EINVAL;
	error = store->host->introduce(store->context, domid, frame, port, &fresh);
	if (error)
		return error;
	error = reply_ok(request);
	if (fresh)
		store_announce(store, SPECIAL_INTRODUCE);
	return error;
}

static int do_release(struct request *request)
{
	struct store *store = request->store;
	domid_t domid;
	int error = one_domid(request, &domid);

	if (error || domid == 0)
		return -EINVAL;
	error = store->host->release(store->context, domid);
	if (error)
		return error;
	error = reply_ok(request);
	store_announce(store, SPECIAL_RELEASE);
	return error;
}

static int do_resume(struct request *request)
{
	domid_t domid;
	int error = one_domid(request, &domid);

	if (!error)
		error = request->store->host->resume(request->store->context, domid);
	return error ? error : reply_ok(request);
}

static int do_set_target(struct request *request)
{
	struct store *store = request->store;
	const char *argument[2];
	domid_t domid, target;
	struct account *account;

	if (!strings(request, 2, argument) || parse_domid(argument[0], &domid) ||
	    parse_domid(argument[1], &target) || domid == 0)
		return -EINVAL;
	if (!store->host->is_introduced(store->context, domid) ||
	    !store->host->is_introduced(store->context, target))
		return -ENOENT;
	account = account_get(&store->accounts, domid);
	if (!account)
		return -ENOMEM;
	account->target = target;
	journal_target(store, account);
	return reply_ok(request);
}

static int do_get_domain_path(struct request *request)
{
	char path[32];
	domid_t domid;
	int error = one_domid(request, &domid);

	if (error)
		return error;
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	return reply_string(request, path);
}

static int do_is_domain_introduced(struct request *request)
{
	struct store *store = request->store;
	domid_t domid;
	int error = one_domid(request, &domid);

	if (error)
		return error;
	return reply_string(request, store->host->is_introduced(store->context, domid) ? "T" : "F");
}

static int do_control(struct request *request)
{
	char text[XENSTORE_PAYLOAD_MAX];
	int error =
		control_run(request->client, request->data, request->length, text, sizeof(text));

	return error ? error : reply_string(request, text);
}

/* ------------------------------------------------------------------------------------------------
 * Dispatch
 */

#define OUTSIDE		1	/* a transaction id does not concern it */
#define DOMAIN0		2	/* only for domain 0 */

static const struct {
	const char *name;
	int (*handle)(struct request *request);
	unsigned int flags;
} requests[XS_TYPE_COUNT] = {
	[XS_CONTROL]		  = { "CONTROL", do_control, OUTSIDE | DOMAIN0 },
	[XS_DIRECTORY]		  = { "DIRECTORY", do_directory, 0 },
	[XS_READ]		  = { "READ", do_read, 0 },
	[XS_GET_PERMS]		  = { "GET_PERMS", do_get_perms, 0 },
	[XS_WATCH]		  = { "WATCH", do_watch, OUTSIDE },
	[XS_UNWATCH]		  = { "UNWATCH", do_unwatch, OUTSIDE },
	[XS_TRANSACTION_START]	  = { "TRANSACTION_START", do_transaction_start, OUTSIDE },
	[XS_TRANSACTION_END]	  = { "TRANSACTION_END", do_transaction_end, 0 },
	[XS_INTRODUCE]		  = { "INTRODUCE", do_introduce, OUTSIDE | DOMAIN0 },
	[XS_RELEASE]		  = { "RELEASE", do_release, OUTSIDE | DOMAIN0 },
	[XS_GET_DOMAIN_PATH]	  = { "GET_DOMAIN_PATH", do_get_domain_path, OUTSIDE },
	[XS_WRITE]		  = { "WRITE", do_write, 0 },
	[XS_MKDIR]		  = { "MKDIR", do_mkdir, 0 },
	[XS_RM]			  = { "RM", do_rm, 0 },
	[XS_SET_PERMS]		  = { "SET_PERMS", do_set_perms, 0 },
	[XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", do_is_domain_introduced, OUTSIDE },
	[XS_RESUME]		  = { "RESUME", do_resume, OUTSIDE | DOMAIN0 },
	[XS_SET_TARGET]		  = { "SET_TARGET", do_set_target, OUTSIDE | DOMAIN0 },
	[XS_RESET_WATCHES]	  = { "RESET_WATCHES", do_reset_watches, OUTSIDE },
	[XS_DIRECTORY_PART]	  = { "DIRECTORY_PART", do_directory_part, 0 },
};

static int dispatch(struct request *request)
{
	unsigned int flags;

	if (request->type >= XS_TYPE_COUNT || !requests[request->type].handle)
		return -ENOSYS;
	flags = requests[request->type].flags;
	if ((flags & DOMAIN0) && request->client->domid != 0)
		return -EACCES;
	if (!(flags & OUTSIDE) && request->tx_id) {
		request->transaction = transaction_find(request->client, request->tx_id);
		if (!request->transaction)
			return -ENOENT;
	}
	return requests[request->type].handle(request);
}

/* Only the printable part of what a client sent belongs into the log. */
static void trace(const struct request *request, int error)
{
	bool known = request->type < XS_TYPE_COUNT && requests[request->type].name;
	char text[160];
	size_t used = 0;

	for (size_t i = 0; i < request->length && used < sizeof(text) - 1; i++) {
		char c = request->data[i];

		text[used++] = c == '\0' ? ' ' : c >= ' ' && c <= '~' ? c : '.';
	}
	text[used] = '\0';
	store_log_trace(request->store, request->client->domid, "tx %u: %s(%u) %s: %s",
			request->tx_id, known ? requests[request->type].name : "?", request->type,
			text, error ? error_name(-error) : "OK");
}

/* Its work is paid by whoever asked for it. */
void protocol_charge(struct client *client, uint64_t units)
{
	struct store *store = client->store;

	if (client->domid == 0)
		return;
	account_work(account_find(&store->accounts, client->domid), units,
		     store_limit(store, client->domid, QUOTA_WORK),
		     store->host->now(store->context));
}

int protocol_handle(struct client *client, struct inbox *inbox)
{
	const struct xsd_sockmsg header = inbox_header(inbox);
	struct request request = {
		.client = client,
		.store = client->store,
		.type = header.type,
		.req_id = header.req_id,
		.tx_id = header.tx_id,
		.data = inbox->data + sizeof(header),
		.length = header.len,
	};
	uint64_t before = client->store->work, journaled = client->store->journaled;
	int error;

	inbox->data[sizeof(header) + header.len] = '\0';
	inbox->have = 0;
	client->store->requests++;
	store_work(client->store, WORK_REQUEST + header.len / 32);
	client->store->cause = client->domid;
	error = dispatch(&request);
	client->store->cause = 0;
	store_work(client->store, (client->store->journaled - journaled) / JOURNAL_PER_UNIT);
	protocol_charge(client, client->store->work - before);
	if (client->store->tracing)
		trace(&request, error);
	if (error) {
		const char *name = error_name(-error);

		error = client_send(client, XS_ERROR, header.req_id, header.tx_id, name,
				    strlen(name) + 1);
	}
	return error;
}
