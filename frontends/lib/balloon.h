/* SPDX-License-Identifier: MIT */
/*
 * The balloon: gives frames back to the hypervisor and takes others, until the domain has as many
 * as the toolstack wrote to memory/target.
 */
#ifndef FRONTENDS_LIB_BALLOON_H
#define FRONTENDS_LIB_BALLOON_H

#include "frontends/lib/store.h"
#include "pv-abi/memory.h"

/* What the kernel does with its pseudo-physical pages. */
struct balloon_ops {
	/* A page that nothing uses or maps any more, to be given away. -ENOMEM: there is none. */
	int (*take)(void *kernel, xen_pfn_t *pfn);
	/* A page with a frame, as fresh memory. */
	void (*give)(void *kernel, xen_pfn_t pfn);
	/* Which frame a page has, in the P2M. */
	xen_pfn_t (*mfn)(void *kernel, xen_pfn_t pfn);
	void (*set_mfn)(void *kernel, xen_pfn_t pfn, xen_pfn_t mfn);
};

#define BALLOON_NO_FRAME (~(xen_pfn_t)0)	/* in the P2M: none */
#define BALLOON_BATCH 64u			/* frames of one hypercall */

struct balloon {
	const struct frontend *fe;
	const struct balloon_ops *ops;
	struct store *store;
	struct store_watch watch;
	xen_pfn_t *out;		/* pages without a frame, a stack in the caller's memory */
	size_t nr_out, room;
	uint64_t now, target;	/* frames that the domain has, and is to have */
};

/*
 * balloon_open - the domain has @frames now; @out has @room for that many pages without. Watches
 * memory/target; what the store says.
 */
int balloon_open(struct balloon *b, struct store *s, const struct balloon_ops *ops, uint64_t frames,
		 xen_pfn_t *out, size_t room);

/* balloon_resume - watches memory/target again, after store_resume(). What the store says. */
int balloon_resume(struct balloon *b);

/*
 * balloon_report - say in memory/meminfo that the domain uses @kib, for a toolstack that shares
 * memory by that. What the store says: -EACCES where there is no such node.
 */
int balloon_report(struct balloon *b, uint64_t kib);

/*
 * balloon_step - up to BALLOON_BATCH frames nearer to the target.
 * Returns 1: there is more to do; 0: it is reached. -ENOMEM: neither the kernel nor the hypervisor
 * has what is needed now; try again when some time has passed. -EIO: the hypervisor refuses.
 */
int balloon_step(struct balloon *b);

#endif
