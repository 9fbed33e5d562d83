// SPDX-License-Identifier: LGPL-2.1-or-later
/* The store's content, for people and scripts to look at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "xs.h"

struct walk {
	struct xs *xs;
	hvctl_store_fn fn;
	void *data;
};

/*
 * Returns what fn() said if it was not 0, -errno if the store failed. The depth of the recursion is
 * bounded by the length of a path, some thousand bytes, of which a level takes two.
 */
static int visit(struct walk *w, const char *path)
{
	char *value = xs_read(w->xs, 0, path), **child, *below;
	int result;
	size_t i;

	if (!value)
		return -errno;
	result = w->fn(w->data, path, value);
	free(value);
	if (result)
		return result;
	child = xs_list(w->xs, 0, path);
	if (!child)
		return errno == ENOENT ? 0 : -errno;
	for (i = 0; !result && child[i]; i++) {
		if (asprintf(&below, "%s/%s", strcmp(path, "/") ? path : "", child[i]) < 0) {
			result = -ENOMEM;
			break;
		}
		result = visit(w, below);
		free(below);
		/* It was removed since it was listed. */
		if (result == -ENOENT)
			result = 0;
	}
	free(child);
	return result;
}

int hvctl_store(struct hvctl_ctx *ctx, const char *path, hvctl_store_fn fn, void *data)
{
	struct walk w = { hvctl_xs(ctx), fn, data };
	int result;

	if (!w.xs)
		return -ECONNREFUSED;
	result = visit(&w, path);
	if (result == -ENOMEM)
		return hvctl_no_memory(ctx);
	if (result < 0)
		return hvctl_fail(ctx, -result, "cannot read %s from the store: %s", path,
				  strerror(-result));
	return result;
}
