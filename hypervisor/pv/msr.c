// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/msr.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "domain/domain.h"

#define MSR_TSC		  0x10
#define MSR_PLATFORM_ID	  0x17
#define MSR_K8_SYSCFG	  0xc0010010
#define MSR_AMD_DE_CFG	  0xc0011029
#define MSR_AMD_PATCH	  0x8b

/*
 * MC0_CTL to MC1_MISC (SDM vol. 3B, 15.3.2). There are no banks, and MCG_CAP says so; but a guest
 * that comes from where there were two goes on with these, and takes a #GP for broken hardware.
 */
#define MSR_MC_FIRST	  0x400
#define MSR_MC_LAST	  0x407

#define EFER_LONG (EFER_LME | EFER_LMA)

/* A 32-bit guest has no long mode, and no bases but those of its descriptors: they end at 4 GiB. */
static bool is_32bit(void)
{
	return current->domain->is_32bit;
}

bool pv_rdmsr(u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		if (is_32bit() || (msr == MSR_KERNEL_GS_BASE && current->domain->ring1))
			return false;
		*value = rdmsr(msr);
		return true;
	case MSR_EFER:
		*value = rdmsr(msr) & (EFER_SCE | EFER_LONG | EFER_NX);
		if (is_32bit())
			*value &= ~EFER_LONG;
		return true;
	case MSR_TSC:
		*value = rdtsc();
		return true;
	case MSR_PAT:
		*value = PAT_VALUE;
		return true;
	case MSR_BIOS_SIGN_ID:
		return !rdmsr_safe(msr, value);
	case MSR_APIC_BASE:
		*value = (rdmsr(msr) & ~BIT(8)) | (current->id == 0 ? BIT(8) : 0);
		return true;
	case MSR_MISC_ENABLE:
		if (rdmsr_safe(msr, value))
			return false;
		*value |= BIT(11) | BIT(12); /* no BTS, no PEBS */
		return true;
	case MSR_PLATFORM_ID:
		return !rdmsr_safe(msr, value);
	case MSR_MC_FIRST ... MSR_MC_LAST:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
	case MSR_PLATFORM_INFO:
	case MSR_MISC_FEATURES:
		*value = 0;
		return true;
	case MSR_K7_HWCR:
	case MSR_K8_SYSCFG:
		if (cpu_features.vendor != CPU_VENDOR_AMD)
			return false;
		*value = 0;
		return true;
	case MSR_AMD_DE_CFG:
		if (cpu_features.vendor != CPU_VENDOR_AMD)
			return false;
		*value = BIT(1); /* LFENCE is dispatch serialising */
		return true;
	}
	return false;
}

bool pv_wrmsr(u32 msr, u64 value)
{
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		if (is_32bit() || !is_canonical(value))
			return false;
		if (current->domain->ring1 && msr != MSR_FS_BASE) {
			if (msr == MSR_KERNEL_GS_BASE)
				return false;
			current->pv.gs_base_kernel = value;
			current->pv.short_way = false;
		}
		wrmsr(msr, value);
		return true;
	case MSR_EFER:
		/* A guest may say again what is so. */
		return ((value ^ (is_32bit() ? 0 : rdmsr(msr))) & EFER_LONG) == 0;
	case MSR_PAT:
		return value == PAT_VALUE;
	case MSR_BIOS_SIGN_ID:
	case MSR_MISC_ENABLE:
	case MSR_APIC_BASE:
	case MSR_TSC:
	case MSR_MC_FIRST ... MSR_MC_LAST:
		/* Written by kernels that believe to own the machine: no effect, no fault. */
		return true;
	case MSR_AMD_DE_CFG:
	case MSR_K7_HWCR:
		return cpu_features.vendor == CPU_VENDOR_AMD;
	}
	return false;
}
