// SPDX-License-Identifier: GPL-2.0-or-later
// seconds: 120
/*
 * Counts without end in every batch: lists that are far longer than memory, with the largest
 * numbers there are, and lists that are long and all good. They end with an errno where the memory
 * ends or go on to be continued; meanwhile timers still fire on time, other guests run, and the
 * domain can be ended in the middle.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-counts";

static const uint64_t counts[] = {
	1, 0x1000, 0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x100000000,
	0x100000001, 0x0fffffffffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
	1ULL << 56, 1ULL << 60, 0xaaaaaaaaaaaaaaab,
};

static uint64_t list[1024] __attribute__((aligned(4096)));
#define hole (list + 512)

void test_main(void)
{
	uint32_t done;

	check_eq(map_page(hole, 0, 0), 0);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		long n = (long)counts[i];
		struct xen_memory_reservation r = { .extent_start = (uintptr_t)list,
						    .nr_extents = (unsigned long)n,
						    .domid = DOMID_SELF };
		struct xen_memory_exchange e = { .in = r, .out = r };
		struct sched_poll poll = { .ports = (uintptr_t)list,
					   .nr_ports = (uint32_t)n,
					   .timeout = 1 };
		struct xen_machphys_mfn_list l = { .max_extents = (uint32_t)n,
						   .extent_start = (uintptr_t)list };
		struct gnttab_setup_table s = { .dom = DOMID_SELF,
						.nr_frames = (uint32_t)n,
						.frame_list = (uintptr_t)list };
		struct mmu_update *u = (void *)list;
		struct mmuext_op *op = (void *)list;
		struct multicall_entry *m = (void *)list;

		/* Harmless elements up to the page's end. */
		for (int k = 0; k < 256; k++)
			u[k] = (struct mmu_update){ virt_to_mfn(list) << 12 | 511 * 8, list[511] };
		done = 0;
		hypercall(mmu_update, list, n, &done, (long)DOMID_SELF);
		hypercall(mmu_update, list, n, 0L, (long)DOMID_SELF);
		memset(list, 0, PAGE_SIZE);
		for (unsigned k = 0; k < PAGE_SIZE / sizeof(*op); k++)
			op[k].cmd = MMUEXT_TLB_FLUSH_LOCAL;
		hypercall(mmuext_op, list, n, &done, (long)DOMID_SELF);
		memset(list, 0, PAGE_SIZE);
		for (unsigned k = 0; k < PAGE_SIZE / sizeof(*m); k++)
			m[k].op = __HYPERVISOR_xen_version;
		hypercall(multicall, list, n);
		memset(list, 0xff, PAGE_SIZE);
		for (long cmd = 0; cmd <= GNTTABOP_cache_flush; cmd++)
			hypercall(grant_table_op, cmd, list, n);
		for (int order = 0; order < 64; order = order * 2 + 1) {
			r.extent_order = e.in.extent_order = e.out.extent_order = order;
			for (long cmd = XENMEM_increase_reservation; cmd <= XENMEM_populate_physmap;
			     cmd++)
				if (cmd == XENMEM_increase_reservation ||
				    cmd == XENMEM_decrease_reservation ||
				    cmd == XENMEM_populate_physmap)
					hypercall(memory_op, cmd, &r);
			e.nr_exchanged = 0;
			hypercall(memory_op, (long)XENMEM_exchange, &e);
			e.nr_exchanged = n;
			hypercall(memory_op, (long)XENMEM_exchange, &e);
			/* A progress that the guest made up. */
			hypercall(memory_op, (long)XENMEM_exchange | (long)((unsigned long)n << 6),
				  &e);
			hypercall(memory_op,
				  (long)XENMEM_populate_physmap | (long)((unsigned long)n << 6),
				  &r);
			hypercall(memory_op,
				  (long)XENMEM_decrease_reservation | (long)((unsigned long)n << 6),
				  &r);
		}
		hypercall(memory_op, (long)XENMEM_machphys_mfn_list, &l);
		hypercall(sched_op, (long)SCHEDOP_poll, &poll);
		hypercall(grant_table_op, (long)GNTTABOP_setup_table, &s, 1L);
		if (n)
			check_refused(hypercall(set_gdt, list, n));
		memset(list, 0, PAGE_SIZE);
		check_refused(hypercall(console_io, (long)CONSOLEIO_write,
					n == 1 ? 0x10000L : n | 0x10000, list));
	}
	/* The memory is still ours and the calls still work. */
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
	memset(list, 0, PAGE_SIZE);
	check_eq(map_page(hole, virt_to_mfn(hole), PTE_KERNEL), 0);
	hole[0] = 1;
}
