/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_MOMENT_H
#define ANNULUS_TESTS_FUZZ_MOMENT_H

/*
 * For fuzzers with `cflags: -include tests/fuzz/moment.h`: what CPUs may do right before a word's
 * exchange, such as walking through the entry that it is. See mmu_world.h.
 */
#include "lib/types.h"

void world_moment(const volatile void *word);

#undef atomic_cmpxchg
#define atomic_cmpxchg(p, o, n) \
	(world_moment(p), \
	 __atomic_compare_exchange_n((p), (o), (n), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#undef atomic_xchg
#define atomic_xchg(p, v) (world_moment(p), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))

#endif
