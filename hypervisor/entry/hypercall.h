/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_HYPERCALL_H
#define ANNULUS_ENTRY_HYPERCALL_H

#include "lib/types.h"

struct regs;
struct vcpu;

/* Numbers below this have a place in hypercall_table. */
#define HYPERCALL_MAX 64
typedef s64 (*hypercall_fn)(u64, u64, u64, u64, u64);
/* By number, never NULL: what there is no hypercall for returns -ENOSYS. */
extern const hypercall_fn hypercall_table[HYPERCALL_MAX];

/* From the entry code: rax says which. Interrupts are on. */
void hypercall_dispatch(struct regs *r);
/* The same in ring 1 of a 32-bit guest: entry/compat_hypercall.c. */
void compat_hypercall(struct regs *r);
/* Boot: continuations of 32-bit guests' calls (domain/continuation.h). */
void compat_hypercall_init(void);
s64 compat_continue(unsigned op, unsigned nargs, const u64 *args);
/* For multicall: by number with up to six arguments. */
s64 hypercall_call(u64 op, const u64 *args);
const char *hypercall_name(u64 op);

#endif
