/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_MMIO_H
#define ANNULUS_HVM_MMIO_H

#include "hvm/emulate.h"
#include "lib/types.h"

struct vcpu;

/* A part of an access that lies in one page, of a power of two of bytes. */
struct hvm_access {
	u64 gpa;
	u64 value;      /* that is written, or was read */
	u8 operand, at; /* of which operand it is, from which byte on */
	u8 size;        /* 1, 2, 4, 8 */
	bool write;
};

/*
 * An instruction that accesses a device, in all its parts: first those that read, then those that
 * write. None is done before all of them are known to be possible; then they are done one after the
 * other, .next being the first that is not, and only after the last are the guest's registers
 * changed. So a device that answers later can: what there is to go on with is all here.
 */
struct hvm_mmio {
	struct hvm_mode mode;
	struct hvm_emulation emulation;
	struct hvm_access access[8];
	u8 reads, accesses, next;
	/* The last instruction that is not known here, with what registers, and how often. */
	u8 unknown[INSN_MAX_LENGTH], tries;
	struct regs unknown_regs;
};

/*
 * hvm_do_mmio() - current, interrupts on, was left for its access to `gpa`, where its map has
 * nothing. False: there is no device either, nothing is done. True: the access is done, or the
 * guest has got the exception that it asks for, or goes on with what its code is by now.
 */
bool hvm_do_mmio(struct vcpu *v, u64 gpa);

#endif
