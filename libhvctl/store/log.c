// SPDX-License-Identifier: GPL-2.0-or-later

#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../logfile.h"

static struct logfile file = LOGFILE_CLOSED;
static bool to_file;

int log_open(const char *path, size_t limit)
{
	struct logfile other = LOGFILE_CLOSED;
	int error = path ? logfile_open(&other, path, limit, LOG_KEEP, 0, 0640) : 0;

	if (error)
		return error;
	logfile_close(&file);
	file = other;
	to_file = path != NULL;
	return 0;
}

void log_reopen(void)
{
	/* If it cannot be opened now, the next line tries again. */
	logfile_reopen(&file);
}

void log_line(const char *format, ...)
{
	char line[1024];
	struct timespec now;
	struct tm tm;
	size_t used;
	va_list args;
	int length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	used += snprintf(line + used, sizeof(line) - used, ".%03ldZ ", now.tv_nsec / 1000000);
	va_start(args, format);
	length = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	if (length < 0)
		return;
	used += (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
	line[used++] = '\n';
	/* There is nobody left to tell if even this fails. */
	if (to_file)
		logfile_write(&file, line, used);
	else if (write(STDERR_FILENO, line, used) < 0)
		return;
}
