// SPDX-License-Identifier: GPL-2.0-or-later
/* Arithmetic of clocks. */
#include "machine/timescale.h"

#define NS_PER_SEC 1000000000ULL

struct timescale timescale_from_hz(u64 hz)
{
	struct timescale s = { .shift = 0 };

	hz = max(min(hz, TIMESCALE_HZ_MAX), TIMESCALE_HZ_MIN);
	/* ns per tick, divided by 2^shift, shall lie in [1/2, 1). */
	while (hz <= NS_PER_SEC) {
		hz <<= 1;
		s.shift++;
	}
	if (s.shift) {
		s.mul = (u32)muldiv64(NS_PER_SEC, BIT(32), hz);
	} else {
		while (hz > 2 * NS_PER_SEC << -s.shift)
			s.shift--;
		s.mul = (u32)muldiv64(NS_PER_SEC << -s.shift, BIT(32), hz);
	}
	return s;
}

u64 timescale_hz(struct timescale s)
{
	if (s.shift < 0)
		return muldiv64(NS_PER_SEC << -s.shift, BIT(32), s.mul);
	return muldiv64(NS_PER_SEC, BIT(32), s.mul) >> s.shift;
}

u64 timescale_ticks(u64 hz, u64 ns, u64 limit)
{
	u64 ticks;

	/*
	 * An hour is longer than any timer hardware needs to be told at once, and keeps the product
	 * in range.
	 */
	if (ns > 3600 * NS_PER_SEC)
		ns = 3600 * NS_PER_SEC;
	ticks = muldiv64(ns, hz, NS_PER_SEC) + 1;
	return min(ticks, limit);
}

u64 median3(u64 a, u64 b, u64 c)
{
	return max(min(a, b), min(max(a, b), c));
}

struct timescale timescale_steer(u64 hz, u64 local, u64 master, u64 epoch)
{
	u64 limit = epoch / 16, off;

	/* What the clock has to advance while the other one advances by an epoch. */
	if (local > master) {
		off = min(local - master, limit);
		return timescale_from_hz(muldiv64(hz, epoch, epoch - off));
	}
	off = min(master - local, limit);
	return timescale_from_hz(muldiv64(hz, epoch, epoch + off));
}

u64 date_to_seconds(unsigned year, unsigned month, unsigned day, unsigned hour,
		    unsigned minute, unsigned second)
{
	u64 days;

	/* Count from March, so that the leap day is a year's last. */
	if (month <= 2) {
		month += 12;
		year--;
	}
	days = year * 365ULL + year / 4 - year / 100 + year / 400;
	days += (153 * (month - 3) + 2) / 5 + day - 1;
	days -= 719468; /* from 0000-03-01 to 1970-01-01 */
	return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

bool wallclock_base(u64 sec, u32 nsec, u64 at, u64 *base_sec, u32 *base_nsec)
{
	u64 at_sec = at / NS_PER_SEC;
	u32 at_nsec = (u32)(at % NS_PER_SEC);

	if (nsec >= NS_PER_SEC)
		return false;
	if (nsec < at_nsec) {
		if (!sec)
			return false;
		sec--;
		nsec += NS_PER_SEC;
	}
	if (sec < at_sec)
		return false;
	*base_sec = sec - at_sec;
	*base_nsec = nsec - at_nsec;
	return true;
}

u64 periodic_next(u64 last, u64 period, u64 now, bool *ticked)
{
	*ticked = now >= last && now - last >= period;
	if (now < last)
		return last;
	return last + ((now - last) / period + 1) * period;
}
