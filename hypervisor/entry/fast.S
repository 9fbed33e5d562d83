/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The paths that a 64-bit guest lives on, mapped hypervisor: a user's system call and anybody's
 * page fault bounced to the guest's kernel, the iret hypercall, and the way into all other
 * hypercalls, of a kernel in ring 1 too.
 *
 * Each is the short form of a C function that defines it (syscall_from_guest(), guest_page_fault()
 * with bounce(), do_iret(); tests/guest/fast-paths compares them) and hands over to it, with
 * nothing changed yet, whenever something is out of the ordinary. Interrupts are off throughout.
 *
 * A bounce need not look for work on its way out: it unmasks nothing and calls nothing that could
 * raise any, and what another CPU raises comes with an interrupt. The iret hypercall does unmask.
 */
#include "cpu/layout.h"
#include "entry/macros.h"
#include "entry/offsets.h"
#include "pv-abi/ring1.h"
#include "pv-abi/xen.h"

/* A field of struct regs with only the scratch registers saved. */
#define S(field) (field - R_RAX)(%rsp)

/* TF, NT, RF, VM, AC, IOPL: not for a handler. */
#define FLAGS_CLEARED  0x77100
/* The largest bounce frame is well below this. */
#define FRAME_MAX      128

	/* The vCPU in rdi goes from user to kernel mode or back. rdx: its CPU; clobbers rax. */
	.macro change_mode kernel, table
	movq S(I_CPU), %rdx
	movq \table(%rdi), %rax
	movb $\kernel, V_KERNEL_MODE(%rdi)
	swapgs
	movq %rax, C_CR3_MFN(%rdx)
	shlq $12, %rax
	movq %rax, %cr3
	.endm

/* A store to the guest's kernel stack. */
#define PUT(...) 9001: __VA_ARGS__; extable 9001b, bounce_failed

	/*
	 * The three words of a frame that the upcall mask and the flags go into. rsi: end of the
	 * frame, rax: vcpu_info, \flags: the flags as they were; clobbers rcx.
	 */
	.macro put_mask_and_flags flags
	movzbl VI_MASK(%rax), %ecx
	andl $1, %ecx
	PUT(movl %ecx, -28(%rsi))
	xorl $1, %ecx
	shll $9, %ecx
	andl $~(FLAGS_IF | FLAGS_IOPL), \flags
	orl \flags, %ecx
	PUT(movq %rcx, -24(%rsi))
	.endm

	/* rcx and r11 are set. */
	.macro sysret_rest
	movq S(R_RAX), %rax
	movq S(R_RDX), %rdx
	movq S(R_RSI), %rsi
	movq S(R_RDI), %rdi
	movq S(R_RSP), %rsp
	sysret_to_guest
	.endm

	/* rcx: handler, rsi: the frame, r11: flags. */
	.macro sysret_to_handler
	andl $~FLAGS_CLEARED, %r11d
	orl $FLAGS_IF, %r11d
	movq %rsi, S(R_RSP)
	sysret_rest
	.endm

	.text
	.balign 64
	.global syscall_entry
syscall_entry:
	pushq %r11
	pushq $GUEST_CS
	pushq %rcx
	pushq $0
	save_scratch
	movq S(I_VCPU), %rdi
	cmpb $0, V_KERNEL_MODE(%rdi)
	jne syscall_from_kernel

	movq V_BOUNCE_SP(%rdi), %rsi
	movq V_DOMAIN(%rdi), %rdx
	testq %rsi, %rsi
	jz syscall_slow_regs
	cmpq $0, V_SYSCALL_CALLBACK(%rdi)
	je syscall_slow_regs
	testb $ASSIST_SLOW, D_VM_ASSIST(%rdx)
	jnz syscall_slow_regs
	change_mode 1, V_CR3_KERNEL
	movq V_INFO(%rdi), %rax
	/* rcx, r11, rip, cs and mask, flags, rsp, ss; SYSCALL left rip in rcx. */
	stac_site
	PUT(movq $GUEST_SS, -8(%rsi))
	movq S(R_RSP), %rcx
	PUT(movq %rcx, -16(%rsi))
	PUT(movl $GUEST_CS, -32(%rsi))
	movq S(R_RIP), %rcx
	PUT(movq %rcx, -40(%rsi))
	PUT(movq %r11, -48(%rsi))
	PUT(movq %rcx, -56(%rsi))
	movl %r11d, %edx
	put_mask_and_flags %edx
	clac_site
	cmpb $0, V_SYSCALL_MASKS(%rdi)
	je 1f
	movb $1, VI_MASK(%rax)
1:	movq V_SYSCALL_CALLBACK(%rdi), %rcx
	subq $56, %rsi
	sysret_to_handler

	/*
	 * Back to what the guest had in the registers that were used, then as if nothing happened.
	 */
syscall_slow_regs:
	movq S(R_RDI), %rdi
	movq S(R_RSI), %rsi
	movq S(R_RDX), %rdx
	jmp syscall_slow

syscall_from_kernel:
	cmpq $__HYPERVISOR_iret, %rax
	je iret_fast
hypercall:
	save_rest ALT_RSB_64BIT
hypercall_saved:
	movl $VEC_SYSCALL, R_VEC(%rsp)
	movq I_CPU(%rsp), %rbx
	incq C_HYPERCALLS(%rbx)
	latency_sti
	/* The index is bounded for speculation too: all ones below the limit, else 0. */
	cmpq $HYPERCALL_MAX, %rax
	sbbq %r11, %r11
	jz hypercall_unknown
	andq %r11, %rax
	leaq hypercall_table(%rip), %r11
	movq R_RDI(%rsp), %rdi
	movq %r10, %rcx
	movq (%r11, %rax, 8), %rax
	entry_note NOTE_TABLE, hypercall_table
	call __x86_indirect_thunk_rax
	movq %rax, R_RAX(%rsp)
	jmp exit_to_guest
hypercall_unknown:
	movq $-38, R_RAX(%rsp)
	jmp exit_to_guest

	/* A 64-bit kernel's in ring 1 (syscall_entry_ring1): rsp and flags are on the stack. */
	.balign 64
	.global hypercall_ring1
hypercall_ring1:
	pushq $ANNULUS_KERNEL_CS
	pushq %rcx
	pushq $0
	save_scratch
	movq S(I_VCPU), %rdi
	movb $1, V_KERNEL_MODE(%rdi)
	movq $ANNULUS_KERNEL_SS, S(R_SS)
	save_rest
	jmp hypercall_saved

	/*
	 * rdi: vCPU. The guest's struct iret_context is read into registers and into the part of
	 * struct regs that do_iret() sets anyway; the first thing that cannot be undone comes after
	 * the last read.
	 */
	.balign 64
iret_fast:
	movq S(R_RSP), %rsi
	addq $IRET_SIZE, %rsi
	movabsq $(HV_VIRT_END + IRET_SIZE), %rdx
	cmpq %rdx, %rsi
	jb hypercall
	movq V_DOMAIN(%rdi), %rdx
	testb $ASSIST_SLOW, D_VM_ASSIST(%rdx)
	jnz hypercall
	cmpq $-1, V_GUEST_TABLE_USER(%rdi)
	je hypercall

#define GET(op, field, reg) \
	9002: op (IRET_##field - IRET_SIZE)(%rsi), reg; extable 9002b, iret_unreadable
	stac_site
	GET(movq, RIP, %rcx)
	movq %rcx, S(R_RIP)
	GET(movq, RFLAGS, %r11)
	movq %r11, S(R_FLAGS)
	GET(movzwl, SS, %ecx)
	orl $3, %ecx
	movq %rcx, S(R_SS)
	GET(movq, RCX, %rcx)
	movq %rcx, S(R_RCX)
	GET(movzwl, CS, %ecx)
	GET(movq, R11, %r11)
	GET(movq, RSP, %rdx)
	GET(movq, RAX, %rax)
	GET(movl, FLAGS, %esi)
	clac_site

	movq %rax, S(R_RAX)
	movq %rdx, S(R_RSP)
	leal 1(%rcx), %eax
	testb $3, %al
	jnz 1f
	/* RPL 3: to user mode. */
	change_mode 0, V_CR3_USER
1:	orl $3, %ecx
	movq V_INFO(%rdi), %rdx
	movq S(R_FLAGS), %rax
	testl $FLAGS_IF, %eax
	setz VI_MASK(%rdx)
	andq $~(FLAGS_IOPL | FLAGS_VM), %rax
	orq $(FLAGS_IF | 2), %rax
	/*
	 * The frame's CS and flags are still to be stored, from rcx and rax: SYSRET needs neither.
	 */
	cmpw $0, V_NMI_PENDING(%rdi) /* and V_NMI_MASKED, the next byte */
	jne iret_nmi
5:	cmpb $0, VI_PENDING(%rdx)
	je 2f
	cmpb $0, VI_MASK(%rdx)
	je iret_with_work
2:	testl $IRET_IN_SYSCALL, %esi
	jz 4f
	cmpl $GUEST_CS, %ecx
	jne 4f
	cmpl $GUEST_SS, S(R_SS)
	jne 4f
	/* SYSRET needs a canonical address (see exit_to_guest); a user's is in the lower half. */
	cmpl $0x7fff, S(R_RIP + 4)
	ja 3f
	movq %rax, %r11
	movq S(R_RIP), %rcx
	sysret_rest
3:	movq S(R_RIP), %rdx
	movq %rdx, S(R_RCX)
	movq %rax, %r11
4:	movq %rcx, S(R_CS)
	movq %rax, S(R_FLAGS)
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $8, %rsp
	jmp leave_by_iret

iret_unreadable:
	clac_site
	movl $__HYPERVISOR_iret, %eax
	jmp hypercall

iret_nmi:
	movb $0, V_NMI_MASKED(%rdi)
	cmpb $0, V_NMI_PENDING(%rdi)
	je 5b
	/* As do_iret() leaves struct regs. */
iret_with_work:
	movq %rcx, S(R_CS)
	movq %rax, S(R_FLAGS)
	testl $IRET_IN_SYSCALL, %esi
	jz 1f
	cmpl $GUEST_CS, %ecx
	jne 1f
	cmpl $GUEST_SS, S(R_SS)
	jne 1f
	movl $VEC_SYSCALL, S(R_VEC)
	movq S(R_RIP), %rcx
	movq %rcx, S(R_RCX)
	movq %rax, %r11
1:	save_rest ALT_RSB_64BIT
	jmp exit_to_guest

	/* rsi: the stack that could not take the frame. */
bounce_failed:
	clac_site
	cld
	save_rest
	movq %rsp, %rdi
	latency_call pv_bounce_failed
	jmp exit_to_guest

	/* On the stack: error code and vector, rip, cs, rflags, rsp, ss. */
	.balign 64
	.global pf_entry
pf_entry:
	clac_site
	save_scratch
	testb $3, S(R_CS)
	jz pf_slow
	movq S(I_VCPU), %rdi
	movq %cr2, %rax
	/* An address of ours is not reported as it is. */
	movabsq $HV_VIRT_END, %rdx
	cmpq %rdx, %rax
	jae 1f
	testq %rax, %rax
	js pf_slow
1:	movq V_DOMAIN(%rdi), %rcx
	testb $ASSIST_SLOW, D_VM_ASSIST(%rcx)
	jnz pf_slow
	cmpq $0, V_PF_ADDRESS(%rdi)
	je pf_slow
	cmpb $0, V_KERNEL_MODE(%rdi)
	jne pf_in_kernel
	movq V_BOUNCE_SP(%rdi), %rsi
	testq %rsi, %rsi
	jz pf_slow
	movq %rax, V_CR2(%rdi)
	change_mode 1, V_CR3_KERNEL
	movl S(R_ERR), %edx
	movq S(R_CS), %rcx
	andl $0x17, %edx
	/* rcx, r11, error code, rip, cs and mask, flags, rsp, ss */
pf_frame:
	movq V_INFO(%rdi), %rax
	stac_site
	PUT(movl %ecx, -32(%rsi))
	PUT(movq %rdx, -48(%rsi))
	PUT(movq %r11, -56(%rsi))
	movq S(R_RCX), %rcx
	PUT(movq %rcx, -64(%rsi))
	movq S(R_RIP), %rcx
	PUT(movq %rcx, -40(%rsi))
	movq S(R_RSP), %rcx
	PUT(movq %rcx, -16(%rsi))
	movq S(R_SS), %rcx
	PUT(movq %rcx, -8(%rsi))
	movl S(R_FLAGS), %r11d
	movl %r11d, %edx
	put_mask_and_flags %edx
	clac_site
	testb $4, V_PF_FLAGS(%rdi)
	jz 1f
	movb $1, VI_MASK(%rax)
1:	movq V_CR2(%rdi), %rdx
	movq %rdx, VI_CR2(%rax)
	movq S(I_CPU), %rdx
	incq C_TRAPS(%rdx)
	movq V_PF_ADDRESS(%rdi), %rcx
	subq $64, %rsi
	sysret_to_handler

pf_in_kernel:
	movl S(R_ERR), %edx
	movl %edx, %ecx
	andl $0x0b, %ecx
	cmpl $3, %ecx
	je pf_table /* maybe a write to a page table */
	movq S(R_RSP), %rsi
	andq $~15, %rsi
	movabsq $(HV_VIRT_END + FRAME_MAX), %rcx
	cmpq %rcx, %rsi
	jb pf_slow
	movq %rax, V_CR2(%rdi)
	movq S(R_CS), %rcx
	andl $0x13, %edx
	andl $~3, %ecx
	jmp pf_frame

	.macro save_rest_of_fault feature=ALT_RSB_ENTRY
	movq S(R_RDI), %rdi
	movq S(R_RSI), %rsi
	movq S(R_RDX), %rdx
	movq S(R_RCX), %rcx
	movq S(R_RAX), %rax
	cld
	save_rest \feature
	.endm
	/* 32-bit guests are ASSIST_SLOW. */
pf_table:
	save_rest_of_fault ALT_RSB_64BIT
	movq %rsp, %rdi
	latency_call page_fault_from_guest
	jmp exit_to_guest
pf_slow:
	save_rest_of_fault
	jmp common_saved
