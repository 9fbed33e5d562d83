// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Getting at the M2P by another way than the hypervisor's read-only mapping, from a domain without
 * privilege: its frames as DOMID_XEN's, as the guest's own, as device memory. Their numbers are not
 * told (the list is refused), so every frame of the machine is tried that is not the guest's. None
 * may be mapped, and the mapping that is there may not be written.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"
#include "pv-abi/memory.h"

const char test_name[] = "evil-m2p";

static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));
static xen_pfn_t extents[8];

static long map_as(uint64_t mfn, uint64_t flags, long domid)
{
	return hypercall(update_va_mapping_otherdomain, window, LEAF(mfn, flags), (long)UVMF_INVLPG,
			 domid);
}

static xen_pfn_t grant_table;

/* Its memory, and what the hypervisor shares with it, of which the M2P knows nothing. */
static bool own(uint64_t mfn)
{
	if (mfn == start_info->shared_info >> 12 || mfn == grant_table)
		return true;
	return m2p[mfn] < start_info->nr_pages && pfn_to_mfn(m2p[mfn]) == mfn;
}

void test_main(void)
{
	struct xen_machphys_mfn_list l = { .max_extents = 8, .extent_start = (uintptr_t)extents };
	struct xen_machphys_mapping m;
	uint64_t mine = virt_to_mfn(window);
	unsigned tried = 0;

	check_refused(hypercall(memory_op, (long)XENMEM_machphys_mfn_list, &l));
	check_refused(hypercall(memory_op, (long)XENMEM_machphys_compat_mfn_list, &l));
	check_eq(hypercall(memory_op, (long)XENMEM_machphys_mapping, &m), 0);
	check_eq(probe_write((void *)(uintptr_t)m.v_start), 14);
	grant_table = grant_table_frame();
	for (uint64_t mfn = 0x100; mfn <= m.max_mfn; mfn += 61) {
		if (own(mfn))
			continue;
		tried++;
		check_refused(map_as(mfn, PTE_P | PTE_AD, DOMID_XEN));
		check_refused(map_as(mfn, PTE_KERNEL, DOMID_XEN));
		check_refused(map_as(mfn, PTE_P | PTE_AD, DOMID_SELF));
		check_refused(map_as(mfn, PTE_P | PTE_AD, DOMID_IO));
	}
	check(tried > 100);
	check_refused(map_as(mine, PTE_P | PTE_AD, DOMID_XEN));
	check_eq(map_page(window, mine, PTE_KERNEL), 0);
	window[0] = 1;
}
