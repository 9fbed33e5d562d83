// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/vector.c
//
// Interrupt vectors are given out once, in aligned runs, and never those that guests or the
// hypervisor use otherwise.

#include "suite.h"
#include <stdlib.h>
#include <string.h>

#include "cpu/vectors.h"
#include "machine/vector.h"
#include "pv-abi/errno.h"

static struct vector_map map;

TEST(test_all, "one by one")
{
	bool seen[256] = { false };
	unsigned n = 0;
	int v;

	vector_map_init(&map);
	while ((v = vector_alloc(&map, 1)) >= 0) {
		CU_ASSERT_TRUE(v >= DYNAMIC_VECTOR_FIRST && v <= DYNAMIC_VECTOR_LAST);
		CU_ASSERT_FALSE(seen[v]);
		seen[v] = true;
		n++;
	}
	CU_ASSERT_EQUAL(v, -ENOSPC);
	CU_ASSERT_EQUAL(n, DYNAMIC_VECTOR_LAST - DYNAMIC_VECTOR_FIRST + 1 - 2);
	CU_ASSERT_FALSE(seen[LEGACY_SYSCALL_VECTOR] || seen[LEGACY_HYPERCALL_VECTOR]);
	/* What is not dynamic cannot be given back. */
	vector_free(&map, LEGACY_SYSCALL_VECTOR);
	vector_free(&map, LEGACY_HYPERCALL_VECTOR);
	vector_free(&map, TIMER_VECTOR);
	vector_free(&map, 14);
	CU_ASSERT_EQUAL(vector_alloc(&map, 1), -ENOSPC);
	vector_free(&map, 0x55);
	CU_ASSERT_EQUAL(vector_alloc(&map, 1), 0x55);
}

TEST(test_counts, "counts and alignment")
{
	static const unsigned bad[] = { 0, 3, 5, 33, 64, ~0U };

	vector_map_init(&map);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_EQUAL(vector_alloc(&map, bad[i]), -EINVAL);
	for (unsigned n = 1; n <= 32; n *= 2)
		CU_ASSERT_EQUAL(vector_alloc(&map, n) % (int)n, 0);
}

TEST(test_random, "random runs")
{
	u8 owner[256] = { 0 };
	struct {
		int first;
		unsigned count;
	} held[64] = { { 0, 0 } };

	srand(2);
	vector_map_init(&map);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = rand() % ARRAY_SIZE(held);
		unsigned count = 1U << rand() % 6;

		if (held[i].count) {
			for (unsigned n = 0; n < held[i].count; n++) {
				owner[held[i].first + n] = 0;
				vector_free(&map, (u8)(held[i].first + n));
			}
			held[i].count = 0;
			continue;
		}
		held[i].first = vector_alloc(&map, count);
		if (held[i].first < 0) {
			CU_ASSERT_EQUAL(held[i].first, -ENOSPC);
			continue;
		}
		held[i].count = count;
		CU_ASSERT_EQUAL(held[i].first % (int)count, 0);
		for (unsigned n = 0; n < count; n++) {
			CU_ASSERT_EQUAL(owner[held[i].first + n], 0);
			owner[held[i].first + n] = 1;
		}
	}
}

SUITE("vector")
