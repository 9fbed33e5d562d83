/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_LATENCY_SITE_H
#define ANNULUS_LIB_LATENCY_SITE_H

/*
 * Places that latency=1 writes over at boot (cpu/alternative.h has the records' form). Each is one
 * instruction of at least the 5 bytes of a CALL to what does the same and measures: CLI and STI are
 * made as long by prefixes that mean nothing to them (Intel SDM vol. 2A, 2.1.1).
 */
#define LATENCY_FEATURE 64

#ifdef __ASSEMBLER__
	/* \place becomes a CALL, and so may what it was. */
	.macro latency_site place, to
	alternative \place, \to, 5, LATENCY_FEATURE, ALT_CALL
	.endm
	.macro latency_cli to
773:	.byte 0x3e, 0x3e, 0x3e, 0x3e, 0xfa
	latency_site 773b, \to
	.endm
	.macro latency_sti
773:	.byte 0x3e, 0x3e, 0x3e, 0x3e, 0xfb
	latency_site 773b, latency_irq_on
	.endm
	.macro latency_call function
773:	call \function
	latency_site 773b, latency_\function
	.endm
#else
#define LATENCY_CLI ".byte 0x3e, 0x3e, 0x3e, 0x3e, 0xfa"
#define LATENCY_STI ".byte 0x3e, 0x3e, 0x3e, 0x3e, 0xfb"

#define LATENCY_TEXT_(x) #x
#define LATENCY_TEXT(x)  LATENCY_TEXT_(x)
#define LATENCY_RECORD(place, from, length, kind)                                                  \
	"	.quad " place ", " from "\n"                                                       \
	"	.long " LATENCY_TEXT(LATENCY_FEATURE) "\n"                                         \
	"	.word " #length ", " #kind "\n"

/* In an asm: the instruction at 771 becomes a CALL; it has `rest` bytes more than that. */
#define LATENCY_CALL(to, rest)                                                                     \
	".pushsection .alternatives, \"a\"\n"                                                      \
	LATENCY_RECORD("771b", to, 5, 1)                                                           \
	LATENCY_RECORD("771b + 5", "bytes_nop" #rest, rest, 0)                                     \
	".popsection\n"
/* The same for one of 5 bytes. */
#define LATENCY_CALL5(to)                                                                          \
	".pushsection .alternatives, \"a\"\n"                                                      \
	LATENCY_RECORD("771b", to, 5, 1)                                                           \
	".popsection\n"
#endif
#endif
