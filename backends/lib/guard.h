/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that does nothing but start a daemon's supervisor again when it is killed. */
#ifndef BACKENDS_GUARD_H
#define BACKENDS_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct super_options {
	const char *store;		/* the store daemon's socket */
	const char *run;		/* the directory of the journals */
	uid_t uid;			/* the worker of domain N has the user and group UID + N */
	bool first;			/* somebody waits for daemon_ready() */
};

/*
 * guard - starts @supervise in a process of its own, and again whenever a signal that it did not
 * ask for has ended it; signals for us are passed on. Without @foreground what we print leads
 * nowhere from the second start on. Returns the exit status.
 */
int guard(int (*supervise)(const struct super_options *options), struct super_options *options,
	  bool foreground);

#endif
