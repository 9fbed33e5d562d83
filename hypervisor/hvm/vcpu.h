/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_VCPU_H
#define ANNULUS_HVM_VCPU_H

#include "cpu/cpu_policy.h"
#include "hvm/guest_walk.h"
#include "hvm/mmio.h"
#include "hvm/x2apic.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "machine/timer.h"

struct vcpu;
struct vmcb;
struct vmx_vcpu;

/*
 * How far a vCPU is that is started by INIT and SIPI. It waits for one from its creation on, or
 * after an INIT; then it has VPF_DOWN. HALTED: with interrupts off, and VPF_DOWN, too.
 */
enum hvm_startup { HVM_WAITS, HVM_STARTS, HVM_RUNS, HVM_HALTED };

/* An event to be delivered: APM vol. 2, 15.20; SDM vol. 3C, 25.8.3 has the same. */
#define EVENT_VALID	BIT(31)
#define EVENT_ERROR	BIT(11)
#define EVENT_TYPE	(7U << 8)
#define EVENT_INTERRUPT (0U << 8)
#define EVENT_NMI	(2U << 8)
#define EVENT_EXCEPTION (3U << 8)

/*
 * What common code looks at or changes of a vCPU that was left and will be entered again, whatever
 * control block it has: hvm_ops->run() puts it there and takes it from there.
 */
struct hvm_now {
	struct guest_paging paging; /* EFER alone is taken from here */
	u64 pat;
	u64 cs_base;
	bool long_code;             /* 64-bit */
	u8 cpl;
	bool shadow;                /* behind STI or MOV SS; it may be cleared */
	/* To be delivered first, with its error code. What did not arrive is there again. */
	u32 event, error;
	/* Leave the guest when it can take an interrupt, or an NMI. */
	bool window, nmi_window;
	/* And when its CR8, which holds back what the APIC has, is written. */
	bool held;
};

/*
 * What struct vcpu has for an HVM guest. Its own CPU alone touches it, or who has it paused, but
 * for what says otherwise.
 */
struct hvm_vcpu {
	struct hvm_now now;
	u64 dr[4];
	struct x2apic apic;
	bool apic_next; /* before an upcall, if both are due: its turn */
	struct hvm_mmio mmio; /* a device's memory that it accesses */
	/* Around what others raise there, and its reset: nothing of a former life is left. */
	struct spinlock raise_lock;
	struct timer timer; /* of the APIC */
	u64 timer_set_to;   /* ns, or APIC_TIMER_NEVER: it is not, or has fired */
	/* Under domain->lock; HVM_STARTS: it begins at this page of real mode when it looks. */
	enum hvm_startup startup;
	u8 start_page;

	/* ---- SVM's ---- */
	struct vmcb *vmcb;
	/* The IRET that ends an NMI is at nmi_iret and about to be executed. */
	bool nmi_ends;
	u64 nmi_iret;
	/* For the log, if the next exit is one that makes no sense. */
	u64 entered_at;
	u32 entered_event, last_exit;

	/* ---- VT-x's: hvm/vmx_vcpu.h ---- */
	struct vmx_vcpu *vmx;
};

/* ---- vcpu.c: the switch and the loop ---- */

/* Boot, where there is hvm_ops: a vCPU's other half, for domain/. */
void hvm_vcpu_register(void);
/* Interrupts off; the idle root is loaded, or about to be. */
void hvm_switch_in(struct vcpu *v);
void hvm_switch_out(struct vcpu *v);
/* Run current until another vCPU is switched to. On a fresh stack. */
void hvm_loop(void) __attribute__((noreturn));
/* Fill the return stack after a run, before the first RET: the vendors' run.S. */
extern u8 hvm_fill_rsb;
/* What the current vCPU's guest has in DS and ES is not what the last PV guest had: for ASSERT. */
bool hvm_segments_null(void);

/* ---- exits.c: what is done for current, interrupts on. `length` is the instruction's, 0: it is
 * not there any more, and the guest goes on with what there is ---- */

enum hvm_insn;
/* How long `insn` is where the guest was left, by a look at its code. */
unsigned hvm_length_of(const struct vcpu *v, enum hvm_insn insn);
/* The same of MOV to CR8, and from which register. */
unsigned hvm_length_of_mov_cr8(const struct vcpu *v, unsigned *gpr);
/* The guest's general register of this number. */
u64 *hvm_gpr(unsigned n);
void hvm_advance(struct vcpu *v, unsigned length);
void hvm_inject(struct vcpu *v, unsigned vector, bool has_error);
void hvm_inject_gp(struct vcpu *v);
void hvm_do_cpuid(struct vcpu *v, unsigned length);
void hvm_do_msr(struct vcpu *v, bool write, unsigned length);
void hvm_do_io(struct vcpu *v, bool in, unsigned size, bool string, unsigned length);
void hvm_do_hlt(struct vcpu *v, unsigned length);
void hvm_do_xsetbv(struct vcpu *v, unsigned length);
void hvm_do_hypercall(struct vcpu *v, unsigned length);
void hvm_do_triple_fault(struct vcpu *v);
/* A write to what another domain grants for reading only, and not while an event is delivered? */
bool hvm_not_granted(const struct vcpu *v, u64 gpa, bool write);

#define TRAP_DB 1
#define TRAP_UD 6
#define TRAP_GP 13
#define TRAP_AC 17
#define TRAP_MC 18

/* ---- events.c ---- */

/* An upcall or what its APIC has waits. */
bool hvm_interrupt_due(const struct vcpu *v);
/* What current is to get is put into its `now`, for hvm_ops->run(). Interrupts off. */
void hvm_deliver_events(struct vcpu *v);
/* current was left behind STI: that STI and HLT are one. Interrupts on. */
void hvm_do_shadowed_hlt(struct vcpu *v);

/* ---- ipi.c: current's, interrupts on ---- */

/* current's APIC as after INIT; of what was on its way to it nothing comes any more. */
void hvm_reset_apic(void);
/* current's MSR_APIC_BASE: false for what it cannot be. */
bool hvm_write_apic_base(u64 value);
/* What current's APIC was told to send. */
void hvm_send_ipi(u64 icr);
/* An NMI for v, a vCPU of current's domain. */
void hvm_send_nmi(struct vcpu *v);
/*
 * HLT with interrupts off: until an NMI, or INIT and SIPI. If no other vCPU is left to send them,
 * that is how a kernel stops.
 */
void hvm_halt(void);
/* True: current begins anew, at page *page of real mode, and has forgotten what it was. */
bool hvm_take_start(u8 *page);

/* ---- vcpu_timer.c ---- */

void hvm_timer_init(struct vcpu *v);
/* v's APIC was written or reset; v runs here, or nowhere. */
void hvm_timer_update(struct vcpu *v);
/* Interrupts off. */
void hvm_timer_switched_in(struct vcpu *v);
void hvm_timer_switching_out(struct vcpu *v);

/* ---- state.c: v does not run ---- */

struct hvm_hw_cpu;
struct hvm_hw_lapic_regs;
void hvm_get_state(struct vcpu *v, struct hvm_hw_cpu *c);
/*
 * `c` is one that hvm_context_check() let pass. What was on its way into the guest is forgotten.
 * The time stamp counter is the machine's and stays.
 */
void hvm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c);
/*
 * Its local APIC, and what MSR_APIC_BASE says; set: one that hvm_context_check() let pass, after
 * hvm_set_state().
 */
u64 hvm_get_apic(struct vcpu *v, struct hvm_hw_lapic_regs *r);
void hvm_set_apic(struct vcpu *v, const struct hvm_hw_lapic_regs *r);
/* PAT: its memory types are these alone; set: one that hvm_pat_valid(). */
u64 hvm_get_pat(const struct vcpu *v);
void hvm_set_pat(struct vcpu *v, u64 pat);
/* A PVH guest's first state: 32-bit, flat, no paging, ebx = `start_info`. */
void hvm_start_state(struct vcpu *v, u64 entry, u64 start_info);
/* current's: as INIT and SIPI leave a CPU. */
void hvm_start_in_real_mode(struct vcpu *v, u8 page);

/* ---- guest_cpu.c: what kind of CPU the guest sees ---- */

struct cpuid_regs hvm_cpuid(const struct vcpu *v, u64 cr4, u32 leaf, u32 sub);
/* False: #GP. `paging` is current's; a new EFER or PAT is stored there and in *pat. */
bool hvm_rdmsr(u32 msr, const struct guest_paging *paging, u64 pat, u64 *value);
bool hvm_wrmsr(u32 msr, u64 value, struct guest_paging *paging, u64 *pat);

/* ---- hypercall.c ---- */

/* current's, by the 64-bit convention, in its registers. Interrupts on. */
void hvm_hypercall(void);
bool hvm_write_hypercall_page(u64 gpa);
s64 do_hvm_op(u64 op, u64 arg);

#endif
