/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_CUNIT_H
#define ANNULUS_TESTS_FUZZ_CUNIT_H

/*
 * Fixtures of the unit tests check with CUnit's macros. In a fuzzer a failed check ends the
 * program.
 */
#include "tests/fuzz/fuzz.h"

#define CU_ASSERT(a)                    CU_ASSERT_TRUE(a)
#define CU_ASSERT_FATAL(a)              CU_ASSERT_TRUE(a)
#define CU_ASSERT_STRING_EQUAL(a, b)    FUZZ_CHECK(!strcmp(a, b), "%s is not %s", a, b)
#define CU_ASSERT_TRUE(a)               FUZZ_CHECK((a), "should be true")
#define CU_ASSERT_FALSE(a)              FUZZ_CHECK(!(a), "should be false")
#define CU_ASSERT_EQUAL(a, b)           FUZZ_CHECK((a) == (b), "should be equal")
#define CU_ASSERT_NOT_EQUAL(a, b)       FUZZ_CHECK((a) != (b), "should differ")
#define CU_ASSERT_PTR_NOT_NULL(a)       FUZZ_CHECK((a) != NULL, "should not be NULL")
#define CU_ASSERT_TRUE_FATAL(a)         CU_ASSERT_TRUE(a)
#define CU_ASSERT_EQUAL_FATAL(a, b)     CU_ASSERT_EQUAL(a, b)
#define CU_ASSERT_PTR_NOT_NULL_FATAL(a) CU_ASSERT_PTR_NOT_NULL(a)
#define CU_FAIL_FATAL(s)                FUZZ_CHECK(0, "%s", s)
#define CU_FAIL(s)                      FUZZ_CHECK(0, "%s", s)

#endif
