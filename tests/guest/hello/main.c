// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The smallest guest: it is started with the state that the ABI promises (start info, P2M and M2P
 * that agree, hypercall page), can print, and ends by SCHEDOP_shutdown.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "hello";

void test_main(void)
{
	check(!memcmp(start_info->magic, KERNEL_RING == 1 ? "xen-3.0-x86_32p" : "xen-3.0-x86_64",
		      14));
	check(start_info->nr_pages >= 1024);
	for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++)
		if (m2p[pfn_to_mfn(pfn)] != pfn)
			fail("M2P and P2M disagree at pfn %#llx", (unsigned long long)pfn);
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
	print("hello from a tiny guest with %lu pages\n", start_info->nr_pages);
}
