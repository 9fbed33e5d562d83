/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of nodes. It is persistent: a snapshot is one more reference to the root, and a change
 * first copies those nodes on its path that a snapshot still shares. So a transaction sees its own
 * tree at no cost, and dropping it undoes everything.
 *
 * Functions take canonical paths (path.h) and know nothing of access rights or quotas.
 */
#ifndef HVSTORE_TREE_H
#define HVSTORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "perm.h"

/*
 * Generations come from one counter and are never used twice, so two nodes with the same content
 * generation are the same node with the same value and permissions.
 */
struct node {
	unsigned int refs;
	unsigned int nr_children;
	unsigned int max_children;	/* allocated places in @child */
	struct node **child;		/* sorted by name */
	struct perms *perms;
	char *value;			/* NULL when empty */
	size_t value_length;
	uint64_t content_gen;		/* of the last change to value or permissions */
	uint64_t children_gen;		/* of the last child added or removed */
	domid_t writer;			/* who made the last change */
	bool marked;			/* for tree_forget_domain() alone; shared as the node is */
	char name[];
};

struct tree {
	struct node *root;
	uint64_t gen;			/* of the last change */
};

/* The nodes owned by a domain changed by this many. */
struct tally_entry {
	domid_t domid;
	long nodes;
};

/* What a series of changes did to the numbers of owned nodes, and how much memory they took. */
struct tally {
	struct tally_entry *entry;
	unsigned int count;
	size_t bytes;		/* of nodes and values that were made, also as copies */
	size_t visits;		/* to nodes, as far as tree_forget_domain() makes them */
};

/* tally_of - the change for @domid. */
long tally_of(const struct tally *tally, domid_t domid);

/* tally_free - release memory; the tally is empty afterwards. */
void tally_free(struct tally *tally);

/*
 * tree_new - a tree with nothing but the root node, owned by domain 0 and readable by domain 0
 * only.
 * Returns 0 or -ENOMEM.
 */
int tree_new(struct tree *tree);

/* tree_snapshot - another handle on the same content. */
struct tree tree_snapshot(const struct tree *tree);

/* tree_free - drop a handle. */
void tree_free(struct tree *tree);

/* tree_find - the node at @path, or NULL. Valid until the tree is changed or freed. */
const struct node *tree_find(const struct tree *tree, const char *path);

/*
 * tree_nearest - the node at @path or its deepest ancestor that exists.
 * @length: if not NULL, receives the length of that node's path within @path
 * @missing: if not NULL, receives the number of components below it that do not exist
 */
const struct node *tree_nearest(const struct tree *tree, const char *path, size_t *length,
				unsigned int *missing);

/* A change: who makes it and the generation it gets. */
struct change {
	domid_t writer;
	uint64_t gen;
	struct tally *tally;
};

/*
 * tree_write - set the value of @path, creating it and its missing ancestors.
 * New nodes take the permissions of the nearest existing ancestor; if @owner is not DOMID_INVALID
 * they belong to that domain.
 * Returns 0 or -ENOMEM; the content is unchanged on error.
 */
int tree_write(struct tree *tree, const char *path, const void *value, size_t length,
	       domid_t owner, const struct change *change);

/* What a node has beside its value and permissions. */
struct stamp {
	uint64_t content_gen, children_gen;
	domid_t writer;
};

/*
 * tree_restore - put a node there as it was in another tree, or give the root what it had. Its
 * parent is there already; the tree's generation is the caller's to set. The reference to @perms
 * stays the caller's.
 * Returns 0, -EINVAL if there is no parent or such a node already, -ENOMEM.
 */
int tree_restore(struct tree *tree, const char *path, const void *value, size_t length,
		 struct perms *perms, const struct stamp *stamp);

/*
 * tree_remove - remove @path, which must exist and not be the root, with all below it.
 * Returns 0 or -ENOMEM; the content is unchanged on error.
 */
int tree_remove(struct tree *tree, const char *path, const struct change *change);

/*
 * tree_set_perms - give @path, which must exist, other permissions (the reference stays the
 * caller's).
 * Returns 0 or -ENOMEM; the content is unchanged on error.
 */
int tree_set_perms(struct tree *tree, const char *path, struct perms *perms,
		   const struct change *change);

/*
 * tree_forget_domain - replace everywhere the permissions that mention @gone (see perms_without).
 * It looks at no node more than twice.
 * Returns 0 or -ENOMEM; on error some nodes may still mention it, and the call can be repeated.
 */
int tree_forget_domain(struct tree *tree, domid_t gone, const struct change *change);

/*
 * tree_change_bytes - how much memory tree_write() of @length bytes to @path will take, or another
 * change there for which @length is 0: an upper bound.
 */
size_t tree_change_bytes(const struct tree *tree, const char *path, size_t length);

/* tree_size - number of nodes at and below @path, not counted beyond @most. */
size_t tree_size(const struct tree *tree, const char *path, size_t most);

/* tree_count - number of nodes, and if @domid is not DOMID_INVALID only those it owns. */
size_t tree_count(const struct tree *tree, domid_t domid);

/*
 * tree_check - walk the tree and verify that it is well formed (order, references, generations).
 * Returns NULL, or what is wrong.
 */
const char *tree_check(const struct tree *tree);

#endif
