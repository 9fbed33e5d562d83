/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_MACROS_H
#define ANNULUS_ENTRY_MACROS_H
/* What the assembly files of the ways in and out share. */
#include "cpu/alternative.h"

#define HV_CS     0xe008
#define HV_DS     0xe010
#define GUEST_CS  0xe033
#define GUEST_CS32 0xe023
#define GUEST_SS  0xe02b

#define VEC_SYSCALL 0x100

/*
 * What the code itself does not tell scripts/check-entry.py, which walks over it after linking:
 * a record of kind, address (the place of the note) and a value.
 */
#define NOTE_ENTRY    1 /* the CPU comes here by itself; value: the flags that it has cleared */
#define NOTE_FUNCTION 2 /* C calls this */
#define NOTE_TARGET   3 /* the indirect branch that follows may lead to value */
#define NOTE_TABLE    4 /* the indirect branch that follows leads to C, by the table at value */
#define NOTE_C        5 /* the indirect branch that follows leads to C */
#define NOTE_RING0    6 /* the IRETQ that follows never leads to a guest */
#define NOTE_PUSH     7 /* the call that follows is a jump that pushes something */
#define NOTE_THUNK    8 /* called in place of an indirect branch */
#define NOTE_CALLER   9 /* the indirect branch that follows leads where the thunk's caller says */
#define NOTE_DATA     10 /* no code from here to the next symbol */
#define NOTE_BOOT     11 /* none of the check's business from here to value: no guest yet */

/* Flags that are 0 after an interrupt or exception; SYSCALL's are in cpu/entry_area.h. */
#define GATE_CLEARS     0x34300 /* TF, IF, NT, RF, VM (Intel SDM vol. 3A, 6.12.1 and 6.14) */
#define SYSENTER_CLEARS 0x20200 /* IF, VM (vol. 2B, SYSENTER) */

	.macro entry_note kind, value=0
778:
	.pushsection .entry_notes, "", @progbits
	.quad \kind, 778b, \value
	.popsection
	.endm

	.macro clac_site
771:	.byte 0x0f, 0x1f, 0x00
	alternative 771b, bytes_clac, 3, ALT_SMAP, ALT_BYTES
	.endm
	.macro stac_site
771:	.byte 0x0f, 0x1f, 0x00
	alternative 771b, bytes_stac, 3, ALT_SMAP, ALT_BYTES
	.endm

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
	.macro extable from, to
	.pushsection .extable, "a"
	.quad \from, \to
	.popsection
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
