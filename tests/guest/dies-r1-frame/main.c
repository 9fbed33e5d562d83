// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel in ring 1 writes a good frame for the iret hypercall to its CPU's entry stack, which it
 * can do, and gives that as its stack. What lies among the hypervisor's addresses is not read.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-frame";

#define ENTRY_STACKS 0xffff808040000000 /* the first CPU's 1 GiB; the others' follow */

static void leave(void *stack)
{
	__asm__ volatile("movq %0, %%rsp; movl %1, %%eax; syscall" ::"r"(stack),
			 "i"(__HYPERVISOR_iret)
			 : "memory");
}

static void target(void)
{
	survived();
}

void test_main(void)
{
	char *stack = (char *)ENTRY_STACKS + 35 * PAGE_SIZE + 1024;
	static struct annulus_iret_context c;

	/* The one that is there is this CPU's. */
	for (unsigned cpu = 0; cpu < 64 && probe_read(stack) == 14; cpu++)
		stack += 1UL << 30;
	c.frame = (struct annulus_user_frame){ (uint64_t)target, KERNEL_CS, 0x202,
					       (uint64_t)stacks[0] + STACK_SIZE / 2 - 8,
					       KERNEL_SS, 0, 0 };
	expect_crash();
	memcpy(stack, &c, sizeof(c));
	leave(stack);
}
