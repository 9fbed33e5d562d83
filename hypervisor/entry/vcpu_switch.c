// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From one vCPU to another. Stacks belong to CPUs, not to vCPUs: a vCPU that does not run is
 * nothing but its struct, and switching ends by leaving through the exit path with the next one's
 * registers.
 */
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/mitigation.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/time.h"
#include "entry/area.h"
#include "entry/entry.h"
#include "hvm/vcpu.h"
#include "lib/printk.h"
#include "pv/cpu_ops.h"
#include "pv/descriptor_window.h"
#include "pv/root.h"
#include "pv/sysenter.h"
#include "sched/sched.h"

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	struct cpu_info *info = get_cpu_info();
	struct cpu *c = info->cpu;
	struct domain *from = prev->domain, *to = next->domain;

	if (!from->is_idle) {
		prev->regs = info->regs;
		if (unlikely(prev->hvm))
			hvm_switch_out(prev);
		else
			pv_cpu_save(prev);
		fpu_save(prev);
	}
	if (unlikely(c->ring1 != to->ring1) && !to->is_idle)
		entry_area_for(next);
	info->vcpu = next;
	next->cpu = c->id;
	if (from != to) {
		/* Before the new root is loaded, so that a flush for its domain cannot miss us. */
		if (!to->is_idle) {
			atomic_or(&to->dirty_cpus, CPU_MASK(c->id));
			/* The calls' own questions, asked here first: most domains map nothing. */
			if (unlikely(atomic_read(&to->maps_foreign)))
				foreign_cpu_enter(to);
		}
		if (to->is_idle || next->hvm)
			root_load_idle();
		else
			root_load(next);
		if (unlikely(READ_ONCE(foreign_cpus) & CPU_MASK(c->id)))
			foreign_cpu_left(to);
		if (!from->is_idle)
			atomic_and(&from->dirty_cpus, ~CPU_MASK(c->id));
	} else if (!to->is_idle && !next->hvm) {
		root_load(next);
	}
	/* Idling in between does not make the last guest's branch history harmless. */
	if (!to->is_idle && c->last_guest != to->serial) {
		c->last_guest = to->serial;
		entry_area_forget(next);
		mitigation_domain_switch();
		/*
		 * dom0's programs are told what the machine has: its tools ask that way, too. An
		 * HVM guest is left for it.
		 */
		if (cpu_features.cpuid_fault)
			cpuid_fault_set(!to->privileged && !next->hvm);
	}
	if (!to->is_idle) {
		if (unlikely(next->hvm)) {
			hvm_switch_in(next);
		} else {
			desc_tables_load(next);
			sysenter_load(next);
			pv_cpu_restore(next);
		}
		fpu_restore(next);
		info->regs = next->regs;
	}
	sched_switched(prev);
	if (to->is_idle)
		switch_stack_and_call(info, idle_loop);
	vcpu_time_switched_in(next);
	if (unlikely(next->hvm))
		switch_stack_and_call(info, hvm_loop);
	switch_to_guest(&info->regs);
}
