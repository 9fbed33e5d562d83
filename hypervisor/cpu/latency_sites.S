/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What places are made to call with latency=1 (lib/latency_site.h). They leave all registers as
 * they were, and do what the instruction did that stood there. Called from C and where C may be
 * called.
 */
#include "cpu/asm.h"

	.macro save
	.irp reg, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
	pushq %\reg
	.endr
	.endm
	.macro restore
	.irp reg, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	popq %\reg
	.endr
	.endm
#define SAVED 72

	.macro begin name
	.global \name
	.type \name, @function
\name:
	.endm
	.macro end name
	ret
	int3
	.size \name, . - \name
	.endm

	.text
/* CLI. Interrupts that were off already have been so for longer. */
begin latency_irq_off
	pushfq
	testl $0x200, (%rsp)
	leaq 8(%rsp), %rsp
	cli
	jz 1f
	save
	movq SAVED(%rsp), %rdi
	call latency_stretch_began
	restore
1:
end latency_irq_off

/* CLI on the way to a guest: if they were off, that was the end of it. */
begin latency_irq_leave
	cli
	save
	movq SAVED(%rsp), %rdi
	call latency_stretch_ended
	restore
end latency_irq_leave

/* STI. */
begin latency_irq_on
	save
	movq SAVED(%rsp), %rdi
	call latency_stretch_ended
	restore
	sti
end latency_irq_on

/* rax: struct latency of the lock that has just been taken; nothing but flags is clobbered. */
begin latency_lock_taken
	save
	movq %rax, %rdi
	call latency_took
	restore
end latency_lock_taken

/* rax: of the one that is released now, by who called the caller. */
begin latency_lock_dropped
	save
	movq %rax, %rdi
	movq (SAVED + 16)(%rsp), %rsi
	call latency_drops
	restore
end latency_lock_dropped
