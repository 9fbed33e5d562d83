/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's console on disk: <directory>/<name>.log and, once that has grown to its limit, its
 * predecessor <name>.log.1. A domain can fill no more than twice the limit.
 */
#ifndef HVCONSOLE_LOGFILE_H
#define HVCONSOLE_LOGFILE_H

#include <stddef.h>

struct logfile {
	int fd;			/* -1: not open */
	size_t size, limit;	/* bytes */
	char path[512];
};

/*
 * logfile_open - open the log of the domain called @name; bytes that do not belong into a file name
 * are replaced.
 * Returns 0 or a negative errno.
 */
int logfile_open(struct logfile *log, const char *directory, const char *name, size_t limit);

/* logfile_write - append. Failures are logged once and end the logging. */
void logfile_write(struct logfile *log, const char *data, size_t length);

void logfile_close(struct logfile *log);

#endif
