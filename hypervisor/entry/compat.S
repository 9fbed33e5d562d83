/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two ways that a 32-bit guest comes by all the time, mapped hypervisor: its processes' system
 * calls, `int 0x80` from ring 3 to the kernel in ring 1, and its kernel's hypercalls, `int 0x82`.
 *
 * In long mode a gate cannot lead into 32-bit code, so a system call takes the way through ring 0;
 * this is the shortest: five words on the kernel's stack, no change of root, no C. What is out of
 * the ordinary goes to bounce() in pv/compat_bounce.c with nothing changed yet. Nobody need look
 * for work on the way out: see entry/fast.S.
 */
#include "entry/macros.h"
#include "entry/offsets.h"

/* A field of struct regs with only the scratch registers saved. */
#define S(field) (field - R_RAX)(%rsp)

#define FLAGS_IF      0x200
#define FLAGS_IOPL    0x3000
#define FLAGS_CLEARED 0x77100 /* TF, NT, RF, VM, AC, IOPL: not for a handler */
#define GATE_DPL      3
#define GATE_MASKS    4

#define PUT(...) 9001: __VA_ARGS__; extable 9001b, int80_unwritable

	.text
	/* On the stack: rip, cs, rflags, rsp, ss; interrupts are off. */
	.balign 64
	.global int80_entry
int80_entry:
	entry_note NOTE_ENTRY, GATE_CLEARS
	pushq $0
	movl $0x80, 4(%rsp)
	clac_site
	save_scratch
	movq S(I_VCPU), %rdi
	cmpq $0, V_ROOT32(%rdi)
	je int80_slow
	movq V_DOMAIN(%rdi), %rdx
	testb $ASSIST_IOPL, D_VM_ASSIST(%rdx)
	jnz int80_slow
	/* Out of ring 3, by a gate of DPL 3: both at once. */
	movzbl V_T80_FLAGS(%rdi), %edx
	movl S(R_CS), %eax
	andl %edx, %eax
	andl $GATE_DPL, %eax
	cmpl $3, %eax
	jne int80_slow
	cmpl $0, V_T80_ADDRESS(%rdi)
	je int80_slow
	movl V_BOUNCE_SP(%rdi), %esi
	testl %esi, %esi
	jz int80_slow

	movq V_INFO(%rdi), %rax
	stac_site
	movl S(R_SS), %ecx
	PUT(movl %ecx, -4(%rsi))
	movl S(R_RSP), %ecx
	PUT(movl %ecx, -8(%rsi))
	movl S(R_RIP), %ecx
	PUT(movl %ecx, -20(%rsi))
	/* cs with the mask in its third byte; IF in the flags is its inverse. */
	movzbl VI_MASK(%rax), %ecx
	andl $1, %ecx
	shll $16, %ecx
	orl %ecx, %edx
	orl S(R_CS), %ecx
	PUT(movl %ecx, -16(%rsi))
	movl %edx, %ecx
	shrl $7, %ecx
	andl $FLAGS_IF, %ecx
	xorl $FLAGS_IF, %ecx
	movl S(R_FLAGS), %eax
	andl $~(FLAGS_IF | FLAGS_IOPL), %eax
	orl %ecx, %eax
	PUT(movl %eax, -12(%rsi))
	clac_site

	testb $GATE_MASKS, %dl
	jz 1f
	movq V_INFO(%rdi), %rax
	movb $1, VI_MASK(%rax)
1:	movl S(R_FLAGS), %eax
	andl $~FLAGS_CLEARED, %eax
	orl $FLAGS_IF, %eax
	movq %rax, S(R_FLAGS)
	movl V_T80_ADDRESS(%rdi), %eax
	movq %rax, S(R_RIP)
	movzwl V_T80_CS(%rdi), %eax
	movq %rax, S(R_CS)
	movl V_KERNEL_SP(%rdi), %eax
	subl $20, %eax
	movq %rax, S(R_RSP)
	movzwl V_KERNEL_SS(%rdi), %eax
	movq %rax, S(R_SS)
	movb $1, V_KERNEL_MODE(%rdi)
	movq S(I_CPU), %rax
	incq C_TRAPS(%rax)
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $8, %rsp
	jmp leave_by_iret

	/* What came so far wanted no particular DF; it is still the guest's. */
int80_unwritable:
	clac_site
int80_slow:
	cld
	save_rest
	jmp common_saved

	/* From ring 1 only, says the gate. */
	.balign 64
	.global int82_entry
int82_entry:
	entry_note NOTE_ENTRY, GATE_CLEARS
	pushq $0
	movl $0x82, 4(%rsp)
	clac_site
	save_regs
	movq %rsp, %rdi
	latency_call compat_int82
	jmp exit_to_guest
