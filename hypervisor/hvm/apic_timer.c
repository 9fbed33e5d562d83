// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/apic_timer.h"
#include "machine/timescale.h"

/* Bits 0, 1 and 3; 7 is the clock itself. */
static u64 count_ns(const struct apic_timer *t)
{
	u32 value = (t->divide & 3) | (t->divide >> 1 & 4);

	return (u64)APIC_TIMER_NS << ((value + 1) & 7);
}

static u64 length_ns(const struct apic_timer *t, bool periodic)
{
	u64 ns = t->initial * count_ns(t);

	return periodic ? max(ns, APIC_TIMER_PERIOD_MIN) : ns;
}

void apic_timer_start(struct apic_timer *t, u32 initial, bool periodic, u64 now)
{
	t->initial = initial;
	t->due = initial ? now + length_ns(t, periodic) : APIC_TIMER_NEVER;
}

void apic_timer_divide(struct apic_timer *t, u32 divide, bool periodic, u64 now)
{
	u32 count = apic_timer_current(t, periodic, now);

	t->divide = divide;
	if (t->due != APIC_TIMER_NEVER)
		t->due = now + count * count_ns(t);
}

void apic_timer_resume(struct apic_timer *t, u32 count, u64 now)
{
	t->due = count ? now + count * count_ns(t) : APIC_TIMER_NEVER;
}

u32 apic_timer_current(const struct apic_timer *t, bool periodic, u64 now)
{
	u64 due = t->due, count;
	bool ticked;

	if (due == APIC_TIMER_NEVER)
		return 0;
	if (due <= now && !periodic)
		return 0;
	if (due <= now)
		due = periodic_next(due, length_ns(t, true), now, &ticked);
	count = (due - now + count_ns(t) - 1) / count_ns(t);
	return (u32)min(count, (u64)t->initial);
}

bool apic_timer_expire(struct apic_timer *t, bool periodic, u64 now)
{
	bool ticked;

	if (t->due == APIC_TIMER_NEVER || now < t->due)
		return false;
	t->due = periodic ? periodic_next(t->due, length_ns(t, true), now, &ticked) :
			    APIC_TIMER_NEVER;
	return true;
}
