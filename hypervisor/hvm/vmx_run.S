/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bool vmx_run(struct regs *guest, bool launched): into the guest and back, interrupts off. False:
 * the CPU did not even try (SDM vol. 3C, 26.1 and 26.2), VMCS_INSN_ERROR says why, and CF or ZF is
 * set. Otherwise leaving the guest comes to vmx_left with our segments and tables, and no flag set
 * (27.5.3).
 */
#include "cpu/asm.h"
#include "hvm/vmcs.h"
	.text
	.macro enter insn
	/* On CPUs whose buffers leak: the last thing before the guest goes on. */
772:	.byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0
	alternative 772b, verw_selector, 7, ALT_VERW, ALT_VERW_OF
	\insn
	.endm

	.global vmx_run
vmx_run:
	entry_note NOTE_FUNCTION
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	movl $VMCS_HOST_RSP, %eax
	vmwrite %rsp, %rax
	/* No MOV sets flags. */
	testb %sil, %sil
	/* struct regs: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi */
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
	movq 80(%rdi), %rax
	movq 88(%rdi), %rcx
	movq 96(%rdi), %rdx
	movq 104(%rdi), %rsi
	movq 112(%rdi), %rdi
	jne 1f
	enter vmlaunch
	jmp vmx_left
1:	enter vmresume
	.global vmx_left
vmx_left:
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
	movq %rax, 80(%rdi)
	movq %rcx, 88(%rdi)
	movq %rdx, 96(%rdi)
	movq %rsi, 104(%rdi)
	popq 112(%rdi)
	seta %al
	movzbl %al, %eax
	/* Nothing of the guest's stays where C would keep it. */
	xorl %ebx, %ebx
	xorl %ecx, %ecx
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %ebp, %ebp
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	/* Nor its return addresses, before the first RET. */
	cmpb $0, hvm_fill_rsb(%rip)
	je 1f
	call rsb_stuff
1:	lfence
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	int3
