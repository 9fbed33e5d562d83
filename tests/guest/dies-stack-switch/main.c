// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stack_switch names an address of the hypervisor, and user mode makes a system call: the frame
 * must not be written there. The guest is ended instead.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "dies-stack-switch";

static struct user user;

void test_main(void)
{
	user_new(&user);
	memcpy(user.code, "\x0f\x05", 2);
	hypercall(stack_switch, (long)KERNEL_SS, 0xffff830000200000UL);
	expect_crash();
	probe_user(USER_CODE, USER_STACK + 64);
	survived();
}
