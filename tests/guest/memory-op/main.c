// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The balloon: memory given back and taken again, by single frames and in larger extents, with an
 * address limit, and exchanged for frames of another shape (DMA buffers). The counts are right at
 * every moment, the P2M side of the M2P is kept, new frames come zeroed, the domain's limit holds,
 * and what fails half-way says how far it came.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "memory-op";

static uint8_t window[8][PAGE_SIZE] __attribute__((aligned(4096)));
static domid_t self = DOMID_SELF;

static long op(long cmd, void *arg)
{
	return hypercall(memory_op, cmd, arg);
}

static long current_pages(void)
{
	return op(XENMEM_current_reservation, &self);
}

static bool zero(const uint8_t *p)
{
	const uint64_t *q = (const uint64_t *)p;

	for (size_t i = 0; i < PAGE_SIZE / 8; i++)
		if (q[i])
			return false;
	return true;
}

static void test_numbers(void)
{
	struct xen_machphys_mapping m;
	domid_t other = 12345;

	check_eq(current_pages(), start_info->nr_pages);
	check(op(XENMEM_maximum_reservation, &self) >= current_pages());
	check(op(XENMEM_maximum_ram_page, NULL) > (long)start_info->nr_pages);
	check(op(XENMEM_maximum_gpfn, &self) >= 0);
	check_refused(op(XENMEM_current_reservation, &other));
	check_eq(op(XENMEM_machphys_mapping, &m), 0);
	check_eq(m.v_start, MACH2PHYS_VIRT_START);
	check(m.v_end > m.v_start && m.v_end <= 0xffff880000000000UL);
	check(m.max_mfn < (m.v_end - m.v_start) / 8);
	for (uint64_t i = 0; i < start_info->nr_pages; i += 100)
		check(pfn_to_mfn(i) <= m.max_mfn);
}

/* Frames out and in again, single ones. The pfns are at the end of memory: nothing maps them. */
static void test_balloon(void)
{
	long pages = current_pages();
	uint64_t pfn[8], mfn[8];
	xen_ulong_t list[8];

	for (int i = 0; i < 8; i++) {
		pfn[i] = pfn_alloc();
		mfn[i] = list[i] = pfn_to_mfn(pfn[i]);
	}
	/* Something in them that must not come back. */
	for (int i = 0; i < 8; i++) {
		check_eq(map_page(window[i], mfn[i], PTE_KERNEL), 0);
		memset(window[i], 0xa5, PAGE_SIZE);
		check_eq(map_page(window[i], 0, 0), 0);
	}
	check_eq(reservation(XENMEM_decrease_reservation, list, 8, 0, 0), 8);
	check_eq(current_pages(), pages - 8);
	for (int i = 0; i < 8; i++)
		check_refused(map_page(window[i], mfn[i], PTE_KERNEL));
	/* Twice is not possible. */
	check(reservation(XENMEM_decrease_reservation, list, 8, 0, 0) <= 0);
	check_eq(current_pages(), pages - 8);

	for (int i = 0; i < 8; i++)
		list[i] = pfn[i];
	check_eq(reservation(XENMEM_populate_physmap, list, 8, 0, 0), 8);
	check_eq(current_pages(), pages);
	for (int i = 0; i < 8; i++) {
		check_eq(m2p[list[i]], pfn[i]);
		((xen_ulong_t *)start_info->mfn_list)[pfn[i]] = list[i];
		check_eq(map_page(window[i], list[i], PTE_KERNEL), 0);
		check(zero(window[i]));
		check_eq(map_page(window[i], 0, 0), 0);
	}
}

static void test_increase(void)
{
	long pages = current_pages();
	xen_ulong_t list[4], pfn = pfn_alloc();

	list[0] = pfn_to_mfn(pfn);
	check_eq(reservation(XENMEM_decrease_reservation, list, 1, 0, 0), 1);
	check_eq(reservation(XENMEM_increase_reservation, list, 1, 0, XENMEMF_address_bits(32)), 1);
	check(list[0] < 1UL << 20);
	check_eq(current_pages(), pages);
	check_eq(map_page(window[0], list[0], PTE_KERNEL), 0);
	check(zero(window[0]));
	check_eq(mmu_update(list[0] << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
	((xen_ulong_t *)start_info->mfn_list)[pfn] = list[0];
	check_eq(map_page(window[0], 0, 0), 0);
	/* Addresses so low that there is no such memory, or ours. */
	list[0] = pfn_to_mfn(pfn);
	check_eq(reservation(XENMEM_decrease_reservation, list, 1, 0, 0), 1);
	check(reservation(XENMEM_increase_reservation, list, 1, 0, XENMEMF_address_bits(13)) <= 0);
	check_eq(reservation(XENMEM_increase_reservation, list, 1, 0, 0), 1);
	check_eq(mmu_update(list[0] << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
	((xen_ulong_t *)start_info->mfn_list)[pfn] = list[0];
}

static void test_limit(void)
{
	long max = op(XENMEM_maximum_reservation, &self), pages = current_pages();
	xen_ulong_t list[16], freed = pfn_alloc(), keep;

	if (start_info->flags & SIF_INITDOMAIN)
		return; /* has no limit */
	check(max >= pages);
	/* One more than there is room for: that many are done and said to be. */
	list[0] = keep = pfn_to_mfn(freed);
	check_eq(reservation(XENMEM_decrease_reservation, list, 1, 0, 0), 1);
	for (int i = 0; i < 16; i++)
		list[i] = i ? start_info->nr_pages + i : freed;
	check_eq(reservation(XENMEM_populate_physmap, list, 16, 0, 0), max - pages + 1);
	check_eq(current_pages(), max);
	((xen_ulong_t *)start_info->mfn_list)[freed] = list[0];
	for (int i = 0; i < 100; i++)
		check_eq(reservation(XENMEM_increase_reservation, list + 1, 1, 0, 0), 0);
	check_eq(reservation(XENMEM_increase_reservation, list + 1, 1, 9, 0), 0);
	check_eq(current_pages(), max);
}

static long exchange(xen_ulong_t *in, unsigned long n_in, unsigned order_in, xen_ulong_t *out,
		     unsigned long n_out, unsigned order_out, unsigned flags, unsigned long *done)
{
	struct xen_memory_exchange e = {
		.in = { .extent_start = (uintptr_t)in,
			.nr_extents = n_in,
			.extent_order = order_in,
			.domid = DOMID_SELF },
		.out = { .extent_start = (uintptr_t)out,
			 .nr_extents = n_out,
			 .extent_order = order_out,
			 .mem_flags = flags,
			 .domid = DOMID_SELF },
	};
	long r = op(XENMEM_exchange, &e);

	*done = e.nr_exchanged;
	return r;
}

static void test_exchange(void)
{
	xen_ulong_t pfn[4], in[4], out[1], back[4];
	unsigned long done;
	long pages = current_pages();

	/* Four scattered frames against four in a row below 4 GiB, and back. */
	for (int i = 3; i >= 0; i--)
		pfn[i] = pfn_alloc();
	for (int i = 0; i < 4; i++)
		in[i] = pfn_to_mfn(pfn[i]);
	out[0] = pfn[0];
	check_eq(exchange(in, 4, 0, out, 1, 2, XENMEMF_address_bits(32), &done), 0);
	check_eq(done, 4);
	check_eq(current_pages(), pages);
	check(out[0] + 4 <= 1UL << 20);
	for (int i = 0; i < 4; i++) {
		check_eq(m2p[out[0] + i], pfn[0] + i);
		((xen_ulong_t *)start_info->mfn_list)[pfn[0] + i] = out[0] + i;
		check_eq(map_page(window[i], out[0] + i, PTE_KERNEL), 0);
		check(zero(window[i]));
		memset(window[i], i, PAGE_SIZE);
		check_eq(map_page(window[i], 0, 0), 0);
	}
	in[0] = out[0];
	for (int i = 0; i < 4; i++)
		back[i] = pfn[i];
	check_eq(exchange(in, 1, 2, back, 4, 0, 0, &done), 0);
	check_eq(done, 1);
	for (int i = 0; i < 4; i++) {
		check_eq(m2p[back[i]], pfn[i]);
		((xen_ulong_t *)start_info->mfn_list)[pfn[i]] = back[i];
	}
	check_eq(current_pages(), pages);
	/* Amounts that differ, shapes that overflow, frames that are mapped or not ours. */
	for (int i = 0; i < 4; i++)
		in[i] = back[i];
	out[0] = pfn[0];
	check_refused(exchange(in, 4, 0, out, 1, 1, 0, &done));
	check_refused(exchange(in, ABSURD, 4, out, ABSURD, 4, 0, &done));
	check_refused(exchange(in, 1, 60, out, 1, 60, 0, &done));
	check_refused(exchange(in, 1, 0xffffffff, out, 1, 0xffffffff, 0, &done));
	in[0] = virt_to_mfn(pte_of(window));
	check_refused(exchange(in, 1, 0, out, 1, 0, 0, &done));
	check_eq(done, 0);
	in[0] = NO_SUCH_MFN;
	check_refused(exchange(in, 1, 0, out, 1, 0, 0, &done));
	check_refused(exchange((void *)0x10000, 1, 0, out, 1, 0, 0, &done));
	check_eq(current_pages(), pages);
}

static void test_errors(void)
{
	xen_ulong_t list[2] = { NO_SUCH_MFN, 1 };
	struct xen_memory_map map = { .nr_entries = 4, .buffer = (uintptr_t)window };
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list,
					    .nr_extents = 1,
					    .domid = 12345 };
	long pages = current_pages();

	check(reservation(XENMEM_decrease_reservation, list, 1, 0, 0) <= 0);
	/* A table is not given away. */
	list[0] = virt_to_mfn(pte_of(window));
	check(reservation(XENMEM_decrease_reservation, list, 0, 0, 0) <= 0);
	check(reservation(XENMEM_populate_physmap, list, ABSURD, 0, 0) <= 0);
	check(reservation(XENMEM_populate_physmap, (void *)0x10000, 1, 0, 0) <= 0);
	check(reservation(XENMEM_decrease_reservation, (void *)0xfffffffffffffff8UL, 2, 0, 0) <= 0);
	check(reservation(XENMEM_populate_physmap, list, 1, 30, 0) <= 0);
	check(reservation(XENMEM_populate_physmap, list, 1, 0xffffffff, 0) <= 0);
	check_refused(op(XENMEM_populate_physmap, &r));
	check_refused(op(XENMEM_decrease_reservation, &r));
	check_refused(op(XENMEM_populate_physmap, (void *)0x10000));
	check_eq(op(63, &map), -ENOSYS);
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		check_refused(op(XENMEM_machine_memory_map, &map));
		check_refused(op(XENMEM_claim_pages, &r));
		r.domid = 0;
		check_refused(op(XENMEM_decrease_reservation, &r));
		check_refused(op(XENMEM_set_memory_map, &map));
	}
	check_eq(current_pages(), pages);
	window[0][0] = 0;
}

void test_main(void)
{
	test_numbers();
	test_balloon();
	test_increase();
	test_exchange();
	test_limit();
	for (int i = 0; i < 8; i++)
		check_eq(map_page(window[i], virt_to_mfn(window[i]), PTE_KERNEL), 0);
	test_errors();
}
