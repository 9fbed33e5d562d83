/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bool vmx_run(struct regs *guest, bool launched): into the guest and back, interrupts off. False:
 * the CPU did not even try (SDM vol. 3C, 26.1 and 26.2), VMCS_INSN_ERROR says why, and CF or ZF is
 * set. Otherwise leaving the guest comes to vmx_left with our segments and tables, and no flag set
 * (27.5.3).
 */
#include "cpu/asm.h"
#include "hvm/run.h"
#include "hvm/vmcs.h"
	.text
	.global vmx_run
vmx_run:
	entry_note NOTE_FUNCTION
	save_callers
	pushq %rdi
	movl $VMCS_HOST_RSP, %eax
	vmwrite %rsp, %rax
	/* No MOV sets flags. */
	testb %sil, %sil
	load_guest rax=1
	jne 1f
	enter_guest vmlaunch
	jmp vmx_left
1:	enter_guest vmresume
	.global vmx_left
vmx_left:
	store_guest rax=1
	seta %al
	movzbl %al, %eax
	/* Nothing of the guest's stays where C would keep it. */
	xorl %ebx, %ebx
	xorl %ecx, %ecx
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %ebp, %ebp
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	/* Nor its return addresses, before the first RET. */
	cmpb $0, hvm_fill_rsb(%rip)
	je 1f
	call rsb_stuff
1:	lfence
	addq $8, %rsp
	restore_callers
	ret
	int3
