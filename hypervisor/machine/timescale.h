/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_TIMESCALE_H
#define ANNULUS_MACHINE_TIMESCALE_H

#include "lib/types.h"

/* Arithmetic of clocks: pure functions. */

/*
 * Ticks to ns as the ABI's vcpu_time_info has it: ((ticks << shift) * mul) >> 32, a negative shift
 * goes right.
 */
struct timescale {
	u32 mul;
	s8 shift;
};

#define TIMESCALE_HZ_MIN 100000ULL
#define TIMESCALE_HZ_MAX 8000000000ULL
/* For a counter of `hz`, within the two limits. mul has its top bit set: 31 bits of precision. */
struct timescale timescale_from_hz(u64 hz);
u64 timescale_hz(struct timescale s);
/* The guests compute the very same. */
static inline u64 timescale_ns(struct timescale s, u64 ticks)
{
	ticks = s.shift < 0 ? ticks >> -s.shift : ticks << s.shift;
	return (u64)((unsigned __int128)ticks * s.mul >> 32);
}
/*
 * Steps. A scale whose mul is divisible by 8 counts a step of 2^(29 - shift) ticks as exactly
 * mul / 8 ns, which is a quarter of a second to half of one: counted from the end of any step, a
 * clock shows to the ns what it does counted from the step's start. timescale_stepped() gives up
 * three bits of precision for that.
 */
static inline struct timescale timescale_stepped(struct timescale s)
{
	s.mul &= ~7U;
	return s;
}
/* How many whole steps there are in `ticks`, and what n of them are. */
static inline u64 timescale_steps(struct timescale s, u64 ticks)
{
	return ticks >> (29 - s.shift);
}
static inline u64 timescale_step_ticks(struct timescale s, u64 n)
{
	return n << (29 - s.shift);
}
static inline u64 timescale_step_ns(struct timescale s, u64 n)
{
	return n * (s.mul >> 3);
}
/* a * b / c without losing the high half; the quotient must fit. */
static inline u64 muldiv64(u64 a, u64 b, u64 c)
{
	u64 lo, hi;

	__asm__("mulq %3" : "=a"(lo), "=d"(hi) : "0"(a), "rm"(b) : "cc");
	__asm__("divq %4" : "=a"(lo), "=d"(hi) : "0"(lo), "1"(hi), "rm"(c) : "cc");
	return lo;
}
/* How many ticks of `hz` take at least `ns`; saturates at `limit`. */
u64 timescale_ticks(u64 hz, u64 ns, u64 limit);

/* The middle one of three. */
u64 median3(u64 a, u64 b, u64 c);

/*
 * The scale for the next epoch of a clock that is to follow another one. It showed `local` ns when
 * the other showed `master`; it ran at `hz`. In `epoch` ns from now both shall agree, but the rate
 * changes by 1/16 at most, so that it never stands still.
 */
struct timescale timescale_steer(u64 hz, u64 local, u64 master, u64 epoch);

/* Seconds since 1970-01-01 UTC of a date in the Gregorian calendar; month and day count from 1. */
u64 date_to_seconds(unsigned year, unsigned month, unsigned day, unsigned hour,
		    unsigned minute, unsigned second);

/*
 * A wall clock that read sec.nsec at `at` ns of system time, moved back to system time 0. False,
 * and nothing stored, if that lies before 1970 or nsec is not below 10^9.
 */
bool wallclock_base(u64 sec, u32 nsec, u64 at, u64 *base_sec, u32 *base_nsec);

/*
 * A periodic tick of `period` ns (not 0) whose last one was due at `last`: returns when the next is
 * due, a multiple of the period after `last` and later than `now`; *ticked says whether one was due
 * since.
 */
u64 periodic_next(u64 last, u64 period, u64 now, bool *ticked);

#endif
