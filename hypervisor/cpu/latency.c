// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/latency.h"
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/symbols.h"

bool latency_on;
static bool opt_latency;
OPTION_BOOL("latency", opt_latency);

struct latency latency_console = { .name = "console lock" };
struct latency latency_heap = { .name = "heap lock" };
struct latency latency_foreign = { .name = "lock of foreign mappers" };
struct latency latency_interrupt[NR_CPUS];

void latency_begin(void)
{
	latency_on = opt_latency;
}

u64 latency_clock(void)
{
	return rdtsc();
}

void latency_note(struct latency *m, u64 cycles, vaddr_t where)
{
	if (cycles <= m->longest)
		return;
	m->longest = cycles;
	m->where = where;
}

static void show(const struct latency *m, const char *name)
{
	u64 offset = 0;
	const char *at = m->where ? symbol_find(m->where, &offset) : NULL;

	printk(LOG_INFO "latency: %s: %llu cycles in %s\n", name, (unsigned long long)m->longest,
	       at ? at : "nothing");
}

void latency_show(void)
{
	unsigned c;

	if (!latency_on) {
		printk(LOG_INFO "latency: not kept without latency=1\n");
		return;
	}
	show(&latency_console, latency_console.name);
	show(&latency_heap, latency_heap.name);
	show(&latency_foreign, latency_foreign.name);
	for_each_cpu_in(c, cpus_online) {
		show(&latency_interrupt[c], "an interrupt");
		printk(LOG_INFO "latency: CPU %u was asked %llu times to flush\n", c,
		       (unsigned long long)READ_ONCE(tlb_requests[c]));
	}
}
