// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/control/console_io.c hypervisor/machine/console.c
// sources: hypervisor/machine/transmit.c tests/unit/sim/sim.c
/*
 * The hypervisor's console over a serial port that counts who waits for it: with an interrupt,
 * without one, with one that stops coming, and in a panic that interrupts whoever holds the lock.
 */
#include <string.h>

#include "sim/sim.h"
#include "suite.h"

#include "control/console_io.h"
#include "cpu/cpu.h"
#include "lib/printk.h"
#include "machine/console.h"
#include "machine/screen.h"
#include "machine/serial.h"
#include "machine/timer.h"
#include "machine/transmit.h"
#include "pv-abi/xen.h"

bool serial_has_irq;
struct domain *dom0;
static u64 now = 5000000000ULL;
static unsigned waited, dead_tries; /* bytes that somebody waited for, with the lock held */
static bool line_dead, room = true;
static char sent[65536];
static size_t sent_bytes;
static struct timer *armed;
static void (*in_putc)(void);

/* There is no screen. */
bool console_named(const char *what)
{
	return strcmp(what, "vga") != 0;
}
void screen_init(void) {}
void screen_put(char c) { (void)c; }
void screen_draw(bool panicking) { (void)panicking; }
bool screen_keeps(void) { return false; }
void screen_begin_timer(void) {}

bool serial_init(void)
{
	return true;
}

bool serial_putc(char c)
{
	void (*fn)(void) = in_putc;

	waited++;
	in_putc = NULL;
	if (fn)
		fn();
	if (line_dead) {
		dead_tries++;
		return false;
	}
	sent[sent_bytes++ % sizeof(sent)] = c;
	return true;
}

bool serial_room(void)
{
	return room;
}

void serial_put_fifo(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sent[sent_bytes++ % sizeof(sent)] = s[i];
}

void serial_want_room(bool on)
{
	(void)on;
}

u64 system_time(void)
{
	return now;
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	t->fn = fn;
	t->arg = arg;
	t->cpu = cpu;
}

void timer_set(struct timer *t, u64 expires)
{
	t->expires = expires;
	armed = t;
}

void debug_key_interrupt(char c)
{
	(void)c;
}

void event_send_global_virq(struct domain *d, unsigned virq)
{
	(void)d;
	(void)virq;
}

static void fire(void)
{
	now = armed->expires;
	armed->fn(armed->arg);
}

static s64 writes(struct domain *d, const char *s, size_t n)
{
	sim_current = d->vcpu[0];
	return do_console_io(CONSOLEIO_write, n, (u64)s);
}

static struct domain *guest, *control;

static void test_interrupt_stops(void)
{
	static char piece[256];

	memset(piece, 'p', sizeof(piece));
	serial_has_irq = true;
	console_begin_queue();
	CU_ASSERT_PTR_NULL(armed);
	/* An idle hour, then more than there is room for: it has not waited for long. */
	now += 3600000000000ULL;
	while (writes(control, piece, sizeof(piece)) == 0 && waited == 0)
		;
	CU_ASSERT_TRUE(transmit_room() < TRANSMIT_SIZE / 2);
	CU_ASSERT_PTR_NULL(armed);
	/* A second without an interrupt: what is queued stays, the timer sends it. */
	now += 1100000000ULL;
	CU_ASSERT_NOT_EQUAL(writes(control, piece, sizeof(piece)), 0);
	CU_ASSERT_TRUE(transmit_room() < TRANSMIT_SIZE / 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(armed);
	CU_ASSERT_EQUAL(waited, 0);
	for (unsigned i = 0; i < TRANSMIT_SIZE / SERIAL_FIFO; i++)
		fire();
	CU_ASSERT_TRUE(transmit_empty());
	CU_ASSERT_EQUAL(waited, 0);
	serial_has_irq = false;
	armed = NULL;
}

static void test_no_interrupt(void)
{
	static const char text[] = "a guest's line that is longer than the port's FIFO\n";

	console_begin_queue();
	waited = 0;
	sent_bytes = 0;
	CU_ASSERT_EQUAL(writes(guest, text, sizeof(text) - 1), 0);
	CU_ASSERT_EQUAL(waited, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(armed);
	for (unsigned i = 0; i < 20; i++)
		fire();
	CU_ASSERT_EQUAL(waited, 0);
	CU_ASSERT_TRUE(transmit_empty());
	sent[sent_bytes] = 0;
	CU_ASSERT_PTR_NOT_NULL(strstr(sent, "longer than the port's FIFO\r\n"));
}

static void test_no_room(void)
{
	static char piece[256];

	memset(piece, 'p', sizeof(piece));
	while (writes(control, piece, sizeof(piece)) == 0 && waited == 0)
		;
	/* Nothing goes out for a second: nobody waits for the port, dom0 least. */
	now += 1100000000ULL;
	waited = 0;
	for (unsigned i = 0; i < 2; i++, now += 1100000000ULL)
		writes(control, piece, sizeof(piece));
	CU_ASSERT_EQUAL(writes(control, piece, sizeof(piece)), 0);
	CU_ASSERT_EQUAL(writes(guest, "and a guest\n", 12), 0);
	CU_ASSERT_EQUAL(waited, 0);
}

static void trap_in_the_lock(void)
{
	console_break();
	printk(LOG_ERR "fatal trap\n");
	console_sync();
}

static void test_panic(void)
{
	static char piece[256];

	memset(piece, 'q', sizeof(piece));
	waited = 0;
	while (writes(control, piece, sizeof(piece)) == 0 && waited == 0)
		;
	/* The panic interrupts who holds the lock; a backlog at 9600 baud is minutes. */
	sent_bytes = 0;
	waited = 0;
	in_putc = trap_in_the_lock;
	console_flush();
	sent[sent_bytes % sizeof(sent)] = 0;
	CU_ASSERT_TRUE(sent_bytes < 20000);
	CU_ASSERT_PTR_NOT_NULL(strstr(sent, "fatal trap\r\n"));
}

static void test_dead_port(void)
{
	/* What is queued when the port dies: one byte is waited for, not each. */
	CU_ASSERT_TRUE(transmit_put("0123456789", 10));
	line_dead = true;
	dead_tries = 0;
	console_sync();
	CU_ASSERT_EQUAL(dead_tries, 1);
	CU_ASSERT_TRUE(transmit_empty());
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "an interrupt that stops", test_interrupt_stops },
		{ "no interrupt", test_no_interrupt },
		{ "a port without room", test_no_room },
		{ "a panic in the lock", test_panic },
		{ "a port that died", test_dead_port },
		CU_TEST_INFO_NULL
	};

	sim_reset();
	control = dom0 = sim_domain(0, 1, true);
	guest = sim_domain(1, 1, false);
	console_init();
	return suite_run("console_lines", tests);
}
