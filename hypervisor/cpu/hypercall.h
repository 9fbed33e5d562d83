/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_HYPERCALL_H
#define ANNULUS_CPU_HYPERCALL_H

#include "lib/types.h"

struct regs;
struct vcpu;

/*
 * hypercall_continue() - make the guest issue hypercall `op` again with these (u64!) arguments when
 * it next runs; return what this returns. Inside a multicall the entry is continued instead.
 */
s64 hypercall_continue(unsigned op, unsigned nargs, ...);

/* From the entry code: rax says which. Interrupts are on. */
void hypercall_dispatch(struct regs *r);
/* For multicall: by number with up to six arguments. */
s64 hypercall_call(u64 op, const u64 *args);
bool hypercall_known(u64 op);
const char *hypercall_name(u64 op);

/* Fill a page with the ABI's 64-bit hypercall stubs, 32 bytes each. */
void hypercall_page_fill(void *page);

#endif
