// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page-fault handler is at an address that is not mapped, so that each fault makes the next
 * one. Frame by frame the stack fills until it ends; then so does the guest. The machine stays
 * usable meanwhile.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "dies-callback";

void test_main(void)
{
	struct trap_info t[] = { { 14, 0, KERNEL_CS, 0x10000 }, { 0, 0, 0, 0 } };

	/* A hole below the stack, which otherwise would run over our own data. */
	check_eq(map_page(stacks[0] + PAGE_SIZE, 0, 0), 0);
	check_eq(hypercall(set_trap_table, t), 0);
	expect_crash();
	(void)*(volatile char *)0x20000;
	survived();
}
