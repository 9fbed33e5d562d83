// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's stack is not there when it faults: nothing can be pushed and nobody be told. That
 * guest, and nobody else, is ended; on bare hardware it would be a triple fault.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "dies-stack";

void test_main(void)
{
	expect_crash();
	__asm__ volatile("mov $0x10000, " SP "; ud2" ::: "memory");
	survived();
}
