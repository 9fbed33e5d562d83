// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel in ring 1 has a page fault while its stack ends in one of its own page tables, which it
 * cannot write: if the frame were stored with ring 0's rights, the guest would have a page table of
 * its making. The guest is ended, the table is untouched (the audit sees it).
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-inner";

static uint8_t pages[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static void fault_on(void *stack)
{
	__asm__ volatile("movq %0, %%rsp; movb (%1), %%al" ::"r"(stack), "r"(0x500000UL)
			 : "rax", "memory");
}

void test_main(void)
{
	uint8_t *stack = pages + PAGE_SIZE + 16;

	/* The short way is for who takes events. */
	events_on();
	/* The frame's first half lies on a page that can be written. */
	check_eq(probe(fault_on, stack), 14);
	/* A table of zeroes, as good as any. */
	memset(pages + PAGE_SIZE, 0, PAGE_SIZE);
	check_eq(make_readonly(pages + PAGE_SIZE), 0);
	check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(pages + PAGE_SIZE)), 0);
	expect_crash();
	(void)probe(fault_on, stack);
	survived();
}
