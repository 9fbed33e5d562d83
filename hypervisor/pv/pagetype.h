/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_PAGETYPE_H
#define ANNULUS_PV_PAGETYPE_H

#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "domain/domain.h"
#include "lib/types.h"
#include "memory/frame.h"
#include "memory/log_dirty.h"

/*
 * The types of frames (lib/upcalls.h declares frame_get_type() and friends) and the one way to
 * change a table's entry.
 *
 * States of struct frame.type, count = type references:
 *   VALIDATED     the content is right for the type. Tables and descriptor pages: count > 0.
 *   neither flag  count 0 and the frame is whatever its type says it was last; or LOCKED and in
 *                 transit.
 *   PARTIAL       an interrupted validation (count is 0) or undoing (count > 0: so many holders
 *                 will call frame_put_type_preemptible() again). Exactly the entries below the
 *                 recorded index hold references of what they point to. The state itself holds a
 *                 general reference, so that such a frame is not freed, however long nobody comes
 *                 to finish it. The last of these entries may lead to a table that is half undone
 *                 itself, counted by this entry alone.
 *                 Another frame_get_type() of the same type carries on, that table first; one of
 *                 another type at count 0 undoes first; domain_relinquish_memory() finishes what
 *                 is left.
 *   LOCKED        one CPU owns the frame's content and type word: it validates, undoes, changes the
 *                 type or writes an entry. Others may still take and drop references of a VALIDATED
 *                 type that stays above zero.
 *   PINNED        one of the type references (and a general one) belongs to MMUEXT_PIN.
 *
 * Why waiting for LOCKED cannot deadlock: whoever waits while holding a lock holds it on a table of
 * a higher level than the frame it waits for, because a frame with references never is waited for
 * as something else (that is -EINVAL at once), and a frame without is LOCKED only for the moment of
 * a stamp or of a TLB flush. There are no linear page tables: an entry of level n leads to level n
 * - 1 only. And an abandoned partial table of some other type is undone by nobody who holds a lock,
 * since its entries may lead to what he has locked.
 *
 * TLB: whoever drops the last type reference stamps the frame; whoever gives it another type
 * flushes the CPUs that have not flushed since (frame_stale_cpus()), before the content is looked
 * at.
 */

static inline bool ft_is_table(u64 type)
{
	u64 t = type & FT_TYPE_MASK;

	return (t >= FT_L1 && t <= FT_L4) || t == FT_L2_TOP;
}

/* Level 1..4 of a table type. */
static inline unsigned ft_level(u64 type)
{
	unsigned t = (unsigned)((type & FT_TYPE_MASK) >> 60);

	return t == FT_L2_TOP >> 60 ? 2 : t;
}

static inline u64 ft_of_level(unsigned level)
{
	return (u64)level << 60;
}

/*
 * A 32-bit guest's tables begin at level 3: its root is a frame of type FT_L3 with four entries,
 * the rest of which is zero. The L2 behind the fourth has slots of ours and a type of its own,
 * FT_L2_TOP, so that no frame can be both kinds.
 *
 * root_type() - what a root of d's must be.
 */
static inline u64 root_type(bool is_32bit)
{
	return is_32bit ? FT_L3 : FT_L4;
}

/* The type of what entry `slot` of a level 2..4 table leads to. */
static inline u64 ft_below(bool is_32bit, unsigned level, unsigned slot)
{
	if (is_32bit && level == 3 && slot == 3)
		return FT_L2_TOP;
	return ft_of_level(level - 1);
}

/* Is the slot of a table of this type never the guest's? */
static inline bool slot_reserved(bool is_32bit, u64 type, unsigned slot)
{
	switch (type & FT_TYPE_MASK) {
	case FT_L4:
		return slot >= HV_SLOT_FIRST && slot <= HV_SLOT_LAST;
	case FT_L3:
		return is_32bit && slot >= PAE_L3_ENTRIES;
	case FT_L2_TOP:
		return slot >= COMPAT_L2_FIRST;
	default:
		return false;
	}
}

/*
 * table_lock() - lock a validated table against other writers and against undoing. A general
 * reference is held. Locks of tables are taken from high levels to low ones.
 * Returns the level (1..4), -EINVAL (no validated table), -ERESTART (waiting for another CPU and
 * preempted).
 */
int __must_check table_lock(struct frame *f);
/* `stuck`: what the last table_write() of the table said, or NULL. */
void table_unlock(struct frame *f, struct frame *stuck);

/*
 * table_write() - replace entry `slot` of the locked table `f` of level `level`. The new entry's
 * references are taken before it is stored, of frames that `frames` owns.
 *   keep_ad     A and D of the old entry stay set
 *   expect      NULL, or the value that the entry must still have, A and D aside
 *   stuck       NULL, or what stands in the way and goes with table_unlock(); then try again
 *   old         the entry that was replaced; the caller gives its references back with entry_put(),
 *               after table_unlock() if it likes. 0 when there is nothing to give back.
 * 0, -EINVAL (the entry is not allowed, or reserved slot), -EPERM (I/O memory that is not the
 * domain's), -EAGAIN (*expect differs), -ERESTART. On error nothing has changed.
 */
int __must_check table_write(struct frame *f, unsigned level, unsigned slot, u64 val,
			     struct domain *frames,
			     bool keep_ad, const u64 *expect, u64 *old, struct frame **stuck);

/*
 * leaf_update() - table_lock(), table_write(), table_unlock() and entry_put() of a leaf entry in
 * one piece, for the usual case: nobody else is at the L1, it and the entry's frame are d's, the
 * types fit as they are. keep_ad, expect: as for table_write().
 * 0: done. -EAGAIN: *expect differs. 1: not the usual case; nothing has changed, go the long way,
 * which also says what is wrong if something is. A general reference of the table is not needed.
 */
int __must_check leaf_update(struct frame *f, struct domain *d, unsigned slot, u64 val,
			     bool keep_ad, const u64 *expect);

/*
 * leaf_swap() - the same for table_lock(), table_swap_leaf() and table_unlock(), if the entry is
 * `match` in the bits of `mask`. The new entry's references have been taken, *old's are the
 * caller's to give back. False: not the usual case, nothing has changed.
 */
static inline bool __must_check leaf_swap(struct frame *f, const struct domain *d, unsigned slot,
					  u64 mask, u64 match, u64 val, u64 *old)
{
	u64 *p = (u64 *)frame_to_va(f) + slot;
	u64 t = atomic_read(&f->type), cur;
	bool ok;

	if ((t & (FT_TYPE_MASK | FT_VALIDATED | FT_LOCKED)) != (FT_L1 | FT_VALIDATED) ||
	    !(t & FT_COUNT_MASK) || !frame_owned_by(f, d) || log_dirty_on(d) ||
	    !atomic_cmpxchg(&f->type, &t, t | FT_LOCKED))
		return false;
	/* A validated table with references cannot go away or change hands while it is locked. */
	cur = READ_ONCE(*p);
	ok = frame_owned_by(f, d) && (cur & mask) == match;
	while (ok && !atomic_cmpxchg(p, &cur, val))
		ok = (cur & mask) == match;
	atomic_and(&f->type, ~FT_LOCKED);
	*old = cur;
	return ok;
}

/*
 * entry_fix() - may a table of domain `d` have this entry at this level, and how does it look in
 * the table? Does not look at the frame. 0 or -EINVAL.
 */
int entry_fix(const struct domain *d, unsigned level, u64 *e);

/*
 * root_entry_fix() - after entry_fix(), of an entry of this slot: the upper half of a root of a
 * guest whose kernel runs in ring 1 is not its processes', so that an address tells who executed
 * SYSCALL.
 */
static inline void root_entry_fix(const struct domain *d, unsigned level, unsigned slot, u64 *e)
{
	if (level == 4 && slot >= PT_ENTRIES / 2 && d->ring1)
		*e &= ~PTE_US;
}

/*
 * leaf_rights() - how a present leaf entry of a 64-bit guest looks in its table. Its kernel is user
 * space to the CPU, too. Global are its user pages: their translations survive the change to the
 * kernel's root and back, and root_load() drops them with any other change of roots. Kernel pages
 * must go when the guest enters user mode.
 */
static inline u64 leaf_rights(u64 v)
{
	if (!(v & PTE_US))
		v |= PTE_GUEST_KERNEL;
	if ((v & PTE_GUEST_KERNEL) || !cpu_features.pge || cpu_features.meltdown)
		v &= ~PTE_G;
	else
		v |= PTE_G;
	return v | PTE_US;
}

/*
 * leaf_is_foreign() - does a present leaf entry of a table of d's map a frame of RAM that is
 * another domain's? The caller or the entry has a reference of the frame.
 */
static inline bool leaf_is_foreign(const struct domain *d, u64 e)
{
	mfn_t mfn = pte_mfn(e);

	return mfn < max_mfn && !frame_owned_by(mfn_to_frame(mfn), d);
}

/*
 * leaf_keep_accessed() - the entry as a guest's write to a table of d's stores it. A clear says of
 * a foreign frame that no CPU has it in its TLB (pv/grant_pte.c), which is not the guest's to say:
 * A is set.
 */
static inline u64 leaf_keep_accessed(const struct domain *d, u64 e)
{
	return leaf_is_foreign(d, e) ? e | PTE_A : e;
}

/*
 * leaf_fix_usual() - entry_fix() for the usual leaf entries of a 64-bit guest. That the frame's
 * number has not too many bits is left to who takes the reference: it is one of RAM's, or the
 * present entry's. False: not usual.
 */
static inline bool leaf_fix_usual(const struct domain *d, u64 *e)
{
	u64 v = *e;

	if (!(v & PTE_P))
		return !cpu_features.l1tf;
	if ((v & (PTE_CACHE | PTE_GUEST_KERNEL)) || d->is_32bit | d->ring1 ||
	    ((v & PTE_NX) && !cpu_features.nx))
		return false;
	*e = leaf_rights(v);
	return true;
}

/*
 * Give the references of a former entry back. -ERESTART (preemptible only): call again with the
 * same entry.
 */
int entry_put(unsigned level, u64 e, bool preemptible);

/*
 * table_swap_leaf() - like table_write() for a locked L1 and an entry whose references the caller
 * has taken already and that is stored as it is. Returns the old entry, for entry_put().
 */
u64 table_swap_leaf(struct frame *f, unsigned slot, u64 val);

/*
 * frame_pin() - MMUEXT_PIN_*: `f`, with a general reference of the caller's that becomes the pin's
 * on success. 0, -EINVAL (pinned already, not a valid table), -ERESTART, -EBUSY.
 *
 * frame_unpin() - undo it: 0, -EINVAL (not pinned), -ERESTART (still pinned; call again).
 */
int frame_pin(struct frame *f, u64 type);
int frame_unpin(struct frame *f);

#endif
