/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first instructions of a tiny guest, its ELF notes, and its exception entries. */
#define WORD .quad
#define BASE 0xffffffff80000000
#define PAE  yes
#include "head_common.h"
#ifdef RING1
#include "pv-abi/ring1.h"
	.pushsection .note.xen, "a", @note
	.balign 4
	.long 8, 4, ANNULUS_ELFNOTE_RING1
	.asciz ANNULUS_ELFNOTE_OWNER
	.long ANNULUS_RING1_VERSION
	.popsection
#endif

	/* What the stock frame has on top of the processor's. */
	.macro take_rcx_r11
#ifndef RING1
	popq %rcx
	popq %r11
#endif
	.endm

	.section .text.start, "ax"
	.global _start
_start:
	leaq stacks + 32768(%rip), %rsp
	movq %rsi, %rdi
	xorl %ebp, %ebp
	call guest_main
1:	ud2
	jmp 1b

	.text
/*
 * Traps: the bounce frame has rcx and r11 on top, then an error code for some vectors. All end in
 * guest_trap(struct trap_frame *), which may change the frame; then back by the iret hypercall.
 */
	.macro trap n, has_error
	.balign 16
	.global trap_\n
trap_\n:
	take_rcx_r11
	.if \has_error == 0
	pushq $0
	.endif
	pushq $\n
	jmp trap_common
	.endm
	all_traps
/* Event upcall and failsafe callback come here as vectors of their own. */
	.global event_entry, failsafe_entry, syscall_entry_point
event_entry:
	take_rcx_r11
	pushq $0
	pushq $256
	jmp trap_common
syscall_entry_point:
	take_rcx_r11
	pushq $0
	pushq $258
	jmp trap_common
	.global syscall_entry_else
syscall_entry_else:
	take_rcx_r11
	pushq $0
	pushq $259
	jmp trap_common
failsafe_entry:
	take_rcx_r11
#ifndef RING1
	addq $32, %rsp /* ds, es, fs, gs */
#endif
	pushq $0
	pushq $257
trap_common:
	cld
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
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
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $~15, %rsp
	call guest_trap
	movq %rbp, %rsp
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
	popq %rsi
	popq %rdi
	addq $16, %rsp
	/* struct iret_context: rax, r11, rcx, flags, rip, cs, rflags, rsp, ss */
	pushq $0
	pushq %rcx
	pushq %r11
	pushq %rax
	movl $__HYPERVISOR_iret, %eax
	syscall
	ud2

/* long guest_hypercall(op, a1..a5): rdi op, rsi rdx rcx r8 r9 */
	.global guest_hypercall
guest_hypercall:
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	syscall
	ret

/*
 * probe_call(fn, arg, save): fn(arg) with a way back from anywhere in it: probe_resume with
 * rsp = *save.
 */
	.global probe_call, probe_resume
probe_call:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdx)
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
probe_resume:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* raw_iret(struct iret_context *): the iret hypercall with that as its frame. */
	.global raw_iret
raw_iret:
#ifdef RING1
	/* A process's GS base is 0. */
	pushq $0
	pushq $0
	.irp word, 64, 56, 48, 40, 32, 24, 16, 8, 0
	pushq \word(%rdi)
	.endr
#else
	movq %rdi, %rsp
#endif
	movl $__HYPERVISOR_iret, %eax
	syscall
	ud2

/* Where other vcpus begin: rdi is the function. */
	.global vcpu_entry
vcpu_entry:
	xorl %ebp, %ebp
	call *%rdi
1:	ud2
	jmp 1b
