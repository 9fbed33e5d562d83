// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two tiny guests that measure what only guests have: a null hypercall, an event to the other guest
 * and back, mapping and unmapping a page that the other one granted, copying such a page. They are
 * started by a toolstack (hvctl or xl) as domains 1 and 2 and know each other by these numbers:
 *
 *	role=answer other=2	sends every event back, grants a page; is started first
 *	role=ask other=1	measures, then shows the numbers to dom0 (peer.h)
 *
 * Neither needs a store, a console or any device.
 */
#include "guest.h"
#include "peer.h"

const char test_name[] = "peer";

#define SHARED_REF  9 /* the page of `answer` */
#define REPETITIONS 3
#define PORTS	    32

static volatile struct grant_entry_v1 *table;
static struct peer_report *report;
static uint8_t *window, *page;
static domid_t other;
static unsigned port;
static volatile unsigned arrived;

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* What follows `key` on the command line, as a number; 0 without it. */
static unsigned number(const char *key)
{
	const char *line = (const char *)start_info->cmd_line;
	size_t length = strlen(key);
	unsigned n = 0;

	for (; *line; line++)
		if (!memcmp(line, key, length)) {
			for (line += length; *line >= '0' && *line <= '9'; line++)
				n = n * 10 + (unsigned)(*line - '0');
			return n;
		}
	return 0;
}

static void grant(unsigned ref, domid_t to, const void *va)
{
	table[ref].domid = to;
	table[ref].frame = (uint32_t)virt_to_mfn(va);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[ref].flags = GTF_permit_access;
}

static void setup_grants(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF,
					.nr_frames = 1,
					.frame_list = (uint64_t)&frame };

	table = page_alloc();
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_setup_table, &s, 1L), 0);
	check_eq(s.status, GNTST_okay);
	check_eq(map_page((void *)table, frame, PTE_KERNEL), 0);
}

static void answer_event(unsigned p)
{
	send_event(p);
}

static void count_event(unsigned p)
{
	if (p == port)
		arrived++;
}

static void answer(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = other };

	memset(page, 0x5a, PAGE_SIZE);
	grant(SHARED_REF, other, page);
	check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	event_hook = answer_event;
	unmask_event(a.port);
	events_on();
	for (;;)
		hypercall(sched_op, (long)SCHEDOP_block, 0L);
}

/* Until the other side has its port; which one depends on what the toolstack took before. */
static void connect(void)
{
	for (;;) {
		for (unsigned remote = 1; remote < PORTS; remote++) {
			struct evtchn_bind_interdomain b = { .remote_dom = other,
							     .remote_port = remote };

			if (!evtchn_op(EVTCHNOP_bind_interdomain, &b)) {
				port = b.local_port;
				unmask_event(port);
				return;
			}
		}
		hypercall(sched_op, (long)SCHEDOP_yield, 0L);
	}
}

static void null_hypercalls(unsigned n)
{
	while (n--)
		hypercall(xen_version, (long)XENVER_version, 0L);
}

static void round_trips(unsigned n)
{
	while (n--) {
		unsigned before = arrived;

		send_event(port);
		for (;;) {
			events_off();
			if (arrived != before)
				break;
			/* Opens upcalls by itself, and does not sleep if one is pending. */
			hypercall(sched_op, (long)SCHEDOP_block, 0L);
		}
		events_on();
	}
}

static void grant_maps(unsigned n)
{
	while (n--) {
		struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)window,
						  .flags = GNTMAP_host_map,
						  .ref = SHARED_REF,
						  .dom = other };
		struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)window };

		check_eq(hypercall(grant_table_op, (long)GNTTABOP_map_grant_ref, &m, 1L), 0);
		check_eq(m.status, GNTST_okay);
		check_eq(*(volatile uint8_t *)window, 0x5a);
		u.handle = m.handle;
		check_eq(hypercall(grant_table_op, (long)GNTTABOP_unmap_grant_ref, &u, 1L), 0);
		check_eq(u.status, GNTST_okay);
	}
}

static void grant_copies(unsigned n)
{
	uint64_t gmfn = virt_to_mfn(page); /* a PV guest names its own frames by machine frame */

	while (n--) {
		struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = PAGE_SIZE };

		c.source.u.ref = SHARED_REF;
		c.source.domid = other;
		c.dest.u.gmfn = gmfn;
		c.dest.domid = DOMID_SELF;
		check_eq(hypercall(grant_table_op, (long)GNTTABOP_copy, &c, 1L), 0);
		check_eq(c.status, GNTST_okay);
	}
	check_eq(page[PAGE_SIZE - 1], 0x5a);
}

static void row(const char *name, unsigned operations, void (*run)(unsigned))
{
	run(operations / 10);
	for (unsigned r = 0; r < REPETITIONS; r++) {
		uint64_t t;

		/* The markers of profile.py, as in micro.c. */
		__asm__ volatile("nopl 0x42454731(%%rax,%%rax,1)" ::: "memory");
		t = ticks();
		run(operations);
		t = ticks() - t;
		__asm__ volatile("nopl 0x42454730(%%rax,%%rax,1)" ::: "memory");
		check(report->count < PEER_RESULTS);
		memcpy(report->result[report->count].row, name, strlen(name) + 1);
		report->result[report->count].operations = operations;
		report->result[report->count].ticks = t;
		report->count++;
	}
}

static void ask(void)
{
	report = page_alloc();
	memset(report, 0, PAGE_SIZE);
	grant(PEER_REPORT_REF, 0, report);
	/* The window's own page goes: a grant mapping replaces nothing. */
	check_eq(hypercall(update_va_mapping, window, 0L, (long)UVMF_INVLPG), 0);
	event_hook = count_event;
	connect();
	events_on();
	row("null-hypercall", 20000, null_hypercalls);
	row("event", 1000, round_trips);
	row("grant-map", 2000, grant_maps);
	row("grant-copy", 2000, grant_copies);
	__atomic_store_n(&report->magic, PEER_MAGIC, __ATOMIC_SEQ_CST);
	for (;;)
		hypercall(sched_op, (long)SCHEDOP_block, 0L);
}

void test_main(void)
{
	bool asks = number("role=ask other=") != 0;

	other = (domid_t)(asks ? number("role=ask other=") : number("role=answer other="));
	check(other != 0);
	setup_grants();
	window = page_alloc();
	page = page_alloc();
	if (asks)
		ask();
	answer();
}
