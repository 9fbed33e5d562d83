/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_HYPERCALL_H
#define ANNULUS_ENTRY_HYPERCALL_H

#include "lib/types.h"

struct regs;
struct vcpu;

/*
 * hypercall_continue() - make the guest issue hypercall `op` again with these (u64!) arguments when
 * it next runs; return what this returns. Inside a multicall the entry is continued instead.
 */
s64 hypercall_continue(unsigned op, unsigned nargs, ...);

/* Numbers below this have a place in hypercall_table. */
#define HYPERCALL_MAX 64
typedef s64 (*hypercall_fn)(u64, u64, u64, u64, u64);
/* By number, never NULL: what there is no hypercall for returns -ENOSYS. */
extern const hypercall_fn hypercall_table[HYPERCALL_MAX];

/* From the entry code: rax says which. Interrupts are on. */
void hypercall_dispatch(struct regs *r);
/* For multicall: by number with up to six arguments. */
s64 hypercall_call(u64 op, const u64 *args);
const char *hypercall_name(u64 op);

/* Fill a page with the ABI's 64-bit hypercall stubs, 32 bytes each. */
void hypercall_page_fill(void *page);

#endif
