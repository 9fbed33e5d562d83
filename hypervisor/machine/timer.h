/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_TIMER_H
#define ANNULUS_MACHINE_TIMER_H

#include "lib/types.h"

/*
 * A one-shot timer on the queue of one CPU; fn runs there as a softirq, interrupts on, no lock
 * held. Everything in it is under the lock of the queue of `cpu`; `cpu` changes with both queues
 * locked. The locks are leaves, taken with interrupts off.
 */
struct timer {
	u64 expires;               /* ns of system time */
	void (*fn)(void *);
	void *arg;
	volatile unsigned cpu;     /* whose queue */
	bool queued;
	bool killed;               /* timer_set() has no effect until timer_init() */
	struct timer *child, *next, *prev; /* the queue is a heap: machine/timer_heap.h */
};
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu);
void timer_set(struct timer *t, u64 expires);  /* (re)arm; a time in the past fires at once */
void timer_stop(struct timer *t);              /* may still be running on its CPU */
/* Stop for good and wait until fn has returned; not from fn. */
void timer_kill(struct timer *t);
void timer_migrate(struct timer *t, unsigned cpu);
/* Make this CPU's timer interrupt come now, whatever it is set to. Any context, NMI too. */
void timer_poke(void);

/* System time: ns since boot, the same on all CPUs, never backwards. */
u64 system_time(void);
/* Boot. */
void timers_init(void);           /* part of time_init(): the softirq and the interrupt */
void time_init_cpu(void);         /* each CPU: its timer queue and its local APIC timer */
void time_vector_handler(void);   /* the local APIC timer's interrupt */

/* Debug key: what each CPU waits for next. */
void timer_dump(void);

#endif
