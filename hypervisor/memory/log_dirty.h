/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_LOG_DIRTY_H
#define ANNULUS_MEMORY_LOG_DIRTY_H

#include "lib/spinlock.h"
#include "lib/types.h"
#include "memory/frame.h"
#include "memory/owner.h"

/*
 * Which of a domain's pages were written: a bit for each pfn, for who copies the domain while it
 * runs. What the guest stores itself is caught by shadows of its page tables (pv/shadow.h), for
 * which this keeps the memory, too; what we store for it is marked by who does it.
 *
 * The one rule: a page is marked AFTER it was written, or before somebody gets the right to write
 * it, and who copies it clears the bit BEFORE. So a bit that is cleared between a store and its
 * mark comes again, and the copy that is made after clearing has every store whose mark was
 * cleared.
 *
 * Made when a domain's log is switched on first, and there as long as the domain, though it may
 * grow: who marks needs no reference. Only owner.log_dirty is looked at where it costs.
 */
#define LOG_DIRTY_PAGE_BITS (PAGE_SIZE * 8)

/* The pool for shadows of tables, which are pv/shadow.c's. */
struct shadow {
	mfn_t of;      /* the table's frame, if used */
	u64 *page;
	u32 next;      /* index + 1: of its bucket or of its list */
	u8 state, level;
	bool writable; /* an L1 in which a page that is watched may be writable */
};

struct log_dirty {
	u64 **bitmap;           /* pages of LOG_DIRTY_PAGE_BITS pfns each, up to `bits` */
	u64 bits;               /* pfns from this one on count as written, always */
	u64 marks, faults;      /* bits newly set, shadow faults; since they were last asked for */

	/* ---- of pv/shadow.c; under `lock` (irqsave) unless they say something else ---- */
	struct spinlock lock;
	bool active;            /* there are shadows */
	bool freeing;           /* the pool is being given back, and of no use; control lock */
	bool reclaiming;        /* a CPU empties the shadows and flushes */
	struct shadow *shadows; /* all there may be, by index; each has a page or will have */
	u64 wanted;             /* how many somebody wants there to be, 0: nobody said */
	u32 nr, pages;          /* entries of the array; those that have a page */
	u32 *buckets;           /* index + 1 of the first shadow by the table's number */
	u32 free, free_count;   /* index + 1; may be used for any table */
	u32 limbo, limbo_count; /* not before a flush: CPUs may remember the way to them */
	u32 roots, free_roots;  /* pages that became roots (they stay such), and those unused */

	/* ---- of control/shadow_op.c, under the control lock ---- */
	unsigned step;          /* of an interrupted operation, or 0 */
	u64 at;                 /* progress in it */
	u32 op;                 /* which one, and for which buffer */
	u64 buffer;
	u64 round_marks, round_faults; /* what is to be reported of the round that ended */
};

/*
 * log_dirty_create() - a log of no pages yet, unless d has one. 0, -ENOMEM. Under the control lock.
 * log_dirty_grow() - room for pfns below `pfns`, with the log off: 0; -ENOMEM; -ERESTART, call
 * again. Marks that were there stay.
 * log_dirty_pool_fill() - a pool of `pages` pages (if there is none yet): 0; -ENOMEM, with part of
 * it; -ERESTART, call again; -EBUSY, it is being freed.
 * log_dirty_pool_free() - undo it, with the log off and its shadows forgotten by all CPUs: 0 or
 * -ERESTART, and until it is called again and answers 0 the pool is empty and not to be filled.
 * log_dirty_end() - d is dying, its vCPUs have no roots any more: off, and the pool goes. 0 or
 * -ERESTART.
 * log_dirty_destroy() - with the domain, after that: nobody knows it any more.
 * log_dirty_clear() - all of it, and the figures. log_dirty_set_all() - the opposite.
 */
int log_dirty_create(struct domain *d);
int log_dirty_grow(struct log_dirty *ld, u64 pfns);
int log_dirty_pool_fill(struct log_dirty *ld, u32 pages);
int log_dirty_pool_free(struct log_dirty *ld);
int log_dirty_end(struct domain *d);
void log_dirty_destroy(struct domain *d);
void log_dirty_clear(struct log_dirty *ld);
void log_dirty_set_all(struct log_dirty *ld);

/*
 * log_dirty_take() - word `n` of the bitmap, pfns 64 n and up, cleared if `clear`. Atomic against
 * marks. What lies beyond `bits` is ones.
 */
u64 log_dirty_take(struct log_dirty *ld, u64 n, bool clear);
/* Bits of word `n` that were taken and are not told to anybody. */
void log_dirty_return(struct log_dirty *ld, u64 n, u64 bits);

/*
 * log_dirty_mark_pfn(), log_dirty_mark() - a page, or the frame that is one by M2P, was written;
 * any context. A frame that is no page of its owner's (M2P names none) has nobody to tell.
 * log_dirty_marked() - is that frame marked? True, too, if marking it does nothing.
 */
void log_dirty_mark_pfn(struct domain *d, pfn_t pfn);
void log_dirty_mark(struct domain *d, mfn_t mfn);
bool log_dirty_marked(const struct domain *d, mfn_t mfn);

static inline bool log_dirty_on(const struct domain *d)
{
	return unlikely(READ_ONCE(owner_of(d)->log_dirty));
}

/*
 * log_dirty_moved() - M2P of a frame changed, and says so already: neither the page that it was nor
 * the one that it is now is what somebody may have copied.
 */
static inline void log_dirty_moved(mfn_t mfn, pfn_t old, pfn_t now)
{
	struct domain *d = frame_owner(mfn_to_frame(mfn));

	if (d && log_dirty_on(d)) {
		log_dirty_mark_pfn(d, old);
		log_dirty_mark_pfn(d, now);
	}
}

/*
 * frame_dirtied() - we wrote to `f` by another way than a guest's address, or gave the right to.
 * After the store; a reference is held, so that the owner stays.
 */
static inline void frame_dirtied(const struct frame *f)
{
	struct domain *d = frame_owner(f);

	if (d && log_dirty_on(d))
		log_dirty_mark(d, frame_to_mfn(f));
}

#endif
