// SPDX-License-Identifier: GPL-2.0-or-later
/* A PV kernel's CPUID: its domain's policy, and what is not in one. */
#include "pv/cpuid.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/version.h"
#include "lib/string.h"

#define HYPERVISOR_LEAF	     0x40000000U
#define HYPERVISOR_LEAVES    5U
#define HYPERVISOR_LEAVES_LEAST 2U

static const struct cpu_policy *policy_of(const struct domain *d)
{
	return d->cpu_policy ? d->cpu_policy : &cpu_policies[CPU_POLICY_PV_DEFAULT];
}

/*
 * 0x80000001: long mode is not for a 32-bit guest; SYSCALL is there from where AMD's CPUs have it.
 */
static void narrow(struct cpuid_regs *r)
{
	r->d &= ~(u32)(BIT(29) | (cpu_features.vendor == CPU_VENDOR_AMD ? 0 : BIT(11)));
}

void pv_cpu_policy(const struct domain *d, struct cpu_policy *p)
{
	*p = *policy_of(d);
	if (d->is_32bit)
		narrow(&p->leaf[cpu_policy_place(0x80000001, 0)]);
}

u64 pv_xsave_states(const struct domain *d)
{
	return cpu_features.xsave ? cpu_policy_xcr0(policy_of(d)) : 0;
}

bool pv_xcr0_valid(const struct vcpu *v, u64 xcr0)
{
	return xcr0_valid(xcr0) && !(xcr0 & ~cpu_policy_xcr0(policy_of(v->domain)));
}

static struct cpuid_regs hypervisor_leaf(const struct cpu_policy *p, u32 leaf)
{
	u32 last = cpu_policy_leaf(p, HYPERVISOR_LEAF, 0).a;
	struct cpuid_regs r = { 0 };

	/* 0: as many as there are. The policy's number is a count from 0x40000000. */
	last = last ? min(max(last, HYPERVISOR_LEAVES_LEAST), HYPERVISOR_LEAVES)
		    : HYPERVISOR_LEAVES;
	leaf -= HYPERVISOR_LEAF;
	if (leaf > last)
		return r;
	switch (leaf) {
	case 0:
		r.a = HYPERVISOR_LEAF + last;
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
	const struct cpu_policy *p = policy_of(v->domain);
	struct cpuid_regs r;

	if (leaf >= HYPERVISOR_LEAF && leaf < 0x80000000)
		return hypervisor_leaf(p, leaf);
	r = cpu_policy_leaf(p, leaf, sub);
	switch (leaf) {
	case 1:
		if (p->leaf[0].a >= 1)
			r.b = (r.b & 0xffff) | 1 << 16 | v->id << 24;
		break;
	case 0xd:
		if (!cpu_policy_xcr0(p))
			break;
		if (sub == 0)
			r.b = cpu_policy_xsave_size(p, v->xcr0, false);
		else if (sub == 1 && r.a & 2)
			r.b = cpu_policy_xsave_size(p, v->xcr0, true);
		break;
	case 0x80000001:
		if (v->domain->is_32bit)
			narrow(&r);
		break;
	}
	return r;
}
