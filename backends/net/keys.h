/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the store says about a frontend. */
#ifndef NET_KEYS_H
#define NET_KEYS_H

#include "backends/lib/backdev.h"
#include "backends/net/journal.h"

/*
 * keys_connection - what the frontend offers. NULL, or the name of the first key that makes no
 * sense: frontends write what they like.
 */
const char *keys_connection(const struct backdev *v, struct net_connection *c);

#endif
