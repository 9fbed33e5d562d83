// SPDX-License-Identifier: MIT
#include "frontends/minimal/kernel.h"

#include "frontends/lib/text.h"

struct start_info *start_info;
struct shared_info *shared_info;
struct store store;
struct settings settings;
bool failed;

static const struct frontend_ops ops;
const struct frontend frontend = { .ops = &ops };
static struct control control;
static bool has_store, ending, suspending;
static enum control_request request;

extern const xen_ulong_t trap_entries[20];
void kernel_start(struct start_info *si) __attribute__((noreturn));
void kernel_trap(unsigned long vector, unsigned long address, unsigned long error)
	__attribute__((noreturn));

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n)
		return memcpy(to, from, n);
	while (n--)
		((volatile char *)to)[n] = ((const char *)from)[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

static void log_line(void *kernel, const char *line)
{
	(void)kernel;
	print("minimal: %s\n", line);
}

static const struct frontend_ops ops = {
	.pages_get = pages_get,
	.pages_put = pages_put,
	.grant = memory_grant,
	.revoke = memory_revoke,
	.event_open = event_open,
	.event_close = event_close,
	.event_send = event_send,
	.wait = event_wait,
	.now = time_now,
	.memory_op = memory_op,
	.log = log_line,
};

void kernel_shutdown(unsigned int reason)
{
	struct sched_shutdown s = { .reason = reason };

	for (;;)
		hypercall(__HYPERVISOR_sched_op, (long)SCHEDOP_shutdown, &s);
}

void kernel_trap(unsigned long vector, unsigned long address, unsigned long error)
{
	static bool twice;

	if (!twice) {
		twice = true;
		fail("trap %lu at %lx, error %lx, cr2 %lx", vector, address, error,
		     (unsigned long)shared_info->vcpu_info[0].arch.cr2);
	}
	kernel_shutdown(SHUTDOWN_crash);
}

void fail(const char *format, ...)
{
	__builtin_va_list args;

	if (failed)
		return;
	failed = true;
	__builtin_va_start(args, format);
	print_list("RESULT minimal FAIL ", format, args);
	__builtin_va_end(args);
}

/* ---- serving ---- */

static void requested(struct control *c, enum control_request what)
{
	(void)c;
	if (what == CONTROL_SUSPEND) {
		suspending = true;
		return;
	}
	ending = true;
	request = what;
}

int control_again(void)
{
	return control_open(&control, &store);
}

static void end(void)
{
	print("minimal: %s\n", request == CONTROL_REBOOT ? "reboot" : "poweroff");
	block_end();
	net_end();
	kernel_shutdown(request == CONTROL_REBOOT ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

void serve(uint64_t deadline)
{
	uint64_t next;
	int n = 0;

	if (has_store) {
		n = store_dispatch(&store);
		if (n < 0)
			fail("the store's connection is over: %d", n);
	}
	if (ending) {
		ending = false;	/* the devices' end serves, too */
		end();
	}
	if (suspending) {
		/* What it waits for serves, too. */
		suspending = false;
		suspend_now();
	}
	block_serve();
	net_serve();
	balloon_serve();
	next = balloon_deadline();
	if (next && next < deadline)
		deadline = next;
	if (n <= 0)
		event_wait(NULL, deadline);
}

bool serve_until(bool (*done)(void *arg), void *arg, unsigned int seconds)
{
	uint64_t deadline = time_now(NULL) + seconds * SECOND;

	while (!done(arg)) {
		if (time_now(NULL) >= deadline)
			return false;
		serve(deadline);
	}
	return true;
}

/* ---- the command line ---- */

/* "10.0.2.41" or "10.0.2.41/24"; 0 if it is none. */
static uint32_t read_ip(const char *s, unsigned int *prefix)
{
	uint32_t ip = 0;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int part = 0, digits = 0;

		for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
			part = part * 10 + (unsigned int)(*s - '0');
		if (!digits || part > 255 || (i < 3 && *s++ != '.'))
			return 0;
		ip = ip << 8 | part;
	}
	if (*s == '/' && prefix) {
		unsigned int n = 0;

		for (s++; *s >= '0' && *s <= '9' && n < 100; s++)
			n = n * 10 + (unsigned int)(*s - '0');
		if (!n || n > 32)
			return 0;
		*prefix = n;
	}
	return *s ? 0 : ip;
}

static bool begins(const char *word, const char *with, const char **rest)
{
	for (; *with; word++, with++)
		if (*word != *with)
			return false;
	*rest = word;
	return true;
}

static void read_word(const char *word)
{
	const char *rest;
	uint64_t n;

	if (text_equal(word, "hello") || text_equal(word, "print")) {
		settings.any = true;	/* it greets anyway */
	} else if (text_equal(word, "block")) {
		settings.any = settings.block = true;
	} else if (text_equal(word, "read")) {
		settings.any = settings.read = true;
	} else if (text_equal(word, "net")) {
		settings.any = settings.net = true;
	} else if (text_equal(word, "balloon")) {
		settings.any = settings.balloon = true;
	} else if (text_equal(word, "fill")) {
		settings.fill = true;
	} else if (text_equal(word, "spin")) {
		settings.spin = true;
	} else if (text_equal(word, "ip=mac")) {
		settings.ip_of_mac = true;
	} else if (begins(word, "mib=", &rest)) {
		if (text_number(rest, &n) || !n || n > 1024)
			fail("'%s': 1 to 1024 MiB", word);
		else
			settings.block_mib = (uint32_t)n;
	} else if (begins(word, "uses=", &rest)) {
		if (text_number(rest, &n) || !n || n > 65536)
			fail("'%s': 1 to 65536 MiB", word);
		else
			settings.uses_mib = (uint32_t)n;
	} else if (begins(word, "ip=", &rest)) {
		settings.ip = read_ip(rest, &settings.prefix);
		if (!settings.ip)
			fail("'%s' is no address", word);
	} else if (begins(word, "peer=", &rest)) {
		settings.peer = read_ip(rest, NULL);
		if (!settings.peer)
			fail("'%s' is no address", word);
	} else {
		print("minimal: '%s' means nothing to me\n", word);
	}
}

static void read_command_line(const char *line, size_t size)
{
	char word[64];
	size_t n = 0;

	settings.block_mib = 4;
	settings.prefix = 24;
	for (size_t i = 0; i <= size; i++) {
		char c = i < size ? line[i] : '\0';

		if (c && c != ' ') {
			if (n < sizeof(word) - 1)
				word[n++] = c;
			continue;
		}
		word[n] = '\0';
		if (n)
			read_word(word);
		n = 0;
		if (!c)
			break;
	}
}

/* ---- the beginning ---- */

static void set_traps(void)
{
	static struct trap_info traps[21];

	for (unsigned int i = 0; i < 20; i++) {
		traps[i].vector = (uint8_t)i;
#ifdef __i386__
		traps[i].cs = FLAT_KERNEL_CS;
#else
		traps[i].cs = FLAT_KERNEL_CS64;
#endif
		traps[i].address = trap_entries[i];
	}
	hypercall(__HYPERVISOR_set_trap_table, traps);
}

/* The names below device/@type; none is no error. */
static unsigned int devices(const char *path, char *names, size_t size)
{
	int n = has_store ? store_list(&store, 0, path, names, size) : 0;

	return n > 0 ? (unsigned int)n : 0;
}

static void run_jobs(void)
{
	static char vbds[1024], vifs[1024];
	unsigned int nr_vbds = devices("device/vbd", vbds, sizeof(vbds));
	unsigned int nr_vifs = devices("device/vif", vifs, sizeof(vifs));

	/* Without a word about it, nothing is written to a disk. */
	if (!settings.any) {
		settings.read = nr_vbds;
		settings.net = nr_vifs;
		settings.balloon = has_store;
	}
	if ((settings.block || settings.read) && !failed)
		block_job(vbds, nr_vbds);
	if (settings.net && !failed)
		net_job(vifs, nr_vifs);
	if (settings.balloon && !failed)
		balloon_job();
	if (!failed)
		print("RESULT minimal PASS %d-bit: hello%s%s%s\n", BITS,
		      settings.block ? " block" : settings.read ? " read" : "",
		      settings.net ? " net" : "", settings.balloon ? " balloon" : "");
}

void kernel_start(struct start_info *si)
{
	int error = 0;

	start_info = si;
	memory_open();
	set_traps();
	print_open();
	print("minimal: hello from a %d-bit kernel, %lu MiB\n", BITS,
	      (unsigned long)si->nr_pages >> 8);
	read_command_line((const char *)si->cmd_line, sizeof(si->cmd_line));
	if (si->store_evtchn && !(si->flags & SIF_INITDOMAIN)) {
		store_open(&store, &frontend, map_frame(si->store_mfn), si->store_evtchn);
		error = event_listen(si->store_evtchn, NULL, NULL);
		has_store = !error;
	}
	if (has_store) {
		control.requested = requested;
		control.can_suspend = true;
		error = control_open(&control, &store);
	}
	if (error)
		fail("no store: %d", error);
	random_open();
	if (settings.fill)
		memory_fill();
	run_jobs();
	/* Nobody can ask for anything any more; time is only to be had by taking it away. */
	if (settings.spin)
		for (;;)
			;
	if (!has_store)
		kernel_shutdown(SHUTDOWN_poweroff); /* nobody could ask for it */
	for (;;)
		serve(time_now(NULL) + 3600 * SECOND);
}
