/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page that a domain shares with its console: two byte rings. The domain may write anything
 * anywhere in it at any time; indexes are read once and checked.
 */
#ifndef HVCONSOLE_RING_H
#define HVCONSOLE_RING_H

#include <stddef.h>
#include <sys/types.h>

#include "pv-abi/io/console.h"

/*
 * console_take - take up to @size bytes that the domain printed.
 * Returns their number. When the indexes are impossible, what is in the ring is skipped.
 */
size_t console_take(struct xencons_interface *ring, char *out, size_t size);

/*
 * console_give - type up to @size bytes into the domain's console.
 * Returns the number that fitted; impossible indexes mean that nothing fits.
 */
size_t console_give(struct xencons_interface *ring, const char *in, size_t size);

#endif
