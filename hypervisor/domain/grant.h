/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_GRANT_H
#define ANNULUS_DOMAIN_GRANT_H

#include "lib/types.h"

struct domain;
struct grant_table;

/*
 * What a vCPU's grant operations came to, since it was made; only its own CPU counts, anybody may
 * read.
 */
struct grant_counters {
	u64 mapped;
	u64 unmapped;       /* page-table entries taken out by unmapping */
	u64 untouched;      /* of these, no CPU had had them in its TLB */
	u64 copied, copied_bytes;
	u64 flushes;        /* of unmappings: one for a batch that needs one */
	u64 flushes_avoided; /* batches that unmapped and needed none */
};

/* Limits of a domain in frames unless its configuration says less: command line. */
extern u32 grant_max_frames;   /* 64 */
extern u32 grant_max_maptrack; /* 1024 */

/*
 * grant_init() - a grant table of one frame. Limits in frames; 0 or ~0: the command line's. 0,
 * -ENOMEM, -EINVAL (above the command line's).
 */
int grant_init(struct domain *d, u32 max_grant_frames, u32 max_maptrack_frames);
/*
 * grant_release_mappings() - end everything d has mapped from others; d no longer runs. -ERESTART
 * while work is left, then 0. Entries of d's page tables hold references of their own and may go
 * later.
 */
int grant_release_mappings(struct domain *d);
/* The last reference of d is gone: free its table. Does nothing if there is none. */
void grant_destroy(struct domain *d);
/*
 * grant_frame_mfn() - machine frame of the n-th grant frame, growing the table: for
 * XENMEM_add_to_physmap and acquire_resource. 0, -EINVAL (past the limit, or a status frame, which
 * version 1 does not have), -ENOMEM.
 */
int grant_frame_mfn(struct domain *d, unsigned n, bool status, mfn_t *mfn);
s64 do_grant_table_op(u64 cmd, u64 arg, u64 count);
/*
 * grant_for_each_mapping() - visit what d has mapped from others: each holds a general reference of
 * the frame and, if writable, a FT_WRITABLE one, besides those of page-table entries. For the
 * audit. d is paused, or fn takes a snapshot.
 */
void grant_for_each_mapping(struct domain *d, void (*fn)(mfn_t mfn, bool writable, void *arg),
			    void *arg);
/*
 * grant_for_each_written() - visit d's own frames that somebody may be writing by one of its
 * grants: in use from before it is mapped until it is mapped no more.
 */
void grant_for_each_written(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg);
/* Visit the frames of d's table: each is shared with d by frame_share(). */
void grant_for_each_frame(struct domain *d, void (*fn)(mfn_t mfn, void *arg), void *arg);
/* The counters of all vCPUs of d's, summed up. */
void grant_counters_get(struct domain *d, struct grant_counters *sum);
/* Table and mappings in use, to the log. */
void grant_dump(struct domain *d);

#endif
