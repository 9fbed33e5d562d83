// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/backkeys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backends/lib/backworker.h"
#include "backends/lib/super.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

#define WRITE_TRIES	16

static void back_path(const struct backdev *v, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/0/backend/%s/%u/%u", super.backend->back, v->domid,
		 v->devid);
}

void front_path(const struct backdev *v, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/%u/device/%s/%u", v->domid, super.backend->front,
		 v->devid);
}

enum xenbus_state front_state(const struct backdev *v)
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

int front_watch(const struct backdev *v)
{
	char path[96];

	front_path(v, path, sizeof(path) - 8);
	strcat(path, "/state");
	return xs_watch(super.store, path, "front");
}

int front_unwatch(const struct backdev *v)
{
	char path[96];

	front_path(v, path, sizeof(path) - 8);
	strcat(path, "/state");
	return xs_unwatch(super.store, path, "front");
}

char *back_read(const struct backdev *v, const char *key)
{
	char path[96];

	back_path(v, path, sizeof(path));
	return xs_readf(super.store, 0, "%s/%s", path, key);
}

uint64_t back_number(const struct backdev *v, const char *key, uint64_t otherwise)
{
	char *text = back_read(v, key);
	uint64_t value = otherwise;

	if (text && number_parse(text, UINT64_MAX, &value))
		value = otherwise;
	free(text);
	return value;
}

bool back_there(const struct backdev *v)
{
	char *text = back_read(v, "frontend-id");
	/* A store daemon that does not answer says nothing about the device. */
	bool there = text || errno != ENOENT;

	free(text);
	return there;
}

static int write_pairs(const char *path, uint32_t tx, const struct back_pair *pairs, size_t nr)
{
	char key[160];
	int error = 0;

	for (size_t i = 0; i < nr && !error; i++) {
		snprintf(key, sizeof(key), "%s/%s", path, pairs[i].key);
		error = xs_write(super.store, tx, key, "%s", pairs[i].value);
	}
	return error;
}

/* All of both lists, or none. A node that is gone is not made anew: it would be there for good. */
static int write_there(const struct backdev *v, const struct back_pair *pairs, size_t nr,
		       const struct back_pair *more, size_t nr_more)
{
	int error = -EAGAIN;
	char path[96];

	back_path(v, path, sizeof(path));
	for (int tries = 0; error == -EAGAIN && tries < WRITE_TRIES; tries++) {
		uint32_t tx;
		char *text;

		error = xs_begin(super.store, &tx);
		if (error)
			return error;
		text = xs_readf(super.store, tx, "%s/frontend-id", path);
		error = text ? 0 : -errno;
		free(text);
		if (!error)
			error = write_pairs(path, tx, pairs, nr);
		if (!error)
			error = write_pairs(path, tx, more, nr_more);
		if (error)
			xs_abort(super.store, tx);
		else
			error = xs_commit(super.store, tx);
	}
	return error;
}

static void not_written(const struct backdev *v, const char *what)
{
	log_line("domain %u, %s %u: cannot write %s", v->domid, super.backend->what, v->devid,
		 what);
}

int back_write(const struct backdev *v, const char *key, const char *format, ...)
{
	char value[BACK_TEXT];
	const struct back_pair pair = { key, value };
	va_list args;
	int error;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	error = write_there(v, &pair, 1, NULL, 0);
	if (error && error != -ENOENT)
		not_written(v, key);
	return error;
}

bool set_state(struct backdev *v, enum xenbus_state state)
{
	int error = back_write(v, "state", "%d", state);

	v->state = state;
	v->owed = error && error != -ENOENT ? state : XenbusStateUnknown;
	v->changed |= v->owed != XenbusStateUnknown;
	return !v->owed;
}

bool back_offer(struct backdev *v)
{
	char number[24], state[8];
	const struct back_pair pairs[] = { { "connection", number }, { "state", state } };
	uint64_t nonce;
	int error;

	/* Without one, nothing of this connection is taken over. */
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		nonce = 0;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)nonce);
	snprintf(state, sizeof(state), "%d", XenbusStateInitWait);
	error = write_there(v, super.backend->features, super.backend->nr_features, pairs, 2);
	if (error && error != -ENOENT) {
		not_written(v, "what it offers");
		return false;
	}
	v->state = XenbusStateInitWait;
	return true;
}

void back_say(struct backdev *v, const char *format, ...)
{
	char text[BACK_TEXT], payer[48];
	struct line_budget *lines = super.backend->one_worker ? &v->lines : &v->worker->lines;
	va_list args;

	snprintf(payer, sizeof(payer), "domain %u", v->domid);
	if (super.backend->one_worker)
		snprintf(payer, sizeof(payer), "domain %u, %s %u", v->domid, super.backend->what,
			 v->devid);
	if (!backworker_may_say(lines, payer))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line("domain %u, %s %u: %s", v->domid, super.backend->what, v->devid, text);
}
