/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_RACE_H
#define ANNULUS_TESTS_UNIT_RACE_H

/*
 * Races without a second CPU: a test says what "somebody else" does between a look at a word and
 * the exchange, the addition or the OR that relies on it. For programs built with `cflags:
 * -include tests/unit/race.h`, so that every file of theirs has these.
 */
#include "lib/types.h"

/* Runs what race_before() was given if `word` is the one it was given for. */
void race_at(const volatile void *word);

#undef atomic_cmpxchg
#define atomic_cmpxchg(p, o, n) \
	(race_at(p), \
	 __atomic_compare_exchange_n((p), (o), (n), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#undef atomic_xchg
#define atomic_xchg(p, v) (race_at(p), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#undef atomic_add
#define atomic_add(p, v) (race_at(p), __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST))
#undef atomic_or
#define atomic_or(p, v) (race_at(p), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))

#endif
