// SPDX-License-Identifier: GPL-2.0-or-later
/* Timers: a queue for each CPU, served by a softirq that the local APIC timer raises. */
#include "machine/timer.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "lib/printk.h"
#include "machine/clock.h"
#include "machine/irq.h"
#include "machine/timer_heap.h"

static struct timer_queue {
	struct spinlock lock;
	struct timer *root;
	/* Whose fn is being called; written by the queue's CPU, under the lock when it starts. */
	struct timer *volatile running;
	bool online;                    /* its CPU serves it */
} __aligned(64) queues[NR_CPUS];

static bool use_deadline;

u64 system_time(void)
{
	return clock_now();
}

/*
 * Set the hardware for the earliest timer, NULL for none. This CPU's, interrupts off. It may fire
 * early, not late.
 */
static void program(const struct timer *t)
{
	u64 now, delta;

	if (!t) {
		if (use_deadline)
			apic_timer_set_deadline(0);
		else
			apic_timer_set_count(0);
		return;
	}
	now = system_time();
	delta = t->expires > now ? t->expires - now : 0;
	if (use_deadline)
		apic_timer_set_deadline(rdtsc() + timescale_ticks(clock_tsc_hz, delta, ~0ULL));
	else
		apic_timer_set_count((u32)timescale_ticks(clock_apic_hz, delta, 0xffffffff));
}

void timer_poke(void)
{
	if (use_deadline)
		apic_timer_set_deadline(1);
	else
		apic_timer_set_count(1);
}

/* Lock the queue that the timer belongs to, which may change until it is locked. */
static struct timer_queue *lock_queue(const struct timer *t, u64 *flags)
{
	*flags = local_irq_save();
	for (;;) {
		unsigned cpu = t->cpu;

		spin_lock(&queues[cpu].lock);
		if (likely(t->cpu == cpu))
			return &queues[cpu];
		spin_unlock(&queues[cpu].lock);
	}
}

static void dequeue(struct timer_queue *q, struct timer *t)
{
	if (!t->queued)
		return;
	q->root = timerheap_remove(q->root, t);
	t->queued = false;
}

/* Queue it; if it became the first, its CPU must look. The queue's lock is held. */
static void enqueue(struct timer_queue *q, struct timer *t)
{
	unsigned cpu = t->cpu;

	q->root = timerheap_insert(q->root, t);
	t->queued = true;
	if (q->root != t || !q->online)
		return;
	if (cpu == cpu_id())
		program(t);
	else
		softirq_raise_on(cpu, SOFTIRQ_TIMER);
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

void timer_set(struct timer *t, u64 expires)
{
	u64 flags;
	struct timer_queue *q = lock_queue(t, &flags);

	if (!t->killed) {
		dequeue(q, t);
		t->expires = expires;
		enqueue(q, t);
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void timer_stop(struct timer *t)
{
	u64 flags;
	struct timer_queue *q = lock_queue(t, &flags);

	dequeue(q, t);
	spin_unlock_irqrestore(&q->lock, flags);
}

void timer_kill(struct timer *t)
{
	u64 flags;
	struct timer_queue *q = lock_queue(t, &flags);

	dequeue(q, t);
	t->killed = true;
	spin_unlock_irqrestore(&q->lock, flags);
	/* It may have been moved while it was running. */
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		while (queues[cpu].running == t)
			cpu_relax();
}

void timer_migrate(struct timer *t, unsigned cpu)
{
	struct timer_queue *from, *to = &queues[cpu];
	u64 flags;

	for (;;) {
		unsigned old = t->cpu;

		if (old == cpu)
			return;
		from = &queues[old];
		flags = local_irq_save();
		spin_lock(old < cpu ? &from->lock : &to->lock);
		spin_lock(old < cpu ? &to->lock : &from->lock);
		if (t->cpu == old)
			break;
		spin_unlock(&to->lock);
		spin_unlock_irqrestore(&from->lock, flags);
	}
	if (t->queued) {
		dequeue(from, t);
		t->cpu = cpu;
		enqueue(to, t);
	} else {
		t->cpu = cpu;
	}
	spin_unlock(&to->lock);
	spin_unlock_irqrestore(&from->lock, flags);
}

static void timer_softirq(void)
{
	struct timer_queue *q = &queues[cpu_id()];
	u64 now = system_time(), flags;

	for (;;) {
		struct timer *t;
		void (*fn)(void *);
		void *arg;

		flags = spin_lock_irqsave(&q->lock);
		t = q->root;
		if (!t || t->expires > now) {
			/* `now` may be old: then the hardware fires at once. */
			program(t);
			break;
		}
		dequeue(q, t);
		q->running = t;
		fn = t->fn;
		arg = t->arg;
		spin_unlock_irqrestore(&q->lock, flags);
		fn(arg);
		/* From here on *t may be gone. */
		smp_wmb();
		q->running = NULL;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void time_vector_handler(void)
{
	softirq_raise(SOFTIRQ_TIMER);
}

static void timer_interrupt(struct regs *r)
{
	(void)r;
	time_vector_handler();
}

/* The boot CPU's half of time_init(): before the first time_init_cpu(). */
void timers_init(void)
{
	use_deadline = cpu_features.tsc_deadline;
	softirq_register(SOFTIRQ_TIMER, timer_softirq);
	vector_register(TIMER_VECTOR, timer_interrupt);
}

void time_init_cpu(void)
{
	struct timer_queue *q = &queues[cpu_id()];
	u64 flags;

	apic_timer_setup(use_deadline);
	flags = spin_lock_irqsave(&q->lock);
	q->online = true;
	spin_unlock_irqrestore(&q->lock, flags);
	clock_init_cpu();
	/* What was queued before there was somebody to serve it. */
	softirq_raise(SOFTIRQ_TIMER);
}

void timer_dump(void)
{
	printk(LOG_INFO "timers at %llu us, by %s\n", (unsigned long long)system_time() / 1000,
	       use_deadline ? "TSC deadline" : "the APIC's count");
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		struct timer_queue *q = &queues[cpu];
		u64 flags = spin_lock_irqsave(&q->lock), expires = q->root ? q->root->expires : 0;
		const void *fn = q->root ? (const void *)q->root->fn : NULL;
		bool first = q->root, online = q->online, running = q->running;

		spin_unlock_irqrestore(&q->lock, flags);
		if (first)
			printk(LOG_INFO "  CPU %u: the next in %lld us, %p%s\n", cpu,
			       (long long)(expires - system_time()) / 1000, fn,
			       running ? ", one is running" : "");
		else if (online)
			printk(LOG_INFO "  CPU %u: none\n", cpu);
	}
}
