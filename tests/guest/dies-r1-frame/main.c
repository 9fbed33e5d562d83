// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel in ring 1 writes a good frame for the iret hypercall to its CPU's entry stack, which it
 * can do, and gives that as its stack. What lies among the hypervisor's addresses is not read.
 * bits: ring1
 */
#include "guest.h"
#include "entry_stack.h"

const char test_name[] = "dies-r1-frame";

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
	static struct annulus_iret_context c;
	char *stack;

	c.frame = (struct annulus_user_frame){ (uint64_t)target, KERNEL_CS, 0x202,
					       (uint64_t)stacks[0] + STACK_SIZE / 2 - 8,
					       KERNEL_SS, 0, 0 };
	stack = entry_stack_write(1024, &c, sizeof(c));
	expect_crash();
	leave(stack);
}
