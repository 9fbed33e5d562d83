/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Becoming a daemon, and staying the only one. */
#ifndef HVSTORE_DAEMON_H
#define HVSTORE_DAEMON_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every daemon can be told on its command line. */
struct daemon_options {
	const char *name;		/* of the daemon, for messages */
	const char *pidfile, *log;
	size_t log_limit;		/* bytes at which the log is begun anew */
	bool foreground;
	bool bad;			/* one of them made no sense, which has been said */
};

/* The same for getopt_long(). */
#define DAEMON_LETTERS "fp:l:L:"
#define DAEMON_OPTIONS                                    \
	{ "foreground", no_argument, NULL, 'f' },         \
	{ "pidfile", required_argument, NULL, 'p' },      \
	{ "log-file", required_argument, NULL, 'l' },     \
	{ "log-limit", required_argument, NULL, 'L' }

/* What log_limit is unless told otherwise. */
#define DAEMON_LOG_LIMIT	(1u << 20)

/*
 * daemon_option - take one of the above from getopt_long(). Returns false if it is another one, or
 * if its argument makes no sense; then @options->bad is set after a message to standard error.
 */
bool daemon_option(struct daemon_options *options, int option, const char *argument);

/*
 * daemon_files - as many descriptors as may be: each guest takes some, and what is usual is for
 * programs that wait by select().
 */
void daemon_files(void);

/*
 * daemon_start - have as many descriptors as may be, go to the background unless told otherwise,
 * become the only one of the name, and open the log. Returns 0, or the exit status after a message
 * to standard error.
 */
int daemon_start(const struct daemon_options *options);

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
 * daemon_make_directory - make the directory that @path is in, and its parents.
 * Returns 0 or a negative errno.
 */
int daemon_make_directory(const char *path);

/* daemon_signals - a descriptor to read SIGTERM, SIGINT and SIGHUP from. SIGPIPE is ignored. */
int daemon_signals(void);

/*
 * daemon_signalled - take what came to that descriptor: SIGHUP opens the log again, and *@reopen is
 * set for a daemon that has other files. Returns whether the daemon shall end.
 */
bool daemon_signalled(int signals, bool *reopen);

/* daemon_poll - wait for @fd in @epoll as well, and call it @source. 0 or a negative errno. */
int daemon_poll(int epoll, int fd, void *source);

/* daemon_no_hypervisor - say why there is no way to the hypervisor. Returns the exit status. */
int daemon_no_hypervisor(const struct daemon_options *options, int error);

/* daemon_now - milliseconds of a clock that never goes back. */
uint64_t daemon_now(void);

#endif
