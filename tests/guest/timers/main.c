// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time: system time by the shared clock only grows, the one-shot timers (set_timer_op and
 * VCPUOP_set_singleshot_timer) raise VIRQ_TIMER not before they should, one in the past at once and
 * without an error, unless the guest asks for one; the periodic timer keeps its pace; a stopped
 * timer is silent. The record of the time in vcpu_info is renewed while a vcpu runs on: there
 * are kernels that keep the ns since then in 32 bits. Other vcpus' timers are nobody's business.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "timers";

#define MS 1000000ULL

static volatile unsigned fired;
static volatile uint64_t fired_at;
static unsigned port;

static void event(unsigned p)
{
	check_eq(p, port);
	fired_at = system_time();
	fired++;
}

static void wait(unsigned n)
{
	while (fired < n) {
		events_off();
		if (fired >= n)
			break;
		check_eq(hypercall(sched_op, (long)SCHEDOP_block, 0L), 0);
	}
	events_on();
}

/* The ticker does not wake who sleeps: it is for a kernel that is running. */
static void ticks(unsigned n)
{
	while (fired < n)
		pause();
}

static long singleshot(uint64_t at, unsigned flags)
{
	struct vcpu_set_singleshot_timer t = { at, flags };

	return vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
}

static long periodic(uint64_t ns)
{
	struct vcpu_set_periodic_timer t = { ns };

	return vcpu_op(VCPUOP_set_periodic_timer, 0, &t);
}

/* Nothing comes for 30 ms. */
static void silence(void)
{
	uint64_t until = system_time() + 30 * MS;
	unsigned n = fired;

	while (system_time() < until)
		pause();
	check_eq(fired, n);
}

static void test_clock(void)
{
	uint64_t last = system_time();

	check(last > 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t now = system_time();

		if (now < last)
			fail("time went back by %llu ns", (unsigned long long)(last - now));
		last = now;
	}
}

/* A second at most, and the emulator's pauses, between two versions; no hypercall asks for them. */
static void test_record(void)
{
	const volatile struct vcpu_time_info *time = &vcpu_info()->time;

	for (int i = 0; i < 3; i++) {
		uint64_t now = system_time(), start = now;
		uint32_t version = time->version;

		while (time->version == version && now < start + 4000 * MS)
			now = system_time();
		if (time->version == version)
			fail("the record of the time is not renewed in 4 s");
		check(system_time() >= now);
	}
}

/* For a time that is to come; it may be over before it is asked for. Returns it. */
static uint64_t singleshot_ahead(void)
{
	uint64_t t, ahead = 3 * MS;
	long r;

	do {
		t = system_time() + ahead;
		r = singleshot(t, VCPU_SSHOTTMR_future);
		ahead *= 2;
	} while (r == -ETIME && system_time() >= t);
	check_eq(r, 0);
	return t;
}

void test_main(void)
{
	uint64_t t, early;
	bool late;

	test_clock();
	test_record();
	port = bind_virq(VIRQ_TIMER, 0);
	event_hook = event;
	/* A vcpu starts with a ticker of 100 Hz, which kernels stop first of all. */
	events_on();
	ticks(2);
	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	silence();

	for (int i = 0; i < 5; i++) {
		fired = 0;
		t = system_time() + 5 * MS;
		check_eq(hypercall(set_timer_op, t), 0);
		wait(1);
		check(fired_at >= t);
		check_eq(fired, 1);
		fired = 0;
		t = singleshot_ahead();
		wait(1);
		check(fired_at >= t);
	}
	/* In the past: at once. */
	fired = 0;
	check_eq(singleshot(system_time() - MS, 0), 0);
	wait(1);
	fired = 0;
	check_eq(singleshot(1, 0), 0);
	wait(1);
	fired = 0;
	check_eq(hypercall(set_timer_op, 1ULL), 0);
	wait(1);
	check_eq(singleshot(system_time() - MS, VCPU_SSHOTTMR_future), -ETIME);
	silence();
	/* Stopped, and never set. */
	check_eq(singleshot(system_time() + 10 * MS, 0), 0);
	check_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	silence();
	check_eq(hypercall(set_timer_op, system_time() + 10 * MS), 0);
	check_eq(hypercall(set_timer_op, 0ULL), 0);
	silence();
	/* A later time replaces an earlier one, unless that passes before we have said so. */
	do {
		fired = 0;
		early = system_time() + 10 * MS;
		t = early + 40 * MS;
		check_eq(singleshot(early, 0), 0);
		check_eq(singleshot(t, 0), 0);
		late = system_time() >= early;
		wait(1);
		check_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	} while (late);
	check(fired_at >= t);
	/* Far away: no wrap into the past. */
	check_eq(singleshot(1ULL << 62, 0), 0);
	silence();
	check_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);

	fired = 0;
	t = system_time();
	check_eq(periodic(4 * MS), 0);
	ticks(5);
	check(fired_at - t >= 16 * MS);
	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	silence();
	check_refused(periodic(1000));
	check_refused(periodic(~0ULL));
	check_refused(vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)0x10000));
	check_refused(vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL));
	check_refused(vcpu_op(VCPUOP_set_periodic_timer, 1, NULL));
	close_event(port);
}
