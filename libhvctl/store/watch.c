// SPDX-License-Identifier: GPL-2.0-or-later

#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "path.h"

static const char *const special_path[SPECIAL_EVENTS] = {
	[SPECIAL_INTRODUCE] = "@introduceDomain",
	[SPECIAL_RELEASE] = "@releaseDomain",
};

static int canonical(const struct client *client, const char *path, char *out, size_t *prefix)
{
	if (path_special(path)) {
		strcpy(out, path);
		*prefix = 0;
		return 0;
	}
	return path_canonical(path, client->domid, out, prefix);
}

static struct watch_point *find_point(const struct store *store, const char *path, size_t length)
{
	return (struct watch_point *)table_find(&store->watch_points, path, length);
}

static struct watch_point *get_point(struct store *store, const char *path)
{
	size_t length = strlen(path);
	struct watch_point *point = find_point(store, path, length);

	_Static_assert(offsetof(struct watch_point, entry) == 0, "find_point() converts");
	if (point)
		return point;
	point = malloc(sizeof(*point) + length + 1);
	if (!point)
		return NULL;
	point->first = NULL;
	memcpy(point->path, path, length + 1);
	if (table_insert(&store->watch_points, &point->entry, point->path)) {
		free(point);
		return NULL;
	}
	return point;
}

static const struct watch_point *find_point_at(const struct store *store, const char *path,
					       const struct table_prefix *prefix)
{
	return (const struct watch_point *)table_find_prefix(&store->watch_points, path, prefix);
}

static void put_point(struct store *store, struct watch_point *point)
{
	if (point->first)
		return;
	table_remove(&store->watch_points, &point->entry);
	free(point);
}

/* The place of a client's watch in its list, pointing to NULL if there is none. */
static struct watch **find_watch(struct client *client, const char *path, size_t prefix,
				 const char *token)
{
	struct watch **slot = &client->watches;

	while (*slot && ((*slot)->prefix != prefix || strcmp((*slot)->point->path, path) != 0 ||
			 strcmp((*slot)->token, token) != 0))
		slot = &(*slot)->next;
	return slot;
}

static int add_watch(struct client *client, const char *name, size_t prefix, const char *token)
{
	struct store *store = client->store;
	size_t token_length = strlen(token);
	struct watch *watch = malloc(sizeof(*watch) + token_length + 1);
	struct watch_point *point = watch ? get_point(store, name) : NULL;

	if (!point) {
		free(watch);
		return -ENOMEM;
	}
	memcpy(watch->token, token, token_length + 1);
	watch->client = client;
	watch->prefix = prefix;
	watch->point = point;
	watch->next_here = point->first;
	point->first = watch;
	watch->next = client->watches;
	client->watches = watch;
	client->nr_watches++;
	store->nr_watches++;
	return 0;
}

int watch_restore(struct client *client, const char *path, size_t prefix, const char *token)
{
	size_t length = strlen(path);

	if (!(path_special(path) ? !prefix : path_valid(path) && prefix < length) ||
	    strlen(token) > TOKEN_MAX)
		return -EINVAL;
	return add_watch(client, path, prefix, token);
}

int watch_add(struct client *client, const char *path, const char *token)
{
	char name[PATH_BUFFER];
	size_t prefix, token_length = strlen(token);
	int error = canonical(client, path, name, &prefix);

	if (error)
		return error;
	if (token_length > TOKEN_MAX || client_limit(client, QUOTA_WATCHES, client->nr_watches + 1))
		return -E2BIG;
	if (*find_watch(client, name, prefix, token))
		return -EEXIST;

	error = add_watch(client, name, prefix, token);
	if (!error)
		journal_watch(client, client->watches);
	return error;
}

void watch_first_event(struct client *client, const char *path, const char *token)
{
	client_send_event(client, path, token);
}

static void remove_watch(struct client *client, struct watch **slot)
{
	struct watch *watch = *slot;
	struct watch **here = &watch->point->first;

	*slot = watch->next;
	while (*here != watch)
		here = &(*here)->next_here;
	*here = watch->next_here;
	put_point(client->store, watch->point);
	free(watch);
	client->nr_watches--;
	client->store->nr_watches--;
}

int watch_unrestore(struct client *client, const char *path, size_t prefix, const char *token)
{
	struct watch **slot = find_watch(client, path, prefix, token);

	if (!*slot)
		return -ENOENT;
	remove_watch(client, slot);
	return 0;
}

int watch_remove(struct client *client, const char *path, const char *token)
{
	char name[PATH_BUFFER];
	size_t prefix;
	struct watch **slot;
	int error = canonical(client, path, name, &prefix);

	if (error)
		return error;
	slot = find_watch(client, name, prefix, token);
	if (!*slot)
		return -ENOENT;
	journal_unwatch(client, *slot);
	remove_watch(client, slot);
	return 0;
}

void watch_remove_all(struct client *client)
{
	while (client->watches)
		remove_watch(client, &client->watches);
}

/*
 * Whether @who may know that @path exists or existed in @tree: it may read the node, or the list of
 * children that the node is in.
 */
static bool visible_in(const struct tree *tree, const char *path, const struct subject *who)
{
	unsigned int missing;
	const struct node *node = tree_nearest(tree, path, NULL, &missing);
	char parent[PATH_BUFFER];
	size_t length;

	if (missing > 1)
		return false;
	if (perms_rights(node->perms, who) & PERM_READ)
		return true;
	length = path_parent_length(path);
	if (missing || !length)
		return false;
	memcpy(parent, path, length);
	parent[length] = '\0';
	return perms_rights(tree_find(tree, parent)->perms, who) & PERM_READ;
}

/*
 * Whether @client may know of the change number store->last_event, which happened to @path. A
 * domain is asked once, however many watches it has: looking the path up can take long, and the
 * one who pays for it is not the one who watches.
 */
static bool may_know(struct store *store, const struct client *client, const char *path,
		     const struct tree *before)
{
	struct account *account = account_find(&store->accounts, client->domid);
	struct subject who;

	store_work(store, 1);
	if (account->event == store->last_event)
		return account->may_know;
	store_work(store, 2 + strlen(path) / 32);
	who = client_subject(client);
	account->event = store->last_event;
	account->may_know = visible_in(&store->live, path, &who) ||
			    (before && visible_in(before, path, &who));
	return account->may_know;
}

/* Tell of the change number store->last_event, which happened to @path. */
static void fire_point(struct store *store, const struct watch_point *point, const char *path,
		       const struct tree *before)
{
	for (struct watch *watch = point->first; watch; watch = watch->next_here)
		if (may_know(store, watch->client, path, before))
			client_send_event(watch->client, path + watch->prefix, watch->token);
}

/* A removed subtree is reported to those who watch exactly one of its nodes. */
static void fire_removed(struct store *store, const struct node *node, char *path,
			 const struct table_prefix *prefix, const struct tree *before)
{
	size_t length = prefix->length;

	for (unsigned int i = 0; i < node->nr_children; i++) {
		const struct node *child = node->child[i];
		struct table_prefix below = *prefix;
		const struct watch_point *point;

		path[length] = '/';
		strcpy(path + length + 1, child->name);
		table_prefix_extend(&below, path, length + 1 + strlen(child->name));
		point = find_point_at(store, path, &below);
		store_work(store, 1);
		store->last_event++;
		if (point)
			fire_point(store, point, path, before);
		fire_removed(store, child, path, &below, before);
	}
	path[length] = '\0';
}

void watch_fire(struct store *store, const struct event *event, const struct tree *before)
{
	const char *cursor = event->path;
	const struct watch_point *point = find_point(store, "/", 1);
	struct table_prefix prefix = { 0 };
	char path[PATH_BUFFER];
	size_t length;

	if (!store->nr_watches)
		return;
	store->last_event++;
	store_work(store, 1 + strlen(event->path) / 16);
	if (point)
		fire_point(store, point, event->path, before);
	while (path_next(&cursor, &length)) {
		table_prefix_extend(&prefix, event->path, cursor - event->path);
		point = find_point_at(store, event->path, &prefix);
		if (point)
			fire_point(store, point, event->path, before);
	}
	if (event->removed && before) {
		const struct node *node = tree_find(before, event->path);

		strcpy(path, event->path);
		if (node)
			fire_removed(store, node, path, &prefix, before);
	}
}

void watch_fire_special(struct store *store, enum special event)
{
	const char *path = special_path[event];
	const struct watch_point *point = find_point(store, path, strlen(path));

	for (struct watch *watch = point ? point->first : NULL; watch; watch = watch->next_here) {
		struct subject who = client_subject(watch->client);

		if (perms_rights(store->special[event], &who) & PERM_READ)
			client_send_event(watch->client, path, watch->token);
	}
}
