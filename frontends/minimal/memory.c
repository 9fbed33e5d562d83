// SPDX-License-Identifier: MIT
/*
 * Memory. Rings and buffers come from a pool in the kernel's image; frames of others are mapped at
 * pages kept for that; what lies behind the initial mapping is the balloon's and mapped by nobody.
 */
#include "frontends/minimal/kernel.h"

#define POOL_PAGES	1024u
#define WINDOWS		16u
#define GRANT_FRAMES	(GRANT_TABLE_MAX / 512)
#define SPARE_MAX	65536u	/* pages of the balloon: 256 MiB */

#define PTE_P	  ((uint64_t)1)
#define PTE_RW	  ((uint64_t)2)
#define PTE_US	  ((uint64_t)4)
#define PTE_AD	  ((uint64_t)0x60)
/* A 64-bit PV kernel's pages are user pages to the CPU. */
#define PTE_KERNEL (PTE_P | PTE_RW | PTE_AD | (BITS == 64 ? PTE_US : 0))

static char pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static char windows[WINDOWS][PAGE_SIZE] __attribute__((aligned(4096)));
static char table_pages[GRANT_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static char try_page[PAGE_SIZE] __attribute__((aligned(4096)));
static bool used[POOL_PAGES];
static unsigned int nr_windows;
static void *shared_window;
static struct grant_table grants;
static xen_pfn_t spare[SPARE_MAX];
static unsigned int nr_spare;

/* What never changes: minimal.lds.S. The hypercall page is another hypervisor's in another life. */
extern const char image_begin[], image_end[];

static xen_ulong_t *p2m(void)
{
	return (xen_ulong_t *)(uintptr_t)start_info->mfn_list;
}

static uint64_t mfn_of(const void *address)
{
	return p2m()[((uintptr_t)address - VIRT_BASE) / PAGE_SIZE];
}

/* update_va_mapping(@address, @pte): a 32-bit kernel's entry takes two registers. */
static int set_pte(void *address, uint64_t pte)
{
#ifdef __i386__
	return (int)hypercall(__HYPERVISOR_update_va_mapping, address, (uint32_t)pte,
			      (uint32_t)(pte >> 32), (long)UVMF_INVLPG);
#else
	return (int)hypercall(__HYPERVISOR_update_va_mapping, address, pte, (long)UVMF_INVLPG);
#endif
}

void *map_frame(uint64_t mfn)
{
	if (nr_windows == WINDOWS || set_pte(windows[nr_windows], mfn << 12 | PTE_KERNEL))
		kernel_shutdown(SHUTDOWN_crash);
	return windows[nr_windows++];
}

void *pages_get(void *kernel, unsigned int count)
{
	(void)kernel;
	for (unsigned int i = 0, n = 0; i < POOL_PAGES; i++) {
		n = used[i] ? 0 : n + 1;
		if (n < count)
			continue;
		memset(&used[i + 1 - count], 1, count);
		memset(pool[i + 1 - count], 0, (size_t)count * PAGE_SIZE);
		return pool[i + 1 - count];
	}
	return NULL;
}

void pages_put(void *kernel, void *pages, unsigned int count)
{
	(void)kernel;
	memset(&used[((uintptr_t)pages - (uintptr_t)pool) / PAGE_SIZE], 0, count);
}

unsigned int pages_free(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < POOL_PAGES; i++)
		n += !used[i];
	return n;
}

int memory_grant(void *kernel, domid_t to, const void *address, bool readonly, grant_ref_t *ref)
{
	(void)kernel;
	return grant_give(&grants, to, (uint32_t)mfn_of(address), readonly, ref);
}

int memory_revoke(void *kernel, grant_ref_t ref)
{
	(void)kernel;
	return grant_end(&grants, ref);
}

long memory_op(void *kernel, unsigned int cmd, void *arg)
{
	(void)kernel;
	return hypercall(__HYPERVISOR_memory_op, (long)cmd, arg);
}

/* ---- the balloon's pages ---- */

static int take(void *kernel, xen_pfn_t *pfn)
{
	(void)kernel;
	if (!nr_spare)
		return -ENOMEM;
	*pfn = spare[--nr_spare];
	return 0;
}

/* What comes back has a frame that can be written to and keeps what is written. */
static void give(void *kernel, xen_pfn_t pfn)
{
	volatile uint32_t *word = (volatile uint32_t *)try_page;

	(void)kernel;
	if (set_pte(try_page, (uint64_t)p2m()[pfn] << 12 | PTE_KERNEL)) {
		fail("balloon: page %lx cannot be mapped", (unsigned long)pfn);
		return;
	}
	word[0] = (uint32_t)pfn;
	word[1023] = ~(uint32_t)pfn;
	if (word[0] != (uint32_t)pfn || word[1023] != ~(uint32_t)pfn)
		fail("balloon: page %lx does not keep what is written", (unsigned long)pfn);
	set_pte(try_page, 0);
	spare[nr_spare++] = pfn;
}

static xen_pfn_t get_mfn(void *kernel, xen_pfn_t pfn)
{
	(void)kernel;
	return p2m()[pfn];
}

static void set_mfn(void *kernel, xen_pfn_t pfn, xen_pfn_t mfn)
{
	(void)kernel;
	p2m()[pfn] = mfn;
}

const struct balloon_ops balloon_ops = {
	.take = take,
	.give = give,
	.mfn = get_mfn,
	.set_mfn = set_mfn,
};

uint64_t memory_spare(void)
{
	return nr_spare;
}

/* ---- what is not the domain's own ---- */

static void mask_events(void)
{
	for (unsigned int port = 0; port < EVENTS_MAX; port++)
		__atomic_fetch_or(&shared_info->evtchn_mask[port / (8 * sizeof(xen_ulong_t))],
				  (xen_ulong_t)1 << port % (8 * sizeof(xen_ulong_t)),
				  __ATOMIC_SEQ_CST);
}

/* Who saves us has to find the P2M: by its address in the space of a root table. */
static void tell_p2m(void)
{
	uint64_t root = memory_frame((const void *)(uintptr_t)start_info->pt_base);

	shared_info->arch.max_pfn = start_info->nr_pages;
	shared_info->arch.p2m_vaddr = start_info->mfn_list;
	/* A PAE root may be above 4 GiB: its frame's number is turned by 12 bits. */
	shared_info->arch.p2m_cr3 = (xen_ulong_t)(root << 12 | (BITS == 32 ? root >> 20 : 0));
}

static unsigned int map_grants(void)
{
	xen_pfn_t frames[GRANT_FRAMES] = { 0 };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };
	unsigned int nr = 0;

	set_xen_guest_handle(setup.frame_list, frames);
	if (!hypercall(__HYPERVISOR_grant_table_op, (long)GNTTABOP_setup_table, &setup, 1L) &&
	    setup.status == GNTST_okay)
		for (; nr < GRANT_FRAMES; nr++)
			if (set_pte(table_pages[nr], (uint64_t)frames[nr] << 12 | PTE_KERNEL))
				break;
	return nr;
}

void memory_let_go(void)
{
	for (unsigned int i = 0; i < GRANT_FRAMES; i++)
		set_pte(table_pages[i], 0);
	set_pte(shared_window, 0);
}

void memory_take_up(void)
{
	if (set_pte(shared_window, (start_info->shared_info & ~(uint64_t)4095) | PTE_KERNEL) ||
	    map_grants() * 512 < grants.nr)
		kernel_shutdown(SHUTDOWN_crash);
	mask_events();
	tell_p2m();
}

xen_pfn_t memory_pfn(xen_pfn_t mfn)
{
	xen_pfn_t pfn = 0;

	while (pfn < start_info->nr_pages && p2m()[pfn] != mfn)
		pfn++;
	return pfn;
}

uint64_t memory_frame(const void *address)
{
	return mfn_of(address);
}

/* ---- every page that is the balloon's ---- */

static void each_spare(void (*visit)(uint32_t *page, void *arg), void *arg)
{
	for (unsigned int i = 0; i < nr_spare; i++) {
		if (set_pte(try_page, (uint64_t)p2m()[spare[i]] << 12 | PTE_KERNEL)) {
			fail("page %lx cannot be mapped", (unsigned long)spare[i]);
			return;
		}
		visit((uint32_t *)try_page, arg);
	}
	set_pte(try_page, 0);
}

/* One page of four: the others are what most of a guest is, and an image takes less time. */
static void fill_page(uint32_t *page, void *arg)
{
	if ((*(unsigned int *)arg)++ % 4)
		return;
	for (unsigned int i = 0; i < PAGE_SIZE / 4; i++)
		page[i] = random_word();
}

void memory_fill(void)
{
	unsigned int n = 0;

	each_spare(fill_page, &n);
}

static void sum_words(const uint32_t *words, unsigned int count, uint32_t *sum)
{
	uint32_t s = *sum;

	for (unsigned int i = 0; i < count; i++)
		s = (s ^ words[i]) * 0x01000193u;
	*sum = s;
}

static void sum_page(uint32_t *page, void *arg)
{
	sum_words(page, PAGE_SIZE / 4, arg);
}

uint32_t memory_sum(void)
{
	uint32_t sum = 0x811c9dc5u;

	sum_words((const uint32_t *)image_begin, (unsigned int)(image_end - image_begin) / 4,
		  &sum);
	each_spare(sum_page, &sum);
	return sum;
}

void memory_open(void)
{
	xen_pfn_t first;

	shared_info = shared_window = map_frame(start_info->shared_info >> 12);
	mask_events();
	tell_p2m();
	grant_table_init(&grants, (struct grant_entry_v1 *)table_pages, map_grants() * 512);

	/*
	 * The initial mapping ends 512 KiB or more behind the boot stack, which follows the page
	 * tables, at a multiple of 4 MiB.
	 */
	first = (start_info->pt_base - VIRT_BASE) / PAGE_SIZE + start_info->nr_pt_frames + 1;
	first = (first + 128 + 1024 + 1023) & ~(xen_pfn_t)1023;
	for (xen_pfn_t pfn = first; pfn < start_info->nr_pages && nr_spare < SPARE_MAX; pfn++)
		spare[nr_spare++] = pfn;
	set_pte(try_page, 0);
}
