// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frame that IRET cannot load, no failsafe callback, and a handler of #GP in a segment that there
 * is not: entering it is the next frame of that kind, with nobody left to tell. The guest is ended,
 * rather than going round for good.
 * bits: 32
 */
#include "iret.h"

const char test_name[] = "dies-handler";

extern char event_entry[];

void test_main(void)
{
	struct trap_info t[] = { { 13, 0, 0xfffb, 0x100000 }, { 0, 0, 0, 0 } };

	check_eq(hypercall(set_trap_table, t), 0);
	check_eq(hypercall(set_callbacks, (long)KERNEL_CS, event_entry, (long)KERNEL_CS, 0L), 0);
	expect_crash();
	context = iret_context(USER_CODE, 0x0103, 0x202, USER_STACK, USER_SS, 0);
	raw_iret(&context);
}
