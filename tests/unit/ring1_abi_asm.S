/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pv-abi/ring1.h"
#include "ring1_abi_asm.h"

	.section .rodata
	.balign 8
	.globl ring1_asm_numbers
ring1_asm_numbers:
	.quad RING1_NUMBERS

	.section .note.GNU-stack, "", @progbits
