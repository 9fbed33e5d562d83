/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_COUNTER_H
#define ANNULUS_MACHINE_COUNTER_H

#include "lib/types.h"

/*
 * A counter of the platform, the same for all CPUs, against which the CPUs' own clocks are
 * measured. It counts up and wraps at `mask`. read() may be called by any CPU with interrupts off;
 * what needs a lock inside has one.
 */
struct platform_counter {
	const char *name;
	u64 hz;
	u64 mask;      /* 2^n - 1 */
	u64 (*read)(void);
};

/*
 * Each sets its device going, once, on the boot CPU, and returns NULL if the machine has none that
 * works.
 */
const struct platform_counter *hpet_counter(void);
const struct platform_counter *pmtimer_counter(void);
/* Channel 2 of the 8254: wraps after 55 ms, for calibration only. */
const struct platform_counter *pit_counter(void);
/* Switch the 8254's speaker channel off again. */
void pit_counter_stop(void);

#endif
