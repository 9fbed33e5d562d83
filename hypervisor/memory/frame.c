// SPDX-License-Identifier: GPL-2.0-or-later
/* General references: who keeps a frame from being freed. Types are pv/pagetype.c's. */
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/upcalls.h"
#include "memory/frame.h"
#include "memory/m2p.h"
#include "memory/objects.h"
#include "memory/owner.h"
#include "pv-abi/errno.h"

mfn_t max_mfn;

/* One more reference, if there is one at all; false otherwise. */
static bool count_get(struct frame *f)
{
	u64 c = atomic_read(&f->count);

	do {
		if (!(c & FC_COUNT_MASK) || (c & FC_COUNT_MASK) == FC_COUNT_MASK ||
		    (c & (FC_BAD | FC_FREE)))
			return false;
	} while (!atomic_cmpxchg(&f->count, &c, c + 1));
	return true;
}

bool frame_get(struct frame *f, struct domain *d)
{
	/*
	 * Looked at before: nobody shall be able to hold up a frame that is not his, however
	 * shortly.
	 */
	if (!frame_owned_by(f, d) || !count_get(f))
		return false;
	if (likely(frame_owned_by(f, d)))
		return true;
	frame_put(f);
	return false;
}

struct domain *frame_get_any(struct frame *f)
{
	return count_get(f) ? frame_owner(f) : NULL;
}

static void list_unlink(struct domain *d, struct frame *f)
{
	if (f->prev != FRAME_LIST_END)
		mfn_to_frame(f->prev)->next = f->next;
	else
		owner_of(d)->frames_head = f->next;
	if (f->next != FRAME_LIST_END)
		mfn_to_frame(f->next)->prev = f->prev;
	else
		owner_of(d)->frames_tail = f->prev;
	f->next = f->prev = FRAME_LIST_END;
}

/*
 * Page lock held. True if that was the domain's last frame: the caller drops its reference, after
 * unlocking.
 */
static bool page_leave(struct domain *d, struct frame *f)
{
	list_unlink(d, f);
	return --owner_of(d)->tot_pages == 0;
}

/* The count has reached zero: nobody but us knows the frame. */
static void frame_free(struct frame *f, u64 flags)
{
	struct domain *d = frame_owner(f);
	bool last;

	ASSERT(!(f->type & FT_COUNT_MASK));
	if (flags & FC_SHARED) {
		/* Abandoned by frame_abandon(): no list, no totals, no owner that is known. */
		f->count = 0;
		f->tlb_stamp = tlb_stamp_now();
		frame_set_owner(f, NULL);
		heap_free_dom(f, 0);
		return;
	}
	spin_lock(&owner_of(d)->page_lock);
	last = page_leave(d, f);
	f->count = flags & FC_FOREIGN;
	spin_unlock(&owner_of(d)->page_lock);
	heap_free_dom(f, 0);
	if (last)
		domain_put(d);
}

void frame_put(struct frame *f)
{
	u64 c = atomic_sub(&f->count, 1);

	ASSERT((c & FC_COUNT_MASK) != FC_COUNT_MASK);
	if (!(c & FC_COUNT_MASK))
		frame_free(f, c);
}

void frame_release(struct frame *f)
{
	u64 c = atomic_and(&f->count, ~FC_ALLOCATED);

	/* Without one of the caller's own the frame may be anybody's by now. */
	ASSERT((c & FC_COUNT_MASK) > !!(c & FC_ALLOCATED));
	if (c & FC_ALLOCATED)
		frame_put(f);
}

int frame_get_and_type(struct frame *f, struct domain *d, u64 type)
{
	int r;

	if (!frame_get(f, d))
		return -EINVAL;
	r = frame_get_type(f, type);
	if (r)
		frame_put(f);
	return r;
}

void frame_put_and_type(struct frame *f)
{
	frame_put_type(f);
	frame_put(f);
}

void frame_share(struct frame *f, struct domain *d, enum frame_share_mode mode)
{
	ASSERT(f->count == FC_HEAP);
	/*
	 * One type reference of ours: a writable frame stays writable, one of no type can never
	 * become writable.
	 */
	f->type = (mode == FRAME_SHARE_RW ? FT_WRITABLE | FT_VALIDATED : FT_NONE) | 1;
	/* From now on guests see it; when it stops, frame_unshare() and types stamp it. */
	f->tlb_stamp = TLB_STAMP_UNKNOWN;
	f->next = f->prev = FRAME_LIST_END;
	frame_set_owner(f, d);
	atomic_set(&f->count, FC_SHARED | 1);
}

int frame_unshare(struct frame *f)
{
	u64 c = atomic_read(&f->count);

	do {
		if ((c & FC_COUNT_MASK) != 1)
			return -EBUSY;
	} while (!atomic_cmpxchg(&f->count, &c, FC_HEAP));
	/* The heap shall flush before somebody else gets it. */
	f->tlb_stamp = tlb_stamp_now();
	f->type = FT_NONE;
	frame_set_owner(f, NULL);
	return 0;
}

void frame_abandon(struct frame *f, unsigned c)
{
	ASSERT(f->count & FC_SHARED);
	alloc_stats_add((enum alloc_class)c, -(s64)PAGE_SIZE, -1);
	frame_set_owner(f, dom_hv);
	/* Our own references go: the audit must not look for them. */
	atomic_or(&f->count, FC_DOOMED);
	if ((f->type & FT_TYPE_MASK) == FT_WRITABLE)
		frame_put_type(f);
	else
		f->type = FT_NONE;
	frame_put(f);
}

int frame_steal(struct domain *d, struct frame *f)
{
	bool last;
	u64 c;

	spin_lock(&owner_of(d)->page_lock);
	c = atomic_read(&f->count);
	if (frame_owner(f) != d || !(c & FC_ALLOCATED) || owner_of(d)->dying) {
		spin_unlock(&owner_of(d)->page_lock);
		return -EINVAL;
	}
	/*
	 * Type references and partial validations hold general ones, so at one reference there are
	 * none of them; nor can new ones come once the count is zero.
	 */
	do {
		if ((c & FC_COUNT_MASK) != 1) {
			spin_unlock(&owner_of(d)->page_lock);
			return -EBUSY;
		}
	} while (!atomic_cmpxchg(&f->count, &c, c & FC_FOREIGN));
	last = page_leave(d, f);
	spin_unlock(&owner_of(d)->page_lock);

	/* Whoever gets the frame next flushes for it first: heap_assign() or the quarantine. */
	f->type = FT_NONE;
	f->tlb_stamp = tlb_stamp_now();
	m2p_set(frame_to_mfn(f), M2P_INVALID);
	if (last)
		domain_put(d);
	return 0;
}

volatile cpumask_t foreign_cpus;
/* Interrupts off: the scheduler takes it. */
GLOBAL_LOCK(foreign_lock, "lock of foreign mappers");

/* The CPUs of the owner, and of other domains if the frame has `flag`. */
static cpumask_t cpus_with(const struct frame *f, u64 flag)
{
	struct domain *d = frame_owner(f);

	/* Fresh from the heap, or whose it was is not known. */
	if (!d)
		return READ_ONCE(f->tlb_stamp) == TLB_STAMP_NONE ? 0 : cpus_online;
	return owner_of(d)->dirty_cpus | (atomic_read(&f->count) & flag ? foreign_cpus : 0);
}

cpumask_t frame_stale_cpus(const struct frame *f)
{
	return tlb_filter(cpus_with(f, FC_FOREIGN_RW), READ_ONCE(f->tlb_stamp));
}

cpumask_t frame_known_cpus(const struct frame *f)
{
	return cpus_with(f, FC_FOREIGN);
}

static void becomes_foreign_mapper(struct domain *d)
{
	u64 flags = global_lock_irqsave(foreign_lock);

	/*
	 * A CPU that comes to d sets its bit in dirty_cpus first and looks at maps_foreign then:
	 * either it sees the flag and enters itself, or we see its bit. Only after that is there
	 * nothing left to do for d's next mappings: whoever finds foreign_mapper set marks a frame
	 * when all CPUs of d's are in foreign_cpus, and a CPU that sees the mark asks those.
	 */
	atomic_set(&owner_of(d)->maps_foreign, true);
	atomic_or(&foreign_cpus, atomic_read(&owner_of(d)->dirty_cpus));
	atomic_set(&owner_of(d)->foreign_mapper, true);
	global_unlock_irqrestore(foreign_lock, flags);
}

void frame_first_foreign(struct frame *f, struct domain *d, u64 flags)
{
	/* dom_hv's frames never become anybody's, or have forgotten whose they were. */
	if (unlikely(!READ_ONCE(owner_of(d)->foreign_mapper)) && frame_owner(f) != dom_hv)
		becomes_foreign_mapper(d);
	if ((atomic_read(&f->count) & flags) != flags)
		atomic_or(&f->count, flags);
}

void foreign_cpu_enter(const struct domain *to)
{
	if (unlikely(atomic_read(&owner_of(to)->maps_foreign)))
		atomic_or(&foreign_cpus, CPU_MASK(cpu_id()));
}

void foreign_cpu_left(const struct domain *to)
{
	if (likely(!(READ_ONCE(foreign_cpus) & CPU_MASK(cpu_id())) ||
		   READ_ONCE(owner_of(to)->maps_foreign)))
		return;
	global_lock(foreign_lock);
	/* Either `to` has become such a domain before this, or it sets our bit after it. */
	if (!READ_ONCE(owner_of(to)->maps_foreign))
		atomic_and(&foreign_cpus, ~CPU_MASK(cpu_id()));
	global_unlock(foreign_lock);
}

/*
 * Take the first frame of the list that was not doomed yet, referenced, and put it last; so the
 * doomed ones gather at the end. NULL when there are no others. *busy: the first frame is just
 * being freed by another CPU.
 */
static struct frame *next_victim(struct domain *d, bool *busy)
{
	struct frame *f = NULL;

	*busy = false;
	spin_lock(&owner_of(d)->page_lock);
	if (owner_of(d)->frames_head != FRAME_LIST_END) {
		f = mfn_to_frame(owner_of(d)->frames_head);
		if (atomic_read(&f->count) & FC_DOOMED) {
			f = NULL;
		} else if (!count_get(f)) {
			*busy = true;
			f = NULL;
		} else {
			u32 mfn = (u32)frame_to_mfn(f);

			list_unlink(d, f);
			f->prev = owner_of(d)->frames_tail;
			if (owner_of(d)->frames_tail != FRAME_LIST_END)
				mfn_to_frame(owner_of(d)->frames_tail)->next = mfn;
			else
				owner_of(d)->frames_head = mfn;
			owner_of(d)->frames_tail = mfn;
			atomic_or(&f->count, FC_DOOMED);
		}
	}
	spin_unlock(&owner_of(d)->page_lock);
	return f;
}

/*
 * A victim that is not done with: it is the next one again, before any doomed frame comes to the
 * front.
 */
static void victim_again(struct domain *d, struct frame *f)
{
	u32 mfn = (u32)frame_to_mfn(f);

	spin_lock(&owner_of(d)->page_lock);
	atomic_and(&f->count, ~FC_DOOMED);
	list_unlink(d, f);
	f->next = owner_of(d)->frames_head;
	if (owner_of(d)->frames_head != FRAME_LIST_END)
		mfn_to_frame(owner_of(d)->frames_head)->prev = mfn;
	else
		owner_of(d)->frames_tail = mfn;
	owner_of(d)->frames_head = mfn;
	spin_unlock(&owner_of(d)->page_lock);
	frame_put(f);
}

int domain_relinquish_memory(struct domain *d)
{
	ASSERT(owner_of(d)->dying);
	for (;;) {
		bool busy;
		struct frame *f = next_victim(d, &busy);
		int r;

		if (!f && !busy)
			return 0;
		if (f) {
			r = frame_type_relinquish(f);
			if (r) {
				victim_again(d, f);
				return r;
			}
			frame_release(f);
			frame_put(f);
		}
		if (preempt_wanted())
			return -ERESTART;
	}
}
