// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many instructions the hypervisor spends on what a 64-bit kernel in ring 1 does most, counted
 * as in `cost`: a process's system call on its short way, with FSGSBASE and without, and where it
 * is left to C; hypercalls; a process's page fault. The way back to a process is the kernel's own
 * IRETQ, so that a system call's entry is all of it.
 * alone: yes
 * icount: yes
 * emulator: qemu
 * cpu: qemu64,-svm,+fsgsbase
 * bits: ring1
 */
#include "cost.h"

const char test_name[] = "r1-cost";

static long system_call_msr(void)
{
	long n;

	set_fsgsbase(false);
	n = system_call();
	set_fsgsbase(true);
	return n;
}

/* Only C knows about a virtual IOPL. */
static long system_call_c(void)
{
	long n;

	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	n = system_call();
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	return n;
}

static const struct cost costs[] = {
	{ "system call of a process", system_call, 45 },
	{ "the same without FSGSBASE", system_call_msr, 55 },
	{ "the same by way of C", system_call_c, 350 },
	{ "null hypercall (xen_version)", version, 180 },
	{ "page fault of a process", user_fault, 460 },
};

void test_main(void)
{
	cost_check(costs, sizeof(costs) / sizeof(costs[0]), CALLBACKF_mask_events, 0);
}
