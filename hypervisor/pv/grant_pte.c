// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entries of page tables that map granted frames.
 *
 * A page that only a device reads or writes never is in a TLB, and needs no flush when it is
 * unmapped. So an entry begins with A and D clear, and what its unmapping's own exchange takes out
 * tells by A whether a CPU may have it (cpu/accessed.h). That holds because of these rules:
 *
 * * A clear is written here only. Whatever else writes an entry with a frame that is not the
 *   table owner's (mmu_update, update_va_mapping, trapped writes) sets A: leaf_keep_accessed().
 * * A table cannot be validated with such entries, so none comes back in a page that the guest has
 *   written itself. unmap_and_replace moves an entry as it was taken out.
 * * The owner's own frames are its to write as it likes: an entry of one is never judged.
 * * An entry that a guest overwrites or clears without a flush of its own may live on in TLBs. But
 *   a mapping's host part ends by taking out an entry only, and entries are made one for a host
 *   part: as many as were lost that way, so many mappings of the same frame, with the same rights
 *   or more, last until their domain ends. The frame stays granted for as long. (The privileged
 *   domain can make entries without a grant; it may map the frame anyway.)
 *
 * All begin clear, rings too: which pages a CPU will touch is nobody's to know here. Those that are
 * touched cost the CPU one assist more in their life, for A and D at once if the first access is a
 * write, and the flush at their end as ever.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "memory/frame.h"
#include "memory/log_dirty.h"
#include "pv/grant_pte.h"
#include "pv/mmu.h"
#include "pv/pagetype.h"
#include "cpu/pte.h"
#include "pv-abi/errno.h"
#include "pv-abi/grant_table.h"

/*
 * What the exchange took out of an entry of d's that mapped `f`: GRANT_PTE_*. On a processor whose
 * manual does not say what A is worth no foreign frame's entry has it clear.
 */
static inline int judge(const struct domain *d, const struct frame *f, u64 taken)
{
	return (taken & PTE_A) || frame_owned_by(f, d) ? GRANT_PTE_CACHED : GRANT_PTE_UNTOUCHED;
}

/* An entry of an L1 of the current domain's: locked, with a general reference on the table. */
struct place {
	struct frame *table;
	unsigned slot;
};

/* 0 or -EINVAL. */
static int place_lock(struct place *p, u64 addr, bool machine)
{
	struct vcpu *v = current;
	mfn_t mfn;
	int level;

	if (machine) {
		if (addr & 7)
			return -EINVAL;
		mfn = addr >> PAGE_SHIFT;
		p->slot = (addr & ~PAGE_MASK) / 8;
	} else {
		mfn = pv_find_l1(v, addr);
		p->slot = pt_slot(addr, 1);
	}
	if (!mfn_valid(mfn) || !frame_get(mfn_to_frame(mfn), v->domain))
		return -EINVAL;
	p->table = mfn_to_frame(mfn);
	/* An L1 is held for moments only, so there is no need to be continued for it. */
	do {
		level = table_lock(p->table);
	} while (level == -ERESTART);
	if (level > 1)
		table_unlock(p->table, NULL);
	if (level != 1) {
		frame_put(p->table);
		return -EINVAL;
	}
	return 0;
}

static u64 place_read(const struct place *p)
{
	return READ_ONCE(((u64 *)frame_to_va(p->table))[p->slot]);
}

/* Store, unlock and give the former entry's references back. Returns the former entry. */
static u64 place_finish(struct place *p, u64 e)
{
	u64 old = table_swap_leaf(p->table, p->slot, e);

	/* On its way here no table had it: who looked for mappings of its frame missed it. */
	if ((e & PTE_P) && (e & PTE_RW) && leaf_is_foreign(current->domain, e))
		frame_dirtied(mfn_to_frame(pte_mfn(e)));
	table_unlock(p->table, NULL);
	(void)entry_put(1, old, false);
	frame_put(p->table);
	return old;
}

static void place_cancel(struct place *p)
{
	table_unlock(p->table, NULL);
	frame_put(p->table);
}

/*
 * Store an entry the short way if what is there is `match` in the bits of `mask`. False: nothing
 * has changed, go the long way. Tables that are named by their frame go the long way always.
 */
static inline bool place_swap(u64 addr, bool machine, u64 mask, u64 match, u64 e, u64 *old)
{
	struct vcpu *v = current;
	mfn_t mfn = machine ? INVALID_MFN : pv_find_l1(v, addr);

	return mfn != INVALID_MFN &&
	       leaf_swap(mfn_to_frame(mfn), v->domain, pt_slot(addr, 1), mask, match, e, old);
}

/* The references of an entry that mapped `f`. */
static void leaf_gone(struct frame *f, u64 e)
{
	if ((e & PTE_RW) && !type_put_not_last(f))
		frame_put_type(f);
	if (!frame_put_usual(f))
		frame_put(f);
}

int grant_pte_map(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 avail_bits)
{
	bool write = !(gntmap_flags & GNTMAP_readonly);
	u64 e = pte_make(mfn, PTE_P | (avail_bits & PTE_AVAIL));
	struct domain *d = current->domain;
	struct frame *f;
	struct place p;
	bool foreign;
	u64 old;
	int r;

	if (!mfn_valid(mfn))
		return -EINVAL;
	if (write)
		e |= PTE_RW;
	if (gntmap_flags & GNTMAP_application_map)
		e |= PTE_US;
	r = leaf_fix_usual(d, &e) ? 0 : entry_fix(d, 1, &e);
	if (r)
		return r;

	/* The entry's own references; the caller's keep the owner and the type as they are. */
	f = mfn_to_frame(mfn);
	foreign = !frame_owned_by(f, d);
	if (!foreign || !cpu_features.accessed_first)
		e |= PTE_A | PTE_D;
	if (!frame_get_more(f) && !frame_get_any(f))
		return -EINVAL;
	if (write && !type_get_more(f, FT_WRITABLE)) {
		do {
			r = frame_get_type(f, FT_WRITABLE);
		} while (r == -ERESTART);
	}
	if (!r && foreign)
		frame_foreign(f, d, write);
	if (!r && place_swap(host_addr, gntmap_flags & GNTMAP_contains_pte, 0, 0, e, &old)) {
		if (old & PTE_P)
			(void)entry_put(1, old, false);
		return 0;
	}
	if (!r) {
		r = place_lock(&p, host_addr, gntmap_flags & GNTMAP_contains_pte);
		if (!r) {
			(void)place_finish(&p, e);
			return 0;
		}
		if (write)
			frame_put_type(f);
	}
	frame_put(f);
	return r;
}

int grant_pte_unmap(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 new_addr)
{
	bool machine = gntmap_flags & GNTMAP_contains_pte;
	u64 must = PTE_P | (gntmap_flags & GNTMAP_readonly ? 0 : PTE_RW);
	u64 e, replacement = 0;
	struct domain *d = current->domain;
	struct frame *f = mfn_to_frame(mfn);
	struct place p, from;
	int r;

	/* The caller's references keep the owner as it is. */
	if (!new_addr &&
	    place_swap(host_addr, machine, PTE_ADDR | must, pte_make(mfn, must), 0, &e)) {
		r = judge(d, f, e);
		leaf_gone(f, e);
		return r;
	}
	if (new_addr) {
		if (machine)
			return -EINVAL;
		/*
		 * The replacement moves with its references; two tables are never locked at a time.
		 */
		r = place_lock(&from, new_addr, false);
		if (r)
			return r;
		replacement = table_swap_leaf(from.table, from.slot, 0);
		table_unlock(from.table, NULL);
	}
	r = place_lock(&p, host_addr, machine);
	if (!r) {
		e = place_read(&p);
		if (pte_mfn(e) == mfn && (e & must) == must) {
			/* As it is now: a CPU may have come to it since it was looked at. */
			r = judge(d, f, place_finish(&p, replacement));
			/* Nor may the address that the replacement had lead there any more. */
			if ((replacement & PTE_P) &&
			    ((replacement & PTE_A) || !leaf_is_foreign(d, replacement)))
				r = GRANT_PTE_CACHED;
			replacement = 0;
		} else {
			place_cancel(&p);
			r = -EINVAL;
		}
	}
	if (new_addr) {
		frame_put(from.table);
		if (replacement && !place_lock(&from, new_addr, false)) {
			(void)place_finish(&from, replacement);
			replacement = 0;
		}
		/* The guest took its own table apart meanwhile. */
		(void)entry_put(1, replacement, false);
	}
	return r;
}
