/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_EMULATE_H
#define ANNULUS_HVM_EMULATE_H

#include "cpu/regs.h"
#include "lib/types.h"
#include "pv/decode.h"

/*
 * An instruction of an HVM guest whose memory operand is no memory, done by software: what it wants
 * of memory, and what it makes of the answers. Nothing here touches the guest or the machine, and
 * between two steps any time may pass.
 */

/* As a vCPU's segment registers are: attributes as pv-abi/hvm_save.h has them. */
struct hvm_segment {
	u64 base;
	u32 limit, attributes;
};

/* How the instruction is executed. */
struct hvm_mode {
	unsigned bits;          /* of the code: 16, 32, 64 */
	bool protected;         /* segments have rights, not limits alone */
	bool aligned;           /* what is not aligned is a fault (#AC) */
	struct hvm_segment segment[SEG_GS + 1]; /* in 64-bit code FS and GS alone */
};

struct hvm_operand {
	vaddr_t va;             /* linear; in 16- and 32-bit code it wraps at 4 GiB */
	unsigned size;          /* 1, 2, 4, 8 */
	bool read, write;
	u64 value;              /* that was read, or is to be written */
};

struct hvm_emulation {
	struct insn in;         /* set by the caller, and its registers */
	struct regs regs;
	/* What it wants of memory: first all that is read, then all that is written. */
	struct hvm_operand operand[2];
	unsigned operands;
	bool again;             /* a round of a repeated one that is not the last */
	u8 vector;              /* a fault, whose error code is 0 */
};

enum hvm_emulated {
	HVM_EMULATED,
	HVM_FAULT,    /* .vector; nothing is done */
	HVM_UNKNOWN,  /* not one of those that are done here */
};

/*
 * hvm_emulate_begin() - one round of .in, with .regs as they are before it, whose rip is at the
 * instruction: .operand.
 * hvm_emulate_finish() - all that was to be read has been: .regs as they are afterwards, for when
 * all is written that is to be, rip behind the instruction unless it goes on with another round;
 * and .value of what is to be written.
 */
enum hvm_emulated hvm_emulate_begin(const struct hvm_mode *mode, struct hvm_emulation *e);
void hvm_emulate_finish(const struct hvm_mode *mode, struct hvm_emulation *e);

#endif
