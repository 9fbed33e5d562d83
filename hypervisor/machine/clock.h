/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_CLOCK_H
#define ANNULUS_MACHINE_CLOCK_H

#include "lib/types.h"
#include "machine/timescale.h"

/*
 * System time from the CPUs' time stamp counters.
 *
 * Stable: all TSCs agree and one record, which never changes, serves all CPUs. Guests are shown the
 * same clock as it is described one of its steps (machine/timescale.h) later, and later again:
 * there are kernels that keep the ns since the record in 32 bits, 4.29 s. Otherwise each CPU has a
 * record of its own, steered once a second towards a counter of the platform (HPET or ACPI PM
 * timer), and readers on all CPUs together keep the clock from going backwards.
 *
 * The change to the second kind happens once at most: when clock_check_cpus() finds TSCs apart or,
 * on a CPU that does not promise a constant rate, when the watchdog finds the TSC drifting.
 */
struct clock_record {
	u64 tsc;                 /* this reading ... */
	u64 ns;                  /* ... was this system time */
	struct timescale scale;
};

void clock_init(void);       /* boot CPU, once: choose the counters, measure */
void clock_init_cpu(void);   /* each CPU, after its timer queue is there */
/* Boot CPU, interrupts on, when the others are online and no guest runs yet: do all TSCs agree? */
void clock_check_cpus(void);

/* ns since clock_init(); 0 before. Any CPU, any context. */
u64 clock_now(void);
bool clock_stable(void);
/* The record for what runs on this CPU, not older than a second. Interrupts off. */
void clock_record_get(struct clock_record *r);
/* Another number when clock_record_get() would give another record. */
u32 clock_epoch(void);
/* The same clock as r, as of its last whole step before `tsc`. r's scale is a stepped one. */
static inline void clock_record_advance(struct clock_record *r, u64 tsc)
{
	u64 steps = tsc > r->tsc ? timescale_steps(r->scale, tsc - r->tsc) : 0;

	r->tsc += timescale_step_ticks(r->scale, steps);
	r->ns += timescale_step_ns(r->scale, steps);
}

/*
 * Called on a CPU whose record has changed, interrupts on, for who shows the record to somebody.
 * Set at boot.
 */
extern void (*clock_changed)(void);

extern u64 clock_tsc_hz;
extern u64 clock_apic_hz;    /* of the local APIC timer as apic_timer_setup() sets it */

/* Wait, spinning. After clock_init(). */
void clock_delay_us(u64 us);

/* For the boot log and the debug keys. */
const char *clock_source_name(void);

#endif
