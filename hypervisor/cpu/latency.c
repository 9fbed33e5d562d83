// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/latency.h"
#include "cpu/alternative.h"
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/symbols.h"

_Static_assert(LATENCY_FEATURE == ALT_LATENCY && ALT_CALL == 1 && ALT_BYTES == 0,
	       "lib/latency_site.h writes records of cpu/alternative.h");

static bool latency_on; /* patched in, and boot is over */
static bool opt_latency;
OPTION_BOOL("latency", opt_latency);

/* By CPU; its own, interrupts off. start: of the stretch that it is in. */
static struct latency stretch[NR_CPUS], interrupt[NR_CPUS];

bool latency_wanted(void)
{
	return opt_latency;
}

void latency_begin(void)
{
	latency_on = opt_latency;
}

u64 latency_clock(void)
{
	return rdtsc();
}

bool latency_note(struct latency *m, u64 cycles, vaddr_t where)
{
	if (cycles <= m->longest)
		return false;
	m->longest = cycles;
	m->where = where;
	return true;
}

/* A lock's, by latency_sites.S: under the lock. */
void latency_took(struct latency *m);
void latency_drops(struct latency *m, vaddr_t where);

void latency_took(struct latency *m)
{
	if (latency_on)
		m->start = latency_clock();
}

void latency_drops(struct latency *m, vaddr_t where)
{
	if (m->start)
		latency_note(m, latency_clock() - m->start, where);
	m->start = 0;
}

static vaddr_t began_at[NR_CPUS];

void latency_stretch_began(vaddr_t where)
{
	unsigned cpu;

	if (!latency_on)
		return;
	cpu = cpu_id();
	began_at[cpu] = where;
	stretch[cpu].start = latency_clock();
}

void latency_stretch_ended(vaddr_t where)
{
	struct latency *m;
	u64 now = latency_clock();

	if (!latency_on)
		return;
	m = &stretch[cpu_id()];
	if (m->start && latency_note(m, now - m->start, where))
		m->from = began_at[cpu_id()];
	m->start = 0;
}

void latency_interrupt_ended(u64 start, vaddr_t where)
{
	if (latency_on)
		latency_note(&interrupt[cpu_id()], latency_clock() - start, where);
}

static const char *name_of(vaddr_t where)
{
	u64 offset = 0;
	const char *at = where ? symbol_find(where, &offset) : NULL;

	return at ? at : "nothing";
}

static void show(const struct latency *m, const char *name)
{
	printk(LOG_INFO "latency: %s: %llu cycles in %s%s%s\n", name,
	       (unsigned long long)m->longest, name_of(m->where), m->from ? ", since " : "",
	       m->from ? name_of(m->from) : "");
}

void latency_show(void)
{
	unsigned c;

	if (!latency_on) {
		printk(LOG_INFO "latency: not kept without latency=1\n");
		return;
	}
	for (const struct latency *m = _latency_start; m < _latency_end; m++)
		show(m, m->name);
	for_each_cpu_in(c, cpus_online) {
		show(&interrupt[c], "an interrupt");
		show(&stretch[c], "interrupts off");
		printk(LOG_INFO "latency: CPU %u was asked %llu times to flush\n", c,
		       (unsigned long long)READ_ONCE(tlb_requests[c]));
	}
}
