// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall of a kernel in ring 1 on a stack that is not there: the load is a fault in
 * ring 0 while the guest's view is loaded. The guest is ended as by way of C, and nobody else.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-unread";

void test_main(void)
{
	/* Half of it is. */
	char *page = page_alloc();

	check_eq(map_page(page + PAGE_SIZE, 0, 0), 0);
	expect_crash();
	__asm__ volatile("movq %0, %%rsp; movl %1, %%eax; syscall" ::"r"(page + PAGE_SIZE - 48),
			 "i"(__HYPERVISOR_iret)
			 : "memory");
	survived();
}
