// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nobody sleeps through what wakes him: tokens go round between vcpus that wait for them by block,
 * by poll and by poll with a timeout, with and without a timer of their own set, while a fourth
 * sleeps by its timer and looks whether they move. A wake-up that got lost is a token that stands
 * still.
 * vcpus: 4
 * seconds: 120
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "wakes";

#define ROUNDS 4000UL
#define US     1000UL
#define LONG   (10 * 1000000000UL) /* nobody who is woken sleeps so long */
#define RING   3                   /* vcpus among whom tokens go round; the next one watches */

static volatile unsigned long tokens[RING], taken[RING], by_timer[RING];
static unsigned token_port[RING], timer_port[RING + 1];

static void event(unsigned port)
{
	(void)port;
}

static long poll(unsigned port, uint64_t timeout)
{
	uint32_t ports[1] = { port };
	struct sched_poll p = { .ports = (uintptr_t)ports, .nr_ports = 1, .timeout = timeout };

	return hypercall(sched_op, (long)SCHEDOP_poll, &p);
}

static void set_timer(unsigned id, uint64_t at)
{
	struct vcpu_set_singleshot_timer t = { at, 0 };

	check_eq(vcpu_op(VCPUOP_set_singleshot_timer, id, &t), 0);
}

static bool has_token(unsigned id)
{
	return tokens[id] > taken[id];
}

/* Sleep until something comes; events are off before, and on or off after. */
static void sleep_once(unsigned id)
{
	uint64_t now = system_time();

	switch (below(5)) {
	case 0:
		check_eq(hypercall(sched_op, (long)SCHEDOP_block, 0L), 0);
		break;
	case 1:
		set_timer(id, now + below(300) * US);
		by_timer[id]++;
		check_eq(hypercall(sched_op, (long)SCHEDOP_block, 0L), 0);
		break;
	case 2:
		/* Masked, it is seen by who polls only. */
		mask_event(token_port[id]);
		if (!has_token(id))
			check_eq(poll(token_port[id], 0), 0);
		unmask_event(token_port[id]);
		break;
	case 3:
		mask_event(token_port[id]);
		if (!has_token(id))
			check_eq(poll(token_port[id], now + LONG), 0);
		if (system_time() >= now + LONG)
			fail("vcpu %u slept to the end of its time", id);
		unmask_event(token_port[id]);
		break;
	default:
		/* Any event of those that are not masked. */
		events_on();
		check_eq(poll(token_port[id], now + below(300) * US), 0);
	}
}

static void pass_on(void)
{
	unsigned id = vcpu_id(), next = (id + 1) % RING;

	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, id, NULL), 0);
	while (taken[id] < ROUNDS) {
		events_off();
		while (!has_token(id)) {
			sleep_once(id);
			events_off();
		}
		taken[id]++;
		for (unsigned long n = below(2) * below(2000); n; n--)
			pause();
		__atomic_add_fetch(&tokens[next], 1, __ATOMIC_SEQ_CST);
		send_event(token_port[next]);
	}
}

static void ring(void)
{
	pass_on();
	if (vcpu_id())
		vcpu_stop();
}

static void watch(void)
{
	unsigned long seen = 0, sum;
	uint64_t since = system_time(), at;

	check_eq(vcpu_op(VCPUOP_stop_periodic_timer, RING, NULL), 0);
	for (;;) {
		sum = 0;
		for (unsigned i = 0; i < RING; i++)
			sum += taken[i] + by_timer[i];
		if (sum != seen)
			since = system_time();
		else if (system_time() - since > LONG)
			fail("nothing moves: tokens %lu/%lu %lu/%lu %lu/%lu", taken[0], tokens[0],
			     taken[1], tokens[1], taken[2], tokens[2]);
		seen = sum;
		events_off();
		clear_event(timer_port[RING]);
		at = system_time() + below(500) * US;
		set_timer(RING, at);
		do {
			check_eq(hypercall(sched_op, (long)SCHEDOP_block, 0L), 0);
			events_off();
		} while (system_time() < at);
	}
}

void test_main(void)
{
	random_seed(system_time());
	event_hook = event;
	for (unsigned i = 0; i < RING; i++)
		token_port[i] = bind_ipi(i);
	for (unsigned i = 0; i <= RING; i++)
		timer_port[i] = bind_virq(VIRQ_TIMER, i);
	/* Two of them, so that two vcpus are at work at a time. */
	tokens[0] = tokens[1] = 1;
	for (unsigned i = 1; i < RING; i++)
		vcpu_start(i, ring);
	vcpu_start(RING, watch);
	ring();
}
