// SPDX-License-Identifier: LGPL-2.1-or-later
#include "logfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for the suffix of a predecessor: a dot and a digit. */
#define SUFFIX	2

int logfile_name(char *path, size_t size, const char *directory, const char *name)
{
	size_t start = strlen(directory) + 1;
	int length = snprintf(path, size, "%s/%s.log", directory, name);

	if (length < 0 || (size_t)length >= size)
		return -ENAMETOOLONG;
	for (char *at = path + start; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.+", *at))
			*at = '_';
	if (path[start] == '.')
		path[start] = '_';
	return 0;
}

static int open_it(struct logfile *log)
{
	struct stat st;

	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | log->flags,
		       log->mode);
	if (log->fd < 0)
		return -errno;
	log->plain = fstat(log->fd, &st) == 0 && S_ISREG(st.st_mode);
	log->size = log->plain ? (size_t)st.st_size : 0;
	return 0;
}

int logfile_open(struct logfile *log, const char *path, size_t limit, unsigned int keep, int flags,
		 mode_t mode)
{
	int length;

	*log = (struct logfile){
		.fd = -1, .flags = flags, .mode = mode, .limit = limit, .keep = keep,
	};
	/* The name has to lead to the same place after a daemon has changed its directory. */
	if (path[0] != '/' && !getcwd(log->path, sizeof(log->path)))
		return errno == ERANGE ? -ENAMETOOLONG : -errno;
	length = strlen(log->path);
	length += snprintf(log->path + length, sizeof(log->path) - length, "%s%s",
			   path[0] == '/' ? "" : "/", path);
	if ((size_t)length + SUFFIX >= sizeof(log->path)) {
		log->path[0] = '\0';
		return -ENAMETOOLONG;
	}
	return open_it(log);
}

int logfile_reopen(struct logfile *log)
{
	if (!log->path[0])
		return 0;
	if (log->fd >= 0)
		close(log->fd);
	return open_it(log);
}

/* The oldest falls off the end. Whoever moved the file away already has done our work. */
static int rotate(struct logfile *log)
{
	char from[sizeof(log->path) + 16], to[sizeof(from)];

	if (!log->keep && unlink(log->path) && errno != ENOENT)
		return -errno;
	for (unsigned int i = log->keep; i; i--) {
		snprintf(to, sizeof(to), "%s.%u", log->path, i);
		if (i > 1)
			snprintf(from, sizeof(from), "%s.%u", log->path, i - 1);
		else
			snprintf(from, sizeof(from), "%s", log->path);
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	return logfile_reopen(log);
}

int logfile_write(struct logfile *log, const char *data, size_t length)
{
	int error = 0;

	if (!log->path[0])
		return 0;
	if (log->fd < 0)
		error = open_it(log);
	if (!error && log->plain && log->size && log->size + length > log->limit)
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
	return error;
}

void logfile_close(struct logfile *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
	log->path[0] = '\0';
}
