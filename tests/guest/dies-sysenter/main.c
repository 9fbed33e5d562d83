// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A 64-bit kernel that has a callback for SYSENTER executes it itself: its stack pointer is gone,
 * and with it any stack to tell it on. The guest is ended. (A 32-bit kernel looks like its user
 * space.)
 */
#include "guest.h"

const char test_name[] = "dies-sysenter";

void test_main(void)
{
	extern char syscall_entry_else[];
	struct callback_register r = { .type = CALLBACKTYPE_sysenter,
				       .address = (uint64_t)syscall_entry_else };
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (b != 0x756e6547)
		skip("this CPU has no SYSENTER in long mode");
	check_eq(hypercall(callback_op, (long)CALLBACKOP_register, &r), 0);
	expect_crash();
	__asm__ volatile("sysenter" ::: "memory");
	survived();
}
