// SPDX-License-Identifier: GPL-2.0-or-later
/* CPUID of user space: which CPUs can be told to fault it, and how. */
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/msr.h"

/* What makes CPUID fault: Intel's CPUs by one MSR, AMD's by another. */
static struct {
	u32 msr;
	u64 bit;
} by;

#define LEAF_21_CPUID_USER_DIS BIT(17)

/* SDM vol. 4 (MSR 140H, bit 0); APM vol. 3, appendix E (CpuidUserDis) */
void __init cpuid_fault_find(u32 leaf_21_eax)
{
	u64 v;

	by.bit = 0;
	if (!rdmsr_safe(MSR_PLATFORM_INFO, &v) && v & PLATFORM_CPUID_FAULTING &&
	    !rdmsr_safe(MSR_MISC_FEATURES, &v)) {
		by.msr = MSR_MISC_FEATURES;
		by.bit = MISC_CPUID_FAULTING;
	} else if (cpu_features.vendor == CPU_VENDOR_AMD && leaf_21_eax & LEAF_21_CPUID_USER_DIS &&
		   !rdmsr_safe(MSR_K7_HWCR, &v)) {
		by.msr = MSR_K7_HWCR;
		by.bit = HWCR_CPUID_USER_DIS;
	}
	cpu_features.cpuid_fault = by.bit;
}

void cpuid_fault_set(bool on)
{
	u64 v;

	if (this_cpu()->cpuid_faults == on)
		return;
	this_cpu()->cpuid_faults = on;
	v = rdmsr(by.msr) & ~by.bit;
	wrmsr(by.msr, on ? v | by.bit : v);
}
