/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For a backend's supervisor: a store that is a table, a clock that stands, a log of no lines. */
#ifndef ANNULUS_TESTS_UNIT_STORE_TABLE_H
#define ANNULUS_TESTS_UNIT_STORE_TABLE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/xs.h"
#include "suite.h"

#define TABLE_NODES 2048u

static struct {
	struct { char path[96], value[96]; } nodes[TABLE_NODES];
	unsigned int nr, calls, events, conflicts;
	const char *event;		/* what each event is of */
	bool unsure, stuck;		/* nothing is written */
	bool vanish, gone;		/* the device goes while a transaction is open */
	const char *fails;		/* how the path ends of what cannot be read just now */
	const char *nudge;		/* a path, and how often it was written */
	unsigned int nudges;
} table;

static uint64_t now_ms;
static unsigned int lines;		/* of the log */

static void table_init(void)
{
	memset(&table, 0, sizeof(table));
	now_ms = 1000000;
	lines = 0;
}

static char *find(const char *path)
{
	for (unsigned int i = 0; i < table.nr; i++)
		if (!strcmp(table.nodes[i].path, path))
			return table.nodes[i].value;
	return NULL;
}

static void put(const char *path, const char *value)
{
	char *at = find(path);

	if (!at) {
		CU_ASSERT_TRUE_FATAL(table.nr < TABLE_NODES);
		strcpy(table.nodes[table.nr].path, path);
		at = table.nodes[table.nr++].value;
	}
	snprintf(at, sizeof(table.nodes[0].value), "%s", value);
}

static __attribute__((unused)) bool is(const char *path, const char *value)
{
	const char *at = find(path);

	return at && !strcmp(at, value);
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	char path[256], *at;
	va_list args;

	(void)xs;
	(void)tx;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	table.calls++;
	at = find(path);
	errno = ENOENT;
	if (table.fails && strlen(path) >= strlen(table.fails) &&
	    !strcmp(path + strlen(path) - strlen(table.fails), table.fails)) {
		table.unsure = true;
		errno = ETIMEDOUT;
		return NULL;
	}
	return at ? strdup(at) : NULL;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	char value[256];
	va_list args;

	(void)xs;
	(void)tx;
	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	table.calls++;
	if (table.vanish) {
		table.vanish = false;
		table.conflicts = 1;
		table.nr = 0;
		table.gone = true;
	}
	table.nudges += table.nudge && !strcmp(path, table.nudge);
	/* Nothing comes of this transaction. */
	if (!table.gone)
		put(path, value);
	return 0;
}

int xs_begin(struct xs *xs, uint32_t *tx)
{
	(void)xs;
	table.calls++;
	table.gone = false;
	if (table.stuck)
		return -ETIMEDOUT;
	*tx = 1;
	return 0;
}

int xs_commit(struct xs *xs, uint32_t tx)
{
	(void)xs;
	(void)tx;
	table.calls++;
	if (!table.conflicts)
		return 0;
	table.conflicts--;
	return -EAGAIN;
}

void xs_abort(struct xs *xs, uint32_t tx)
{
	(void)xs;
	(void)tx;
}

int xs_wait(struct xs *xs, int timeout_ms, char *path, size_t size)
{
	(void)xs;
	(void)timeout_ms;
	if (!table.events)
		return 0;
	table.events--;
	snprintf(path, size, "%s", table.event);
	return 1;
}

char **xs_list(struct xs *xs, uint32_t tx, const char *path)
{
	(void)xs;
	(void)tx;
	(void)path;
	table.unsure |= table.fails != NULL;
	errno = table.fails ? ETIMEDOUT : ENOENT;
	return NULL;
}

int xs_watch(struct xs *xs, const char *path, const char *token)
{
	(void)xs;
	(void)path;
	(void)token;
	return 0;
}

int xs_unwatch(struct xs *xs, const char *path, const char *token)
{
	return xs_watch(xs, path, token);
}

struct xs *xs_open(const char *socket_path)
{
	(void)socket_path;
	return NULL;
}

void xs_close(struct xs *xs)
{
	(void)xs;
}

bool xs_unsure(struct xs *xs)
{
	bool unsure = table.unsure;

	(void)xs;
	table.unsure = false;
	return unsure;
}

bool xs_lost(const struct xs *xs)
{
	(void)xs;
	return false;
}

int xs_fd(const struct xs *xs)
{
	(void)xs;
	return -1;
}

uint64_t daemon_now(void)
{
	return now_ms;
}

int daemon_signals(void)
{
	return -1;
}

bool daemon_signalled(int fd, bool *reopen)
{
	(void)fd;
	*reopen = false;
	return true;
}

void daemon_ready(void)
{
}

void log_line(const char *format, ...)
{
	(void)format;
	lines++;
}

#endif
