/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What head.S and head32.S have in common: the ELF notes, the hypercall page, the stacks, and the
 * macro all_traps, which makes an entry for each vector by the including file's macro `trap`.
 * WORD, BASE and PAE are the including file's.
 */
#include "pv-abi/elfnote.h"
#include "pv-abi/xen.h"

	.macro note_head type
	.pushsection .note.xen, "a", @note
	.balign 4
	.long 4, 9002f - 9001f, \type
	.asciz "Xen"
	.endm
	.macro note_string type, value
	note_head \type
9001:	.asciz "\value"
9002:	.balign 4
	.popsection
	.endm
	.macro note_number type, value
	note_head \type
9001:	WORD \value
9002:	.balign 4
	.popsection
	.endm
/* A guest that is built plain has none but those that it cannot do without. */
	note_string XEN_ELFNOTE_XEN_VERSION, xen-3.0
#ifdef __i386__
	note_string XEN_ELFNOTE_PAE_MODE, PAE
#endif
#if !defined(PLAIN) || defined(__i386__)
	note_number XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page
#endif
#ifndef PLAIN
	note_string XEN_ELFNOTE_GUEST_OS, tiny
	note_string XEN_ELFNOTE_GUEST_VERSION, 1
	note_string XEN_ELFNOTE_LOADER, generic
	note_number XEN_ELFNOTE_VIRT_BASE, BASE
	note_number XEN_ELFNOTE_ENTRY, _start
#ifndef __i386__
	note_string XEN_ELFNOTE_PAE_MODE, PAE
#endif
#endif

	.text
	.balign 4096
	.global hypercall_page
hypercall_page:
	.skip 4096

	.macro all_traps
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 128, 200
	trap \n, 0
	.endr
	.irp n, 8, 10, 11, 12, 13, 14, 17
	trap \n, 1
	.endr
	.endm

/* A stack for each vcpu; its place tells who runs: vcpu_id(). */
	.bss
	.balign 32768
	.global stacks
stacks:
	.skip 8 * 32768

	.text
