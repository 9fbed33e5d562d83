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
 * How far we are in a page. These are ours: what the domain writes over our indexes in the page
 * concerns nobody but itself.
 */
struct ring_place {
	uint32_t consumed;	/* of requests, read */
	uint32_t took;		/* of requests, as the domain was told by ring_took() */
	uint32_t produced;	/* of replies, as the domain was told */
};

/* ring_find - begin where the indexes in the page are. */
void ring_find(const struct xenstore_domain_interface *ring, struct ring_place *place);

/* ring_moved - whether somebody else has set our indexes in the page, as a new kernel may. */
bool ring_moved(const struct xenstore_domain_interface *ring, const struct ring_place *place);

/*
 * ring_resume - go on in a page that another daemon has left, where the journal has it.
 * @place: ->consumed as the journal says; the rest is filled in
 * @first: the index at which the output begins that the journal knows
 * @length: bytes of it
 * @sent: receives how much of it has left already
 * Returns 0, or -EIO when the page contradicts: requests that we took are not there, or more has
 * been sent than there was.
 */
int ring_resume(const struct xenstore_domain_interface *ring, struct ring_place *place,
		uint32_t first, size_t length, size_t *sent);

/*
 * ring_read - read up to @size bytes of requests. The domain does not learn of it before
 * ring_took(): until then they stay in the page.
 * Returns their number, or -EIO when the indexes are impossible.
 */
ssize_t ring_read(const struct xenstore_domain_interface *ring, struct ring_place *place,
		  char *out, size_t size);

/*
 * ring_took - what was read may be overwritten.
 * Returns whether there is more by now: the domain has sent no event for it if it came after
 * ring_read(), since it was told of nothing until here.
 */
bool ring_took(struct xenstore_domain_interface *ring, struct ring_place *place);

/*
 * ring_write - put up to @size bytes of replies.
 * Returns the number that fitted, or -EIO when the indexes are impossible.
 */
ssize_t ring_write(struct xenstore_domain_interface *ring, struct ring_place *place,
		   const char *in, size_t size);

/* ring_wants_restart - whether the domain asks to begin anew. */
bool ring_wants_restart(struct xenstore_domain_interface *ring);

/*
 * ring_restart - empty both rings and tell the domain that it may go on. Who is interrupted in it
 * finds that the domain still asks.
 */
void ring_restart(struct xenstore_domain_interface *ring, struct ring_place *place);

/* ring_offer - announce what this store supports, and that nothing is wrong. */
void ring_offer(struct xenstore_domain_interface *ring);

/* ring_fail - tell the domain why it is no longer served; @error is one of XENSTORE_ERROR_. */
void ring_fail(struct xenstore_domain_interface *ring, uint32_t error);

#endif
