// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The smallest 64-bit guest whose kernel runs in ring 1: it is told so by CPL and by the feature
 * bit, has the start state and the tables that the ABI promises, its pages are not for processes,
 * and what a stock kernel asks of the hypervisor it can ask too.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "r1-hello";

void test_main(void)
{
	struct xen_feature_info f = { .submap_idx = ANNULUS_FEATURES };
	uint16_t cs, ss;

	__asm__("movw %%cs, %0; movw %%ss, %1" : "=r"(cs), "=r"(ss));
	check_eq(cs, ANNULUS_KERNEL_CS);
	check_eq(ss, ANNULUS_KERNEL_SS);
	check_eq(hypercall(xen_version, (long)XENVER_get_features, &f), 0);
	check_eq(f.submap, 1 << ANNULUS_FEAT_ring1_offered | 1 << ANNULUS_FEAT_ring1);
	check(!memcmp(start_info->magic, "xen-3.0-x86_64", 14));
	for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++)
		if (m2p[pfn_to_mfn(pfn)] != pfn)
			fail("M2P and P2M disagree at pfn %#llx", (unsigned long long)pfn);
	check_eq(*pte_of(test_name) & PTE_US, 0);
	check_eq(*entry_of(test_name, 4) & PTE_US, 0);
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn((void *)start_info->pt_base)),
		 -EINVAL);
	print("hello from ring 1 with %lu pages\n", start_info->nr_pages);
}
