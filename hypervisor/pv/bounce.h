/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_BOUNCE_H
#define ANNULUS_PV_BOUNCE_H

#include "cpu/regs.h"
#include "lib/types.h"

struct vcpu;

/*
 * Entering the guest kernel. All work on current and its guest_regs(), and crash the domain if the
 * guest's stack cannot be written. A frame, lowest address first: rcx, r11, [ds, es, fs, gs for the
 * failsafe callback], [error code], rip, cs with the upcall mask in its high half, rflags, rsp, ss.
 */
void pv_bounce_syscall(struct regs *r);
void pv_bounce_event(struct regs *r);
void pv_bounce_nmi(struct regs *r);
/* A callback outside the trap table: masks events on entry if told so. `cs`: for a 32-bit guest. */
void pv_bounce_callback(struct regs *r, u16 cs, u64 target, bool mask_events);

/*
 * IRET could not load rip..ss of r, with that error code: the failsafe callback if there is one,
 * else the guest's own #GP, at that address.
 */
void pv_bounce_bad_frame(struct regs *r, u32 error_code);

/* For entry/fast.S: the guest's stack `sp` could not be written after going to kernel mode. */
void pv_bounce_failed(const struct regs *r, u64 sp);

/* Switch current between its kernel's and its user's root and GS base. */
void pv_toggle_mode(struct vcpu *v);

s64 do_iret(void);

#endif
