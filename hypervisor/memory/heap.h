/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_HEAP_H
#define ANNULUS_MEMORY_HEAP_H

#include "cpu/layout.h"
#include "lib/types.h"
#include "memory/frame.h"

/*
 * Two levels. The heap hands out power-of-two blocks of frames (buddy system behind per-CPU caches
 * of single frames; scrubbed when handed out or by an idle CPU before, never before every CPU has
 * forgotten its translations of their former use); zalloc() cuts small objects out of them. Every
 * hypervisor allocation belongs to a class whose totals `hvctl debug heap` shows: a leak has a
 * name.
 */
enum alloc_class {
	ALLOC_DOMAIN,  /* struct domain, per-domain tables */
	ALLOC_VCPU,    /* struct vcpu, FPU areas */
	ALLOC_EVENT,   /* event channel buckets, FIFO state */
	ALLOC_GRANT,   /* grant tables, maptrack */
	ALLOC_IRQ,     /* IRQ descriptors' actions, MSI, PCI devices */
	ALLOC_SCHED,
	ALLOC_PAGING,  /* page tables of the hypervisor's own */
	ALLOC_SHARED,  /* frames shared with guests: shared info, vcpu areas */
	ALLOC_MISC,
	ALLOC_CLASSES
};

extern const char *const alloc_class_names[ALLOC_CLASSES];
struct alloc_stats {
	u64 bytes;   /* rounded up to what was set aside: an object's size class or whole frames */
	u64 objects;
};
void alloc_stats_get(enum alloc_class c, struct alloc_stats *out);

/*
 * zalloc() - zeroed memory, 16-byte aligned (sizes of a page or more: page aligned). NULL when
 * there is none.
 * zfree() takes what zalloc() returned, or NULL. Callable with interrupts off; not from NMI.
 */
void *zalloc(enum alloc_class c, size_t size);
void zfree(void *p);

/*
 * heap_alloc_hv() - 2^order zeroed frames for the hypervisor itself. NULL when there is none.
 * heap_free_hv() undoes it.
 */
struct frame *heap_alloc_hv(enum alloc_class c, unsigned order);
void heap_free_hv(enum alloc_class c, struct frame *f, unsigned order);
static inline void *page_alloc(enum alloc_class c)
{
	struct frame *f = heap_alloc_hv(c, 0);

	return f ? frame_to_va(f) : NULL;
}
/* The same below 4 GiB if there is one left there, else anywhere. */
void *page_alloc_low(enum alloc_class c);
static inline void page_free(enum alloc_class c, void *va)
{
	heap_free_hv(c, mfn_to_frame(va_to_mfn(va)), 0);
}

/*
 * heap_alloc_dom() - 2^order naturally aligned, zeroed frames for domain `d`, below machine address
 * 2^`bits` (0: anywhere). They are put on d's frame list with FC_ALLOCATED and one reference each,
 * type none; d->tot_pages grows. With d NULL: frames with no owner, for heap_assign().
 * NULL when memory, or d's max_pages, does not suffice.
 * heap_alloc_dom_at() - the same for frames that d has at `pfn` and after it: their M2P says so
 * from the moment on when they are d's; at M2P_INVALID nowhere.
 * What is d's can be given away by its vCPUs before this returns: whoever does anything to a frame
 * then takes a reference as d's first.
 */
struct frame *heap_alloc_dom_at(struct domain *d, unsigned order, unsigned bits, pfn_t pfn);
static inline struct frame *heap_alloc_dom(struct domain *d, unsigned order, unsigned bits)
{
	return heap_alloc_dom_at(d, order, bits, M2P_INVALID);
}
/*
 * Give unowned frames to `d`: 0, -E2BIG (max_pages, or a 32-bit domain cannot name the frame),
 * -ESRCH (d is dying). On error the frames stay the caller's; else they are d's, to give away too.
 */
int heap_assign(struct domain *d, struct frame *f, unsigned order);
/*
 * heap_free_dom() - frames without a reference go back, to be scrubbed. Their owner, if one is
 * still written in them, exists until this returns: its CPUs flush, else all do.
 */
void heap_free_dom(struct frame *f, unsigned order);

/*
 * heap_scrub() - for a CPU that has nothing to do, interrupts on: clear some freed frames ahead. It
 * stops when the CPU has a softirq pending, a frame's clearing away at most; one CPU at a time does
 * it. Frames that were never used stay as they are until they are handed out. True: there are more.
 * Takes the heap lock, for one frame at a time.
 */
bool heap_scrub(void);

u64 heap_free_frames(void);
u64 heap_total_frames(void);
/*
 * The claim of domain_claim_pages: `pages` is the wanted total of d (0 cancels). 0, -ENOMEM,
 * -EINVAL.
 */
int heap_claim(struct domain *d, u64 pages);

/* Boot only: [start, end) bytes of RAM become free. */
void heap_add_range(paddr_t start, paddr_t end);
/*
 * Boot only: a frame of RAM that the boot loader filled becomes one without an owner, content and
 * all, for
 * heap_assign().
 */
void heap_adopt(struct frame *f);
#include "memory/early.h"

#endif
