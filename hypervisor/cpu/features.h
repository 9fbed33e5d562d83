/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_FEATURES_H
#define ANNULUS_CPU_FEATURES_H

#include "lib/string.h"
#include "lib/types.h"

/*
 * Is a CPU's SMAP to be used? `option`: smap=, 1, 0 or -1 (not given); `hypervisor`: who says to
 * run this machine (CPUID 0x40000000: ebx, ecx, edx), zeros for nobody. QEMU's TCG reads the frame
 * of an IRETQ at CPL 3 with supervisor rights: where SMAP is on, a 64-bit guest's kernel that
 * executes one (Linux does, as dom0 at its boot) gets a page fault that no CPU has.
 */
static inline bool smap_wanted(s8 option, const u32 hypervisor[3])
{
	return option < 0 ? memcmp(hypervisor, "TCGTCGTCGTCG", 12) != 0 : option != 0;
}

/*
 * Read CPUID once, on the boot CPU: fills cpu_features and decides about the unmapped hypervisor.
 */
void features_init(void);
/*
 * Control registers and MSRs of this CPU, from cpu_features. A CPU that lacks what the boot CPU has
 * is an error: false.
 */
bool features_init_cpu(void);
/*
 * cpuid_fault_find() - cpu_features.cpuid_fault: has this CPU an MSR that makes it fault?
 * @leaf_21_eax: EAX of CPUID 80000021H, 0 if there is no such leaf
 */
void cpuid_fault_find(u32 leaf_21_eax);
/*
 * CPUID of rings 1 to 3 raises #GP on this CPU from now on, or does not. Only where
 * cpu_features.cpuid_fault says so; interrupts are off.
 */
void cpuid_fault_set(bool on);
/* The boot log's lines about CPU and mitigations. */
void features_report(void);

#endif
