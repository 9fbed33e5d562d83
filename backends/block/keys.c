// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backends/block/open.h"
#include "backends/block/orders.h"
#include "backends/block/request.h"
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

int back_write(const struct device *v, const char *key, const char *format, ...)
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
	return error;
}

bool back_there(const struct device *v)
{
	char *text = back_read(v, "frontend-id");
	/* A store daemon that does not answer says nothing about the disk. */
	bool there = text || errno != ENOENT;

	free(text);
	return there;
}

bool set_state(struct device *v, enum xenbus_state state)
{
	int error = back_write(v, "state", "%d", state);

	v->state = state;
	v->owed = error && error != -ENOENT ? state : XenbusStateUnknown;
	v->changed |= v->owed != XenbusStateUnknown;
	return !v->owed;
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

bool offer(struct device *v)
{
	uint64_t nonce;
	int error;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return false;
	error = back_write(v, "connection", "%llu", (unsigned long long)nonce);
	if (error && error != -ENOENT)
		return false;
	set_state(v, XenbusStateInitWait);
	return true;
}

bool describe(const struct device *v, const struct report *r)
{
	char *type = back_read(v, "device-type"), *data_mode = back_read(v, "data-mode");
	bool window = data_mode && !strcmp(data_mode, "window");
	unsigned int info = 0;

	if (type && !strcmp(type, "cdrom"))
		info |= VDISK_CDROM;
	if (back_number(v, "removable", 0))
		info |= VDISK_REMOVABLE;
	if (r->flags & DISK_READONLY)
		info |= VDISK_READONLY;
	free(type);
	free(data_mode);
	if (xs_unsure(super.store))
		return false;
	back_write(v, "sectors", "%llu", (unsigned long long)r->sectors);
	back_write(v, "sector-size", "%u", r->sector_size);
	back_write(v, "physical-sector-size", "%u", r->physical_sector_size);
	back_write(v, "info", "%u", info);
	back_write(v, "feature-persistent", "%d", !window);
	back_write(v, "feature-max-indirect-segments", "%u", REQUEST_SEGMENTS);
	back_write(v, "max-ring-page-order", "%u", JOURNAL_ORDER_MAX);
	back_write(v, "multi-queue-max-queues", "%u", JOURNAL_QUEUES);
	back_write(v, "feature-flush-cache", "1");
	back_write(v, "feature-barrier", "1");
	back_write(v, "feature-discard", "%d", !!(r->flags & DISK_DISCARD));
	if (r->flags & DISK_DISCARD) {
		back_write(v, "discard-granularity", "%u",
			   r->discard_granularity ? r->discard_granularity : r->sector_size);
		back_write(v, "discard-alignment", "0");
		back_write(v, "discard-secure", "0");
	}
	back_write(v, "hotplug-status", "connected");
	return true;
}

void fail(const struct device *v, const char *why)
{
	say(v->worker, "domain %u, disk %u: %s", v->worker->domid, v->devid, why);
	back_write(v, "hotplug-error", "%s", why);
	back_write(v, "hotplug-status", "error");
}
