// SPDX-License-Identifier: GPL-2.0-or-later
/* Debug keys: from the serial line, or `hvctl debug key`. */
#include "control/keys.h"

#include "control/audit.h"
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/event.h"
#include "domain/grant.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "machine/irq.h"
#include "machine/power.h"
#include "machine/timer.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "sched/sched.h"

#define ULL(x) ((unsigned long long)(x))

/* Keys typed and not yet done, under the lock (irqsave). One CPU at a time works on them. */
GLOBAL_LOCK(typed_lock, "debug keys lock");
static char typed[16];
static unsigned typed_prod, typed_cons;
static u32 working;

static int key_help(void);

static void for_each_domain(void (*fn)(struct domain *d))
{
	struct domain *d;

	for (unsigned id = 0; (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
		fn(d);
}

static int key_audit(void)
{
	u64 n = audit_run();

	return n == AUDIT_UNABLE ? -EBUSY : n ? -EUCLEAN : 0;
}

static void show_timer(const char *name, const struct timer *t)
{
	if (READ_ONCE(t->queued))
		printk(LOG_INFO "    %s timer on CPU %u in %lld us\n", name, t->cpu,
		       (long long)(t->expires - system_time()) / 1000);
}

static void show_domain(struct domain *d)
{
	struct vcpu *v;

	printk(LOG_INFO "d%u: %llu of %llu frames, references %u, paused %u%s%s%s%s\n", d->id,
	       ULL(d->tot_pages), ULL(d->max_pages), d->refs, d->pause_count,
	       d->paused_by_control ? " by a tool" : "", d->shut_down ? ", shut down" : "",
	       d->dying ? ", dying" : "", d->privileged ? ", privileged" : "");
	for_each_vcpu(d, v) {
		struct vcpu_runstate_info rs;

		vcpu_runstate_get(v, &rs);
		printk(LOG_INFO "  d%uv%u: CPU %u%s, flags %llx%s%s, ran %llu ms, "
				"upcall pending %u mask %u, rip %llx\n",
		       d->id, v->id, v->cpu, v->running ? " running" : "", ULL(v->pause_flags),
		       v->polling ? " polling" : "", v->nmi_pending ? " NMI" : "",
		       ULL(rs.time[RUNSTATE_running] / 1000000), v->info->evtchn_upcall_pending,
		       v->info->evtchn_upcall_mask, ULL(v->regs.rip));
		show_timer("one shot", &v->time.singleshot);
		show_timer("periodic", &v->time.periodic);
		show_timer("poll", &v->time.poll);
	}
}

static int key_domains(void)
{
	for_each_domain(show_domain);
	return 0;
}

static void show_queued(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		if (v->sched.queued || v->running)
			printk(LOG_INFO "  CPU %u: d%uv%u %s, weight %u, vruntime %llu us, "
					"affinity %llx\n",
			       v->sched.cpu, d->id, v->id, v->running ? "runs" : "waits",
			       v->sched.weight, ULL(v->sched.vruntime / 1000),
			       ULL(v->sched.affinity));
}

static int key_timers(void)
{
	timer_dump();
	return 0;
}

static int key_queues(void)
{
	sched_dump();
	for_each_domain(show_queued);
	return 0;
}

static int key_memory(void)
{
	printk(LOG_INFO "heap: %llu of %llu frames free\n", ULL(heap_free_frames()),
	       ULL(heap_total_frames()));
	for (unsigned c = 0; c < ALLOC_CLASSES; c++) {
		struct alloc_stats s;

		alloc_stats_get((enum alloc_class)c, &s);
		printk(LOG_INFO "  %s: %llu bytes in %llu objects\n", alloc_class_names[c],
		       ULL(s.bytes), ULL(s.objects));
	}
	return 0;
}

static int key_events(void)
{
	for_each_domain(event_dump);
	return 0;
}

static int key_grants(void)
{
	for_each_domain(grant_dump);
	return 0;
}

static int key_interrupts(void)
{
	irq_dump();
	return 0;
}

static int key_latency(void)
{
	latency_show();
	return 0;
}

static int key_restart(void)
{
	printk(LOG_INFO "restarting the machine\n");
	machine_restart();
}

static const struct key {
	char c;
	const char *help;
	int (*fn)(void);
} keys[] = {
	{ 'A', "audit the invariants of memory", key_audit },
	{ 'R', "restart the machine", key_restart },
	{ 'e', "event channels", key_events },
	{ 'g', "grant tables", key_grants },
	{ 'h', "this list", key_help },
	{ 'i', "interrupt lines", key_interrupts },
	{ 'l', "longest holds of locks, interrupts; requests to flush (latency=1)", key_latency },
	{ 'm', "memory and allocation classes", key_memory },
	{ 'q', "domains and their vCPUs", key_domains },
	{ 'r', "run queues", key_queues },
	{ 't', "timers of CPUs", key_timers },
};

static int key_help(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		printk(LOG_INFO "key '%c': %s\n", keys[i].c, keys[i].help);
	return 0;
}

int debug_key(char c)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].c == c)
			return keys[i].fn();
	if (c > ' ' && c < 0x7f)
		printk(LOG_INFO "key '%c' means nothing, 'h' lists the keys\n", c);
	return 0;
}

static void do_typed(void)
{
	u32 idle = 0;
	u64 flags;

	if (!atomic_cmpxchg(&working, &idle, 1U))
		return;
	flags = global_lock_irqsave(typed_lock);
	while (typed_cons != typed_prod) {
		char c = typed[typed_cons++ % ARRAY_SIZE(typed)];

		global_unlock_irqrestore(typed_lock, flags);
		/*
		 * Only one at a time may wait for others' vCPUs to be off their CPUs: the current
		 * one does not leave this CPU while we wait, and an operation of the toolstack may
		 * be waiting for just that.
		 */
		if (control_trylock()) {
			(void)debug_key(c);
			control_unlock();
		} else {
			printk(LOG_INFO "key '%c': the toolstack is at work, try again\n", c);
		}
		flags = global_lock_irqsave(typed_lock);
	}
	/*
	 * Released under the lock: a key typed from now on finds nobody at work and raises the
	 * softirq for itself.
	 */
	atomic_set(&working, 0U);
	global_unlock_irqrestore(typed_lock, flags);
}

void debug_key_interrupt(char c)
{
	u64 flags = global_lock_irqsave(typed_lock);

	if (typed_prod - typed_cons < ARRAY_SIZE(typed))
		typed[typed_prod++ % ARRAY_SIZE(typed)] = c;
	global_unlock_irqrestore(typed_lock, flags);
	softirq_register(SOFTIRQ_TASKLET, do_typed);
	softirq_raise(SOFTIRQ_TASKLET);
}
