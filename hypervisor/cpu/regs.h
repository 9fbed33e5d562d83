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
/* In `vector`: the exit may be by SYSRET; rcx and r11 need not be what struct regs says. */
#define VEC_FAST_EXIT 0x100

_Static_assert(sizeof(struct regs) == 168, "entry.S knows the offsets");

#define RFLAGS_CF   BIT(0)
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_IOPL (3ULL << 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_VM   BIT(17)
#define RFLAGS_AC   BIT(18)

static inline bool regs_from_guest(const struct regs *r)
{
	return r->cs & 3;
}
#endif
#endif
