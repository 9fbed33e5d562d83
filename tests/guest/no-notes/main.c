// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel whose only note is XEN_VERSION (in 32 bits, PAE_MODE and HYPERCALL_PAGE too): where it
 * is mapped and where it begins are optional, and default to address 0 and to the ELF header's
 * entry. It finds itself there, its start info and tables as well, with the pages below it.
 * notes: none
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "no-notes";

void test_main(void)
{
	volatile uint64_t *low = (volatile uint64_t *)PAGE_SIZE;

	check((uintptr_t)test_main >= 0x100000 && (uintptr_t)test_main < 0x1000000);
	check((uintptr_t)start_info < start_info->nr_pages * PAGE_SIZE);
	check_eq(m2p[virt_to_mfn(start_info)], (uintptr_t)start_info >> 12);
	check_eq(m2p[virt_to_mfn((void *)start_info->pt_base)], start_info->pt_base >> 12);
	/* The initial mapping begins with pfn 0, below the kernel. */
	check_eq(low[0], 0);
	low[0] = 1;
	check_eq(low[0], 1);
}
