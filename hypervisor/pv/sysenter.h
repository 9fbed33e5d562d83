/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_SYSENTER_H
#define ANNULUS_PV_SYSENTER_H

#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "domain/domain.h"

/*
 * SYSENTER leads to the hypervisor only while this CPU runs a vCPU whose kernel has registered a
 * callback for it. For others the CPU's code segment for it is null, so that the instruction itself
 * is a #GP where it stands, with all registers as they were (Intel SDM vol. 2B, SYSENTER).
 *
 * sysenter_load() - v runs on this CPU now, or is about to, or its callback has changed.
 */
static inline void sysenter_load(const struct vcpu *v)
{
	bool wanted = v->pv.sysenter_callback;
	struct cpu *c = this_cpu();

	if (!cpu_features.sysenter || c->sysenter == wanted)
		return;
	c->sysenter = wanted;
	wrmsr(MSR_SYSENTER_CS, wanted ? SEL_HV_CS : 0);
}
#endif
