// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process has a page fault, and the stack that its kernel in ring 1 is entered on is not there:
 * the store of the frame is a page fault in ring 0 on top of the process's, while the guest's view
 * is loaded. The guest is ended as by way of C, and nobody else.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-fault";

static struct user user;

void test_main(void)
{
	user_new(&user);
	/* mov 0x500000, %al; on a stack that is there first */
	check_eq(USER_RUN(&user, "\x8a\x04\x25\0\0\x50\0"), 14);
	check_eq(probe_cr2, 0x500000);
	expect_crash();
	hypercall(stack_switch, (long)KERNEL_SS, 0x600000L);
	(void)USER_RUN(&user, "\x8a\x04\x25\0\0\x50\0");
	survived();
}
