// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sched_op: yield comes back; block sleeps until an event and not when one is there already, and
 * opens the mask; poll looks at ports without upcalls, with a timeout on request; a vcpu that
 * sleeps does not keep a CPU busy. Bad requests are errors, and what concerns other domains is not
 * for the unprivileged.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "sched";

#define MS 1000000UL

static unsigned port;
static volatile unsigned events;

static void event(unsigned p)
{
	if (p == port)
		events++;
}

static long poll(const void *ports, unsigned n, uint64_t timeout)
{
	struct sched_poll p = { .ports = (uintptr_t)ports, .nr_ports = n, .timeout = timeout };

	return hypercall(sched_op, (long)SCHEDOP_poll, &p);
}

static void test_block(void)
{
	struct vcpu_set_singleshot_timer t;
	struct vcpu_runstate_info before, after;
	unsigned timer = bind_virq(VIRQ_TIMER, 0);
	uint64_t blocked = 0, now;

	port = bind_ipi(0);
	event_hook = event;
	events_off();
	send_event(port);
	check_eq(events, 0);
	check_eq(hypercall(sched_op, (long)SCHEDOP_block, 0L), 0);
	check_eq(events, 1);
	check_eq(vcpu_info()->evtchn_upcall_mask, 0);

	/* A vcpu begins with a tick of 100 Hz, which is the same event. */
	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	events_off();
	clear_event(timer);
	/*
	 * The machine may rest between setting and blocking, but not each time. What comes
	 * meanwhile is pending until it blocks, or it would wait for ever.
	 */
	for (unsigned i = 0; i < 100 && blocked <= 20 * MS; i++) {
		events_off();
		check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &before), 0);
		check_eq(before.state, RUNSTATE_running);
		t = (struct vcpu_set_singleshot_timer){ system_time() + 30 * MS, 0 };
		check_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
		check_eq(hypercall(sched_op, (long)SCHEDOP_block, 0L), 0);
		now = system_time();
		if (now < t.timeout_abs_ns)
			print("sched: %lu ns early\n", (unsigned long)(t.timeout_abs_ns - now));
		check(now >= t.timeout_abs_ns);
		check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &after), 0);
		check(after.time[RUNSTATE_running] > before.time[RUNSTATE_running]);
		blocked = after.time[RUNSTATE_blocked] - before.time[RUNSTATE_blocked];
	}
	check(blocked > 20 * MS);
	close_event(timer);
}

static void test_poll(void)
{
	uint32_t ports[2] = { port, bind_ipi(0) }, many[129] = { 0 }, bad[1] = { 0x00ffffff };
	uint64_t t;

	events_off();
	clear_event(port);
	mask_event(port);
	mask_event(ports[1]);
	t = system_time() + 20 * MS;
	check_eq(poll(ports, 2, t), 0);
	check(system_time() >= t);
	/* One that is pending: at once, with no timeout to help. */
	send_event(ports[1]);
	check_eq(poll(ports, 2, 0), 0);
	clear_event(ports[1]);
	/* A timeout in the past. */
	check_eq(poll(ports, 2, 1), 0);
	check_eq(poll(ports, 0, system_time() + MS), 0);
	check_refused(poll(many, 129, 1));
	check_refused(poll(many, 0xffffffff, 1));
	check_refused(poll(bad, 1, 1));
	check_refused(poll((void *)0x10000, 1, 1));
	check_refused(poll((void *)0xffff830000000000UL, 1, 1));
	/* Pending through the mask keeps poll awake, not block. */
	unmask_event(port);
	close_event(ports[1]);
}

void test_main(void)
{
	struct sched_remote_shutdown remote = { .domain_id = 0, .reason = SHUTDOWN_crash };
	struct sched_pin_override pin = { .pcpu = 0 };
	struct sched_shutdown code = { .reason = SHUTDOWN_poweroff };
	struct sched_watchdog dog = { .id = 0, .timeout = 30 };
	long id;

	for (int i = 0; i < 100; i++)
		check_eq(hypercall(sched_op, (long)SCHEDOP_yield, 0L), 0);
	test_block();
	test_poll();
	/* The watchdog barks if nobody feeds it; ours is fed once and put down. */
	id = hypercall(sched_op, (long)SCHEDOP_watchdog, &dog);
	check(id > 0);
	dog.id = id;
	check_eq(hypercall(sched_op, (long)SCHEDOP_watchdog, &dog), 0);
	dog.timeout = 0;
	check_eq(hypercall(sched_op, (long)SCHEDOP_watchdog, &dog), 0);
	dog.id = 99;
	check_refused(hypercall(sched_op, (long)SCHEDOP_watchdog, &dog));
	dog = (struct sched_watchdog){ .id = id, .timeout = 30 };
	check_refused(hypercall(sched_op, (long)SCHEDOP_watchdog, &dog));

	check_eq(hypercall(sched_op, (long)SCHEDOP_shutdown_code, &code), 0);
	check_eq(hypercall(sched_op, 99L, &code), -ENOSYS);
	check_refused(hypercall(sched_op, (long)SCHEDOP_shutdown, 0x10000L));
	check_refused(hypercall(sched_op, (long)SCHEDOP_poll, 0x10000L));
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		check_refused(hypercall(sched_op, (long)SCHEDOP_remote_shutdown, &remote));
		remote.domain_id = 2;
		check_refused(hypercall(sched_op, (long)SCHEDOP_remote_shutdown, &remote));
		check_refused(hypercall(sched_op, (long)SCHEDOP_pin_override, &pin));
	}
}
