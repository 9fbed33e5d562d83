/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every way into ring 0 and out of it.
 *
 * Mapped hypervisor: the CPU (or the stub of SYSCALL) puts ss..rip at the top of the main stack,
 * the rest of struct regs follows, C does the work, exit_to_guest goes back.
 *
 * Unmapped hypervisor (names with _u): the frame first lands on the CPU's entry stack. The stub
 * switches to the root that maps us, moves the frame to the main stack and goes on as above;
 * leaving is the mirror image. Nothing read before the switch is trusted but struct entry_info,
 * which a guest cannot write.
 */
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "entry/macros.h"
#include "entry/offsets.h"
#include "pv-abi/ring1.h"
#include "pv-abi/xen.h"

	.section .entry.text, "ax"

/* ---- SYSCALL ---- */

	/*
	 * JMP through memory, behind LFENCE where that does; with retpolines that becomes a NOP and
	 * the target is returned to, with a return stack that leads nowhere. Flags stay.
	 */
	.macro stub_jump target, to
773:	.byte 0x0f, 0x1f, 0x00
	alternative 773b, bytes_lfence, 3, ALT_LFENCE, ALT_BYTES
	entry_note NOTE_TARGET, \to
774:	jmpq *\target(%rip)
775:	pushq \target(%rip)
	entry_note NOTE_PUSH
	call 777f
776:	pause
	lfence
	jmp 776b
777:	leaq 8(%rsp), %rsp
	entry_note NOTE_TARGET, \to
	ret
	int3
	alternative 774b, bytes_nop6, 6, ALT_RETPOLINE, ALT_BYTES
	.endm

/* Copied to each CPU's stub page; the offsets to the info and stack pages hold there. */
	.balign 64
	.global syscall_stub, syscall_stub_end, syscall_stub_u, syscall_stub_u_end
syscall_stub:
	entry_note NOTE_ENTRY, SYSCALL_CLEARS
	movq %rsp, (syscall_stub + 2 * 4096)(%rip)
	movq (syscall_stub + 4096 + EI_STACK_TOP)(%rip), %rsp
	pushq $GUEST_SS
	pushq (syscall_stub + 2 * 4096)(%rip)
	stub_jump (syscall_stub + 4096 + EI_TARGET), syscall_entry
syscall_stub_end:
	/* Unmapped: `at` is where in the page it lies. */
	.macro unmapped_stub name, at, target, to
	.balign 64
\name:
	entry_note NOTE_ENTRY, SYSCALL_CLEARS
	movq %rsp, (\name - \at + 2 * 4096)(%rip)
	movq %rax, (\name - \at + 2 * 4096 + 8)(%rip)
	unmapped_stub_rest \name, \at, \target, \to
	.endm
	.macro unmapped_stub_rest name, at, target, to
	movq (\name - \at + 4096 + EI_HV_CR3)(%rip), %rax
	movq %rax, %cr3
	movq (\name - \at + 4096 + EI_STACK_TOP)(%rip), %rsp
	pushq $GUEST_SS
	pushq (\name - \at + 2 * 4096 + EA_GUEST_STACKS_AWAY)(%rip)
	movq (\name - \at + 2 * 4096 + EA_GUEST_STACKS_AWAY + 8)(%rip), %rax
	stub_jump (\name - \at + 4096 + \target), \to
	.endm
	unmapped_stub syscall_stub_u, 0, EI_TARGET, syscall_entry_u
syscall_stub_u_end:

/* The same for SYSCALL from compatibility mode; goes to byte 512 of the stub page. */
	.global syscall32_stub, syscall32_stub_end, syscall32_stub_u, syscall32_stub_u_end
	.balign 64
syscall32_stub:
	entry_note NOTE_ENTRY, SYSCALL_CLEARS
	movq %rsp, (syscall32_stub - 512 + 2 * 4096)(%rip)
	movq (syscall32_stub - 512 + 4096 + EI_STACK_TOP)(%rip), %rsp
	pushq $GUEST_SS
	pushq (syscall32_stub - 512 + 2 * 4096)(%rip)
	stub_jump (syscall32_stub - 512 + 4096 + EI_TARGET32), syscall32_entry
syscall32_stub_end:
	unmapped_stub syscall32_stub_u, STUB32_OFFSET, EI_TARGET32, syscall32_entry
syscall32_stub_u_end:

/* While a 64-bit guest in ring 1 runs, whatever the others do. */
	.global syscall_stub_ring1, syscall_stub_ring1_end
	.global syscall32_stub_ring1, syscall32_stub_ring1_end
	unmapped_stub syscall32_stub_ring1, STUB32_RING1_OFFSET, EI_TARGET32, syscall32_entry
syscall32_stub_ring1_end:

/*
 * A process's SYSCALL goes to its kernel from here, on the guest's view and with nothing of C: the
 * short form of syscall_from_ring1_guest() with ring1_bounce_syscall(). Whatever is out of the
 * ordinary is left to these, with nothing changed yet; what is ordinary ring1_short_way() has
 * written into the info page, which ring 1 can read but not write, when the vCPU was last left to.
 * As in fast.S nothing is unmasked here, and what another CPU raises comes with an interrupt.
 *
 * Ring 1 can read and write the stack page, but does not run meanwhile: what is read there was put
 * there after the entry. It can execute all this, with its own rights. The frame goes to an address
 * outside of our slots, by what the guest's own tables make of it; a fault there comes on the stack
 * page, to ring0_u, which goes the way of C by what the scratch words hold: rcx is as it was then.
 */
#define RING1_PAGE             (syscall_stub_ring1 - STUB_RING1_OFFSET)
#define RING1_HERE(page, word) (RING1_PAGE + (page) * 4096 + (word))(%rip)
#define RING1_INFO(field)      RING1_HERE(1, field)
#define RING1_SCRATCH(n)       RING1_HERE(2, 8 * (n)) /* rsp, rax, rdx, rcx */
/* TF, NT, RF, VM, AC, IOPL, DF: not for a handler. */
#define RING1_FLAGS_CLEARED 0x77500

	/* As SPEC_EXIT, for code that is copied: the selector is on the info page. */
	.macro spec_exit_in_stub
772:	.byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0
	.pushsection .rodata
773:	.byte 0x0f, 0x00, 0x2d
	.long RING1_PAGE + 4096 + EI_VERW - (772b + 7)
	.popsection
	alternative 772b, 773b, 7, ALT_VERW, ALT_BYTES
	.endm

	/* The frame of pv-abi/ring1.h; rax: the process's GS base, rdx: where. */
	.macro ring1_frame
	movq %rax, 40(%rdx)
	movq %rcx, (%rdx)
	movq $GUEST_CS, 8(%rdx) /* no event is masked */
	movq %r11, 16(%rdx) /* IF is 1 in a guest, IOPL 0 */
	movq RING1_SCRATCH(0), %rax
	movq %rax, 24(%rdx)
	movq $GUEST_SS, 32(%rdx)
	movq $0, 48(%rdx)
	.endm
	.macro ring1_mask
	movq RING1_INFO(EI_SHORT_INFO), %rdx
	movb RING1_INFO(EI_SHORT_MASKS), %al
	movb %al, VI_MASK(%rdx)
	.endm
	.macro ring1_enter
	movq RING1_SCRATCH(1), %rax
	movq RING1_SCRATCH(2), %rdx
	spec_exit_in_stub
	iretq
	.endm

	.balign 64
	.global ring1_puts, ring1_puts_end, ring1_msr_puts, ring1_msr_puts_end
syscall_stub_ring1:
	entry_note NOTE_ENTRY, SYSCALL_CLEARS
	movq %rsp, RING1_SCRATCH(0)
	movq %rax, RING1_SCRATCH(1)
	/* Which ring it came from the address tells. */
	testq %rcx, %rcx
	js ring1_of_kernel
	movq RING1_INFO(EI_SHORT_INFO), %rax
	/* An event is pending, or masked, or there is no short way. */
	cmpw $0, VI_PENDING(%rax)
	jne ring1_to_c
	movq %rdx, RING1_SCRATCH(2)
	leaq RING1_HERE(3, 0), %rsp
	pushq $ANNULUS_KERNEL_SS
	pushq RING1_INFO(EI_SHORT_FRAME)
	pushq %r11
	andl $~RING1_FLAGS_CLEARED, (%rsp)
	pushq $ANNULUS_KERNEL_CS
	pushq RING1_INFO(EI_SHORT_HANDLER)
	cmpb $0, RING1_INFO(EI_SHORT_FSGSBASE)
	je 1f
	movq RING1_INFO(EI_SHORT_FRAME), %rdx
ring1_puts:
	rdgsbase %rax
	ring1_frame
ring1_puts_end:
	ring1_mask
	movq RING1_INFO(EI_SHORT_GS), %rax
	wrgsbase %rax
	ring1_enter

1:	movq %rcx, RING1_SCRATCH(3)
	movl $MSR_GS_BASE, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq RING1_SCRATCH(3), %rcx
	movq RING1_INFO(EI_SHORT_FRAME), %rdx
ring1_msr_puts:
	ring1_frame
ring1_msr_puts_end:
	ring1_mask
	movl $MSR_GS_BASE, %ecx
	movl RING1_INFO(EI_SHORT_GS), %eax
	movl RING1_INFO(EI_SHORT_GS + 4), %edx
	wrmsr
	movq RING1_SCRATCH(3), %rcx
	ring1_enter

ring1_of_kernel:
	cmpq $__HYPERVISOR_iret, %rax
	je ring1_short_iret
ring1_to_c:
	unmapped_stub_rest syscall_stub_ring1, STUB_RING1_OFFSET, EI_TARGET_RING1, \
			   syscall_entry_ring1

	/*
	 * The short form of ring1_iret(), for a stack in the upper half and no event pending: what
	 * is raised behind that look comes with an interrupt, if we unmask. There is no short way
	 * while an NMI is not done. struct annulus_iret_context is read once, to our stack.
	 */
#define RING1_IRET_FLAGS  0
#define RING1_IRET_R11    16
#define RING1_IRET_RCX    24
#define RING1_IRET_RIP    32
#define RING1_IRET_CS     40
#define RING1_IRET_RFLAGS 48
#define RING1_IRET_SS     64
	.global ring1_gets, ring1_gets_end, ring1_get_base, ring1_get_base_end
ring1_short_iret:
	movq RING1_INFO(EI_SHORT_INFO), %rax
	cmpb $0, VI_PENDING(%rax)
	jne ring1_to_c
	movq %rdx, RING1_SCRATCH(2)
	/* It ends where it begins or above, too. */
	leaq ANNULUS_IRET_SIZE(%rsp), %rdx
	movabsq $(HV_VIRT_END + ANNULUS_IRET_SIZE), %rax
	cmpq %rax, %rdx
	jb ring1_iret_to_c
	movq %rsp, %rdx
	leaq RING1_HERE(3, 0), %rsp
ring1_gets:
	movzwl 64(%rdx), %eax
	pushq %rax
	pushq 56(%rdx)
	pushq 48(%rdx)
	movzwl 40(%rdx), %eax
	pushq %rax
	pushq 32(%rdx)
	pushq 16(%rdx)
	pushq 8(%rdx)
	pushq (%rdx)
	pushq 24(%rdx)
ring1_gets_end:
	movl RING1_IRET_CS(%rsp), %eax
	notl %eax
	testb $3, %al
	jnz ring1_iret_inner
ring1_get_base:
	movq 72(%rdx), %rax
ring1_get_base_end:
	movq %rax, %rdx
	sarq $47, %rdx
	incq %rdx
	cmpq $1, %rdx
	ja ring1_iret_to_c /* no address */
	cmpb $0, RING1_INFO(EI_SHORT_FSGSBASE)
	je ring1_iret_base_msr
	wrgsbase %rax
ring1_iret_rest:
	movq RING1_INFO(EI_SHORT_INFO), %rdx
	testl $FLAGS_IF, RING1_IRET_RFLAGS(%rsp)
	setz VI_MASK(%rdx)
	andq $~(FLAGS_IOPL | FLAGS_VM), RING1_IRET_RFLAGS(%rsp)
	orq $(FLAGS_IF | 2), RING1_IRET_RFLAGS(%rsp)
	testl $IRET_IN_SYSCALL, RING1_IRET_FLAGS(%rsp)
	jz 1f
	movq RING1_IRET_RIP(%rsp), %rax
	movq %rax, RING1_IRET_RCX(%rsp)
	movq RING1_IRET_RFLAGS(%rsp), %rax
	movq %rax, RING1_IRET_R11(%rsp)
1:	addq $8, %rsp
	popq %rax
	popq %r11
	popq %rcx
	movq RING1_SCRATCH(2), %rdx
	spec_exit_in_stub
	/* A frame that it cannot load is like one of iret_to_guest_u. */
ring1_iret_out:
	iretq

ring1_iret_base_msr:
	movq %rax, %rdx
	shrq $32, %rdx
	movl $MSR_GS_BASE, %ecx
	wrmsr
	jmp ring1_iret_rest

	/* To ring 1, which RPL 0 means, too. */
ring1_iret_inner:
	movl $0, RING1_IRET_FLAGS(%rsp)
	testb $3, RING1_IRET_CS(%rsp)
	jnz 1f
	orb $1, RING1_IRET_CS(%rsp)
1:	testb $3, RING1_IRET_SS(%rsp)
	jnz ring1_iret_rest
	orb $1, RING1_IRET_SS(%rsp)
	jmp ring1_iret_rest

ring1_iret_to_c:
	movq RING1_SCRATCH(2), %rdx
	jmp ring1_to_c
syscall_stub_ring1_end:

/*
 * The frame could not be stored, or loaded; on the entry stack: rcx, rax, error code and vector,
 * rip, cs, rflags, rsp, ss. As if the stub had gone to C at once.
 */
ring1_put_failed:
	cld
	movq %rsp, %rdx
	andq $~0xfff, %rdx
	movq (-4096 + EI_HV_CR3)(%rdx), %rax
	movq %rax, %cr3
	addq $EA_GUEST_STACKS_AWAY, %rsp
	movq (%rsp), %rcx
	movq (-4096 + EI_STACK_TOP)(%rdx), %rsp
	pushq $GUEST_SS
	pushq EA_GUEST_STACKS_AWAY(%rdx)
	movq (EA_GUEST_STACKS_AWAY + 8)(%rdx), %rax
	movq (EA_GUEST_STACKS_AWAY + 16)(%rdx), %rdx
	jmp syscall_entry_ring1

	.balign 64
	.global syscall32_entry
syscall32_entry:
	pushq %r11
	pushq $GUEST_CS32
	pushq %rcx
	pushq $0
	save_regs
	movq %rsp, %rdi
	latency_call syscall32_from_guest
	jmp exit_to_guest

/* ---- SYSENTER ---- */

/*
 * It brings a stack pointer of ours: where the flags go, at the top of the main stack, or of the
 * entry stack if we are not mapped. Of the guest's flags it clears but IF and VM, and keeps neither
 * rip, cs nor rsp. A guest that single-steps gets here with TF, so that a #DB comes before the
 * first instruction: entry_db lets TF be until the flags are saved.
 */
	.balign 64
	.global sysenter_entry, sysenter_entry_u
sysenter_entry:
	entry_note NOTE_ENTRY, SYSENTER_CLEARS
	pushfq
	pushq $2 /* neither NT, DF, AC nor TF */
	popfq
	movq $0, 8(%rsp)
	movq $GUEST_SS, 16(%rsp)
	pushq $GUEST_CS32
	pushq $0
	pushq $0
	save_regs
	movq %rsp, %rdi
	latency_call sysenter_from_guest
	jmp exit_to_guest

	.balign 64
sysenter_entry_u:
	entry_note NOTE_ENTRY, SYSENTER_CLEARS
	pushfq
	pushq $2
	popfq
	pushq %rax
	/* 32 bytes below the end of the entry stack's page, which follows the info page. */
	movq (32 - 2 * 4096 + EI_HV_CR3)(%rsp), %rax
	movq %rax, %cr3
	movq (32 - 2 * 4096 + EI_STACK_TOP)(%rsp), %rax
	addq $EA_GUEST_STACKS_AWAY, %rsp
	movq $GUEST_SS, -8(%rax)
	movq $0, -16(%rax)
	pushq 8(%rsp)
	popq -24(%rax)
	movq $GUEST_CS32, -32(%rax)
	movq $0, -40(%rax)
	movq $0, -48(%rax)
	pushq (%rsp)
	popq -56(%rax)
	leaq -56(%rax), %rsp
	popq %rax
	save_regs
	movq %rsp, %rdi
	latency_call sysenter_from_guest
	jmp exit_to_guest

/* Unmapped mode only; otherwise the stub goes to fast.S. */
	.balign 64
	.global syscall_entry_u
syscall_entry_u:
	pushq %r11
	pushq $GUEST_CS
	pushq %rcx
	pushq $0
	save_scratch
	.global syscall_slow
syscall_slow:
	save_rest ALT_RSB_64BIT
	movl $VEC_SYSCALL, R_VEC(%rsp)
	movq %rsp, %rdi
	latency_call syscall_from_guest
	jmp exit_to_guest

	.balign 64
	.global syscall_entry_ring1
syscall_entry_ring1:
	pushq %r11
	/* It does not tell which ring executed it, the address does. */
	testq %rcx, %rcx
	js hypercall_ring1
	pushq $GUEST_CS
	pushq %rcx
	pushq $0
	save_scratch
	save_rest
	movl $VEC_SYSCALL, R_VEC(%rsp)
	movq %rsp, %rdi
	latency_call syscall_from_ring1_guest
	/* fall through */

	/* A word of struct regs; the frame: rsi, rdi, rip, cs, rflags, rsp, ss. Clobbers rcx. */
	.macro copy_to_guest_frame from, to
	movq \from(%rsp), %rcx
	movq %rcx, (GUEST_FRAME + \to)(%rsp)
	.endm

/*
 * ---- back to the guest; rsp at its struct regs, which is the one at the top of the stack ----
 * C is asked only when there is something to do: exit_work() has the same questions.
 */
	.global exit_to_guest
exit_to_guest:
	latency_cli latency_irq_leave
	movq I_CPU(%rsp), %rax
	movq I_VCPU(%rsp), %rdx
	movq C_SOFTIRQ(%rax), %rcx
	orq V_PAUSE_FLAGS(%rdx), %rcx
	jnz exit_with_work
	cmpb $0, V_NMI_PENDING(%rdx)
	jne exit_with_work
	movq V_INFO(%rdx), %rcx
	cmpb $0, VI_PENDING(%rcx)
	je 1f
	cmpb $0, VI_MASK(%rcx)
	je exit_with_work
1:	/* rax: the CPU. Only here is it asked which way its guest is left to. */
leave_to_guest:
	cmpb $0, C_UNMAPPED(%rax)
	jne exit_unmapped
	testl $VEC_SYSCALL, R_VEC(%rsp)
	jz 1f
	/*
	 * SYSRET if the guest cannot tell: rcx and r11 are clobbered by the ABI here. A
	 * non-canonical rcx would fault in ring 0 on Intel's CPUs (SDM vol. 2, SYSRET), so it must
	 * lie in either half for certain.
	 */
	movq R_RIP(%rsp), %rcx
	movq %rcx, %rax
	sarq $47, %rax
	incl %eax
	cmpl $1, %eax
	ja 1f
	restore_regs
	movq 8(%rsp), %rcx
	movq 24(%rsp), %r11
	movq 32(%rsp), %rsp
	sysret_to_guest
1:	restore_regs
	addq $8, %rsp
	.global leave_by_iret, iret_to_guest
leave_by_iret:
	SPEC_EXIT
iret_to_guest:
	iretq

exit_with_work:
	movq %rsp, %rdi
	latency_call exit_work
	movq I_CPU(%rsp), %rax
	jmp leave_to_guest
exit_unmapped:
	/*
	 * Move rip..ss and rdi, rsi to the entry stack, switch to the root without us, leave from
	 * there. To a kernel in ring 1 and its processes, with nothing new for the stub and the
	 * copy of the root as it should be, as unmapped_exit_frame() would; rcx and r11 are lost in
	 * a hypercall, whatever is in them.
	 */
	movq I_VCPU(%rsp), %rdx
	cmpb $0, V_SHORT_WAY(%rdx)
	je 1f
	movq C_CR3_MFN(%rax), %rcx
	cmpq %rcx, C_RING1_COPY_OF(%rax)
	jne 1f
	movq C_RING1_COPY(%rax), %rdx
	shlq $12, %rdx
	copy_to_guest_frame R_RSI, 0
	copy_to_guest_frame R_RDI, 8
	copy_to_guest_frame R_RIP, 16
	copy_to_guest_frame R_CS, 24
	copy_to_guest_frame R_FLAGS, 32
	copy_to_guest_frame R_RSP, 40
	copy_to_guest_frame R_SS, 48
	leaq (GUEST_FRAME - EA_GUEST_STACKS_AWAY)(%rsp), %rax
	jmp 2f
1:	movq %rsp, %rdi
	/* rax: where the guest's view has the frame of 5 + 2 words; rdx: guest cr3 */
	call unmapped_exit_frame
2:	movq %rax, R_ERR(%rsp)
	movq %rdx, R_RIP(%rsp)
	restore_first
	movq 24(%rsp), %rdi /* guest cr3 */
	movq 16(%rsp), %rsp /* frame on the entry stack: rsi, rdi, rip, cs, rflags, rsp, ss */
	/* C's: an NMI behind the load of CR3 pushes it where a kernel in ring 1 can read it. */
	xorl %esi, %esi
	movq %rdi, %cr3
	popq %rsi
	popq %rdi
	SPEC_EXIT
	.global iret_to_guest_u
iret_to_guest_u:
	iretq

/* ---- exceptions and interrupts ---- */

	.macro vector_stub n
	.balign 16
	entry_note NOTE_ENTRY, GATE_CLEARS
	.if (\n == 8) || (\n == 10) || (\n == 11) || (\n == 12) || \
	    (\n == 13) || (\n == 14) || (\n == 17) || (\n == 21)
	.else
	pushq $0
	.endif
	movl $\n, 4(%rsp)
	.endm

	.balign 16
	.global vector_stubs, vector_stubs_u
vector_stubs:
	.altmacro
	.set i, 0
	.rept 256
	vector_stub %i
	.if i == 14
	jmp pf_entry
	.else
	jmp common_entry
	.endif
	.set i, i + 1
	.endr
	.balign 16
vector_stubs_u:
	.set i, 0
	.rept 256
	vector_stub %i
	jmp common_entry_u
	.set i, i + 1
	.endr
	.noaltmacro

	.balign 64
common_entry:
	clac_site
	save_regs
	.global common_saved
common_saved:
	movq %rsp, %rdi
	testb $3, R_CS(%rsp)
	jz from_hypervisor
	latency_call trap_from_guest
	jmp exit_to_guest
from_hypervisor:
	latency_call trap_from_hypervisor
	/* rax: 0, or the guest's regs to leave with (a failed iret to the guest) */
	testq %rax, %rax
	jnz 2f
	restore_regs
	addq $8, %rsp
	entry_note NOTE_RING0
	iretq
2:	movq %rax, %rsp
	jmp exit_to_guest

	/*
	 * A frame on a stack of the entry area goes to the main one, whose top is in rcx, and the
	 * usual way from there. [rsp]: rcx, rax, error code and vector, rip, cs, rflags, rsp, ss.
	 */
	.macro move_to_main_stack
	.irp word, 8, 16, 24, 32, 40, 48, 56
	movq (64 - \word)(%rsp), %rax
	movq %rax, -\word(%rcx)
	.endr
	movq (%rsp), %rax
	leaq -56(%rcx), %rsp
	movq %rax, %rcx
	popq %rax
	save_regs
	jmp common_saved
	.endm

/*
 * Unmapped: we are on the entry stack (or an IST page of the entry area). If we came from ring 0
 * with our own root loaded (an interrupt in the hypervisor does not come here: rsp0 stays the main
 * stack's rule only for ring changes), no switch.
 */
	.balign 64
common_entry_u:
	clac_site
	testb $3, 24 - 8(%rsp)
	jz ring0_u
	/* The entry area's info page lies right below the stack page. */
	pushq %rax
	pushq %rcx
common_pushed_u:
	movq %rsp, %rcx
	andq $~0xfff, %rcx
	movq (-4096 + EI_HV_CR3)(%rcx), %rax
	movq %rax, %cr3
	addq $EA_GUEST_STACKS_AWAY, %rsp
	movq (-4096 + EI_STACK_TOP)(%rcx), %rcx
	move_to_main_stack

/*
 * A page fault of a process or of its kernel in ring 1 goes to the latter from here, on the guest's
 * view: the short form of trap_from_guest() with ring1_inject_trap(). As with SYSCALL
 * (syscall_stub_ring1) the info page knows what is ordinary, everything else is left to C with
 * nothing changed yet: an address among ours, a write that may be to a page table, a kernel within
 * its stretch before IRETQ or on a stack in the lower half, ring 2, and a stack that faults.
 *
 * The words that the processor has pushed lie at the end of the entry stack's page and become those
 * of our IRETQ when the guest's frame has them; no fault can come from there on. CR2 is kept for C,
 * as a fault of ours has another one.
 */
#define PF_INFO(field) (field - 4096)(%rcx)
#define PF_CR2    0
#define PF_ERR    32
#define PF_RIP    40
#define PF_CS     48
#define PF_RFLAGS 56
#define PF_RSP    64
#define PF_SS     72
#define PF_SIZE   80
/* TF, NT, RF, VM, AC, IOPL: not for a handler. */
#define PF_FLAGS_CLEARED 0x77100
/* More than a frame. */
#define PF_FRAME_MAX 128

	/* To rdx: its error code is the word below. IF is 1 in a guest, IOPL 0. Clobbers rax. */
	.macro ring1_pf_frame
	movzwl PF_SS(%rsp), %eax
	movq %rax, 32(%rdx)
	movq PF_RSP(%rsp), %rax
	movq %rax, 24(%rdx)
	movq PF_RFLAGS(%rsp), %rax
	movq %rax, 16(%rdx)
	movzwl PF_CS(%rsp), %eax /* no event is masked */
	movq %rax, 8(%rdx)
	movq PF_RIP(%rsp), %rax
	movq %rax, (%rdx)
	movl PF_ERR(%rsp), %eax
	andl $0x17, %eax
	movq %rax, -8(%rdx)
	.endm

	.balign 64
	.global pf_entry_ring1, pf_entry_ring1_end
	.global ring1_pf_puts, ring1_pf_puts_end, ring1_pf_inner_puts, ring1_pf_inner_puts_end
pf_entry_ring1:
	entry_note NOTE_ENTRY, GATE_CLEARS
	movl $14, 4(%rsp)
	testb $3, 24 - 8(%rsp)
	jz common_entry_u
	pushq %rax
	pushq %rcx
	pushq %rdx
	movq %cr2, %rax
	pushq %rax
	movq %rsp, %rcx
	andq $~0xfff, %rcx
	movabsq $HV_VIRT_END, %rdx
	cmpq %rdx, %rax
	jae 1f
	testq %rax, %rax
	js ring1_pf_to_c
1:	movq PF_INFO(EI_SHORT_INFO), %rax
	/* An event is pending, or masked, or there is no short way. */
	cmpw $0, VI_PENDING(%rax)
	jne ring1_pf_to_c
	cmpq $0, PF_INFO(EI_SHORT_PF)
	je ring1_pf_to_c
	movl PF_CS(%rsp), %eax
	notl %eax
	testb $3, %al
	jnz ring1_pf_inner

	movq PF_INFO(EI_SHORT_FRAME), %rdx
	cmpb $0, PF_INFO(EI_SHORT_FSGSBASE)
	je ring1_pf_base_msr
ring1_pf_puts:
	rdgsbase %rax
ring1_pf_put_base:
	movq %rax, 40(%rdx)
	movq $0, 48(%rdx)
	ring1_pf_frame
ring1_pf_puts_end:
	cmpb $0, PF_INFO(EI_SHORT_FSGSBASE)
	je ring1_pf_kernel_base_msr
	movq PF_INFO(EI_SHORT_GS), %rax
	wrgsbase %rax
ring1_pf_enter:
	subq $8, %rdx
	movq %rdx, PF_RSP(%rsp)
	movq PF_INFO(EI_SHORT_INFO), %rdx
	movb PF_INFO(EI_SHORT_PF_MASKS), %al
	movb %al, VI_MASK(%rdx)
	movq PF_INFO(EI_SHORT_PF), %rax
	movq %rax, PF_RIP(%rsp)
	movq $ANNULUS_KERNEL_CS, PF_CS(%rsp)
	andl $~PF_FLAGS_CLEARED, PF_RFLAGS(%rsp)
	movq $ANNULUS_KERNEL_SS, PF_SS(%rsp)
	popq %rax
	movq %rax, VI_CR2(%rdx)
	popq %rdx
	popq %rcx
	popq %rax
	addq $8, %rsp
	SPEC_EXIT
	iretq

	/* al: the lowest bits of CS, inverted. */
ring1_pf_inner:
	testb $1, %al
	jnz ring1_pf_to_c /* ring 2 */
	movl PF_ERR(%rsp), %eax
	andl $0x0b, %eax
	cmpl $3, %eax
	je ring1_pf_to_c /* maybe a write to a page table */
	movq PF_RIP(%rsp), %rax
	cmpq PF_INFO(EI_SHORT_STRETCH), %rax
	jb 1f
	cmpq PF_INFO(EI_SHORT_STRETCH_END), %rax
	jb ring1_pf_to_c
1:	movq PF_RSP(%rsp), %rdx
	andq $~15, %rdx
	movabsq $(HV_VIRT_END + PF_FRAME_MAX), %rax
	cmpq %rax, %rdx
	jb ring1_pf_to_c
	subq $ANNULUS_FRAME_SIZE, %rdx
ring1_pf_inner_puts:
	ring1_pf_frame
ring1_pf_inner_puts_end:
	jmp ring1_pf_enter

	/* Without FSGSBASE; rcx is the stack's page again afterwards. */
ring1_pf_base_msr:
	movl $MSR_GS_BASE, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rsp, %rcx
	andq $~0xfff, %rcx
	movq PF_INFO(EI_SHORT_FRAME), %rdx
	jmp ring1_pf_put_base
ring1_pf_kernel_base_msr:
	movl PF_INFO(EI_SHORT_GS), %eax
	movl PF_INFO(EI_SHORT_GS + 4), %edx
	movl $MSR_GS_BASE, %ecx
	wrmsr
	movq %rsp, %rcx
	andq $~0xfff, %rcx
	movq PF_INFO(EI_SHORT_FRAME), %rdx
	jmp ring1_pf_enter

ring1_pf_to_c:
	clac_site
	addq $8, %rsp
	popq %rdx
	jmp common_pushed_u
pf_entry_ring1_end:

/*
 * From ring 0: in the hypervisor proper (stack is the main one, nothing to do) or at the iretq
 * above, on the entry stack with the guest's root. The latter is a guest's bad frame: back to our
 * root and to the main stack, where the guest's registers are put together again from what the
 * iretq could not load and what is still in the CPU. Or at a store of the short way's.
 */
ring0_u:
	pushq %rax
	movq 16(%rsp), %rax /* rip */
	pushq %rcx
	leaq iret_to_guest_u(%rip), %rcx
	cmpq %rcx, %rax
	je iret_failed_u
	/* In this CPU's stub page? */
	movq %rsp, %rcx
	andq $~0xfff, %rcx
	subq %rcx, %rax
	addq $(2 * 4096 - STUB_RING1_OFFSET), %rax
	cmpq $(syscall_stub_ring1_end - syscall_stub_ring1), %rax
	jb ring1_stub_faulted
	movq 24(%rsp), %rax
	leaq pf_entry_ring1(%rip), %rcx
	subq %rcx, %rax
	cmpq $(pf_entry_ring1_end - pf_entry_ring1), %rax
	jb ring1_pf_faulted
ring0_u_saving:
	popq %rcx
	popq %rax
	save_regs
	jmp common_saved
	/*
	 * At a store of the frame of a system call, at a load of the iret hypercall's, or at its
	 * IRETQ?
	 */
	.global ring1_stub_faulted, ring1_pf_faulted
ring1_stub_faulted:
	.irp stretch, ring1_puts, ring1_msr_puts, ring1_gets, ring1_get_base
	leaq -(\stretch - syscall_stub_ring1)(%rax), %rcx
	cmpq $(\stretch\()_end - \stretch), %rcx
	jb ring1_put_failed
	.endr
	cmpq $(ring1_iret_out - syscall_stub_ring1), %rax
	je iret_failed_u
	jmp ring0_u_saving
	/* At a store of the frame of a page fault? */
ring1_pf_faulted:
	leaq -(ring1_pf_puts - pf_entry_ring1)(%rax), %rcx
	cmpq $(ring1_pf_puts_end - ring1_pf_puts), %rcx
	jb ring1_pf_put_failed
	leaq -(ring1_pf_inner_puts - pf_entry_ring1)(%rax), %rcx
	cmpq $(ring1_pf_inner_puts_end - ring1_pf_inner_puts), %rcx
	jae ring0_u_saving
	/* As if its way had been C's from the beginning. */
ring1_pf_put_failed:
	orq $0xfff, %rsp
	subq $(PF_SIZE - 1), %rsp
	popq %rax
	movq %rax, %cr2
	popq %rdx
	jmp common_pushed_u
iret_failed_u:
	movq %rsp, %rcx
	andq $~0xfff, %rcx
	movq (-4096 + EI_HV_CR3)(%rcx), %rax
	movq %rax, %cr3
	addq $EA_GUEST_STACKS_AWAY, %rsp
	movq (-4096 + EI_STACK_TOP)(%rcx), %rax
	/* rip..ss are the uppermost words of the entry stack, and of the main one. */
	.irp word, 8, 16, 24, 32, 40
	pushq (4096 + EA_GUEST_STACKS_AWAY - \word)(%rcx)
	popq -\word(%rax)
	.endr
	pushq 16(%rsp) /* error code and vector */
	popq -48(%rax)
	pushq 8(%rsp)
	popq -56(%rax)
	popq %rcx
	leaq -56(%rax), %rsp
	popq %rax
	save_regs
	movq %rsp, %rdi
	latency_call iret_failed
	jmp exit_to_guest

/*
 * NMI, #MC and #DF run on stacks of their own and may come at any instruction, also between a
 * guest's entry and the switch of roots: they save and restore CR3 themselves. Which of the two
 * roots was loaded the info page tells, and with it where the frame lies; a comparison of CR3 with
 * what should be in it could come between the change of one and of the other. VERW at the end is
 * for the guest that they go back to, or for one that ring 0 was just about to enter, past its own.
 */
	.macro ist_entry name, vec, haserr, page
	.balign 16
	.global \name
\name:
	entry_note NOTE_ENTRY, GATE_CLEARS
	.if \haserr == 0
	pushq $0
	.endif
	movl $\vec, 4(%rsp)
	clac_site
	save_regs
	movq %rsp, %rdi
	call ist_from_anywhere
	restore_regs
	addq $8, %rsp
	SPEC_EXIT
	iretq
	.balign 16
	.global \name\()_u
\name\()_u:
	entry_note NOTE_ENTRY, GATE_CLEARS
	.if \haserr == 0
	pushq $0
	.endif
	movl $\vec, 4(%rsp)
	clac_site
	save_regs
	movq %cr3, %r12
	/*
	 * entry stacks of the IST lie EA_IST.. pages above the info page: find it by the area's 1
	 * GiB alignment
	 */
	movq %rsp, %rax
	andq $~0x3fffffff, %rax
	movq %rsp, %rbx
	movq %rsp, %rdi
	cmpb $0, (EA_INFO * 4096 + EI_GUEST_VIEW)(%rax)
	je 1f
	movq (EA_INFO * 4096 + EI_HV_CR3)(%rax), %rcx
	movq %rcx, %cr3
	addq $EA_GUEST_STACKS_AWAY, %rdi
1:	/* the stack that C's get_cpu_info() understands */
	leaq ((EA_MAIN_STACK + 1 + \page) * 4096)(%rax), %rsp
	call ist_from_anywhere
	movq %rbx, %rsp
	movq %r12, %cr3
	restore_regs
	addq $8, %rsp
	SPEC_EXIT
	iretq
	.endm
	ist_entry entry_df, 8, 1, 0
	ist_entry entry_nmi, 2, 0, 1
	ist_entry entry_mc, 18, 0, 2

/*
 * #DB has a stack of its own: after MOV SS under a watchpoint it arrives at the first instruction
 * of the system-call stub, in ring 0 on the guest's stack pointer. From ring 0 it is ignored (a
 * guest's watchpoint on memory that we touch for it), but that TF outlives the first instruction of
 * the SYSENTER stub, which saves it; from a guest the frame moves to the main stack and goes the
 * usual way.
 */
	.macro db_entry name, sysenter, unmapped
	.balign 16
	.global \name
\name:
	entry_note NOTE_ENTRY, GATE_CLEARS
	testb $3, 8(%rsp)
	jnz 1f
	pushq %rax
	movl $0xffff0ff0, %eax
	movq %rax, %dr6
	leaq \sysenter(%rip), %rax
	cmpq %rax, 8(%rsp)
	je 2f
	andq $~0x100, 24(%rsp)
2:	popq %rax
	/* A breakpoint on an instruction comes before it: RF, or it comes again for ever. */
	orl $0x10000, 16(%rsp)
	entry_note NOTE_RING0
	iretq
1:	clac_site
	pushq $0
	movl $1, 4(%rsp)
	pushq %rax
	pushq %rcx
	movq %rsp, %rax
	andq $~0x3fffffff, %rax
	.if \unmapped
	movq (EA_INFO * 4096 + EI_HV_CR3)(%rax), %rcx
	movq %rcx, %cr3
	addq $EA_GUEST_STACKS_AWAY, %rsp
	.endif
	movq (EA_INFO * 4096 + EI_STACK_TOP)(%rax), %rcx
	move_to_main_stack
	.endm
	db_entry entry_db, sysenter_entry, 0
	db_entry entry_db_u, sysenter_entry_u, 1

	.text
/*
 * void switch_to_guest(struct regs *top) __noreturn: after a context switch, leave with what is in
 * the top regs.
 */
	.global switch_to_guest
switch_to_guest:
	entry_note NOTE_FUNCTION
	movq %rdi, %rsp
	jmp exit_to_guest

/* void switch_stack_and_call(void *top, void (*fn)(void)) __noreturn */
	.global switch_stack_and_call
switch_stack_and_call:
	entry_note NOTE_FUNCTION
	movq %rdi, %rsp
	xorl %ebp, %ebp
	movq %rsi, %rax
	entry_note NOTE_C
	call __x86_indirect_thunk_rax
	ud2
