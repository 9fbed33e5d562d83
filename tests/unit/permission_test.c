// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c tests/unit/sim/sim.c
/*
 * Sets of ranges: every answer is compared with an array of flags after thousands of random
 * changes.
 */
#include "suite.h"
#include <stdlib.h>
#include <string.h>

#include "domain/permission.h"
#include "pv-abi/errno.h"
#include "sim.h"

#define VALUES 64

static struct range_set set;

static bool model_all(const bool *model, unsigned a, unsigned b)
{
	for (unsigned i = a; i <= b; i++)
		if (!model[i])
			return false;
	return true;
}

static bool model_any(const bool *model, unsigned a, unsigned b)
{
	for (unsigned i = a; i <= b; i++)
		if (model[i])
			return true;
	return false;
}

TEST(test_random, "random changes equal the model")
{
	bool model[VALUES] = { false };

	range_set_init(&set);
	srand(7);
	for (unsigned round = 0; round < 3000; round++) {
		unsigned a = (unsigned)rand() % VALUES, b = a + (unsigned)rand() % (VALUES - a);
		bool add = rand() % 2;

		if (rand() % 3)
			b = min(a + (unsigned)rand() % 4, VALUES - 1U);
		CU_ASSERT_EQUAL(add ? range_set_add(&set, a, b) : range_set_remove(&set, a, b), 0);
		for (unsigned i = a; i <= b; i++)
			model[i] = add;
		for (unsigned i = 0; i < 20; i++) {
			a = (unsigned)rand() % VALUES;
			b = a + (unsigned)rand() % (VALUES - a);
			CU_ASSERT_EQUAL(range_set_contains(&set, a, b), model_all(model, a, b));
			CU_ASSERT_EQUAL(range_set_overlaps(&set, a, b), model_any(model, a, b));
		}
	}
	range_set_destroy(&set);
	CU_ASSERT_EQUAL(sim.objects, 0);
}

TEST(test_merge, "neighbours merge")
{
	range_set_init(&set);
	/* Neighbours become one: one object is left of three. */
	range_set_add(&set, 10, 19);
	range_set_add(&set, 30, 39);
	range_set_add(&set, 20, 29);
	CU_ASSERT_EQUAL(sim.objects, 1);
	CU_ASSERT(range_set_contains(&set, 10, 39));
	CU_ASSERT(!range_set_contains(&set, 9, 39) && !range_set_contains(&set, 10, 40));
	range_set_destroy(&set);
	CU_ASSERT_EQUAL(sim.objects, 0);
	CU_ASSERT(!range_set_overlaps(&set, 0, ~0ULL));
}

TEST(test_limits, "ends of the number range")
{
	range_set_init(&set);
	CU_ASSERT_EQUAL(range_set_add(&set, 2, 1), -EINVAL);
	CU_ASSERT_EQUAL(range_set_remove(&set, 2, 1), -EINVAL);
	CU_ASSERT(!range_set_contains(&set, 2, 1) && !range_set_overlaps(&set, 2, 1));

	CU_ASSERT_EQUAL(range_set_add(&set, 0, ~0ULL), 0);
	CU_ASSERT(range_set_contains(&set, 0, ~0ULL));
	CU_ASSERT_EQUAL(range_set_remove(&set, 0, 0), 0);
	CU_ASSERT_EQUAL(range_set_remove(&set, ~0ULL, ~0ULL), 0);
	CU_ASSERT(range_set_contains(&set, 1, ~0ULL - 1));
	CU_ASSERT(!range_set_overlaps(&set, 0, 0) && !range_set_overlaps(&set, ~0ULL, ~0ULL));
	CU_ASSERT_EQUAL(range_set_add(&set, ~0ULL, ~0ULL), 0);
	CU_ASSERT_EQUAL(range_set_add(&set, 0, 0), 0);
	CU_ASSERT_EQUAL(sim.objects, 1);
	range_set_destroy(&set);
}

TEST(test_no_memory, "no memory changes nothing")
{
	range_set_init(&set);
	range_set_add(&set, 10, 20);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(range_set_add(&set, 30, 40), -ENOMEM);
	CU_ASSERT_EQUAL(range_set_remove(&set, 12, 14), -ENOMEM);
	CU_ASSERT(range_set_contains(&set, 10, 20) && !range_set_overlaps(&set, 21, ~0ULL));
	range_set_destroy(&set);
	CU_ASSERT_EQUAL(sim.objects, 0);
}

TEST(test_domain, "a domain's sets are separate")
{
	struct permissions p;

	permissions_init(&p);
	range_set_add(&p.ports, 0x3f8, 0x3ff);
	range_set_add(&p.iomem, 0xfebc0, 0xfebdf);
	range_set_add(&p.irqs, 4, 4);
	CU_ASSERT(range_set_contains(&p.ports, 0x3f8, 0x3ff) &&
		  !range_set_overlaps(&p.irqs, 0x3f8, 0x3ff));
	permissions_destroy(&p);
	CU_ASSERT_EQUAL(sim.objects, 0);
}

SUITE("permission", .begin = sim_reset)
