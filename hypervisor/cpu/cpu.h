/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_CPU_H
#define ANNULUS_CPU_CPU_H

#include "cpu/regs.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct vcpu;

/* per CPU, aligned to itself: pages 0-2 #DF, NMI, #MC stacks, 3 guard, 4-7 main */
#define STACK_SIZE 32768

/* What this processor can do; set once on the boot CPU, the others must match. */
struct cpu_features {
	bool smep, smap, fsgsbase, pcid, invpcid, xsave, xsaveopt, xsavec, nx, pg1g, x2apic,
		tsc_deadline, arat;
	bool invariant_tsc, cpuid_fault, umip, pge, syscall, sysenter, rdtscp, la57, mwait, erms;
	bool hypervisor; /* this CPU is itself a virtual one */
	bool meltdown; /* rogue data cache load: leave the hypervisor unmapped while guests run */
	bool l1tf; /* not-present entries that name RAM are refused */
	/* an entry whose A is clear is in no TLB: cpu/accessed.h; and grant-flush= lets it count */
	bool accessed_first;
	u8 vendor;     /* CPU_VENDOR_* */
	u8 phys_bits, virt_bits;
	u32 family, model, stepping;
	u64 xcr0;      /* all user states we enable */
	u32 xsave_size;
	u32 mxcsr_mask; /* bits of MXCSR that every CPU has */
};
enum { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD };
extern struct cpu_features cpu_features;
/* Is the hypervisor left unmapped while guests run? Set once at boot. */
extern u8 unmapped_mode;

/* Unmapped mode: what a guest runs on, a root's entries without ours. Only its CPU touches it. */
enum { VIEW_RING3, VIEW_RING1 }; /* who looks: guests of an unmapped hypervisor, or of ring 1 */
struct root_copy {
	mfn_t mfn; /* the copy's own frame */
	mfn_t of;  /* the root that it shows; INVALID_MFN: none */
};

/* One per physical CPU. Only its own CPU writes it, except where a field says otherwise. */
struct cpu {
	unsigned id;             /* 0 .. nr_cpus - 1 */
	u32 apic_id, acpi_id;
	volatile bool online;    /* set by the CPU, read by all */
	u64 softirq_pending;     /* atomic bits, set by any CPU */
	struct vcpu *idle;       /* its idle vCPU */
	u64 cr4;                 /* shadow of CR4 */
	bool sysenter;           /* SYSENTER leads to us: pv/sysenter.h */
	bool guest_tlb_stale;    /* a full flush was: HVM guests need new ASIDs */
	u64 tlb_stamp;           /* TLB clock at this CPU's last full flush, 0: none; read by all */
	/* root that is loaded (the guest's, or the idle table); read by all */
	mfn_t cr3_mfn;
	bool no_root;            /* what was to be loaded is no frame: pv/root.h */
	/* unmapped: of the running vCPU's roots; [0] user, [1] kernel, [2] ring 1 (64-bit) */
	struct root_copy root_copies[3];
	u8 unmapped;             /* the vCPU that runs, or ran last, leaves us unmapped */
	bool ring1;              /* and is a 64-bit one in ring 1: its way in is set */
	void *sched;             /* sched/ */
	void *timers;            /* machine/timer */
	void *gdt;               /* our page of this CPU's GDT (direct map) */
	/* of the windows in the entry area that may have a guest's frames */
	unsigned gdt_pages, ldt_pages;
	struct entry_info *entry_info; /* that a guest enters by (direct map) */
	void *area_l1;           /* L1 table of this CPU's entry area (direct map) */
	/* the same as copies of roots show it, without the main stack; NULL: not needed */
	void *area_view[2];      /* [VIEW_*] */
	void *tss;               /* direct map */
	bool cpuid_faults;       /* outside of ring 0: cpu/features.h */
	u64 last_guest;          /* serial of the domain whose vCPU ran here last; 0: none */
	u64 nmi_count;
	u64 stat_hypercalls;
	u64 stat_traps;
};

/* At the top of each CPU's main stack. The CPU pushes a guest's ss..rip straight into regs. */
struct cpu_info {
	u64 pad; /* so that the end of regs, where the CPU starts pushing, is 16-byte aligned */
	struct regs regs;
	struct vcpu *vcpu; /* what runs: `current` */
	struct cpu *cpu;
} __aligned(16);

static inline struct cpu_info *get_cpu_info(void)
{
	u64 sp;

	__asm__("movq %%rsp, %0" : "=r"(sp));
	return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1 - sizeof(struct cpu_info));
}

extern struct cpu cpus[NR_CPUS];
extern unsigned nr_cpus;              /* CPUs found */
extern volatile cpumask_t cpus_online;

static inline struct cpu *this_cpu(void)
{
	return get_cpu_info()->cpu;
}
static inline unsigned cpu_id(void)
{
	return this_cpu()->id;
}
/* The vCPU that this CPU runs (or idles for). */
#define current (get_cpu_info()->vcpu)
/* current's registers as of its entry to the hypervisor. */
static inline struct regs *guest_regs(void)
{
	return &get_cpu_info()->regs;
}

/*
 * Softirqs run, interrupts enabled, on the way out to a guest and in the idle loop, lowest number
 * first.
 */
enum softirq { SOFTIRQ_TIMER, SOFTIRQ_TASKLET, SOFTIRQ_SCHEDULE, SOFTIRQ_COUNT };
void softirq_register(enum softirq n, void (*fn)(void));
void softirq_raise(enum softirq n);                   /* on this CPU */
/* sends an IPI if that CPU may not notice by itself */
void softirq_raise_on(unsigned cpu, enum softirq n);
/*
 * Should a long operation stop now and return a continuation? True when softirqs are pending on
 * this CPU.
 */
static inline bool preempt_wanted(void)
{
	return READ_ONCE(this_cpu()->softirq_pending) != 0;
}

/*
 * Run fn(arg) on every CPU in `mask` (this one too if it is in it) and wait for all. Interrupts
 * must be enabled.
 */
void on_cpus(cpumask_t mask, void (*fn)(void *), void *arg);
/* An interrupt that does nothing but make the CPU pass through its exit path. */
void send_event_check_ipi(unsigned cpu);

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
/* 0, or -EFAULT: there is no such MSR, or it takes no such value (cpu/raw.S). */
int rdmsr_safe(u32 msr, u64 *v);
int wrmsr_safe(u32 msr, u64 v);

static inline void xsetbv(u64 xcr0)
{
	__asm__ volatile("xsetbv" :: "c"(0), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32)));
}
static inline void wbinvd(void)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}
static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}

#define IO_IN(name, type, s)                                                     \
	static inline type name(u16 port)                                        \
	{                                                                        \
		type v;                                                          \
		__asm__ volatile("in" s " %w1, %0" : "=a"(v) : "Nd"(port));      \
		return v;                                                        \
	}
#define IO_OUT(name, type, s)                                                    \
	static inline void name(u16 port, type v)                                \
	{                                                                        \
		__asm__ volatile("out" s " %0, %w1" :: "a"(v), "Nd"(port));      \
	}
IO_IN(inb, u8, "b") IO_IN(inw, u16, "w") IO_IN(inl, u32, "l")
IO_OUT(outb, u8, "b") IO_OUT(outw, u16, "w") IO_OUT(outl, u32, "l")

#endif
