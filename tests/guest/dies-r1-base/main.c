// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall of a kernel in ring 1 gives a process a GS base that is no address: ring 0
 * would fault if it loaded that.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "dies-r1-base";

static struct user user;

static void leave_with(uint64_t base)
{
	struct annulus_iret_context c = {
		.frame = { USER_CODE, USER_CS, 0x202, USER_STACK + PAGE_SIZE, USER_SS, base, 0 },
	};

	__asm__ volatile("movq %0, %%rsp; movl %1, %%eax; syscall" ::"r"(&c),
			 "i"(__HYPERVISOR_iret)
			 : "memory");
}

static void leave(void *arg)
{
	leave_with((uint64_t)arg);
}

void test_main(void)
{
	user_new(&user);
	user.code[0] = 0x0f;
	user.code[1] = 0x0b;
	check_eq(probe(leave, (void *)0xffff800000000000), 6);
	check_eq(probe(leave, (void *)0x7fffffffffff), 6);
	expect_crash();
	(void)probe(leave, (void *)0x800000000000);
	survived();
}
