// SPDX-License-Identifier: LGPL-2.1-or-later
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "xs.h"

#define RUN_DIR "/run/hvctl"

struct hvctl_ctx *hvctl_open(void)
{
	struct hvctl_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx) {
		ctx->privcmd = -1;
		ctx->hypercall = -1;
	}
	return ctx;
}

void hvctl_close(struct hvctl_ctx *ctx)
{
	if (!ctx)
		return;
	hvctl_drop_held(ctx);
	free(ctx->held);
	free(ctx->kernel);
	free(ctx->kernel_file);
	xs_close(ctx->xs);
	if (ctx->privcmd >= 0)
		close(ctx->privcmd);
	if (ctx->hypercall >= 0)
		close(ctx->hypercall);
	free(ctx);
}

void hvctl_forked(struct hvctl_ctx *ctx)
{
	xs_close(ctx->xs);
	ctx->xs = NULL;
	ctx->store_waited = false;
}

const char *hvctl_error(const struct hvctl_ctx *ctx)
{
	return ctx->error;
}

int hvctl_error_number(const struct hvctl_ctx *ctx)
{
	return ctx->error_number;
}

void hvctl_set_progress(struct hvctl_ctx *ctx, hvctl_progress_fn fn, void *data)
{
	ctx->progress = fn;
	ctx->progress_data = data;
}

void hvctl_set_warning(struct hvctl_ctx *ctx, hvctl_warning_fn fn, void *data)
{
	ctx->warning = fn;
	ctx->warning_data = data;
}

void hvctl_set_building(struct hvctl_ctx *ctx, hvctl_building_fn fn, void *data)
{
	ctx->building = fn;
	ctx->building_data = data;
}

void hvctl_set_migrating(struct hvctl_ctx *ctx, hvctl_migrating_fn fn, void *data)
{
	ctx->migrating = fn;
	ctx->migrating_data = data;
}

void hvctl_set_saving(struct hvctl_ctx *ctx, hvctl_saving_fn fn, void *data)
{
	ctx->saving = fn;
	ctx->saving_data = data;
}

/*
 * Bytes of the UTF-8 character at @p that a terminal shows; 0: a control character of ASCII or one
 * from U+0080 to U+009F (U+009B is as good as ESC [ to many), or no UTF-8: a terminal that expects
 * another encoding takes such bytes for the latter, and one that forgives long forms reads them.
 * No UTF-8 are surrogates and what is beyond U+10FFFF, too.
 */
static size_t shown_bytes(const unsigned char *p)
{
	static const uint32_t least[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	uint32_t c = *p;
	size_t len, i;

	if (c < 0x80)
		return c >= ' ' && c != 0x7f;
	if (c < 0xc0 || c > 0xf4)
		return 0;
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	c &= 0x7fu >> len;
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[len] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : len;
}

void hvctl_one_line(char *to, size_t size, const char *text)
{
	static const char from[] = "\a\b\f\n\r\t\v", letters[] = "abfnrtv";
	size_t n = 0;

	while (*text) {
		unsigned char c = (unsigned char)*text;
		const char *found = strchr(from, c);
		size_t len = shown_bytes((const unsigned char *)text), taken = len ? len : 1;
		char shown[5];

		if (len) {
			memcpy(shown, text, len);
		} else {
			if (found)
				snprintf(shown, sizeof(shown), "\\%c", letters[found - from]);
			else
				snprintf(shown, sizeof(shown), "\\x%02x", c);
			len = strlen(shown);
		}
		if (n + len >= size)
			break;
		memcpy(to + n, shown, len);
		n += len;
		text += taken;
	}
	to[n] = 0;
}

int hvctl_fail(struct hvctl_ctx *ctx, int error, const char *format, ...)
{
	char text[sizeof(ctx->error)];	/* an argument may be the old message */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hvctl_one_line(ctx->error, sizeof(ctx->error), text);
	ctx->error_number = error;
	return -error;
}

int hvctl_no_memory(struct hvctl_ctx *ctx)
{
	return hvctl_fail(ctx, ENOMEM,
			  "no memory left in dom0; free some or start the host with more");
}

void hvctl_warn(struct hvctl_ctx *ctx, const char *format, ...)
{
	char text[512], line[512];
	va_list args;

	if (!ctx->warning)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hvctl_one_line(line, sizeof(line), text);
	ctx->warning(ctx->warning_data, line);
}

void hvctl_step(struct hvctl_ctx *ctx, const char *step, unsigned int percent)
{
	if (ctx->progress)
		ctx->progress(ctx->progress_data, step, percent);
}

void hvctl_cancel(struct hvctl_ctx *ctx)
{
	ctx->cancelled = 1;
}

int hvctl_cancelled(struct hvctl_ctx *ctx)
{
	if (!ctx->cancelled || ctx->too_late)
		return 0;
	return hvctl_fail(ctx, EINTR, "interrupted; what was done has been undone");
}

int hvctl_run_dir(struct hvctl_ctx *ctx)
{
	if (mkdir(RUN_DIR, 0700) && errno != EEXIST)
		return hvctl_fail(ctx, errno, "cannot make %s: %s; run as root with /run mounted",
				  RUN_DIR, strerror(errno));
	return 0;
}

int hvctl_lock(struct hvctl_ctx *ctx)
{
	int fd, error = hvctl_run_dir(ctx);

	if (error)
		return error;
	fd = open(RUN_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return hvctl_fail(ctx, errno, "cannot open %s/lock: %s; run as root", RUN_DIR,
				  strerror(errno));
	/* Not in one long wait: whoever waits may be told to give up. */
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		error = errno;
		if (hvctl_cancelled(ctx)) {
			close(fd);
			return -EINTR;
		}
		if (error == EWOULDBLOCK || error == EINTR) {
			hvctl_nap(20);
		} else {
			close(fd);
			return hvctl_fail(ctx, error, "cannot lock %s/lock: %s; remove it", RUN_DIR,
					  strerror(error));
		}
	}
	return fd;
}

/* One byte of the file for each domain: nothing is left to tidy up. */
int hvctl_lock_saving(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct flock byte = { .l_type = F_WRLCK, .l_start = domid, .l_len = 1 };
	int fd, error = hvctl_run_dir(ctx);

	if (error)
		return error;
	fd = open(RUN_DIR "/saving", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return hvctl_fail(ctx, errno, "cannot open %s/saving: %s; run as root", RUN_DIR,
				  strerror(errno));
	/* The open file's, not the process's: a guard goes on holding it. */
	if (!fcntl(fd, F_OFD_SETLK, &byte))
		return fd;
	error = errno;
	close(fd);
	if (error == EAGAIN || error == EACCES)
		return hvctl_fail(ctx, EBUSY,
				  "domain %u is being saved or its devices change; try again when "
				  "that is done",
				  domid);
	return hvctl_fail(ctx, error, "cannot lock %s/saving: %s; remove it", RUN_DIR,
			  strerror(error));
}

uint64_t memory_available_in(FILE *meminfo)
{
	unsigned long long kib;
	char line[128];

	while (fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			return kib ? kib << 10 : 1;
	return 0;
}

uint64_t memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	/* Who cannot open it for want of something has nothing to spare. */
	uint64_t available = f ? memory_available_in(f) : errno != ENOENT;

	if (f)
		fclose(f);
	return available;
}

bool memory_fits_in(uint64_t bytes, uint64_t available)
{
	return bytes <= SIZE_MAX / 4 && (!available || bytes <= available / 2);
}

bool memory_fits(uint64_t bytes)
{
	return memory_fits_in(bytes, memory_available());
}

int hvctl_hold(struct hvctl_ctx *ctx, int fd)
{
	int *held = realloc(ctx->held, (ctx->nr_held + 1) * sizeof(*held));

	if (!held)
		return hvctl_no_memory(ctx);
	ctx->held = held;
	held[ctx->nr_held++] = fd;
	return 0;
}

void hvctl_drop_held(struct hvctl_ctx *ctx)
{
	while (ctx->nr_held)
		close(ctx->held[--ctx->nr_held]);
}

void hvctl_nap(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* What another store daemon needs to take up the store, and whoever starts it to notice. */
#define STORE_RESTARTS_MS	10000

/* What hvstored leaves for the next one. */
#define JOURNAL			"/run/hvstored/journal/journal"

/* Once: if it was in vain, whoever asks again, for each domain of a list, does not wait again. */
static void store_waits(void *data)
{
	struct hvctl_ctx *ctx = data;

	ctx->store_waited = true;
	hvctl_warn(ctx, "the store daemon does not answer; waiting up to %d s for the next one",
		   STORE_RESTARTS_MS / 1000);
}

struct xs *hvctl_xs(struct hvctl_ctx *ctx)
{
	static const char *const sockets[] = { "/run/hvstored/socket", "/run/xenstored/socket" };
	uint64_t end = ctx->store_waited ? 0 : monotonic_ms() + STORE_RESTARTS_MS;
	bool died = true;
	unsigned int i;
	int error = 0;

	if (ctx->xs && xs_lost(ctx->xs)) {
		xs_close(ctx->xs);
		ctx->xs = NULL;
	}
	if (ctx->xs)
		return ctx->xs;
	ctx->watching = ctx->monitoring = false;
	/*
	 * A socket at which nobody listens is of a daemon that died, none but a journal of one that
	 * was told to end: the next one goes on.
	 */
	while (!ctx->xs && died) {
		died = false;
		for (i = 0; !ctx->xs && i < sizeof(sockets) / sizeof(sockets[0]); i++) {
			ctx->xs = xs_open(sockets[i]);
			error = ctx->xs ? 0 : errno;
			died |= error == ECONNREFUSED;
			died |= error == ENOENT && !access(JOURNAL, F_OK);
		}
		died &= monotonic_ms() < end;
		if (!ctx->xs && died) {
			if (!ctx->store_waited)
				store_waits(ctx);
			hvctl_nap(20);
		}
	}
	if (!ctx->xs) {
		hvctl_fail(ctx, error,
			   "the store daemon does not answer at %s (%s); start hvstored",
			   sockets[0], strerror(error));
		return NULL;
	}
	ctx->store_waited = false;
	xs_keep(ctx->xs, STORE_RESTARTS_MS, store_waits, ctx);
	return ctx->xs;
}

bool hvctl_good_name(const char *name)
{
	bool digits = true;
	size_t i;

	for (i = 0; name[i]; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.+", name[i]))
			return false;
		digits &= !!isdigit((unsigned char)name[i]);
	}
	return i && i < HVCTL_NAME_MAX && !digits;
}

void hvctl_uuid_text(const uint8_t u[16], char text[37])
{
	snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

bool hvctl_uuid_parse(const char *text, uint8_t uuid[16])
{
	unsigned int i, n = 0;

	for (i = 0; n < 32 && text[i]; i++) {
		int c = tolower((unsigned char)text[i]);
		unsigned int digit;

		if (c == '-')
			continue;
		if (!isxdigit(c))
			return false;
		digit = (unsigned int)(isdigit(c) ? c - '0' : c - 'a' + 10);
		uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | digit : digit << 4);
		n++;
	}
	return n == 32 && !text[i];
}

int hvctl_random(struct hvctl_ctx *ctx, void *buf, size_t len)
{
	/* Not /dev/random's blocking pool: identifiers need to differ, not to be secret. */
	if (getrandom(buf, len, GRND_INSECURE) != (ssize_t)len)
		return hvctl_fail(ctx, errno, "the kernel gives no random numbers: %s",
				  strerror(errno));
	return 0;
}
