/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Branches through a register, as the compiler (-mindirect-branch=thunk-extern) and our assembly
 * make them: a plain JMP; on CPUs where ring 3 can train its prediction a sequence whose prediction
 * is the return stack's, which leads to a loop of nothing; or JMP behind LFENCE.
 */
#include "cpu/asm.h"

	.macro thunk reg
	.section .entry.text, "ax"
	.balign 32
	.global __x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
	entry_note NOTE_THUNK
	entry_note NOTE_CALLER
	jmp *%\reg
	int3
	.org __x86_indirect_thunk_\reg + 32, 0xcc
	.section .rodata.thunks, "a"
rp_\reg:
	entry_note NOTE_PUSH
	call 2f
1:	pause
	lfence
	jmp 1b
2:	movq %\reg, (%rsp)
	entry_note NOTE_CALLER
	ret
	int3
rp_end_\reg:
lf_\reg:
	lfence
	entry_note NOTE_CALLER
	jmp *%\reg
	int3
lf_end_\reg:
	/* An error if one of them does not fit the thunk. */
	.org rp_\reg + 32
	alternative __x86_indirect_thunk_\reg, rp_\reg, (rp_end_\reg - rp_\reg), ALT_RETPOLINE, 0
	alternative __x86_indirect_thunk_\reg, lf_\reg, (lf_end_\reg - lf_\reg), ALT_LFENCE, 0
	.endm

	.irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	thunk \r
	.endr

	.section .entry.text, "ax"
/*
 * 32 calls that never return, each followed by an INT3 that only speculation reaches. Needs 264
 * bytes of stack.
 */
	.balign 64
	.global rsb_stuff
rsb_stuff:
	entry_note NOTE_FUNCTION
	.rept 32
	entry_note NOTE_PUSH
	call 1f
	int3
1:
	.endr
	addq $256, %rsp
	/* Some CPUs predict the first RET by what a guest left, until a CALL has retired. */
	lfence
	ret
	int3

	.global verw_sysret
verw_sysret:
	verw verw_selector(%rip)
	sysretq
	int3

/* What VERW reads: a writable data segment. It is read with the guest's root loaded. */
	.balign 8
	.global verw_selector
verw_selector:
	entry_note NOTE_DATA
	.word 0xe010
