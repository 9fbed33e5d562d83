// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine of one CPU whose clock is the number of executed instructions, with two other
 * domains that never stop working. They share the CPU as their weights say; one that has a cap gets
 * that, also with nobody beside it; and dom0, which sleeps most of the time, runs at once whenever
 * it wakes. What it got is printed, in hundredths of a percent and in nanoseconds.
 * bits: 64
 */
#include "dom0.h"

const char test_name[] = "shares";

#define MS    1000000UL
#define SLICE (10 * MS)
#define WAKES 100

static void set(unsigned domain, unsigned weight, unsigned cap)
{
	memset(&op, 0, sizeof(op));
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	op.u.scheduler_op.u.credit2.weight = weight;
	op.u.scheduler_op.u.credit2.cap = cap;
	check_eq(domctl(XEN_DOMCTL_scheduler_op, domain), 0);
}

static uint64_t ran(unsigned domain)
{
	check(flags_of(domain) >= 0);
	return op.u.getdomaininfo.cpu_time;
}

/* What domains 1 and 2 run while dom0 sleeps for so many ms, and how long that was. */
static uint64_t took[3];
static void measure(unsigned ms)
{
	uint64_t begin = system_time(), one = ran(1), two = ran(2);

	sleep_ns(ms * MS);
	took[1] = ran(1) - one;
	took[2] = ran(2) - two;
	took[0] = system_time() - begin;
}

static void test_weights(void)
{
	unsigned ratio;

	set(1, 256, 0);
	set(2, 512, 0);
	measure(100); /* what they owe each other from before */
	measure(1000);
	ratio = (unsigned)(took[2] * 10000 / took[1]);
	print("shares: weights 256 and 512 give 1 to %u.%04u\n", ratio / 10000, ratio % 10000);
	check(ratio >= 19400 && ratio <= 20600);
	check(took[1] + took[2] > took[0] * 98 / 100);
	set(2, 256, 0);
}

static void test_cap(void)
{
	unsigned share;

	set(1, 256, 30);
	check_eq(domctl(XEN_DOMCTL_pausedomain, 2), 0);
	for (int beside = 0; beside < 2; beside++) {
		measure(200);
		measure(1000);
		share = (unsigned)(took[1] * 10000 / took[0]);
		print("shares: a cap of 30 %% gives %u.%02u %% %s\n", share / 100, share % 100,
		      beside ? "beside one that works" : "alone");
		check(share >= 2800 && share <= 3200);
		if (!beside)
			check_eq(domctl(XEN_DOMCTL_unpausedomain, 2), 0);
	}
	set(1, 256, 0);
}

static void test_wakes(void)
{
	uint64_t worst = 0, sum = 0, late, at;

	for (unsigned i = 0; i < WAKES; i++) {
		at = system_time() + (3 + i % 8) * MS;
		sleep_ns(at - system_time());
		late = system_time() - at;
		worst = late > worst ? late : worst;
		sum += late;
	}
	print("shares: awake after %lu ns, %lu at worst\n", (unsigned long)(sum / WAKES),
	      (unsigned long)worst);
	check(worst < SLICE / 10);
}

void test_main(void)
{
	if (!(start_info->flags & SIF_INITDOMAIN))
		for (;;)
			;
	events_off();
	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	test_weights();
	test_cap();
	test_wakes();
	audit();
}
