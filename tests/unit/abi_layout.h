/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rows that abi_layout_ours.c and abi_layout_xen.c build from one list of names, each
 * from its own set of headers, and that abi_layout_test.c compares.
 */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <stddef.h>

struct layout_row {
	const char *type;	 /* "struct trap_info", or the names of constants, by ", " */
	const char *member;	 /* NULL: the row is about the type itself */
	size_t offset;		 /* bytes */
	size_t size;		 /* bytes, 0 for a trailing array; how many constants there are */
	const char *text;	 /* a string constant's value */
	const long long *values; /* of the constants; NULL for other rows */
};

struct layout_table {
	const struct layout_row *rows;
	size_t count;		/* 0: the headers are not installed */
};

extern const struct layout_table layout_ours;
extern const struct layout_table layout_xen;

/* Filled by abi_layout_asm.S with the names of ABI_ASM_NUMBERS. */
extern const unsigned long long layout_asm_numbers[];

#endif /* ABI_LAYOUT_H */
