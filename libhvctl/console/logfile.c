// SPDX-License-Identifier: GPL-2.0-or-later

#include "logfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../store/log.h"

static int reopen(struct logfile *log)
{
	struct stat stat;

	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->fd < 0)
		return -errno;
	log->size = fstat(log->fd, &stat) == 0 ? stat.st_size : 0;
	return 0;
}

int logfile_open(struct logfile *log, const char *directory, const char *name, size_t limit)
{
	size_t start = strlen(directory) + 1;
	int length = snprintf(log->path, sizeof(log->path), "%s/%s.log", directory, name);

	log->fd = -1;
	log->limit = limit;
	/* Room for the suffix of the predecessor. */
	if (length < 0 || (size_t)length + 3 > sizeof(log->path))
		return -ENAMETOOLONG;
	for (char *at = log->path + start; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.+", *at))
			*at = '_';
	if (log->path[start] == '.')
		log->path[start] = '_';
	return reopen(log);
}

static int rotate(struct logfile *log)
{
	char old[sizeof(log->path) + 3];

	snprintf(old, sizeof(old), "%s.1", log->path);
	close(log->fd);
	log->fd = -1;
	if (rename(log->path, old) < 0)
		return -errno;
	return reopen(log);
}

void logfile_write(struct logfile *log, const char *data, size_t length)
{
	int error = 0;

	if (log->fd < 0)
		return;
	if (log->size >= log->limit)
		error = rotate(log);
	while (length && !error) {
		ssize_t written = write(log->fd, data, length);

		if (written < 0) {
			error = errno == EINTR ? 0 : -errno;
			continue;
		}
		data += written;
		length -= written;
		log->size += written;
	}
	if (error) {
		log_line("%s: cannot write, no more logging there: %s", log->path,
			 strerror(-error));
		logfile_close(log);
	}
}

void logfile_close(struct logfile *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}
