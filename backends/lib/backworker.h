/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker as the supervisor has it, with the devices that it serves. */
#ifndef BACKENDS_BACKWORKER_H
#define BACKENDS_BACKWORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backends/lib/backdev.h"
#include "libhvctl/budget.h"
#include "pv-abi/xen.h"

#define ORDER_MS	60000u		/* that it has for an order */
#define PAUSE_MS	200u		/* until what went wrong is tried again */

/* A daemon's own structure begins with this one. */
struct backworker {
	struct backworker *next;
	domid_t domid;			/* whose devices it has; 0: everybody's */
	pid_t pid;			/* 0: none runs */
	int pidfd, channel;
	uint64_t started, not_before;	/* ms */
	struct backdev *devices;
	struct line_budget lines;
	struct budget reports;
};

/* backworker_find, backworker_get - the one for @domid, made if there is none. NULL: none. */
struct backworker *backworker_find(domid_t domid);
struct backworker *backworker_get(domid_t domid);

/* backworker_start - a process for it. 0, or a negative errno: there is none. */
int backworker_start(struct backworker *w);

/*
 * backworker_send - the order that begins with @o, of .order_size bytes, with @nr descriptors. One
 * that takes no orders is ended.
 */
void backworker_send(struct backworker *w, const struct order *o, const int *fds, unsigned int nr);

/* backworker_listen - takes what it reports. One that has something else to say is ended. */
void backworker_listen(struct backworker *w);

/* backworker_ended - its pidfd says so: its I/O is over, its mappings and ports are gone. */
void backworker_ended(struct backworker *w);

/*
 * backworkers_run - starts and drops workers, ends those that do not as they are told, attaches
 * devices anew whose time has come. Returns ms until there is something to do again, or -1.
 */
int backworkers_run(void);

/*
 * backworker_may_say - whether a line may be written that is paid for out of @lines; if some could
 * not since the last one, the log says how many of @payer's.
 */
bool backworker_may_say(struct line_budget *lines, const char *payer);

#endif
