/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_FEATURES_H
#define ANNULUS_CPU_FEATURES_H

#include "lib/types.h"

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
 * CPUID of rings 1 to 3 raises #GP on this CPU from now on, or does not. Only where
 * cpu_features.cpuid_fault says so; interrupts are off.
 */
void cpuid_fault_set(bool on);
/* The boot log's lines about CPU and mitigations. */
void features_report(void);

#endif
