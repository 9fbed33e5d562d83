// SPDX-License-Identifier: GPL-2.0-or-later
/* Softirqs, and what CPUs ask of each other by interrupt: calls and passing the exit path. */
#include "cpu/ipi.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/stop.h"
#include "cpu/vectors.h"
#include "lib/latency.h"

static void (*handlers[SOFTIRQ_COUNT])(void);

void softirq_register(enum softirq n, void (*fn)(void))
{
	handlers[n] = fn;
}

void softirq_raise(enum softirq n)
{
	set_bit(n, &this_cpu()->softirq_pending);
}

void softirq_raise_on(unsigned cpu, enum softirq n)
{
	if (!test_and_set_bit(n, &cpus[cpu].softirq_pending) && cpu != cpu_id())
		apic_send_ipi(cpu, EVENT_CHECK_VECTOR);
}

void softirqs_run(void)
{
	struct cpu *c = this_cpu();

	for (;;) {
		u64 pending = READ_ONCE(c->softirq_pending);
		unsigned n;

		if (!pending)
			return;
		n = __builtin_ctzll(pending);
		clear_bit(n, &c->softirq_pending);
		if (n < SOFTIRQ_COUNT && handlers[n])
			handlers[n]();
	}
}

/*
 * One call at a time in the whole machine: it is for rare things. `waiting` has a bit for each CPU
 * that has not run fn yet.
 */
GLOBAL_LOCK(call_lock, "call lock");
static void (*call_fn)(void *);
static void *call_arg;
static volatile cpumask_t call_waiting;

static void call_interrupt(struct regs *r)
{
	cpumask_t me = CPU_MASK(cpu_id());

	(void)r;
	if (atomic_read(&call_waiting) & me) {
		call_fn(call_arg);
		atomic_and(&call_waiting, ~me);
	}
}

void on_cpus(cpumask_t mask, void (*fn)(void *), void *arg)
{
	cpumask_t me = CPU_MASK(cpu_id()), others = mask & cpus_online & ~me;
	u64 flags;

	if (others) {
		/* Interrupts stay on while waiting: the holder may be waiting for us. */
		global_lock(call_lock);
		call_fn = fn;
		call_arg = arg;
		atomic_set(&call_waiting, others);
		apic_send_ipi_mask(others, CALL_FUNCTION_VECTOR);
	}
	if (mask & me) {
		flags = local_irq_save();
		fn(arg);
		local_irq_restore(flags);
	}
	if (others) {
		while (atomic_read(&call_waiting))
			cpu_relax();
		global_unlock(call_lock);
	}
}

static void event_check_interrupt(struct regs *r)
{
	(void)r;
}

void send_event_check_ipi(unsigned cpu)
{
	apic_send_ipi(cpu, EVENT_CHECK_VECTOR);
}

void ipi_init(void)
{
	vector_register(CALL_FUNCTION_VECTOR, call_interrupt);
	vector_register(EVENT_CHECK_VECTOR, event_check_interrupt);
}

static volatile bool stopping;

void stop_other_cpus(void)
{
	unsigned c;
	cpumask_t others = cpus_online & ~CPU_MASK(cpu_id());

	stopping = true;
	smp_mb();
	for_each_cpu_in(c, others)
		apic_send_nmi(c);
}

void stop_if_asked(void)
{
	if (stopping)
		stop_vmx_here();
	while (stopping)
		__asm__ volatile("cli; hlt");
}
