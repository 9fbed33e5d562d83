// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PV kernel's CPUID: the real one without what such a kernel cannot have. Bits by the names of
 * the Intel SDM vol. 2A (CPUID) and the AMD APM vol. 3, appendix E.
 */
#include "pv/cpuid.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/version.h"
#include "lib/string.h"

/* Leaf 1 ECX: DTES64 MONITOR DS-CPL VMX SMX EIST TM2 PDCM PCID DCA x2APIC TSC-deadline */
#define L1_ECX_HIDDEN                                                                       \
	(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(15) | BIT(17) | \
	 BIT(18) | BIT(21) | BIT(24))
#define L1_ECX_HYPERVISOR BIT(31)
/* Leaf 1 EDX: VME, PSE, MCE, SEP, MTRR, PGE, MCA, PSE-36, DS, ACPI, HTT, TM, PBE */
#define L1_EDX_HIDDEN                                                                           \
	(BIT(1) | BIT(3) | BIT(7) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17) | BIT(21) | \
	 BIT(22) | BIT(28) | BIT(29) | BIT(31))
#define L1_EDX_SEP BIT(11)
/* Leaf 7 EBX: TSC_ADJUST, SGX, SMEP, INVPCID, RDT-M, MPX, RDT-A, SMAP, PT */
#define L7_EBX_HIDDEN \
	(BIT(1) | BIT(2) | BIT(7) | BIT(10) | BIT(12) | BIT(14) | BIT(15) | BIT(20) | BIT(25))
/* Leaf 7 ECX: UMIP, PKU, OSPKE, WAITPKG, CET_SS, LA57, RDPID, ENQCMD, PKS */
#define L7_ECX_HIDDEN \
	(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(7) | BIT(16) | BIT(22) | BIT(29) | BIT(31))
/* 0x80000001 ECX: CmpLegacy, SVM, ExtApic, OSVW, IBS, SKINIT, WDT, LWP, NodeId, TopoExt, PerfCtr*,
 * MWAITX */
#define X1_ECX_HIDDEN                                                                          \
	(BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(19) | \
	 BIT(22) | BIT(23) | BIT(24) | BIT(28) | BIT(29))
/* 0x80000001 EDX: VME, PSE, MCE, MTRR, PGE, MCA, PSE-36, FFXSR, 1 GiB pages, RDTSCP (TSC_AUX is not
 * switched) */
#define X1_EDX_HIDDEN                                                                           \
	(BIT(1) | BIT(3) | BIT(7) | BIT(12) | BIT(13) | BIT(14) | BIT(17) | BIT(25) | BIT(26) | \
	 BIT(27))

static struct cpuid_regs hypervisor_leaf(u32 leaf)
{
	struct cpuid_regs r = { 0 };

	switch (leaf - 0x40000000) {
	case 0:
		r.a = 0x40000005;
		memcpy(&r.b, "XenV", 4);
		memcpy(&r.c, "MMXe", 4);
		memcpy(&r.d, "nVMM", 4);
		break;
	case 1:
		r.a = ABI_MAJOR << 16 | ABI_MINOR;
		break;
	case 2:
		r.a = 1; /* one hypercall page */
		r.b = 0x40000000;
		r.c = 1; /* preserve_ad */
		break;
	case 5:
		r.b = cpu_features.phys_bits;
		break;
	}
	return r;
}

struct cpuid_regs pv_cpuid(const struct vcpu *v, u32 leaf, u32 sub)
{
	const struct cpuid_regs none = { 0 };
	struct cpuid_regs r;
	u32 max, b, c, d;

	if (leaf >= 0x40000000 && leaf <= 0x40000005)
		return hypervisor_leaf(leaf);
	if (leaf >= 0x40000000 && leaf < 0x80000000)
		return none;
	/* Intel's CPUs answer leaves past the end with the last one's values: do not show those. */
	cpuid(leaf & 0x80000000, 0, &max, &b, &c, &d);
	if (leaf > max)
		return none;
	cpuid(leaf, sub, &r.a, &r.b, &r.c, &r.d);
	switch (leaf) {
	case 0:
		r.a = min(r.a, 0xdU);
		break;
	case 1:
		r.b = (r.b & 0xffff) | 1 << 16 | v->id << 24;
		r.c = (r.c & ~L1_ECX_HIDDEN) | L1_ECX_HYPERVISOR;
		r.d &= ~(u32)(cpu_features.sysenter ? L1_EDX_HIDDEN & ~L1_EDX_SEP : L1_EDX_HIDDEN);
		if (!cpu_features.xsave)
			r.c &= ~(BIT(26) | BIT(27) | BIT(28) | BIT(12) | BIT(29));
		break;
	case 4:
		/* One core, one thread: a virtual CPU is nobody's sibling. */
		r.a &= 0x3fff;
		break;
	case 2:
		break;
	case 7:
		if (sub)
			return none;
		r.a = 0;
		r.b &= ~L7_EBX_HIDDEN;
		r.c &= ~L7_ECX_HIDDEN;
		/* Keep MD_CLEAR, SERIALIZE, FSRM: the rest needs MSRs that guests do not get. */
		r.d &= BIT(4) | BIT(10) | BIT(14);
		if (!(cpu_features.xcr0 & 4))
			r.b &= ~BIT(5);
		if (!(cpu_features.xcr0 & 0xe0))
			r.b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) |
				 BIT(30) | BIT(31));
		break;
	case 0xd:
		if (!cpu_features.xsave)
			return none;
		if (sub == 0) {
			r.a = (u32)cpu_features.xcr0;
			r.d = cpu_features.xcr0 >> 32;
			r.c = cpu_features.xsave_size;
		} else if (sub == 1) {
			r = (struct cpuid_regs){ .a = r.a & 7 };
		} else if (sub >= 63 || !(cpu_features.xcr0 & BIT(sub))) {
			return none;
		}
		break;
	case 3:
	case 5:
	case 6:
	case 9:
	case 0xa:
	case 0xb:
	case 0xc:
	case 8:
		return none;
	case 0x80000000:
		r.a = min(r.a, 0x80000008U);
		break;
	case 0x80000001:
		r.c &= ~X1_ECX_HIDDEN;
		r.d &= ~X1_EDX_HIDDEN;
		/*
		 * Long mode is not for a 32-bit guest; SYSCALL is there from where AMD's CPUs have
		 * it.
		 */
		if (v->domain->is_32bit)
			r.d &= ~(BIT(29) | (cpu_features.vendor == CPU_VENDOR_AMD ? 0 : BIT(11)));
		break;
	case 0x80000002 ... 0x80000006:
		break;
	case 0x80000007:
		r = (struct cpuid_regs){ .d = r.d & BIT(8) };
		break;
	case 0x80000008:
		r = (struct cpuid_regs){ .a = r.a };
		break;
	default:
		return none;
	}
	return r;
}
