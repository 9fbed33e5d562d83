// SPDX-License-Identifier: GPL-2.0-or-later

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *log_path;
static int log_fd = STDERR_FILENO;

int log_open(const char *path)
{
	int fd = STDERR_FILENO;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		if (fd < 0)
			return -errno;
	}
	if (log_path)
		close(log_fd);
	log_fd = fd;
	log_path = path;
	return 0;
}

void log_reopen(void)
{
	if (log_path)
		log_open(log_path);
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
	if (write(log_fd, line, used) < 0)
		return;
}
