/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_CPU_H
#define ANNULUS_CPU_CPU_H

/*
 * What deciding code sees of a processor: who it runs, and whether it should stop soon. A test's
 * thread is a CPU.
 */
#include "cpu/regs.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct vcpu;

struct cpu_features {
	bool smep, smap, fsgsbase, pcid, invpcid, xsave, xsaveopt, xsavec, nx, pg1g, x2apic,
		tsc_deadline, arat;
	bool invariant_tsc, cpuid_fault, umip, pge, syscall, sysenter, rdtscp, la57, mwait, erms;
	bool hypervisor; /* this CPU is itself a virtual one */
	bool meltdown;
	bool l1tf;
	bool accessed_first;
	u8 vendor;
	u8 phys_bits, virt_bits;
	u32 family, model, stepping;
	u64 xcr0;
	u32 xsave_size, mxcsr_mask;
};
enum { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD };
extern struct cpu_features cpu_features;

enum { VIEW_RING3, VIEW_RING1 };
struct root_copy {
	mfn_t mfn, of;
};

struct cpu {
	unsigned id;
	u32 apic_id, acpi_id;
	bool online;
	u64 softirq_pending;
	struct vcpu *idle;
	u64 cr4;
	bool sysenter, cpuid_faults;
	void *sched, *timers, *heap_cache;
	u64 stat_hypercalls;
	u64 tlb_stamp;
	bool guest_tlb_stale;
	mfn_t cr3_mfn;
	bool no_root;
	struct root_copy root_copies[3];
	struct entry_info *entry_info;
	u8 unmapped;
	bool ring1;
	void *area_l1, *area_view[2];
};
extern u8 unmapped_mode;
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
void on_cpus(cpumask_t mask, void (*fn)(void *), void *arg);

/* Softirqs, interrupts between CPUs, the TSC and I/O ports: a test that needs them has its own. */
enum softirq { SOFTIRQ_TIMER, SOFTIRQ_TASKLET, SOFTIRQ_SCHEDULE, SOFTIRQ_COUNT };
void softirq_register(enum softirq n, void (*fn)(void));
void softirq_raise(enum softirq n);
void softirq_raise_on(unsigned cpu, enum softirq n);
void send_event_check_ipi(unsigned cpu);
u64 rdtsc(void);
u8 inb(u16 port);
u16 inw(u16 port);
u32 inl(u16 port);
void outb(u16 port, u8 v);
void outw(u16 port, u16 v);
void outl(u16 port, u32 v);

/* A guest's registers, MSRs and CPUID leaves as sim.h describes them. */
struct regs *guest_regs(void);
u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 v);
int rdmsr_safe(u32 msr, u64 *v);
int wrmsr_safe(u32 msr, u64 v);
void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d);
void xsetbv(u64 xcr0);
void wbinvd(void);

#endif
