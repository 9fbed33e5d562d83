/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's connection to the store, and the news that come from there. */
#ifndef BACKENDS_BACKSTORE_H
#define BACKENDS_BACKSTORE_H

#include <stdbool.h>

#define STORE_RETRY_MS	1000		/* until a store that is lost is looked for again */
#define NEWS_MS		50		/* until those who have to wait for a look are asked for */

/* backstore_open - super.store, with all our watches. 0 or a negative errno: there is none. */
int backstore_open(void);

/*
 * backstore_run - takes what has come, or looks for the store if it is lost. Returns whether there
 * is more: requests bring events in that epoll knows nothing about.
 */
bool backstore_run(void);

/*
 * backstore_look - once at each device of which there is news, however many came: a guest writes
 * its state as often as it likes, and a look at it costs some calls of the store. Returns whether
 * one has to wait.
 */
bool backstore_look(void);

#endif
