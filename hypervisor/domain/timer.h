/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_TIMER_H
#define ANNULUS_DOMAIN_TIMER_H

#include "lib/list.h"
#include "lib/types.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/xen.h"

struct vcpu;
struct domain;
struct frame;

/* A one-shot timer on the queue of one CPU; fn runs there as a softirq, interrupts on, no lock held. */
struct timer {
	u64 expires;               /* ns of system time */
	void (*fn)(void *);
	void *arg;
	volatile unsigned cpu;     /* whose queue; under that queue's lock */
	u32 heap_index;            /* 0: not queued */
	volatile bool running;
};
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu);
void timer_set(struct timer *t, u64 expires);  /* (re)arm; a time in the past fires at once */
void timer_stop(struct timer *t);              /* may still be running on its CPU */
void timer_kill(struct timer *t);              /* stop and wait until fn has returned; not from fn */
void timer_migrate(struct timer *t, unsigned cpu);

/* System time: ns since boot, the same on all CPUs, never backwards. */
u64 system_time(void);
/* Wall clock: seconds and ns since 1970 at system time 0. */
void wallclock_get(u64 *sec, u32 *nsec);
/* XENPF_settime64: `sec`.`nsec` was the wall clock at `system_time` ns. Updates every domain. */
void wallclock_set(u64 sec, u32 nsec, u64 system_time);

struct vcpu_time {
	struct timer singleshot, periodic, poll;
	u64 periodic_ns;           /* 0: off */
	u64 periodic_last;
	struct vcpu_runstate_info runstate; /* under no lock: written by the scheduler's CPU only */
	u64 runstate_area;         /* guest virtual address, 0 for none (VCPUOP_register_runstate_memory_area) */
	u64 time_area;             /* guest virtual address (VCPUOP_register_vcpu_time_memory_area) */
	bool time_area_stale, runstate_area_stale;
};
struct domain_time {
	s64 offset_seconds;        /* domctl settimeoffset */
	bool tsc_emulated;
};

void vcpu_time_init(struct vcpu *v);
void vcpu_time_destroy(struct vcpu *v);
/* Write v->info->time (and the registered area, when v is current) if the calibration changed or v moved. */
void vcpu_time_update(struct vcpu *v, bool force);
/* The scheduler tells: RUNSTATE_*; writes the registered area when v is current. */
void vcpu_runstate_change(struct vcpu *v, int state, u64 now);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* After a switch to v, on its address space: registered areas that could not be written from outside. */
void vcpu_time_switched_in(struct vcpu *v);
void domain_wallclock_update(struct domain *d);

/* Boot. */
void time_init(void);             /* clock source, TSC calibration, wall clock from the RTC; boot CPU, interrupts off */
void time_init_cpu(void);         /* each CPU: its timer queue and its local APIC timer */
void time_vector_handler(void);   /* the local APIC timer's interrupt */
void vcpu_timers_migrate(struct vcpu *v, unsigned cpu);

#endif
