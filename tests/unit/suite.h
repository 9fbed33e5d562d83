/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_SUITE_H
#define ANNULUS_TESTS_UNIT_SUITE_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <stdlib.h>

/*
 * A file with tests is one program. TEST() is one of its tests, which run in the order of the file,
 * and SUITE(), its last line, makes main(), and says by the names of struct suite what goes before
 * and after them:
 *
 *	TEST(test_loopback, "loopback")
 *	{
 *		CU_ASSERT_EQUAL(...);
 *	}
 *
 *	SUITE("event", .begin = setup, .end = teardown)
 */
struct suite {
	const char *name;
	void (*init)(void);		   /* once, first of all */
	CU_InitializeFunc before;	   /* once, before the first test: 0, or none is run */
	CU_CleanupFunc after;		   /* once, after the last: 0, or it is a failure */
	void (*begin)(void), (*end)(void); /* before and after each */
};

static CU_TestInfo suite_tests[64]; /* the last is CU_TEST_INFO_NULL */
static int suite_lines[64];

/* Constructors run in any order: sorted by line. */
static inline void suite_add(const char *name, CU_TestFunc fn, int line)
{
	static int n;
	int i = n++;

	if (n == sizeof(suite_lines) / sizeof(suite_lines[0]))
		abort();
	for (; i && suite_lines[i - 1] > line; i--) {
		suite_tests[i] = suite_tests[i - 1];
		suite_lines[i] = suite_lines[i - 1];
	}
	suite_tests[i] = (CU_TestInfo){ name, fn };
	suite_lines[i] = line;
}

#define TEST(fn, text)                                          \
	static void fn(void);                                   \
	static void __attribute__((constructor)) add_##fn(void) \
	{                                                       \
		suite_add(text, fn, __LINE__);                  \
	}                                                       \
	static void fn(void)

/* Runs `tests`, which end with CU_TEST_INFO_NULL. Returns what main() does, 0 or 1. */
static inline int suite_run_all(const struct suite *s, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = { { s->name, s->before, s->after, s->begin, s->end, tests },
				  CU_SUITE_INFO_NULL };
	unsigned failed;

	if (s->init)
		s->init();
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
	return suite_run_all(&(struct suite){ .name = name }, tests);
}

#define SUITE(title, ...)                                                    \
	int main(void)                                                       \
	{                                                                    \
		const struct suite suite = { .name = title, ##__VA_ARGS__ }; \
                                                                             \
		return suite_run_all(&suite, suite_tests);                   \
	}

#endif
