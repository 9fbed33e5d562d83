// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grant tables, version 1, with the domain on both sides: what is granted can be mapped, read-only
 * if it says so, is marked in use while mapped, and can be copied to and from; a mapping is undone
 * by its handle, once; references, domains, handles and lengths that are wrong each have their
 * status, and nothing changes.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "grants";

static volatile struct grant_entry_v1 *table;
static uint8_t *page, *window;
static domid_t self;

static void grant(unsigned ref, const void *va, unsigned flags)
{
	table[ref].domid = self;
	table[ref].frame = virt_to_mfn(va);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[ref].flags = GTF_permit_access | flags;
}

static int map(unsigned ref, uint64_t addr, unsigned flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = addr, .flags = flags, .ref = ref, .dom = self
	};

	check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
	*handle = m.handle;
	if (m.status == GNTST_okay)
		check_eq(m.dev_bus_addr & PTE_ADDR, (uint64_t)table[ref].frame << 12);
	return m.status;
}

static int unmap(uint64_t addr, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = addr, .handle = handle };

	check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

static void test_setup(void)
{
	xen_pfn_t frames[2] = { 0, 0 };
	struct gnttab_setup_table s = { .dom = DOMID_SELF,
					.nr_frames = 1,
					.frame_list = (uintptr_t)frames };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_get_version v = { .dom = DOMID_SELF };
	struct gnttab_set_version set = { .version = 1 };

	table = page_alloc();
	check_eq(grant_op(GNTTABOP_query_size, &q, 1), 0);
	check_eq(q.status, GNTST_okay);
	check(q.max_nr_frames >= 4);
	check_eq(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	check_eq(s.status, GNTST_okay);
	check(frames[0] && !frames[1]);
	check_eq(map_page((void *)table, frames[0], PTE_KERNEL), 0);
	for (int i = 0; i < 512; i++)
		if (!(start_info->flags & SIF_INITDOMAIN))
			check_eq(table[i].flags, 0);
	s.nr_frames = q.max_nr_frames + 1;
	check_eq(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	check(s.status < 0);
	s = (struct gnttab_setup_table){ .dom = 12345,
					 .nr_frames = 1,
					 .frame_list = (uintptr_t)frames };
	check_eq(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	check(s.status < 0);
	check_eq(grant_op(GNTTABOP_get_version, &v, 1), 0);
	check_eq(v.version, 1);
	check_eq(grant_op(GNTTABOP_set_version, &set, 1), 0);
	check_eq(set.version, 1);
	set.version = 7;
	check_refused(grant_op(GNTTABOP_set_version, &set, 1));
}

static void test_map(void)
{
	uint64_t before = *pte_of(window), pte;
	grant_handle_t h, h2;

	memset(page, 0x42, PAGE_SIZE);
	grant(9, page, 0);
	/* The window's own page goes first: a grant mapping replaces nothing that counts. */
	check_eq(map_page(window, 0, 0), 0);
	check_eq(map(9, (uintptr_t)window, GNTMAP_host_map, &h), GNTST_okay);
	check_eq(*(volatile uint8_t *)window, 0x42);
	*(volatile uint8_t *)window = 0x43;
	check_eq(*(volatile uint8_t *)page, 0x43);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	check_eq(unmap((uintptr_t)window, h), GNTST_okay);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), 0);
	check_eq(probe_read(window), 14);
	check_eq(unmap((uintptr_t)window, h), GNTST_bad_handle);

	/* Read-only, by the mapper and by the granter. */
	check_eq(map(9, (uintptr_t)window, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), GTF_reading);
	check_eq(probe_write(window), 14);
	check_eq(unmap((uintptr_t)window, h), GNTST_okay);
	grant(9, page, GTF_readonly);
	check(map(9, (uintptr_t)window, GNTMAP_host_map, &h) < 0);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), 0);
	check_eq(map(9, (uintptr_t)window, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
	check_eq(unmap((uintptr_t)window, h), GNTST_okay);

	/* By the entry instead of the address, with software bits; and twice at once. */
	grant(9, page, 0);
	pte = pte_maddr(window);
	check_eq(map(9, pte, GNTMAP_host_map | GNTMAP_contains_pte | 3U << _GNTMAP_guest_avail0,
		     &h),
		 GNTST_okay);
	check_eq(*pte_of(window) >> 9 & 7, 3);
	check_eq(*(volatile uint8_t *)window, 0x43);
	check_eq(map(9, 0, GNTMAP_device_map, &h2), GNTST_okay);
	check(h2 != h);
	check_eq(unmap(pte, h), GNTST_okay);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	/* A device mapping is undone by its bus address. */
	struct gnttab_unmap_grant_ref u = { .dev_bus_addr = (uint64_t)table[9].frame << 12,
					    .handle = h2 };
	check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	check_eq(u.status, GNTST_okay);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), 0);

	/* While it is mapped the address must match. */
	check_eq(map(9, (uintptr_t)window, GNTMAP_host_map, &h), GNTST_okay);
	check(unmap((uintptr_t)table, h) < 0);
	check(unmap(0xffff830000000000UL, h) < 0);
	check(unmap(0x7f0000000000UL, h) < 0);
	check_eq(unmap((uintptr_t)window, h), GNTST_okay);
	check_eq(map_page(window, (before & PTE_ADDR) >> 12, PTE_KERNEL), 0);
}

static void test_errors(void)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = (uintptr_t)window, .flags = GNTMAP_host_map, .ref = 9, .dom = 12345
	};
	grant_handle_t h;

	check_eq(map_page(window, 0, 0), 0);
	check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
	check_eq(m.status, GNTST_bad_domain);
	check_eq(map(0x7fffffff, (uintptr_t)window, GNTMAP_host_map, &h), GNTST_bad_gntref);
	check_eq(map(511, (uintptr_t)window, GNTMAP_host_map, &h) < 0, 1);
	check(map(9, (uintptr_t)window, 0, &h) < 0);
	check(map(9, 0xffff830000000000UL, GNTMAP_host_map, &h) < 0);
	check(map(9, 0x7f0000000000UL, GNTMAP_host_map, &h) < 0);
	check(map(9, (uintptr_t)window + 4, GNTMAP_host_map | GNTMAP_contains_pte, &h) < 0);
	check(map(9, 1ULL << 45, GNTMAP_host_map | GNTMAP_contains_pte, &h) < 0);
	/* Frames that are not ours to give: nobody's, and a page table for writing. */
	table[10].domid = self;
	table[10].frame = 0x7fffffff;
	table[10].flags = GTF_permit_access;
	check(map(10, (uintptr_t)window, GNTMAP_host_map, &h) < 0);
	check_eq(table[10].flags & (GTF_reading | GTF_writing), 0);
	grant(10, pte_of(page), 0);
	check(map(10, (uintptr_t)window, GNTMAP_host_map, &h) < 0);
	check_eq(table[10].flags & (GTF_reading | GTF_writing), 0);
	/* For somebody else. */
	grant(10, page, 0);
	table[10].domid = self + 1;
	check(map(10, (uintptr_t)window, GNTMAP_host_map, &h) < 0);
	check_eq(unmap((uintptr_t)window, 12345), GNTST_bad_handle);
	check_eq(unmap((uintptr_t)window, 0xffffffff), GNTST_bad_handle);
	check_eq(map_page(window, virt_to_mfn(window), PTE_KERNEL), 0);
	check_eq(grant_op(99, &m, 1), -ENOSYS);
	check_eq(grant_op(GNTTABOP_map_grant_ref, (void *)0x10000, 1), -EFAULT);
}

static int copy(struct gnttab_copy c)
{
	check_eq(grant_op(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

static void test_copy(void)
{
	uint8_t *to = page_alloc();
	struct gnttab_copy c = {
		.source = { .u.ref = 9, .domid = DOMID_SELF, .offset = 100 },
		.dest = { .u.gmfn = virt_to_mfn(to), .domid = DOMID_SELF, .offset = 200 },
		.len = 300, .flags = GNTCOPY_source_gref,
	}, bad;

	memset(page, 0x42, PAGE_SIZE);
	page[99] = 1;
	page[400] = 2;
	grant(9, page, GTF_readonly);
	check_eq(copy(c), GNTST_okay);
	check(to[199] == 0 && to[200] == 0x42 && to[499] == 0x42 && to[500] == 0);
	check_eq(table[9].flags & (GTF_reading | GTF_writing), 0);
	/* Into a grant that does not allow it, and one that does. */
	bad = c;
	bad.dest.u.ref = 9;
	bad.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
	check(copy(bad) < 0);
	grant(9, page, 0);
	grant(11, to, 0);
	bad.dest.u.ref = 11;
	bad.dest.offset = 0;
	check_eq(copy(bad), GNTST_okay);
	check_eq(to[0], 0x42);
	/* Over an edge. */
	bad = c;
	bad.source.offset = 4000;
	check_eq(copy(bad), GNTST_bad_copy_arg);
	bad = c;
	bad.dest.offset = 0xffff;
	check_eq(copy(bad), GNTST_bad_copy_arg);
	bad = c;
	bad.source.offset = 0xff00;
	bad.len = 0x200;
	check_eq(copy(bad), GNTST_bad_copy_arg);
	/* Over a page table, from nowhere, by no reference. */
	bad = c;
	bad.dest.u.gmfn = virt_to_mfn(pte_of(page));
	check(copy(bad) < 0);
	bad = c;
	bad.flags = 0;
	bad.source.u.gmfn = NO_SUCH_MFN;
	check(copy(bad) < 0);
	bad = c;
	bad.source.u.ref = 400;
	check(copy(bad) < 0);
	bad = c;
	bad.source.domid = 12345;
	check(copy(bad) < 0);
	/* Frames of others need a reference. */
	bad = c;
	bad.flags = 0;
	bad.source.u.gmfn = virt_to_mfn(page);
	bad.source.domid = self + 1;
	check(copy(bad) < 0);
}

void test_main(void)
{
	grant_handle_t h;

	page = page_alloc();
	window = page_alloc();
	self = own_domid();
	test_setup();
	test_map();
	test_errors();
	test_copy();
	/* One stays mapped: the domain's end has to undo it. */
	grant(12, page, 0);
	check_eq(map_page(window, 0, 0), 0);
	check_eq(map(12, (uintptr_t)window, GNTMAP_host_map, &h), GNTST_okay);
}
