/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches: a client that watches a path hears of every change to that node and below it, as far as
 * it may read what changed.
 */
#ifndef HVSTORE_WATCH_H
#define HVSTORE_WATCH_H

#include "store.h"

/* A token longer than this could not be sent together with the longest path. */
#define TOKEN_MAX	(XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2)

/* All watches on one path. */
struct watch_point {
	struct table_entry entry;
	struct watch *first;
	char path[];
};

struct watch {
	struct watch *next_here;	/* on the same path */
	struct watch *next;		/* of the same client */
	struct watch_point *point;
	struct client *client;
	size_t prefix; /* bytes of the path that the client, watching relatively, leaves out */
	char token[];
};

/* Something that happened to a node. */
struct event {
	char *path;			/* canonical */
	bool removed;			/* with all below it */
};

/*
 * watch_add - let @client watch @path (as received, also relative or special).
 * Returns 0, -EINVAL for a malformed path, -EEXIST when it has the same watch already, -E2BIG
 * beyond its quota or for an overlong token, -ENOMEM.
 */
int watch_add(struct client *client, const char *path, const char *token);

/*
 * watch_first_event - queue the event that every new watch gets. Separate from watch_add() so that
 * the reply can go first.
 */
void watch_first_event(struct client *client, const char *path, const char *token);

/* watch_remove - returns 0, -EINVAL, or -ENOENT if there is no such watch. */
int watch_remove(struct client *client, const char *path, const char *token);

/*
 * watch_restore - a watch that the daemon before us had, on the canonical or special @path, of
 * which the client leaves out the first @prefix bytes. No quota counts, and nobody is told.
 * Returns 0, -EINVAL, -ENOMEM.
 */
int watch_restore(struct client *client, const char *path, size_t prefix, const char *token);

/* watch_unrestore - the same watch is no more. Returns 0, or -ENOENT. */
int watch_unrestore(struct client *client, const char *path, size_t prefix, const char *token);

/* watch_remove_all - remove every watch of @client. */
void watch_remove_all(struct client *client);

/*
 * watch_fire - tell everybody about @event, after the change.
 * @before: the tree before the change, or NULL if no node was removed and no permission changed
 */
void watch_fire(struct store *store, const struct event *event, const struct tree *before);

/* watch_fire_special - tell those who watch a domain event and may know of it. */
void watch_fire_special(struct store *store, enum special event);

#endif
