/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page that the store shares with a domain: two byte rings. The domain may write anything
 * anywhere in it at any time; so indexes are read once, checked, and then not looked at again, and
 * bytes are copied out before use.
 */
#ifndef HVSTORE_RING_H
#define HVSTORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pv-abi/io/xs_wire.h"

/*
 * ring_read - take up to @size bytes of requests.
 * Returns their number, or -EIO when the indexes are impossible.
 */
ssize_t ring_read(struct xenstore_domain_interface *ring, char *out, size_t size);

/*
 * ring_write - put up to @size bytes of replies.
 * Returns the number that fitted, or -EIO when the indexes are impossible.
 */
ssize_t ring_write(struct xenstore_domain_interface *ring, const char *in, size_t size);

/* ring_wants_restart - whether the domain asks to begin anew. */
bool ring_wants_restart(struct xenstore_domain_interface *ring);

/* ring_restart - empty both rings and tell the domain that it may go on. */
void ring_restart(struct xenstore_domain_interface *ring);

/* ring_offer - announce what this store supports, and that nothing is wrong. */
void ring_offer(struct xenstore_domain_interface *ring);

/* ring_fail - tell the domain why it is no longer served; @error is one of XENSTORE_ERROR_. */
void ring_fail(struct xenstore_domain_interface *ring, uint32_t error);

#endif
