/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_PTWR_H
#define ANNULUS_PV_PTWR_H

#include "cpu/regs.h"
#include "lib/types.h"
#include "pv/decode.h"

/*
 * ptwr_fault() - writable page tables: a guest kernel's write to a validated L1 table that it has
 * mapped read-only, or to a device page that it may only read.
 *
 * r: current's registers at the fault, in guest kernel mode. va, error_code: of the #PF, a write to
 * a present page. True: the instruction was done (or has to be tried again) and r is what comes
 * after it; return to the guest. False: not such a write, or one that the table must not take: the
 * guest's own page fault. Interrupts on, no locks held.
 */
bool ptwr_fault(struct regs *r, vaddr_t va, u32 error_code);

/*
 * insn_modify() - what a read-modify-write instruction makes of its memory operand. Pure.
 *   in, r    the instruction and the registers before it
 *   src      for movs the value read; unused otherwise
 *   mem      the operand's old value (in->size bytes), replaced by the new one
 * Afterwards *r has the instruction's effects on registers and flags, except rip and what string
 * instructions do to rcx, rsi and rdi.
 * Returns 1 if memory is to be written, 0 if not (cmpxchg that did not match), -1 if it is none of
 * these.
 */
int insn_modify(const struct insn *in, struct regs *r, u64 src, u64 *mem);

#endif
