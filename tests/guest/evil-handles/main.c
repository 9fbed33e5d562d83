// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bogus ports, grant references and handles, by the thousand and from a seed: whatever number
 * comes, the answer is an error or concerns what the guest made itself. A grant entry may change
 * under the hypervisor's hands; mapping a page table or a descriptor page writable by a grant is
 * refused as by any other way; a grant to others of what is not ours gives nothing.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-handles";

static volatile struct grant_entry_v1 *table;
static uint8_t *window;
static uint64_t table_frame;
static domid_t self;
static uint64_t seed = 0x1234567;

static uint64_t mapped; /* the frame that the last successful map() gave */

static int map(unsigned ref, uint64_t addr, unsigned flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = addr, .flags = flags, .ref = ref, .dom = self
	};

	check_eq(hypercall(grant_table_op, (long)GNTTABOP_map_grant_ref, &m, 1L), 0);
	*handle = m.handle;
	mapped = m.dev_bus_addr >> 12;
	return m.status;
}

static int unmap(uint64_t addr, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = addr, .handle = handle };

	check_eq(hypercall(grant_table_op, (long)GNTTABOP_unmap_grant_ref, &u, 1L), 0);
	return u.status;
}

static void grant(unsigned ref, uint64_t mfn, unsigned flags)
{
	table[ref].flags = 0;
	table[ref].domid = self;
	table[ref].frame = mfn;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[ref].flags = flags;
}

static void test_ports(void)
{
	for (int i = 0; i < 20000; i++) {
		uint32_t port = random_next(&seed) >> (random_next(&seed) % 60);
		struct evtchn_send s = { .port = port };
		struct evtchn_set_priority p = { .port = port,
						 .priority = random_next(&seed) % 20 };
		struct evtchn_bind_interdomain b = { .remote_dom = random_next(&seed) % 40,
						     .remote_port = port };

		/* The ones that are free stay free. */
		check_refused(evtchn_op(EVTCHNOP_send, &s));
		check_refused(evtchn_op(EVTCHNOP_close, &s));
		check_refused(evtchn_op(EVTCHNOP_set_priority, &p));
		check_refused(evtchn_op(EVTCHNOP_bind_interdomain, &b));
	}
}

static void test_references(void)
{
	uint64_t max = hypercall(memory_op, (long)XENMEM_maximum_ram_page, 0L);
	grant_handle_t h;

	check_eq(map_page(window, 0, 0), 0);
	for (int i = 0; i < 5000; i++) {
		uint32_t ref = random_next(&seed) >> (random_next(&seed) % 60);

		if (map(ref, (uintptr_t)window, GNTMAP_host_map, &h) >= 0)
			fail("reference %u, never granted, could be mapped", ref);
		if (unmap((uintptr_t)window, random_next(&seed)) >= 0)
			fail("a handle that is none was unmapped");
	}
	/* Entries with any flags, any frame, any owner. */
	for (int i = 0; i < 5000; i++) {
		uint64_t mfn = random_next(&seed) % (max + 64);

		grant(20, mfn, random_next(&seed));
		table[20].domid = random_next(&seed) & 1 ? self : random_next(&seed);
		if (map(20, (uintptr_t)window, random_next(&seed) & 0x1f, &h) < 0)
			continue;
		/* Then it is ours. While a mapping that could not be undone holds the entry, that
		 * is the frame from before. */
		mfn = mapped;
		if (mfn != table_frame && mfn != start_info->shared_info >> 12 &&
		    (mfn >= max || m2p[mfn] >= start_info->nr_pages || pfn_to_mfn(m2p[mfn]) != mfn))
			fail("frame %#lx, not ours (pfn %#lx), was mapped by a grant, flags %#x",
			     (unsigned long)mfn, (unsigned long)m2p[mfn], table[20].flags);
		if (unmap((uintptr_t)window, h) < 0 && unmap(pte_maddr(window), h) < 0 &&
		    unmap(0, h) < 0) {
			struct gnttab_unmap_grant_ref u = { .host_addr = (uintptr_t)window,
							    .dev_bus_addr = mfn << 12,
							    .handle = h };

			hypercall(grant_table_op, (long)GNTTABOP_unmap_grant_ref, &u, 1L);
		}
		map_page(window, 0, 0);
	}
}

static void test_tables(void)
{
	uint64_t targets[5], *gdt = page_alloc();
	struct gnttab_copy c = { .len = 8 };
	grant_handle_t h;

	for (int l = 1; l <= 4; l++)
		targets[l] = virt_to_mfn(entry_of(window, l));
	check_eq(make_readonly(gdt), 0);
	targets[0] = virt_to_mfn(gdt);
	check_eq(hypercall(set_gdt, &targets[0], 512L), 0);
	for (int l = 0; l <= 4; l++) {
		grant(21, targets[l], GTF_permit_access);
		if (map(21, (uintptr_t)window, GNTMAP_host_map, &h) >= 0)
			fail("a table was mapped writable by a grant");
		if (map(21, pte_maddr(window), GNTMAP_host_map | GNTMAP_contains_pte, &h) >= 0)
			fail("a table was mapped writable by a grant of an entry");
		/* Writable for a device counts the same. */
		if (map(21, 0, GNTMAP_device_map, &h) >= 0)
			fail("a table was given to a device by a grant");
		check_eq(table[21].flags, GTF_permit_access);
		c = (struct gnttab_copy){
			.source = { .u.gmfn = virt_to_mfn(window), .domid = DOMID_SELF },
			.dest = { .u.ref = 21, .domid = self },
			.len = 8,
			.flags = GNTCOPY_dest_gref,
		};
		check_eq(hypercall(grant_table_op, (long)GNTTABOP_copy, &c, 1L), 0);
		check(c.status < 0);
	}
	/* An entry of a table above L1, or of memory that is no table, as a mapping's place. */
	grant(21, virt_to_mfn(page_alloc()), GTF_permit_access);
	for (int l = 2; l <= 4; l++)
		check(map(21, entry_maddr(window, l), GNTMAP_host_map | GNTMAP_contains_pte, &h) <
		      0);
	check(map(21, virt_to_mfn(page_alloc()) << 12, GNTMAP_host_map | GNTMAP_contains_pte, &h) <
	      0);
	check(map(21, targets[0] << 12, GNTMAP_host_map | GNTMAP_contains_pte, &h) < 0);
	check(map(21, pte_maddr(window) + 4, GNTMAP_host_map | GNTMAP_contains_pte, &h) < 0);
	check_eq(table[21].flags, GTF_permit_access);
	check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
}

/* Many mappings of one grant, ended out of order; then what is left over. */
static void test_many(void)
{
	static grant_handle_t handles[200];
	unsigned n = 0;

	grant(22, virt_to_mfn(page_alloc()), GTF_permit_access);
	while (n < 200 && map(22, 0, GNTMAP_device_map, &handles[n]) == GNTST_okay)
		n++;
	check(n > 0);
	for (unsigned i = 0; i < n; i++) {
		struct gnttab_unmap_grant_ref u = { .dev_bus_addr = (uint64_t)table[22].frame << 12,
						    .handle = handles[i * 7 % n] };

		hypercall(grant_table_op, (long)GNTTABOP_unmap_grant_ref, &u, 1L);
		hypercall(grant_table_op, (long)GNTTABOP_unmap_grant_ref, &u, 1L);
	}
	/* A transfer to ourselves, and of nothing. */
	struct gnttab_transfer t = { .mfn = virt_to_mfn(page_alloc()), .domid = self, .ref = 22 };

	check_eq(hypercall(grant_table_op, (long)GNTTABOP_transfer, &t, 1L), 0);
	check(t.status < 0);
	t.mfn = NO_SUCH_MFN;
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_transfer, &t, 1L), 0);
	check(t.status < 0);
}

void test_main(void)
{
	window = page_alloc();
	table = page_alloc();
	self = own_domid();
	table_frame = grant_table_frame();
	check_eq(map_page((void *)table, table_frame, PTE_KERNEL), 0);
	test_ports();
	test_references();
	test_tables();
	test_many();
}
