// SPDX-License-Identifier: GPL-2.0-or-later

#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "path.h"
#include "transaction.h"
#include "watch.h"

/* An entry, and what of it has not been read yet. */
struct reader {
	struct store *store;
	struct replayed *result;
	domid_t domid;
	const char *at;
	size_t left;
};

/* ------------------------------------------------------------------------------------------------
 * Parts of an entry. Each returns whether it was there.
 */

static bool take(struct reader *in, void *out, size_t length)
{
	if (in->left < length)
		return false;
	memcpy(out, in->at, length);
	in->at += length;
	in->left -= length;
	return true;
}

#define TAKE(in, value)	take(in, &(value), sizeof(value))

static const char *take_text(struct reader *in)
{
	const char *text = in->at;
	const char *end = memchr(text, '\0', in->left);

	if (!end)
		return NULL;
	in->left -= end + 1 - text;
	in->at = end + 1;
	return text;
}

static const char *take_path(struct reader *in)
{
	const char *path = take_text(in);

	return path && path_valid(path) ? path : NULL;
}

static int take_perms(struct reader *in, struct perms **perms)
{
	struct perm list[XENSTORE_PAYLOAD_MAX / 3];
	struct entry_perm entry;
	uint32_t count;

	if (!TAKE(in, count) || !count || count > sizeof(list) / sizeof(list[0]))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		if (!TAKE(in, entry) || entry.domid >= DOMID_FIRST_RESERVED ||
		    entry.rights > (PERM_READ | PERM_WRITE))
			return -EBADMSG;
		list[i] = (struct perm){ entry.domid, entry.rights };
	}
	*perms = perms_new(list, count);
	return *perms ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

static int read_quota(struct reader *in)
{
	const char *text = take_text(in);

	return text && !quota_tell(in->store, in->domid, text) ? 0 : -EBADMSG;
}

static int read_special(struct reader *in)
{
	struct perms *perms;
	uint32_t which;
	int error;

	if (!TAKE(in, which) || which >= SPECIAL_EVENTS)
		return -EBADMSG;
	error = take_perms(in, &perms);
	if (error)
		return error;
	perms_put(in->store->special[which]);
	in->store->special[which] = perms;
	return 0;
}

static int read_node(struct reader *in)
{
	struct entry_node entry;
	struct perms *perms;
	const char *path;
	int error;

	if (!TAKE(in, entry) || !(path = take_path(in)))
		return -EBADMSG;
	error = take_perms(in, &perms);
	if (error)
		return error;
	error = tree_restore(&in->store->live, path, in->at, in->left, perms,
			     &(struct stamp){ entry.content_gen, entry.children_gen, in->domid });
	in->left = 0;
	perms_put(perms);
	return error == -EINVAL ? -EBADMSG : error;
}

static int read_tree(struct reader *in)
{
	uint64_t gen, last;

	if (!TAKE(in, gen) || !TAKE(in, last) || gen < in->store->live.gen || last < gen)
		return -EBADMSG;
	in->store->live.gen = gen;
	in->store->last_gen = last;
	return 0;
}

/* A change, as transaction.c made it. The books are made at the end, from the tree. */
static int read_change(struct reader *in, enum op_kind kind)
{
	struct tree *tree = &in->store->live;
	domid_t owner = in->domid ? in->domid : DOMID_INVALID;
	struct tally tally = { 0 };
	struct change change = { .writer = in->domid, .tally = &tally };
	struct perms *perms = NULL;
	const char *path;
	int error = 0;

	if (!TAKE(in, change.gen) || change.gen <= tree->gen || !(path = take_path(in)))
		return -EBADMSG;
	switch (kind) {
	case OP_WRITE:
		error = tree_write(tree, path, in->at, in->left, owner, &change);
		in->left = 0;
		break;
	case OP_MKDIR:
		error = tree_write(tree, path, NULL, 0, owner, &change);
		break;
	case OP_REMOVE:
		error = path[1] && tree_find(tree, path) ? tree_remove(tree, path, &change) :
							   -EBADMSG;
		break;
	case OP_SET_PERMS:
		error = take_perms(in, &perms);
		if (!error)
			error = tree_find(tree, path) ?
				tree_set_perms(tree, path, perms, &change) : -EBADMSG;
		perms_put(perms);
		break;
	}
	tally_free(&tally);
	if (!error && in->store->last_gen < change.gen)
		in->store->last_gen = change.gen;
	return error;
}

static int read_gone(struct reader *in)
{
	struct store *store = in->store;
	struct tally tally = { 0 };
	struct change change = { .writer = 0, .tally = &tally };
	int error;

	if (!TAKE(in, change.gen) || change.gen <= store->live.gen || !in->domid)
		return -EBADMSG;
	error = tree_forget_domain(&store->live, in->domid, &change);
	tally_free(&tally);
	if (store->last_gen < change.gen)
		store->last_gen = change.gen;
	for (unsigned int i = 0; i < SPECIAL_EVENTS && !error; i++) {
		struct perms *perms = perms_without(store->special[i], in->domid);

		if (!perms)
			return -ENOMEM;
		perms_put(store->special[i]);
		store->special[i] = perms;
	}
	/* A client needs its account, and one whose domain is gone has been released before. */
	for (const struct remembered *at = in->result->domains; at; at = at->next)
		if (at->domid == in->domid)
			return -EBADMSG;
	account_close(&store->accounts, in->domid);
	return error;
}

static int read_target(struct reader *in)
{
	struct account *account;
	uint32_t target;

	if (!TAKE(in, target) || (target >= DOMID_FIRST_RESERVED && target != DOMID_INVALID) ||
	    !in->domid)
		return -EBADMSG;
	account = account_get(&in->store->accounts, in->domid);
	if (!account)
		return -ENOMEM;
	account->target = target;
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Connections
 */

static struct remembered *known(const struct reader *in)
{
	struct remembered *at = in->result->domains;

	while (at && at->domid != in->domid)
		at = at->next;
	return at;
}

/* The domain must have a connection. */
static struct client *client_of(const struct reader *in)
{
	const struct remembered *domain = known(in);

	return domain ? domain->client : NULL;
}

static int read_connect(struct reader *in)
{
	struct remembered *domain = known(in);
	struct entry_connect entry;

	if (!TAKE(in, entry) || (domain && domain->client))
		return -EBADMSG;
	if (!domain) {
		domain = calloc(1, sizeof(*domain));
		if (!domain)
			return -ENOMEM;
		domain->domid = in->domid;
		domain->next = in->result->domains;
		in->result->domains = domain;
	}
	domain->client = client_new(in->store, in->domid, NULL);
	if (!domain->client)
		return -ENOMEM;
	domain->lasting = (struct lasting){
		.frame = entry.frame,
		.port = entry.port,
		.place = { .consumed = entry.consumed },
	};
	memcpy(domain->lasting.handle, entry.handle, sizeof(entry.handle));
	domain->output = entry.produced;
	domain->inbox.have = 0;
	return 0;
}

static int read_port(struct reader *in)
{
	struct remembered *domain = known(in);

	return domain && TAKE(in, domain->lasting.port) ? 0 : -EBADMSG;
}

static int read_place(struct reader *in)
{
	struct remembered *domain = known(in);

	if (!domain || !domain->client || !TAKE(in, domain->lasting.place.consumed) ||
	    !TAKE(in, domain->output))
		return -EBADMSG;
	client_discard_output(domain->client);
	domain->inbox.have = 0;
	return 0;
}

static int read_broken(struct reader *in)
{
	struct remembered *domain = known(in);

	if (!domain)
		return -EBADMSG;
	/* It is said when it was found out, and again when it was done. */
	if (domain->client)
		client_free(domain->client);
	domain->client = NULL;
	return 0;
}

static int read_release(struct reader *in)
{
	struct remembered **slot = &in->result->domains, *domain;

	while (*slot && (*slot)->domid != in->domid)
		slot = &(*slot)->next;
	domain = *slot;
	if (!domain || !in->domid)
		return -EBADMSG;
	*slot = domain->next;
	if (domain->client)
		client_free(domain->client);
	free(domain);
	return 0;
}

static int read_watch(struct reader *in, bool add)
{
	struct client *client = client_of(in);
	const char *path, *token;
	uint32_t prefix;
	int error;

	if (!client || !TAKE(in, prefix) || !(path = take_text(in)) || !(token = take_text(in)))
		return -EBADMSG;
	error = add ? watch_restore(client, path, prefix, token) :
		      watch_unrestore(client, path, prefix, token);
	return error && error != -ENOMEM ? -EBADMSG : error;
}

/* The end of a connection resets it, too: so there may be none. */
static int read_reset(struct reader *in)
{
	struct client *client = client_of(in);

	if (client)
		client_reset(client);
	return known(in) ? 0 : -EBADMSG;
}

static int read_transaction(struct reader *in, bool begin)
{
	struct client *client = client_of(in);
	struct transaction *transaction;
	uint32_t id;
	int error;

	if (!client || !TAKE(in, id))
		return -EBADMSG;
	if (begin) {
		error = transaction_restore(client, id);
		return error && error != -ENOMEM ? -EBADMSG : error;
	}
	transaction = transaction_find(client, id);
	if (!transaction)
		return -EBADMSG;
	transaction_end(client, transaction, false);
	return 0;
}

static int read_output(struct reader *in)
{
	struct client *client = client_of(in);
	uint32_t cause;
	int error;

	if (!client || !TAKE(in, cause) || cause >= DOMID_FIRST_RESERVED)
		return -EBADMSG;
	error = client_restore(client, cause, in->at, in->left);
	in->left = 0;
	return error == -EINVAL ? -EBADMSG : error;
}

static int read_input(struct reader *in)
{
	struct remembered *domain = known(in);
	struct entry_input entry;
	struct inbox *inbox;

	if (!domain || !domain->client || !TAKE(in, entry))
		return -EBADMSG;
	inbox = &domain->inbox;
	if (entry.at && entry.at != inbox->have)
		return -EBADMSG;
	inbox->have = entry.at;
	domain->lasting.place.consumed = entry.consumed;
	/* In the steps in which it came, or else its header would not say where it ends. */
	while (in->left) {
		size_t wanted;
		char *space = inbox_space(inbox, &wanted);

		if (wanted > in->left)
			wanted = in->left;
		if (!take(in, space, wanted) || inbox_add(inbox, wanted) != 0)
			return -EBADMSG;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Entries, records, files
 */

static int read_entry(struct reader *in, unsigned int type)
{
	switch (type) {
	case ENTRY_QUOTA:	return read_quota(in);
	case ENTRY_SPECIAL:	return read_special(in);
	case ENTRY_NODE:	return read_node(in);
	case ENTRY_TREE:	return read_tree(in);
	case ENTRY_WRITE:	return read_change(in, OP_WRITE);
	case ENTRY_MKDIR:	return read_change(in, OP_MKDIR);
	case ENTRY_REMOVE:	return read_change(in, OP_REMOVE);
	case ENTRY_SET_PERMS:	return read_change(in, OP_SET_PERMS);
	case ENTRY_GONE:	return read_gone(in);
	case ENTRY_TARGET:	return read_target(in);
	case ENTRY_CONNECT:	return read_connect(in);
	case ENTRY_PORT:	return read_port(in);
	case ENTRY_PLACE:	return read_place(in);
	case ENTRY_BROKEN:	return read_broken(in);
	case ENTRY_RELEASE:	return read_release(in);
	case ENTRY_WATCH:	return read_watch(in, true);
	case ENTRY_UNWATCH:	return read_watch(in, false);
	case ENTRY_RESET:	return read_reset(in);
	case ENTRY_BEGIN:	return read_transaction(in, true);
	case ENTRY_END:		return read_transaction(in, false);
	case ENTRY_OUTPUT:	return read_output(in);
	case ENTRY_INPUT:	return read_input(in);
	}
	return -EBADMSG;
}

static int read_record(struct reader *in, const char *data, size_t length)
{
	while (length) {
		struct entry_head head;
		int error;

		if (length < sizeof(head))
			return -EBADMSG;
		memcpy(&head, data, sizeof(head));
		data += sizeof(head);
		length -= sizeof(head);
		if (head.length > length || head.domid >= DOMID_FIRST_RESERVED)
			return -EBADMSG;
		in->domid = head.domid;
		in->at = data;
		in->left = head.length;
		error = read_entry(in, head.type);
		if (error || in->left)
			return error ? error : -EBADMSG;
		data += head.length;
		length -= head.length;
	}
	return 0;
}

static int count_nodes(struct store *store, const struct node *node)
{
	struct account *account = account_get(&store->accounts, perms_owner(node->perms));
	int error = account ? 0 : -ENOMEM;

	if (account)
		account->nodes++;
	for (unsigned int i = 0; i < node->nr_children && !error; i++)
		error = count_nodes(store, node->child[i]);
	return error;
}

static enum replay_result read_head(const char *data, size_t length, const char *boot,
				    uint32_t *version)
{
	struct journal_head head, wanted;

	*version = 0;
	if (!length)
		return REPLAY_NONE;
	if (length < sizeof(head))
		return REPLAY_DAMAGED;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.magic, JOURNAL_MAGIC, sizeof(head.magic)))
		return REPLAY_FOREIGN;
	if (head.version != JOURNAL_VERSION) {
		*version = head.version;
		return REPLAY_FOREIGN;
	}
	head.boot[sizeof(head.boot) - 1] = '\0';
	journal_head(&wanted, head.boot);
	if (memcmp(&wanted, data, sizeof(wanted)))
		return REPLAY_DAMAGED;
	return strcmp(head.boot, boot) ? REPLAY_NONE : REPLAY_WHOLE;
}

/*
 * The next record. Returns 1 with its length if it is whole, 0 if there is nothing more or a last
 * one that was cut off while it was written, or -EBADMSG.
 */
static int find_record(const char *data, size_t length, uint32_t number, size_t *entries)
{
	struct record_head head;

	if (length < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	length -= sizeof(head);
	if (head.number != number || head.length > RECORD_MAX ||
	    journal_head_hash(&head) != head.head_hash)
		return -EBADMSG;
	if (head.length > length)
		return 0;
	*entries = head.length;
	return journal_hash(&head, data + sizeof(head)) == head.hash ? 1 : -EBADMSG;
}

enum replay_result replay(struct store *store, const char *data, size_t length, const char *boot,
			  struct replayed *result, uint32_t *version)
{
	struct reader in = { .store = store, .result = result };
	enum replay_result found = read_head(data, length, boot, version);
	size_t entries;
	int error;

	*result = (struct replayed){ 0 };
	if (found != REPLAY_WHOLE)
		return found;
	result->whole = sizeof(struct journal_head);
	while ((error = find_record(data + result->whole, length - result->whole, result->records,
				    &entries)) > 0) {
		error = read_record(&in, data + result->whole + sizeof(struct record_head),
				    entries);
		if (error)
			break;
		result->whole += sizeof(struct record_head) + entries;
		result->records++;
	}
	if (error == -ENOMEM)
		return REPLAY_MEMORY;
	/* The first record is there before the file has its name. */
	if (!error && (!result->records || tree_check(&store->live)))
		error = -EBADMSG;
	account_find(&store->accounts, 0)->nodes = 0;
	if (count_nodes(store, store->live.root))
		return REPLAY_MEMORY;
	accounts_spent(&store->accounts, &store->quota, store->host->now(store->context));
	return error ? REPLAY_DAMAGED : REPLAY_WHOLE;
}

void replay_free(struct replayed *replayed)
{
	while (replayed->domains) {
		struct remembered *domain = replayed->domains;

		replayed->domains = domain->next;
		free(domain);
	}
}

void replay_skip(struct client *client, size_t length)
{
	while (length) {
		size_t first = client->out_first->length - client->out_sent;

		if (first > length)
			first = length;
		client_sent(client, first);
		length -= first;
	}
}
