/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_LATENCY_H
#define ANNULUS_LIB_LATENCY_H

#include "lib/spinlock.h"

/*
 * latency=1 at boot: the longest that each of the global locks which guests can drive was held with
 * interrupts off, and the longest interrupt, in cycles of the TSC, with where that was. Shown by
 * debug key 'l' and when the last domain has ended. Under an emulator that counts instructions a
 * cycle is one, so that tests can assert bounds. Without it a holder pays one branch.
 */
struct latency {
	const char *name;
	u64 longest, start; /* start: under the lock, 0: taken before it was kept */
	vaddr_t where;
};

#ifdef ANNULUS_UNIT
#define latency_on false
#else
extern bool latency_on; /* written by latency_begin() only */
#endif

/* From here on, if latency=1 was given: what boot does is nobody's to provoke. Boot CPU. */
void latency_begin(void);
u64 latency_clock(void);
/* `cycles` were spent in `m`, which the caller has for itself. */
void latency_note(struct latency *m, u64 cycles, vaddr_t where);
/* One line each on the console. */
void latency_show(void);

extern struct latency latency_console, latency_heap, latency_foreign, latency_interrupt[];

static inline u64 latency_lock(struct spinlock *l, struct latency *m)
{
	u64 flags = spin_lock_irqsave(l);

	if (unlikely(latency_on))
		m->start = latency_clock();
	return flags;
}

/* In the function that holds it: `where` is told by its address. */
static inline __attribute__((always_inline)) void latency_unlock(struct spinlock *l,
								 struct latency *m, u64 flags)
{
	if (unlikely(latency_on) && m->start) {
		vaddr_t here;

		__asm__ volatile("leaq 0(%%rip), %0" : "=r"(here));
		latency_note(m, latency_clock() - m->start, here);
		m->start = 0;
	}
	spin_unlock_irqrestore(l, flags);
}

#endif
