// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/vmx.h"
#include "cpu/cpu.h"
#include "cpu/mitigation.h"
#include "cpu/msr.h"
#include "hvm/vmx_vcpu.h"
#include "lib/string.h"

#define MSR_VMX_BASIC	 0x480
#define MSR_VMX_PIN	 0x481
#define MSR_VMX_PROC	 0x482
#define MSR_VMX_EXIT	 0x483
#define MSR_VMX_ENTRY	 0x484
#define MSR_VMX_CR0_MUST 0x486
#define MSR_VMX_CR4_MUST 0x488
#define MSR_VMX_PROC2	 0x48b
#define MSR_VMX_EPT_VPID 0x48c
#define MSR_VMX_TRUE	 0x48d /* of PIN to ENTRY, if there are these: BASIC_TRUE */

#define L7_EDX_L1_FLUSH	 BIT(28)
#define ARCH_CAPS_NO_L1_FLUSH BIT(3) /* at VM entry: it is not needed */
#define ARCH_CAPS_NO_MULTIHIT BIT(6)

struct vmx_machine vmx_machine;
static bool chosen;

static u64 read_or_0(u32 msr)
{
	u64 v;

	return rdmsr_safe(msr, &v) ? 0 : v;
}

static void read_facts(struct vmx_facts *f)
{
	u32 max, a, b, c, d = 0, first;
	u64 caps;

	*f = (struct vmx_facts){ .unsafe = hvm_unsafe };
	cpuid(0, 0, &max, &a, &b, &c);
	cpuid(1, 0, &a, &b, &f->features, &c);
	if (max >= 7)
		cpuid(7, 0, &a, &b, &f->structured, &d);
	if (!(f->features & FEATURE_VMX))
		return;
	if (rdmsr_safe(MSR_FEATURE_CONTROL, &f->feature_control))
		f->feature_control = CONTROL_LOCKED;
	f->basic = read_or_0(MSR_VMX_BASIC);
	first = f->basic & BASIC_TRUE ? MSR_VMX_TRUE : MSR_VMX_PIN;
	f->pin = read_or_0(first);
	f->proc = read_or_0(first + 1);
	f->exit = read_or_0(first + 2);
	f->entry = read_or_0(first + 3);
	if (f->proc >> 32 & PROC_SECONDARY)
		f->proc2 = read_or_0(MSR_VMX_PROC2);
	if (f->proc2 >> 32 & (PROC2_EPT | PROC2_VPID))
		f->ept_vpid = read_or_0(MSR_VMX_EPT_VPID);
	f->cr0_must = read_or_0(MSR_VMX_CR0_MUST);
	f->cr4_must = read_or_0(MSR_VMX_CR4_MUST);
	f->l1_flush = d & L7_EDX_L1_FLUSH;
	f->l1tf = mitigations.l1tf;
	caps = d & BIT(29) ? read_or_0(MSR_ARCH_CAPS) : 0;
	if (caps & ARCH_CAPS_NO_L1_FLUSH)
		f->l1tf = false;
	f->multihit = !(caps & ARCH_CAPS_NO_MULTIHIT);
}

/* What firmware left open is locked, as it is to be before VMXON: SDM vol. 3C, 23.7. */
const char *vmx_detect(struct hvm_caps *caps)
{
	struct vmx_machine m = { 0 };
	struct vmx_facts f;
	const char *why;

	read_facts(&f);
	why = vmx_choose(&f, &m.controls);
	m.revision = (u32)f.basic & 0x7fffffff;
	m.flush_l1 = f.l1tf && f.l1_flush;
	*caps = (struct hvm_caps){
		.name = "VT-x",
		.nested_paging = true,
		.tags = m.controls.proc2 & PROC2_VPID,
		.large = m.controls.large,
	};
	if (why)
		return why;
	if (!(f.feature_control & CONTROL_LOCKED) &&
	    wrmsr_safe(MSR_FEATURE_CONTROL, f.feature_control | CONTROL_LOCKED | CONTROL_VMX))
		return "VT-x cannot be enabled";
	if (!chosen) {
		vmx_machine = m;
		chosen = true;
	}
	return memcmp(&vmx_machine, &m, sizeof(m)) ? "it differs" : NULL;
}
