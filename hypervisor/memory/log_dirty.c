// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "memory/m2p.h"
#include "pv-abi/errno.h"

static u64 bitmap_pages(const struct log_dirty *ld)
{
	return ld->bits / LOG_DIRTY_PAGE_BITS;
}

/* The array has room for all that a domain is believed to have (pfns_of(), shadow_op.c). */
static u64 bitmap_pages_max(void)
{
	return DIV_ROUND_UP(max_mfn * 8 + BIT(20), LOG_DIRTY_PAGE_BITS);
}

int log_dirty_create(struct domain *d)
{
	struct log_dirty *ld;

	if (owner_of(d)->log)
		return 0;
	ld = zalloc(ALLOC_PAGING, sizeof(*ld));
	if (!ld)
		return -ENOMEM;
	spin_lock_init(&ld->lock);
	ld->bitmap = zalloc(ALLOC_PAGING, bitmap_pages_max() * sizeof(*ld->bitmap));
	if (!ld->bitmap) {
		zfree(ld);
		return -ENOMEM;
	}
	owner_of(d)->log = ld;
	return 0;
}

int log_dirty_grow(struct log_dirty *ld, u64 pfns)
{
	u64 pages = min(DIV_ROUND_UP(pfns, LOG_DIRTY_PAGE_BITS), bitmap_pages_max());

	for (u64 i = bitmap_pages(ld); i < pages; i++) {
		if (ld->bitmap[i])
			continue;
		ld->bitmap[i] = page_alloc(ALLOC_PAGING);
		if (!ld->bitmap[i])
			return -ENOMEM;
		if (preempt_wanted())
			return -ERESTART;
	}
	/* Somebody may still be marking, who has seen the log on. */
	smp_wmb();
	WRITE_ONCE(ld->bits, max(ld->bits, pages * LOG_DIRTY_PAGE_BITS));
	return 0;
}

int log_dirty_pool_fill(struct log_dirty *ld, u32 pages)
{
	if (ld->freeing)
		return -EBUSY;
	if (!ld->nr) {
		ld->shadows = zalloc(ALLOC_PAGING, pages * sizeof(*ld->shadows));
		ld->buckets = zalloc(ALLOC_PAGING, pages * sizeof(*ld->buckets));
		if (!ld->shadows || !ld->buckets)
			return -ENOMEM;
		ld->nr = pages;
	}
	while (ld->pages < ld->nr) {
		struct shadow *s = &ld->shadows[ld->pages];

		s->page = page_alloc(ALLOC_PAGING);
		if (!s->page)
			return -ENOMEM;
		s->next = ld->free;
		ld->free = ++ld->pages;
		ld->free_count++;
		if (preempt_wanted())
			return -ERESTART;
	}
	return 0;
}

/* While the pages go nothing leads to one. */
static void pool_forget(struct log_dirty *ld)
{
	ld->freeing = true;
	ld->free = ld->free_count = ld->limbo = ld->limbo_count = 0;
	ld->roots = ld->free_roots = 0;
	for (u32 i = 0; i < ld->nr; i++) {
		ld->buckets[i] = 0;
		ld->shadows[i].next = 0;
		ld->shadows[i].state = 0;
	}
}

int log_dirty_pool_free(struct log_dirty *ld)
{
	if (!ld->freeing)
		pool_forget(ld);
	while (ld->pages) {
		page_free(ALLOC_PAGING, ld->shadows[--ld->pages].page);
		if (ld->pages && preempt_wanted())
			return -ERESTART;
	}
	zfree(ld->shadows);
	zfree(ld->buckets);
	ld->shadows = NULL;
	ld->buckets = NULL;
	ld->nr = 0;
	ld->freeing = false;
	return 0;
}

int log_dirty_end(struct domain *d)
{
	struct log_dirty *ld = owner_of(d)->log;
	u64 flags;

	if (!ld)
		return 0;
	owner_of(d)->log_dirty = false;
	flags = spin_lock_irqsave(&ld->lock);
	ld->active = false;
	spin_unlock_irqrestore(&ld->lock, flags);
	if (ld->pages)
		tlb_flush(owner_of(d)->dirty_cpus, TLB_GLOBAL | TLB_ROOT);
	return log_dirty_pool_free(ld);
}

void log_dirty_destroy(struct domain *d)
{
	struct log_dirty *ld = owner_of(d)->log;

	if (!ld)
		return;
	owner_of(d)->log = NULL;
	for (u64 i = 0; i < bitmap_pages_max(); i++)
		if (ld->bitmap[i])
			page_free(ALLOC_PAGING, ld->bitmap[i]);
	zfree(ld->bitmap);
	zfree(ld);
}

void log_dirty_clear(struct log_dirty *ld)
{
	for (u64 i = 0; i < bitmap_pages(ld); i++)
		memset(ld->bitmap[i], 0, PAGE_SIZE);
	ld->marks = ld->faults = 0;
}

void log_dirty_set_all(struct log_dirty *ld)
{
	for (u64 n = 0; n < ld->bits / 64; n++)
		atomic_set(&ld->bitmap[n * 64 / LOG_DIRTY_PAGE_BITS][n % (PAGE_SIZE / 8)], ~0ULL);
}

u64 log_dirty_take(struct log_dirty *ld, u64 n, bool clear)
{
	u64 *word;

	if (n >= ld->bits / 64)
		return ~0ULL;
	word = &ld->bitmap[n * 64 / LOG_DIRTY_PAGE_BITS][n % (PAGE_SIZE / 8)];
	/* Most are zero between two rounds. */
	if (!clear || !READ_ONCE(*word))
		return atomic_read(word);
	return atomic_xchg(word, 0);
}

void log_dirty_return(struct log_dirty *ld, u64 n, u64 bits)
{
	if (n < ld->bits / 64)
		atomic_or(&ld->bitmap[n * 64 / LOG_DIRTY_PAGE_BITS][n % (PAGE_SIZE / 8)], bits);
}

static u64 *word_of(const struct log_dirty *ld, pfn_t pfn)
{
	return &ld->bitmap[pfn / LOG_DIRTY_PAGE_BITS][pfn / 64 % (PAGE_SIZE / 8)];
}

void log_dirty_mark_pfn(struct domain *d, pfn_t pfn)
{
	struct log_dirty *ld = owner_of(d)->log;
	u64 bit = BIT(pfn % 64);

	/*
	 * With the lock prefix always: the store that is marked must be seen by whoever does not
	 * find the mark.
	 */
	if (pfn < READ_ONCE(ld->bits) && !(atomic_or(word_of(ld, pfn), bit) & bit))
		atomic_add(&ld->marks, 1);
}

void log_dirty_mark(struct domain *d, mfn_t mfn)
{
	/*
	 * If the frame has become another page meanwhile, either its new number is found here or
	 * who marks that one does so when the store is there to be copied.
	 */
	smp_mb();
	log_dirty_mark_pfn(d, m2p_get(mfn));
}

bool log_dirty_marked(const struct domain *d, mfn_t mfn)
{
	const struct log_dirty *ld = owner_of(d)->log;
	pfn_t pfn = m2p_get(mfn);

	return pfn >= READ_ONCE(ld->bits) || (atomic_read(word_of(ld, pfn)) & BIT(pfn % 64));
}
