/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_OWNER_H
#define ANNULUS_MEMORY_OWNER_H

#include "lib/spinlock.h"
#include "lib/types.h"
#include "lib/upcalls.h"

/*
 * What this room knows of a domain, to which frames belong: the head of struct domain, which lies
 * at the start of a frame of its own (frame_owner() relies on that).
 *
 * page_lock guards the frame list, tot_pages, max_pages and claimed_pages.
 */
struct owner {
	domid_t id;
	volatile bool dying;     /* destruction began: no new references to its frames */
	/*
	 * PAE guest in compatibility mode, kernel in ring 1: it cannot name frames from
	 * COMPAT_M2P_ENTRIES on. Set before it has memory.
	 */
	bool is_32bit;
	/* a 64-bit one whose kernel runs in ring 1 (pv-abi/ring1.h); set before it has memory */
	bool ring1;
	/* it has mapped, or is about to map, a frame of another's (memory/frame.h); never reset */
	bool maps_foreign;
	bool foreign_mapper;     /* the same, and the CPUs that it ran on are in foreign_cpus */
	/* what is written of it is marked in `log` (memory/log_dirty.h); changes while paused */
	bool log_dirty;
	u32 refs;                /* atomic; the last domain_put() frees it */
	struct spinlock page_lock;
	u32 frames_head, frames_tail; /* struct frame.next/prev chain; FRAME_LIST_END when empty */
	u64 tot_pages, max_pages, claimed_pages;
	volatile cpumask_t dirty_cpus; /* CPUs that may have its TLB entries; atomic */
	struct log_dirty *log;   /* NULL until log_dirty is set first */
	struct p2m *p2m;         /* HVM: from its creation on (memory/p2m.h); else NULL */
};

static inline struct owner *owner_of(const struct domain *d)
{
	return (struct owner *)d;
}

static inline void domain_hold(struct domain *d)
{
	atomic_add(&owner_of(d)->refs, 1);
}

extern struct domain *dom_hv; /* DOMID_XEN: owns what the hypervisor shows everybody (M2P, ...) */
extern struct domain *dom_io; /* DOMID_IO: owns I/O memory that has frame table entries */

#endif
