// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/timer.c hypervisor/machine/timer_heap.c
// sources: hypervisor/machine/timescale.c tests/unit/sim/sim.c
// cflags: -Dsched_yield=hypervisor_sched_yield
// libs: -lpthread
/*
 * Timers. The heap against a plain array; then whole CPUs: the local APIC timer is a deadline that
 * a simulated clock reaches, and no timer may fire early, twice, late or not at all, whoever sets,
 * stops and moves it.
 */
#undef sched_yield
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "suite.h"

#include "sim.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "machine/clock.h"
#include "machine/irq.h"
#include "machine/timer_heap.h"

#define CPUS 4

u64 clock_tsc_hz = 2400000000, clock_apic_hz = 1000000000;
static volatile u64 now;
static bool real_clock;
static struct local_apic {
	volatile u64 fires;      /* system time, 0: stopped */
	unsigned programmed;
} apics[CPUS];
static void (*softirq_fn)(void);
static void (*timer_vector)(struct regs *r);

u64 clock_now(void)
{
	struct timespec ts;

	if (!real_clock)
		return now;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

void clock_init_cpu(void) { }
u64 rdtsc(void) { return muldiv64(clock_now(), clock_tsc_hz, 1000000000); }

void softirq_register(enum softirq n, void (*fn)(void))
{
	CU_ASSERT_EQUAL(n, SOFTIRQ_TIMER);
	softirq_fn = fn;
}

void softirq_raise(enum softirq n) { set_bit(n, &this_cpu()->softirq_pending); }
void softirq_raise_on(unsigned cpu, enum softirq n) { set_bit(n, &cpus[cpu].softirq_pending); }

void vector_register(u8 vector, void (*fn)(struct regs *r))
{
	CU_ASSERT_EQUAL(vector, TIMER_VECTOR);
	timer_vector = fn;
}

void apic_timer_setup(bool tsc_deadline)
{
	CU_ASSERT_EQUAL(tsc_deadline, cpu_features.tsc_deadline);
}

void apic_timer_set_count(u32 ticks)
{
	struct local_apic *a = &apics[cpu_id()];

	a->fires = ticks ? clock_now() + ticks : 0;
	a->programmed++;
}

void apic_timer_set_deadline(u64 tsc)
{
	struct local_apic *a = &apics[cpu_id()];

	/* Rounded down: the hardware may fire a little early. */
	a->fires = tsc ? max(muldiv64(tsc, 1000000000, clock_tsc_hz), 1ULL) : 0;
	a->programmed++;
}

/* What a CPU does when it gets the chance: take the interrupt, run the softirq. */
static void poll_cpu(unsigned cpu)
{
	sim_cpu = &cpus[cpu];
	if (apics[cpu].fires && apics[cpu].fires <= clock_now()) {
		apics[cpu].fires = 0;
		timer_vector(NULL);
	}
	if (test_and_clear_bit(SOFTIRQ_TIMER, &sim_cpu->softirq_pending))
		softirq_fn();
}

static void start(bool deadline)
{
	sim_reset();
	cpu_features.tsc_deadline = deadline;
	real_clock = false;
	now = 1000;
	nr_cpus = CPUS;
	cpus_online = BIT(CPUS) - 1;
	timers_init();
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		cpus[cpu].id = cpu;
		sim_cpu = &cpus[cpu];
		time_init_cpu();
		poll_cpu(cpu);
	}
	sim_cpu = &cpus[0];
}

/* ---------------------------------------------------------------------------------- */

#define HEAP_TIMERS 200

TEST(heap, "heap")
{
	static struct timer t[HEAP_TIMERS];
	struct timer *root = NULL;

	memset(t, 0, sizeof(t));
	srandom(5);
	for (unsigned step = 0; step < 200000; step++) {
		struct timer *x = &t[random() % HEAP_TIMERS];
		u64 least = ~0ULL;

		if (x->queued) {
			root = timerheap_remove(root, x);
			x->queued = false;
		} else {
			/* Few different values: many are equal. */
			x->expires = (u64)(random() % 64);
			root = timerheap_insert(root, x);
			x->queued = true;
		}
		for (unsigned i = 0; i < HEAP_TIMERS; i++)
			if (t[i].queued && t[i].expires < least)
				least = t[i].expires;
		CU_ASSERT_EQUAL_FATAL(root ? root->expires : ~0ULL, least);
	}
	while (root) {
		u64 last = root->expires;

		root->queued = false;
		root = timerheap_remove(root, root);
		CU_ASSERT(!root || root->expires >= last);
	}
	for (unsigned i = 0; i < HEAP_TIMERS; i++)
		CU_ASSERT_FALSE(t[i].queued);
}

/* ---------------------------------------------------------------------------------- */

struct probe {
	struct timer timer;
	u64 due;          /* 0: not set */
	unsigned fired;
	unsigned again;   /* how often it sets itself anew */
};

static void probe_fires(void *arg)
{
	struct probe *p = arg;

	CU_ASSERT_FATAL(p->due != 0);
	CU_ASSERT(now >= p->due);
	CU_ASSERT_EQUAL(cpu_id(), p->timer.cpu);
	CU_ASSERT(local_irq_enabled());
	p->due = 0;
	p->fired++;
	if (p->again) {
		p->again--;
		p->due = now + 10;
		timer_set(&p->timer, p->due);
	}
}

/* Let time pass in steps that never jump over an interrupt, then see that nothing is overdue. */
static void run_until(u64 end, struct probe *p, unsigned n)
{
	for (;;) {
		u64 next = end;

		/* Those who were told something by another CPU notice at once. */
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			poll_cpu(cpu);
		if (now >= end)
			break;
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			if (apics[cpu].fires && apics[cpu].fires < next)
				next = apics[cpu].fires;
		/* Time passes anyway. */
		now = max(next, now + 1);
	}
	sim_cpu = &cpus[0];
	/* The TSC deadline's rounding may need a second interrupt, some ns later. */
	for (unsigned i = 0; i < n; i++)
		CU_ASSERT(!p[i].due || p[i].due + 3 >= now);
}

TEST(basics, "set, stop, kill")
{
	struct probe p = { 0 };

	start(false);
	timer_init(&p.timer, probe_fires, &p, 0);
	/* The past. */
	p.due = 1;
	timer_set(&p.timer, 1);
	run_until(now + 10, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 1);
	/* Stopped. */
	p.due = now + 100;
	timer_set(&p.timer, p.due);
	timer_stop(&p.timer);
	p.due = 0;
	run_until(now + 1000, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 1);
	/* Put off, and brought forward. */
	p.due = now + 500;
	timer_set(&p.timer, now + 100);
	timer_set(&p.timer, p.due);
	run_until(now + 400, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 1);
	p.due = now + 20;
	timer_set(&p.timer, p.due);
	run_until(now + 50, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 2);
	/* Itself again, which is never an endless loop within one softirq. */
	p.again = 5;
	p.due = now + 1;
	timer_set(&p.timer, p.due);
	run_until(now + 1000, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 8);
	/* Longer than the hardware can count: in several goes. */
	p.due = now + 20000000000ULL;
	timer_set(&p.timer, p.due);
	run_until(p.due - 1, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 8);
	run_until(now + 10, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 9);
	/* Killed. */
	p.due = now + 10;
	timer_set(&p.timer, p.due);
	timer_kill(&p.timer);
	timer_set(&p.timer, now + 10);
	p.due = 0;
	run_until(now + 100, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 9);
	timer_kill(&p.timer);
	timer_migrate(&p.timer, 1);
}

TEST(idle_hardware, "no timers, no interrupts")
{
	struct probe p = { 0 };

	start(false);
	timer_init(&p.timer, probe_fires, &p, 0);
	p.due = now + 10;
	timer_set(&p.timer, p.due);
	run_until(now + 100, &p, 1);
	CU_ASSERT_EQUAL(p.fired, 1);
	/* Without timers no interrupt comes. */
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		CU_ASSERT_EQUAL(apics[cpu].fires, 0);
}

TEST(moving, "moving")
{
	struct probe p[3] = { 0 };

	start(true);
	for (unsigned i = 0; i < 3; i++) {
		timer_init(&p[i].timer, probe_fires, &p[i], 0);
		p[i].due = now + 1000 * (i + 1);
		timer_set(&p[i].timer, p[i].due);
	}
	timer_migrate(&p[0].timer, 3);
	timer_migrate(&p[1].timer, 2);
	timer_migrate(&p[2].timer, 1);
	timer_migrate(&p[2].timer, 0);
	run_until(now + 5000, p, 3);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(p[i].fired, 1);
}

TEST(poke, "poke")
{
	struct probe p = { 0 };

	for (unsigned deadline = 0; deadline < 2; deadline++) {
		start(deadline);
		timer_init(&p.timer, probe_fires, &p, 0);
		p.due = now + 100000;
		timer_set(&p.timer, p.due);
		timer_poke();
		CU_ASSERT(apics[0].fires && apics[0].fires <= now + 1);
		/* It costs nobody his timer. */
		run_until(now + 200000, &p, 1);
	}
	CU_ASSERT_EQUAL(p.fired, 2);
}

#define PROBES 60

TEST(randomised, "randomised")
{
	static struct probe p[PROBES];

	for (unsigned deadline = 0; deadline < 2; deadline++) {
		u64 total = 0;

		start(deadline);
		memset(p, 0, sizeof(p));
		srandom(7 + deadline);
		for (unsigned i = 0; i < PROBES; i++)
			timer_init(&p[i].timer, probe_fires, &p[i], (unsigned)random() % CPUS);
		for (unsigned step = 0; step < 60000; step++) {
			struct probe *x = &p[random() % PROBES];

			sim_cpu = &cpus[random() % CPUS];
			switch (random() % 6) {
			case 0:
			case 1:
				x->due = now + (u64)(random() % 5000) - (u64)(random() % 500);
				timer_set(&x->timer, x->due);
				break;
			case 2:
				timer_stop(&x->timer);
				x->due = 0;
				break;
			case 3:
				timer_migrate(&x->timer, (unsigned)random() % CPUS);
				break;
			default:
				run_until(now + (u64)(random() % 200) + 1, NULL, 0);
				/* What a CPU was only told of must not be late either. */
				for (unsigned i = 0; i < PROBES; i++)
					CU_ASSERT_FATAL(!p[i].due || p[i].due + 3 >= now);
			}
		}
		run_until(now + 10000, p, PROBES);
		for (unsigned i = 0; i < PROBES; i++) {
			CU_ASSERT_EQUAL(p[i].due, 0);
			total += p[i].fired;
		}
		CU_ASSERT(total > 10000);
	}
}

/* ----------------------------------------------------------------------------------
 * CPUs at the same time: others set, move and kill timers while they fire.
 */

struct shared_probe {
	struct timer timer;
	volatile u32 running, alive;
	volatile u64 fired;
};
static struct shared_probe shared[8];
static volatile bool stop;
static volatile u32 mistakes;

static void shared_fires(void *arg)
{
	struct shared_probe *p = arg;

	atomic_add(&p->running, 1U);
	if (!p->alive)
		atomic_add(&mistakes, 1U);
	atomic_add(&p->fired, 1ULL);
	atomic_sub(&p->running, 1U);
}

static void *cpu_thread(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;
	unsigned seed = cpu;

	sim_cpu = &cpus[cpu];
	while (!stop) {
		struct shared_probe *p = &shared[(unsigned)rand_r(&seed) % 8];

		poll_cpu(cpu);
		if (rand_r(&seed) % 2)
			timer_set(&p->timer, clock_now() + (u64)(rand_r(&seed) % 20000));
		else
			timer_migrate(&p->timer, (unsigned)rand_r(&seed) % CPUS);
		sched_yield();
	}
	return NULL;
}

static u64 total_fired(void)
{
	u64 total = 0;

	for (unsigned i = 0; i < 8; i++)
		total += READ_ONCE(shared[i].fired);
	return total;
}

TEST(concurrent, "several CPUs at once")
{
	pthread_t threads[CPUS];
	struct timespec pause = { .tv_nsec = 300000 };
	unsigned last = CPUS - 1;

	start(false);
	real_clock = true;
	stop = false;
	mistakes = 0;
	for (unsigned i = 0; i < 8; i++) {
		shared[i].alive = 1;
		shared[i].fired = 0;
		timer_init(&shared[i].timer, shared_fires, &shared[i], i % CPUS);
	}
	/* This thread is the last CPU, and kills. */
	for (unsigned cpu = 0; cpu < last; cpu++)
		pthread_create(&threads[cpu], NULL, cpu_thread, (void *)(uintptr_t)cpu);
	sim_cpu = &cpus[last];
	/*
	 * On a machine with other load the threads come round less often: until there was enough to
	 * see.
	 */
	for (unsigned round = 0; round < 1500 || (round < 150000 && total_fired() <= 1000);
	     round++) {
		struct shared_probe *p = &shared[round % 8];

		poll_cpu(last);
		timer_kill(&p->timer);
		p->alive = 0;
		if (p->running)
			mistakes++;
		nanosleep(&pause, NULL);
		if (p->running)
			mistakes++;
		p->alive = 1;
		/* As timer_init() does, but others may be looking at its queue. */
		__atomic_store_n(&p->timer.killed, false, __ATOMIC_SEQ_CST);
	}
	stop = true;
	for (unsigned cpu = 0; cpu < last; cpu++)
		pthread_join(threads[cpu], NULL);
	CU_ASSERT_EQUAL(mistakes, 0);
	CU_ASSERT(total_fired() > 1000);
	sim_cpu = &cpus[0];
	real_clock = false;
}

SUITE("timer")
