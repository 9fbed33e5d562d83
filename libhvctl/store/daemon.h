/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Becoming a daemon, and staying the only one. */
#ifndef HVSTORE_DAEMON_H
#define HVSTORE_DAEMON_H

#include <stdint.h>

/*
 * daemon_begin - go to the background. The caller's process waits until daemon_ready() or until the
 * daemon exits, and passes on the exit status: whoever starts the daemon can use it as soon as the
 * command returns.
 * Returns 0 or a negative errno.
 */
int daemon_begin(void);

/*
 * daemon_ready - let the waiting process go; standard input, output and error lead nowhere from now
 * on.
 */
void daemon_ready(void);

/*
 * daemon_claim - write our process number to @path and lock it until we exit.
 * Returns 0, -EBUSY when a live process holds it, or another negative errno.
 */
int daemon_claim(const char *path);

/* daemon_unclaim - remove the file again. */
void daemon_unclaim(const char *path);

/*
 * daemon_make_directory - make the directory that @path is in, and its parents. Returns 0 or a
 * negative errno.
 */
int daemon_make_directory(const char *path);

/* daemon_signals - a descriptor to read SIGTERM, SIGINT and SIGHUP from. SIGPIPE is ignored. */
int daemon_signals(void);

/* daemon_now - milliseconds of a clock that never goes back. */
uint64_t daemon_now(void);

#endif
