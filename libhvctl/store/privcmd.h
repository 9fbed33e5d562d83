/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other domains, as seen through /dev/xen/privcmd and /dev/xen/gntdev: whether they live, and pages
 * of theirs.
 */
#ifndef HVSTORE_PRIVCMD_H
#define HVSTORE_PRIVCMD_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-abi/xen.h"

/* The devices. A descriptor is -1 if its device could not be opened. */
struct privcmd {
	int privcmd;
	int gntdev;
	void *bounce;		/* a page that hypercalls may use */
};

enum domain_life {
	DOMAIN_RUNS,
	DOMAIN_SHUT_DOWN,	/* it has stopped, and waits for the toolstack */
	DOMAIN_GONE,		/* it is dying, or there is none of this number */
};

/* A mapped page of another domain. */
struct foreign_page {
	void *address;		/* NULL when not mapped */
	uint64_t index;		/* gntdev's, if @granted */
	bool granted;
};

/*
 * privcmd_open - open the devices. Returns 0, or the negative errno of privcmd, without which
 * nothing works; a missing gntdev only means that pages are mapped by frame number.
 */
int privcmd_open(struct privcmd *privcmd);

void privcmd_close(struct privcmd *privcmd);

/*
 * privcmd_life - what has become of @domid. @life is untouched on error.
 * @handle: if not NULL, receives the 16 bytes of its handle, which another domain that gets the
 * number does not have; zeros if there is none
 * Returns 0 or a negative errno.
 */
int privcmd_life(struct privcmd *privcmd, domid_t domid, enum domain_life *life, uint8_t *handle);

/*
 * privcmd_map - map a page of @domid for reading and writing.
 * @grant: the grant reference that is tried first
 * @frame: the machine frame for domains that did not grant it
 * Returns 0 or a negative errno.
 */
int privcmd_map(struct privcmd *privcmd, domid_t domid, uint32_t grant, uint64_t frame,
		struct foreign_page *page);

/* privcmd_unmap - undo it. Nothing happens if the page is not mapped. */
void privcmd_unmap(struct privcmd *privcmd, struct foreign_page *page);

#endif
