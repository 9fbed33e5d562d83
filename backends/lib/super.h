/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon's supervisor: speaks with the store for all its devices, starts a worker for them, or
 * one for each domain, and another one when it dies. It has one thread; what is here is its alone.
 */
#ifndef BACKENDS_SUPER_H
#define BACKENDS_SUPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/lib/guard.h"
#include "libhvctl/budget.h"
#include "libhvctl/xs.h"

struct backdev;
struct backworker;
struct report;

/* Two keys of the store. */
struct back_pair {
	const char *key, *value;
};

/* What a daemon has of its own. Calls may be NULL where that is said. */
struct backend {
	const char *name;		/* of the daemon: "hvblkd" */
	const char *what;		/* a device in the log: "disk" */
	const char *back, *front;	/* directories of the store: "hvblk", "vbd" */
	const char *too_many;		/* why there is no other device */
	unsigned int devices_max;	/* of one worker */
	bool one_worker;		/* for all domains */
	uint32_t disconnect_ms;		/* how long letting go of a frontend may take */
	struct budget_rate reports;	/* that a worker may make unasked */
	const struct back_pair *features;	/* what frontends are offered */
	size_t nr_features;
	/* Of its structures, which begin with the common ones. */
	size_t device_size, worker_size, order_size, report_size;

	/* A worker was started, before its devices are looked at. */
	void (*started)(struct backworker *w);
	/* NULL, or a worker is gone for good. */
	void (*dropped)(void);
	/* The worker does not have it: backdev_give(), backdev_again(), or backdev_fail(). */
	void (*attach)(struct backdev *v);
	/* The worker has it. False: what it says makes no sense or cannot be written; ignore it. */
	bool (*attached)(struct backdev *v, const struct report *r);
	/* The frontend wants to connect: backdev_sound() and then backdev_give(). */
	void (*connect)(struct backdev *v);
	/* NULL, or a key by which the toolstack asks for something, and who looks at it. */
	const char *request;
	void (*requested)(struct backdev *v);
	/* NULL, or a report that is none of the common ones. False: ignore it. */
	bool (*reported)(struct backdev *v, const struct report *r);
	/* Nobody uses it any more, and it goes. */
	void (*release)(struct backdev *v);
	/* NULL, or whether the descriptor that is ready is one of @v's. */
	bool (*ready)(struct backdev *v, const void *source);
};

struct super {
	const struct backend *backend;
	struct super_options options;
	struct xs *store;		/* NULL: there is none just now */
	uint64_t next_try;		/* ms: then */
	int epoll, signals;
	struct backworker *workers;
	bool all_changed;		/* news of we do not know which devices */
	bool asked;			/* events may have come with the answers, unseen by epoll */
};

extern struct super super;

/* super_watch - that @fd is ready is told to whom @source belongs. 0 or a negative errno. */
int super_watch(int fd, void *source);

/* super_run - until a signal ends it. Returns the exit status. */
int super_run(const struct backend *backend, const struct super_options *options);

#endif
