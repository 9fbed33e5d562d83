// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backends/block/open.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

static void back_path(const struct device *v, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/0/backend/hvblk/%u/%u", v->worker->domid, v->devid);
}

void front_path(const struct device *v, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/%u/device/vbd/%u", v->worker->domid, v->devid);
}

char *back_read(const struct device *v, const char *key)
{
	char path[96];

	back_path(v, path, sizeof(path));
	return xs_readf(super.store, 0, "%s/%s", path, key);
}

uint64_t back_number(const struct device *v, const char *key, uint64_t otherwise)
{
	char *text = back_read(v, key);
	uint64_t value = otherwise;

	if (text && number_parse(text, UINT64_MAX, &value))
		value = otherwise;
	free(text);
	return value;
}

#define WRITE_TRIES	16

/* A node that is gone is not made anew: it would be there for good. */
static int write_there(const struct device *v, const char *key, const char *value)
{
	int error = -EAGAIN;

	for (int tries = 0; error == -EAGAIN && tries < WRITE_TRIES; tries++) {
		char path[160], *text;
		uint32_t tx;

		error = xs_begin(super.store, &tx);
		if (error)
			return error;
		back_path(v, path, 96);
		text = xs_readf(super.store, tx, "%s/frontend-id", path);
		error = text ? 0 : -errno;
		free(text);
		snprintf(path + strlen(path), 64, "/%s", key);
		if (!error)
			error = xs_write(super.store, tx, path, "%s", value);
		if (error)
			xs_abort(super.store, tx);
		else
			error = xs_commit(super.store, tx);
	}
	return error;
}

void back_write(const struct device *v, const char *key, const char *format, ...)
{
	char value[OPEN_TEXT];
	va_list args;
	int error;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	error = write_there(v, key, value);
	if (error && error != -ENOENT)
		log_line("domain %u, disk %u: cannot write %s", v->worker->domid, v->devid, key);
}

bool back_there(const struct device *v)
{
	char *text = back_read(v, "frontend-id");
	/* A store daemon that does not answer says nothing about the disk. */
	bool there = text || errno != ENOENT;

	free(text);
	return there;
}

void set_state(const struct device *v, enum xenbus_state state)
{
	back_write(v, "state", "%d", state);
}

enum xenbus_state front_state(const struct device *v)
{
	uint64_t state = XenbusStateUnknown;
	char path[96], *text;

	front_path(v, path, sizeof(path));
	text = xs_readf(super.store, 0, "%s/state", path);
	if (!text || number_parse(text, XenbusStateReconfigured, &state))
		state = XenbusStateUnknown;
	free(text);
	return (enum xenbus_state)state;
}

void say(struct worker *w, const char *format, ...)
{
	static const struct budget_rate rate = { .burst = 20, .period = 60000 };
	uint64_t missing = 0;
	char text[384];
	va_list args;

	if (!line_budget_take(&w->lines, &rate, daemon_now(), &missing))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (missing)
		log_line("domain %u: %llu lines suppressed", w->domid,
			 (unsigned long long)missing);
	log_line("%s", text);
}

void offer(const struct device *v)
{
	uint64_t nonce = 0;

	if (getrandom(&nonce, sizeof(nonce), 0) == sizeof(nonce))
		back_write(v, "connection", "%llu", (unsigned long long)nonce);
	set_state(v, XenbusStateInitWait);
}

void fail(const struct device *v, const char *why)
{
	say(v->worker, "domain %u, disk %u: %s", v->worker->domid, v->devid, why);
	back_write(v, "hotplug-error", "%s", why);
	back_write(v, "hotplug-status", "error");
}
