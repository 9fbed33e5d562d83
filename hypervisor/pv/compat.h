/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_COMPAT_H
#define ANNULUS_PV_COMPAT_H

#include "lib/types.h"
#include "pv-abi/compat.h"

struct domain;
struct pv_vcpu;
struct regs;
struct vcpu;

/*
 * What is different about the vCPUs of 32-bit guests. Their hypercalls: entry/compat_hypercall.c.
 */

/*
 * domain_set_compat() - make an empty domain a 32-bit one: 0, -EOPNOTSUPP (kernels in ring 1 are
 * not allowed: ring1_guests_allowed(), and the log says so), -EBUSY (it has memory already, is a
 * 64-bit one in ring 1, or what it writes is logged), -ENOMEM (also: its shared info page has no
 * address that such a guest can name). Nothing of it has run. Takes its page_lock.
 */
int domain_set_compat(struct domain *d);

/*
 * vCPU state in the 32-bit form from and to the 64-bit one, in which the selectors of the two
 * callbacks have no place: they are separate. Pure.
 */
struct compat_callback_selectors {
	u16 event, failsafe;
};
void compat_context_widen(struct vcpu_guest_context *to, struct compat_callback_selectors *sel,
			  const struct compat_vcpu_guest_context *from);
void compat_context_narrow(struct compat_vcpu_guest_context *to,
			   const struct vcpu_guest_context *from,
			   const struct compat_callback_selectors *sel);

/* A selector that a guest kernel's code or stack may have: RPL 0 becomes 1. */
static inline u16 compat_selector(u32 sel)
{
	return (u16)(sel & 3 ? sel : sel | 1);
}

/* ---- compat_bounce.c: the counterparts of pv/bounce.h, for the running vCPU ---- */

void compat_inject_trap(unsigned vector, u32 error_code);
void compat_bounce_event(struct regs *r);
void compat_bounce_bad_frame(struct regs *r, u32 error_code);
void compat_bounce_nmi(struct regs *r);
/* To a registered callback, from ring 3. */
void compat_bounce_callback(struct regs *r, u16 cs, u32 eip, bool mask_events);
/* The iret hypercall; returns the guest's eax. */
s64 compat_iret(void);
/*
 * The kernel's stack for what comes from ring 3; `base` of its segment, for the quick way of a
 * system call (entry/compat.S). The guest changes that descriptor before it switches stacks,
 * not after.
 */
void compat_set_kernel_stack(struct pv_vcpu *pv, u16 ss, u32 esp, u32 base);
/* Where a segment that a selector names begins; 0 for what is no valid data or code segment. */
u32 compat_segment_base(u16 sel);

#endif
