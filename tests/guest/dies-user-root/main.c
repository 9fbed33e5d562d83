// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall to user mode while there is no user root: there is no page table to run on.
 * The guest is ended. (A 32-bit guest has one root for both.)
 */
#include "guest.h"

const char test_name[] = "dies-user-root";

void test_main(void)
{
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
	expect_crash();
	probe_user(USER_CODE, USER_STACK + 64);
	survived();
}
