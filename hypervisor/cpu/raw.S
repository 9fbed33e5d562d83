/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accesses that may fault: a guest's memory, MSRs, segment registers. cpu/raw.h says what for. */
#include "cpu/asm.h"

	/* What `alternative` puts in the place of NOPs. */
	.pushsection .rodata.thunks, "a"
	.global bytes_clac, bytes_stac, bytes_lfence, bytes_nop3, bytes_nop4, bytes_nop6
bytes_clac:
	.byte 0x0f, 0x01, 0xca
bytes_stac:
	.byte 0x0f, 0x01, 0xcb
bytes_lfence:
	.byte 0x0f, 0xae, 0xe8
bytes_nop3:
	.byte 0x0f, 0x1f, 0x00
bytes_nop4:
	.byte 0x0f, 0x1f, 0x40, 0
bytes_nop6:
	.byte 0x66, 0x0f, 0x1f, 0x44, 0, 0
	.popsection

	.text
/*
 * u64 copy_guest_raw(void *dst, const void *src, u64 n): bytes not copied. Either side may fault.
 */
	.balign 16
	.global copy_guest_raw
copy_guest_raw:
	entry_note NOTE_FUNCTION
	stac_site
	cmpq $8, %rdx
	jne 1f
10:	movq (%rsi), %rax
11:	movq %rax, (%rdi)
	clac_site
	xorl %eax, %eax
	ret
1:	cmpq $16, %rdx
	jne 1f
	/* Requests of mmu_update, instructions. Both words or, as far as the caller cares, none. */
12:	movq (%rsi), %rax
13:	movq 8(%rsi), %rcx
14:	movq %rax, (%rdi)
15:	movq %rcx, 8(%rdi)
	clac_site
	xorl %eax, %eax
	ret
1:	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
2:	rep movsq
	movl %edx, %ecx
3:	rep movsb
	clac_site
	xorl %eax, %eax
	ret
4:	leaq (%rdx, %rcx, 8), %rax
	clac_site
	ret
5:	movq %rcx, %rax
	clac_site
	ret
6:	movl $8, %eax
	clac_site
	ret
7:	movl $16, %eax
	clac_site
	ret
	extable 10b, 6b
	extable 11b, 6b
	extable 12b, 7b
	extable 13b, 7b
	extable 14b, 7b
	extable 15b, 7b
	extable 2b, 4b
	extable 3b, 5b

/* u64 clear_guest_raw(void *dst, u64 n): bytes not cleared. */
	.global clear_guest_raw
clear_guest_raw:
	entry_note NOTE_FUNCTION
	stac_site
	movq %rsi, %rdx
	movq %rsi, %rcx
	xorl %eax, %eax
	shrq $3, %rcx
	andl $7, %edx
1:	rep stosq
	movl %edx, %ecx
2:	rep stosb
	clac_site
	xorl %eax, %eax
	ret
3:	leaq (%rdx, %rcx, 8), %rax
	clac_site
	ret
4:	movq %rcx, %rax
	clac_site
	ret
	extable 1b, 3b
	extable 2b, 4b

	.global rdmsr_safe, wrmsr_safe
/* int rdmsr_safe(u32 msr, u64 *v) */
rdmsr_safe:
	entry_note NOTE_FUNCTION
	movl %edi, %ecx
1:	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, (%rsi)
	xorl %eax, %eax
	ret
2:	movl $-14, %eax
	ret
	extable 1b, 2b
/* int wrmsr_safe(u32 msr, u64 v) */
wrmsr_safe:
	entry_note NOTE_FUNCTION
	movl %edi, %ecx
	movl %esi, %eax
	movq %rsi, %rdx
	shrq $32, %rdx
1:	wrmsr
	xorl %eax, %eax
	ret
	extable 1b, 2b

/* void vmxoff_safe(void) */
	.global vmxoff_safe
vmxoff_safe:
	entry_note NOTE_FUNCTION
1:	vmxoff
2:	ret
	extable 1b, 2b

/*
 * int load_ds/es/fs/gs(u16 sel): 0, or 1 when the selector is refused and the null selector was
 * loaded.
 */
	.macro load_seg name, reg
	.global \name
\name:
	entry_note NOTE_FUNCTION
1:	movl %edi, \reg
	xorl %eax, %eax
	ret
2:	xorl %eax, %eax
	movl %eax, \reg
	incl %eax
	ret
	extable 1b, 2b
	.endm
	load_seg load_ds, %ds
	load_seg load_es, %es
	load_seg load_fs, %fs
	load_seg load_gs, %gs
/* The user's GS: the base that swapgs brings is the kernel's one and must stay. */
	.global load_gs_user
load_gs_user:
	entry_note NOTE_FUNCTION
	swapgs
1:	movl %edi, %gs
	mfence
	swapgs
	xorl %eax, %eax
	ret
2:	xorl %eax, %eax
	movl %eax, %gs
	swapgs
	incl %eax
	ret
	extable 1b, 2b

/* void lgdt_and_reload(void *gdtr): our CS and null data segments. */
	.global lgdt_and_reload
lgdt_and_reload:
	entry_note NOTE_FUNCTION
	lgdt (%rdi)
	popq %rax
	pushq $HV_CS
	pushq %rax
	movl $HV_DS, %eax
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	lretq
