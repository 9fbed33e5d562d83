/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tiny PVH guest's start, from 32-bit protected mode to long mode, and its exception entries. */
	.section .note.xen, "a"
	.long 4, 4, 18
	.asciz "Xen"
	.long _start

	.section .text.start, "ax"
	.code32
	.global _start
_start:
	movl $stack_top, %esp
	movl %ebx, start_info_at
	/* The 32-bit way in is none. Each vendor has an instruction of its own. */
	xorl %eax, %eax
	cpuid
	cmpl $0x756e6547, %ebx /* GenuineIntel */
	movl $17, %eax
	movl $0, %ebx
	je 1f
	vmmcall
	jmp 2f
1:	vmcall
2:	movl %eax, narrow_result
	/* 1 GiB one to one, and once more where a PV guest has the hypervisor. */
	movl $l3 + 3, l4
	movl $l3 + 3, l4 + 262 * 8
	movl $l2 + 3, l3
	movl $0x83, %eax
	xorl %ecx, %ecx
1:	movl %eax, l2(, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $512, %ecx
	jne 1b
	movl $l4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x620, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80010022, %eax
	movl %eax, %cr0
	lgdt gdtr
	ljmp $8, $2f
	.code64
2:	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	call pvh_main
	ud2

	.text
	.global pvh_probe
/* long pvh_probe(void (*fn)(void *), void *arg) */
pvh_probe:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %r15
	movq %rsp, probe_rsp
	movq $3f, probe_rip
	movq $-1, probe_vector
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
3:	movq $0, probe_rip
	popq %r15
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	movq probe_vector, %rax
	ret

	.macro trap n
	.balign 16
	.if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17)
	.else
	pushq $0
	.endif
	pushq $\n
	jmp trapped
	.endm
	.balign 16
	.global trap_entries, upcall_entry
trap_entries:
	.altmacro
	.set i, 0
	.rept 32
	trap %i
	.set i, i + 1
	.endr
	.noaltmacro
trapped:
	popq probe_vector
	popq probe_error
	cmpq $0, probe_rip
	je pvh_unexpected
	pushq %rax
	movq probe_rip, %rax
	movq %rax, 8(%rsp)
	movq probe_rsp, %rax
	movq %rax, 32(%rsp)
	/* Neither in steps nor with interrupts. */
	andl $~0x300, 24(%rsp)
	popq %rax
	iretq

/* `handler` is called, if the guest has it; registers are kept. Interrupts may not come masked. */
	.macro entry name, handler, maskable=1
	.weak \handler
	.global \name
\name:
	.if \maskable
	testl $0x200, 16(%rsp)
	jz pvh_masked
	.endif
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	cld
	call \handler
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	iretq
	.endm
	entry upcall_entry, pvh_upcall
/* Of those guests that have more vCPUs. */
	entry ipi_entry, pvh_ipi
	entry nmi_entry, pvh_nmi, 0

/*
 * What a vCPU begins with that another one starts: from a page of real mode, to which these bytes
 * are copied, to long mode and pvh_ap(its number).
 */
	.code16
	.global ap_start, ap_end, ap_long, gdt
ap_start:
	cli
	movw %cs, %ax
	movw %ax, %ds
	movl $l4, %eax
	movl %eax, %cr3
	movl $0x620, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax
	wrmsr
	lgdtl ap_gdtr - ap_start
	movl $0x80010033, %eax
	movl %eax, %cr0
	ljmpl $8, $ap_long
ap_gdtr:
	.word 23
	.long gdt
ap_end:
	.code64
	.weak pvh_ap
ap_long:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $0x802, %ecx
	rdmsr
	movl %eax, %edi
	shll $12, %eax
	leaq ap_stacks(%rax), %rsp
	call pvh_ap
	ud2

	.data
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:	.word 23
	.quad gdt
	.global start_info_at, narrow_result, probe_vector, probe_error
start_info_at: .quad 0
narrow_result: .quad 0
probe_rip: .quad 0
probe_rsp: .quad 0
probe_vector: .quad 0
probe_error: .quad 0
	.bss
	.balign 4096
l4:	.skip 4096
l3:	.skip 4096
l2:	.skip 4096
	.skip 16384
stack_top:
ap_stacks:
	.skip 15 * 4096
