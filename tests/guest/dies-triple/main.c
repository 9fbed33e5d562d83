// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No trap handlers at all, and a fault: on bare hardware a triple fault. The guest is ended, nobody
 * else notices.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "dies-triple";

void test_main(void)
{
	check_eq(hypercall(set_trap_table, 0L), 0);
	expect_crash();
	__asm__ volatile("ud2" ::: "memory");
	survived();
}
