/* SPDX-License-Identifier: MIT */
/* The first instructions, for both widths, the notes by which the kernel is known, and traps. */
#include "pv-abi/elfnote.h"
#include "pv-abi/xen.h"

#ifdef __i386__
#define WORD	.long
#define BASE	0xc0000000
#else
#define WORD	.quad
#define BASE	0xffffffff80000000
#endif
#define STACK_SIZE 32768

	.section .text.start, "ax"
	.global _start
_start:
	cld
	/* start_info is in (r)si. */
#ifdef __i386__
	movl $stack + STACK_SIZE - 16, %esp
	xorl %ebp, %ebp
	pushl $0
	pushl $0
	pushl $0
	pushl %esi
#else
	leaq stack + STACK_SIZE(%rip), %rsp
	movq %rsi, %rdi
	xorl %ebp, %ebp
#endif
	call kernel_start
	ud2

	.macro note type, text, number
	.pushsection .note.xen, "a", @note
	.balign 4
	.long 4, 9002f - 9001f, \type
	.asciz "Xen"
	.ifb \number
9001:	.asciz "\text"
	.else
9001:	WORD \number
	.endif
9002:	.balign 4
	.popsection
	.endm
	note XEN_ELFNOTE_GUEST_OS, "minimal"
	note XEN_ELFNOTE_GUEST_VERSION, "1"
	note XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
	note XEN_ELFNOTE_LOADER, "generic"
	note XEN_ELFNOTE_PAE_MODE, "yes,extended-cr3"
	note XEN_ELFNOTE_VIRT_BASE, , BASE
	note XEN_ELFNOTE_ENTRY, , _start
	note XEN_ELFNOTE_HYPERCALL_PAGE, , hypercall_page

	.text
	.balign 4096
	.global hypercall_page
hypercall_page:
	.skip 4096

/* long hypercall(op, a1 .. a5): entry op of the page, 32 bytes each. */
	.global hypercall
hypercall:
#ifdef __i386__
	pushl %ebx
	pushl %esi
	pushl %edi
	movl 16(%esp), %eax
	movl 20(%esp), %ebx
	movl 24(%esp), %ecx
	movl 28(%esp), %edx
	movl 32(%esp), %esi
	movl 36(%esp), %edi
	shll $5, %eax
	addl $hypercall_page, %eax
	call *%eax
	popl %edi
	popl %esi
	popl %ebx
#else
	leaq hypercall_page(%rip), %rax
	shlq $5, %rdi
	addq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	call *%rax
#endif
	ret

/*
 * Nothing of this kernel traps on purpose and upcalls stay masked: each entry tells
 * kernel_trap(vector, address, error code) and does not come back.
 */
	.macro trap n, has_error
	.balign 16
trap_\n:
#ifdef __i386__
	.if \has_error
	popl %ecx
	.else
	xorl %ecx, %ecx
	.endif
	popl %edx
	andl $-16, %esp
	pushl $0
	pushl %ecx
	pushl %edx
	pushl $\n
#else
	addq $16, %rsp /* rcx, r11 */
	.if \has_error
	popq %rdx
	.else
	xorl %edx, %edx
	.endif
	popq %rsi
	movl $\n, %edi
	andq $-16, %rsp
#endif
	call kernel_trap
	ud2
	.pushsection .rodata
	WORD trap_\n
	.popsection
	.endm

	.pushsection .rodata
	.balign 8
	.global trap_entries
trap_entries:
	.popsection
	trap 0, 0
	trap 1, 0
	trap 2, 0
	trap 3, 0
	trap 4, 0
	trap 5, 0
	trap 6, 0
	trap 7, 0
	trap 8, 1
	trap 9, 0
	trap 10, 1
	trap 11, 1
	trap 12, 1
	trap 13, 1
	trap 14, 1
	trap 15, 0
	trap 16, 0
	trap 17, 1
	trap 18, 0
	trap 19, 0

	.bss
	.balign 4096
stack:
	.skip STACK_SIZE
	.section .note.GNU-stack, "", @progbits
