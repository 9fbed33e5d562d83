/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_SUITE_H
#define ANNULUS_TESTS_UNIT_SUITE_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

/*
 * What main() of a test does: run `tests`, which end with CU_TEST_INFO_NULL. Returns 0 or 1.
 * suite_run_between() calls `before` first and `after` last; each returns 0 if it could.
 */
static inline int suite_run_between(const char *name, CU_InitializeFunc before,
				    CU_CleanupFunc after, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = { { name, before, after, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
	unsigned failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}

static inline int suite_run(const char *name, CU_TestInfo *tests)
{
	return suite_run_between(name, NULL, NULL, tests);
}

#endif
