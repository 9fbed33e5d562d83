/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void svm_run(struct regs *guest, paddr_t vmcb, paddr_t host): into the guest and back. GIF is
 * clear from before its FS, TR, STAR and so on are loaded until ours are back: no NMI finds the
 * guest's TSS. IF is set meanwhile, so that an interrupt for us leaves the guest (V_INTR_MASKING);
 * it is clear on return.
 */
#include "cpu/asm.h"
#include "hvm/run.h"
	.text
	.global svm_run
svm_run:
	entry_note NOTE_FUNCTION
	save_callers
	pushq %rdx
	pushq %rsi
	pushq %rdi
	clgi
	sti
	movq %rsi, %rax
	vmload
	load_guest
	enter_guest vmrun
	.global svm_left
svm_left:
	store_guest
	/* Nothing of the guest's stays where C would keep it. */
	xorl %ebx, %ebx
	xorl %ebp, %ebp
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	/* Nor its return addresses, before the first RET. */
	cmpb $0, hvm_fill_rsb(%rip)
	je 1f
	call rsb_stuff
1:	movq 8(%rsp), %rax
	vmsave
	movq 16(%rsp), %rax
	vmload
	cli
	stgi
	popq %rdi
	popq %rsi
	popq %rdx
	restore_callers
	ret
	int3
