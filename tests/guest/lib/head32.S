/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same as head.S for a 32-bit guest: ring 1, PAE. */
#define WORD .long
#define BASE 0xc0000000
#define PAE  "yes,extended-cr3"
#include "head_common.h"

	.section .text.start, "ax"
	.global _start
_start:
	movl $stacks + 32768, %esp
	xorl %ebp, %ebp
	pushl %esi
	call guest_main
1:	ud2
	jmp 1b

	.text
/*
 * Traps: the CPU's own frame, with an error code on top for some vectors, without esp and ss if it
 * came from ring 1. trap_common hands what it finds to guest_trap_raw(), which says where the way
 * back begins: es, ds, edi, esi, ebp, ebx, edx, ecx, then struct iret_context.
 */
	.macro trap n, has_error
	.balign 16
	.global trap_\n
trap_\n:
	.if \has_error == 0
	pushl $0
	.endif
	pushl $\n
	jmp trap_common
	.endm
	all_traps
	.global event_entry, failsafe_entry, syscall_entry_point, syscall_entry_else
event_entry:
	pushl $0
	pushl $256
	jmp trap_common
syscall_entry_point:
	pushl $0
	pushl $258
	jmp trap_common
syscall_entry_else:
	pushl $0
	pushl $259
	jmp trap_common
failsafe_entry:
	addl $16, %esp /* ds, es, fs, gs */
	pushl $0
	pushl $257
trap_common:
	cld
	pushal
	pushl %ds
	pushl %es
	movl $FLAT_KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	pushl %esp
	call guest_trap_raw
	movl %eax, %esp
	popl %es
	popl %ds
	popl %edi
	popl %esi
	popl %ebp
	popl %ebx
	popl %edx
	popl %ecx
	movl $__HYPERVISOR_iret, %eax
	int $0x82
	ud2

/* long guest_hypercall(op, a1..): a 64-bit argument lies on the stack as two words, as it must. */
	.global guest_hypercall
guest_hypercall:
	pushl %ebx
	pushl %esi
	pushl %edi
	movl 16(%esp), %eax
	movl 20(%esp), %ebx
	movl 24(%esp), %ecx
	movl 28(%esp), %edx
	movl 32(%esp), %esi
	movl 36(%esp), %edi
	int $0x82
	popl %edi
	popl %esi
	popl %ebx
	ret

/* probe_call(fn, arg, save): see head.S. */
	.global probe_call, probe_resume
probe_call:
	pushl %ebp
	pushl %ebx
	pushl %esi
	pushl %edi
	movl 20(%esp), %eax
	movl 24(%esp), %ecx
	movl 28(%esp), %edx
	movl %esp, (%edx)
	movl $0, 4(%edx)
	pushl %ecx
	call *%eax
	addl $4, %esp
probe_resume:
	popl %edi
	popl %esi
	popl %ebx
	popl %ebp
	ret

/* raw_iret(struct iret_context *): the iret hypercall with that as its frame. */
	.global raw_iret
raw_iret:
	movl 4(%esp), %esp
	movl $__HYPERVISOR_iret, %eax
	int $0x82
	ud2

/* Where other vcpus begin: edi is the function. */
	.global vcpu_entry
vcpu_entry:
	xorl %ebp, %ebp
	call *%edi
1:	ud2
	jmp 1b
