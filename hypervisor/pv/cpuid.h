/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_CPUID_H
#define ANNULUS_PV_CPUID_H

#include "cpu/cpu_policy.h"
#include "lib/types.h"

struct domain;
struct vcpu;

/*
 * The domain's policy: a toolstack's, or the default one of PV guests. A 32-bit guest's has no long
 * mode, whatever it was given. It does not change once the domain ran; before that, who asks holds
 * the control lock.
 */
void pv_cpu_policy(const struct domain *d, struct cpu_policy *p);

/*
 * What a PV kernel sees when it asks by the forced-emulation prefix (or by faulting CPUID): its
 * domain's policy, the same on every CPU, and with it
 *     1.EBX       the vCPU as APIC id, alone in its package
 *     0xd.0.EBX   the size for what is in XCR0 now; 0xd.1.EBX the same, compacted
 *     0x40000000  the hypervisor's own leaves
 * v is current.
 */
struct cpuid_regs pv_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf);

/* The states that the domain's vCPUs may have enabled in XCR0; 0: its policy has no XSAVE. */
u64 pv_xsave_states(const struct domain *d);

/* May v have this value in XCR0? */
bool pv_xcr0_valid(const struct vcpu *v, u64 xcr0);

#endif
