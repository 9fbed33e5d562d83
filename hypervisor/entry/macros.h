/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_MACROS_H
#define ANNULUS_ENTRY_MACROS_H
/* What the assembly files of the ways in and out share. */
#include "cpu/asm.h"

#define GUEST_CS  0xe033
#define GUEST_CS32 0xe023
#define GUEST_SS  0xe02b

#define VEC_SYSCALL 0x100

#define FLAGS_IF   0x200
#define FLAGS_IOPL 0x3000
#define FLAGS_VM   0x20000

/* Flags that are 0 after an interrupt or exception; SYSCALL's are in cpu/entry_area.h. */
#define GATE_CLEARS     0x34300 /* TF, IF, NT, RF, VM (Intel SDM vol. 3A, 6.12.1 and 6.14) */
#define SYSENTER_CLEARS 0x20200 /* IF, VM (vol. 2B, SYSENTER) */

	/* The last thing before a guest goes on, on CPUs whose buffers leak. Clobbers flags. */
	.macro SPEC_EXIT
772:	.byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0
	alternative 772b, verw_selector, 7, ALT_VERW, ALT_VERW_OF
	.endm
	/* The same for SYSRET, where even a NOP would count: the instruction moves out of line. */
	.macro sysret_to_guest
772:	sysretq
	int3
	int3
	alternative 772b, verw_sysret, 5, ALT_VERW, ALT_JMP
	.endm
	/*
	 * From a guest, all registers saved: its return addresses go. Clobbers flags. ALT_RSB_64BIT
	 * where 64-bit guests alone can come, whose kernels are not in ring 1.
	 */
	.macro SPEC_ENTRY feature=ALT_RSB_ENTRY
772:	.byte 0x0f, 0x1f, 0x44, 0, 0
	alternative 772b, rsb_stuff, 5, \feature, ALT_CALL
	.endm
	/* A guest's registers below error_code, in two parts: the first makes room to work in.
	 * SYSCALL has cleared DF; who comes by an interrupt clears it first. */
	.macro save_scratch
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	.endm
	.macro save_rest feature=ALT_RSB_ENTRY
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	/* Nothing of the guest's stays where C would keep it: not for speculation to use either. */
	xorl %ebx, %ebx
	xorl %ebp, %ebp
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	SPEC_ENTRY \feature
	.endm
	.macro save_regs
	cld
	save_scratch
	save_rest
	.endm
	/* All but rdi and rsi, which are the next words then. */
	.macro restore_first
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	.endm
	.macro restore_regs
	restore_first
	popq %rsi
	popq %rdi
	.endm

#endif
