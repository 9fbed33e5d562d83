/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ASM_H
#define ANNULUS_CPU_ASM_H
/* What all assembly files share. */
#include "cpu/alternative.h"
#include "lib/latency_site.h"

#define HV_CS     0xe008
#define HV_DS     0xe010

/*
 * What the code itself does not tell scripts/check-entry.py, which walks over it after linking:
 * a record of kind, address (the place of the note) and a value.
 */
#define NOTE_ENTRY    1 /* the CPU comes here by itself; value: the flags that it has cleared */
#define NOTE_FUNCTION 2 /* C calls this */
#define NOTE_TARGET   3 /* the indirect branch that follows may lead to value */
#define NOTE_TABLE    4 /* the indirect branch that follows leads to C, by the table at value */
#define NOTE_C        5 /* the indirect branch that follows leads to C */
#define NOTE_RING0    6 /* the IRETQ that follows never leads to a guest */
#define NOTE_PUSH     7 /* the call that follows is a jump that pushes something */
#define NOTE_THUNK    8 /* called in place of an indirect branch */
#define NOTE_CALLER   9 /* the indirect branch that follows leads where the thunk's caller says */
#define NOTE_DATA     10 /* no code from here to the next symbol */
#define NOTE_BOOT     11 /* none of the check's business from here to value: no guest yet */

	.macro entry_note kind, value=0
778:
	.pushsection .entry_notes, "", @progbits
	.quad \kind, 778b, \value
	.popsection
	.endm

	.macro clac_site
771:	.byte 0x0f, 0x1f, 0x00
	alternative 771b, bytes_clac, 3, ALT_SMAP, ALT_BYTES
	.endm
	.macro stac_site
771:	.byte 0x0f, 0x1f, 0x00
	alternative 771b, bytes_stac, 3, ALT_SMAP, ALT_BYTES
	.endm

	/* A fault at \from goes on at \to, with nothing else changed. */
	.macro extable from, to
	.pushsection .extable, "a"
	.quad \from, \to
	.popsection
	.endm

#endif
