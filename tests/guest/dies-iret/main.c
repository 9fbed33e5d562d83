// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall with a frame that lies in the hypervisor's direct map: it must not be read.
 * There is no error to return either, so the guest is ended.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "dies-iret";

void test_main(void)
{
	expect_crash();
	raw_iret((void *)0xffff830000100000UL);
}
