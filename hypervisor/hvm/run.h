/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the vendors' run.S share. A guest's registers are in struct regs: r15 r14 r13 r12 rbp rbx
 * r11 r10 r9 r8 rax rcx rdx rsi rdi; by SVM, rax is the control block's matter.
 */
#ifndef ANNULUS_HVM_RUN_H
#define ANNULUS_HVM_RUN_H

	.macro save_callers
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro restore_callers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	.endm

	/* From struct regs at rdi. No MOV sets flags. */
	.macro load_guest rax=0
	movq (%rdi), %r15
	movq 8(%rdi), %r14
	movq 16(%rdi), %r13
	movq 24(%rdi), %r12
	movq 32(%rdi), %rbp
	movq 40(%rdi), %rbx
	movq 48(%rdi), %r11
	movq 56(%rdi), %r10
	movq 64(%rdi), %r9
	movq 72(%rdi), %r8
	.if \rax
	movq 80(%rdi), %rax
	.endif
	movq 88(%rdi), %rcx
	movq 96(%rdi), %rdx
	movq 104(%rdi), %rsi
	movq 112(%rdi), %rdi
	.endm

	/* To struct regs, whose address is on top of the stack. */
	.macro store_guest rax=0
	pushq %rdi
	movq 8(%rsp), %rdi
	movq %r15, (%rdi)
	movq %r14, 8(%rdi)
	movq %r13, 16(%rdi)
	movq %r12, 24(%rdi)
	movq %rbp, 32(%rdi)
	movq %rbx, 40(%rdi)
	movq %r11, 48(%rdi)
	movq %r10, 56(%rdi)
	movq %r9, 64(%rdi)
	movq %r8, 72(%rdi)
	.if \rax
	movq %rax, 80(%rdi)
	.endif
	movq %rcx, 88(%rdi)
	movq %rdx, 96(%rdi)
	movq %rsi, 104(%rdi)
	popq 112(%rdi)
	.endm

	/* On CPUs whose buffers leak: the last thing before the guest goes on. */
	.macro enter_guest insn
772:	.byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0
	alternative 772b, verw_selector, 7, ALT_VERW, ALT_VERW_OF
	\insn
	.endm

#endif
