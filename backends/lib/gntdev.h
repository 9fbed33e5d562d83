/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another domain's granted pages, through /dev/xen/gntdev. Functions return 0 or a negative errno.
 */
#ifndef BACKENDS_GNTDEV_H
#define BACKENDS_GNTDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-abi/grant_table.h"

#define GNTDEV_BATCH	1024u		/* grants of one mapping, at most */

/* gntdev_open - a descriptor, or a negative errno. */
int gntdev_open(void);

/*
 * gntdev_map - maps @nr grants of @domid in a row, all or none, and says where. @index is for
 * gntdev_unmap().
 */
int gntdev_map(int fd, domid_t domid, const grant_ref_t *refs, uint32_t nr, bool writable,
	       uint64_t *index, void **base);

/*
 * gntdev_announce - send an event through local port @port when the mapping @index has gone, which
 * can be later than gntdev_unmap() returns: the kernel waits until no device has the pages.
 */
int gntdev_announce(int fd, uint64_t index, uint32_t port);

/* gntdev_unmap - takes it away. No I/O to it may be under way. */
int gntdev_unmap(int fd, uint64_t index, void *base, uint32_t nr);

/*
 * gntdev_settle - until the kernel has let go of the pages of all I/O that we have seen the end of.
 * It tells of the end first and drops its references after, in the same interrupt: which is over
 * when every CPU has been seen outside of one. gntdev, told to unmap a page that somebody has, puts
 * the unmapping off, while the mapping goes: the page is freed once too often. So this comes before
 * each gntdev_unmap() of pages that had I/O. Takes a grace period of the kernel's RCU.
 */
void gntdev_settle(void);

/*
 * gntdev_hasten - makes such a period a tenth of a millisecond instead of ten, by asking all CPUs
 * for it (/sys/kernel/rcu_expedited). For the supervisor; where it may not, windows are slow.
 */
void gntdev_hasten(void);

/* One piece of a copy. A granted one lies within a page; ours need not. */
union gntdev_side {
	void *local;
	struct { grant_ref_t ref; uint16_t offset; domid_t domid; } foreign;
};

struct gntdev_segment {
	union gntdev_side source, dest;
	uint16_t size, flags;		/* bytes; GNTDEV_*_FOREIGN: that side is a grant */
	int16_t status;			/* OUT: 0, or why this piece was not copied (GNTST_*) */
};
#define GNTDEV_SOURCE_FOREIGN	1u
#define GNTDEV_DEST_FOREIGN	2u

/*
 * gntdev_copy - all pieces, by the hypervisor, sixteen to a hypercall. 0, and each has its .status;
 * or a negative errno, with which nobody knows what was copied.
 */
int gntdev_copy(int fd, struct gntdev_segment *segments, unsigned int nr);

/* gntdev_copy_in - @size bytes of the page @ref of @domid to @to, without mapping it. */
int gntdev_copy_in(int fd, domid_t domid, grant_ref_t ref, void *to, uint32_t size);

#endif
