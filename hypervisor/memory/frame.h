/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_FRAME_H
#define ANNULUS_MEMORY_FRAME_H

#include "cpu/directmap.h"
#include "lib/types.h"
#include "memory/owner.h"

struct domain;

/*
 * The frame table: one entry per machine frame up to the end of RAM, 32 bytes each.
 *
 * Lock-free rules: `count` and `type` change by compare-and-exchange only. `owner` is stable while
 * a reference is held. `next`/`prev` belong to the list the frame is on: a domain's frame list
 * (domain->page_lock) or the heap (heap lock).
 */
struct frame {
	u64 count;     /* FC_* flags, references in FC_COUNT_MASK */
	u64 type;      /* FT_* type and flags, type references in FT_COUNT_MASK */
	u32 owner;     /* frame number of the owning struct domain, 0 for none: see frame_owner() */
	u32 tlb_stamp; /* when the frame last lost a type or its last reference: cpu/tlb_clock.h */
	u32 next, prev; /* frame numbers, FRAME_LIST_END at the ends */
};
_Static_assert(sizeof(struct frame) == 32, "the design's limit");

#define FRAME_LIST_END 0xffffffffU

/* struct frame.count */
/* the owner's own reference: on the domain's list, dropped by frame_release() */
#define FC_ALLOCATED  BIT(63)
/* in the heap: free, or used by the hypervisor itself (never by a domain) */
#define FC_HEAP       BIT(62)
/* free in the heap; the head of a buddy block has its order in `type` */
#define FC_FREE       BIT(61)
#define FC_BAD        BIT(60) /* not RAM, or broken: never handed out */
/* frame_share(): the hypervisor's frame, on no list and not in tot_pages */
#define FC_SHARED     BIT(59)
/* another domain than the owner mapped it: the CPUs of foreign_cpus may have TLB entries */
#define FC_FOREIGN    BIT(58)
#define FC_DOOMED     BIT(57) /* domain_relinquish_memory() or frame_abandon() was here */
/* the same, and writable, since those CPUs last flushed for a change of its type */
#define FC_FOREIGN_RW BIT(56)
/* of free frames, for the heap alone: used once and not cleared since; cleared ahead */
#define FC_STALE      BIT(55)
#define FC_CLEAN      BIT(54)
#define FC_COUNT_MASK (BIT(48) - 1)

/* struct frame.type: the one type a frame has at a time */
#define FT_NONE      (0ULL << 60)
#define FT_L1        (1ULL << 60)
#define FT_L2        (2ULL << 60)
#define FT_L3        (3ULL << 60)
#define FT_L4        (4ULL << 60)
#define FT_SEGDESC   (5ULL << 60)
#define FT_WRITABLE  (6ULL << 60)
#define FT_L2_TOP    (7ULL << 60) /* a 32-bit guest's L2 of the last GiB: our slots are in it */
#define FT_TYPE_MASK (7ULL << 60)
#define FT_PINNED    BIT(59)
/* the content was checked against the type (always so for FT_WRITABLE) */
#define FT_VALIDATED BIT(58)
#define FT_PARTIAL   BIT(57) /* validation or its undoing was interrupted: see pv/pagetype.h */
#define FT_LOCKED    BIT(56) /* being validated or undone by some CPU */
/* of a partial table: entries below this one hold their references, 0..512 */
#define FT_PARTIAL_SHIFT 40
#define FT_PARTIAL_MASK  (0xffffULL << FT_PARTIAL_SHIFT)
#define FT_COUNT_MASK (BIT(40) - 1)

#ifndef FRAME_TABLE
#define FRAME_TABLE ((struct frame *)0xffff82e000000000ULL)
#endif

/* One past the highest frame of RAM. */
extern mfn_t max_mfn;

static inline struct frame *mfn_to_frame(mfn_t mfn)
{
	return FRAME_TABLE + mfn;
}

static inline mfn_t frame_to_mfn(const struct frame *f)
{
	return (mfn_t)(f - FRAME_TABLE);
}

/* Is there a frame table entry and RAM (not a hole, device or firmware)? */
static inline bool mfn_valid(mfn_t mfn)
{
	return mfn < max_mfn && !(FRAME_TABLE[mfn].count & FC_BAD);
}

static inline void *frame_to_va(const struct frame *f)
{
	return mfn_to_va(frame_to_mfn(f));
}

/*
 * struct domain always lies at the start of a frame of the direct map, so that its number fits 32
 * bits.
 */
static inline struct domain *frame_owner(const struct frame *f)
{
	u32 o = READ_ONCE(f->owner);

	return o ? (struct domain *)mfn_to_va(o) : NULL;
}

/* The same as frame_owner(f) == d with less to compute; false for NULL. */
static inline bool frame_owned_by(const struct frame *f, const struct domain *d)
{
	return d && READ_ONCE(f->owner) == (u32)va_to_mfn(d);
}

static inline void frame_set_owner(struct frame *f, struct domain *d)
{
	WRITE_ONCE(f->owner, d ? (u32)va_to_mfn(d) : 0);
}

/*
 * frame_get() - take a general reference on a frame that `d` owns. False if the frame has another
 * owner, no reference left (it is being freed), or too many. No lock needed.
 */
bool __must_check frame_get(struct frame *f, struct domain *d);
/* frame_get_any() - the same whoever owns it; returns the owner or NULL. */
struct domain *frame_get_any(struct frame *f);
/*
 * frame_put() - drop a general reference. The last one frees the frame: it leaves its owner's list,
 * the owner's tot_pages falls and the frame goes to the scrubber. Must not be called with the
 * owner's page_lock held.
 */
void frame_put(struct frame *f);

/*
 * The usual cases of frame_get() and frame_put(), in place: one reference more on a frame of d's,
 * one less that is not the last. False: not such a case, nothing has changed.
 */
static inline bool frame_get_usual(struct frame *f, const struct domain *d)
{
	u64 c;

	if (!frame_owned_by(f, d))
		return false;
	c = atomic_read(&f->count);
	/* Neither none nor all there can be. */
	if (((c + 1) & FC_COUNT_MASK) <= 1 || (c & (FC_BAD | FC_FREE)) ||
	    !atomic_cmpxchg(&f->count, &c, c + 1))
		return false;
	if (likely(frame_owned_by(f, d)))
		return true;
	frame_put(f);
	return false;
}

/* One reference more where the caller has one, whoever owns the frame. */
static inline bool frame_get_more(struct frame *f)
{
	u64 c = atomic_read(&f->count);

	return (c & FC_COUNT_MASK) != FC_COUNT_MASK && atomic_cmpxchg(&f->count, &c, c + 1);
}

static inline bool frame_put_usual(struct frame *f)
{
	u64 c = atomic_read(&f->count);

	return (c & FC_COUNT_MASK) > 1 && atomic_cmpxchg(&f->count, &c, c - 1);
}

/*
 * One more reference of a type that a frame has already and is valid for, and one dropped that is
 * not the last: the usual cases of frame_get_type() and frame_put_type(). False: not such a case,
 * nothing has changed.
 */
static inline bool type_get_more(struct frame *f, u64 type)
{
	u64 t = atomic_read(&f->type);

	return (t & (FT_TYPE_MASK | FT_VALIDATED | FT_LOCKED)) == (type | FT_VALIDATED) &&
	       (t & FT_COUNT_MASK) != FT_COUNT_MASK && atomic_cmpxchg(&f->type, &t, t + 1);
}

static inline bool type_put_not_last(struct frame *f)
{
	u64 t = atomic_read(&f->type);

	return (t & FT_COUNT_MASK) > 1 && (t & FT_VALIDATED) && atomic_cmpxchg(&f->type, &t, t - 1);
}

/*
 * Types: frame_get_type() and frame_put_type() (lib/upcalls.h) may wait for another CPU's
 * validation and flush other CPUs' TLBs: they and all functions below need interrupts enabled and
 * no spinlock held.
 */
/* frame_put_type_preemptible() - the latter, but -ERESTART when it stopped half-way: call again. */
int __must_check frame_put_type_preemptible(struct frame *f);

/* Both references at once. */
int __must_check frame_get_and_type(struct frame *f, struct domain *d, u64 type);
void frame_put_and_type(struct frame *f);

/*
 * frame_release() - drop the FC_ALLOCATED reference if it is still there (what a balloon or a
 * domain's end does). The caller holds a reference of its own, so that the frame is the domain's
 * that it means; with the last one the frame is freed. Must not be called with the owner's
 * page_lock held.
 */
void frame_release(struct frame *f);

/*
 * frame_share() - make a frame of the hypervisor's own (shared info, grant table, ...) visible to
 * `d`: owner d, typed writable (or none for a read-only one), one general reference kept by the
 * hypervisor, not on d's frame list and not in tot_pages. frame_unshare() ends it: 0, or -EBUSY
 * while a guest mapping still holds a reference.
 */
enum frame_share_mode { FRAME_SHARE_RW, FRAME_SHARE_RO };
void frame_share(struct frame *f, struct domain *d, enum frame_share_mode mode);
int frame_unshare(struct frame *f);
/*
 * frame_abandon() - for a shared frame that frame_unshare() called busy and whose owner is going
 * away: it becomes dom_hv's, leaves the totals of class `c` (an enum alloc_class) and goes to the
 * heap with the last guest mapping.
 */
void frame_abandon(struct frame *f, unsigned c);

/*
 * frame_steal() - take a frame away from `d`, which must hold the only reference (transfer,
 * exchange): it leaves the list and tot_pages and has no reference and no type. Then heap_assign()
 * or heap_free_dom() it, while d exists: whose CPUs have to forget it is still written in the
 * frame. The content is not cleared.
 * 0, -EINVAL (not d's, or already released), -EBUSY (still mapped or typed).
 */
int __must_check frame_steal(struct domain *d, struct frame *f);

/*
 * domain_relinquish_memory() - domain_kill()'s: drop all pins, partial validations and allocated
 * references of a dying domain whose vCPUs hold no tables any more. -ERESTART while work is left,
 * then 0. Frames that others still map stay until these let go.
 */
int domain_relinquish_memory(struct domain *d);

/* CPUs that may have stale writable translations, or cached tables, of the frame's former use. */
cpumask_t frame_stale_cpus(const struct frame *f);
/*
 * They have been flushed, the frame is locked and has no type reference: only what another domain
 * maps from now on counts.
 */
static inline void frame_stale_flushed(struct frame *f)
{
	if (unlikely(atomic_read(&f->count) & FC_FOREIGN_RW))
		atomic_and(&f->count, ~FC_FOREIGN_RW);
}
/* CPUs that may have any translation of a frame without references, while its last owner exists. */
cpumask_t frame_known_cpus(const struct frame *f);

/*
 * CPUs that run a domain which has ever mapped another's frame (struct domain.maps_foreign), so
 * that a CPU of others need not be asked to forget such a frame. Atomic; bits are cleared and
 * domains become such ones under a lock.
 */
extern volatile cpumask_t foreign_cpus;
/* frame_foreign()'s rare half: `flags` of f's count are not all set, or d is no such domain yet. */
void frame_first_foreign(struct frame *f, struct domain *d, u64 flags);

/*
 * frame_foreign() - table entries of d's are about to map f, which is another domain's; with the
 * references that the entry will hold, so that the frame's type is what it was.
 */
static inline void frame_foreign(struct frame *f, struct domain *d, bool writable)
{
	u64 flags = writable ? FC_FOREIGN | FC_FOREIGN_RW : FC_FOREIGN;

	if (unlikely(!READ_ONCE(owner_of(d)->foreign_mapper) || (~atomic_read(&f->count) & flags)))
		frame_first_foreign(f, d, flags);
}
/*
 * The scheduler's half, interrupts off: before the root of `to` is loaded, dirty_cpus set; and when
 * nothing of the domain before can be in the TLB any more.
 */
void foreign_cpu_enter(const struct domain *to);
void foreign_cpu_left(const struct domain *to);

#endif
