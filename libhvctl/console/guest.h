/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's console: its ring on one side; a log file, a terminal device and attached programs on
 * the other.
 */
#ifndef HVCONSOLE_GUEST_H
#define HVCONSOLE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "../budget.h"
#include "../logfile.h"
#include "../store/privcmd.h"
#include "ring.h"
#include "stream.h"

#define GUEST_PROGRAMS_MAX	16	/* programs attached at once */
#define GUEST_INPUT_MAX		4096	/* bytes typed but not yet taken by the domain */
#define GUEST_LOG_KEEP		1	/* predecessors of its console log */
#define GUEST_LINES		20	/* about it in the daemon's own log, in a minute */

struct guest;

/* Something that epoll watches. */
struct source {
	void (*ready)(struct source *source, uint32_t events);	/* EPOLL bits */
	struct guest *guest;
};

/* A program attached through the Unix socket. */
struct program {
	struct source source;
	struct program *next;
	int fd; /* -1: gone, to be freed after the current round of events */
	bool greeted;			/* it has said how much it wants to see of the past */
	size_t greeting_length;
	char greeting[64];
	uint64_t cursor;
};

struct settings {
	const char *socket_directory;
	const char *log_directory;	/* NULL: no logs */
	size_t log_limit;		/* bytes, see GUEST_LOG_KEEP */
	size_t scrollback;		/* bytes, a power of two */
	int epoll, evtchn;
	struct privcmd *privcmd;
};

struct guest {
	struct guest *next;
	const struct settings *settings;
	domid_t domid;
	/* The ring. Without a page the console is not connected (yet). */
	struct foreign_page page;
	struct xencons_interface *ring;
	uint64_t frame;
	uint32_t remote_port, port;
	/* What it printed, and who gets it. */
	struct stream stream;
	struct logfile log;
	bool log_fails;			/* which has been said */
	struct line_budget lines;	/* what the daemon's own log says about it */
	int terminal, terminal_slave;
	uint64_t terminal_cursor;
	struct source terminal_source;
	char terminal_path[64];
	int listener;
	struct source listener_source;
	char socket_path[128];
	struct program *programs;
	unsigned int nr_programs;
	/* What was typed. */
	char input[GUEST_INPUT_MAX];
	size_t input_length;
	/* What it may still do in this interval, see guest_interval(). */
	size_t bytes_left;
	unsigned int events_left, helpings_left;
	bool masked;			/* its port waits for the next interval */
};

/* Length of the interval for which a domain's output, input and events are rationed. */
#define GUEST_INTERVAL_MS	20

/* guest_new - the console of domain @domid, not connected. NULL without memory. */
struct guest *guest_new(const struct settings *settings, domid_t domid);

/*
 * guest_connect - connect to the ring at @frame and event channel @port of the domain called @name,
 * and begin to serve terminal and socket. Connecting again, to another ring or port, keeps these.
 * Returns 0 or a negative errno; the console is not connected on error.
 */
int guest_connect(struct guest *guest, const char *name, uint64_t frame, uint32_t port);

/* guest_event - the domain's port has had an event and is masked now. */
void guest_event(struct guest *guest);

/*
 * guest_interval - a new interval begins: the domain gets its ration of output bytes, helpings of
 * input and events back. A domain that floods its console, or swallows what a program types as fast
 * as it comes, thereby waits for itself, and the others do not notice.
 * Returns whether it had used up its ration.
 */
bool guest_interval(struct guest *guest);

/* guest_rationed - whether the domain waits for the next interval. */
bool guest_rationed(const struct guest *guest);

/* guest_reap - free programs that have gone. */
void guest_reap(struct guest *guest);

/* guest_reopen_log - its console log may have been moved away. */
void guest_reopen_log(struct guest *guest);

/*
 * guest_log - a line about it for the daemon's own log, printf-like, if its budget for such lines
 * allows one.
 */
void guest_log(struct guest *guest, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* guest_free - pass on what was printed last, and end. */
void guest_free(struct guest *guest);

#endif
