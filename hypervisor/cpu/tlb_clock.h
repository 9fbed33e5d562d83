/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_TLB_CLOCK_H
#define ANNULUS_CPU_TLB_CLOCK_H

#include "lib/types.h"

/*
 * The TLB clock: which CPUs may still have translations that memory does not hold any more. It
 * ticks with every full flush of any CPU. A frame is stamped with the time at which it lost its
 * last reference of a type or was freed; a CPU whose last full flush ticked later cannot hold a
 * stale entry of it, every other one may. Why that is so is told in tlb_clock.c.
 *
 * 64 bits do not end. A frame has room for the low 32 of them.
 */
extern u64 tlb_clock; /* atomic; odd */
#define TLB_TICK 2

/*
 * A frame's stamp, kept in 32 bits: the low half of the time, or one of two values that no time
 * has, since the clock is odd.
 */
#define TLB_STAMP_NONE    0U /* nothing was stamped: no CPU has to flush */
#define TLB_STAMP_UNKNOWN 2U /* guests may have translations since who knows when: all have to */

/* The stamp of what was taken out of all page tables just now. */
static inline u32 tlb_stamp_now(void)
{
	return (u32)atomic_read(&tlb_clock);
}

/*
 * Before a full flush of this CPU, interrupts off: the time that becomes cpus[].tlb_stamp after it.
 */
static inline u64 tlb_tick(void)
{
	return atomic_add(&tlb_clock, TLB_TICK);
}

/*
 * tlb_filter() - of the online CPUs in `mask`, those that may hold entries of what was stamped
 * `stamp`. Never too few; too many only if the stamp is older than 2^31 ticks. No lock needed.
 */
cpumask_t tlb_filter(cpumask_t mask, u32 stamp);

#endif
