// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's stack pointer is moved into one of its own page tables, which it cannot write, and
 * it faults: if the hypervisor wrote the frame with its own rights, the guest would have a page
 * table of its making. The guest is ended, the table is untouched (the audit sees it).
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "dies-bounce";

static uint8_t page[PAGE_SIZE] __attribute__((aligned(4096)));

void test_main(void)
{
	uintptr_t top = ((uintptr_t)pte_of(page) & ~0xfffUL) + 2048;

	expect_crash();
	__asm__ volatile("mov %0, " SP "; ud2" ::"r"(top) : "memory");
	survived();
}
