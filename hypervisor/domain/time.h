/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_TIME_H
#define ANNULUS_DOMAIN_TIME_H

#include "lib/spinlock.h"
#include "lib/types.h"
#include "machine/timer.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/xen.h"

struct vcpu;
struct domain;
struct frame;

/* Wall clock: seconds and ns since 1970 at system time 0. */
void wallclock_get(u64 *sec, u32 *nsec);
/* XENPF_settime64: `sec`.`nsec` was the wall clock at `system_time` ns. Updates every domain. */
void wallclock_set(u64 sec, u32 nsec, u64 system_time);

/*
 * `runstate` is written by the scheduler under its run queue lock, others read by `runstate_seq`.
 * What describes the areas is written by the CPU that runs the vCPU, or by a vCPU of the domain
 * that registers one.
 */
struct vcpu_time {
	struct timer singleshot, periodic, poll;
	volatile u64 periodic_ns;  /* 0: off */
	u64 periodic_last;         /* ns of system time; its CPU's */
	struct vcpu_runstate_info runstate;
	u32 runstate_seq;          /* odd while runstate is being changed */
	u32 version;               /* what v->info->time.version was last set to */
	u32 epoch;                 /* clock_epoch() of what was written there */
	u64 runstate_area;         /* guest virtual addresses, 0 for none */
	u64 time_area;
	bool time_area_stale, runstate_area_stale; /* to be written when v is on a CPU */
};
/* SCHEDOP_watchdog: the domain is shut down when one runs out. */
#define DOMAIN_WATCHDOGS 2
struct domain_time {
	s64 offset_seconds;        /* domctl settimeoffset */
	bool tsc_emulated;
	struct spinlock lock;      /* watchdogs; not in interrupt context */
	struct domain_watchdog {
		struct timer timer;
		bool initialised, used;
	} watchdogs[DOMAIN_WATCHDOGS];
};
/*
 * domain_watchdog() - id 0 makes a watchdog that bites in `seconds` and returns its id; another id
 * sets it anew, with 0 seconds stops it and gives it back. -EINVAL (no such id, or a new one
 * without time), -ENOSPC (none left).
 */
int domain_watchdog(struct domain *d, u32 id, u32 seconds);
/*
 * domain_time_destroy() - no vCPU of d runs any more: stop its watchdogs for good. May be called
 * again.
 */
void domain_time_destroy(struct domain *d);

void vcpu_time_init(struct vcpu *v);
void vcpu_time_destroy(struct vcpu *v);
/*
 * Write v->info->time (and the registered area, when v is current) if the calibration changed or v
 * moved.
 */
void vcpu_time_update(struct vcpu *v, bool force);
/* The scheduler tells: RUNSTATE_*. The registered area follows at the next switch from or to v. */
void vcpu_runstate_change(struct vcpu *v, int state, u64 now);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/*
 * After a switch to v, on its address space: registered areas that could not be written from
 * outside, timers.
 */
void vcpu_time_switched_in(struct vcpu *v);
/* Before a switch from v, still on its address space. */
void vcpu_time_switching_out(struct vcpu *v);
/* VCPUOP_set_periodic_timer and _stop_ (0): of any vCPU. */
void vcpu_periodic_set(struct vcpu *v, u64 period);
/*
 * Registered areas of a vCPU of the current domain: 0 takes one back, -EFAULT if the address is not
 * the guest's. They are written at once if the guest can be written to.
 */
int vcpu_runstate_area_set(struct vcpu *v, vaddr_t va);
int vcpu_time_area_set(struct vcpu *v, vaddr_t va);
void domain_wallclock_update(struct domain *d);

/* Boot. */
void time_init(void);             /* clocks, wall clock; boot CPU, interrupts off */
void vcpu_timers_migrate(struct vcpu *v, unsigned cpu);

#endif
