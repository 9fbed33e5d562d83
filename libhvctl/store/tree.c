// SPDX-License-Identifier: GPL-2.0-or-later

#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"

/* ------------------------------------------------------------------------------------------------
 * Tallies
 */

/* Make sure that tally_add() for @domid needs no memory. */
static int tally_reserve(struct tally *tally, domid_t domid)
{
	struct tally_entry *entry;

	for (unsigned int i = 0; i < tally->count; i++)
		if (tally->entry[i].domid == domid)
			return 0;
	entry = realloc(tally->entry, (tally->count + 1) * sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	tally->entry = entry;
	entry[tally->count++] = (struct tally_entry){ .domid = domid };
	return 0;
}

static void tally_add(struct tally *tally, domid_t domid, long nodes)
{
	for (unsigned int i = 0; i < tally->count; i++)
		if (tally->entry[i].domid == domid)
			tally->entry[i].nodes += nodes;
}

long tally_of(const struct tally *tally, domid_t domid)
{
	for (unsigned int i = 0; i < tally->count; i++)
		if (tally->entry[i].domid == domid)
			return tally->entry[i].nodes;
	return 0;
}

void tally_free(struct tally *tally)
{
	free(tally->entry);
	*tally = (struct tally){ 0 };
}

/* ------------------------------------------------------------------------------------------------
 * Nodes
 */

static struct node *node_new(const char *name, size_t name_length, struct perms *perms,
			     const struct change *change)
{
	struct node *node = calloc(1, sizeof(*node) + name_length + 1);

	if (!node)
		return NULL;
	node->refs = 1;
	node->perms = perms_get(perms);
	node->content_gen = change->gen;
	node->children_gen = change->gen;
	node->writer = change->writer;
	memcpy(node->name, name, name_length);
	return node;
}

/* As deep as the path is long: at most XENSTORE_ABS_PATH_MAX / 2 levels. */
static void node_put(struct node *node)
{
	if (--node->refs)
		return;
	for (unsigned int i = 0; i < node->nr_children; i++)
		node_put(node->child[i]);
	free(node->child);
	free(node->value);
	perms_put(node->perms);
	free(node);
}

static int set_value(struct node *node, const void *value, size_t length)
{
	char *copy = NULL;

	if (length) {
		copy = malloc(length);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, value, length);
	}
	free(node->value);
	node->value = copy;
	node->value_length = length;
	return 0;
}

static struct node *node_copy(const struct node *node)
{
	const struct change same = { .writer = node->writer, .gen = node->content_gen };
	struct node *copy = node_new(node->name, strlen(node->name), node->perms, &same);

	if (!copy)
		return NULL;
	copy->children_gen = node->children_gen;
	if (set_value(copy, node->value, node->value_length))
		goto fail;
	if (node->nr_children) {
		copy->child = malloc(node->nr_children * sizeof(*copy->child));
		if (!copy->child)
			goto fail;
		copy->max_children = node->nr_children;
		for (unsigned int i = 0; i < node->nr_children; i++) {
			copy->child[i] = node->child[i];
			copy->child[i]->refs++;
		}
		copy->nr_children = node->nr_children;
	}
	return copy;
fail:
	node_put(copy);
	return NULL;
}

/* What the copy of a node takes. */
static size_t node_bytes(const struct node *node)
{
	return sizeof(*node) + strlen(node->name) + 1 + node->value_length +
	       node->nr_children * sizeof(*node->child);
}

/* Make the node in @slot ours alone, so that it may be changed. NULL without memory. */
static struct node *node_own(struct node **slot, struct tally *tally)
{
	struct node *copy;

	if ((*slot)->refs == 1)
		return *slot;
	copy = node_copy(*slot);
	if (!copy)
		return NULL;
	tally->bytes += node_bytes(copy);
	node_put(*slot);
	*slot = copy;
	return copy;
}

static int compare_name(const char *name, size_t length, const struct node *node)
{
	int order = strncmp(name, node->name, length);

	return order ? order : node->name[length] ? -1 : 0;
}

/* Index of the child, or of the place where it belongs. */
static bool find_child(const struct node *node, const char *name, size_t length,
		       unsigned int *index)
{
	unsigned int low = 0, high = node->nr_children;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		int order = compare_name(name, length, node->child[middle]);

		if (order == 0) {
			*index = middle;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*index = low;
	return false;
}

static int reserve_child(struct node *node)
{
	unsigned int wanted = node->max_children ? node->max_children * 2 : 4;
	struct node **child;

	if (node->nr_children < node->max_children)
		return 0;
	child = realloc(node->child, wanted * sizeof(*child));
	if (!child)
		return -ENOMEM;
	node->child = child;
	node->max_children = wanted;
	return 0;
}

static void stamp_content(struct tree *tree, struct node *node, const struct change *change)
{
	node->content_gen = change->gen;
	node->writer = change->writer;
	tree->gen = change->gen;
}

static void stamp_children(struct tree *tree, struct node *node, const struct change *change)
{
	node->children_gen = change->gen;
	node->writer = change->writer;
	tree->gen = change->gen;
}

/*
 * Own all nodes on the way to the first @length bytes of @path, which exist. Copying changes
 * nothing that can be seen, so failing half-way is harmless.
 */
static struct node *own_path(struct tree *tree, const char *path, size_t length,
			     struct tally *tally)
{
	const char *cursor = path;
	struct node **slot = &tree->root;
	struct node *node;
	const char *name;
	size_t name_length;
	unsigned int index;

	for (;;) {
		node = node_own(slot, tally);
		if (!node || cursor >= path + length)
			return node;
		name = path_next(&cursor, &name_length);
		if (!name)
			return node;
		find_child(node, name, name_length, &index);
		slot = &node->child[index];
	}
}

/* ------------------------------------------------------------------------------------------------
 * Trees
 */

int tree_new(struct tree *tree)
{
	const struct perm none = { .domid = 0, .rights = PERM_NONE };
	const struct change first = { .writer = 0, .gen = 1 };
	struct perms *perms = perms_new(&none, 1);

	tree->gen = 1;
	tree->root = perms ? node_new("", 0, perms, &first) : NULL;
	perms_put(perms);
	return tree->root ? 0 : -ENOMEM;
}

struct tree tree_snapshot(const struct tree *tree)
{
	tree->root->refs++;
	return *tree;
}

void tree_free(struct tree *tree)
{
	if (tree->root)
		node_put(tree->root);
	tree->root = NULL;
}

const struct node *tree_nearest(const struct tree *tree, const char *path, size_t *length,
				unsigned int *missing)
{
	const struct node *node = tree->root;
	const char *cursor = path;
	size_t matched = 1;
	const char *name;
	size_t name_length;
	unsigned int index;
	unsigned int left = 0;

	while ((name = path_next(&cursor, &name_length))) {
		if (left || !find_child(node, name, name_length, &index)) {
			left++;
			continue;
		}
		node = node->child[index];
		matched = cursor - path;
	}
	if (length)
		*length = matched;
	if (missing)
		*missing = left;
	return node;
}

const struct node *tree_find(const struct tree *tree, const char *path)
{
	unsigned int missing;
	const struct node *node = tree_nearest(tree, path, NULL, &missing);

	return missing ? NULL : node;
}

static int write_existing(struct tree *tree, const char *path, const void *value, size_t length,
			  const struct change *change)
{
	struct node *node = own_path(tree, path, strlen(path), change->tally);

	if (!node || set_value(node, value, length))
		return -ENOMEM;
	change->tally->bytes += length;
	stamp_content(tree, node, change);
	return 0;
}

/*
 * The new nodes are built as a chain of their own first and become visible by one insertion.
 */
int tree_write(struct tree *tree, const char *path, const void *value, size_t length,
	       domid_t owner, const struct change *change)
{
	size_t matched;
	unsigned int missing, index;
	const struct node *nearest = tree_nearest(tree, path, &matched, &missing);
	struct node *chain = NULL, *last = NULL, *parent;
	struct perms *perms;
	const char *cursor, *name;
	size_t name_length, bytes = length;
	int error = -ENOMEM;

	if (!missing)
		return write_existing(tree, path, value, length, change);

	perms = owner == DOMID_INVALID ? perms_get(nearest->perms) :
					 perms_with_owner(nearest->perms, owner);
	if (!perms)
		return -ENOMEM;
	cursor = matched == 1 ? path : path + matched;
	while ((name = path_next(&cursor, &name_length))) {
		struct node *node = node_new(name, name_length, perms, change);

		if (!node || (last && reserve_child(last))) {
			if (node)
				node_put(node);
			goto fail;
		}
		if (last)
			last->child[last->nr_children++] = node;
		else
			chain = node;
		last = node;
		bytes += sizeof(*node) + name_length + 1 + sizeof(*node->child);
	}
	parent = own_path(tree, path, matched == 1 ? 0 : matched, change->tally);
	if (!parent || set_value(last, value, length) || reserve_child(parent) ||
	    tally_reserve(change->tally, perms_owner(perms)))
		goto fail;

	find_child(parent, chain->name, strlen(chain->name), &index);
	memmove(&parent->child[index + 1], &parent->child[index],
		(parent->nr_children - index) * sizeof(parent->child[0]));
	parent->child[index] = chain;
	parent->nr_children++;
	stamp_children(tree, parent, change);
	tally_add(change->tally, perms_owner(perms), missing);
	change->tally->bytes += bytes;
	chain = NULL;
	error = 0;
fail:
	if (chain)
		node_put(chain);
	perms_put(perms);
	return error;
}

static void put_stamp(struct node *node, const struct stamp *stamp)
{
	node->content_gen = stamp->content_gen;
	node->children_gen = stamp->children_gen;
	node->writer = stamp->writer;
}

int tree_restore(struct tree *tree, const char *path, const void *value, size_t length,
		 struct perms *perms, const struct stamp *stamp)
{
	size_t parent_length = path_parent_length(path);
	const struct change change = { .writer = stamp->writer };
	const char *name = path + parent_length + (parent_length > 1);
	struct tally tally = { 0 };
	unsigned int missing, index;
	struct node *parent, *node;

	tree_nearest(tree, path, NULL, &missing);
	if (!parent_length) {
		if (set_value(tree->root, value, length))
			return -ENOMEM;
		perms_get(perms);
		perms_put(tree->root->perms);
		tree->root->perms = perms;
		put_stamp(tree->root, stamp);
		return 0;
	}
	if (missing != 1)
		return -EINVAL;
	parent = own_path(tree, path, parent_length == 1 ? 0 : parent_length, &tally);
	node = node_new(name, strlen(name), perms, &change);
	if (!parent || !node || set_value(node, value, length) || reserve_child(parent)) {
		if (node)
			node_put(node);
		return -ENOMEM;
	}
	put_stamp(node, stamp);
	find_child(parent, name, strlen(name), &index);
	memmove(&parent->child[index + 1], &parent->child[index],
		(parent->nr_children - index) * sizeof(parent->child[0]));
	parent->child[index] = node;
	parent->nr_children++;
	return 0;
}

static int reserve_owners(const struct node *node, struct tally *tally)
{
	int error = tally_reserve(tally, perms_owner(node->perms));

	for (unsigned int i = 0; !error && i < node->nr_children; i++)
		error = reserve_owners(node->child[i], tally);
	return error;
}

static void subtract_owners(const struct node *node, struct tally *tally)
{
	tally_add(tally, perms_owner(node->perms), -1);
	for (unsigned int i = 0; i < node->nr_children; i++)
		subtract_owners(node->child[i], tally);
}

int tree_remove(struct tree *tree, const char *path, const struct change *change)
{
	size_t parent_length = path_parent_length(path);
	struct node *parent, *gone;
	const char *name = path + parent_length + (parent_length > 1);
	unsigned int index;

	parent = own_path(tree, path, parent_length == 1 ? 0 : parent_length, change->tally);
	if (!parent)
		return -ENOMEM;
	find_child(parent, name, strlen(name), &index);
	gone = parent->child[index];
	if (reserve_owners(gone, change->tally))
		return -ENOMEM;

	subtract_owners(gone, change->tally);
	parent->nr_children--;
	memmove(&parent->child[index], &parent->child[index + 1],
		(parent->nr_children - index) * sizeof(parent->child[0]));
	stamp_children(tree, parent, change);
	node_put(gone);
	return 0;
}

static int replace_perms(struct tree *tree, struct node *node, struct perms *perms,
			 const struct change *change)
{
	if (tally_reserve(change->tally, perms_owner(node->perms)) ||
	    tally_reserve(change->tally, perms_owner(perms)))
		return -ENOMEM;
	tally_add(change->tally, perms_owner(node->perms), -1);
	tally_add(change->tally, perms_owner(perms), 1);
	perms_get(perms);
	perms_put(node->perms);
	node->perms = perms;
	stamp_content(tree, node, change);
	return 0;
}

int tree_set_perms(struct tree *tree, const char *path, struct perms *perms,
		   const struct change *change)
{
	struct node *node = own_path(tree, path, strlen(path), change->tally);

	return node ? replace_perms(tree, node, perms, change) : -ENOMEM;
}

/*
 * Mark @node and all below it, those where @domid is mentioned or below. All are looked at, so that
 * no mark of another time is left. Returns whether @node is marked.
 */
static bool mark_mentions(struct node *node, domid_t domid, struct tally *tally)
{
	tally->visits++;
	node->marked = false;
	for (unsigned int i = 0; i < node->perms->count; i++)
		node->marked |= node->perms->entry[i].domid == domid;
	for (unsigned int i = 0; i < node->nr_children; i++)
		node->marked |= mark_mentions(node->child[i], domid, tally);
	return node->marked;
}

static int forget_below(struct tree *tree, struct node **slot, domid_t gone,
			const struct change *change)
{
	struct node *node = node_own(slot, change->tally);
	struct perms *perms;
	int error = 0;

	if (!node)
		return -ENOMEM;
	change->tally->visits++;
	perms = perms_without(node->perms, gone);
	if (!perms)
		return -ENOMEM;
	if (perms != node->perms)
		error = replace_perms(tree, node, perms, change);
	perms_put(perms);
	for (unsigned int i = 0; !error && i < node->nr_children; i++)
		if (node->child[i]->marked)
			error = forget_below(tree, &node->child[i], gone, change);
	return error;
}

int tree_forget_domain(struct tree *tree, domid_t gone, const struct change *change)
{
	if (!mark_mentions(tree->root, gone, change->tally))
		return 0;
	return forget_below(tree, &tree->root, gone, change);
}

size_t tree_change_bytes(const struct tree *tree, const char *path, size_t length)
{
	const struct node *node = tree->root;
	const char *cursor = path, *name;
	bool shared = node->refs > 1, missing = false;
	size_t bytes = length + (shared ? node_bytes(node) : 0), name_length;
	unsigned int index;

	while ((name = path_next(&cursor, &name_length))) {
		if (missing || !find_child(node, name, name_length, &index)) {
			missing = true;
			bytes += sizeof(*node) + name_length + 1 + sizeof(*node->child);
			continue;
		}
		node = node->child[index];
		/* Below a shared node all are shared, whatever their own counts say. */
		shared |= node->refs > 1;
		if (shared)
			bytes += node_bytes(node);
	}
	return bytes;
}

static size_t size_below(const struct node *node, size_t most)
{
	size_t sum = 1;

	for (unsigned int i = 0; i < node->nr_children && sum < most; i++)
		sum += size_below(node->child[i], most - sum);
	return sum;
}

size_t tree_size(const struct tree *tree, const char *path, size_t most)
{
	const struct node *node = tree_find(tree, path);

	return node ? size_below(node, most) : 0;
}

static size_t count_below(const struct node *node, domid_t domid)
{
	size_t sum = domid == DOMID_INVALID || perms_owner(node->perms) == domid;

	for (unsigned int i = 0; i < node->nr_children; i++)
		sum += count_below(node->child[i], domid);
	return sum;
}

size_t tree_count(const struct tree *tree, domid_t domid)
{
	return count_below(tree->root, domid);
}

static const char *check_below(const struct node *node, uint64_t newest)
{
	if (!node->refs || !node->perms->refs || !node->perms->count)
		return "a node or its permissions are referenced but free";
	if (node->content_gen > newest || node->children_gen > newest)
		return "a node is newer than its tree";
	if ((node->value_length == 0) != (node->value == NULL))
		return "a value and its length disagree";
	for (unsigned int i = 0; i < node->nr_children; i++) {
		const char *problem;

		if (i && strcmp(node->child[i - 1]->name, node->child[i]->name) >= 0)
			return "children are not in order";
		problem = check_below(node->child[i], newest);
		if (problem)
			return problem;
	}
	return NULL;
}

const char *tree_check(const struct tree *tree)
{
	return check_below(tree->root, tree->gen);
}
