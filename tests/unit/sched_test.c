// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/sched/sched.c hypervisor/sched/policy.c hypervisor/sched/sched_op.c
// sources: hypervisor/sched/cap.c
// sources: tests/unit/sim/sim.c
// cflags: -Dsched_yield=hypervisor_sched_yield
// libs: -lpthread
/*
 * The scheduler. First on a simulated machine whose clock the test
 * moves, where shares of the CPU and latencies can be measured exactly; at last with a thread for
 * each CPU and vCPUs that send each other events, are paused, moved and woken at random: no vCPU
 * may ever be on two CPUs or where it is not allowed, and no wake-up may get lost.
 */
#undef sched_yield
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "suite.h"

#include "sim.h"
#include "cpu/cpu.h"
#include "cpu/ipi.h"
#include "pv-abi/errno.h"
#include "pv-abi/sched.h"
#include "sched/cap.h"
#include "sched/policy.h"
#define sched_yield hypervisor_sched_yield
#include "sched/sched.h"
#undef sched_yield
#include "sched/sched_op.h"

#define CPUS 4
#define VCPUS 12
#define MS 1000000ULL

static volatile u64 now;
static bool real_clock;
static void (*schedule_fn)(void);
static struct domain *idle_domain, *d;
static struct vcpu idle_vcpus[CPUS];
static volatile u32 mistakes;

/* What the test knows of each vCPU of d. */
static struct shadow {
	volatile u32 on_cpus;        /* on how many CPUs it is */
	volatile cpumask_t allowed;
	volatile u32 paused;
	u64 received, since;         /* ns on a CPU */
	volatile u32 port_pending;
} shadow[VCPUS];

u64 system_time(void)
{
	struct timespec ts;

	if (!real_clock)
		return now;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* Softirqs and IPIs: a CPU that polls needs no interrupt. */
void softirq_register(enum softirq n, void (*fn)(void))
{
	if (n == SOFTIRQ_SCHEDULE)
		schedule_fn = fn;
}

void softirq_raise(enum softirq n) { set_bit(n, &this_cpu()->softirq_pending); }
void softirq_raise_on(unsigned cpu, enum softirq n) { set_bit(n, &cpus[cpu].softirq_pending); }

void softirqs_run(void)
{
	if (test_and_clear_bit(SOFTIRQ_SCHEDULE, &this_cpu()->softirq_pending))
		schedule_fn();
}

void send_event_check_ipi(unsigned cpu) { }

/* Timers: the slices', and a capped domain's. Each CPU polls its own. */
static struct timer *slice_of[NR_CPUS], *cap_timer;
static unsigned timer_kills;

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
	if (arg)
		cap_timer = t;
	else
		slice_of[cpu] = t;
}

void timer_set(struct timer *t, u64 expires)
{
	t->expires = expires;
	__atomic_store_n(&t->queued, true, __ATOMIC_SEQ_CST);
}

void timer_stop(struct timer *t) { __atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST); }
void timer_poke(void) { }

void timer_kill(struct timer *t)
{
	timer_stop(t);
	timer_kills++;
}

static void poll_one(struct timer *t)
{
	if (__atomic_load_n(&t->queued, __ATOMIC_SEQ_CST) && t->expires <= system_time()) {
		__atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST);
		t->fn(t->arg);
	}
}

static void poll_timer(unsigned cpu)
{
	poll_one(slice_of[cpu]);
	if (cap_timer && cap_timer->cpu == cpu)
		poll_one(cap_timer);
}

void vcpu_runstate_change(struct vcpu *v, int state, u64 at)
{
	v->time.runstate.state = state;
	v->time.runstate.state_entry_time = at;
}

void vcpu_time_switching_out(struct vcpu *v) { }

/* Events: one port of each vCPU. */
bool vcpu_event_deliverable(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) && !READ_ONCE(v->info->evtchn_upcall_mask);
}

bool event_port_pending(struct domain *dom, u32 port)
{
	return atomic_read(&shadow[port - 1].port_pending);
}

bool event_port_valid(struct domain *dom, u32 port) { return port >= 1 && port <= dom->max_vcpus; }

static u8 shutdown_reason;
void domain_shutdown(struct domain *dom, u8 reason) { shutdown_reason = reason; }
int domain_watchdog(struct domain *dom, u32 id, u32 seconds) { return (int)(id + seconds); }

static void mistake(void)
{
	atomic_add(&mistakes, 1U);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	unsigned cpu = cpu_id();

	if (prev != current || prev == next || local_irq_enabled())
		mistake();
	if (prev->domain == d) {
		struct shadow *s = &shadow[prev->id];

		s->received += system_time() - s->since;
		if (atomic_sub(&s->on_cpus, 1U))
			mistake();
	}
	if (next->domain == d) {
		struct shadow *s = &shadow[next->id];

		s->since = system_time();
		if (atomic_add(&s->on_cpus, 1U) != 1 || !next->running || next->cpu != cpu)
			mistake();
		if (!(s->allowed & CPU_MASK(cpu)))
			mistake();
	}
	sim_current = next;
	sched_switched(prev);
}

static void start(unsigned ncpus, unsigned vcpus)
{
	sim_reset();
	real_clock = false;
	cap_timer = NULL;
	now = 1000 * MS;
	mistakes = 0;
	nr_cpus = ncpus;
	cpus_online = BIT(ncpus) - 1;
	memset(shadow, 0, sizeof(shadow));
	memset(idle_vcpus, 0, sizeof(idle_vcpus));
	idle_domain = sim_domain(DOMID_IDLE, 1, false);
	idle_domain->is_idle = true;
	sched_init();
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		cpus[cpu].id = cpu;
		cpus[cpu].softirq_pending = 0;
		cpus[cpu].idle = &idle_vcpus[cpu];
		idle_vcpus[cpu].domain = idle_domain;
		idle_vcpus[cpu].id = cpu;
		sim_cpu = &cpus[cpu];
		sched_init_cpu(cpu);
	}
	sim_cpu = &cpus[0];
	sim_current = &idle_vcpus[0];
	d = sim_domain(1, vcpus, true);
	for (unsigned i = 0; i < vcpus; i++) {
		d->vcpu[i]->pause_flags = VPF_DOWN;
		shadow[i].allowed = ~0ULL;
		CU_ASSERT_EQUAL(sched_init_vcpu(d->vcpu[i], i % ncpus), 0);
	}
}

/* ----------------------------------------------------------------------------------
 * A machine in slow motion: one thread is all CPUs, and each has a current vCPU.
 */

static struct vcpu *on_cpu[CPUS];

static void enter(unsigned cpu)
{
	sim_cpu = &cpus[cpu];
	sim_current = on_cpu[cpu];
}

static void settle(void)
{
	bool busy = true;

	for (unsigned i = 0; i < 100 && busy; i++) {
		busy = false;
		for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
			enter(cpu);
			poll_timer(cpu);
			if (sim_cpu->softirq_pending) {
				busy = true;
				softirqs_run();
				on_cpu[cpu] = sim_current;
			}
		}
	}
	CU_ASSERT_FALSE(busy);
	enter(0);
}

static void pass(u64 ns)
{
	for (u64 end = now + ns; now < end;) {
		u64 next = end;

		for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
			if (slice_of[cpu]->queued)
				next = min(next, slice_of[cpu]->expires);
		if (cap_timer && cap_timer->queued)
			next = min(next, cap_timer->expires);
		now = max(next, now + 1);
		settle();
	}
}

static void start_slow(unsigned ncpus, unsigned vcpus)
{
	start(ncpus, vcpus);
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		on_cpu[cpu] = &idle_vcpus[cpu];
}

static void up(unsigned i)
{
	atomic_and(&d->vcpu[i]->pause_flags, ~VPF_DOWN);
	vcpu_wake(d->vcpu[i]);
}

/* So many CPUs, and so many vCPUs that want to run. */
static void run_all(unsigned ncpus, unsigned vcpus)
{
	start_slow(ncpus, vcpus);
	for (unsigned i = 0; i < vcpus; i++)
		up(i);
	settle();
}

static u64 received(unsigned i)
{
	return shadow[i].received + (shadow[i].on_cpus ? now - shadow[i].since : 0);
}

static void expect_share(unsigned i, u64 total, unsigned percent)
{
	u64 got = received(i) * 100;

	CU_ASSERT(got >= total * (percent - 3));
	CU_ASSERT(got <= total * (percent + 3));
}

static void finish(void)
{
	CU_ASSERT_EQUAL(mistakes, 0);
}

TEST(fair_on_one_cpu, "equal shares of one CPU")
{
	run_all(1, 3);
	pass(3000 * MS);
	for (unsigned i = 0; i < 3; i++)
		expect_share(i, 3000 * MS, 33);
}

TEST(odd_number_on_two_cpus, "three vCPUs on two CPUs")
{
	run_all(2, 3);
	pass(3000 * MS);
	for (unsigned i = 0; i < 3; i++)
		expect_share(i, 3000 * MS, 66);
}

TEST(weights, "weights")
{
	struct domain *other;

	start_slow(1, 2);
	/* dom0's: it works for the others. */
	CU_ASSERT_EQUAL(sched_get_weight(d), 512);
	sched_set_weight(d, 256);
	d->vcpu[1]->sched.weight = 768;
	CU_ASSERT_EQUAL(sched_get_weight(d), 256);
	up(0);
	up(1);
	settle();
	pass(4000 * MS);
	expect_share(0, 4000 * MS, 25);
	expect_share(1, 4000 * MS, 75);
	sched_set_weight(d, 1000000);
	CU_ASSERT_EQUAL(d->vcpu[0]->sched.weight, 65535);
	sched_set_weight(d, 0);
	CU_ASSERT_EQUAL(d->vcpu[1]->sched.weight, 1);
	other = sim_domain(2, 0, false);
	CU_ASSERT_EQUAL(sched_get_weight(other), 256);
	other = sim_domain(3, 0, true);
	CU_ASSERT_EQUAL(sched_get_weight(other), 512);
}

TEST(work_spreads, "work spreads")
{
	start_slow(4, 4);
	for (unsigned i = 0; i < 4; i++) {
		d->vcpu[i]->sched.cpu = 0;
		up(i);
	}
	settle();
	for (unsigned cpu = 0; cpu < 4; cpu++)
		CU_ASSERT(on_cpu[cpu]->domain == d);
	/* Alone on its CPU a vCPU is not interrupted. */
	for (unsigned cpu = 0; cpu < 4; cpu++)
		CU_ASSERT_FALSE(slice_of[cpu]->queued);
}

TEST(waker_runs_soon, "who wakes up runs soon")
{
	start_slow(1, 3);
	up(0);
	up(1);
	settle();
	pass(100 * MS);
	/* vCPU 2 slept all the time. */
	up(2);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], d->vcpu[2]);
	/* But it cannot make up for the whole of it. */
	pass(600 * MS);
	CU_ASSERT(received(2) <= 600 * MS / 3 + SCHED_CREDIT_NS + SCHED_SLICE_NS);
}

TEST(block_wakes, "block and wake")
{
	struct vcpu *v;

	start_slow(1, 1);
	v = d->vcpu[0];
	v->info->evtchn_upcall_mask = 1;
	up(0);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], v);
	/* Nothing pending: off. */
	enter(0);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, 0), 0);
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 0);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], &idle_vcpus[0]);
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_blocked);
	CU_ASSERT_FALSE(v->running);
	/* An event. */
	v->info->evtchn_upcall_pending = 1;
	vcpu_unblock(v);
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_runnable);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], v);
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_running);
	/* Pending already: stays. */
	enter(0);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, 0), 0);
	CU_ASSERT_EQUAL(v->pause_flags, 0);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], v);
	/* One that is paused is not woken by an event; the event is there when it is unpaused. */
	v->info->evtchn_upcall_pending = 0;
	enter(0);
	do_sched_op(SCHEDOP_block, 0);
	settle();
	atomic_or(&v->pause_flags, VPF_PAUSED);
	vcpu_sleep_nosync(v);
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_offline);
	/* Unpaused, it sleeps as before. */
	atomic_and(&v->pause_flags, ~VPF_PAUSED);
	vcpu_wake(v);
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_blocked);
	atomic_or(&v->pause_flags, VPF_PAUSED);
	vcpu_sleep_nosync(v);
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_offline);
	vcpu_unblock(v);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], &idle_vcpus[0]);
	atomic_and(&v->pause_flags, ~VPF_PAUSED);
	vcpu_wake(v);
	vcpu_wake(v);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], v);
	/* From an NMI handler. */
	enter(0);
	vcpu_block();
	settle();
	v->nmi_pending = true;
	vcpu_kick_nmi(v);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], v);
	enter(0);
	vcpu_block();
	CU_ASSERT_EQUAL(v->pause_flags, 0);
}

TEST(polling, "poll")
{
	evtchn_port_t ports[129] = { 1, 2 };
	struct sched_poll poll = { .ports = (u64)(uintptr_t)ports, .nr_ports = 2 };
	struct vcpu *v;
	u64 arg = (u64)(uintptr_t)&poll;

	start_slow(1, 2);
	v = d->vcpu[0];
	v->info->evtchn_upcall_mask = 1;
	up(0);
	settle();
	enter(0);
	poll.nr_ports = 129;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, arg), -EINVAL);
	poll.nr_ports = 2;
	ports[1] = 77;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, arg), -EINVAL);
	ports[1] = 2;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, 16), -EFAULT);
	poll.ports = 16;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, arg), -EFAULT);
	poll.ports = (u64)(uintptr_t)ports;
	CU_ASSERT_EQUAL(v->pause_flags, 0);
	CU_ASSERT_FALSE(v->polling);
	/* Pending: returns at once. */
	shadow[1].port_pending = 1;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, arg), 0);
	CU_ASSERT_EQUAL(v->pause_flags, 0);
	CU_ASSERT_FALSE(v->polling);
	/* Not pending: sleeps, with a timeout. */
	shadow[1].port_pending = 0;
	poll.timeout = now + 5 * MS;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, arg), 0);
	CU_ASSERT_TRUE(v->polling);
	CU_ASSERT_EQUAL(v->poll_port, 0);
	CU_ASSERT_TRUE(v->time.poll.queued);
	CU_ASSERT_EQUAL(v->time.poll.expires, poll.timeout);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], &idle_vcpus[0]);
	vcpu_unblock(v);
	CU_ASSERT_FALSE(v->polling);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], v);
	/* One port, no timeout: the earlier timer is gone. */
	enter(0);
	poll.nr_ports = 1;
	poll.timeout = 0;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, arg), 0);
	CU_ASSERT_EQUAL(v->poll_port, 1);
	CU_ASSERT_FALSE(v->time.poll.queued);
}

TEST(other_calls, "other calls")
{
	struct sched_shutdown shutdown = { .reason = SHUTDOWN_reboot };
	struct sched_remote_shutdown remote = { .domain_id = 1, .reason = SHUTDOWN_crash };
	struct sched_watchdog watchdog = { .id = 1, .timeout = 41 };
	struct sched_pin_override pin = { .pcpu = 1 };

#define CALL(cmd, s) do_sched_op(cmd, (u64)(uintptr_t)&(s))
	start_slow(2, 1);
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	up(0);
	settle();
	CU_ASSERT_PTR_EQUAL_FATAL(on_cpu[0], d->vcpu[0]);
	enter(0);
	CU_ASSERT_EQUAL(CALL(SCHEDOP_shutdown_code, shutdown), 0);
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_reboot);
	CU_ASSERT_EQUAL(CALL(SCHEDOP_shutdown, shutdown), 0);
	CU_ASSERT_EQUAL(shutdown_reason, SHUTDOWN_reboot);
	shutdown.reason = SHUTDOWN_MAX + 1;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_shutdown, shutdown), -EINVAL);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown, 8), -EFAULT);
	CU_ASSERT_EQUAL(CALL(SCHEDOP_remote_shutdown, remote), 0);
	CU_ASSERT_EQUAL(shutdown_reason, SHUTDOWN_crash);
	remote.domain_id = 99;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_remote_shutdown, remote), -ESRCH);
	d->privileged = false;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_remote_shutdown, remote), -EPERM);
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), -EPERM);
	d->privileged = true;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_watchdog, watchdog), 42);
	CU_ASSERT_EQUAL(do_sched_op(8, 0), -ENOSYS);

	/* Pinning moves it, and undoing it lets it go where it wants. */
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), 0);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[1], d->vcpu[0]);
	enter(1);
	pin.pcpu = 0;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), -EBUSY);
	pin.pcpu = 2;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), -EINVAL);
	pin.pcpu = 64;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), -EINVAL);
	CU_ASSERT_EQUAL(d->vcpu[0]->sched.affinity, 2);
	pin.pcpu = -1;
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), 0);
	CU_ASSERT_EQUAL(d->vcpu[0]->sched.affinity, ~0ULL);
	CU_ASSERT_EQUAL(CALL(SCHEDOP_pin_override, pin), -EINVAL);
#undef CALL
}

TEST(affinity, "affinity")
{
	run_all(2, 3);
	CU_ASSERT_EQUAL(sched_set_affinity(d->vcpu[0], 0), -EINVAL);
	CU_ASSERT_EQUAL(sched_set_affinity(d->vcpu[0], 0xc), -EINVAL);
	/* All on CPU 1, those that run as well as those that wait. */
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(sched_set_affinity(d->vcpu[i], 0xe), 0);
	settle();
	for (unsigned i = 0; i < 3; i++)
		shadow[i].allowed = 2;
	CU_ASSERT_PTR_EQUAL(on_cpu[0], &idle_vcpus[0]);
	pass(300 * MS);
	CU_ASSERT_PTR_EQUAL(on_cpu[0], &idle_vcpus[0]);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT(received(i) > 90 * MS);
	/* Free again: the idle CPU gets one when something happens there. */
	for (unsigned i = 0; i < 3; i++) {
		shadow[i].allowed = ~0ULL;
		CU_ASSERT_EQUAL(sched_set_affinity(d->vcpu[i], ~0ULL), 0);
	}
	pass(20 * MS);
	CU_ASSERT(on_cpu[0]->domain == d);
}

/* What all of d received. */
static u64 received_all(void)
{
	u64 sum = 0;

	for (unsigned i = 0; i < d->max_vcpus; i++)
		sum += received(i);
	return sum;
}

/* In each period not a ns more than the cap, over all of them not a part less. */
static void expect_cap(unsigned percent, unsigned periods)
{
	u64 quota = CAP_PERIOD_NS / 100 * percent, begin = received_all(), sum = begin;

	for (unsigned i = 0; i < periods; i++) {
		u64 was = sum;

		pass(CAP_PERIOD_NS);
		sum = received_all();
		CU_ASSERT(sum - was <= quota + periods);
	}
	CU_ASSERT(sum - begin >= quota * periods - periods);
}

TEST(capped, "a cap")
{
	run_all(1, 1);
	pass(777 * MS);
	/* What it had before does not count. */
	sched_set_cap(d, 50);
	CU_ASSERT_EQUAL(sched_get_cap(d), 50);
	settle();
	expect_cap(50, 20);
	CU_ASSERT_EQUAL(mistakes, 0);
	/* Held back, it is the guest's stolen time. */
	while (on_cpu[0]->domain == d)
		pass(MS / 10);
	CU_ASSERT_EQUAL(d->vcpu[0]->pause_flags, VPF_CAPPED);
	CU_ASSERT_EQUAL(d->vcpu[0]->time.runstate.state, RUNSTATE_runnable);
	/* Another measure holds at once, and none lets it run. */
	sched_set_cap(d, 3);
	settle();
	expect_cap(3, 20);
	sched_set_cap(d, 0);
	settle();
	CU_ASSERT(on_cpu[0] == d->vcpu[0] && !d->vcpu[0]->pause_flags);
	pass(100 * MS);
	CU_ASSERT_FALSE(slice_of[0]->queued);
	/* It goes while it is held back. */
	sched_set_cap(d, 1);
	settle();
	pass(5 * MS);
	atomic_or(&d->vcpu[0]->pause_flags, VPF_PAUSED);
	vcpu_sleep_nosync(d->vcpu[0]);
	settle();
	timer_kills = 0;
	sched_destroy_vcpu(d->vcpu[0]);
	CU_ASSERT_EQUAL(timer_kills, 1);
}

TEST(capped_together, "a cap over several CPUs")
{
	run_all(4, 4);
	sched_set_cap(d, 150);
	settle();
	expect_cap(150, 40);
	for (unsigned i = 0; i < 4; i++)
		expect_share(i, now - 1000 * MS, 37);
	/* Of so little each has some all the same. */
	sched_set_cap(d, 4);
	settle();
	for (unsigned i = 0; i < 4; i++)
		shadow[i].received = 0;
	expect_cap(4, 200);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT(received(i) > 200 * CAP_PERIOD_NS / 100 / 4);
	finish();
}

TEST(capped_late, "a cap and late interrupts")
{
	u64 begin;

	run_all(1, 1);
	sched_set_cap(d, 20);
	settle();
	begin = received(0);
	/* The CPU looks every 3.7 ms only: what it overran is owed, over all it is exact. */
	for (unsigned i = 0; i < 1000; i++) {
		now += 3700000;
		settle();
	}
	CU_ASSERT(received(0) - begin <= 3700 * MS / 5 + 2 * CAP_PERIOD_NS);
	CU_ASSERT(received(0) - begin >= 3700 * MS / 5 - 2 * CAP_PERIOD_NS);
}

TEST(capped_sleeper, "a cap and who sleeps often")
{
	struct vcpu *v;
	u64 begin;

	run_all(1, 1);
	v = d->vcpu[0];
	sched_set_cap(d, 60);
	settle();
	begin = received(0);
	/* Half of the time, in pieces: what it does not use of a part is there for the next. */
	for (unsigned i = 0; i < 100; i++) {
		pass(MS / 2);
		atomic_or(&v->pause_flags, VPF_PAUSED);
		vcpu_sleep_nosync(v);
		settle();
		pass(MS / 2);
		atomic_and(&v->pause_flags, ~VPF_PAUSED);
		vcpu_wake(v);
		settle();
	}
	CU_ASSERT_EQUAL(received(0) - begin, 50 * MS);
}

TEST(capped_and_others, "a cap leaves the CPU to others")
{
	struct domain *other;

	run_all(1, 1);
	other = sim_domain(2, 1, false);
	other->vcpu[0]->pause_flags = VPF_DOWN;
	CU_ASSERT_EQUAL(sched_init_vcpu(other->vcpu[0], 0), 0);
	atomic_and(&other->vcpu[0]->pause_flags, ~VPF_DOWN);
	vcpu_wake(other->vcpu[0]);
	sched_set_cap(d, 10);
	settle();
	pass(1000 * MS);
	/* d's tenth, and the CPU never idle. */
	expect_share(0, 1000 * MS, 10);
	CU_ASSERT(on_cpu[0] != &idle_vcpus[0]);
}

TEST(soft_affinity, "soft affinity")
{
	start_slow(4, 3);
	for (unsigned i = 0; i < 3; i++)
		sched_set_soft_affinity(d->vcpu[i], 0xc);
	up(0);
	up(1);
	settle();
	CU_ASSERT(on_cpu[2]->domain == d && on_cpu[3]->domain == d);
	/* Where it had rather be all are busy: where one idles. */
	up(2);
	settle();
	CU_ASSERT(on_cpu[0] == d->vcpu[2] || on_cpu[1] == d->vcpu[2]);
	/* One that never stops moves when it is told, if there is room. */
	sched_set_soft_affinity(d->vcpu[0], 2);
	if (on_cpu[1] == d->vcpu[2])
		sched_set_soft_affinity(d->vcpu[2], 1);
	settle();
	sched_set_soft_affinity(d->vcpu[0], 2);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[1], d->vcpu[0]);
	/* The hard one wins. */
	sched_set_affinity(d->vcpu[0], 1);
	settle();
	pass(100 * MS);
	CU_ASSERT_EQUAL(d->vcpu[0]->sched.cpu, 0);
	finish();
}

TEST(soft_pull, "soft affinity of those that wait")
{
	run_all(1, 3);
	/* CPU 1 comes up, so to speak: it takes the one that had rather be there. */
	for (unsigned i = 0; i < 3; i++)
		sched_set_soft_affinity(d->vcpu[i], i == 2 ? 2 : 1);
	settle();
	if (on_cpu[0] == d->vcpu[2])
		pass(SCHED_SLICE_NS);
	cpus[1].id = 1;
	cpus[1].softirq_pending = 0;
	cpus[1].idle = &idle_vcpus[1];
	idle_vcpus[1].domain = idle_domain;
	idle_vcpus[1].id = 1;
	nr_cpus = 2;
	cpus_online = 3;
	on_cpu[1] = sim_current = &idle_vcpus[1];
	sim_cpu = &cpus[1];
	sched_init_cpu(1);
	set_bit(SOFTIRQ_SCHEDULE, &cpus[1].softirq_pending);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[1], d->vcpu[2]);
}

TEST(rate_limits, "rate limit")
{
	CU_ASSERT_EQUAL(sched_set_rate_limit(99), -EINVAL);
	CU_ASSERT_EQUAL(sched_set_rate_limit(500001), -EINVAL);
	CU_ASSERT_EQUAL(sched_get_rate_limit(), 0);
	start_slow(1, 2);
	up(0);
	settle();
	CU_ASSERT_EQUAL(sched_set_rate_limit(4000), 0);
	CU_ASSERT_EQUAL(sched_get_rate_limit(), 4000);
	pass(1 * MS);
	up(1); /* far behind: it would interrupt */
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[0], d->vcpu[0]);
	pass(3 * MS);
	CU_ASSERT_PTR_EQUAL(on_cpu[0], d->vcpu[1]);
	CU_ASSERT_EQUAL(sched_set_rate_limit(0), 0);
}

TEST(yielding, "yield")
{
	struct vcpu *first;

	run_all(1, 2);
	first = on_cpu[0];
	pass(1 * MS);
	CU_ASSERT_PTR_EQUAL(on_cpu[0], first);
	enter(0);
	do_sched_op(SCHEDOP_yield, 0);
	settle();
	CU_ASSERT(on_cpu[0]->domain == d && on_cpu[0] != first);
	/* And it does not come back at once. */
	pass(2 * MS);
	CU_ASSERT(on_cpu[0] != first);
}

TEST(stealing, "stealing")
{
	start_slow(2, 3);
	/* vCPU 0 keeps CPU 1 busy while the others queue up on CPU 0. */
	sched_set_affinity(d->vcpu[0], 2);
	shadow[0].allowed = 2;
	up(0);
	settle();
	up(1);
	up(2);
	settle();
	CU_ASSERT_PTR_EQUAL(on_cpu[1], d->vcpu[0]);
	/* It goes: CPU 1 takes one of them. */
	atomic_or(&d->vcpu[0]->pause_flags, VPF_PAUSED);
	vcpu_sleep_nosync(d->vcpu[0]);
	settle();
	CU_ASSERT(on_cpu[0]->domain == d && on_cpu[1]->domain == d);
	CU_ASSERT_FALSE(d->vcpu[0]->running);
	CU_ASSERT_FALSE(d->vcpu[0]->sched.queued);
}

TEST(dump, "dump")
{
	run_all(2, 3);
	sched_dump();
}

/* ----------------------------------------------------------------------------------
 * All CPUs at once
 */

static volatile bool stop;
static volatile u64 hops;
static volatile u64 tokens[VCPUS];

static void send(struct vcpu *to)
{
	atomic_add(&tokens[to->id], 1ULL);
	if (!atomic_xchg(&to->info->evtchn_upcall_pending, (u8)1))
		vcpu_unblock(to);
}

/* What a guest does while it has the CPU: hand its tokens to others; without one, wait. */
static void guest_runs(struct vcpu *v, unsigned *seed)
{
	unsigned what = (unsigned)rand_r(seed) % 8;

	atomic_set(&v->info->evtchn_upcall_pending, (u8)0);
	if (tokens[v->id]) {
		atomic_sub(&tokens[v->id], 1ULL);
		atomic_add(&hops, 1ULL);
		send(d->vcpu[(unsigned)rand_r(seed) % d->max_vcpus]);
	}
	if (tokens[v->id])
		atomic_set(&v->info->evtchn_upcall_pending, (u8)1);
	if (what == 0)
		do_sched_op(SCHEDOP_yield, 0);
	else if (what == 1) {
		evtchn_port_t port = v->id + 1;
		struct sched_poll poll = { .ports = (u64)(uintptr_t)&port, .nr_ports = 1 };

		do_sched_op(SCHEDOP_poll, (u64)(uintptr_t)&poll);
	} else if (what < 7) {
		do_sched_op(SCHEDOP_block, 0);
	}
}

static void *cpu_thread(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg, seed = cpu + 1;

	sim_cpu = &cpus[cpu];
	sim_current = &idle_vcpus[cpu];
	while (!stop) {
		poll_timer(cpu);
		softirqs_run();
		if (current->domain == d && !cpus[cpu].softirq_pending) {
			guest_runs(current, &seed);
		} else {
			sched_yield();
		}
	}
	/* Leave: whoever waits for a vCPU of ours to stop may not be served any more. */
	return NULL;
}

TEST(concurrent, "several CPUs at once")
{
	pthread_t threads[CPUS];
	unsigned seed = 99, last = CPUS - 1;
	u64 before;
	struct timespec nap = { .tv_nsec = 20000 };
	time_t end;

	start(CPUS, VCPUS);
	real_clock = true;
	stop = false;
	hops = 0;
	memset((void *)tokens, 0, sizeof(tokens));
	/* The last CPU is this thread's, which never runs a guest: it is the control domain's. */
	for (unsigned i = 0; i < VCPUS; i++) {
		shadow[i].allowed = BIT(last) - 1;
		sched_set_affinity(d->vcpu[i], BIT(last) - 1);
	}
	for (unsigned cpu = 0; cpu < last; cpu++)
		pthread_create(&threads[cpu], NULL, cpu_thread, (void *)(uintptr_t)cpu);
	sim_cpu = &cpus[last];
	sim_current = &idle_vcpus[last];
	for (unsigned i = 0; i < VCPUS; i++)
		up(i);
	for (unsigned i = 0; i < 5; i++)
		send(d->vcpu[i]);

	end = time(NULL) + 8;
	while (time(NULL) < end) {
		struct vcpu *v = d->vcpu[(unsigned)rand_r(&seed) % VCPUS];
		struct shadow *s = &shadow[v->id];

		switch (rand_r(&seed) % 6) {
		case 0:
			/* Paused means: not on a CPU. Its affinity changes meanwhile. */
			atomic_or(&v->pause_flags, VPF_PAUSED);
			vcpu_sleep_sync(v);
			if (s->on_cpus || v->running)
				mistake();
			s->allowed = BIT((unsigned)rand_r(&seed) % last);
			s->allowed |= BIT((unsigned)rand_r(&seed) % last);
			if (sched_set_affinity(v, s->allowed))
				mistake();
			nanosleep(&nap, NULL);
			if (s->on_cpus || v->running)
				mistake();
			atomic_and(&v->pause_flags, ~VPF_PAUSED);
			vcpu_wake(v);
			break;
		case 1:
			vcpu_wake(v); /* for nothing */
			break;
		case 2:
			vcpu_unblock(v);
			break;
		case 3:
			sched_set_soft_affinity(v, (u64)rand_r(&seed));
			break;
		case 4:
			sched_set_cap(d, rand_r(&seed) % 3 ? (u32)rand_r(&seed) % 200 : 0);
			break;
		default:
			vcpu_kick(v);
		}
		nanosleep(&nap, NULL);
	}
	/*
	 * Nobody is disturbed any more, so a lost wake-up cannot be made good by chance: the tokens
	 * go on round, of a budget that has to be filled up again and again.
	 */
	sched_set_cap(d, 20);
	before = hops;
	for (unsigned i = 0; i < 600 && hops < before + 200; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	CU_ASSERT(hops >= before + 200);
	stop = true;
	for (unsigned cpu = 0; cpu < last; cpu++)
		pthread_join(threads[cpu], NULL);
	before = 0;
	for (unsigned i = 0; i < VCPUS; i++)
		before += tokens[i];
	CU_ASSERT_EQUAL(before, 5);
	real_clock = false;
	sim_cpu = &cpus[0];
}

SUITE("sched", .end = finish)
