// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/cpuid_fault.c tests/unit/sim/sim.c
//
// CPUID of user space that faults: which CPUs can do it, and that the one bit is changed, when it
// has to be.

#include "suite.h"
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/msr.h"

#define USER_DIS 0x20000u /* of CPUID 80000021 EAX */

static void begin(void)
{
	sim_reset();
	memset(&cpu_features, 0, sizeof(cpu_features));
	sim_cpu = &cpus[0];
	sim_cpu->cpuid_faults = false;
}

/* By what it is switched on, and what was beside it stays. */
static void switched_by(u32 msr, u64 bit)
{
	const u64 others = 0x1010101010101010ULL & ~bit;

	CU_ASSERT_TRUE(cpu_features.cpuid_fault);
	wrmsr(msr, others);
	cpuid_fault_set(true);
	CU_ASSERT_EQUAL(rdmsr(msr), others | bit);
	/* It is known to be on: no MSR is written again, which costs much. */
	wrmsr(msr, 0);
	cpuid_fault_set(true);
	CU_ASSERT_EQUAL(rdmsr(msr), 0);
	wrmsr(msr, others | bit);
	cpuid_fault_set(false);
	CU_ASSERT_EQUAL(rdmsr(msr), others);
	/* Each CPU for itself. */
	cpuid_fault_set(true);
	sim_cpu = &cpus[1];
	sim_cpu->cpuid_faults = false;
	wrmsr(msr, 0);
	cpuid_fault_set(true);
	CU_ASSERT_EQUAL(rdmsr(msr), bit);
}

TEST(test_intel, "an Intel CPU that says so, and has the MSR")
{
	cpu_features.vendor = CPU_VENDOR_INTEL;
	cpuid_fault_find(0);
	CU_ASSERT_FALSE(cpu_features.cpuid_fault);
	wrmsr(MSR_PLATFORM_INFO, ~(1ULL << 31));
	wrmsr(MSR_MISC_FEATURES, 0);
	cpuid_fault_find(USER_DIS); /* AMD's word */
	CU_ASSERT_FALSE(cpu_features.cpuid_fault);
	wrmsr(MSR_PLATFORM_INFO, 1ULL << 31);
	cpuid_fault_find(0);
	switched_by(0x140, 1);
}

TEST(test_half, "an emulator that says so and has no MSR for it")
{
	cpu_features.vendor = CPU_VENDOR_INTEL;
	wrmsr(MSR_PLATFORM_INFO, 1ULL << 31);
	cpuid_fault_find(0);
	CU_ASSERT_FALSE(cpu_features.cpuid_fault);
	cpu_features.vendor = CPU_VENDOR_AMD;
	cpuid_fault_find(USER_DIS);
	CU_ASSERT_FALSE(cpu_features.cpuid_fault);
}

TEST(test_amd, "an AMD CPU that says so")
{
	cpu_features.vendor = CPU_VENDOR_AMD;
	wrmsr(0xc0010015, 0);
	cpuid_fault_find(~USER_DIS);
	CU_ASSERT_FALSE(cpu_features.cpuid_fault);
	cpuid_fault_find(USER_DIS);
	switched_by(0xc0010015, 1ULL << 35);
}

SUITE("faulting CPUID", .begin = begin, .end = sim_reset)
