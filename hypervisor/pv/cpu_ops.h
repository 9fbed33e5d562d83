/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_CPU_OPS_H
#define ANNULUS_PV_CPU_OPS_H

#include "cpu/cpu.h"
#include "cpu/cpu_policy.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "lib/types.h"

struct vcpu;

/* What a PV kernel does to its own virtual CPU. All on current; errno as noted. */
s64 do_stack_switch(u64 ss, u64 sp);            /* 0 */
s64 do_fpu_taskswitch(u64 set);                 /* 0 */
s64 do_set_segment_base(u64 which, u64 base);   /* 0, -EINVAL */
s64 do_set_debugreg(u64 reg, u64 value);        /* 0, -EINVAL, -EPERM (an address of ours) */
s64 do_get_debugreg(u64 reg);                   /* the value, or -EINVAL */

/*
 * pv_set_debugreg() - the same for any vCPU that does not run, or current: validated. Breakpoints
 * in the hypervisor and I/O breakpoints that CR4.DE of the guest does not allow are refused.
 */
int pv_set_debugreg(struct vcpu *v, unsigned reg, u64 value);

/*
 * A value of CR4 as v may have it: FSGSBASE is its own where the CPU and the domain's policy have
 * it (clear at the start of a vCPU, the real bit follows), and dropped where not. The rest is
 * remembered only.
 */
static inline u64 pv_guest_cr4(const struct vcpu *v, u64 value)
{
	const struct cpu_policy *p = v->domain->cpu_policy;

	/* The default policy has what the CPU has, and none has more. */
	if (p ? cpu_policy_fsgsbase(p) : cpu_features.fsgsbase)
		return value;
	return value & ~CR4_FSGSBASE;
}

/* Make what is the guest's own in this CPU's CR4 that of v, which is current or about to be. */
void pv_cr4_load(const struct vcpu *v);

/* Segment registers, bases and debug registers at a context switch; interrupts off. */
void pv_cpu_save(struct vcpu *v);
void pv_cpu_restore(struct vcpu *v);

#endif
