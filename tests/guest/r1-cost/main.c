// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many instructions the hypervisor spends on what a 64-bit kernel in ring 1 does most, counted
 * as in `cost`: a process's system call on its short way, with FSGSBASE and without, and where it
 * is left to C; hypercalls; a page fault of either; the iret hypercall, for what the kernel's own
 * IRETQ cannot do, which is all of the way back else.
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

static long user_fault_msr(void)
{
	long n;

	set_fsgsbase(false);
	n = user_fault();
	set_fsgsbase(true);
	return n;
}

/* Only C knows about a virtual IOPL. */
static long by_c(long (*measure)(void))
{
	long n;

	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	n = measure();
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	return n;
}

static long system_call_c(void)
{
	return by_c(system_call);
}

static long user_fault_c(void)
{
	return by_c(user_fault);
}

static long kernel_fault_c(void)
{
	return by_c(kernel_fault);
}

static long iret_full_c(void)
{
	return by_c(iret_full);
}

static long iret_kernel_c(void)
{
	return by_c(iret_kernel);
}

static const struct cost costs[] = {
	{ "system call of a process", system_call, 45 },
	{ "the same without FSGSBASE", system_call_msr, 55 },
	{ "the same by way of C", system_call_c, 350 },
	{ "null hypercall (xen_version)", version, 180 },
	{ "page fault of a process", user_fault, 75 },
	{ "the same without FSGSBASE", user_fault_msr, 95 },
	{ "the same by way of C", user_fault_c, 460 },
	{ "page fault of the kernel", kernel_fault, 80 },
	{ "the same by way of C", kernel_fault_c, 460 },
	{ "iret hypercall to a process", iret_full, 62 },
	{ "the same, from a system call", iret_sysret, 66 },
	{ "the same by way of C", iret_full_c, 370 },
	{ "iret hypercall to the kernel", iret_kernel, 60 },
	{ "the same by way of C", iret_kernel_c, 340 },
};

void test_main(void)
{
	cost_check(costs, sizeof(costs) / sizeof(costs[0]), CALLBACKF_mask_events, 0);
}
