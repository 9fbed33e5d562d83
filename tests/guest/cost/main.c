// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * alone: yes
 * icount: yes
 * emulator: qemu
 *
 * How many instructions the hypervisor spends in ring 0 on what guests do most. Under QEMU's
 * -icount shift=0 the time-stamp counter counts instructions, so these are numbers, not timings:
 * they are the same in every run, and a limit on them is a test. Not on a CPU with Meltdown.
 */
#include "cost.h"

const char test_name[] = "cost";

/*
 * A number that the ABI leaves to architectures and that we do not use. The first few are told in
 * the log.
 */
static long unknown(void)
{
	for (unsigned i = 0; i < 20; i++)
		(void)cost_hypercall(55, 0);
	return in_hypervisor((uint32_t)cost_hypercall(55, 0), 2);
}

static const struct cost costs[] = {
	{ "null hypercall (xen_version)", version, 120 },
	{ "hypercall that does not exist", unknown, 130 },
	{ "system call bounced from user mode", system_call, 90 },
	{ "iret to user mode, from a system call", iret_sysret, 90 },
	{ "iret to user mode, all registers", iret_full, 90 },
	{ "iret to kernel mode", iret_kernel, 90 },
	{ "page fault bounced from user mode", user_fault, 120 },
	{ "page fault bounced from kernel mode", kernel_fault, 120 },
};

void test_main(void)
{
	cost_check(costs, sizeof(costs) / sizeof(costs[0]), 0, FLAT_KERNEL_CS64);
}
