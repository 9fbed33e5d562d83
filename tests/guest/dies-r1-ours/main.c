// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel in ring 1 has a page fault on a stack among the hypervisor's addresses: its CPU's entry
 * stack, which it can write as well as ring 0 can. No frame is stored there on its behalf.
 * bits: ring1
 */
#include "guest.h"
#include "entry_stack.h"

const char test_name[] = "dies-r1-ours";

static void fault_on(void *stack)
{
	__asm__ volatile("movq %0, %%rsp; movb (%1), %%al" ::"r"(stack), "r"(0x500000UL)
			 : "rax", "memory");
}

static bool no_frame(struct trap_frame *f)
{
	if (f->vector == 14)
		survived();
	return false;
}

void test_main(void)
{
	char *stack = entry_stack_write(2048, "\1", 1);

	events_on();
	trap_hook = no_frame;
	expect_crash();
	(void)probe(fault_on, stack);
	survived();
}
