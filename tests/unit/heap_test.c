// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/heap.c hypervisor/memory/objects.c hypervisor/memory/early.c
// sources: tests/unit/sim/sim.c
// libs: -lpthread -Wl,--wrap=local_irq_restore
//
// The frame heap and small objects: nothing is handed out twice, everything comes back, and no
// frame reaches a new owner before the old one's TLB entries are gone.

#include "suite.h"
#include <pthread.h>
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "memory/e820.h"
#include "memory/early.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

#define FIRST 512
#define FRAMES (SIM_FRAMES - FIRST)

static unsigned flushes;

void tlb_flush(cpumask_t mask, unsigned flags)
{
	unsigned c;

	if (!local_irq_enabled())
		abort();
	if (mask)
		atomic_add(&flushes, 1);
	for_each_cpu_in(c, mask)
		cpus[c].tlb_stamp = tlb_tick();
}

static bool is_zero(struct frame *f, unsigned order)
{
	const u64 *p = frame_to_va(f);

	for (u64 i = 0; i < (PAGE_SIZE << order) / 8; i++)
		if (p[i])
			return false;
	return true;
}

static struct domain *dom(u64 max_pages)
{
	struct domain *d = sim_domain(5, 0, false);

	d->max_pages = max_pages;
	return d;
}

/* What frame_put() does when a domain's frame has lost its last reference. */
static void dom_free(struct domain *d, struct frame *f)
{
	bool last = --d->tot_pages == 0;

	d->frames_head = d->frames_tail = FRAME_LIST_END;
	f->count = 0;
	heap_free_dom(f, 0);
	if (last)
		domain_put(d);
}

/* The first test: all there is has never been used. */
TEST(test_never_used, "what was never used is nobody's idle time worth")
{
	struct frame *f = mfn_to_frame(SIM_FRAMES - 1);

	memset(frame_to_va(f), 0x5a, PAGE_SIZE);
	CU_ASSERT_FALSE(heap_scrub());
	CU_ASSERT_FALSE(is_zero(f, 0));
	/* Nor when something beside it was. */
	f = heap_alloc_hv(ALLOC_MISC, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (mfn_t m = FIRST; m < SIM_FRAMES; m++)
		memset(mfn_to_va(m), 0x5a, PAGE_SIZE);
	heap_free_hv(ALLOC_MISC, f, 3);
	while (heap_scrub())
		;
	for (mfn_t m = FIRST; m < SIM_FRAMES; m++)
		CU_ASSERT_EQUAL(is_zero(mfn_to_frame(m), 0), mfn_to_frame(m) >= f &&
							     mfn_to_frame(m) < f + 8);
}

TEST(test_orders, "blocks of all sizes")
{
	struct frame *f[11];

	for (unsigned o = 0; o <= 10; o++) {
		f[o] = heap_alloc_hv(ALLOC_MISC, o);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f[o]);
		CU_ASSERT_EQUAL(frame_to_mfn(f[o]) & (BIT(o) - 1), 0);
		CU_ASSERT_TRUE(is_zero(f[o], o));
		memset(frame_to_va(f[o]), 0xa5, PAGE_SIZE << o);
		for (unsigned p = 0; p < o; p++)
			CU_ASSERT_TRUE(frame_to_mfn(f[p]) + BIT(p) <= frame_to_mfn(f[o]) ||
				       frame_to_mfn(f[o]) + BIT(o) <= frame_to_mfn(f[p]));
	}
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES - 2047);
	CU_ASSERT_PTR_NULL(heap_alloc_hv(ALLOC_MISC, 12));
	CU_ASSERT_PTR_NULL(heap_alloc_hv(ALLOC_MISC, 40));
	for (unsigned o = 0; o <= 10; o++)
		heap_free_hv(ALLOC_MISC, f[o], o);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
}

TEST(test_all_once, "every frame once")
{
	static struct frame *f[SIM_FRAMES];
	static u8 seen[SIM_FRAMES];
	u64 n = 0;

	while ((f[n] = heap_alloc_hv(ALLOC_MISC, 0)) != NULL) {
		CU_ASSERT_EQUAL_FATAL(seen[frame_to_mfn(f[n])]++, 0);
		CU_ASSERT_TRUE(frame_to_mfn(f[n]) >= FIRST);
		n++;
	}
	CU_ASSERT_EQUAL(n, FRAMES);
	CU_ASSERT_EQUAL(heap_free_frames(), 0);
	srand(1);
	for (u64 i = n - 1; i > 0; i--) {
		u64 k = (u64)rand() % (i + 1);
		struct frame *t = f[i];

		f[i] = f[k];
		f[k] = t;
	}
	for (u64 i = 0; i < n; i++)
		heap_free_hv(ALLOC_MISC, f[i], 0);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	/* All buddies found each other again, those in the CPU's cache too. */
	CU_ASSERT_PTR_NOT_NULL_FATAL(f[0] = heap_alloc_hv(ALLOC_MISC, 11));
	heap_free_hv(ALLOC_MISC, f[0], 11);
}

TEST(test_address_limit, "address limits")
{
	struct domain *d = dom(10000);
	struct frame *f;
	u64 n = 0;

	/* 4 MiB: frames 512 to 1023. */
	while ((f = heap_alloc_dom(d, 0, 22)) != NULL) {
		CU_ASSERT_TRUE_FATAL(frame_to_mfn(f) < 1024);
		n++;
	}
	CU_ASSERT_TRUE(n >= 400 && n <= 512);
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 0, 12));
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 0, 20));
	f = heap_alloc_dom(d, 3, 32);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(d->tot_pages, n + 8);
	for (mfn_t m = FIRST; m < SIM_FRAMES; m++)
		if (frame_owner(mfn_to_frame(m)) == d)
			dom_free(d, mfn_to_frame(m));
	CU_ASSERT_EQUAL(d->refs, 1);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	sim_domain_free(d);
}

/* What no free frame satisfies moves nothing: no flush, and nobody's cache is emptied. */
TEST(test_impossible, "what is not there")
{
	struct domain *d = dom(100000);
	struct frame *high, *low, *middle, *back;

	d->dirty_cpus = cpus_online = 3;
	high = heap_alloc_dom(d, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(high);
	CU_ASSERT_TRUE_FATAL(frame_to_mfn(high) >= 1024);
	low = heap_alloc_dom(d, 9, 22); /* all below 4 MiB */
	CU_ASSERT_PTR_NOT_NULL_FATAL(low);
	tlb_flush(3, 0);
	flushes = 0;
	dom_free(d, high);
	/* None that low; none of that size; not even one frame. */
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 0, 20));
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 5, 22));
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 0, 22));
	CU_ASSERT_EQUAL(flushes, 0);
	/* Two frames that are not neighbours: after one look at what is held back it is known. */
	middle = low + 100;
	dom_free(d, low);
	dom_free(d, middle);
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 1, 22));
	CU_ASSERT_EQUAL(flushes, 1);
	/* Frames of another width that are held back are nothing to it. */
	high = heap_alloc_dom(d, 0, 0);
	tlb_flush(3, 0);
	flushes = 0;
	dom_free(d, high);
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 1, 22));
	CU_ASSERT_EQUAL(flushes, 0);
	/* And what would help is found, wherever it is. */
	dom_free(d, low + 1);
	back = heap_alloc_dom(d, 1, 22);
	CU_ASSERT_PTR_EQUAL(back, low);
	dom_free(d, back);
	dom_free(d, back + 1);
	for (unsigned i = 2; i < 512; i++)
		if (i != 100)
			dom_free(d, low + i);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	cpus_online = 1;
	sim_domain_free(d);
}

TEST(test_limits, "a domain's limit")
{
	struct domain *d = dom(10);
	struct frame *f[10], *loose;

	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(f[i] = heap_alloc_dom(d, 0, 0));
	CU_ASSERT_EQUAL(d->refs, 2);
	CU_ASSERT_EQUAL(f[0]->count, FC_ALLOCATED | 1);
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 0, 0));
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES - 10);
	loose = heap_alloc_dom(NULL, 0, 0);
	CU_ASSERT_EQUAL(heap_assign(d, loose, 0), -E2BIG);
	d->max_pages = 11;
	d->dying = true;
	CU_ASSERT_EQUAL(heap_assign(d, loose, 0), -ESRCH);
	d->dying = false;
	CU_ASSERT_EQUAL(heap_assign(d, loose, 0), 0);
	d->max_pages = 5; /* below what it has: nothing more, nothing lost */
	CU_ASSERT_PTR_NULL(heap_alloc_dom(d, 0, 0));
	dom_free(d, loose);
	for (unsigned i = 0; i < 10; i++)
		dom_free(d, f[i]);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	sim_domain_free(d);
}

/* Where the domain has them is said before it has them, and not of what it does not get. */
TEST(test_pfns, "places of frames")
{
	struct domain *d = dom(3);
	struct frame *f;

	f = heap_alloc_dom_at(d, 1, 0, 70);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(sim.pfn[frame_to_mfn(f)], 70);
	CU_ASSERT_EQUAL(sim.pfn[frame_to_mfn(f + 1)], 71);
	CU_ASSERT_PTR_NULL(heap_alloc_dom_at(d, 1, 0, 90));
	for (mfn_t m = 0; m < SIM_FRAMES; m++)
		CU_ASSERT(sim.pfn[m] < 90 || sim.pfn[m] > 91);
	dom_free(d, f);
	dom_free(d, f + 1);
	f = heap_alloc_dom_at(d, 1, 0, M2P_INVALID);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(sim.pfn[frame_to_mfn(f + 1)], M2P_INVALID);
	dom_free(d, f);
	dom_free(d, f + 1);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	sim_domain_free(d);
}

TEST(test_claim, "claims")
{
	struct domain *d = dom(100000), *e = sim_domain(6, 0, false);
	struct frame *f;

	e->max_pages = 100000;
	CU_ASSERT_EQUAL(heap_claim(d, FRAMES + 1), -ENOMEM);
	CU_ASSERT_EQUAL(heap_claim(d, 200000), -EINVAL);
	CU_ASSERT_EQUAL(heap_claim(d, FRAMES - 100), 0);
	CU_ASSERT_EQUAL(heap_claim(d, 5), -EINVAL);
	CU_ASSERT_EQUAL(heap_claim(e, 101), -ENOMEM);
	CU_ASSERT_PTR_NULL(heap_alloc_dom(e, 7, 0));
	CU_ASSERT_PTR_NULL(heap_alloc_hv(ALLOC_MISC, 7));
	f = heap_alloc_dom(d, 8, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(d->claimed_pages, FRAMES - 100 - 256);
	CU_ASSERT_PTR_NULL(heap_alloc_dom(e, 7, 0));
	CU_ASSERT_EQUAL(heap_claim(d, 0), 0);
	CU_ASSERT_EQUAL(heap_claim(d, 0), 0);
	CU_ASSERT_EQUAL(heap_claim(e, 1000), 0);
	CU_ASSERT_EQUAL(heap_claim(e, 0), 0);
	for (unsigned i = 0; i < 256; i++)
		dom_free(d, f + i);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	sim_domain_free(d);
	sim_domain_free(e);
}

TEST(test_no_stale_tlb, "no stale translations")
{
	struct domain *d = dom(100000);
	static struct frame *f[SIM_FRAMES];
	struct frame *again;
	u64 n = 0;

	cpus_online = 3;
	while ((f[n] = heap_alloc_dom(d, 0, 0)) != NULL)
		n++;
	CU_ASSERT_EQUAL(n, FRAMES);
	memset(frame_to_va(f[7]), 0x77, PAGE_SIZE);
	d->dirty_cpus = 3;
	tlb_flush(3, 0);
	flushes = 0;
	dom_free(d, f[7]);
	CU_ASSERT_EQUAL(heap_free_frames(), 1);
	/* With interrupts off nobody can be asked to flush, so the frame is not to be had. */
	local_irq_disable();
	CU_ASSERT_PTR_NULL(heap_alloc_hv(ALLOC_MISC, 0));
	local_irq_enable();
	CU_ASSERT_EQUAL(flushes, 0);
	again = heap_alloc_hv(ALLOC_MISC, 0);
	CU_ASSERT_PTR_EQUAL(again, f[7]);
	CU_ASSERT_EQUAL(flushes, 1);
	CU_ASSERT_TRUE(is_zero(again, 0));
	/* Shown to a guest meanwhile: the same. */
	frame_share(again, d, FRAME_SHARE_RW);
	CU_ASSERT_EQUAL(frame_unshare(again), 0);
	again->tlb_stamp = tlb_stamp_now();
	flushes = 0;
	heap_free_hv(ALLOC_MISC, again, 0);
	again = heap_alloc_hv(ALLOC_MISC, 0);
	CU_ASSERT_PTR_EQUAL(again, f[7]);
	CU_ASSERT_EQUAL(flushes, 1);
	/* Never shown: no flush. */
	heap_free_hv(ALLOC_MISC, again, 0);
	again = heap_alloc_hv(ALLOC_MISC, 0);
	CU_ASSERT_EQUAL(flushes, 1);
	heap_free_hv(ALLOC_MISC, again, 0);
	/* One flush for a whole batch. */
	flushes = 0;
	for (u64 i = 0; i < n; i++)
		if (i != 7)
			dom_free(d, f[i]);
	CU_ASSERT_TRUE(flushes >= 1 && flushes <= 4);
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
	cpus_online = 1;
	sim_domain_free(d);
}

/* ---- objects ---- */

static struct alloc_stats totals(void)
{
	struct alloc_stats all = { 0 }, s;

	for (unsigned c = 0; c < ALLOC_CLASSES; c++) {
		alloc_stats_get((enum alloc_class)c, &s);
		all.bytes += s.bytes;
		all.objects += s.objects;
	}
	return all;
}

static void objects(unsigned seed, unsigned rounds)
{
	struct {
		u8 *p;
		size_t n;
		u8 fill;
	} held[200] = { 0 };

	for (unsigned i = 0; i < rounds; i++) {
		unsigned k = (unsigned)rand_r(&seed) % 200;

		if (held[k].p) {
			for (size_t b = 0; b < held[k].n; b++)
				CU_ASSERT_EQUAL_FATAL(held[k].p[b], held[k].fill);
			zfree(held[k].p);
			held[k].p = NULL;
			continue;
		}
		held[k].n = (unsigned)rand_r(&seed) % (rand_r(&seed) % 20 ? 3000 : 20000);
		held[k].p = zalloc((enum alloc_class)((unsigned)rand_r(&seed) % ALLOC_CLASSES),
				   held[k].n);
		held[k].fill = (u8)rand_r(&seed);
		CU_ASSERT_PTR_NOT_NULL_FATAL(held[k].p);
		CU_ASSERT_EQUAL((u64)held[k].p & 15, 0);
		if (held[k].n >= PAGE_SIZE)
			CU_ASSERT_EQUAL((va_to_paddr(held[k].p)) & (PAGE_SIZE - 1), 0);
		for (size_t b = 0; b < held[k].n; b++)
			CU_ASSERT_EQUAL_FATAL(held[k].p[b], 0);
		memset(held[k].p, held[k].fill, held[k].n);
	}
	for (unsigned k = 0; k < 200; k++)
		zfree(held[k].p);
}

TEST(test_objects, "objects")
{
	struct alloc_stats before = totals(), after;
	u64 frames = heap_free_frames();

	zfree(NULL);
	objects(3, 20000);
	after = totals();
	CU_ASSERT_EQUAL(after.bytes, before.bytes);
	CU_ASSERT_EQUAL(after.objects, before.objects);
	CU_ASSERT_EQUAL(heap_free_frames(), frames);
	CU_ASSERT_PTR_NULL(zalloc(ALLOC_MISC, 1ULL << 40));
}

static void *object_thread(void *arg)
{
	sim_cpu = &cpus[(u64)arg];
	objects((unsigned)(u64)arg + 10, 8000);
	return NULL;
}

TEST(test_threads, "several CPUs")
{
	u64 frames = heap_free_frames();
	pthread_t t[3];

	for (u64 i = 0; i < 3; i++) {
		cpus[i].id = (unsigned)i;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, object_thread, (void *)i), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CU_ASSERT_EQUAL(heap_free_frames(), frames);
	CU_ASSERT_EQUAL(totals().objects, 0);
	CU_ASSERT_EQUAL(totals().bytes, 0);
}

/* What other CPUs keep for themselves is free memory too: claims count on it. */
TEST(test_other_caches, "frames in other CPUs' caches")
{
	static struct frame *f[SIM_FRAMES];
	u64 frames = heap_free_frames(), n;

	for (unsigned c = 1; c < 4; c++) {
		cpus[c].id = c;
		sim_cpu = &cpus[c];
		for (n = 0; n < 40; n++)
			f[n] = heap_alloc_hv(ALLOC_MISC, 0);
		while (n)
			heap_free_hv(ALLOC_MISC, f[--n], 0);
	}
	sim_cpu = &cpus[0];
	for (n = 0; (f[n] = heap_alloc_hv(ALLOC_MISC, 0)) != NULL; n++)
		;
	CU_ASSERT_EQUAL(n, frames);
	while (n)
		heap_free_hv(ALLOC_MISC, f[--n], 0);
}

/* ---- cleared ahead ---- */

static unsigned interrupt_after; /* interrupts came on so often: there is work; 0: never */

void __real_local_irq_restore(u64 flags);
void __wrap_local_irq_restore(u64 flags);
void __wrap_local_irq_restore(u64 flags)
{
	__real_local_irq_restore(flags);
	if (interrupt_after && !--interrupt_after)
		cpus[0].softirq_pending = 1;
}

/* How many of 2^order frames are clear. */
static u64 clear_of(struct frame *f, unsigned order)
{
	u64 n = 0;

	for (u64 i = 0; i < BIT(order); i++)
		n += is_zero(f + i, 0);
	return n;
}

/* A block that was used and is free. */
static struct frame *used_block(unsigned order)
{
	struct frame *f = heap_alloc_hv(ALLOC_MISC, order);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	memset(frame_to_va(f), 0xa5, PAGE_SIZE << order);
	heap_free_hv(ALLOC_MISC, f, order);
	CU_ASSERT_EQUAL(clear_of(f, order), 0);
	return f;
}

/* Nothing waits in the quarantine or in a cache, and nothing is left to be cleared. */
static void settle(void)
{
	static struct frame *f[SIM_FRAMES];
	u64 n;

	for (n = 0; (f[n] = heap_alloc_hv(ALLOC_MISC, 0)) != NULL; n++)
		;
	CU_ASSERT_EQUAL(n, FRAMES);
	while (n)
		heap_free_hv(ALLOC_MISC, f[--n], 0);
	while (heap_scrub())
		;
}

TEST(test_scrub, "clearing ahead")
{
	struct frame *f;
	unsigned calls = 0;

	settle();
	CU_ASSERT_FALSE(heap_scrub());
	/* A bit at a time. */
	f = used_block(6);
	CU_ASSERT_TRUE(heap_scrub());
	CU_ASSERT_EQUAL(clear_of(f, 6), 16);
	while (heap_scrub())
		calls++;
	CU_ASSERT_TRUE(calls >= 2 && calls < 8);
	CU_ASSERT_EQUAL(clear_of(f, 6), 64);
	CU_ASSERT_FALSE(heap_scrub());
	CU_ASSERT_EQUAL(heap_free_frames(), FRAMES);
}

TEST(test_scrub_stops, "clearing stops when there is work")
{
	struct frame *f;

	settle();
	f = used_block(6);
	interrupt_after = 5;
	CU_ASSERT_TRUE(heap_scrub());
	CU_ASSERT_EQUAL(clear_of(f, 6), 5);
	CU_ASSERT_TRUE(heap_scrub());
	CU_ASSERT_EQUAL(clear_of(f, 6), 5);
	cpus[0].softirq_pending = 0;
	while (heap_scrub())
		;
	CU_ASSERT_EQUAL(clear_of(f, 6), 64);
}

TEST(test_scrub_kept, "what is clear is not cleared again, and what was used since is")
{
	static struct frame *f[SIM_FRAMES];
	struct frame *block;
	u64 n, kept = 0;

	settle();
	block = used_block(5);
	/* One of two halves is cleared: from the lowest number on. */
	CU_ASSERT_TRUE(heap_scrub());
	CU_ASSERT_EQUAL(clear_of(block, 4), 16);
	for (u64 i = 0; i < 16; i++)
		*(u64 *)frame_to_va(block + i) = 0x5eed;
	/* As one block with what it was merged with, then one by one. */
	f[0] = heap_alloc_hv(ALLOC_MISC, 11);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f[0]);
	for (u64 i = 0; i < BIT(11); i++)
		if (!is_zero(f[0] + i, 0)) {
			CU_ASSERT_TRUE(f[0] + i >= block && f[0] + i < block + 16);
			kept++;
		}
	CU_ASSERT_EQUAL(kept, 16);
	memset(frame_to_va(f[0]), 0xa5, PAGE_SIZE << 11);
	heap_free_hv(ALLOC_MISC, f[0], 11);
	for (n = 0; (f[n] = heap_alloc_hv(ALLOC_MISC, 0)) != NULL; n++)
		CU_ASSERT_TRUE(is_zero(f[n], 0));
	CU_ASSERT_EQUAL(n, FRAMES);
	while (n)
		heap_free_hv(ALLOC_MISC, f[--n], 0);
	while (heap_scrub())
		;
	CU_ASSERT_PTR_NOT_NULL_FATAL(f[0] = heap_alloc_hv(ALLOC_MISC, 11));
	CU_ASSERT_TRUE(is_zero(f[0], 11));
	heap_free_hv(ALLOC_MISC, f[0], 11);
}

TEST(test_scrub_used, "what is in use between freed frames stays as it is")
{
	static struct frame *f[SIM_FRAMES];
	u64 n, wrong = 0;

	settle();
	for (n = 0; (f[n] = heap_alloc_hv(ALLOC_MISC, 0)) != NULL; n++)
		memset(frame_to_va(f[n]), 0xa5, PAGE_SIZE);
	/* Every other one, and more than the cache has room for. */
	for (u64 i = 0; i < n; i += 2)
		heap_free_hv(ALLOC_MISC, f[i], 0);
	while (heap_scrub())
		;
	for (u64 i = 1; i < n; i += 2) {
		wrong += is_zero(f[i], 0);
		heap_free_hv(ALLOC_MISC, f[i], 0);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

TEST(test_scrub_domain, "a domain's frames, once all have forgotten them")
{
	struct domain *d = dom(2000);
	static struct frame *f[1024];

	settle();
	for (u64 i = 0; i < 1024; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(f[i] = heap_alloc_dom(d, 0, 0));
		memset(frame_to_va(f[i]), 0xa5, PAGE_SIZE);
	}
	for (u64 i = 0; i < 1023; i++)
		dom_free(d, f[i]);
	/* They wait for a flush: nobody may touch them. */
	CU_ASSERT_FALSE(heap_scrub());
	CU_ASSERT_FALSE(is_zero(f[0], 0));
	dom_free(d, f[1023]);
	while (heap_scrub())
		;
	for (u64 i = 0; i < 1024; i++)
		CU_ASSERT_TRUE(is_zero(f[i], 0));
}

/* ---- before the heap ---- */

static paddr_t drained[16][2];
static unsigned nr_drained;

static void drain(paddr_t start, paddr_t end)
{
	drained[nr_drained][0] = start;
	drained[nr_drained++][1] = end;
}

TEST(test_early, "before the heap")
{
	paddr_t a, b;

	early_ranges_add(0x100000000, 0x200000000);
	early_ranges_add(0x1001, 0x9ffff);
	early_ranges_add(0x100000, 0x40000000);
	early_ranges_reserve(0x200000, 0x234567);
	early_ranges_reserve(0x3ffff800, 0x50000000);
	a = early_alloc(16, 16);
	CU_ASSERT_EQUAL(a, 0x3ffe0000);
	b = early_alloc(1, 1);
	CU_ASSERT_EQUAL(b, 0x3fffe000);
	/* What the boot page tables do not map is free for who says that it is mapped now. */
	early_end(DIRECTMAP_SIZE);
	a = early_alloc(512, 512);
	CU_ASSERT_EQUAL(a, 0x1ffe00000);
	early_ranges_drain(drain);
	CU_ASSERT_EQUAL(nr_drained, 5);
	CU_ASSERT_TRUE(drained[0][0] == 0x2000 && drained[0][1] == 0x9f000);
	CU_ASSERT_TRUE(drained[1][0] == 0x100000 && drained[1][1] == 0x200000);
	CU_ASSERT_TRUE(drained[2][0] == 0x235000 && drained[2][1] == 0x3ffe0000);
	CU_ASSERT_TRUE(drained[3][0] == 0x3fff0000 && drained[3][1] == 0x3fffe000);
	CU_ASSERT_TRUE(drained[4][0] == 0x100000000 && drained[4][1] == 0x1ffe00000);
	early_ranges_drain(drain);
	CU_ASSERT_EQUAL(nr_drained, 5);
}

static u64 pieces;

static void count(paddr_t start, paddr_t end)
{
	pieces += (end - start) >> PAGE_SHIFT;
}

TEST(test_early_many, "before the heap: as many pieces of RAM as a map can have")
{
	for (u64 i = 0; i < ARRAY_SIZE(machine_e820.e); i++)
		early_ranges_add((0x100 + 2 * i) << PAGE_SHIFT, (0x101 + 2 * i) << PAGE_SHIFT);
	early_ranges_drain(count);
	CU_ASSERT_EQUAL(pieces, ARRAY_SIZE(machine_e820.e));
}

static void init(void)
{
	sim_reset();
	max_mfn = SIM_FRAMES;
	/* As boot leaves them: no frame is free before the heap says so. */
	for (mfn_t m = FIRST; m < SIM_FRAMES; m++)
		mfn_to_frame(m)->count = FC_HEAP;
	/* Two ranges that do not begin or end on large boundaries. */
	heap_add_range(FIRST << PAGE_SHIFT, 1001 << PAGE_SHIFT);
	heap_add_range(1001 << PAGE_SHIFT, (u64)SIM_FRAMES << PAGE_SHIFT);
}

SUITE("heap", .init = init)
