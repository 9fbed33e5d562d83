/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_GRANT_H
#define ANNULUS_DOMAIN_GRANT_H

#include "lib/types.h"

struct domain;
struct grant_table;

/* 0, -ENOMEM. Limits in frames; -EINVAL when above the command line's. */
int grant_init(struct domain *d, u32 max_grant_frames, u32 max_maptrack_frames);
/* Unmap everything d has mapped from others; -ERESTART while work is left. */
int grant_release_mappings(struct domain *d);
void grant_destroy(struct domain *d);
/* Machine frame of the n-th grant (or status) frame, growing the table: for XENMEM_add_to_physmap and acquire_resource. */
int grant_frame_mfn(struct domain *d, unsigned n, bool status, mfn_t *mfn);
/* How many frames d's table (or, for version 2, its status array: else 0) may have at most. */
u32 grant_max_frames(struct domain *d, bool status);
s64 do_grant_table_op(u64 cmd, u64 arg, u64 count);
/*
 * Host PTEs that a grant mapping put into a guest's L1 hold references of frames of another domain. When the guest
 * overwrites such an entry by other means, pv/ calls this: is (v's domain, mfn, writable) a live grant mapping?
 */
void grant_dump(struct domain *d);

#endif
