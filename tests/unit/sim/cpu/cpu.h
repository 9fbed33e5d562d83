/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_CPU_H
#define ANNULUS_CPU_CPU_H

/* What deciding code sees of a processor: who it runs, and whether it should stop soon. A test's thread is a CPU. */
#include "cpu/regs.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct vcpu;

struct cpu_features {
	bool smep, smap, fsgsbase, pcid, invpcid, xsave, xsaveopt, xsavec, nx, pg1g, x2apic, tsc_deadline, arat;
	bool invariant_tsc, cpuid_fault, umip, pge, syscall, rdtscp, la57, mwait, erms;
	bool meltdown;
	u8 vendor;
	u8 phys_bits, virt_bits;
	u32 family, model, stepping;
	u64 xcr0;
	u32 xsave_size;
};
extern struct cpu_features cpu_features;

struct cpu {
	unsigned id;
	u64 softirq_pending;
	void *sched, *timers, *heap_cache;
	u32 tlb_stamp;
	mfn_t cr3_mfn;
};
extern struct cpu cpus[NR_CPUS];
extern unsigned nr_cpus;
extern volatile cpumask_t cpus_online;

extern __thread struct cpu *sim_cpu;
extern __thread struct vcpu *sim_current;

static inline struct cpu *this_cpu(void)
{
	return sim_cpu;
}
static inline unsigned cpu_id(void)
{
	return sim_cpu->id;
}
#define current sim_current

bool preempt_wanted(void);

#endif
