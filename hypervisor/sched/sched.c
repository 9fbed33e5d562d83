// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who runs next. Each CPU has a queue of the vCPUs that wait for it, sorted by virtual runtime
 * (sched/policy.h).
 *
 * A vCPU is in one of these states, all under the lock of the queue of sched.cpu:
 *   queued   runnable (pause_flags was 0), waits
 *   running  its state is on a CPU: is the queue's `curr`, or is just being switched away from
 *   neither  sleeps; or is runnable and in the hands of who is about to queue it
 * A queued vCPU never runs. Only the queue's own CPU takes vCPUs from it to run them; others move
 * them to their own queue. sched.cpu of a running vCPU changes only while it is being switched away
 * from.
 *
 * Locks: queue locks are taken with interrupts off, two of them in the order of their CPUs; inside
 * come only timer queues'. Nothing is printed with one held: printing may wake a vCPU.
 */
#include "sched/sched.h"
#include "cpu/cpu.h"
#include "cpu/ipi.h"
#include "domain/domain.h"
#include "domain/time.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "pv-abi/sysctl.h"
#include "sched/cap.h"
#include "sched/policy.h"

static struct run_queue {
	struct spinlock lock;
	struct list waiting;       /* struct vcpu.sched.link, smallest vruntime first */
	volatile u16 load;         /* how many wait, and curr if it is not idle; read by all */
	struct vcpu *curr;
	u64 curr_since;            /* ns of system time up to which curr's time was charged */
	u64 clock;                 /* virtual: the smallest vruntime so far, never goes back */
	u64 curr_from;             /* ns of system time when curr began to run */
	bool slice_armed;
	bool yields;               /* curr called sched_yield(); its own CPU's */
	struct timer slice;
	u64 switches;
} __aligned(64) queues[NR_CPUS];

/*
 * CPUs that have nothing to run and look out for work. Set by the CPU; cleared by it and by who
 * sends it work. Atomic.
 */
static cpumask_t idle_cpus;

/* Who runs is not interrupted for who wakes up before it ran so many ns; 0: at any time. */
static u64 rate_limit;
static u64 opt_rate_limit; /* us */
OPTION_U64("sched_ratelimit_us", opt_rate_limit);

/* A vCPU that an NMI handler wants to be unblocked; atomic. */
static struct vcpu *nmi_wakes;

static bool runnable(const struct vcpu *v)
{
	return !atomic_read(&v->pause_flags);
}

static bool is_idle(const struct vcpu *v)
{
	return v->domain->is_idle;
}

static struct run_queue *lock_queue(const struct vcpu *v, u64 *flags)
{
	*flags = local_irq_save();
	for (;;) {
		unsigned cpu = READ_ONCE(v->sched.cpu);

		spin_lock(&queues[cpu].lock);
		if (likely(READ_ONCE(v->sched.cpu) == cpu))
			return &queues[cpu];
		spin_unlock(&queues[cpu].lock);
	}
}

static void unlock_queue(struct run_queue *q, u64 flags)
{
	spin_unlock_irqrestore(&q->lock, flags);
}

static unsigned queue_cpu(const struct run_queue *q)
{
	return (unsigned)(q - queues);
}

static struct vcpu *first_waiting(const struct run_queue *q)
{
	if (list_empty(&q->waiting))
		return NULL;
	return list_entry(q->waiting.next, struct vcpu, sched.link);
}

static void link(struct run_queue *q, struct vcpu *v)
{
	struct list *at;

	/* From the back: most come last. */
	for (at = q->waiting.prev; at != &q->waiting; at = at->prev) {
		const struct vcpu *other = list_entry(at, struct vcpu, sched.link);

		if (!policy_before(v->sched.vruntime, other->sched.vruntime))
			break;
	}
	list_add(&v->sched.link, at);
	v->sched.queued = true;
	q->load++;
}

static void unlink(struct run_queue *q, struct vcpu *v)
{
	list_del(&v->sched.link);
	v->sched.queued = false;
	q->load--;
}

/* Charge curr for its time up to `now`, and move the virtual clock on. */
static void charge(struct run_queue *q, u64 now)
{
	struct vcpu *v = q->curr, *first = first_waiting(q);
	u64 clock;

	if (is_idle(v)) {
		q->curr_since = now;
		if (!first)
			return;
		clock = first->sched.vruntime;
	} else {
		if (now > q->curr_since) {
			v->sched.vruntime += policy_charge(now - q->curr_since, v->sched.weight);
			v->sched.cap_left -= (s64)(now - q->curr_since);
			q->curr_since = now;
		}
		clock = v->sched.vruntime;
		if (first && policy_before(first->sched.vruntime, clock))
			clock = first->sched.vruntime;
	}
	if (policy_before(q->clock, clock))
		q->clock = clock;
}

static void arm_slice(struct run_queue *q, u64 now)
{
	u64 end = q->curr->sched.slice_end, limit = READ_ONCE(rate_limit);

	if (q->slice_armed)
		return;
	q->slice_armed = true;
	/* It was alone so far: a new one begins. */
	if (end <= now)
		end = q->curr->sched.slice_end = now + SCHED_SLICE_NS;
	/* Who waits may be owed the CPU by then. */
	if (limit && q->curr_from + limit > now)
		end = min(end, q->curr_from + limit);
	if (q->curr->domain->cap.percent && q->curr->sched.cap_left > 0)
		end = min(end, now + (u64)q->curr->sched.cap_left);
	timer_set(&q->slice, end);
}

/*
 * Queue v, runnable, not running and settled, on the queue that it belongs to, and see to it that
 * it gets its CPU.
 */
static void enqueue(struct run_queue *q, struct vcpu *v, u64 now)
{
	unsigned cpu = queue_cpu(q);

	link(q, v);
	vcpu_runstate_change(v, RUNSTATE_runnable, now);
	atomic_and(&idle_cpus, ~CPU_MASK(cpu));
	if (is_idle(q->curr)) {
		softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
		return;
	}
	if (policy_preempts(v->sched.vruntime, q->curr->sched.vruntime) || !runnable(q->curr))
		softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
	else
		arm_slice(q, now);
}

static cpumask_t allowed_cpus(const struct vcpu *v)
{
	cpumask_t mask = READ_ONCE(v->sched.affinity) & cpus_online;

	return mask ? mask : cpus_online;
}

static unsigned pick_cpu(const struct vcpu *v, bool rotate)
{
	cpumask_t allowed = allowed_cpus(v), idle = atomic_read(&idle_cpus);
	u16 load[NR_CPUS];

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		load[cpu] = queues[cpu].load;
	return policy_pick_cpu(policy_prefer(allowed, READ_ONCE(v->sched.soft), idle), idle,
			       v->sched.cpu, load, rotate);
}

/*
 * Make v, in nobody's hands and locked by its queue, belong to another CPU. Queues' clocks differ,
 * so it takes along how far it is before or behind this one's, until settle() with the other queue
 * locked.
 */
static void change_cpu(struct run_queue *from, struct vcpu *v, unsigned cpu, u64 now)
{
	if (!v->sched.relative) {
		charge(from, now);
		v->sched.vruntime -= from->clock;
		v->sched.relative = true;
	}
	smp_wmb();
	WRITE_ONCE(v->sched.cpu, cpu);
}

/* Bring the queue's clock up to date, and v to it. */
static void settle(struct run_queue *q, struct vcpu *v, u64 now)
{
	charge(q, now);
	if (v->sched.relative) {
		v->sched.vruntime += q->clock;
		v->sched.relative = false;
	}
}

/* The runstate of a vCPU that is not to run. */
static int sleeping_state(const struct vcpu *v)
{
	u64 flags = atomic_read(&v->pause_flags);

	/* One that its domain's cap holds back is the guest's stolen time. */
	if (!(flags & ~VPF_CAPPED))
		return RUNSTATE_runnable;
	return flags == VPF_BLOCKED ? RUNSTATE_blocked : RUNSTATE_offline;
}

/*
 * If v is runnable and neither runs nor waits, queue it where it fits best. One that was paused
 * while it slept sleeps on, and is not offline any more.
 */
static void enqueue_woken(struct vcpu *v)
{
	bool placed = false;

	for (;;) {
		u64 flags, now = system_time();
		struct run_queue *q = lock_queue(v, &flags);
		unsigned cpu = queue_cpu(q);

		if (v->sched.queued || v->running || !runnable(v)) {
			if (!v->running && !runnable(v) &&
			    v->time.runstate.state != sleeping_state(v))
				vcpu_runstate_change(v, sleeping_state(v), now);
			unlock_queue(q, flags);
			return;
		}
		if (!placed || !(allowed_cpus(v) & CPU_MASK(cpu)))
			cpu = pick_cpu(v, false);
		if (cpu == queue_cpu(q)) {
			settle(q, v, now);
			v->sched.vruntime = policy_wake(v->sched.vruntime, q->clock);
			enqueue(q, v, now);
			unlock_queue(q, flags);
			return;
		}
		change_cpu(q, v, cpu, now);
		unlock_queue(q, flags);
		placed = true;
	}
}

/*
 * The state of prev is saved. If it may run on, queue it. `running` falls with the lock held, so
 * that whoever waits for that and then frees the vCPU cannot do so while it is still being looked
 * at; a waker that comes before sees it run and leaves it to us.
 */
void sched_switched(struct vcpu *prev)
{
	bool placed = false;

	if (is_idle(prev)) {
		prev->running = false;
		return;
	}
	prev->sched.moves = false;
	for (;;) {
		u64 flags, now = system_time();
		struct run_queue *q = lock_queue(prev, &flags);
		unsigned cpu = queue_cpu(q);

		if (runnable(prev) && (!placed || !(allowed_cpus(prev) & CPU_MASK(cpu))))
			cpu = pick_cpu(prev, now >= prev->sched.slice_end);
		if (cpu == queue_cpu(q)) {
			bool goes_on = runnable(prev);

			prev->running = false;
			settle(q, prev, now);
			if (goes_on)
				enqueue(q, prev, now);
			else
				vcpu_runstate_change(prev, sleeping_state(prev), now);
			unlock_queue(q, flags);
			return;
		}
		change_cpu(q, prev, cpu, now);
		unlock_queue(q, flags);
		placed = true;
	}
}

/* ----------------------------------------------------------------------------------
 * Waking, sleeping, kicking
 */

void vcpu_wake(struct vcpu *v)
{
	if (!is_idle(v))
		enqueue_woken(v);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
	u64 flags, now = system_time();
	struct run_queue *q = lock_queue(v, &flags);

	if (!runnable(v)) {
		if (v->sched.queued)
			unlink(q, v);
		if (v->running)
			softirq_raise_on(queue_cpu(q), SOFTIRQ_SCHEDULE);
		else
			vcpu_runstate_change(v, sleeping_state(v), now);
	}
	unlock_queue(q, flags);
}

void vcpu_sleep_sync(struct vcpu *v)
{
	vcpu_sleep_nosync(v);
	while (v->running && !runnable(v))
		cpu_relax();
}

void vcpu_kick(struct vcpu *v)
{
	unsigned cpu;

	/*
	 * What is pending was written before: either it runs and is told, or it will look when it
	 * is switched to.
	 */
	smp_mb();
	cpu = v->cpu;
	if (v->running && cpu != cpu_id())
		send_event_check_ipi(cpu);
}

void vcpu_unblock(struct vcpu *v)
{
	/* In this order: once it is unblocked it may poll again, and `polling` is that poll's. */
	if (READ_ONCE(v->polling))
		atomic_set(&v->polling, false);
	if (atomic_and(&v->pause_flags, ~VPF_BLOCKED) & VPF_BLOCKED)
		vcpu_wake(v);
	vcpu_kick(v);
}

void vcpu_block(void)
{
	struct vcpu *v = current;

	atomic_or(&v->pause_flags, VPF_BLOCKED);
	/* Now look: who makes something pending after this sees the flag, and clears it. */
	smp_mb();
	if (vcpu_event_deliverable(v) || (v->nmi_pending && !v->nmi_masked))
		atomic_and(&v->pause_flags, ~VPF_BLOCKED);
	else
		softirq_raise(SOFTIRQ_SCHEDULE);
}

void sched_yield(void)
{
	queues[cpu_id()].yields = true;
	softirq_raise(SOFTIRQ_SCHEDULE);
}

void vcpu_kick_nmi(struct vcpu *v)
{
	atomic_set(&nmi_wakes, v);
	set_bit(SOFTIRQ_SCHEDULE, &this_cpu()->softirq_pending);
	/*
	 * The interrupted guest goes on from the NMI directly; this brings it back to a full exit.
	 */
	timer_poke();
}

/* ----------------------------------------------------------------------------------
 * Choosing
 */

/* Move a vCPU that waits elsewhere and may run here to this CPU's queue. */
static bool pull_from(unsigned cpu, unsigned other, u64 now)
{
	struct run_queue *q = &queues[cpu], *from = &queues[other];
	struct vcpu *v;
	bool found = false;

	spin_lock(cpu < other ? &q->lock : &from->lock);
	spin_lock(cpu < other ? &from->lock : &q->lock);
	/* One that had rather be here than there, if there is one. */
	for (unsigned round = 0; !found && round < 2; round++) {
		list_for_each_entry(v, &from->waiting, sched.link) {
			if (allowed_cpus(v) & (round ? ~0ULL : v->sched.soft) & CPU_MASK(cpu)) {
				found = true;
				break;
			}
		}
	}
	if (found) {
		unlink(from, v);
		change_cpu(from, v, cpu, now);
		settle(q, v, now);
		link(q, v);
	}
	spin_unlock(&from->lock);
	spin_unlock(&q->lock);
	return found;
}

/* Look for work, the most loaded CPU first. Interrupts off. */
static bool pull(unsigned cpu, u64 now)
{
	cpumask_t left = cpus_online & ~CPU_MASK(cpu);

	while (left) {
		unsigned c, best = (unsigned)__builtin_ctzll(left);

		for_each_cpu_in(c, left)
			if (queues[c].load > queues[best].load)
				best = c;
		if (queues[best].load < 2)
			/* At most one vCPU, which runs, or is about to be picked by its CPU. */
			return false;
		if (pull_from(cpu, best, now))
			return true;
		left &= ~CPU_MASK(best);
	}
	return false;
}

/* The vCPU that runs next; the queue is locked. It may be the one that runs now. */
static struct vcpu *choose(struct run_queue *q, u64 now)
{
	struct vcpu *curr = q->curr, *first = first_waiting(q);

	if (is_idle(curr) || !runnable(curr) || curr->sched.moves ||
	    !(allowed_cpus(curr) & CPU_MASK(queue_cpu(q))))
		return first ? first : cpus[queue_cpu(q)].idle;
	if (first && q->yields && policy_before(curr->sched.vruntime, first->sched.vruntime))
		curr->sched.vruntime = first->sched.vruntime; /* or it would be back at once */
	if (!first || policy_keeps(curr->sched.vruntime, first->sched.vruntime,
				   now >= curr->sched.slice_end, q->yields))
		return curr;
	if (!q->yields && now < q->curr_from + READ_ONCE(rate_limit))
		return curr;
	return first;
}

/* The same, of those that their caps let run; the others sleep from now on, and *held is set. */
static struct vcpu *choose_uncapped(struct run_queue *q, u64 now, bool *held)
{
	for (;;) {
		struct vcpu *v = choose(q, now);

		if (cap_take(v, now))
			return v;
		if (v != q->curr)
			unlink(q, v);
		*held = true;
	}
}

static void schedule(void)
{
	unsigned cpu = cpu_id();
	struct run_queue *q = &queues[cpu];
	struct vcpu *prev = current, *next, *nmi = atomic_xchg(&nmi_wakes, NULL);
	bool pulled = false, held;
	u64 now;

	if (nmi)
		vcpu_unblock(nmi);
	local_irq_disable();
	for (;;) {
		now = system_time();
		spin_lock(&q->lock);
		charge(q, now);
		held = false;
		next = choose_uncapped(q, now, &held);
		/* Of those that were pulled here, one may be left that may run. */
		if (!is_idle(next) || (pulled && !held))
			break;
		spin_unlock(&q->lock);
		/*
		 * First say that we are idle, then look: who queues a vCPU meanwhile sees the one
		 * or we see the other.
		 */
		atomic_or(&idle_cpus, CPU_MASK(cpu));
		pull(cpu, now);
		pulled = true;
	}
	q->yields = false;
	q->slice_armed = false;
	if (!is_idle(next)) {
		atomic_and(&idle_cpus, ~CPU_MASK(cpu));
		if (next != prev || now >= next->sched.slice_end)
			next->sched.slice_end = now + SCHED_SLICE_NS;
	}
	if (next != prev) {
		if (!is_idle(prev)) {
			q->load--;
			cap_give(prev);
			vcpu_runstate_change(prev, sleeping_state(prev), now);
		}
		if (!is_idle(next)) {
			unlink(q, next);
			q->load++;
			vcpu_runstate_change(next, RUNSTATE_running, now);
		}
		next->cpu = cpu;
		next->running = true;
		q->curr = next;
		q->curr_since = q->curr_from = now;
		q->switches++;
	}
	if (!is_idle(next) && (!list_empty(&q->waiting) || next->domain->cap.percent))
		arm_slice(q, now);
	else
		timer_stop(&q->slice);
	spin_unlock(&q->lock);
	if (next != prev) {
		if (!is_idle(prev))
			vcpu_time_switching_out(prev);
		context_switch(prev, next);
	}
	local_irq_enable();
}

static void slice_over(void *arg)
{
	(void)arg;
	softirq_raise(SOFTIRQ_SCHEDULE);
}

void __noreturn idle_loop(void)
{
	struct cpu *c = this_cpu();

	local_irq_enable();
	for (;;) {
		softirqs_run();
		/* Whoever asks for memory next need not wait until it is cleared. */
		if (heap_scrub())
			continue;
		local_irq_disable();
		/*
		 * STI takes effect after HLT: an interrupt that raises a softirq now ends the HLT.
		 */
		if (!READ_ONCE(c->softirq_pending))
			__asm__ volatile("sti; hlt" ::: "memory");
		else
			local_irq_enable();
	}
}

/* ----------------------------------------------------------------------------------
 * Set-up and control
 */

void sched_init(void)
{
	idle_cpus = 0;
	memset(queues, 0, sizeof(queues));
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++) {
		list_init(&queues[cpu].waiting);
		timer_init(&queues[cpu].slice, slice_over, NULL, cpu);
	}
	softirq_register(SOFTIRQ_SCHEDULE, schedule);
	if (sched_set_rate_limit((u32)min(opt_rate_limit, (u64)~0U)))
		printk(LOG_WARN "sched_ratelimit_us: use 0, or %u to %u microseconds\n",
		       XEN_SYSCTL_SCHED_RATELIMIT_MIN, XEN_SYSCTL_SCHED_RATELIMIT_MAX);
}

void sched_init_cpu(unsigned cpu)
{
	struct run_queue *q = &queues[cpu];
	struct vcpu *idle = cpus[cpu].idle;

	list_init(&idle->sched.link);
	idle->sched.cpu = cpu;
	idle->sched.affinity = CPU_MASK(cpu);
	idle->sched.weight = SCHED_WEIGHT_NORMAL;
	idle->cpu = cpu;
	idle->running = true;
	q->curr = idle;
	q->curr_since = system_time();
	cpus[cpu].sched = q;
	atomic_or(&idle_cpus, CPU_MASK(cpu));
}

static u32 weight_of_new(const struct domain *d)
{
	return d->privileged ? SCHED_WEIGHT_DOM0 : SCHED_WEIGHT_NORMAL;
}

int sched_init_vcpu(struct vcpu *v, unsigned cpu)
{
	struct vcpu *first = v->domain->vcpu[0];

	if (cpu >= NR_CPUS || !(cpus_online & CPU_MASK(cpu)))
		cpu = (unsigned)__builtin_ctzll(cpus_online);
	list_init(&v->sched.link);
	v->sched.cpu = v->cpu = cpu;
	v->sched.affinity = v->sched.soft = ~0ULL;
	v->sched.weight = first && first != v ? first->sched.weight : weight_of_new(v->domain);
	v->sched.vruntime = -SCHED_CREDIT_NS; /* as if it had slept */
	v->sched.relative = true;
	return 0;
}

void sched_destroy_vcpu(struct vcpu *v)
{
	u64 flags;
	struct run_queue *q;

	cap_destroy(v->domain);
	q = lock_queue(v, &flags);
	/* It is not runnable; but who paused it may not have taken it off yet. */
	if (v->sched.queued)
		unlink(q, v);
	unlock_queue(q, flags);
}

/*
 * The affinity changed: take it off the queue of a CPU where it may not be, or make that CPU let go
 * of it.
 */
static void affinity_changed(struct vcpu *v)
{
	u64 flags;
	struct run_queue *q = lock_queue(v, &flags);
	bool queued = v->sched.queued;

	if (!(allowed_cpus(v) & CPU_MASK(queue_cpu(q)))) {
		if (queued)
			unlink(q, v);
		else if (v->running)
			softirq_raise_on(queue_cpu(q), SOFTIRQ_SCHEDULE);
		unlock_queue(q, flags);
		if (queued)
			enqueue_woken(v);
		return;
	}
	unlock_queue(q, flags);
}

int sched_set_affinity(struct vcpu *v, cpumask_t mask)
{
	u64 flags;
	struct run_queue *q;

	if (!(mask & cpus_online))
		return -EINVAL;
	q = lock_queue(v, &flags);
	if (v->sched.pinned)
		v->sched.unpinned = mask;
	else
		v->sched.affinity = mask;
	unlock_queue(q, flags);
	affinity_changed(v);
	return 0;
}

void sched_set_soft_affinity(struct vcpu *v, cpumask_t mask)
{
	u64 flags;
	struct run_queue *q = lock_queue(v, &flags);
	cpumask_t prefer;

	v->sched.soft = mask;
	prefer = policy_prefer(allowed_cpus(v), mask, atomic_read(&idle_cpus));
	/* Who waits is placed when it runs next; who runs may never stop by itself. */
	if (v->running && !(prefer & CPU_MASK(queue_cpu(q)))) {
		v->sched.moves = true;
		softirq_raise_on(queue_cpu(q), SOFTIRQ_SCHEDULE);
	}
	unlock_queue(q, flags);
}

int sched_pin_override(struct vcpu *v, int cpu)
{
	u64 flags;
	struct run_queue *q;
	int ret = 0;

	if (cpu >= 0 && (cpu >= NR_CPUS || !(cpus_online & CPU_MASK(cpu))))
		return -EINVAL;
	q = lock_queue(v, &flags);
	if (cpu >= 0 && v->sched.pinned && v->sched.affinity != CPU_MASK(cpu)) {
		ret = -EBUSY;
	} else if (cpu >= 0 && !v->sched.pinned) {
		v->sched.unpinned = v->sched.affinity;
		v->sched.affinity = CPU_MASK(cpu);
		v->sched.pinned = true;
	} else if (cpu < 0 && !v->sched.pinned) {
		ret = -EINVAL;
	} else if (cpu < 0) {
		v->sched.affinity = v->sched.unpinned;
		v->sched.pinned = false;
	}
	unlock_queue(q, flags);
	if (!ret)
		affinity_changed(v);
	return ret;
}

void sched_set_vcpu_weight(struct vcpu *v, u32 weight)
{
	u64 flags;
	struct run_queue *q = lock_queue(v, &flags);

	if (q->curr == v)
		charge(q, system_time());
	v->sched.weight = max(min(weight, 65535U), 1U);
	unlock_queue(q, flags);
}

void sched_set_weight(struct domain *d, u32 weight)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		sched_set_vcpu_weight(v, weight);
}

/* Those that run, up to now; nobody has anything of a budget. */
void sched_charge_all(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v) {
		u64 flags;
		struct run_queue *q = lock_queue(v, &flags);

		if (q->curr == v)
			charge(q, system_time());
		v->sched.cap_left = 0;
		unlock_queue(q, flags);
	}
}

void sched_kick_all(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v) {
		u64 flags;
		struct run_queue *q = lock_queue(v, &flags);

		if (v->running)
			softirq_raise_on(queue_cpu(q), SOFTIRQ_SCHEDULE);
		unlock_queue(q, flags);
	}
}

int sched_set_rate_limit(u32 us)
{
	if (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
		return -EINVAL;
	WRITE_ONCE(rate_limit, us * 1000ULL);
	return 0;
}

u32 sched_get_rate_limit(void)
{
	return (u32)(READ_ONCE(rate_limit) / 1000);
}

u32 sched_get_weight(struct domain *d)
{
	return d->vcpu[0] ? d->vcpu[0]->sched.weight : weight_of_new(d);
}

#define DUMP_WAITING 8

void sched_dump(void)
{
	u64 now = system_time();

	printk(LOG_INFO "scheduler: time %llu ns, idle CPUs %#llx\n", (unsigned long long)now,
	       (unsigned long long)atomic_read(&idle_cpus));
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		struct run_queue *q = &queues[cpu];
		struct {
			domid_t domain;
			unsigned vcpu;
			s64 ahead;
		} rows[DUMP_WAITING + 1];
		unsigned n = 0, load;
		u64 flags, switches, pending = atomic_read(&cpus[cpu].softirq_pending);
		struct vcpu *v;

		if (!(cpus_online & CPU_MASK(cpu)))
			continue;
		/* Gather first: printing may wake a vCPU. */
		flags = spin_lock_irqsave(&q->lock);
		v = q->curr;
		rows[n].domain = v->domain->id;
		rows[n].vcpu = v->id;
		rows[n++].ahead = (s64)(v->sched.vruntime - q->clock);
		list_for_each_entry(v, &q->waiting, sched.link) {
			if (n == ARRAY_SIZE(rows))
				break;
			rows[n].domain = v->domain->id;
			rows[n].vcpu = v->id;
			rows[n++].ahead = (s64)(v->sched.vruntime - q->clock);
		}
		load = q->load;
		switches = q->switches;
		spin_unlock_irqrestore(&q->lock, flags);
		printk(LOG_INFO "  CPU %u: load %u, %llu switches, softirqs %#llx\n", cpu, load,
		       (unsigned long long)switches,
		       (unsigned long long)pending);
		for (unsigned i = 0; i < n; i++)
			printk(LOG_INFO "    %s d%uv%u, %lld us after the queue's clock\n",
			       i ? "waits" : "runs ", rows[i].domain, rows[i].vcpu,
			       (long long)(rows[i].ahead / 1000));
	}
}
