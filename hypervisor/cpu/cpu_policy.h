/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_CPU_POLICY_H
#define ANNULUS_CPU_CPU_POLICY_H

#include "lib/types.h"

struct xen_cpuid_leaf;
struct xen_msr_entry;

struct cpuid_regs {
	u32 a, b, c, d;
};

/*
 * A CPU policy: a CPU as its CPUID and two of its MSRs describe it. The leaves are those that
 * 4.17's tools know, and there is a place for each of them: basic ones to 0xd (0x4, 0x7, 0xb and
 * 0xd with subleaves), how many leaves the hypervisor has at 0x40000000 and at 0x40000100 (in EAX,
 * 0: as many as it likes), extended ones to 0x80000021. The numbers of places, and of MSRs, are
 * also the tools': their buffers have that many.
 *
 * What differs between the vCPUs of a domain, or changes while it runs, is in no policy:
 * pv/cpuid.h.
 */
#define CPU_POLICY_LEAVES   120
#define CPU_POLICY_MSRS	    2
#define CPU_POLICY_FEATURES 19 /* words, arch-x86/cpufeatureset.h's of 4.17 */

struct cpu_policy {
	struct cpuid_regs leaf[CPU_POLICY_LEAVES];
	u64 platform_info; /* MSR 0xce: CPUID faulting, bit 31, and no other */
	u64 arch_caps;     /* MSR 0x10a */
};

enum cpu_policy_kind {
	CPU_POLICY_RAW,        /* this machine's CPUs */
	CPU_POLICY_HOST,       /* the same without what the command line turns off */
	CPU_POLICY_PV_MAX,     /* what a PV guest can be given */
	CPU_POLICY_PV_DEFAULT, /* what it is given if nobody says anything */
	CPU_POLICY_KINDS
};
extern struct cpu_policy cpu_policies[CPU_POLICY_KINDS];

/* What was refused; ~0: nothing in particular. As in the ABI's struct xen_domctl_cpu_policy. */
struct cpu_policy_error {
	u32 leaf, subleaf, msr;
};

/* Boot, on the boot CPU, after features_init_cpu(): fills cpu_policies. */
void cpu_policies_init(void);

/*
 * A leaf's place in cpu_policy.leaf, or -1: a policy has no such leaf. For leaves without subleaves
 * `subleaf` is ignored.
 */
int cpu_policy_place(u32 leaf, u32 subleaf);
/* A leaf of the policy as it stands there; zeroes for those it does not have. */
struct cpuid_regs cpu_policy_leaf(const struct cpu_policy *p, u32 leaf, u32 subleaf);

/* The states that the policy's guest may enable in XCR0 (SDM vol. 1, 13.3); 0: no XSAVE. */
u64 cpu_policy_xcr0(const struct cpu_policy *p);
/*
 * How large an XSAVE area with the states `xcr0` is, after the policy's leaf 0xd: in the standard
 * format or in the compacted one (SDM vol. 1, 13.4). Bytes.
 */
u32 cpu_policy_xsave_size(const struct cpu_policy *p, u64 xcr0, bool compacted);

/* RDFSBASE and its like: may the policy's guest set CR4.FSGSBASE? */
bool cpu_policy_fsgsbase(const struct cpu_policy *p);

/* The feature words in the ABI's order. */
void cpu_policy_features(const struct cpu_policy *p, u32 words[CPU_POLICY_FEATURES]);

/*
 * Serialise: the leaves within the policy's own limits, in ascending order but for the hypervisor's
 * two, which stand before the extended ones; then its MSRs. The number of entries.
 */
u32 cpu_policy_to_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *l);
u32 cpu_policy_to_msrs(const struct cpu_policy *p, struct xen_msr_entry *m);

/*
 * Put the `n` entries into their places in *p, where the others stay as they are.
 *     0
 *     -ERANGE    no policy has this leaf or MSR: *err says which
 *     -EINVAL    an MSR's flags are not 0
 *     -EOVERFLOW an MSR has bits where a policy has none
 * On errors *p is half done: work on a copy.
 */
int cpu_policy_from_leaves(struct cpu_policy *p, const struct xen_cpuid_leaf *l, u32 n,
			   struct cpu_policy_error *err);
int cpu_policy_from_msrs(struct cpu_policy *p, const struct xen_msr_entry *m, u32 n,
			 struct cpu_policy_error *err);

/*
 * Make of what a toolstack wants, *p, what a PV guest gets: drop what lies beyond p's own limits,
 * features whose requirements are missing, and what is never in a policy; derive the extended
 * states from the features.
 *     0
 *     -EINVAL  it has what a PV guest cannot have: *err says where. *p is half done.
 */
int cpu_policy_settle(struct cpu_policy *p, struct cpu_policy_error *err);

#endif
