/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the boot loader's 32-bit protected mode to start_of_day() in long mode, on the boot page
 * tables: the first 4 GiB one to one and in the direct map, and the image at its own address.
 */
#include "cpu/layout.h"
#include "entry/macros.h"

#define PHYS(sym) ((sym) - IMAGE_VIRT_START + IMAGE_PHYS_START)

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00000003 /* page-aligned modules, memory map */
#define MB2_MAGIC 0xe85250d6

	.section .multiboot, "a"
	entry_note NOTE_BOOT, boot_code_end
	.balign 4
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))
	/*
	 * information request, optional: command line, modules, memory map, ACPI old and new,
	 * loader name
	 */
	.short 1, 1
	.long 8 + 6 * 4
	.long 1, 3, 6, 14, 15, 2
	.balign 8
	.short 6, 1 /* modules page-aligned */
	.long 8
	.balign 8
	.short 0, 0
	.long 8
mb2_end:

	.section .text.start, "ax"
	.code32
	.global start32
start32:
	cli
	cld
	movl %eax, %esi /* loader's magic */
	movl %ebx, %ebp /* loader's information */
	movl $PHYS(boot_stack_top), %esp

	/* Long mode? (AMD APM vol. 2, 14.8) */
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode
	movl %edx, %edi

	/* Four L2 tables of 2 MiB pages: 0 to 4 GiB. */
	movl $PHYS(boot_l2_low), %ebx
	movl $0x183, %eax /* present, writable, 2 MiB, global */
	xorl %edx, %edx
	movl $2048, %ecx
1:	movl %eax, (%ebx)
	movl %edx, 4(%ebx)
	addl $8, %ebx
	addl $0x200000, %eax
	loop 1b
	/* The image: as many 2 MiB pages as one L2 holds. */
	movl $PHYS(boot_l2_image), %ebx
	movl $(IMAGE_PHYS_START + 0x183), %eax
	movl $16, %ecx
2:	movl %eax, (%ebx)
	addl $8, %ebx
	addl $0x200000, %eax
	loop 2b
	movl $PHYS(boot_l2_low) + 3, %eax
	movl $PHYS(boot_l3_low), %ebx
	movl $4, %ecx
3:	movl %eax, (%ebx)
	addl $8, %ebx
	addl $4096, %eax
	loop 3b
	movl $PHYS(boot_l2_image) + 3, PHYS(boot_l3_image) + ((IMAGE_VIRT_START >> 30) & 511) * 8
	movl $PHYS(boot_l3_low) + 3, PHYS(boot_l4)
	movl $PHYS(boot_l3_low) + 3, PHYS(boot_l4) + 262 * 8
	movl $PHYS(boot_l3_image) + 3, PHYS(boot_l4) + 261 * 8

	movl $PHYS(boot_l4), %eax
	call enter_long_mode
	lgdtl PHYS(boot_gdtr)
	ljmpl $0x08, $PHYS(start64_low)

no_long_mode:
	movl $PHYS(no_long_mode_text), %esi
	movl $0xb8000, %edi
4:	lodsb
	testb %al, %al
	jz 6f
	movb %al, %bl
	movw $0x3fd, %dx
5:	inb %dx, %al
	testb $0x20, %al
	jz 5b
	movw $0x3f8, %dx
	movb %bl, %al
	outb %al, %dx
	movb $7, %ah
	stosw
	jmp 4b
6:	hlt
	jmp 6b

/*
 * eax: physical address of the L4. Turns paging and long mode on; NX if CPUID says so (its leaf
 * 0x80000001 EDX in edi). Clobbers eax, ecx, edx.
 */
enter_long_mode:
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x6a0, %eax /* PAE, PGE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x101, %eax /* LME, SCE */
	btl $20, %edi
	jnc 1f
	orl $0x800, %eax /* NXE */
1:	wrmsr
	movl %cr0, %eax
	andl $~0x6000000c, %eax /* CD, NW, EM, TS off */
	orl $0x80050023, %eax   /* PG, AM (for ring 3), WP, NE, MP, PE */
	movl %eax, %cr0
	ret

	.code64
start64_low:
	movabsq $start64, %rax
	jmpq *%rax
start64:
	leaq boot_stack_top(%rip), %rsp
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	lgdt boot_gdtr64(%rip)
	/* Leave room for struct cpu_info at the top. */
	subq $256, %rsp
	movl %esi, %edi
	movl %ebp, %esi
	xorl %ebp, %ebp
	call start_of_day
1:	hlt
	jmp 1b
boot_code_end:

/*
 * The other CPUs start here in real mode, copied to a page below 1 MiB that SIPI names. The boot
 * CPU fills in the data before each start.
 */
	.section .init.text, "ax"
	.global trampoline_start, trampoline_end, trampoline_stack, trampoline_cr3
	.code16
	.balign 16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	/* Physical address of this page in ebx. */
	xorl %ebx, %ebx
	movw %ax, %bx
	shll $4, %ebx
	leal (tr_gdt - trampoline_start)(%ebx), %eax
	movl %eax, tr_gdtr - trampoline_start + 2
	leal (tr32 - trampoline_start)(%ebx), %eax
	movl %eax, tr_jump32 - trampoline_start
	lgdtl tr_gdtr - trampoline_start
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl *(tr_jump32 - trampoline_start)
	.code32
tr32:
	movw $0x18, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw %ax, %es
	movl $0x80000001, %eax
	movl %ebx, %esi
	cpuid
	movl %edx, %edi
	movl %esi, %ebx
	movl (trampoline_cr3 - trampoline_start)(%ebx), %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x6a0, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x101, %eax
	btl $20, %edi
	jnc 1f
	orl $0x800, %eax
1:	wrmsr
	movl %cr0, %eax
	andl $~0x6000000c, %eax
	orl $0x80050023, %eax
	movl %eax, %cr0
	leal (tr64 - trampoline_start)(%ebx), %eax
	movl %eax, (tr_jump64 - trampoline_start)(%ebx)
	ljmpl *(tr_jump64 - trampoline_start)(%ebx)
	.code64
tr64:
	movq (trampoline_stack - trampoline_start)(%rbx), %rsp
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	xorl %ebp, %ebp
	movabsq $start_secondary, %rax
	callq *%rax
	.balign 8
tr_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 0x08 code, 64-bit */
	.quad 0x00cf9b000000ffff /* 0x10 code, 32-bit */
	.quad 0x00cf93000000ffff /* 0x18 data */
tr_gdtr:
	.short 4 * 8 - 1
	.long 0
	.balign 4
tr_jump32:
	.long 0
	.short 0x10
	.balign 4
tr_jump64:
	.long 0
	.short 0x08
	.balign 8
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_end:

	.section .rodata
no_long_mode_text:
	.asciz "Annulus: this CPU has no 64-bit mode: give the machine a 64-bit CPU.\r\n"
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
boot_gdtr:
	.short 3 * 8 - 1
	.long PHYS(boot_gdt)
	.balign 8
boot_gdtr64:
	.short 3 * 8 - 1
	.quad boot_gdt

	.section .bss.stack, "aw", @nobits
	.balign 32768
	.global boot_stack, boot_stack_top
boot_stack:
	.skip 32768
boot_stack_top:
	.section .bss.pages, "aw", @nobits
	.balign 4096
	.global boot_l4
boot_l4:	.skip 4096
boot_l3_low:	.skip 4096
boot_l3_image:	.skip 4096
boot_l2_image:	.skip 4096
boot_l2_low:	.skip 4 * 4096
