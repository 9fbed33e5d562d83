/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What clients do to the tree, inside and outside transactions.
 *
 * A transaction works on a snapshot of its own and keeps a list of its changes and of everything
 * its replies depended on. It commits if all of that is still as it was: its changes are then
 * repeated on the live tree, and every reply it got is the one it would have got by running at that
 * moment. Otherwise it fails with EAGAIN and leaves no trace.
 */
#ifndef HVSTORE_TRANSACTION_H
#define HVSTORE_TRANSACTION_H

#include "store.h"
#include "watch.h"

enum op_kind { OP_WRITE, OP_MKDIR, OP_REMOVE, OP_SET_PERMS };

/* A change that a client asks for. */
struct op {
	enum op_kind kind;
	const char *path;	/* canonical */
	const void *value;	/* OP_WRITE */
	size_t length;
	struct perms *perms;	/* OP_SET_PERMS */
};

/*
 * transaction_start - open a transaction.
 * @id: receives its number, never 0
 * Returns 0, -ENOSPC beyond the client's quota, -ENOMEM.
 */
int transaction_start(struct client *client, uint32_t *id);

/*
 * transaction_restore - the transaction @id, which was open when the daemon before us ended. What
 * was done in it is lost, and its end will say so with EAGAIN. Until then changes are answered as
 * if they were made, so that nobody takes one for impossible, and what is read is read outside.
 * Returns 0, -EEXIST, or -ENOMEM.
 */
int transaction_restore(struct client *client, uint32_t id);

/* transaction_each - call @visit with the numbers of the transactions that @client has open. */
void transaction_each(const struct client *client,
		      void (*visit)(const struct client *client, uint32_t id));

/* transaction_find - the client's transaction @id, or NULL. */
struct transaction *transaction_find(struct client *client, uint32_t id);

/*
 * transaction_end - close @transaction, which is freed in any case.
 * @keep: whether to keep its changes
 * Returns 0, -EAGAIN after a conflict, -ENOSPC when the changes would exceed a quota by now,
 * -ENOMEM. On error nothing was changed.
 */
int transaction_end(struct client *client, struct transaction *transaction, bool keep);

/*
 * transaction_expire - a guest's transaction keeps what was in the store when it began, so that it
 * may not stay open while the store is written anew again and again (QUOTA_TRANSACTION_CHURN).
 * Those that have been too long are over: they give back their memory, and whatever is asked in
 * them is answered -EAGAIN. Called after each change.
 */
void transaction_expire(struct store *store);

/* transaction_end_all - abandon all transactions of @client. */
void transaction_end_all(struct client *client);

/*
 * store_perform - do @op for @client, in @transaction or, if that is NULL, at once.
 * Watches fire when the change becomes visible.
 * Returns 0, or the error of the request:
 * -ENOENT	the node does not exist (OP_SET_PERMS), or neither does its parent (OP_REMOVE)
 * -EACCES	the client may not
 * -EPERM	only domain 0 may change the owner
 * -EINVAL	the root cannot be removed
 * -ENOSPC	beyond a quota
 * -EAGAIN	the transaction has been open for too long
 * -ENOMEM
 */
int store_perform(struct client *client, struct transaction *transaction, const struct op *op);

/*
 * store_lookup - the node at @path for a client that needs @rights on it.
 * @children: whether the reply will depend on the list of children
 * @node: receives the node, valid until the next change
 * Returns 0, -ENOENT, -EACCES (also for missing nodes below one that it may not read or write),
 * -ENOSPC when the transaction looks at too much, -EAGAIN when it has been open for too long,
 * -ENOMEM.
 */
int store_lookup(struct client *client, struct transaction *transaction, const char *path,
		 unsigned int rights, bool children, const struct node **node);

#endif
