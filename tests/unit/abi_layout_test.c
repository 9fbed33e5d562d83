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

#include <CUnit/Basic.h>

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

/* A change that loses rows must not go unnoticed: there were this many and more. */
#define ROWS_AT_LEAST 2000

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

static void test_tables_are_complete(void)
{
	size_t i;

	CU_ASSERT_EQUAL_FATAL(layout_ours.count, layout_xen.count);
	CU_ASSERT(layout_ours.count >= ROWS_AT_LEAST);
	for (i = 0; i < layout_ours.count; i++)
		CU_ASSERT_FATAL(same_name(&layout_ours.rows[i], &layout_xen.rows[i]));
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
		if (our->offset == xen->offset && our->size == xen->size && same_text(our, xen))
			continue;
		different++;
		printf("\n    %s%s%s: ours %lld (size %zu) \"%s\", xen %lld (size %zu) \"%s\"",
		       our->type, our->member ? " ." : "", our->member ? our->member : "",
		       our->offset, our->size, our->text ? our->text : "",
		       xen->offset, xen->size, xen->text ? xen->text : "");
	}
	printf("\n    %zu rows compared, %zu differ ", seen, different);
	CU_ASSERT(seen > 0);
	CU_ASSERT_EQUAL(different, 0);
}

static void test_members(void)
{
	compare_rows(true);
}

static void test_sizes_and_constants(void)
{
	compare_rows(false);
}

static void test_assembler_sees_the_same_numbers(void)
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

int main(void)
{
	CU_pSuite suite;
	unsigned int failures;

	if (layout_xen.count == 0) {
		printf("skipped: the public Xen headers (package libxen-dev) are not installed\n");
		return EXIT_SKIPPED;
	}
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("pv-abi layout", NULL, NULL);
	if (!suite ||
	    !CU_add_test(suite, "both tables name the same things", test_tables_are_complete) ||
	    !CU_add_test(suite, "members have the same offset and size", test_members) ||
	    !CU_add_test(suite, "sizes and constants are the same", test_sizes_and_constants) ||
	    !CU_add_test(suite, "the assembler sees the same numbers",
			 test_assembler_sees_the_same_numbers)) {
		CU_cleanup_registry();
		return 1;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
