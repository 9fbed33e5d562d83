// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What guests see of time: their clocks, the wall clock, timers of vCPUs and watchdogs of domains.
 */
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/time.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "machine/rtc.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"
#include "pv-abi/sched.h"

#define NS_PER_SEC 1000000000ULL

/* The tick that the ABI gives a new vCPU. */
#define DEFAULT_PERIOD_NS 10000000ULL

/*
 * The wall clock at system time 0. The lock also orders writers of every shared info's copy. Not in
 * interrupt context.
 */
GLOBAL_LOCK(wallclock_lock, "wall clock lock");
static u64 wallclock_sec;
static u32 wallclock_nsec;

/* ----------------------------------------------------------------------------------
 * The wall clock
 */

void wallclock_get(u64 *sec, u32 *nsec)
{
	global_lock(wallclock_lock);
	*sec = wallclock_sec;
	*nsec = wallclock_nsec;
	global_unlock(wallclock_lock);
}

void domain_wallclock_update(struct domain *d)
{
	struct compat_shared_info *c = (struct compat_shared_info *)d->shared_info;
	struct shared_info *s = d->shared_info;
	/*
	 * Version, seconds and nanoseconds follow each other in both layouts; the upper half does
	 * not.
	 */
	u32 *wc = d->is_32bit ? &c->wc_version : &s->wc_version;
	u32 *sec_hi = d->is_32bit ? &c->arch.wc_sec_hi : &s->wc_sec_hi;
	u64 sec;
	u32 version;

	global_lock(wallclock_lock);
	sec = wallclock_sec + (u64)d->time.offset_seconds;
	/* The guest may have written anything there; only that it changes matters. */
	version = READ_ONCE(wc[0]) | 1;
	WRITE_ONCE(wc[0], version);
	smp_wmb();
	WRITE_ONCE(wc[1], (u32)sec);
	WRITE_ONCE(*sec_hi, (u32)(sec >> 32));
	WRITE_ONCE(wc[2], wallclock_nsec);
	smp_wmb();
	WRITE_ONCE(wc[0], version + 1);
	global_unlock(wallclock_lock);
}

void wallclock_set(u64 sec, u32 nsec, u64 system_time)
{
	struct domain *d;
	u64 base;
	u32 base_nsec;

	if (!wallclock_base(sec, nsec, system_time, &base, &base_nsec))
		return;
	global_lock(wallclock_lock);
	wallclock_sec = base;
	wallclock_nsec = base_nsec;
	global_unlock(wallclock_lock);
	for (unsigned id = 0; (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
		domain_wallclock_update(d);
}

static void clock_has_changed(void)
{
	if (!current->domain->is_idle)
		vcpu_time_update(current, false);
}

/*
 * Who stays on its CPU has to be shown the clock anew, too. An idle CPU is not woken for it more
 * than once.
 */
#define REFRESH_NS NS_PER_SEC

static struct refresher {
	struct timer timer;
	bool armed;		/* its CPU's */
} refreshers[NR_CPUS];

static void refresh(void *arg)
{
	struct refresher *r = arg;

	r->armed = !current->domain->is_idle;
	clock_has_changed();
	if (r->armed)
		timer_set(&r->timer, system_time() + REFRESH_NS);
}

static void refresh_soon(unsigned cpu)
{
	struct refresher *r = &refreshers[cpu];

	if (r->armed)
		return;
	r->armed = true;
	timer_set(&r->timer, system_time() + REFRESH_NS);
}

void time_init(void)
{
	u64 sec;

	clock_changed = clock_has_changed;
	clock_init();
	timers_init();
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
		timer_init(&refreshers[cpu].timer, refresh, &refreshers[cpu], cpu);
	if (rtc_read(&sec))
		(void)wallclock_base(sec, 0, system_time(), &wallclock_sec, &wallclock_nsec);
	else
		printk(LOG_WARN "time: no date in the CMOS clock; dom0 has to set the time\n");
}

/* ----------------------------------------------------------------------------------
 * Clocks of vCPUs
 */

static void fill_time(struct vcpu_time_info *t, u32 version)
{
	struct clock_record r;
	u64 flags = local_irq_save();

	clock_record_get(&r);
	local_irq_restore(flags);
	memset(t, 0, sizeof(*t));
	t->version = version;
	t->tsc_timestamp = r.tsc;
	t->system_time = r.ns;
	t->tsc_to_system_mul = r.scale.mul;
	t->tsc_shift = r.scale.shift;
	t->flags = clock_stable() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

/*
 * Call fn with the kernel's root loaded, in which alone the areas need to be mapped. v is current.
 */
static void with_kernel_root(struct vcpu *v, void (*fn)(struct vcpu *v))
{
	u64 flags;

	if (v->pv.kernel_mode || v->pv.guest_table_user == INVALID_MFN) {
		fn(v);
		return;
	}
	flags = local_irq_save();
	v->pv.kernel_mode = true;
	root_load(v);
	fn(v);
	v->pv.kernel_mode = false;
	root_load(v);
	local_irq_restore(flags);
}

/* The guest's copies are written with the version protocol too: other vCPUs may be reading. */
static void write_time_area(struct vcpu *v)
{
	u64 va = v->time.time_area;
	struct vcpu_time_info t;
	u32 odd = v->time.version | 1;

	if (!va)
		return;
	fill_time(&t, odd);
	if (put_guest(odd, va))
		return;
	smp_wmb();
	if (copy_to_guest(va, &t, sizeof(t)))
		return;
	smp_wmb();
	odd++;
	if (!put_guest(odd, va))
		v->time.time_area_stale = false;
}

/* Write what can be written; v is current. */
static void write_stale_areas(struct vcpu *v);

void vcpu_time_update(struct vcpu *v, bool force)
{
	struct vcpu_time_info t, *to;
	u32 epoch = clock_epoch(), version;

	if (!force && v->time.epoch == epoch)
		return;
	v->time.epoch = epoch;
	v->time.version = version = (v->time.version | 1) + 2;
	fill_time(&t, version);
	to = &READ_ONCE(v->info)->time;
	WRITE_ONCE(to->version, version);
	smp_wmb();
	WRITE_ONCE(to->tsc_timestamp, t.tsc_timestamp);
	WRITE_ONCE(to->system_time, t.system_time);
	WRITE_ONCE(to->tsc_to_system_mul, t.tsc_to_system_mul);
	WRITE_ONCE(to->tsc_shift, t.tsc_shift);
	WRITE_ONCE(to->flags, t.flags);
	smp_wmb();
	WRITE_ONCE(to->version, version + 1);
	if (v->time.time_area)
		v->time.time_area_stale = true;
	if (v == current)
		write_stale_areas(v);
}

int vcpu_time_area_set(struct vcpu *v, vaddr_t va)
{
	if (va && !v->hvm && !guest_range_ok(va, sizeof(struct vcpu_time_info)))
		return -EFAULT;
	WRITE_ONCE(v->time.time_area, va);
	v->time.time_area_stale = va != 0;
	/* The kernel that registers it runs on the same root, or at least maps it: try. */
	if (va && current->domain == v->domain)
		write_time_area(v);
	return 0;
}

/* ----------------------------------------------------------------------------------
 * Runstates
 */

void vcpu_runstate_change(struct vcpu *v, int state, u64 now)
{
	struct vcpu_runstate_info *r = &v->time.runstate;

	if (r->state == state)
		return;
	WRITE_ONCE(v->time.runstate_seq, v->time.runstate_seq + 1);
	smp_wmb();
	if (now > r->state_entry_time)
		r->time[r->state] += now - r->state_entry_time;
	r->state = state;
	r->state_entry_time = now;
	smp_wmb();
	WRITE_ONCE(v->time.runstate_seq, v->time.runstate_seq + 1);
	if (v->time.runstate_area)
		v->time.runstate_area_stale = true;
}

static void runstate_snapshot(const struct vcpu *v, struct vcpu_runstate_info *out)
{
	u32 seq;

	for (;;) {
		seq = READ_ONCE(v->time.runstate_seq);
		smp_rmb();
		*out = *(const volatile struct vcpu_runstate_info *)&v->time.runstate;
		smp_rmb();
		if (!(seq & 1) && READ_ONCE(v->time.runstate_seq) == seq)
			return;
		cpu_relax();
	}
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	u64 now;

	runstate_snapshot(v, out);
	now = system_time();
	if (now > out->state_entry_time)
		out->time[out->state] += now - out->state_entry_time;
}

static void write_runstate_area(struct vcpu *v)
{
	struct compat_vcpu_runstate_info c;
	struct vcpu_runstate_info r;
	u64 va = v->time.runstate_area;
	bool compat = v->domain->is_32bit;
	u64 entry_at = va + (compat ? offsetof(struct compat_vcpu_runstate_info, state_entry_time)
				    : offsetof(struct vcpu_runstate_info, state_entry_time));
	bool flag = atomic_read(&v->domain->vm_assist) & BIT(VMASST_TYPE_runstate_update_flag);

	if (!va)
		return;
	runstate_snapshot(v, &r);
	if (flag) {
		r.state_entry_time |= XEN_RUNSTATE_UPDATE;
		if (put_guest(r.state_entry_time, entry_at))
			return;
		smp_wmb();
	}
	if (compat) {
		c.state = r.state;
		c.state_entry_time = r.state_entry_time;
		memcpy(c.time, r.time, sizeof(c.time));
		if (put_guest(c, va))
			return;
	} else if (copy_to_guest(va, &r, sizeof(r))) {
		return;
	}
	if (flag) {
		smp_wmb();
		r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
		if (put_guest(r.state_entry_time, entry_at))
			return;
	}
	v->time.runstate_area_stale = false;
}

int vcpu_runstate_area_set(struct vcpu *v, vaddr_t va)
{
	if (va && !v->hvm && !guest_range_ok(va, sizeof(struct vcpu_runstate_info)))
		return -EFAULT;
	WRITE_ONCE(v->time.runstate_area, va);
	v->time.runstate_area_stale = va != 0;
	if (va && current->domain == v->domain)
		write_runstate_area(v);
	return 0;
}

static void write_areas(struct vcpu *v)
{
	if (v->time.time_area_stale)
		write_time_area(v);
	if (v->time.runstate_area_stale)
		write_runstate_area(v);
}

static void write_stale_areas(struct vcpu *v)
{
	bool stale = v->time.time_area_stale || v->time.runstate_area_stale;

	/* An HVM guest has its own tables at any time; if its process's are in use, next time. */
	if (stale && (v->pv.guest_table != INVALID_MFN || v->hvm))
		with_kernel_root(v, write_areas);
}

/* ----------------------------------------------------------------------------------
 * Timers of vCPUs
 */

static void singleshot_fired(void *arg)
{
	event_send_virq(arg, VIRQ_TIMER);
}

static void poll_fired(void *arg)
{
	struct vcpu *v = arg;

	if (atomic_xchg(&v->polling, false))
		vcpu_unblock(v);
}

/* Send the tick if one is due, and set the timer for the next. v runs here. */
static void periodic_work(struct vcpu *v)
{
	u64 period = v->time.periodic_ns, now, next;
	bool ticked;

	if (!period)
		return;
	now = system_time();
	next = periodic_next(v->time.periodic_last, period, now, &ticked);
	if (ticked) {
		v->time.periodic_last = next - period;
		event_send_virq(v, VIRQ_TIMER);
	}
	timer_set(&v->time.periodic, next);
}

static void periodic_fired(void *arg)
{
	/* Only for a vCPU that runs; another one gets what is due when it runs again. */
	if (arg == current)
		periodic_work(arg);
}

void vcpu_periodic_set(struct vcpu *v, u64 period)
{
	if (period)
		v->time.periodic_last = system_time();
	v->time.periodic_ns = period;
	if (!period)
		timer_stop(&v->time.periodic);
	else
		timer_set(&v->time.periodic, v->time.periodic_last + period);
}

void vcpu_timers_migrate(struct vcpu *v, unsigned cpu)
{
	timer_migrate(&v->time.singleshot, cpu);
	timer_migrate(&v->time.periodic, cpu);
	timer_migrate(&v->time.poll, cpu);
}

void vcpu_time_init(struct vcpu *v)
{
	timer_init(&v->time.singleshot, singleshot_fired, v, v->cpu);
	timer_init(&v->time.periodic, periodic_fired, v, v->cpu);
	timer_init(&v->time.poll, poll_fired, v, v->cpu);
	v->time.runstate.state = v->domain->is_idle ? RUNSTATE_running : RUNSTATE_offline;
	v->time.runstate.state_entry_time = system_time();
	if (v->domain->is_idle)
		return;
	v->time.periodic_ns = DEFAULT_PERIOD_NS;
	v->time.periodic_last = system_time();
	vcpu_time_update(v, true);
}

void vcpu_time_destroy(struct vcpu *v)
{
	timer_kill(&v->time.singleshot);
	timer_kill(&v->time.periodic);
	timer_kill(&v->time.poll);
}

void vcpu_time_switched_in(struct vcpu *v)
{
	if (unlikely(v->time.singleshot.cpu != v->cpu))
		vcpu_timers_migrate(v, v->cpu);
	refresh_soon(v->cpu);
	vcpu_time_update(v, false);
	write_stale_areas(v);
	periodic_work(v);
}

void vcpu_time_switching_out(struct vcpu *v)
{
	if (v->time.periodic_ns)
		timer_stop(&v->time.periodic);
	/*
	 * For its fellows who want to know whether it holds them up: that concerns its kernel only.
	 */
	if (v->time.runstate_area_stale && v->pv.kernel_mode)
		write_runstate_area(v);
}

/* ----------------------------------------------------------------------------------
 * Watchdogs
 */

static void watchdog_bites(void *arg)
{
	struct domain *d = arg;

	printk(LOG_GUEST "d%u: its watchdog ran out\n", d->id);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

int domain_watchdog(struct domain *d, u32 id, u32 seconds)
{
	struct domain_watchdog *w;
	int ret;

	if (id > DOMAIN_WATCHDOGS)
		return -EINVAL;
	spin_lock(&d->time.lock);
	if (!id) {
		ret = -EINVAL;
		if (!seconds)
			goto out;
		ret = -ENOSPC;
		while (id < DOMAIN_WATCHDOGS && d->time.watchdogs[id].used)
			id++;
		if (id == DOMAIN_WATCHDOGS)
			goto out;
		ret = (int)++id;
	} else {
		ret = -EINVAL;
		if (!d->time.watchdogs[id - 1].used)
			goto out;
		ret = 0;
	}
	w = &d->time.watchdogs[id - 1];
	if (!w->initialised)
		timer_init(&w->timer, watchdog_bites, d, current->cpu);
	w->initialised = true;
	w->used = seconds != 0;
	if (seconds)
		timer_set(&w->timer, system_time() + seconds * NS_PER_SEC);
	else
		timer_stop(&w->timer);
out:
	spin_unlock(&d->time.lock);
	return ret;
}

void domain_time_destroy(struct domain *d)
{
	for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
		if (d->time.watchdogs[i].initialised)
			timer_kill(&d->time.watchdogs[i].timer);
}
