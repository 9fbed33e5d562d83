/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_UPCALLS_H
#define ANNULUS_LIB_UPCALLS_H

#include "lib/types.h"

/*
 * The calls that go up: a room uses what stands below it (lib, cpu, memory, machine, domain, sched,
 * pv, hvm, image, control, entry, boot), but for these functions, which it declares here and a
 * higher room fills. Each is a plain call because it is hot or because what it is about cannot be
 * cut in two; `make lint` holds every object file to this list. Who can wait for a pointer to a
 * function registers one with the lower room instead.
 */
struct domain;
struct frame;
struct vcpu;
struct vcpu_guest_context;

/* ---- filled by machine/: everybody has something to say ---- */

/*
 * printk() - one formatted line (or part of one) to the console ring and, by `loglvl=`, to the
 * serial port. Callable anywhere, NMI and #MC excepted. The formats are those of vsnprintf().
 */
void printk(const char *fmt, ...) __printf(1, 2);
/*
 * panic() - the hardware or we lied: print, stop all CPUs, reboot or (noreboot) halt. Never for a
 * guest's doing.
 */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* ---- filled by entry/: where a CPU's registers are ---- */

/*
 * compat_continue() - hypercall_continue() for a 32-bit guest; the arguments are the 64-bit
 * handler's, whose places in registers the table of its hypercalls knows.
 */
s64 compat_continue(unsigned op, unsigned nargs, const u64 *args);

#endif
