/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_PHYSMAP_H
#define ANNULUS_DOMAIN_PHYSMAP_H

#include "lib/types.h"

struct domain;

/*
 * What memory_op does to the memory of an HVM domain (memory/p2m.h), which is named by guest frame
 * numbers. Interrupts are on, no lock is held; several CPUs may be at it for one domain.
 */

/* The largest extent: what the map has as one entry. */
#define PHYSMAP_MAX_ORDER 9

/*
 * physmap_populate() - new memory for d: 2^order frames, from the machine's with numbers of `bits`
 * bits of address (0: any), at `gfn`.
 *     0
 *     -EINVAL  beyond the map, or order is more than PHYSMAP_MAX_ORDER
 *     -EEXIST  there is something
 *     -ENOMEM  no such memory, or d may not have more, of it or of tables
 */
int physmap_populate(struct domain *d, gfn_t gfn, unsigned order, unsigned bits);
/*
 * physmap_release() - d gives back the page of its memory at `gfn`. 0, -EINVAL (there is none, or
 * it is the hypervisor's), -ENOMEM (no table to split a large page into).
 */
int physmap_release(struct domain *d, gfn_t gfn);

/*
 * physmap_flush() - owed by who took pages of d out of the map, before its caller goes on: no vCPU
 * of d finds them there any more. A PV domain: nothing, it flushes for itself.
 */
void physmap_flush(struct domain *d);

/* XENMEM_add_to_physmap and remove_from_physmap; `arg` is a guest address. */
s64 physmap_add(u64 arg);
s64 physmap_remove(u64 arg);

#endif
