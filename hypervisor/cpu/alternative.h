/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ALTERNATIVE_H
#define ANNULUS_CPU_ALTERNATIVE_H

/*
 * Code that depends on the CPU and is written over once, at boot, while one CPU runs: a place holds
 * what is right for a CPU that needs nothing, usually one NOP of the right length, and a record in
 * .alternatives says what to write there for which feature. With several records for one place the
 * last one that applies wins.
 */
#define ALT_SMAP      1
#define ALT_VERW      2
#define ALT_RSB_ENTRY 4
#define ALT_RETPOLINE 8
#define ALT_LFENCE    16
#define ALT_RSB_64BIT 32
#define ALT_LATENCY   64 /* lib/latency_site.h has it again */

/* Kinds of records. */
#define ALT_BYTES 0 /* copy `length` bytes from `from` */
#define ALT_CALL  1 /* 5 bytes: CALL from */
#define ALT_JMP   3 /* 5 bytes: JMP from */
#define ALT_VERW_OF 2 /* 7 bytes: VERW from(%rip) */

#ifdef __ASSEMBLER__
	/* \place: a label of \length bytes of code to become those at \from. */
	.macro alternative place, from, length, feature, kind
	.pushsection .alternatives, "a"
	.quad \place, \from
	.long \feature
	.word \length, \kind
	.popsection
	.endm
#else
#include "lib/types.h"

struct alternative {
	u64 place, from;
	u32 feature;
	u16 length, kind;
};

/* The image's, from the linker. */
extern const struct alternative _alternatives_start[], _alternatives_end[];

/* Write what the features in `on` (ALT_*) ask for. Boot CPU, alone. */
void alternatives_apply(u32 on);
/*
 * alternatives_write() - the same for the records from `p` to `end`, whose places can be written.
 * alternatives_count() - how many of these places hold what `feature` (one of ALT_*) asks for, and
 * in *all how many there are for it.
 */
void alternatives_write(const struct alternative *p, const struct alternative *end, u32 on);
unsigned alternatives_count(const struct alternative *p, const struct alternative *end, u32 feature,
			    unsigned *all);
/* Overwrite the return stack buffer. Clobbers flags only. */
void rsb_stuff(void);
#endif
#endif
