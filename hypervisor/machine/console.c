// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/console.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "lib/cmdline.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "machine/screen.h"
#include "machine/serial.h"
#include "machine/timer.h"
#include "machine/transmit.h"
#include "pv-abi/errno.h"

#define RING_SIZE 65536

/* Under console_lock. prod and cons are free-running. */
GLOBAL_LOCK(console_lock, "console lock");
static char ring[RING_SIZE];
static u32 ring_prod, ring_cons;
/* The screen: written to; and drawn at once, not by its timer. */
static bool serial_on, screen_on, screen_now;
/* Bytes are queued for the interrupt or the timer; false in boot and where each is waited for. */
static bool queued;
static u64 moved; /* ns of system time since which the queue's first byte has waited */
/* A panic's CPU is alone: who held the lock was stopped, or is what was interrupted. */
static volatile bool broken;
/* What takes bytes where no interrupt does: a FIFO's time at 115200 baud, of 10 bits each. */
#define POLL_NS  1400000ULL
#define STUCK_NS 1000000000ULL
static struct timer poll;
static bool polling;
/* What a panic still sends of what had been queued: the line may be slow. */
#define PANIC_BACKLOG 16384U

static void (*receiver)(char c);

static enum { LEVEL_ERR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG } serial_level = LEVEL_INFO;
static bool opt_sync_console;
OPTION_BOOL("sync_console", opt_sync_console);
static bool opt_console_to_ring;
OPTION_BOOL("console_to_ring", opt_console_to_ring);

static const char *set_loglvl(const char *v)
{
	static const char *const names[] = { "error", "warning", "info", "debug", "none", "all" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		if (!strncmp(v, names[i], n) && (v[n] == '\0' || v[n] == '/')) {
			serial_level = i == 4 ? LEVEL_ERR : i == 5 ? LEVEL_DEBUG : i;
			return NULL;
		}
	}
	return "use error, warning, info, debug, none or all";
}
OPTION_FN("loglvl", set_loglvl);

/* In the function that holds it: latency=1 tells where by its address. */
static inline __attribute__((always_inline)) u64 console_take(void)
{
	return broken ? local_irq_save() : global_lock_irqsave(console_lock);
}

static inline __attribute__((always_inline)) void console_leave(u64 flags)
{
	if (broken)
		local_irq_restore(flags);
	else
		global_unlock_irqrestore(console_lock, flags);
}

static void drain_locked(void)
{
	char c;

	while (transmit_take(&c, 1))
		if (!serial_putc(c))
			transmit_clear();
}

/* Ours, when the queue is full: the oldest bytes are waited for. */
static void queue_locked(const char *s, size_t n)
{
	/* What waits from now on did not wait before. */
	if (transmit_empty())
		moved = system_time();
	while (!transmit_put(s, n)) {
		char c;

		if (transmit_take(&c, 1))
			serial_putc(c);
	}
	serial_want_room(true);
}

static void out_locked(const char *s, size_t n, bool to_ring, bool to_ports)
{
	bool to_queue = to_ports && serial_on && queued;

	if (to_queue)
		queue_locked(s, n);
	for (size_t i = 0; i < n; i++) {
		if (to_ring) {
			ring[ring_prod++ % RING_SIZE] = s[i];
			if (ring_prod - ring_cons > RING_SIZE)
				ring_cons = ring_prod - RING_SIZE;
		}
		if (!to_ports)
			continue;
		if (serial_on && !to_queue) {
			if (s[i] == '\n')
				serial_putc('\r');
			serial_putc(s[i]);
		}
		if (screen_on)
			screen_put(s[i]);
	}
	if (screen_on && screen_now)
		screen_draw(broken);
}

void console_init(void)
{
	serial_on = serial_init();
	screen_on = screen_now = console_named("vga");
	if (screen_on)
		screen_init();
}

void console_end_boot(void)
{
	u64 flags = console_take();

	screen_on = screen_on && screen_keeps();
	screen_now = false;
	console_leave(flags);
	if (screen_on)
		screen_begin_timer();
}

void console_transmit(void)
{
	u64 flags = console_take();
	char part[SERIAL_FIFO];

	if (!transmit_empty() && serial_room()) {
		serial_put_fifo(part, transmit_take(part, sizeof(part)));
		moved = system_time();
	}
	serial_want_room(!transmit_empty());
	console_leave(flags);
}

static void poll_round(void *arg)
{
	(void)arg;
	console_transmit();
	timer_set(&poll, system_time() + POLL_NS);
}

/* No lock held, under which printing might be. */
static void poll_begin(void)
{
	polling = true;
	timer_init(&poll, poll_round, NULL, 0);
	timer_set(&poll, system_time() + POLL_NS);
}

void console_begin_queue(void)
{
	u64 flags;

	if (opt_sync_console || !serial_on)
		return;
	if (!serial_has_irq)
		poll_begin();
	flags = console_take();
	queued = true;
	console_leave(flags);
}

void console_flush(void)
{
	u64 flags = console_take();

	drain_locked();
	console_leave(flags);
}

void console_sync(void)
{
	u64 flags = console_take();

	opt_sync_console = true;
	queued = false;
	drain_locked();
	console_leave(flags);
}

void console_break(void)
{
	char c;

	broken = true;
	screen_now = true;
	opt_sync_console = true;
	queued = false;
	while (TRANSMIT_SIZE - transmit_room() > PANIC_BACKLOG)
		transmit_take(&c, 1);
	drain_locked();
}

/*
 * If nothing was taken for a second, the interrupt does not come and the timer takes over; if the
 * timer finds no room either, the port is dead and nobody is to wait for it.
 */
bool console_privileged_write(const char *s, size_t n)
{
	u64 flags = console_take();
	bool begin = false, room = true;

	if (queued && transmit_room() < TRANSMIT_OURS + 2 * n) {
		room = false;
		if (system_time() - moved > STUCK_NS) {
			begin = !polling;
			polling = true;
			moved = system_time();
			room = !begin;
			if (room)
				transmit_clear();
		}
	}
	if (room)
		out_locked(s, n, opt_console_to_ring, true);
	console_leave(flags);
	if (begin) {
		poll_begin();
		printk(LOG_WARN "serial: no interrupts: a timer sends what is queued\n");
	}
	return room;
}

size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear)
{
	u64 flags = console_take();
	u32 pos = *index;
	size_t done = 0;

	if (ring_prod - pos > ring_prod - ring_cons)
		pos = ring_cons;
	while (done < n && pos != ring_prod)
		buf[done++] = ring[pos++ % RING_SIZE];
	*index = pos;
	if (clear)
		ring_cons = pos;
	console_leave(flags);
	return done;
}

void vprintk(const char *fmt, va_list ap)
{
	static u64 guest_window, guest_lines;
	char line[512];
	char level = 'I';
	bool guests = false, room;
	unsigned lvl = LEVEL_INFO;
	u64 now = system_time(), flags;
	int n, head;

	if (fmt[0] == '\001') {
		level = fmt[1];
		fmt += 2;
	} else {
		level = 0;
	}
	if (level == 'G') {
		/* What a guest can provoke at will: at most 32 lines a second. */
		if (now - guest_window > 1000000000ULL) {
			guest_window = now;
			guest_lines = 0;
		}
		if (guest_lines++ >= 32)
			return;
		level = 'D';
		guests = true;
	}
	lvl = level == 'E'   ? LEVEL_ERR
	      : level == 'W' ? LEVEL_WARN
	      : level == 'D' ? LEVEL_DEBUG
			     : LEVEL_INFO;
	head = level ? snprintf(line, sizeof(line), "(annulus) [%5llu.%06llu] %c ",
				(unsigned long long)(now / 1000000000),
				(unsigned long long)(now % 1000000000 / 1000), level)
		     : 0;
	n = vsnprintf(line + head, sizeof(line) - head, fmt, ap) + head;
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	flags = console_take();
	room = !guests || transmit_room() > TRANSMIT_RESERVED;
	out_locked(line, n, true, lvl <= serial_level && room);
	console_leave(flags);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

bool console_guest_write(const char *line, size_t n, u64 *paid)
{
	u64 flags = console_take();
	bool may = transmit_guest_may(paid, n, system_time());

	if (may)
		out_locked(line, n, true, true);
	console_leave(flags);
	return may;
}

void console_receive(void (*fn)(char c))
{
	WRITE_ONCE(receiver, fn);
}

void console_input(char c)
{
	void (*fn)(char) = READ_ONCE(receiver);

	if (fn)
		fn(c);
}
