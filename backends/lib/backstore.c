// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/backstore.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "backends/lib/backdev.h"
#include "backends/lib/backkeys.h"
#include "backends/lib/backworker.h"
#include "backends/lib/super.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

/* Taken in one turn. */
#define EVENTS_MAX	1024u

/* There is news of a device of ours, or a new one. */
static void news(domid_t domid, uint32_t devid)
{
	struct backdev *v = backdev_find(domid, devid);

	if (v)
		v->changed = true;
	else
		backdev_add(domid, devid);
}

/* Everything that the store has for us, for the beginning and for a removed parent. */
static void look_around(void)
{
	char dir[64], **domains;

	xs_unsure(super.store);
	snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s", super.backend->back);
	domains = xs_list(super.store, 0, dir);
	for (char **dom = domains; dom && *dom; dom++) {
		char path[96], **devices;
		uint64_t domid, devid;

		if (number_parse(*dom, DOMID_FIRST_RESERVED - 1, &domid))
			continue;
		snprintf(path, sizeof(path), "%s/%u", dir, (domid_t)domid);
		devices = xs_list(super.store, 0, path);
		for (char **dev = devices; dev && *dev; dev++)
			if (!number_parse(*dev, UINT32_MAX, &devid))
				news((domid_t)domid, (uint32_t)devid);
		free(devices);
	}
	free(domains);
	for (struct backworker *w = super.workers; w; w = w->next)
		for (struct backdev *v = w->devices; v; v = v->next)
			v->changed = true;
	super.all_changed |= xs_unsure(super.store);
}

bool backstore_look(void)
{
	static const struct budget_rate rate = { .burst = 16, .period = 1000 };
	uint64_t now = daemon_now();
	bool waits = false;

	for (struct backworker *w = super.workers; w; w = w->next) {
		struct backdev *v = w->devices, *next;

		for (; v; v = next) {
			next = v->next;
			if (v->changed && budget_take(&v->looks, &rate, 1, now)) {
				v->changed = false;
				backdev_look(v);
			}
		}
		for (v = w->devices; v; v = v->next)
			waits |= v->changed;
	}
	return waits;
}

static void on_watch(const char *path)
{
	unsigned int domid, devid;
	char dir[16], rest[32] = "";

	if (sscanf(path, "/local/domain/%u/device/%15[^/]/%u", &domid, dir, &devid) == 3 &&
	    !strcmp(dir, super.backend->front)) {
		struct backdev *v = domid < DOMID_FIRST_RESERVED ?
				    backdev_find((domid_t)domid, devid) : NULL;

		if (v)
			v->changed = true;
		return;
	}
	if (sscanf(path, "/local/domain/0/backend/%15[^/]/%u/%u/%31s", dir, &domid, &devid,
		   rest) < 3 || strcmp(dir, super.backend->back)) {
		super.all_changed = true;
		return;
	}
	if (domid >= DOMID_FIRST_RESERVED)
		return;
	/* What we write ourselves is no news. */
	if (!*rest || !strcmp(rest, "online") || !strcmp(rest, "state") ||
	    !strcmp(rest, "frontend-id") ||
	    (super.backend->request && !strcmp(rest, super.backend->request)))
		news((domid_t)domid, devid);
}

int backstore_open(void)
{
	char dir[64];
	int error;

	super.store = xs_open(super.options.store);
	if (!super.store)
		return -errno;
	error = super_watch(xs_fd(super.store), &super.store);
	snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s", super.backend->back);
	if (!error)
		error = xs_watch(super.store, dir, "back");
	for (struct backworker *w = super.workers; w && !error; w = w->next)
		for (struct backdev *v = w->devices; v && !error; v = v->next)
			error = front_watch(v);
	if (error) {
		xs_close(super.store);
		super.store = NULL;
	}
	return error;
}

bool backstore_run(void)
{
	char path[PATH_MAX];
	int got = 1;

	if (!super.store) {
		if (daemon_now() < super.next_try)
			return false;
		if (backstore_open()) {
			super.next_try = daemon_now() + STORE_RETRY_MS;
			return false;
		}
		log_line("found the store daemon");
		super.all_changed = true;
	}
	/* All that have come, and then what they say, lest they come faster than they are read. */
	for (unsigned int n = 0; n < EVENTS_MAX && got > 0; n++) {
		got = xs_wait(super.store, 0, path, sizeof(path));
		if (got > 0)
			on_watch(path);
	}
	if (got >= 0 && super.all_changed) {
		super.all_changed = false;
		look_around();
	}
	if (got < 0) {
		log_line("lost the store daemon; will look for it again");
		epoll_ctl(super.epoll, EPOLL_CTL_DEL, xs_fd(super.store), NULL);
		xs_close(super.store);
		super.store = NULL;
		super.next_try = daemon_now() + STORE_RETRY_MS;
	}
	return got > 0;
}
