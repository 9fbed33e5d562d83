// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The short way to change a leaf entry: what nearly every page fault, unmapping and fork of a guest
 * comes down to. It is made of the same steps as the long one in pv/pagetype.c, which defines it;
 * tests/unit/pagetype_random_test.c compares them.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "memory/frame.h"
#include "memory/log_dirty.h"
#include "pv/pagetype.h"
#include "cpu/pte.h"
#include "pv-abi/errno.h"

static inline void unlock(struct frame *f)
{
	atomic_and(&f->type, ~FT_LOCKED);
}

/*
 * A reference of a frame of d's as the entry needs it. False, and nothing changed: not so simple.
 */
static inline bool leaf_get_usual(struct domain *d, u64 e)
{
	mfn_t mfn = pte_mfn(e);
	struct frame *f;

	if (mfn >= max_mfn)
		return false;
	f = mfn_to_frame(mfn);
	if (!frame_get_usual(f, d))
		return false;
	if (!(e & PTE_RW) || type_get_more(f, FT_WRITABLE))
		return true;
	frame_put(f);
	return false;
}

/* Such a reference given back. */
static inline void leaf_put(struct domain *d, u64 e)
{
	mfn_t mfn = pte_mfn(e);
	struct frame *f;

	if (unlikely(mfn >= max_mfn || !frame_owned_by(mfn_to_frame(mfn), d))) {
		(void)entry_put(1, e, false);
		return;
	}
	f = mfn_to_frame(mfn);
	/* The last one leaves a time stamp behind. */
	if ((e & PTE_RW) && !type_put_not_last(f))
		frame_put_type(f);
	if (unlikely(!frame_put_usual(f)))
		frame_put(f);
}

int leaf_update(struct frame *f, struct domain *d, unsigned slot, u64 val, bool keep_ad,
		const u64 *expect)
{
	u64 *p = (u64 *)frame_to_va(f) + slot;
	u64 t = atomic_read(&f->type), cur, want;
	u32 owner = (u32)va_to_mfn(d);
	bool refs;

	if ((t & (FT_TYPE_MASK | FT_VALIDATED | FT_LOCKED)) != (FT_L1 | FT_VALIDATED) ||
	    !(t & FT_COUNT_MASK) || READ_ONCE(f->owner) != owner || log_dirty_on(d) ||
	    (!leaf_fix_usual(d, &val) && entry_fix(d, 1, &val)) ||
	    !atomic_cmpxchg(&f->type, &t, t | FT_LOCKED))
		return 1;
	/* A validated table with references cannot go away or change hands while it is locked. */
	cur = READ_ONCE(*p);
	if (unlikely(READ_ONCE(f->owner) != owner))
		goto not_usual;
	if (expect && cur != *expect)
		goto changed;
	refs = !(cur & val & PTE_P) || pte_mfn(cur) != pte_mfn(val) ||
	       ((cur ^ val) & (PTE_RW | PTE_CACHE));
	if (refs) {
		if ((val & PTE_P) && !leaf_get_usual(d, val))
			goto not_usual;
	} else if (!(val & PTE_A) && leaf_is_foreign(d, val)) {
		goto not_usual;
	}
	do {
		if (expect && cur != *expect) {
			if (refs && (val & PTE_P))
				leaf_put(d, val);
			goto changed;
		}
		want = keep_ad ? val | (cur & (PTE_A | PTE_D)) : val;
	} while (!atomic_cmpxchg(p, &cur, want));
	unlock(f);
	if (refs && (cur & PTE_P))
		leaf_put(d, cur);
	return 0;
not_usual:
	unlock(f);
	return 1;
changed:
	unlock(f);
	return -EAGAIN;
}
