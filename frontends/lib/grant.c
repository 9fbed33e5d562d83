// SPDX-License-Identifier: MIT
#include "frontends/lib/grant.h"

#include "pv-abi/io/ring.h"

void grant_table_init(struct grant_table *t, struct grant_entry_v1 *entries, unsigned int nr)
{
	t->entries = entries;
	t->nr = nr < GRANT_TABLE_MAX ? nr : GRANT_TABLE_MAX;
	t->nr_free = 0;
	__builtin_memset(t->given, 0, sizeof(t->given));
	for (unsigned int ref = t->nr; ref-- > GNTTAB_NR_RESERVED_ENTRIES;)
		t->free[t->nr_free++] = (uint16_t)ref;
}

int grant_give(struct grant_table *t, domid_t to, uint32_t mfn, bool readonly, grant_ref_t *ref)
{
	struct grant_entry_v1 *e;

	if (!t->nr_free)
		return -ENOSPC;
	*ref = t->free[--t->nr_free];
	t->given[*ref / 8] |= (uint8_t)(1u << *ref % 8);
	e = &t->entries[*ref];
	e->domid = to;
	e->frame = mfn;
	xen_wmb();
	__atomic_store_n(&e->flags, (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)),
			 __ATOMIC_RELEASE);
	return 0;
}

int grant_end(struct grant_table *t, grant_ref_t ref)
{
	struct grant_entry_v1 *e;
	uint16_t flags;

	if (ref < GNTTAB_NR_RESERVED_ENTRIES || ref >= t->nr ||
	    !(t->given[ref / 8] & 1u << ref % 8))
		return -EINVAL;
	e = &t->entries[ref];
	flags = __atomic_load_n(&e->flags, __ATOMIC_SEQ_CST);
	/* In one step with the look at it: the hypervisor sets the bits at any time. */
	do {
		if (flags & (GTF_reading | GTF_writing))
			return -EBUSY;
	} while (!__atomic_compare_exchange_n(&e->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	t->given[ref / 8] &= (uint8_t)~(1u << ref % 8);
	t->free[t->nr_free++] = (uint16_t)ref;
	return 0;
}
