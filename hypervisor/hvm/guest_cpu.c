// SPDX-License-Identifier: GPL-2.0-or-later
/* The CPU that an HVM guest sees: its domain's policy, and the few MSRs that are emulated. */
#include "cpu/cpu.h"
#include "cpu/cpu_policy.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "hvm/context.h"
#include "hvm/vcpu.h"
#include "pv/cpuid.h"

#define MSR_TSC		    0x10
#define MSR_PLATFORM_ID	    0x17
#define MSR_HYPERCALL_PAGE  0x40000000
#define MSR_K8_SYSCFG	    0xc0010010
#define MSR_AMD_DE_CFG	    0xc0011029
#define MSR_AMD_INT_PENDING 0xc0010055

/* Of leaf 1: what the hardware does for a guest with page tables of its own, and a PV one lacks. */
#define PSE	BIT(3)
#define APIC	BIT(9)
#define PGE	BIT(13)
#define PSE36	BIT(17)
#define X2APIC	BIT(21)
#define OSXSAVE BIT(27)
/* Of leaf 6: the APIC's timer goes on while the CPU sleeps. */
#define ARAT	BIT(2)

struct cpuid_regs hvm_cpuid(const struct vcpu *v, u64 cr4, u32 leaf, u32 sub)
{
	struct cpuid_regs r = pv_cpuid(v, leaf, sub);
	struct cpuid_regs host = cpu_policy_leaf(&cpu_policies[CPU_POLICY_HOST], 1, 0);

	switch (leaf) {
	case 1:
		r.d |= (host.d & (PSE | PGE | PSE36)) | (u32)APIC;
		r.c = (r.c & ~(u32)OSXSAVE) | (u32)X2APIC;
		if (cr4 & CR4_OSXSAVE)
			r.c |= OSXSAVE;
		/* One that is switched off is not there. */
		if (v->hvm->apic.mode == X2APIC_OFF)
			r.d &= ~(u32)APIC;
		break;
	case 6:
		r.a |= (u32)ARAT;
		break;
	case 0xb:
		r.d = v->id;
		break;
	case 0x40000002:
		r.c = 0; /* a PV guest's features */
		break;
	}
	return r;
}

bool hvm_rdmsr(u32 msr, const struct guest_paging *paging, u64 pat, u64 *value)
{
	switch (msr) {
	case MSR_EFER:
		*value = paging->efer;
		return true;
	case MSR_PAT:
		*value = pat;
		return true;
	case MSR_TSC:
		*value = rdtsc();
		return true;
	case MSR_BIOS_SIGN_ID:
	case MSR_K7_HWCR:
	case MSR_K8_SYSCFG:
	case MSR_AMD_INT_PENDING:
		*value = 0;
		return true;
	case MSR_AMD_DE_CFG:
		*value = BIT(1); /* LFENCE is dispatch serialising */
		return true;
	case MSR_MISC_ENABLE:
		/* Read without asking, by kernels on Intel's: fast strings, no BTS, no PEBS. */
		*value = BIT(0) | BIT(11) | BIT(12);
		return cpu_features.vendor == CPU_VENDOR_INTEL;
	case MSR_PLATFORM_ID:
		*value = 0;
		return cpu_features.vendor == CPU_VENDOR_INTEL;
	}
	return false;
}

/* LMA is the CPU's to set; LME changes while there is no paging (APM vol. 2, 3.1.7 and 14.6). */
static bool write_efer(u64 value, struct guest_paging *paging)
{
	const u64 known = EFER_SCE | EFER_LME | EFER_LMA | (cpu_features.nx ? EFER_NX : 0);

	if ((value & ~known) || ((value ^ paging->efer) & EFER_LMA) ||
	    (((value ^ paging->efer) & EFER_LME) && (paging->cr0 & CR0_PG)))
		return false;
	paging->efer = value;
	return true;
}

bool hvm_wrmsr(u32 msr, u64 value, struct guest_paging *paging, u64 *pat)
{
	switch (msr) {
	case MSR_EFER:
		return write_efer(value, paging);
	case MSR_PAT:
		if (!hvm_pat_valid(value))
			return false;
		*pat = value;
		return true;
	case MSR_HYPERCALL_PAGE:
		return hvm_write_hypercall_page(value);
	case MSR_BIOS_SIGN_ID:
	case MSR_K7_HWCR:
	case MSR_AMD_DE_CFG:
		return true;
	case MSR_MISC_ENABLE:
		return cpu_features.vendor == CPU_VENDOR_INTEL;
	}
	return false;
}
