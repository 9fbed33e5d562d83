/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_APIC_TIMER_H
#define ANNULUS_HVM_APIC_TIMER_H

#include "lib/types.h"

/*
 * The counter of a local APIC's timer (SDM vol. 3A, 10.5.4; APM vol. 2, 16.4.1): it counts from the
 * initial count down to 0 by a clock of 100 MHz, divided by 1 to 128, and then stops, or begins
 * anew. `periodic` is what its LVT entry says when asked, `now` system time; nothing goes on
 * by itself. A period is never shorter than APIC_TIMER_PERIOD_MIN, however few counts it has: the
 * count stands at its beginning for the rest.
 */
#define APIC_TIMER_NS	      10
#define APIC_TIMER_PERIOD_MIN 200000ULL
#define APIC_TIMER_NEVER      (~0ULL)

struct apic_timer {
	u32 initial, divide; /* as the registers have them */
	u64 due;	     /* ns of system time; APIC_TIMER_NEVER: it stands still at 0 */
};

/* The registers are written. What was due before, apic_timer_expire() has been asked. */
void apic_timer_start(struct apic_timer *t, u32 initial, bool periodic, u64 now);
void apic_timer_divide(struct apic_timer *t, u32 divide, bool periodic, u64 now);
/* After a start: it is at `count`, 0 if it has stopped there. */
void apic_timer_resume(struct apic_timer *t, u32 count, u64 now);
/* The current count. */
u32 apic_timer_current(const struct apic_timer *t, bool periodic, u64 now);
/* Was 0 reached since this was asked last, once or more often? */
bool apic_timer_expire(struct apic_timer *t, bool periodic, u64 now);

#endif
