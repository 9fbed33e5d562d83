// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hypervisor's own page tables. Everything in slots 256-271 hangs below L3 tables that are made
 * once at boot, so that a root needs copying only at those slots and never again.
 */
#include "memory/paging.h"
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "memory/e820.h"
#include "memory/early.h"
#include "memory/frame.h"
#include "memory/heap.h"
#include "memory/ioremap.h"
#include "memory/owner.h"

#define P	  BIT(0)
#define RW	  BIT(1)
#define US	  BIT(2)
#define PWT	  BIT(3)
#define PCD	  BIT(4)
#define AD	  (BIT(5) | BIT(6))
#define PS	  BIT(7)
#define PAT	  BIT(7) /* of an L1 entry */
#define NX	  (cpu_features.nx ? BIT(63) : 0ULL)
#define ADDR_MASK 0x000ffffffffff000ULL
#define TABLE	  (P | RW | AD)

#define SLOT(va) (((va) >> 39) & 511)

static u64 *idle_l4;
static paddr_t idle_l4_pa;
static bool heap_ready;
/* Guards the ioremap window's tables and entry_area L1s. */
GLOBAL_LOCK(paging_lock, "paging lock");
static u64 ioremap_used;

extern char _entry_start[], _entry_end[];
extern char _start[], _text_end[], _rodata_end[], _data_end[], _init_start[], _init_end[], _end[];

static u64 *new_table(void)
{
	u64 *t;

	if (heap_ready)
		return page_alloc(ALLOC_PAGING);
	t = paddr_to_va(early_alloc(1, 1));
	memset(t, 0, PAGE_SIZE);
	return t;
}

/* The table below entry e, made if there is none; NULL without memory, and where a large page is.
 * User access is decided at the last level. */
static u64 *next_table(u64 *e)
{
	u64 *t;

	if (*e & P)
		return *e & PS ? NULL : paddr_to_va(*e & ADDR_MASK);
	t = new_table();
	if (t)
		*e = va_to_paddr(t) | TABLE | US;
	return t;
}

/* level 1: 4 KiB, 2: 2 MiB, 3: 1 GiB pages. False without memory. */
static bool map_page(u64 *l4, vaddr_t va, paddr_t pa, u64 flags, int level)
{
	u64 *t = next_table(&l4[SLOT(va)]);

	for (int l = 3; l > level && t; l--)
		t = next_table(&t[(va >> (12 + 9 * (l - 1))) & 511]);
	if (!t)
		return false;
	t[(va >> (12 + 9 * (level - 1))) & 511] = pa | flags | P | AD | (level > 1 ? PS : 0);
	return true;
}

bool paging_map_in(u64 *root, vaddr_t va, paddr_t pa, u64 size, u64 flags)
{
	while (size) {
		int level = 1;

		if (cpu_features.pg1g && !((va | pa) & 0x3fffffff) && size >= 0x40000000)
			level = 3;
		else if (!((va | pa) & 0x1fffff) && size >= 0x200000)
			level = 2;
		if (!map_page(root, va, pa, flags, level))
			return false;
		va += PAGE_SIZE << (9 * (level - 1));
		pa += PAGE_SIZE << (9 * (level - 1));
		size -= PAGE_SIZE << (9 * (level - 1));
	}
	return true;
}

static void __init map_range(vaddr_t va, paddr_t pa, u64 size, u64 flags)
{
	paging_map_in(idle_l4, va, pa, size, flags);
}

u64 *paging_new_root(void)
{
	u64 *root = new_table();

	if (root)
		memcpy(&root[HV_SLOT_FIRST], &idle_l4[HV_SLOT_FIRST],
		       (HV_SLOT_LAST - HV_SLOT_FIRST + 1) * sizeof(u64));
	return root;
}

static u64 __init image_size(void)
{
	return ALIGN_UP((u64)(_end - _start), PAGE_SIZE);
}

void __init paging_find_memory(void)
{
	for (unsigned i = 0; i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];
		u64 end = e->start + e->size;

		if (e->type != E820_RAM || end <= 0x100000)
			continue;
		if (end > DIRECTMAP_SIZE)
			end = DIRECTMAP_SIZE;
		early_ranges_add(max(e->start, 0x100000ULL), end);
		max_mfn = max(max_mfn, end >> PAGE_SHIFT);
	}
	early_ranges_reserve(IMAGE_PHYS_START, IMAGE_PHYS_START + image_size());
}

u64 compat_m2p_l2[COMPAT_M2P_L2S];

/* The 4-byte M2P; what of it a 32-bit guest's L2 shows is the same for all. */
static void __init map_compat_m2p(void)
{
	u64 size = min(max_mfn, COMPAT_M2P_ENTRIES) * sizeof(u32);

	for (u64 off = 0; off < size; off += 0x200000) {
		paddr_t pa = early_alloc(512, 512);

		memset(paddr_to_va(pa), M2P_INVALID & 0xff, 0x200000);
		map_page(idle_l4, COMPAT_M2P_RW_START + off, pa, RW | NX, 2);
		compat_m2p_l2[off / 0x200000] = pa | P | AD | PS | NX;
	}
}

/* A table of `size` bytes in 2 MiB pieces, mapped at va (and at ro_va for guests). */
static void __init map_new_table(vaddr_t va, vaddr_t ro_va, u64 size, u8 fill)
{
	for (u64 off = 0; off < size; off += 0x200000) {
		paddr_t pa = early_alloc(512, 512);

		memset(paddr_to_va(pa), fill, 0x200000);
		map_page(idle_l4, va + off, pa, RW | NX, 2);
		if (ro_va)
			map_page(idle_l4, ro_va + off, pa, US | NX, 2);
	}
}

void __init paging_init(void)
{
	idle_l4 = new_table();
	idle_l4_pa = va_to_paddr(idle_l4);

	/* RAM, the first MiB and what firmware keeps its tables in; the boot tables map the first 4
	 * GiB meanwhile. */
	map_range(DIRECTMAP_START, 0, 0x100000, RW | NX);
	for (unsigned i = 0; i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];
		u64 start = ALIGN_DOWN(max(e->start, 0x100000ULL), PAGE_SIZE);
		u64 end = min(ALIGN_UP(e->start + e->size, PAGE_SIZE), (u64)DIRECTMAP_SIZE);

		if (start < end &&
		    (e->type == E820_RAM || e->type == E820_ACPI || e->type == E820_NVS))
			map_range(DIRECTMAP_START + start, start, end - start, RW | NX);
	}
	map_range(IMAGE_VIRT_START, IMAGE_PHYS_START, image_size(), RW);
	write_cr3(idle_l4_pa);
	this_cpu()->cr3_mfn = idle_l4_pa >> PAGE_SHIFT;
	/* All RAM is mapped: the tables that grow with it can be anywhere in it. */
	early_end(DIRECTMAP_SIZE);

	map_new_table(M2P_RW_START, M2P_RO_START, max_mfn * sizeof(u64), M2P_INVALID & 0xff);
	map_compat_m2p();
	map_new_table(FRAME_TABLE_START, 0, max_mfn * sizeof(struct frame), 0);
	/* Tables for the slots that grow later, so that every root shares them. */
	next_table(&idle_l4[SLOT(ENTRY_VIRT_START)]);
	next_table(&idle_l4[SLOT(IOREMAP_START)]);

	for (mfn_t m = 0; m < max_mfn; m++)
		FRAME_TABLE[m].count = FC_BAD;
	for (unsigned i = 0; i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];

		if (e->type != E820_RAM)
			continue;
		for (mfn_t m = DIV_ROUND_UP(max(e->start, 0x100000ULL), PAGE_SIZE);
		     m < (e->start + e->size) >> PAGE_SHIFT && m < max_mfn; m++)
			FRAME_TABLE[m].count = FC_HEAP;
	}
	early_ranges_drain(heap_add_range);
	heap_ready = true;
}

static void __init share_table(vaddr_t va, u64 size)
{
	const u64 *l3 = paddr_to_va(idle_l4[SLOT(va)] & ADDR_MASK);

	/* In 2 MiB pieces, as map_new_table() and map_compat_m2p() made them. */
	for (u64 off = 0; off < size; off += 0x200000) {
		const u64 *l2 = paddr_to_va(l3[((va + off) >> 30) & 511] & ADDR_MASK);
		mfn_t first = (l2[((va + off) >> 21) & 511] & ADDR_MASK) >> PAGE_SHIFT;

		for (mfn_t m = first; m < first + 512; m++)
			frame_share(mfn_to_frame(m), dom_hv, FRAME_SHARE_RO);
	}
}

void __init paging_share_m2p(void)
{
	share_table(M2P_RW_START, max_mfn * sizeof(u64));
	share_table(COMPAT_M2P_RW_START, min(max_mfn, COMPAT_M2P_ENTRIES) * sizeof(u32));
}

/* Change the rights of the image's pages: they were mapped by 2 MiB pages where possible. */
static void __init protect(char *from, char *to, u64 flags)
{
	for (char *p = from; p < to; p += PAGE_SIZE)
		map_page(idle_l4, (vaddr_t)p, (paddr_t)p - IMAGE_VIRT_START + IMAGE_PHYS_START,
			 flags, 1);
}

void __init paging_protect_image(void)
{
	u64 *l3 = paddr_to_va(idle_l4[SLOT(IMAGE_VIRT_START)] & ADDR_MASK);
	u64 *l2 = paddr_to_va(l3[(IMAGE_VIRT_START >> 30) & 511] & ADDR_MASK);
	u64 size = image_size();

	/* Split the 2 MiB pages; every translation stays valid at every moment: we run on them. */
	for (u64 off = 0; off < size; off += 0x200000) {
		u64 *e = &l2[off >> 21], *l1;

		if (!(*e & PS))
			continue;
		l1 = new_table();
		if (!l1)
			panic("no memory to protect the hypervisor's image\n");
		for (unsigned i = 0; i < 512; i++)
			l1[i] = ((*e & ADDR_MASK) + i * PAGE_SIZE) | P | RW | AD;
		*e = va_to_paddr(l1) | TABLE;
	}
	protect(_start, _text_end, 0);
	protect(_text_end, _rodata_end, NX);
	protect(_rodata_end, _data_end, RW | NX);
	protect(_init_end, _end, RW | NX);
	write_cr3(idle_l4_pa);
}

void paging_free_init(void)
{
	paddr_t start = (paddr_t)_init_start - IMAGE_VIRT_START + IMAGE_PHYS_START;
	paddr_t end = (paddr_t)_init_end - IMAGE_VIRT_START + IMAGE_PHYS_START;

	for (char *p = _init_start; p < _init_end; p += PAGE_SIZE) {
		u64 *l3 = paddr_to_va(idle_l4[SLOT(IMAGE_VIRT_START)] & ADDR_MASK);
		u64 *l2 = paddr_to_va(l3[((u64)p >> 30) & 511] & ADDR_MASK);
		u64 *l1 = paddr_to_va(l2[((u64)p >> 21) & 511] & ADDR_MASK);

		l1[((u64)p >> 12) & 511] = 0;
	}
	heap_add_range(start, end);
	printk(LOG_INFO "boot: %llu KiB of start-up code freed\n",
	       (unsigned long long)(end - start) >> 10);
}

paddr_t idle_root_paddr(void)
{
	return idle_l4_pa;
}

u64 *idle_root(void)
{
	return idle_l4;
}

void *paging_entry_l1(unsigned cpu)
{
	vaddr_t va = entry_area(cpu);
	u64 *t = next_table(&idle_l4[SLOT(va)]);

	t = t ? next_table(&t[(va >> 30) & 511]) : NULL;
	return t ? next_table(&t[(va >> 21) & 511]) : NULL;
}

/* Unmapped view of slot 261: the entry code and the IDT only. Shared by all CPUs. */
static u64 *entry_image_l3;

static bool make_entry_image(void)
{
	u64 *l4 = page_alloc(ALLOC_PAGING);
	struct table_ptr {
		u16 limit;
		u64 base;
	} __packed idtr;
	bool ok = l4;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	for (const char *p = _entry_start; ok && p < _entry_end; p += PAGE_SIZE)
		ok = map_page(l4, (vaddr_t)p, (paddr_t)p - IMAGE_VIRT_START + IMAGE_PHYS_START, 0,
			      1);
	/* Both tables: the one of 64-bit guests in ring 1 is the next page. */
	for (vaddr_t va = idtr.base; ok && va < idtr.base + 2 * PAGE_SIZE; va += PAGE_SIZE)
		ok = map_page(l4, va, va - IMAGE_VIRT_START + IMAGE_PHYS_START, NX, 1);
	if (ok)
		entry_image_l3 = paddr_to_va(l4[SLOT(IMAGE_VIRT_START)] & ADDR_MASK);
	if (l4)
		page_free(ALLOC_PAGING, l4);
	return ok;
}

/* The frames of the stacks and the info page that all views share, once for each CPU. */
static bool make_guest_stacks(unsigned cpu, u64 *info)
{
	u64 *full = cpus[cpu].area_l1;

	for (unsigned i = EA_INFO; i < EA_STACK + EA_NR_STACKS; i++) {
		void *page = page_alloc(ALLOC_PAGING);
		u64 e = page ? va_to_paddr(page) | (full[i] & ~ADDR_MASK) : 0;

		if (!page)
			return false;
		if (i < EA_STACK)
			*info = e;
		else
			full[EA_GUEST_STACKS + i - EA_STACK] = e;
	}
	return true;
}

/* `first`, `n`: of the CPU's copies. */
static bool make_view(unsigned cpu, unsigned view, u64 info, unsigned first, unsigned n)
{
	u64 *l3 = page_alloc(ALLOC_PAGING), *l2 = page_alloc(ALLOC_PAGING),
	    *l1 = page_alloc(ALLOC_PAGING);
	const u64 *full = cpus[cpu].area_l1;

	if (!l3 || !l2 || !l1)
		return false;
	for (unsigned i = first; i < first + n; i++) {
		u64 *root = page_alloc(ALLOC_PAGING);

		if (!root)
			return false;
		root[SLOT(M2P_RO_START)] = idle_l4[SLOT(M2P_RO_START)];
		/* Not for its processes. */
		if (view == VIEW_RING1)
			root[SLOT(M2P_RO_START)] &= ~US;
		root[SLOT(IMAGE_VIRT_START)] = va_to_paddr(entry_image_l3) | TABLE;
		root[SLOT(ENTRY_VIRT_START)] = va_to_paddr(l3) | TABLE;
		cpus[cpu].root_copies[i] = (struct root_copy){ va_to_mfn(root), INVALID_MFN };
	}
	l3[(entry_area(cpu) >> 30) & 511] = va_to_paddr(l2) | TABLE;
	l2[0] = va_to_paddr(l1) | TABLE;
	/* The windows of the guest's descriptors change with it, here too (descriptor_window.c). */
	for (unsigned i = EA_GDT; i < EA_INFO; i++)
		l1[i] = view == VIEW_RING1 ? full[i] & ~RW : full[i];
	l1[EA_INFO] = info;
	for (unsigned i = 0; i < EA_NR_STACKS; i++)
		l1[EA_STACK + i] = full[EA_GUEST_STACKS + i];
	cpus[cpu].area_view[view] = l1;
	return true;
}

bool paging_create_root_copies(unsigned cpu, bool ring3, bool ring1)
{
	u64 info;

	if ((!entry_image_l3 && !make_entry_image()) || !make_guest_stacks(cpu, &info))
		return false;
	return (!ring3 || make_view(cpu, VIEW_RING3, info, 0, 2)) &&
	       (!ring1 || make_view(cpu, VIEW_RING1, info, 2, 1));
}

static void *map_window(paddr_t pa, size_t len, u64 flags)
{
	static struct {
		paddr_t start;
		u64 pages, flags;
		vaddr_t va;
	} known[64];
	static unsigned nr_known;
	paddr_t start = ALIGN_DOWN(pa, PAGE_SIZE);
	u64 pages = (ALIGN_UP(pa + len, PAGE_SIZE) - start) >> PAGE_SHIFT;
	void *result = NULL;
	vaddr_t va;

	global_lock(paging_lock);
	for (unsigned i = 0; i < nr_known; i++)
		if (known[i].start <= start &&
		    start + pages * PAGE_SIZE <= known[i].start + known[i].pages * PAGE_SIZE &&
		    known[i].flags == flags) {
			result = (void *)(known[i].va + (pa - known[i].start));
			goto out;
		}
	if (pa + len < pa || ioremap_used + pages * PAGE_SIZE > IOREMAP_SIZE)
		goto out;
	va = IOREMAP_START + ioremap_used;
	for (u64 i = 0; i < pages; i++)
		if (!map_page(idle_l4, va + i * PAGE_SIZE, start + i * PAGE_SIZE, flags, 1))
			goto out;
	ioremap_used += pages * PAGE_SIZE;
	if (nr_known < ARRAY_SIZE(known)) {
		known[nr_known].start = start;
		known[nr_known].pages = pages;
		known[nr_known].flags = flags;
		known[nr_known].va = va;
		nr_known++;
	}
	result = (void *)(va + (pa - start));
out:
	global_unlock(paging_lock);
	return result;
}

void *ioremap(paddr_t pa, size_t len)
{
	return map_window(pa, len, RW | NX | PCD | PWT);
}

/* Entry 4 of PAT_VALUE (cpu/msr.h). */
void *ioremap_wc(paddr_t pa, size_t len)
{
	return map_window(pa, len, RW | NX | PAT);
}

void *map_firmware(paddr_t pa, size_t len)
{
	return map_window(pa, len, NX);
}
