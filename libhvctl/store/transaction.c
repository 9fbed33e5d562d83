// SPDX-License-Identifier: GPL-2.0-or-later

#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "path.h"

/* Nodes that are counted one by one for what removing them costs. */
#define WORK_NODES_MAX	100000

/*
 * Something a reply depended on: the node at the path as it was in the base tree. Generation 0
 * stands for "was not there" and, for the children, for "did not matter".
 */
struct dependency {
	struct table_entry entry;
	uint64_t content_gen;
	uint64_t children_gen;
	char path[];
};

struct logged_op {
	struct logged_op *next;
	uint64_t gen;		/* that the change got, 0 if there was nothing to do */
	struct op op;
	char data[];		/* the path, then the value */
};

struct transaction {
	struct transaction *next;
	struct transaction *older, *newer;	/* in store->open */
	struct client *client;
	uint64_t churn;				/* the store's when it began */
	bool expired;				/* it has nothing of the below any more */
	bool restored;				/* and never had, see transaction_restore() */
	uint32_t id;
	struct tree base;	/* the live tree when it began */
	struct tree tree;	/* the same with its changes */
	struct table dependencies;
	struct logged_op *first_op, *last_op;
	size_t bytes;		/* of memory, for all of this but the base */
	size_t nr_changed;	/* nodes written, made or removed, one as often as it was */
	struct tally tally;	/* what the changes did to the numbers of owned nodes */
};

/* ------------------------------------------------------------------------------------------------
 * Changes, on whatever tree
 */

/*
 * Decide whether @client may do @op on @tree, and whether there is anything to do.
 * @tally: what earlier changes of the same transaction did, on top of the books
 */
static int check_op(struct client *client, const struct tree *tree, const struct tally *tally,
		    const struct op *op, bool *idle)
{
	const struct subject who = client_subject(client);
	const struct account *account = account_find(&client->store->accounts, client->domid);
	unsigned int missing;
	const struct node *node = tree_nearest(tree, op->path, NULL, &missing);
	unsigned int rights = perms_rights(node->perms, &who);
	long nodes;

	*idle = false;
	if (op->kind == OP_REMOVE && op->path[1] == '\0')
		return -EINVAL;
	if (!(rights & PERM_WRITE))
		return -EACCES;

	switch (op->kind) {
	case OP_WRITE:
		if (client_limit(client, QUOTA_VALUE, op->length))
			return -ENOSPC;
		break;
	case OP_MKDIR:
		*idle = !missing;
		break;
	case OP_REMOVE:
		*idle = missing == 1;
		return missing > 1 ? -ENOENT : 0;
	case OP_SET_PERMS:
		if (missing)
			return -ENOENT;
		if (!(rights & PERM_OWNER))
			return -EACCES;
		if (client->domid != 0 && perms_owner(op->perms) != perms_owner(node->perms))
			return -EPERM;
		if (client_limit(client, QUOTA_PERMS, op->perms->count))
			return -ENOSPC;
		return 0;
	}

	/*
	 * What a guest creates is its own, wherever it is. The sum can be negative while a
	 * transaction has removed nodes that others have removed meanwhile, too.
	 */
	nodes = account->nodes + tally_of(tally, client->domid) + missing;
	if (missing && nodes > 0 && client_limit(client, QUOTA_NODES, nodes))
		return -ENOSPC;
	return 0;
}

/* Do what check_op() allowed. Only memory can be lacking. */
static int apply_op(struct client *client, struct tree *tree, struct tally *tally,
		    const struct op *op)
{
	const struct change change = {
		.writer = client->domid,
		.gen = ++client->store->last_gen,
		.tally = tally,
	};
	domid_t owner = client->domid ? client->domid : DOMID_INVALID;

	switch (op->kind) {
	case OP_WRITE:
		return tree_write(tree, op->path, op->value, op->length, owner, &change);
	case OP_MKDIR:
		return tree_write(tree, op->path, NULL, 0, owner, &change);
	case OP_REMOVE:
		return tree_remove(tree, op->path, &change);
	case OP_SET_PERMS:
		return tree_set_perms(tree, op->path, op->perms, &change);
	}
	return -EINVAL;
}

static void fire_op(struct store *store, const struct op *op, const struct tree *before)
{
	const struct event event = { .path = (char *)op->path, .removed = op->kind == OP_REMOVE };

	watch_fire(store, &event, before);
}

/* What a change of the live tree took. */
static void book_bytes(struct store *store, const struct tally *tally)
{
	store->churn += tally->bytes;
	store_work(store, tally->bytes / 64);
}

static int perform_live(struct client *client, const struct op *op)
{
	struct store *store = client->store;
	struct tree before = { 0 };
	struct tally tally = { 0 };
	bool idle;
	int error = check_op(client, &store->live, &tally, op, &idle);

	if (error || idle)
		return error;
	if (op->kind == OP_REMOVE)
		store_work(store, tree_size(&store->live, op->path, WORK_NODES_MAX));
	/*
	 * Only these events need the past. Elsewhere the snapshot would make the change copy its
	 * path.
	 */
	if (op->kind == OP_REMOVE || op->kind == OP_SET_PERMS)
		before = tree_snapshot(&store->live);
	error = apply_op(client, &store->live, &tally, op);
	if (!error) {
		/*
		 * Without a snapshot this cannot fail: who owns the parent, or asks, has an
		 * account.
		 */
		error = accounts_reserve(&store->accounts, &tally);
		if (!error) {
			accounts_apply(&store->accounts, &tally);
		} else if (before.root) {
			tree_free(&store->live);
			store->live = before;
			before.root = NULL;
		}
	}
	if (!error) {
		journal_change(store, client->domid, store->live.gen, op);
		fire_op(store, op, before.root ? &before : NULL);
	}
	book_bytes(store, &tally);
	tally_free(&tally);
	if (before.root)
		tree_free(&before);
	return error;
}

/* ------------------------------------------------------------------------------------------------
 * What a transaction depends on
 */

static int depend_on(struct client *client, struct transaction *transaction, const char *path,
		     size_t length, bool children)
{
	char name[PATH_BUFFER];
	const struct node *node;
	struct dependency *dependency;
	size_t size = sizeof(*dependency) + length + 1;

	dependency = (struct dependency *)table_find(&transaction->dependencies, path, length);
	if (dependency && (!children || dependency->children_gen))
		return 0;

	memcpy(name, path, length);
	name[length] = '\0';
	node = tree_find(&transaction->base, name);
	if (!dependency) {
		if (client_limit(client, QUOTA_TRANSACTION_NODES,
				 transaction->dependencies.nr_entries + 1) ||
		    client_limit(client, QUOTA_TRANSACTION_BYTES, transaction->bytes + size))
			return -ENOSPC;
		dependency = malloc(size);
		if (!dependency)
			return -ENOMEM;
		memcpy(dependency->path, name, length + 1);
		dependency->content_gen = node ? node->content_gen : 0;
		dependency->children_gen = 0;
		if (table_insert(&transaction->dependencies, &dependency->entry,
				 dependency->path)) {
			free(dependency);
			return -ENOMEM;
		}
		transaction->bytes += size;
	}
	if (children && node)
		dependency->children_gen = node->children_gen;
	return 0;
}

/*
 * Note all that decides what is at @path in @tree: the node, or that it is missing and below what.
 * The first missing component stands for all below it.
 */
static int depend_on_lookup(struct client *client, struct transaction *transaction,
			    const struct tree *tree, const char *path, bool children)
{
	size_t length;
	unsigned int missing;
	int error;

	tree_nearest(tree, path, &length, &missing);
	error = depend_on(client, transaction, path, length, children && !missing);
	if (!error && missing) {
		const char *cursor = length == 1 ? path : path + length;
		size_t name_length;

		path_next(&cursor, &name_length);
		error = depend_on(client, transaction, path, cursor - path, false);
	}
	return error;
}

static int depend_on_path(struct client *client, struct transaction *transaction, const char *path,
			  bool children)
{
	int error = depend_on_lookup(client, transaction, &transaction->base, path, children);

	if (!error)
		error = depend_on_lookup(client, transaction, &transaction->tree, path, children);
	return error;
}

/* The first dependency that no longer holds, or NULL. */
static const struct dependency *broken_dependency(struct store *store,
						  const struct transaction *transaction)
{
	const struct table *table = &transaction->dependencies;

	for (size_t i = 0; i < table->nr_buckets; i++) {
		for (struct table_entry *entry = table->bucket[i]; entry; entry = entry->next) {
			const struct dependency *dependency = (struct dependency *)entry;
			const struct node *node = tree_find(&store->live, dependency->path);

			store_work(store, 1 + strlen(dependency->path) / 32);
			if (dependency->content_gen != (node ? node->content_gen : 0))
				return dependency;
			if (node && dependency->children_gen &&
			    dependency->children_gen != node->children_gen)
				return dependency;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Transactions
 */

static void enlist(struct open_transactions *open, struct transaction *transaction)
{
	transaction->older = open->newest;
	if (open->newest)
		open->newest->newer = transaction;
	else
		open->oldest = transaction;
	open->newest = transaction;
}

static void delist(struct open_transactions *open, struct transaction *transaction)
{
	if (transaction->older)
		transaction->older->newer = transaction->newer;
	else
		open->oldest = transaction->newer;
	if (transaction->newer)
		transaction->newer->older = transaction->older;
	else
		open->newest = transaction->older;
	transaction->older = transaction->newer = NULL;
}

int transaction_start(struct client *client, uint32_t *id)
{
	struct transaction *transaction;

	if (client_limit(client, QUOTA_TRANSACTIONS, client->nr_transactions + 1))
		return -ENOSPC;
	transaction = calloc(1, sizeof(*transaction));
	if (!transaction)
		return -ENOMEM;
	do {
		transaction->id = ++client->last_transaction;
	} while (!transaction->id || transaction_find(client, transaction->id));
	transaction->base = tree_snapshot(&client->store->live);
	transaction->tree = tree_snapshot(&client->store->live);
	transaction->next = client->transactions;
	client->transactions = transaction;
	client->nr_transactions++;
	transaction->client = client;
	transaction->churn = client->store->churn;
	if (client->domid != 0)
		enlist(&client->store->open, transaction);
	journal_begin(client, transaction->id);
	*id = transaction->id;
	return 0;
}

int transaction_restore(struct client *client, uint32_t id)
{
	struct transaction *transaction;

	if (!id || transaction_find(client, id))
		return -EEXIST;
	transaction = calloc(1, sizeof(*transaction));
	if (!transaction)
		return -ENOMEM;
	transaction->id = id;
	transaction->client = client;
	transaction->expired = transaction->restored = true;
	transaction->next = client->transactions;
	client->transactions = transaction;
	client->nr_transactions++;
	client->last_transaction = id;
	return 0;
}

void transaction_each(const struct client *client,
		      void (*visit)(const struct client *client, uint32_t id))
{
	for (const struct transaction *at = client->transactions; at; at = at->next)
		visit(client, at->id);
}

struct transaction *transaction_find(struct client *client, uint32_t id)
{
	struct transaction *transaction = client->transactions;

	while (transaction && transaction->id != id)
		transaction = transaction->next;
	return transaction;
}

/*
 * As many as will have to be told of, and done to once more, at the end: making and removing a
 * whole tree are one operation each.
 */
static size_t nodes_changed(const struct tree *tree, const struct op *op)
{
	unsigned int missing;

	if (op->kind == OP_REMOVE)
		return tree_size(tree, op->path, WORK_NODES_MAX);
	tree_nearest(tree, op->path, NULL, &missing);
	return missing ? missing : 1;
}

static struct logged_op *log_op(struct client *client, struct transaction *transaction,
				const struct op *op, int *error)
{
	size_t path_length = strlen(op->path) + 1;
	size_t change = tree_change_bytes(&transaction->tree, op->path, op->length);
	struct logged_op *logged;
	size_t size = sizeof(*logged) + path_length + op->length;

	*error = -ENOSPC;
	if (client_limit(client, QUOTA_TRANSACTION_NODES,
			 transaction->nr_changed + nodes_changed(&transaction->tree, op)) ||
	    client_limit(client, QUOTA_TRANSACTION_BYTES, transaction->bytes + size + change))
		return NULL;
	*error = -ENOMEM;
	logged = malloc(size);
	if (!logged)
		return NULL;
	logged->next = NULL;
	logged->op = *op;
	logged->op.path = memcpy(logged->data, op->path, path_length);
	logged->op.value = logged->data + path_length;
	if (op->length)
		memcpy(logged->data + path_length, op->value, op->length);
	if (op->perms)
		perms_get(op->perms);
	*error = 0;
	return logged;
}

static void free_logged(struct logged_op *logged)
{
	perms_put(logged->op.perms);
	free(logged);
}

static void free_dependency(struct table_entry *entry)
{
	_Static_assert(offsetof(struct dependency, entry) == 0, "the entry starts the allocation");
	free(entry);
}

/* Give back what it holds; the number stays in use. */
static void transaction_empty(struct transaction *transaction)
{
	if (transaction->client->domid != 0 && !transaction->expired)
		delist(&transaction->client->store->open, transaction);
	transaction->expired = true;
	table_free(&transaction->dependencies, free_dependency);
	while (transaction->first_op) {
		struct logged_op *logged = transaction->first_op;

		transaction->first_op = logged->next;
		free_logged(logged);
	}
	transaction->last_op = NULL;
	tally_free(&transaction->tally);
	tree_free(&transaction->base);
	tree_free(&transaction->tree);
}

static void transaction_free(struct client *client, struct transaction *transaction)
{
	struct transaction **slot = &client->transactions;

	while (*slot != transaction)
		slot = &(*slot)->next;
	*slot = transaction->next;
	client->nr_transactions--;
	transaction_empty(transaction);
	free(transaction);
}

void transaction_expire(struct store *store)
{
	struct transaction *oldest;

	/* All that they keep from being freed was in the store with the oldest, or came since. */
	while ((oldest = store->open.oldest) &&
	       store->churn - oldest->churn >
		       store_limit(store, oldest->client->domid, QUOTA_TRANSACTION_CHURN)) {
		store_log_domain(store, oldest->client->domid,
				 "a transaction has been open for too long and is over");
		transaction_empty(oldest);
	}
}

static int perform_in(struct client *client, struct transaction *transaction, const struct op *op)
{
	struct logged_op *logged;
	size_t before, changed;
	bool idle;
	int error = check_op(client, &transaction->tree, &transaction->tally, op, &idle);
	int lacking;

	/*
	 * Refused whatever it is that is there: to depend on it would tell of it, and hold the one
	 * who changes it.
	 */
	if (error == -EACCES || error == -EINVAL)
		return error;
	lacking = depend_on_path(client, transaction, op->path, false);
	if (lacking)
		return lacking;
	if (error || idle)
		return error;
	logged = log_op(client, transaction, op, &error);
	if (!logged)
		return error;
	before = transaction->tally.bytes;
	changed = nodes_changed(&transaction->tree, op);
	error = apply_op(client, &transaction->tree, &transaction->tally, op);
	transaction->bytes += transaction->tally.bytes - before;
	store_work(client->store, (transaction->tally.bytes - before) / 64 + changed);
	if (error) {
		free_logged(logged);
		return error;
	}
	logged->gen = client->store->last_gen;
	if (transaction->last_op)
		transaction->last_op->next = logged;
	else
		transaction->first_op = logged;
	transaction->last_op = logged;
	transaction->bytes += sizeof(*logged) + strlen(op->path) + 1 + op->length;
	transaction->nr_changed += changed;
	return 0;
}

/*
 * Run the changes again on the live tree as it is now. They end up in the transaction's own tree,
 * so that nothing is visible before all of them are done.
 */
static int replay(struct client *client, struct transaction *transaction)
{
	bool idle;
	int error = 0;

	tree_free(&transaction->tree);
	transaction->tree = tree_snapshot(&client->store->live);
	tally_free(&transaction->tally);
	for (struct logged_op *logged = transaction->first_op; logged && !error;
	     logged = logged->next) {
		error = check_op(client, &transaction->tree, &transaction->tally, &logged->op,
				 &idle);
		if (!error && !idle)
			error = apply_op(client, &transaction->tree, &transaction->tally,
					 &logged->op);
		logged->gen = idle ? 0 : client->store->last_gen;
	}
	store_work(client->store, transaction->tally.bytes / 64);
	return error;
}

/*
 * Let the one wait whose change spoiled the transaction: of a node that the client could read when
 * it began. Who may at most write to it must not be able to slow down those who use it.
 */
static void hold_culprit(struct client *client, const struct transaction *transaction,
			 const struct dependency *dependency)
{
	struct store *store = client->store;
	const struct subject who = client_subject(client);
	const struct node *was = tree_nearest(&transaction->base, dependency->path, NULL, NULL);
	domid_t writer = tree_nearest(&store->live, dependency->path, NULL, NULL)->writer;
	struct account *account = account_find(&store->accounts, writer);

	if (writer != 0 && writer != client->domid && account &&
	    (perms_rights(was->perms, &who) & PERM_READ))
		account_hold(account, store->host->now(store->context));
}

static int commit(struct client *client, struct transaction *transaction)
{
	struct store *store = client->store;
	const struct dependency *broken;
	struct tree before;
	int error;

	/* Having only read, it saw one moment of the store, and that is all it may ask for. */
	if (!transaction->first_op)
		return 0;
	if (store->live.gen != transaction->base.gen) {
		broken = broken_dependency(store, transaction);
		if (broken) {
			store->conflicts++;
			hold_culprit(client, transaction, broken);
			return -EAGAIN;
		}
		error = replay(client, transaction);
		if (error)
			return error;
	}
	if (accounts_reserve(&store->accounts, &transaction->tally))
		return -ENOMEM;

	before = store->live;
	store->live = tree_snapshot(&transaction->tree);
	store->live.gen = ++store->last_gen;
	accounts_apply(&store->accounts, &transaction->tally);
	store->commits++;
	book_bytes(store, &transaction->tally);
	for (struct logged_op *logged = transaction->first_op; logged; logged = logged->next)
		if (logged->gen)
			journal_change(store, client->domid, logged->gen, &logged->op);
	journal_committed(store);
	for (struct logged_op *logged = transaction->first_op; logged; logged = logged->next)
		fire_op(store, &logged->op, &before);
	tree_free(&before);
	return 0;
}

int transaction_end(struct client *client, struct transaction *transaction, bool keep)
{
	int error = 0;

	if (keep)
		error = transaction->expired ? -EAGAIN : commit(client, transaction);
	journal_end(client, transaction->id);
	transaction_free(client, transaction);
	transaction_expire(client->store);
	return error;
}

void transaction_end_all(struct client *client)
{
	while (client->transactions)
		transaction_free(client, client->transactions);
}

/* ------------------------------------------------------------------------------------------------
 * Requests
 */

int store_perform(struct client *client, struct transaction *transaction, const struct op *op)
{
	int error;

	if (client_limit(client, QUOTA_PATH, strlen(op->path)))
		return -ENOSPC;
	if (transaction && transaction->restored)
		return 0;
	if (transaction)
		return transaction->expired ? -EAGAIN : perform_in(client, transaction, op);
	error = perform_live(client, op);
	transaction_expire(client->store);
	return error;
}

int store_lookup(struct client *client, struct transaction *transaction, const char *path,
		 unsigned int rights, bool children, const struct node **node)
{
	const struct tree *tree = &client->store->live;
	const struct subject who = client_subject(client);
	unsigned int missing;
	int error;

	if (transaction && transaction->expired && !transaction->restored)
		return -EAGAIN;
	if (transaction && transaction->restored)
		transaction = NULL;
	if (transaction)
		tree = &transaction->tree;
	*node = tree_nearest(tree, path, NULL, &missing);
	if ((perms_rights((*node)->perms, &who) & rights) != rights)
		return -EACCES;
	error = transaction ? depend_on_path(client, transaction, path, children) : 0;
	if (error)
		return error;
	return missing ? -ENOENT : 0;
}
