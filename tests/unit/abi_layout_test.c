// SPDX-License-Identifier: GPL-2.0-or-later
// sources: tests/unit/abi_layout_ours.c tests/unit/abi_layout_xen.c tests/unit/abi_layout_asm.S
// bits: 64 32
/*
 * Our pv-abi headers against the public ones of Xen 4.17: every structure must have the same
 * size, every member the same place, every constant the same value. Two translation units
 * hold one list of names each, seen through one set of headers; here the tables meet.
 *
 * Exits with 77 (skipped) where the public headers are not installed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

#include "pv-abi/errno.h"
#include "pv-abi/xen.h"
#include "pv-abi/elfnote.h"
#include "pv-abi/version.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/platform.h"
#include "pv-abi/callback.h"
#include "pv-abi/nmi.h"
#include "pv-abi/sysctl.h"

#include "abi_layout.h"
#include "abi_layout_asm.h"

#define EXIT_SKIPPED 77

/* A change that loses names must not go unnoticed: there were this many and more. */
#define NAMES_AT_LEAST 2000

static bool same_name(const struct layout_row *a, const struct layout_row *b)
{
	return strcmp(a->type, b->type) == 0 &&
	       (a->member == NULL) == (b->member == NULL) &&
	       (a->member == NULL || strcmp(a->member, b->member) == 0);
}

static bool same_text(const struct layout_row *a, const struct layout_row *b)
{
	return (a->text == NULL) == (b->text == NULL) &&
	       (a->text == NULL || strcmp(a->text, b->text) == 0);
}

TEST(test_tables_are_complete, "both tables name the same things")
{
	size_t names = 0;

	CU_ASSERT_EQUAL_FATAL(layout_ours.count, layout_xen.count);
	for (size_t i = 0; i < layout_ours.count; i++) {
		CU_ASSERT_FATAL(same_name(&layout_ours.rows[i], &layout_xen.rows[i]));
		names += layout_ours.rows[i].values ? layout_ours.rows[i].size : 1;
	}
	CU_ASSERT(names >= NAMES_AT_LEAST);
}

/* Prints those that differ and returns how many. */
static size_t compare_values(const struct layout_row *our, const struct layout_row *xen)
{
	const char *name = our->type;
	size_t different = 0;

	for (size_t i = 0; i < our->size; i++) {
		int length = (int)strcspn(name, ",");

		if (our->values[i] != xen->values[i]) {
			printf("\n    %.*s: ours %lld, xen %lld", length, name, our->values[i],
			       xen->values[i]);
			different++;
		}
		name += length;
		name += strspn(name, ", ");
	}
	return different;
}

/* Compares the rows of members (or all others) and prints every one that differs. */
static void compare_rows(bool members)
{
	size_t i, different = 0, seen = 0;

	CU_ASSERT_EQUAL_FATAL(layout_ours.count, layout_xen.count);
	for (i = 0; i < layout_ours.count; i++) {
		const struct layout_row *our = &layout_ours.rows[i], *xen = &layout_xen.rows[i];

		if ((our->member != NULL) != members)
			continue;
		seen++;
		if (our->values && our->size == xen->size) {
			different += compare_values(our, xen);
			continue;
		}
		if (our->offset == xen->offset && our->size == xen->size && same_text(our, xen))
			continue;
		different++;
		printf("\n    %s%s%s: ours %zu (size %zu) \"%s\", xen %zu (size %zu) \"%s\"",
		       our->type, our->member ? " ." : "", our->member ? our->member : "",
		       our->offset, our->size, our->text ? our->text : "",
		       xen->offset, xen->size, xen->text ? xen->text : "");
	}
	printf("\n    %zu rows compared, %zu differ ", seen, different);
	CU_ASSERT(seen > 0);
	CU_ASSERT_EQUAL(different, 0);
}

TEST(test_members, "members have the same offset and size")
{
	compare_rows(true);
}

TEST(test_sizes_and_constants, "sizes and constants are the same")
{
	compare_rows(false);
}

TEST(test_assembler_sees_the_same_numbers, "the assembler sees the same numbers")
{
	static const unsigned long long numbers[] = { ABI_ASM_NUMBERS };
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] != layout_asm_numbers[i])
			printf("\n    number %zu: C %#llx, assembler %#llx", i, numbers[i],
			       layout_asm_numbers[i]);
		CU_ASSERT_EQUAL(numbers[i], layout_asm_numbers[i]);
	}
}

static void need_headers(void)
{
	if (layout_xen.count)
		return;
	printf("skipped: the public Xen headers (package libxen-dev) are not installed\n");
	exit(EXIT_SKIPPED);
}

SUITE("pv-abi layout", .init = need_headers)
