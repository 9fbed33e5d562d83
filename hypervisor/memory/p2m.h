/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_P2M_H
#define ANNULUS_MEMORY_P2M_H

#include "lib/spinlock.h"
#include "lib/types.h"
#include "memory/frame.h"
#include "memory/owner.h"

/*
 * The physical-to-machine map of an HVM domain: which frame is at a guest frame number. It is the
 * nested page table that the CPU walks, so what is written here is what the guest can reach: AMD
 * APM vol. 2, 15.25 (the tables are those of long mode, four levels, and every entry has the U
 * bit, since a nested walk is a user's), or Intel's EPT.
 *
 * An entry that maps holds a general and a FT_WRITABLE reference of each frame: while a frame is
 * in the map it is of no other type, so no CPU takes it for a table; one that maps for reading only
 * holds the general one. A and D, where the CPU has them, are set from the start, which leaves it
 * nothing to write.
 *
 * `lock` guards all changes. Look-ups take no lock: tables, once made, stay until p2m_destroy(),
 * and what is found is only a number until a reference of the frame is taken.
 *
 * Stale translations of what is taken out are dealt with as those of a PV guest are: the frame is
 * stamped when it loses its last reference, and who gets it next flushes for it first. A CPU's full
 * flush makes its guests take new ASIDs, and one that leaves a domain's vCPU keeps nothing of it.
 */
#define P2M_GFN_BITS 28 /* 1 TiB */

/* What is at a guest frame number; kept in bits of the entry that the CPU ignores. */
enum p2m_type {
	P2M_NONE,   /* nothing: an access is the guest's mistake, or a device's */
	P2M_RAM,    /* a frame of the domain's own memory */
	P2M_SHARED, /* a frame that the hypervisor shares with it: shared info, grant table */
	P2M_GRANT,  /* what another domain grants to it; and the same, for reading only */
	P2M_GRANT_RO,
	P2M_TYPES,
};

struct p2m {
	struct spinlock lock;
	u64 *root;          /* level 4 */
	u64 tables;         /* pages of tables, the root among them; under lock */
	u64 entries[P2M_TYPES]; /* pages mapped, by type; under lock */
	gfn_t highest;      /* that was ever mapped; under lock */
	u64 most_pages;     /* the domain's highest limit, as often as it was asked; under lock */
	gfn_t cursor;       /* p2m_relinquish(): everything below is empty */
};

/*
 * p2m_use_ept() - boot, before there is a map: whose entries they are, Intel's or AMD's, and may
 * there be large pages? That is what p2m_large says then: who has an order of 9 asks.
 */
void p2m_use_ept(bool ept, bool large);
extern bool p2m_large;
/* p2m_create() - an empty map for d, which has none: 0, -ENOMEM. */
int p2m_create(struct domain *d);
/* p2m_destroy() - free the tables of a map that p2m_relinquish() has emptied. No map: nothing. */
void p2m_destroy(struct domain *d);
/*
 * p2m_relinquish() - empty the map of a domain that does not run and is dying. 0, or -ERESTART:
 * call again. No map: 0.
 */
int p2m_relinquish(struct domain *d);

/*
 * p2m_add() - map 2^order frames of d's from `mfn` on at `gfn`, where nothing is. `order` is 0, or
 * 9 with both numbers aligned to it. Interrupts are on, no lock is held.
 *     0
 *     -EINVAL  beyond the map, not aligned, or a frame is not d's or is of another type
 *     -EEXIST  there is something
 *     -ESRCH   the domain is being taken apart
 *     -ENOMEM  no page for a table, or the domain has as many of them as its limit of memory allows
 */
int __must_check p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order,
			 enum p2m_type type);
/*
 * p2m_remove() - take out one page, if `mfn` is there. Interrupts are on, no lock is held.
 *     0
 *     -ENOENT  it is not there
 *     -EINVAL  it is there by a grant
 *     -ENOMEM  it is in a large page, for which there is no table to split it into
 */
int p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn);
/*
 * p2m_add_grant() - map a granted frame, whoever owns it, at `gfn`, where nothing is. The caller
 * holds a general reference of it, and a FT_WRITABLE one if `write`. As p2m_add().
 * p2m_remove_grant() - it must be there, and writable if `write`: 0, -EINVAL. All CPUs that d runs
 * on are to be flushed before the caller's references go.
 */
int __must_check p2m_add_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool write);
int __must_check p2m_remove_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool write);
/* p2m_lookup() - the frame at `gfn`, INVALID_MFN for none; its type in *type, which may be NULL. */
mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type);
/*
 * p2m_get_frame() - the same with a general reference on the frame, which is d's for as long as it
 * is held; NULL for none.
 */
struct frame *p2m_get_frame(struct domain *d, gfn_t gfn);
/* The table that the CPU is given. */
mfn_t p2m_root(const struct domain *d);
/*
 * p2m_for_each() - every page that is mapped, for the audit: nothing changes meanwhile. True if the
 * books (`tables`, `entries`) are right and no entry has more than it should.
 */
bool p2m_for_each(const struct domain *d,
		  void (*fn)(gfn_t gfn, mfn_t mfn, enum p2m_type type, void *arg), void *arg);

#endif
