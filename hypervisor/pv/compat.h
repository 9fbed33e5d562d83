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
 * 32-bit guests. Their hypercalls come by `int 0x82`; pv/compat.c has one row for each, which says
 * how the registers make up the arguments of the 64-bit handler and which function to call. A
 * structure whose layout differs is translated (pv/compat_struct.c) into a buffer of ours, the
 * handler gets the buffer's address, and copy_from_guest() and copy_to_guest() take it as long as
 * the call lasts: `window` in struct pv_vcpu. Nothing in 64-bit layout is ever in the guest's
 * memory.
 */

/* From the entry code, in ring 1 of a 32-bit guest. Interrupts are on. */
void compat_hypercall(struct regs *r);
/* hypercall_continue() for a 32-bit guest; the arguments are the 64-bit handler's. */
s64 compat_continue(unsigned op, unsigned nargs, const u64 *args);
/* Fill a page with the ABI's 32-bit hypercall stubs, 32 bytes each. */
void compat_hypercall_page_fill(void *page);

/*
 * domain_set_compat() - make an empty domain a 32-bit one: 0, -EOPNOTSUPP (kernels in ring 1 are
 * not allowed: ring1_guests_allowed(), and the log says so), -EBUSY (it has memory already),
 * -ENOMEM (also: its shared info page has no address that such a guest can name). Nothing of it has
 * run.
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
void compat_bounce_failsafe(struct regs *r);
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

/* ---- compat_struct.c: layouts that differ. Pure. ---- */

struct compat_field {
	u16 at32, at64;
	u8 size32, size64; /* equal, or 4 and 8 */
};
struct compat_layout {
	u16 size32, size64, nr_fields;
	const struct compat_field *field;
};
/* Bytes that any of the structures takes in its 64-bit form. */
#define COMPAT_STRUCT_MAX 256

void compat_widen(const struct compat_layout *l, void *to, const void *from);
void compat_narrow(const struct compat_layout *l, void *to, const void *from);

/* How a hypercall's command takes its argument. */
struct compat_command {
	u32 cmd;
	const struct compat_layout *layout; /* NULL: the same in both forms */
};
#define COMPAT_LIST_END 0xffffffffU
extern const struct compat_command compat_memory_commands[], compat_vcpu_commands[],
	compat_sched_commands[], compat_physdev_commands[], compat_grant_commands[],
	compat_platform_commands[];
/* NULL: there is no such command for 32-bit guests. */
const struct compat_command *compat_command_find(const struct compat_command *list, u32 cmd);

#endif
