/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_CPUID_H
#define ANNULUS_PV_CPUID_H

#include "lib/types.h"

struct vcpu;
struct cpuid_regs {
	u32 a, b, c, d;
};

/*
 * What a PV kernel sees when it asks by the forced-emulation prefix (or by faulting CPUID). v is
 * current.
 */
struct cpuid_regs pv_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf);

#endif
