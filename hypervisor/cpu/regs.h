/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_REGS_H
#define ANNULUS_CPU_REGS_H

#ifndef __ASSEMBLER__
#include "lib/types.h"

/*
 * A saved CPU state as the entry code leaves it on the stack; the order is that of the ABI's
 * cpu_user_regs.
 */
struct regs {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u32 error_code, vector;
	u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 168, "entry.S knows the offsets");

static inline bool regs_from_guest(const struct regs *r)
{
	return r->cs & 3;
}
#endif
#endif
