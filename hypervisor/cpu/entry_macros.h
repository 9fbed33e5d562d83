/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ENTRY_MACROS_H
#define ANNULUS_CPU_ENTRY_MACROS_H
/* What the assembly files of the ways in and out share. */

#define HV_CS     0xe008
#define HV_DS     0xe010
#define GUEST_CS  0xe033
#define GUEST_CS32 0xe023
#define GUEST_SS  0xe02b

#define VEC_SYSCALL 0x100

	.macro clac_site
771:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.quad 771b
	.quad 0xca010f
	.popsection
	.endm
	.macro stac_site
771:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.quad 771b
	.quad 0xcb010f
	.popsection
	.endm
	.macro extable from, to
	.pushsection .extable, "a"
	.quad \from, \to
	.popsection
	.endm

	/* A guest's registers below error_code, in two parts: the first makes room to work in. */
	.macro save_scratch
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	.endm
	.macro save_rest
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
	xorl %ebp, %ebp
	cld
	.endm
	.macro save_regs
	save_scratch
	save_rest
	.endm
	.macro restore_regs
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
	.endm

#endif
