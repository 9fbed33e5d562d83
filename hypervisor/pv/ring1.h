/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_RING1_H
#define ANNULUS_PV_RING1_H

#include "cpu/regs.h"
#include "domain/domain.h"
#include "lib/types.h"

/*
 * 64-bit guests whose kernel runs in ring 1, by the contract of pv-abi/ring1.h.
 *
 * domain_set_ring1() - make an empty 64-bit domain one: 0, -EOPNOTSUPP (not offered:
 * ring1_64bit_allowed()), -EBUSY (it has memory already, is a 32-bit one, what it writes is
 * logged, or a vCPU has a state). Takes its page_lock.
 */
int domain_set_ring1(struct domain *d);

/*
 * The counterparts of pv/bounce.h, for the running vCPU and its guest_regs(). What ring it was in
 * regs.cs says.
 */
void ring1_inject_trap(unsigned vector, u32 error_code);
void ring1_bounce_syscall(struct regs *r);
void ring1_bounce_event(struct regs *r);
void ring1_bounce_bad_frame(struct regs *r, u32 error_code);
void ring1_bounce_nmi(struct regs *r);
void ring1_bounce_callback(struct regs *r, u64 target, bool mask_events);
/* The iret hypercall; returns the guest's rax. */
s64 ring1_iret(void);

/*
 * ring1_short_way() - v, which runs on this CPU, is about to be left to, and v->pv.short_way is
 * false: what it has set up and registered goes to the CPU's info page, from where a process's
 * SYSCALL is bounced without C (entry/entry.S). Only what C would do the same way: no virtual IOPL,
 * a stack and a handler that are the guest's, vcpu_info on a page that is its domain's to write.
 * What another vCPU of its domain changes holds from its next entry of the hypervisor on.
 * Interrupts off.
 * ring1_no_short_way() - there is none on CPU c, and nothing of a guest's on its page for
 * vcpu_info.
 */
struct cpu;
void ring1_short_way(struct vcpu *v);
void ring1_no_short_way(struct cpu *c);

/* Is it in the stretch of its kernel between the write of a process's GS base and IRETQ? */
static inline bool ring1_returning(const struct vcpu *v, u64 rip)
{
	return rip >= v->pv.return_start && rip < v->pv.return_end;
}

#endif
