// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/msi.h"
#include "memory/frame.h"
#include "cpu/layout.h"
#include "pv/descriptor_page.h"
#include "pv/pagetype.h"
#include "cpu/pte.h"
#include "pv/pv.h"
#include "pv/shadow.h"
#include "pv-abi/errno.h"

/*
 * Device memory: no references are counted, permission is all. Never changes for a frame once the
 * machine is up.
 */
static bool mfn_is_io(mfn_t mfn)
{
	return !mfn_valid(mfn) || frame_owned_by(mfn_to_frame(mfn), dom_io);
}

static void stamp(struct frame *f)
{
	WRITE_ONCE(f->tlb_stamp, tlb_stamp_now());
}

/* Set the type word of a LOCKED frame. Only the pin bit can change meanwhile: it is kept. */
static void type_store(struct frame *f, u64 word)
{
	u64 t = atomic_read(&f->type);

	while (!atomic_cmpxchg(&f->type, &t, word | (t & FT_PINNED)))
		;
}

static void type_unlock(struct frame *f)
{
	atomic_and(&f->type, ~FT_LOCKED);
}

static u64 partial_word(u64 type, unsigned n, u64 count)
{
	return type | FT_PARTIAL | (u64)n << FT_PARTIAL_SHIFT | count;
}

static unsigned partial_entries(u64 t)
{
	if (t & FT_PARTIAL)
		return (unsigned)((t & FT_PARTIAL_MASK) >> FT_PARTIAL_SHIFT);
	return t & FT_VALIDATED ? PT_ENTRIES : 0;
}

/* ---- entries ---- */

static int type_get(struct frame *f, u64 type, struct frame **stuck);

int entry_fix(const struct domain *d, unsigned level, u64 *e)
{
	u64 v = *e;

	if (!(v & PTE_P)) {
		/*
		 * L1TF: the CPU ignores P in speculation and reads the frame's lines from the
		 * cache. Frame 0 is nobody's. The privileged domain may read all memory anyway.
		 */
		if (unlikely(cpu_features.l1tf) && !d->privileged && pte_mfn(v) &&
		    pte_mfn(v) < max_mfn)
			return -EINVAL;
		return 0;
	}
	if ((v & PTE_ADDR) >> cpu_features.phys_bits)
		return -EINVAL;
	if ((v & PTE_NX) && !cpu_features.nx)
		return -EINVAL;
	if (level > 1) {
		/* PTE_PS: large pages would map frames that were not looked at. */
		if (v & (PTE_PS | PTE_PWT | PTE_PCD | PTE_G))
			return -EINVAL;
		*e = v | PTE_US;
		/* What a PAE guest's L3 entries lack, the long mode's L3 needs. */
		if (level == 3 && d->is_32bit)
			*e |= PTE_RW;
		return 0;
	}
	/*
	 * Uncached views of RAM are for who is trusted: what the CPU walks as a table would be
	 * memory's content, what was checked the cache's, and a guest can make the two differ.
	 */
	if ((v & PTE_CACHE) &&
	    !(d->perms.iomem.first && (d->privileged || mfn_is_io(pte_mfn(v)))))
		return -EINVAL;
	/*
	 * A kernel in ring 1 is a supervisor to the CPU, in the same root as its user space: U is
	 * its own business, and nothing survives a change of roots.
	 */
	if (d->is_32bit || d->ring1) {
		*e = v & ~PTE_G;
		return 0;
	}
	*e = leaf_rights(v);
	return 0;
}

/*
 * The references of a leaf entry of d's, to a frame that `frames` owns. `same`: a frame that the
 * entry's predecessor maps already, so that mapping it read-only needs nobody's permission;
 * INVALID_MFN for none.
 */
static int leaf_get(struct domain *d, struct domain *frames, u64 *e, mfn_t same,
		    struct frame **stuck)
{
	mfn_t mfn = pte_mfn(*e);
	struct frame *f;
	int r;

	if (mfn_is_io(mfn)) {
		if (!range_set_contains(&d->perms.iomem, mfn, mfn))
			return -EPERM;
		if (frames != d && frames != dom_io &&
		    !range_set_contains(&frames->perms.iomem, mfn, mfn))
			return -EPERM;
		/* Writes to such pages fault; ptwr_fault() swallows them. */
		if ((*e & PTE_RW) && range_set_contains(&mmio_ro_ranges, mfn, mfn))
			*e &= ~PTE_RW;
		/*
		 * Nobody counts who has it mapped how, and what one mapping caches and another does
		 * not may end in a machine check, which takes everybody down: never cached.
		 */
		if (!d->privileged && pte_cacheable(*e))
			*e = (*e & ~PTE_PAT) | PTE_PCD | PTE_PWT;
		return 0;
	}
	f = mfn_to_frame(mfn);
	if (mfn == same && !(*e & PTE_RW)) {
		if (!frame_get_any(f))
			return -EINVAL;
	} else if (!frame_get(f, frames)) {
		return -EINVAL;
	}
	if (*e & PTE_RW) {
		r = type_get(f, FT_WRITABLE, stuck);
		if (r) {
			frame_put(f);
			return r;
		}
	}
	/* With the type's reference: whoever changes the type sees it, or has been. */
	if (frame_owner(f) != d)
		frame_foreign(f, d, *e & PTE_RW);
	return 0;
}

/*
 * The references of an entry of a table of d's. *e is brought into its final form. `stuck`: see
 * type_get().
 */
static int entry_get(struct domain *d, struct domain *frames, unsigned level, unsigned slot, u64 *e,
		     mfn_t same, struct frame **stuck)
{
	mfn_t mfn = pte_mfn(*e);
	struct frame *f;
	int r;

	if (!(*e & PTE_P))
		return 0;
	if (level == 1)
		return leaf_get(d, frames, e, same, stuck);
	if (mfn_is_io(mfn))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	if (!frame_get(f, d))
		return -EINVAL;
	r = type_get(f, ft_below(d->is_32bit, level, slot), stuck);
	if (r)
		frame_put(f);
	return r;
}

static int type_put(struct frame *f, bool preemptible);

int entry_put(unsigned level, u64 e, bool preemptible)
{
	mfn_t mfn = pte_mfn(e);
	struct frame *f;
	int r;

	if (!(e & PTE_P) || mfn_is_io(mfn))
		return 0;
	f = mfn_to_frame(mfn);
	if (level > 1) {
		r = type_put(f, preemptible);
		if (r)
			return r;
	} else if (e & PTE_RW) {
		frame_put_type(f);
	}
	frame_put(f);
	return 0;
}

/* ---- whole tables; the frame is LOCKED ---- */

/*
 * The last entry that a table in the partial state holds may lead to one that is half undone
 * itself: there an undoing was interrupted. It must be whole again before the table is.
 */
static int resume_last(struct frame *f, unsigned level, unsigned n, struct frame **stuck)
{
	bool is_32bit = frame_owner(f)->is_32bit;
	u64 e = READ_ONCE(((u64 *)frame_to_va(f))[n - 1]);
	struct frame *child;
	int r;

	if (level == 1 || !(e & PTE_P) || slot_reserved(is_32bit, atomic_read(&f->type), n - 1))
		return 0;
	child = mfn_to_frame(pte_mfn(e));
	r = type_get(child, ft_below(is_32bit, level, n - 1), stuck);
	if (!r)
		(void)type_put(child, false); /* not the last one: the entry has its own */
	return r;
}

/* Most entries of most tables are empty: eight at a glance. */
#define GLANCE 8
static bool all_empty(const u64 *e)
{
	u64 any = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < GLANCE; i++)
		any |= READ_ONCE(e[i]);
	return !any;
}

/* *n: entries below it are done, before and after. 0, -ERESTART or why an entry is refused. */
static int table_validate(struct frame *f, unsigned level, unsigned *n, struct frame **stuck)
{
	struct domain *d = frame_owner(f);
	u64 *table = frame_to_va(f), type = atomic_read(&f->type);

	if (*n) {
		int r = resume_last(f, level, *n, stuck);

		if (r)
			return r;
	}
	while (*n < PT_ENTRIES) {
		u64 e, fixed;
		int r;

		if (*n % GLANCE == 0 && all_empty(&table[*n])) {
			*n += GLANCE;
			continue;
		}
		e = fixed = READ_ONCE(table[*n]);
		if (slot_reserved(d->is_32bit, type, *n)) {
			++*n;
			continue;
		}
		r = entry_fix(d, level, &fixed);
		root_entry_fix(d, level, *n, &fixed);
		if (!r && !(e & PTE_P)) {
			++*n;
			continue;
		}
		if (!r)
			r = entry_get(d, d, level, *n, &fixed, INVALID_MFN, stuck);
		if (r)
			return r;
		if (fixed != e)
			WRITE_ONCE(table[*n], fixed);
		++*n;
		if (level > 1 && *n < PT_ENTRIES && preempt_wanted())
			return -ERESTART;
	}
	if (level == 4)
		root_fill(table);
	else if (level == 3 && d->is_32bit)
		memset(table + PAE_L3_ENTRIES, 0, (PT_ENTRIES - PAE_L3_ENTRIES) * sizeof(*table));
	else if ((type & FT_TYPE_MASK) == FT_L2_TOP)
		root_fill_compat(table);
	return 0;
}

static int table_undo(struct frame *f, unsigned level, unsigned *n, bool preemptible)
{
	bool is_32bit = frame_owner(f)->is_32bit;
	u64 *table = frame_to_va(f), type = atomic_read(&f->type);

	while (*n > 0) {
		u64 e;

		if (*n % GLANCE == 0 && all_empty(&table[*n - GLANCE])) {
			*n -= GLANCE;
			continue;
		}
		e = READ_ONCE(table[*n - 1]);
		if ((e & PTE_P) && !slot_reserved(is_32bit, type, *n - 1)) {
			int r = entry_put(level, e, preemptible);

			if (r)
				return r;
		}
		--*n;
		if ((e & PTE_P) && preemptible && level > 1 && *n > 0 && preempt_wanted())
			return -ERESTART;
	}
	return 0;
}

/* Leave a LOCKED frame in the partial state; `was`: its word before. */
static void leave_partial(struct frame *f, u64 was, unsigned n, u64 count)
{
	if (!(was & FT_PARTIAL))
		atomic_add(&f->count, 1);
	type_store(f, partial_word(was & FT_TYPE_MASK, n, count));
}

/*
 * Finish what nobody finished: a PARTIAL frame at count 0 that we have LOCKED. While the work goes
 * on it shows a reference, so that others fail instead of waiting for it. Afterwards still LOCKED
 * with the old type, unless -ERESTART.
 */
static int abandoned_undo(struct frame *f, u64 was)
{
	u64 type = was & FT_TYPE_MASK;
	unsigned n = partial_entries(was);
	int r;

	type_store(f, type | FT_LOCKED | 1);
	r = table_undo(f, ft_level(type), &n, true);
	if (r) {
		leave_partial(f, was, n, 0);
		return r;
	}
	stamp(f);
	type_store(f, type | FT_LOCKED);
	/* The partial state's; the caller of us has one too, so the frame stays. */
	frame_put(f);
	return 0;
}

/* The LOCKED frame's type is `type` already; `was` is the word before locking. */
static int validate_locked(struct frame *f, u64 was, u64 type, struct frame **stuck)
{
	u64 count = was & FT_COUNT_MASK;
	unsigned n = partial_entries(was);
	int r;

	if (type == FT_WRITABLE) {
		type_store(f, type | FT_VALIDATED | (count + 1));
		return 0;
	}
	/*
	 * With a reference shown: who wants another type is refused at once and does not wait for
	 * us.
	 */
	type_store(f, type | FT_LOCKED | (count + 1));
	if (type == FT_SEGDESC) {
		r = -EINVAL;
		if (descriptor_page_fix(frame_to_va(f), descriptor_of(frame_owner(f))))
			r = 0;
		frame_dirtied(f);
		type_store(f, r ? type : type | FT_VALIDATED | (count + 1));
		return r;
	}
	r = table_validate(f, ft_level(type), &n, stuck);
	frame_dirtied(f);
	if (!r) {
		type_store(f, type | FT_VALIDATED | (count + 1));
		if (was & FT_PARTIAL)
			frame_put(f);
		return 0;
	}
	if (r != -ERESTART && (table_undo(f, ft_level(type), &n, true) == 0) && !count) {
		stamp(f);
		type_store(f, type);
		if (was & FT_PARTIAL)
			frame_put(f);
		return r;
	}
	leave_partial(f, (was & ~FT_TYPE_MASK) | type, n, count);
	return r;
}

/*
 * frame_get_type() for who may hold a table's lock. A frame that stands half-way, with nobody to
 * come back for it, must be undone before it changes its type; its entries may lead to the very
 * table that is locked. So that is left to the caller: -ERESTART, and *stuck is the frame,
 * referenced, for unstick() when no lock is held any more.
 */
static int type_get(struct frame *f, u64 type, struct frame **stuck)
{
	u64 t = atomic_read(&f->type);

	for (;;) {
		u64 count = t & FT_COUNT_MASK, old = t & FT_TYPE_MASK;

		if (old == type && (t & FT_VALIDATED) && (count || !(t & FT_LOCKED))) {
			if (count == FT_COUNT_MASK)
				return -EBUSY;
			if (atomic_cmpxchg(&f->type, &t, t + 1))
				return 0;
			continue;
		}
		if (count && old != type)
			return -EINVAL;
		if (t & FT_LOCKED) {
			/* Only tables are locked for long. */
			if (ft_is_table(type) && preempt_wanted())
				return -ERESTART;
			cpu_relax();
			t = atomic_read(&f->type);
			continue;
		}
		if (count == FT_COUNT_MASK)
			return -EBUSY;
		if (old == FT_NONE && type == FT_WRITABLE) {
			/* Fresh from the heap: nothing to forget, nothing to check. */
			if (atomic_cmpxchg(&f->type, &t, FT_WRITABLE | FT_VALIDATED | 1))
				return 0;
			continue;
		}
		if (old != type && (t & FT_PARTIAL)) {
			atomic_add(&f->count, 1);
			*stuck = f;
			return -ERESTART;
		}
		if (!atomic_cmpxchg(&f->type, &t, t | FT_LOCKED))
			continue;
		if (old != type) {
			if (old != FT_NONE) {
				tlb_flush(frame_stale_cpus(f), TLB_GLOBAL);
				frame_stale_flushed(f);
			}
			t = type;
			type_store(f, type | FT_LOCKED);
		}
		return validate_locked(f, t, type, stuck);
	}
}

/*
 * Undo what a frame in the partial state holds, if nobody else has a reference. 0 (others may have
 * done it), or -ERESTART.
 */
static int abandoned_finish(struct frame *f)
{
	u64 t = atomic_read(&f->type);

	while ((t & FT_PARTIAL) && !(t & FT_COUNT_MASK)) {
		if (t & FT_LOCKED) {
			if (preempt_wanted())
				return -ERESTART;
			cpu_relax();
			t = atomic_read(&f->type);
		} else if (atomic_cmpxchg(&f->type, &t, t | FT_LOCKED)) {
			int r = abandoned_undo(f, t);

			if (!r)
				type_unlock(f);
			return r;
		}
	}
	return 0;
}

static int unstick(struct frame *f)
{
	int r = abandoned_finish(f);

	frame_put(f);
	return r;
}

int frame_get_type(struct frame *f, u64 type)
{
	for (;;) {
		struct frame *stuck = NULL;
		int r = type_get(f, type, &stuck);

		if (!stuck)
			return r;
		r = unstick(stuck);
		if (r)
			return r;
	}
}

static int type_put(struct frame *f, bool preemptible)
{
	u64 t = atomic_read(&f->type);

	for (;;) {
		u64 count = t & FT_COUNT_MASK, type = t & FT_TYPE_MASK;
		unsigned n;
		int r;

		ASSERT(count);
		if (count > 1 && (t & FT_VALIDATED)) {
			if (atomic_cmpxchg(&f->type, &t, t - 1))
				return 0;
			continue;
		}
		if (t & FT_LOCKED) {
			if (preemptible && preempt_wanted())
				return -ERESTART;
			cpu_relax();
			t = atomic_read(&f->type);
			continue;
		}
		if (!ft_is_table(type)) {
			/*
			 * The stamp must be there before anybody else can take the frame for
			 * something.
			 */
			if (!atomic_cmpxchg(&f->type, &t, (t - 1) | FT_LOCKED))
				continue;
			stamp(f);
			if (type == FT_WRITABLE)
				type_unlock(f);
			else
				type_store(f, type);
			return 0;
		}
		if (!atomic_cmpxchg(&f->type, &t, (t | FT_LOCKED) &
				    ~(FT_VALIDATED | FT_PARTIAL | FT_PARTIAL_MASK)))
			continue;
		n = partial_entries(t);
		if (count > 1) {
			/* One of several that want to give up a table that is half undone. */
			type_store(f, partial_word(type, n, count - 1));
			return 0;
		}
		if (log_dirty_on(frame_owner(f)))
			shadow_forget(frame_owner(f), f);
		r = table_undo(f, ft_level(type), &n, preemptible);
		if (r) {
			leave_partial(f, t, n, count);
			return r;
		}
		stamp(f);
		type_store(f, type);
		if (t & FT_PARTIAL)
			frame_put(f);
		return 0;
	}
}

void frame_put_type(struct frame *f)
{
	(void)type_put(f, false);
}

int frame_put_type_preemptible(struct frame *f)
{
	return type_put(f, true);
}

/* ---- writing entries ---- */

int table_lock(struct frame *f)
{
	u64 t = atomic_read(&f->type);

	for (;;) {
		if (!ft_is_table(t) || !(t & FT_COUNT_MASK))
			return -EINVAL;
		if (!(t & (FT_LOCKED | FT_VALIDATED)))
			return -EINVAL;
		if (t & FT_LOCKED) {
			if (preempt_wanted())
				return -ERESTART;
			cpu_relax();
			t = atomic_read(&f->type);
			continue;
		}
		if (atomic_cmpxchg(&f->type, &t, t | FT_LOCKED))
			return (int)ft_level(t);
	}
}

void table_unlock(struct frame *f, struct frame *stuck)
{
	type_unlock(f);
	if (stuck)
		(void)unstick(stuck);
}

/*
 * Unmapped mode runs on copies of the root: no CPU may enter the guest with the former entry in its
 * copy.
 */
static void root_changed(struct frame *f)
{
	if (cpu_features.meltdown || frame_owner(f)->ring1)
		tlb_flush(frame_owner(f)->dirty_cpus, TLB_ROOT);
}

int table_write(struct frame *f, unsigned level, unsigned slot, u64 val, struct domain *frames,
		bool keep_ad, const u64 *expect, u64 *old, struct frame **stuck)
{
	u64 *p = (u64 *)frame_to_va(f) + slot;
	struct domain *d = frame_owner(f);
	u64 cur = READ_ONCE(*p), want;
	bool same;
	int r;

	*old = 0;
	*stuck = NULL;
	if (slot_reserved(d->is_32bit, atomic_read(&f->type), slot))
		return -EINVAL;
	if (expect && cur != *expect)
		return -EAGAIN;
	r = entry_fix(d, level, &val);
	if (r)
		return r;
	root_entry_fix(d, level, slot, &val);
	/*
	 * The references are the same too: tables differ in nothing that counts, leaves would by
	 * the right to write, and a device's are judged by their caching.
	 */
	same = (cur & val & PTE_P) && pte_mfn(cur) == pte_mfn(val) &&
	       (level > 1 || !((cur ^ val) & (PTE_RW | PTE_CACHE)));
	if (!same) {
		r = entry_get(d, frames, level, slot, &val,
			      (cur & PTE_P) ? pte_mfn(cur) : INVALID_MFN, stuck);
		if (r)
			return r;
	}
	if (level == 1 && (val & PTE_P))
		val = leaf_keep_accessed(d, val);
	/* We are the only writer, but the CPUs set A and D whenever they like. */
	do {
		if (expect && cur != *expect) {
			if (!same)
				(void)entry_put(level, val, false);
			return -EAGAIN;
		}
		want = keep_ad ? val | (cur & (PTE_A | PTE_D)) : val;
	} while (!atomic_cmpxchg(p, &cur, want));
	if (log_dirty_on(d))
		shadow_entry_changed(d, f, slot);
	/* After it is there: who looks for such entries may have been at this one before. */
	if (level == 1 && (want & PTE_P) && (want & PTE_RW) && !mfn_is_io(pte_mfn(want)) &&
	    !frame_owned_by(mfn_to_frame(pte_mfn(want)), d))
		frame_dirtied(mfn_to_frame(pte_mfn(want)));
	if (level == 4)
		root_changed(f);
	if (!same && (cur & PTE_P))
		*old = cur;
	return 0;
}

u64 table_swap_leaf(struct frame *f, unsigned slot, u64 val)
{
	u64 old = atomic_xchg((u64 *)frame_to_va(f) + slot, val);
	struct domain *d = frame_owner(f);

	if (log_dirty_on(d))
		shadow_entry_changed(d, f, slot);
	return old;
}

/* ---- pins ---- */

/*
 * Drop a type reference without going on for long and without being called again: what is not
 * undone in time is left as a partial state at one reference less, for the next user of the frame
 * or for the domain's end.
 */
static void type_drop(struct frame *f)
{
	while (type_put(f, true)) {
		u64 t = atomic_read(&f->type);

		while ((t & FT_PARTIAL) && !(t & FT_LOCKED))
			if (atomic_cmpxchg(&f->type, &t, t - 1))
				return;
		cpu_relax();
	}
}

int frame_pin(struct frame *f, u64 type)
{
	struct domain *d = frame_owner(f);
	int r = frame_get_type(f, type);

	if (r)
		return r;
	if (atomic_or(&f->type, FT_PINNED) & FT_PINNED) {
		type_drop(f);
		return -EINVAL;
	}
	/*
	 * domain_relinquish_memory() may have passed by; whoever finds the bit drops the pin's
	 * references.
	 */
	if (d->dying && (atomic_and(&f->type, ~FT_PINNED) & FT_PINNED)) {
		type_drop(f);
		return -EINVAL;
	}
	return 0;
}

int frame_unpin(struct frame *f)
{
	int r;

	if (!(atomic_and(&f->type, ~FT_PINNED) & FT_PINNED))
		return -EINVAL;
	r = frame_put_type_preemptible(f);
	if (r) {
		if (!(atomic_or(&f->type, FT_PINNED) & FT_PINNED))
			return r;
		/*
		 * Pinned anew meanwhile, so it is not the last reference and there is nothing to
		 * undo.
		 */
		type_drop(f);
	}
	frame_put(f);
	return 0;
}

int frame_type_relinquish(struct frame *f)
{
	if ((atomic_read(&f->type) & FT_PINNED) && frame_unpin(f) == -ERESTART)
		return -ERESTART;
	return abandoned_finish(f);
}
