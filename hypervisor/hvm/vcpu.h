/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_VCPU_H
#define ANNULUS_HVM_VCPU_H

#include "cpu/cpu_policy.h"
#include "hvm/guest_walk.h"
#include "hvm/x2apic.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "machine/timer.h"

struct vcpu;
struct vmcb;

/*
 * How far a vCPU is that is started by INIT and SIPI. It waits for one from its creation on, or
 * after an INIT; then it has VPF_DOWN. HALTED: with interrupts off, and VPF_DOWN, too.
 */
enum hvm_startup { HVM_WAITS, HVM_STARTS, HVM_RUNS, HVM_HALTED };

/*
 * What struct vcpu has for an HVM guest. Its own CPU alone touches it, or who has it paused, but
 * for what says otherwise.
 */
struct hvm_vcpu {
	struct vmcb *vmcb;
	u64 dr[4];
	struct x2apic apic;
	/* Around what others raise there, and its reset: nothing of a former life is left. */
	struct spinlock raise_lock;
	struct timer timer; /* of the APIC */
	u64 timer_set_to;   /* ns, or APIC_TIMER_NEVER: it is not, or has fired */
	/* Under domain->lock; HVM_STARTS: it begins at this page of real mode when it looks. */
	enum hvm_startup startup;
	u8 start_page;
	/* The IRET that ends an NMI is at nmi_iret and about to be executed. */
	bool nmi_ends;
	u64 nmi_iret;
	/* For the log, if the next exit is one that makes no sense. */
	u64 entered_at;
	u32 last_exit;
};

/* ---- vcpu.c: the switch and the loop; svm_vcpu.c does it ---- */

/* Interrupts off; the idle root is loaded, or about to be. */
void hvm_switch_in(struct vcpu *v);
void hvm_switch_out(struct vcpu *v);
/* Run current until another vCPU is switched to. On a fresh stack. */
void hvm_loop(void) __attribute__((noreturn));
/* A PVH guest's first state: 32-bit, flat, no paging, ebx = `start_info`. v does not run. */
void hvm_start_state(struct vcpu *v, u64 entry, u64 start_info);

/* ---- ipi.c: current's, interrupts on ---- */

/* current's APIC as after INIT; of what was on its way to it nothing comes any more. */
void hvm_reset_apic(void);
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

/* ---- svm_context.c: v does not run ---- */

struct hvm_hw_cpu;
struct hvm_hw_lapic_regs;
void hvm_get_state(struct vcpu *v, struct hvm_hw_cpu *c);
/*
 * `c` is one that hvm_context_check() let pass. What was on its way into the guest is forgotten.
 * The time stamp counter is the machine's and stays.
 */
void hvm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c);
/* Its local APIC; set: one that hvm_context_check() let pass, after hvm_set_state(). */
void hvm_get_apic(struct vcpu *v, struct hvm_hw_lapic_regs *r);
void hvm_set_apic(struct vcpu *v, const struct hvm_hw_lapic_regs *r);

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
