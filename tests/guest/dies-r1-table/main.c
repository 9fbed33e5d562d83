// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stack that a kernel in ring 1 is entered on by a process's system call ends in one of its own
 * page tables, which it cannot write: if the stub wrote the frame with ring 0's rights, the guest
 * would have a page table of its making. The frame's first half lies on a page that can be written.
 * The guest is ended, the table is untouched (the audit sees it).
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-table";

static uint8_t pages[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct user user;

void test_main(void)
{
	uintptr_t top = ((uintptr_t)pages & ~0xfffUL) + PAGE_SIZE + 16;

	user_new(&user);
	check_eq(USER_RUN(&user, "\x0f\x05"), TRAP_SYSCALL);
	/* A table of zeroes, as good as any. */
	check_eq(make_readonly(pages + PAGE_SIZE), 0);
	check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(pages + PAGE_SIZE)), 0);
	expect_crash();
	hypercall(stack_switch, (long)KERNEL_SS, top);
	(void)USER_RUN(&user, "\x0f\x05");
	survived();
}
