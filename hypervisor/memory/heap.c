// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The frame heap. A freed frame goes one of two ways: what no guest could map goes straight to the
 * buddy lists; what a guest may have in some TLB waits in the quarantine until one flush has
 * covered a whole batch. So everything in the buddy lists and the per-CPU caches is forgotten by
 * all CPUs, and clearing it there is final: when it is handed out, or before, by a CPU that has
 * nothing to do.
 */
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "memory/m2p.h"
#include "memory/objects.h"
#include "memory/owner.h"
#include "pv-abi/errno.h"

#define HEAP_ORDERS 19 /* blocks of up to 1 GiB */
/* struct frame.type of a free frame that is not the first of its block */
#define FREE_BODY   (~0ULL)
#define CACHE_SIZE  32
#define QUARANTINE_LIMIT 1024
#define SCRUB_FRAMES 16 /* an idle CPU clears before it looks around */
#define SCRUB_LOOK   64 /* frames are looked at in one go, with the lock held */
/*
 * Free blocks are listed by the width of their frame numbers: all frames of a block have the same
 * (frame 0 is nobody's), so that what fits below an address width is the lists up to one. Whether
 * there is anything is known without a walk.
 */
#define WIDTHS    33
#define WIDTH_ANY (WIDTHS - 1)

/* Guards all of the following and the links of the frames on these lists. */
GLOBAL_LOCK(heap_lock, "heap lock");
static u32 free_head[WIDTHS][HEAP_ORDERS];
static u32 free_orders[WIDTHS]; /* bit n: there are blocks of order n */
static u64 listed[WIDTHS];      /* frames in these blocks */
static bool heap_ready;
static u64 claimed; /* frames that claims keep back, over all domains */
static u32 quarantine_head = FRAME_LIST_END;
static u32 quarantine_stamp; /* TLB stamp of the newest arrival */
static cpumask_t quarantine_cpus; /* that may have translations of any of them */
static u64 quarantine_len;
/* FC_STALE frames in the buddy lists have numbers of [stale_from, stale_to) */
static u64 stale_from = ~0ULL, stale_to;
static u32 scrubbing; /* atomic: a CPU is about it, and one is enough */
static u32 draining; /* atomic: CPUs that carry quarantined or cached frames to the buddy lists */

/* Atomic: all free frames, those in caches and in the quarantine included. */
static u64 free_frames;
static u64 free_of_width[WIDTHS]; /* the same; what is being allocated is still counted */
static u64 total_frames; /* written at boot only */

/*
 * Each CPU's own, under its lock with interrupts off. Others come only when nothing is left
 * elsewhere; no other lock is taken meanwhile.
 */
static struct cache {
	struct spinlock lock;
	unsigned n;
	u32 frame[CACHE_SIZE];
} caches[NR_CPUS];

const char *const alloc_class_names[ALLOC_CLASSES] = {
	[ALLOC_DOMAIN] = "domain", [ALLOC_VCPU] = "vcpu", [ALLOC_EVENT] = "event",
	[ALLOC_GRANT] = "grant", [ALLOC_IRQ] = "irq", [ALLOC_SCHED] = "sched",
	[ALLOC_PAGING] = "paging", [ALLOC_SHARED] = "shared",
	[ALLOC_MISC] = "misc",
};

static struct alloc_stats stats[ALLOC_CLASSES]; /* members are atomic */

void alloc_stats_get(enum alloc_class c, struct alloc_stats *out)
{
	out->bytes = atomic_read(&stats[c].bytes);
	out->objects = atomic_read(&stats[c].objects);
}

void alloc_stats_add(enum alloc_class c, s64 bytes, s64 objects)
{
	atomic_add(&stats[c].bytes, (u64)bytes);
	atomic_add(&stats[c].objects, (u64)objects);
}

static unsigned width_of(mfn_t mfn)
{
	return mfn ? 64 - (unsigned)__builtin_clzll(mfn) : 0;
}

static void lists_init(void)
{
	for (unsigned w = 0; w < WIDTHS; w++)
		for (unsigned o = 0; o < HEAP_ORDERS; o++)
			free_head[w][o] = FRAME_LIST_END;
	heap_ready = true;
}

static void block_link(struct frame *f, unsigned order)
{
	unsigned w = width_of(frame_to_mfn(f));
	u32 *head = &free_head[w][order];

	free_orders[w] |= 1U << order;
	listed[w] += BIT(order);
	f->type = order;
	f->prev = FRAME_LIST_END;
	f->next = *head;
	if (*head != FRAME_LIST_END)
		mfn_to_frame(*head)->prev = (u32)frame_to_mfn(f);
	*head = (u32)frame_to_mfn(f);
}

static void block_unlink(struct frame *f, unsigned order)
{
	unsigned w = width_of(frame_to_mfn(f));

	if (f->prev != FRAME_LIST_END)
		mfn_to_frame(f->prev)->next = f->next;
	else
		free_head[w][order] = f->next;
	if (f->next != FRAME_LIST_END)
		mfn_to_frame(f->next)->prev = f->prev;
	if (free_head[w][order] == FRAME_LIST_END)
		free_orders[w] &= ~(1U << order);
	listed[w] -= BIT(order);
	f->type = FREE_BODY;
}

/* All frames of the block are marked free already. Heap lock held. */
static void block_free(mfn_t mfn, unsigned order)
{
	while (order < HEAP_ORDERS - 1) {
		mfn_t buddy = mfn ^ BIT(order);
		struct frame *b;

		if (buddy >= max_mfn)
			break;
		b = mfn_to_frame(buddy);
		if ((b->count & ~(FC_STALE | FC_CLEAN)) != (FC_HEAP | FC_FREE) || b->type != order)
			break;
		block_unlink(b, order);
		mfn &= ~BIT(order);
		order++;
	}
	block_link(mfn_to_frame(mfn), order);
}

/* `how`: FC_STALE or 0. */
static void mark_free(struct frame *f, u64 n, u64 how)
{
	for (u64 i = 0; i < n; i++) {
		f[i].type = FREE_BODY;
		f[i].owner = 0;
		f[i].tlb_stamp = TLB_STAMP_NONE;
		f[i].next = f[i].prev = FRAME_LIST_END;
		f[i].count = FC_HEAP | FC_FREE | how;
	}
}

/* A block that was used goes to the lists, to be cleared by who has time. Heap lock held. */
static void block_free_stale(struct frame *f, unsigned order)
{
	mfn_t mfn = frame_to_mfn(f);

	mark_free(f, BIT(order), FC_STALE);
	stale_from = min(stale_from, mfn);
	WRITE_ONCE(stale_to, max(stale_to, mfn + BIT(order)));
	block_free(mfn, order);
}

/*
 * Go on to the next frame that may be cleared, and clear it; at most SCRUB_LOOK are looked at.
 * Nobody can have the frame meanwhile: its block is on the lists, and the lock is held.
 */
static void scrub_step(void)
{
	u64 flags = global_lock_irqsave(heap_lock);

	for (unsigned i = 0; i < SCRUB_LOOK && stale_from < stale_to; i++) {
		struct frame *f = mfn_to_frame(stale_from++);

		if ((f->count & (FC_FREE | FC_STALE)) != (FC_FREE | FC_STALE))
			continue;
		memset(frame_to_va(f), 0, PAGE_SIZE);
		f->count = (f->count & ~FC_STALE) | FC_CLEAN;
		break;
	}
	if (stale_from >= stale_to) {
		stale_from = ~0ULL;
		WRITE_ONCE(stale_to, 0);
	}
	global_unlock_irqrestore(heap_lock, flags);
}

bool heap_scrub(void)
{
	struct cpu *c = this_cpu();

	if (!READ_ONCE(stale_to) || atomic_xchg(&scrubbing, 1))
		return false;
	for (unsigned i = 0; i < SCRUB_FRAMES && READ_ONCE(stale_to); i++) {
		if (READ_ONCE(c->softirq_pending))
			break;
		scrub_step();
	}
	atomic_set(&scrubbing, 0);
	return READ_ONCE(stale_to) != 0;
}

/*
 * Cut a block of `want` out of a free one of `order`; the pieces beside it stay free. Heap lock
 * held.
 */
static struct frame *block_take(struct frame *f, unsigned order, unsigned want)
{
	block_unlink(f, order);
	while (order > want) {
		order--;
		block_link(f + BIT(order), order);
	}
	for (u64 i = 0; i < BIT(want); i++)
		f[i].count &= FC_HEAP | FC_CLEAN;
	return f;
}

/*
 * A block of frames of at most this width, the widest there are: low ones are kept for those who
 * must have them. Heap lock held.
 */
static struct frame *buddy_alloc(unsigned order, unsigned width)
{
	for (unsigned w = width + 1; w-- > order;) {
		u32 orders = free_orders[w] >> order << order;

		if (orders) {
			unsigned o = (unsigned)__builtin_ctz(orders);

			return block_take(mfn_to_frame(free_head[w][o]), o, order);
		}
	}
	return NULL;
}

/* Free frames of at most this width. */
static u64 free_up_to(unsigned width)
{
	u64 n = 0;

	for (unsigned w = 0; w <= width; w++)
		n += atomic_read(&free_of_width[w]);
	return n;
}

/* Are some of them in a cache or in the quarantine, where others cannot have them? */
static bool held_up_to(unsigned width)
{
	for (unsigned w = 0; w <= width; w++)
		if (atomic_read(&free_of_width[w]) > READ_ONCE(listed[w]))
			return true;
	return false;
}

/* 2^order more free frames; before others can take them. */
static void count_free(const struct frame *f, unsigned order)
{
	atomic_add(&free_of_width[width_of(frame_to_mfn(f))], BIT(order));
	atomic_add(&free_frames, BIT(order));
}

/* Let the quarantined frames out. Interrupts must be enabled: other CPUs are asked to flush. */
static void quarantine_drain(void)
{
	u64 flags = global_lock_irqsave(heap_lock);
	u32 m = quarantine_head, stamp = quarantine_stamp;
	cpumask_t know = quarantine_cpus;

	quarantine_cpus = 0;
	quarantine_head = FRAME_LIST_END;
	quarantine_len = 0;
	atomic_add(&draining, 1);
	global_unlock_irqrestore(heap_lock, flags);
	if (m != FRAME_LIST_END)
		tlb_flush(tlb_filter(know, stamp), TLB_GLOBAL);
	while (m != FRAME_LIST_END) {
		struct frame *f = mfn_to_frame(m);
		u32 next = f->next;

		flags = global_lock_irqsave(heap_lock);
		block_free_stale(f, 0);
		global_unlock_irqrestore(heap_lock, flags);
		m = next;
	}
	atomic_sub(&draining, 1);
}

/* `know`: CPUs that may have translations; a CPU that leaves a domain forgets all of its. */
static void quarantine_add(struct frame *f, unsigned order, cpumask_t know)
{
	u64 flags = global_lock_irqsave(heap_lock);
	bool full;

	for (u64 i = 0; i < BIT(order); i++) {
		f[i].count = FC_HEAP;
		f[i].type = FT_NONE;
		f[i].owner = 0;
		f[i].next = quarantine_head;
		quarantine_head = (u32)frame_to_mfn(&f[i]);
	}
	/*
	 * Taken with the lock held: no older frame can be listed after a newer one and be
	 * forgotten.
	 */
	quarantine_stamp = tlb_stamp_now();
	quarantine_cpus |= know;
	quarantine_len += BIT(order);
	full = quarantine_len >= QUARANTINE_LIMIT;
	count_free(f, order);
	global_unlock_irqrestore(heap_lock, flags);
	if (full && local_irq_enabled())
		quarantine_drain();
}

static struct frame *cache_take(struct cache *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	struct frame *f = NULL;

	if (c->n) {
		f = mfn_to_frame(c->frame[--c->n]);
		f->count = FC_HEAP;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return f;
}

static struct frame *cache_get(void)
{
	struct cpu *c = this_cpu();

	return c ? cache_take(&caches[c->id]) : NULL;
}

/* The frame keeps FC_HEAP without FC_FREE while cached, so that no buddy is merged with it. */
static bool cache_put(struct frame *f)
{
	struct cpu *cpu = this_cpu();
	struct cache *c = cpu ? &caches[cpu->id] : NULL;
	bool done = false;
	u64 flags;

	if (!c)
		return false;
	flags = spin_lock_irqsave(&c->lock);
	if (c->n < CACHE_SIZE) {
		c->frame[c->n++] = (u32)frame_to_mfn(f);
		done = true;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return done;
}

/* Cached frames keep their buddies apart, and only one CPU can have them: give all back. */
static void caches_drain(void)
{
	atomic_add(&draining, 1);
	for (unsigned i = 0; i < NR_CPUS; i++) {
		struct frame *f;

		while ((f = cache_take(&caches[i])) != NULL) {
			u64 flags = global_lock_irqsave(heap_lock);

			block_free_stale(f, 0);
			global_unlock_irqrestore(heap_lock, flags);
		}
	}
	atomic_sub(&draining, 1);
}

/*
 * `width`: of the highest frame numbers allowed. `own`: frames that the caller may take out of its
 * own claim.
 */
static struct frame *frames_alloc(unsigned order, unsigned width, u64 own)
{
	u64 n = BIT(order), flags, avail;
	struct frame *f = NULL;

	if (order >= HEAP_ORDERS || !heap_ready || free_up_to(width) < n)
		return NULL;
	avail = atomic_read(&free_frames);
	do {
		u64 kept = atomic_read(&claimed);

		kept -= min(kept, own);
		if (avail < n || avail - n < kept)
			return NULL;
	} while (!atomic_cmpxchg(&free_frames, &avail, avail - n));

	if (order == 0 && width == WIDTH_ANY)
		f = cache_get();
	for (unsigned attempt = 0; !f && attempt < 2; attempt++) {
		bool held;

		flags = global_lock_irqsave(heap_lock);
		f = buddy_alloc(order, width);
		held = !f && held_up_to(width);
		global_unlock_irqrestore(heap_lock, flags);
		/*
		 * Everybody's caches are emptied, and CPUs flushed, for what was put there since
		 * the last time only: a guest that asks again and again for what is not there
		 * moves nothing.
		 */
		if (!held)
			break;
		caches_drain();
		if (!local_irq_enabled())
			continue;
		quarantine_drain();
		/* Another CPU may hold the very frames that were counted as free for us. */
		while (atomic_read(&draining))
			cpu_relax();
	}
	if (!f) {
		atomic_add(&free_frames, n);
		return NULL;
	}
	atomic_sub(&free_of_width[width_of(frame_to_mfn(f))], n);
	for (u64 i = 0; i < n; i++) {
		if (f[i].count & FC_CLEAN)
			f[i].count = FC_HEAP;
		else
			memset(frame_to_va(f + i), 0, PAGE_SIZE);
	}
	return f;
}

/* No guest can have translations of these. */
static void frames_free(struct frame *f, unsigned order)
{
	u64 flags;

	for (u64 i = 0; i < BIT(order); i++) {
		f[i].type = FT_NONE;
		f[i].owner = 0;
	}
	count_free(f, order);
	if (order || !cache_put(f)) {
		flags = global_lock_irqsave(heap_lock);
		block_free_stale(f, order);
		global_unlock_irqrestore(heap_lock, flags);
	}
}

static struct frame *alloc_hv(enum alloc_class c, unsigned order, unsigned width)
{
	struct frame *f = frames_alloc(order, width, 0);

	if (!f)
		return NULL;
	for (u64 i = 0; i < BIT(order); i++) {
		f[i].type = FT_NONE;
		f[i].tlb_stamp = TLB_STAMP_NONE;
	}
	alloc_stats_add(c, (s64)(PAGE_SIZE << order), 1);
	return f;
}

struct frame *heap_alloc_hv(enum alloc_class c, unsigned order)
{
	return alloc_hv(c, order, WIDTH_ANY);
}

void *page_alloc_low(enum alloc_class c)
{
	struct frame *f = alloc_hv(c, 0, 32 - PAGE_SHIFT);

	if (!f)
		f = heap_alloc_hv(c, 0);
	return f ? frame_to_va(f) : NULL;
}

void heap_free_hv(enum alloc_class c, struct frame *f, unsigned order)
{
	bool seen = false;

	if (!f)
		return;
	alloc_stats_add(c, -(s64)(PAGE_SIZE << order), -1);
	for (u64 i = 0; i < BIT(order); i++) {
		ASSERT(f[i].count == FC_HEAP);
		seen |= f[i].tlb_stamp != TLB_STAMP_NONE;
	}
	if (seen)
		quarantine_add(f, order, cpus_online);
	else
		frames_free(f, order);
}

struct frame *heap_alloc_dom_at(struct domain *d, unsigned order, unsigned bits, pfn_t pfn)
{
	unsigned width = !bits ? WIDTH_ANY : bits <= PAGE_SHIFT ? 0 : bits - PAGE_SHIFT;
	struct frame *f;

	width = min(width, (unsigned)WIDTH_ANY);
	/* Only these frames does such a guest's M2P have; rounded down to a width. */
	if (d && owner_of(d)->is_32bit)
		width = min(width, width_of(COMPAT_M2P_ENTRIES) - 1);
	f = frames_alloc(order, width, d ? READ_ONCE(owner_of(d)->claimed_pages) : 0);
	if (!f)
		return NULL;
	for (u64 i = 0; i < BIT(order); i++) {
		f[i].type = FT_NONE;
		f[i].tlb_stamp = TLB_STAMP_NONE;
		f[i].owner = 0;
		f[i].count = 0;
		m2p_set(frame_to_mfn(f + i), pfn == M2P_INVALID ? pfn : pfn + i);
	}
	if (d && heap_assign(d, f, order)) {
		for (u64 i = 0; i < BIT(order); i++) {
			m2p_set(frame_to_mfn(f + i), M2P_INVALID);
			f[i].count = FC_HEAP;
		}
		frames_free(f, order);
		return NULL;
	}
	return f;
}

int heap_assign(struct domain *d, struct frame *f, unsigned order)
{
	u64 n = BIT(order), off;

	for (u64 i = 0; i < n; i++) {
		/* A stolen frame: those who knew it have to forget it. */
		if (f[i].tlb_stamp != TLB_STAMP_NONE) {
			tlb_flush(tlb_filter(frame_known_cpus(f + i), f[i].tlb_stamp), TLB_GLOBAL);
			f[i].tlb_stamp = TLB_STAMP_NONE;
		}
	}
	spin_lock(&owner_of(d)->page_lock);
	if (owner_of(d)->dying) {
		spin_unlock(&owner_of(d)->page_lock);
		return -ESRCH;
	}
	/* What kind it is may change as long as it has no memory. */
	if (n > owner_of(d)->max_pages || owner_of(d)->tot_pages > owner_of(d)->max_pages - n ||
	    (owner_of(d)->is_32bit && frame_to_mfn(f) + n > COMPAT_M2P_ENTRIES)) {
		spin_unlock(&owner_of(d)->page_lock);
		return -E2BIG;
	}
	/* A domain lives as long as it has frames; frame_put() drops this with the last one. */
	if (!owner_of(d)->tot_pages)
		domain_hold(d);
	owner_of(d)->tot_pages += n;
	off = min(owner_of(d)->claimed_pages, n);
	owner_of(d)->claimed_pages -= off;
	atomic_sub(&claimed, off);
	for (u64 i = 0; i < n; i++) {
		u32 mfn = (u32)frame_to_mfn(f + i);

		frame_set_owner(f + i, d);
		f[i].next = FRAME_LIST_END;
		f[i].prev = owner_of(d)->frames_tail;
		if (owner_of(d)->frames_tail != FRAME_LIST_END)
			mfn_to_frame(owner_of(d)->frames_tail)->next = mfn;
		else
			owner_of(d)->frames_head = mfn;
		owner_of(d)->frames_tail = mfn;
		/* From here on others may take references. */
		atomic_set(&f[i].count, FC_ALLOCATED | 1);
		/* Under the lock it is d's for certain. */
		frame_dirtied(f + i);
	}
	spin_unlock(&owner_of(d)->page_lock);
	return 0;
}

void heap_free_dom(struct frame *f, unsigned order)
{
	cpumask_t know = 0;

	for (u64 i = 0; i < BIT(order); i++) {
		ASSERT(!(f[i].count & (FC_COUNT_MASK | FC_HEAP | FC_FREE)));
		m2p_set(frame_to_mfn(f + i), M2P_INVALID);
		know |= frame_known_cpus(f + i);
	}
	quarantine_add(f, order, know);
}

u64 heap_free_frames(void)
{
	return atomic_read(&free_frames);
}

u64 heap_total_frames(void)
{
	return total_frames;
}

int heap_claim(struct domain *d, u64 pages)
{
	int r = 0;
	u64 want, avail;

	spin_lock(&owner_of(d)->page_lock);
	if (!pages) {
		atomic_sub(&claimed, owner_of(d)->claimed_pages);
		owner_of(d)->claimed_pages = 0;
	} else if (owner_of(d)->dying || owner_of(d)->claimed_pages ||
		   pages > owner_of(d)->max_pages || pages < owner_of(d)->tot_pages) {
		r = -EINVAL;
	} else {
		want = pages - owner_of(d)->tot_pages;
		u64 kept = atomic_read(&claimed);

		do {
			avail = atomic_read(&free_frames);
			if (avail < kept || avail - kept < want) {
				r = -ENOMEM;
				break;
			}
		} while (!atomic_cmpxchg(&claimed, &kept, kept + want));
		if (!r)
			owner_of(d)->claimed_pages = want;
	}
	spin_unlock(&owner_of(d)->page_lock);
	return r;
}

void heap_add_range(paddr_t start, paddr_t end)
{
	mfn_t m = ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT, last = min(end >> PAGE_SHIFT, max_mfn);
	u64 flags = global_lock_irqsave(heap_lock);

	if (!heap_ready)
		lists_init();
	/* Frame 0 is nobody's. */
	m = max(m, (mfn_t)1);
	while (m < last) {
		unsigned order = (unsigned)__builtin_ctzll(m);

		order = min(order, HEAP_ORDERS - 1U);
		while (m + BIT(order) > last)
			order--;
		mark_free(mfn_to_frame(m), BIT(order), 0);
		block_free(m, order);
		total_frames += BIT(order);
		free_frames += BIT(order);
		free_of_width[width_of(m)] += BIT(order);
		m += BIT(order);
	}
	global_unlock_irqrestore(heap_lock, flags);
}

void heap_adopt(struct frame *f)
{
	ASSERT(f->count == FC_HEAP);
	f->type = FT_NONE;
	f->owner = 0;
	f->tlb_stamp = TLB_STAMP_NONE;
	f->next = f->prev = FRAME_LIST_END;
	f->count = 0;
	total_frames++;
}
