/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_INSN_LENGTH_H
#define ANNULUS_HVM_INSN_LENGTH_H

#include "lib/types.h"

/* Instructions that leave a guest, are done for it, and have no operand in memory. */
enum hvm_insn {
	HVM_INSN_CPUID,
	HVM_INSN_RDMSR,
	HVM_INSN_WRMSR,
	HVM_INSN_HLT,
	HVM_INSN_INVD,
	HVM_INSN_WBINVD,
	HVM_INSN_XSETBV,
	HVM_INSN_VMMCALL,
	HVM_INSNS
};

#define INSN_LENGTH_MAX 15 /* APM vol. 3, 1.2.1 */

/*
 * hvm_insn_length() - how many bytes of code `insn` takes, its prefixes counted, if that is what
 * the `n` bytes begin with; else 0. For CPUs that do not say where the next instruction is (APM
 * vol. 2, 15.7.1). The guest may have changed its code since the CPU read it: then it is 0, and the
 * guest goes on with what is there now.
 */
unsigned hvm_insn_length(enum hvm_insn insn, const u8 *bytes, unsigned n, bool mode64);
/*
 * hvm_mov_to_cr8() - the same of MOV to CR8, by REX or, in whatever mode, by LOCK (APM vol. 3);
 * from which general register, in *gpr.
 */
unsigned hvm_mov_to_cr8(const u8 *bytes, unsigned n, bool mode64, unsigned *gpr);

#endif
