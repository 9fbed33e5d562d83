/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a frontend has written into the store about its rings. */
#ifndef BLOCK_NODE_H
#define BLOCK_NODE_H

#include "backends/block/journal.h"
#include "libhvctl/xs.h"

/*
 * node_connection - reads the connection that the frontend at @path offers. NULL, or the name of
 * the first key that makes no sense: frontends write what they like.
 */
const char *node_connection(struct xs *store, const char *path, struct journal_connection *c);

#endif
