// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process makes a system call, and the stack that its kernel in ring 1 is entered on is not
 * there: the store of the frame faults in ring 0 while the guest's view is loaded. The guest is
 * ended as by way of C, and nobody else. With FSGSBASE.
 * alone: yes
 * cpu: qemu64,-svm,+fsgsbase
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-stack";

static struct user user;

void test_main(void)
{
	user_new(&user);
	/* syscall; ud2, on a stack that is there first */
	check_eq(USER_RUN(&user, "\x0f\x05"), TRAP_SYSCALL);
	expect_crash();
	hypercall(stack_switch, (long)KERNEL_SS, 0x600000L);
	(void)USER_RUN(&user, "\x0f\x05");
	survived();
}
