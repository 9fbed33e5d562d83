/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For mitigation_test.c: the hypervisor's thunks, and one place of each other kind that an
 * alternative is written over, with their records.
 */
	.section .alternatives, "a"
	.global site_records
	.balign 8
site_records:

	.section .entry.text, "ax"
	.balign 4096
	.global sites
sites:
#include "cpu/thunk.S"
#include "entry/macros.h"

	.section .entry.text, "ax"
	.global site_call, site_enter, site_entry, site_64bit, site_exit, site_sysret, sites_end
	/* u64 site_call(u64 (*fn)(void)): by two of the thunks, one after the other. */
site_call:
	pushq %r15
	movq %rdi, %r15
	movq %rdi, %rax
	call __x86_indirect_thunk_rax
	call __x86_indirect_thunk_r15
	popq %r15
	ret
	/* u64 site_enter(void): 7, if a way in leaves the stack and the registers alone. */
site_enter:
	pushq %rbx
	movl $7, %ebx
	.balign 8
site_entry:
	SPEC_ENTRY
site_64bit:
	SPEC_ENTRY ALT_RSB_64BIT
	movl %ebx, %eax
	popq %rbx
	ret
site_exit:
	SPEC_EXIT
	/* Not run: ring 0's. */
site_sysret:
	sysret_to_guest
sites_end:

	.section .alternatives, "a"
	.global site_records_end
site_records_end:

	.section .note.GNU-stack, "", @progbits
