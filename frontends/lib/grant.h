/* SPDX-License-Identifier: MIT */
/*
 * References of a grant table, version 1, for kernels that have none yet. The kernel asks the
 * hypervisor for the table (GNTTABOP_setup_table) and maps it.
 */
#ifndef FRONTENDS_LIB_GRANT_H
#define FRONTENDS_LIB_GRANT_H

#include "frontends/lib/frontend.h"

#define GRANT_TABLE_MAX 2048u	/* references: four frames of table */

struct grant_table {
	struct grant_entry_v1 *entries;	/* shared with the hypervisor */
	unsigned int nr;		/* usable entries */
	unsigned int nr_free;
	uint16_t free[GRANT_TABLE_MAX];	/* stack */
	uint8_t given[GRANT_TABLE_MAX / 8];	/* a bit each: between give and end */
};

/*
 * grant_table_init - @nr entries (at most GRANT_TABLE_MAX) at @entries, all of them invalid but
 * those that the toolstack reserved, which are left alone.
 */
void grant_table_init(struct grant_table *t, struct grant_entry_v1 *entries, unsigned int nr);

/* grant_give - let domain @to use frame @mfn. -ENOSPC: no reference is free. */
int grant_give(struct grant_table *t, domid_t to, uint32_t mfn, bool readonly, grant_ref_t *ref);

/*
 * grant_end - nobody may use it any more, and @ref is free.
 * -EBUSY: it is mapped; all remains as it is. -EINVAL: @ref is not given. What was given before a
 * suspend that led to another domain is ended there as anywhere, although that domain's table is a
 * new one that knows nothing of it.
 */
int grant_end(struct grant_table *t, grant_ref_t ref);

#endif
