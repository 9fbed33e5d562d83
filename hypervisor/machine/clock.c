// SPDX-License-Identifier: GPL-2.0-or-later
/* System time from the TSC, and watching the TSC. */
#include "machine/clock.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "lib/cmdline.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/counter.h"
#include "machine/timer.h"

#define NS_PER_SEC  1000000000ULL
#define NS_PER_MS   1000000ULL
#define EPOCH_NS    NS_PER_SEC   /* between two steerings, or two looks of the watchdog */
/*
 * A calibration's window, in ticks of its counter and in ms: it takes as many ticks as the PM timer
 * has in the longest window (one tick is 7 ppm of it). The longest is below the 55 ms after which
 * the 8254 wraps, the shortest makes light of the time that reading takes.
 */
#define WINDOW_TICKS  143000
#define WINDOW_MS_MIN 10
#define WINDOW_MS_MAX 40
#define SAMPLE_TRIES 8

u64 clock_tsc_hz, clock_apic_hz;

static enum { TRUST_IF_GOOD, TRUST_TSC, TRUST_PLATFORM } trust;

static const char *set_clock(const char *value)
{
	static const char *const names[] = { "auto", "tsc", "platform" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(value, names[i])) {
			trust = i;
			return NULL;
		}
	}
	return "use auto, tsc or platform";
}
OPTION_FN("clock", set_clock);

static const struct platform_counter *source; /* what the TSC was measured against */
static const struct platform_counter *master; /* to follow; NULL: none that can be read rarely */
static volatile bool ready;
static volatile bool unstable;

/* While stable: everybody's. Written once, before `ready`. */
static struct clock_record common;

/*
 * While unstable: a CPU's own. Only the CPU itself reads and writes it, and an interrupt may read
 * while it is being written: `which` is switched over when the other record is complete.
 */
static struct cpu_clock {
	struct clock_record record[2];
	volatile unsigned which;
	u32 epoch;
	u64 tsc, master_ns;        /* at the last steering */
	u64 hz;
	struct timer timer;
} __aligned(64) clocks[NR_CPUS];

/* While unstable: the latest time that any CPU has seen; atomic. */
static u64 latest __aligned(64);

/* The master extended to 64 bits; under the lock, interrupts off. */
GLOBAL_LOCK(master_lock, "clock lock");
static u64 master_last, master_ticks;

static u64 rdtsc_ordered(void)
{
	__asm__ volatile("lfence" ::: "memory");
	return rdtsc();
}

static u64 record_time(const struct clock_record *r, u64 tsc)
{
	/* Another CPU's TSC may be behind by less than clock_check_cpus() can see. */
	return likely(tsc > r->tsc) ? r->ns + timescale_ns(r->scale, tsc - r->tsc) : r->ns;
}

void (*clock_changed)(void);

u64 clock_now(void)
{
	const struct cpu_clock *c;
	u64 now, seen;

	if (!ready)
		return 0;
	if (likely(!unstable))
		return record_time(&common, rdtsc_ordered());
	c = &clocks[cpu_id()];
	now = record_time(&c->record[c->which], rdtsc_ordered());
	seen = atomic_read(&latest);
	while (seen < now)
		if (atomic_cmpxchg(&latest, &seen, now))
			return now;
	return seen;
}

bool clock_stable(void)
{
	return !unstable;
}

void clock_record_get(struct clock_record *r)
{
	const struct cpu_clock *c = &clocks[cpu_id()];

	if (unstable) {
		*r = c->record[c->which];
		return;
	}
	*r = common;
	clock_record_advance(r, rdtsc());
}

u32 clock_epoch(void)
{
	/* Odd and even: no number of the one kind is one of the other. */
	if (unstable)
		return (clocks[cpu_id()].epoch * NR_CPUS + cpu_id()) * 2;
	return (u32)timescale_steps(common.scale, rdtsc() - common.tsc) * 2 + 1;
}

const char *clock_source_name(void)
{
	return unstable ? master->name : "TSC";
}

void clock_delay_us(u64 us)
{
	u64 start = rdtsc(), ticks = timescale_ticks(clock_tsc_hz, us * 1000, ~0ULL);

	while (rdtsc() - start < ticks)
		cpu_relax();
}

/* ----------------------------------------------------------------------------------
 * Measuring
 */

struct sample {
	u64 tsc, count, gap; /* gap: TSC ticks in which the others were read */
	u32 apic;
};

/*
 * Readings that belong together: of several tries the one that was disturbed least. Interrupts off.
 */
static void take_sample(const struct platform_counter *c, struct sample *s)
{
	s->gap = ~0ULL;
	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		u64 before = rdtsc_ordered();
		u64 count = c->read();
		u32 apic = apic_timer_count();
		u64 gap = rdtsc_ordered() - before;

		if (gap < s->gap)
			*s = (struct sample){ .tsc = before + gap / 2, .count = count,
					      .apic = apic, .gap = gap };
	}
}

/* TSC and APIC timer rates over one window. False if the counter got stuck. */
static bool measure(const struct platform_counter *c, u64 *tsc_hz, u64 *apic_hz)
{
	u64 window = max(min((u64)WINDOW_TICKS, c->hz * WINDOW_MS_MAX / 1000),
			 c->hz * WINDOW_MS_MIN / 1000), elapsed;
	struct sample a, b;

	apic_timer_set_count(0xffffffff);
	take_sample(c, &a);
	for (unsigned i = 0;; i++) {
		if (i == 100000000)
			return false;
		if (((c->read() - a.count) & c->mask) >= window)
			break;
		cpu_relax();
	}
	take_sample(c, &b);
	apic_timer_set_count(0);
	elapsed = (b.count - a.count) & c->mask;
	*tsc_hz = muldiv64(b.tsc - a.tsc, c->hz, elapsed);
	*apic_hz = muldiv64(a.apic - b.apic, c->hz, elapsed);
	return true;
}

static bool calibrate(const struct platform_counter *c)
{
	u64 tsc[3], apic[3];

	apic_timer_setup(false);
	for (unsigned i = 0; i < 3; i++)
		if (!measure(c, &tsc[i], &apic[i]))
			return false;
	clock_tsc_hz = median3(tsc[0], tsc[1], tsc[2]);
	clock_apic_hz = median3(apic[0], apic[1], apic[2]);
	return clock_tsc_hz >= TIMESCALE_HZ_MIN && clock_tsc_hz <= TIMESCALE_HZ_MAX &&
	       clock_apic_hz;
}

/*
 * The master's time in ns, and the TSC then. Interrupts off. At least one CPU must call this before
 * the counter wraps.
 */
static u64 master_sample(struct sample *s)
{
	u64 ns;

	global_lock(master_lock);
	take_sample(master, s);
	master_ticks += (s->count - master_last) & master->mask;
	master_last = s->count;
	ns = muldiv64(master_ticks, NS_PER_SEC, master->hz);
	global_unlock(master_lock);
	return ns;
}

/* ----------------------------------------------------------------------------------
 * When TSCs are not to be trusted
 */

static void steer(void *arg)
{
	struct cpu_clock *c = arg;
	u64 flags = local_irq_save(), now, theirs;
	struct clock_record *old = &c->record[c->which], *r = &c->record[!c->which];
	struct sample s;

	theirs = master_sample(&s);
	now = record_time(old, s.tsc);
	if (theirs > c->master_ns + EPOCH_NS / 8 && s.tsc > c->tsc) {
		u64 ticks = min(s.tsc - c->tsc, 1ULL << 50);
		u64 hz = muldiv64(ticks, NS_PER_SEC, theirs - c->master_ns);

		c->hz = max(min(hz, TIMESCALE_HZ_MAX), TIMESCALE_HZ_MIN);
	}
	/* So far behind that the CPU must have stood still: catch up at once. */
	if (theirs > now + EPOCH_NS)
		now = theirs;
	r->tsc = s.tsc;
	r->ns = now;
	r->scale = timescale_steer(c->hz, now, theirs, EPOCH_NS);
	barrier();
	c->which = !c->which;
	c->epoch++;
	c->tsc = s.tsc;
	c->master_ns = theirs;
	local_irq_restore(flags);
	if (clock_changed)
		clock_changed();
	timer_set(&c->timer, clock_now() + EPOCH_NS);
}

/* From now on each CPU has its own clock. The master's time is the TSC's so far. */
static void become_unstable(const char *why)
{
	unsigned cpu;
	struct sample s;
	u64 flags;

	if (unstable)
		return;
	if (!master) {
		printk(LOG_WARN "clock: %s, but no HPET or PM timer can replace the TSC\n", why);
		return;
	}
	flags = local_irq_save();
	master_sample(&s);
	global_lock(master_lock);
	master_ticks = muldiv64(record_time(&common, s.tsc), master->hz, NS_PER_SEC);
	global_unlock(master_lock);
	for (cpu = 0; cpu < NR_CPUS; cpu++) {
		clocks[cpu].record[0] = clocks[cpu].record[1] = common;
		clocks[cpu].hz = clock_tsc_hz;
		clocks[cpu].tsc = ~0ULL; /* the first steering measures nothing */
	}
	smp_mb();
	unstable = true;
	local_irq_restore(flags);
	printk(LOG_WARN "clock: %s; the clock is the %s from now on\n", why, master->name);
	for_each_cpu_in(cpu, cpus_online)
		timer_set(&clocks[cpu].timer, 0);
}

/*
 * Where the TSC is not promised to be constant: does it still run as it did at boot? On the boot
 * CPU.
 */
static struct timer watchdog;
static u64 watchdog_ns, watchdog_master_ns;
static unsigned watchdog_strikes;

static void watchdog_look(void *arg)
{
	u64 flags = local_irq_save(), theirs, ours, gap;
	struct sample s;

	(void)arg;
	theirs = master_sample(&s);
	local_irq_restore(flags);
	if (unstable)
		return;
	ours = record_time(&common, s.tsc);
	gap = timescale_ns(common.scale, s.gap);
	if (watchdog_ns) {
		u64 a = ours - watchdog_ns, b = theirs - watchdog_master_ns;
		u64 off = a > b ? a - b : b - a;

		/*
		 * A machine that was stopped for longer than the master takes to wrap proves
		 * nothing.
		 */
		if (gap > NS_PER_MS || a > 4 * EPOCH_NS)
			watchdog_strikes = 0;
		else if (off > a / 128 + gap)
			watchdog_strikes++;
		else
			watchdog_strikes = 0;
	}
	watchdog_ns = ours;
	watchdog_master_ns = theirs;
	if (watchdog_strikes >= 3)
		become_unstable("the TSC's rate changes");
	else
		timer_set(&watchdog, clock_now() + EPOCH_NS);
}

/* All CPUs at once: each looks whether its TSC is behind what another one has just read. */
static struct spinlock warp_lock = SPINLOCK_INIT;
static u64 warp_last, warp_max; /* under warp_lock */
static u32 warp_arrived;        /* atomic */

static void warp_test(void *arg)
{
	u64 start = rdtsc(), patience = clock_tsc_hz / 10, duration = clock_tsc_hz / 500, now;
	u32 all = (u32)__builtin_popcountll(*(const cpumask_t *)arg);

	atomic_add(&warp_arrived, 1U);
	while (atomic_read(&warp_arrived) < all && rdtsc() - start < patience)
		cpu_relax();
	start = rdtsc();
	do {
		/* No queueing: under an emulator the next in the queue may not be running. */
		if (!spin_trylock(&warp_lock)) {
			cpu_relax();
			now = rdtsc();
			continue;
		}
		now = rdtsc_ordered();
		if (now < warp_last)
			warp_max = max(warp_max, warp_last - now);
		else
			warp_last = now;
		spin_unlock(&warp_lock);
		cpu_relax();
	} while (now - start < duration);
}

void clock_check_cpus(void)
{
	cpumask_t mask = cpus_online;

	if (trust == TRUST_PLATFORM)
		become_unstable("clock=platform is set");
	if (trust != TRUST_IF_GOOD || !(mask & (mask - 1)))
		return;
	on_cpus(mask, warp_test, &mask);
	if (!warp_max)
		return;
	printk(LOG_INFO "clock: TSCs differ by at least %llu ticks\n",
	       (unsigned long long)warp_max);
	become_unstable("the CPUs' TSCs disagree");
}

/* ----------------------------------------------------------------------------------
 * Set-up
 */

void clock_init(void)
{
	const struct platform_counter *candidates[3];

	candidates[0] = hpet_counter();
	candidates[1] = pmtimer_counter();
	candidates[2] = pit_counter();
	for (unsigned i = 0; i < 3 && !source; i++)
		if (candidates[i] && calibrate(candidates[i]))
			source = candidates[i];
	pit_counter_stop();
	if (!source)
		panic("clock: no HPET, PM timer or 8254 works to measure the TSC against\n");
	if (source != candidates[2]) {
		master = source;
		master_last = master->read();
	}
	common.tsc = rdtsc();
	common.scale = timescale_stepped(timescale_from_hz(clock_tsc_hz));
	smp_wmb();
	ready = true;
	printk(LOG_INFO "clock: TSC %u.%03u MHz, APIC timer %u.%03u MHz, measured by the %s\n",
	       (u32)(clock_tsc_hz / 1000000), (u32)(clock_tsc_hz / 1000 % 1000),
	       (u32)(clock_apic_hz / 1000000), (u32)(clock_apic_hz / 1000 % 1000), source->name);
}

void clock_init_cpu(void)
{
	unsigned cpu = cpu_id();

	timer_init(&clocks[cpu].timer, steer, &clocks[cpu], cpu);
	if (!cpu && master && trust == TRUST_IF_GOOD && !cpu_features.invariant_tsc) {
		timer_init(&watchdog, watchdog_look, NULL, 0);
		timer_set(&watchdog, EPOCH_NS);
	}
}
