/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From our calling convention to the firmware's (UEFI 2.10, 2.3.4.2). */
#include "cpu/asm.h"

	.section .rodata.efi, "a"
	.balign 4
efi_mxcsr:
	.long 0x1f80 /* all exceptions masked */

	.text
/*
 * u64 efi_enter(u64 function, const u64 args[5])
 *
 * A fault of the firmware's goes on at efi_left with the status in rax (machine/efi.c), from any
 * stack: what was in force here is kept in efi_stack.
 */
	.global efi_enter
efi_enter:
	entry_note NOTE_FUNCTION
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, efi_stack(%rip)
	movq %rdi, %rax
	movq %rsi, %r10
	/* Room for the callee's four registers, the fifth argument, and 16-byte alignment. */
	andq $-16, %rsp
	subq $48, %rsp
	movq 32(%r10), %r11
	movq %r11, 32(%rsp)
	movq (%r10), %rcx
	movq 8(%r10), %rdx
	movq 16(%r10), %r8
	movq 24(%r10), %r9
	clts
	fninit
	ldmxcsr efi_mxcsr(%rip)
	entry_note NOTE_C
	call __x86_indirect_thunk_rax
	.global efi_left
efi_left:
	/* Whatever the firmware has made of the flags: interrupts stay off. */
	pushq $2
	popfq
	movq efi_stack(%rip), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	int3
