/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A log on disk that cannot grow without end: <path> and, once that has reached its limit, its
 * predecessors <path>.1 (the newest) to <path>.<keep>. No more than (keep + 1) * limit bytes lie
 * there, but for a single write that is longer than the limit.
 */
#ifndef HVCTL_LOGFILE_H
#define HVCTL_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct logfile {
	int fd;				/* -1: not open, the next write tries again */
	int flags;			/* for open(), beside the usual ones */
	mode_t mode;			/* of a new file */
	bool plain;			/* a file; anything else (a device ...) is not rotated */
	size_t size, limit;		/* bytes */
	unsigned int keep;		/* predecessors */
	char path[512];
};

/* What a log is that was never opened, or closed. */
#define LOGFILE_CLOSED { .fd = -1 }

/*
 * logfile_name - the log of a domain called @name: <directory>/<name>.log. Bytes of the name that
 * do not belong into a file name are replaced, so that it does not lead out of the directory.
 * Returns 0, or -ENAMETOOLONG if that is longer than @size - 1.
 */
int logfile_name(char *path, size_t size, const char *directory, const char *name);

/*
 * logfile_open - open or make the file @path, to be appended to.
 * @limit: bytes of a file, at least 1; @keep: how many predecessors are kept, 0 to 9; @flags:
 * O_NOFOLLOW or 0; @mode: of a file that is made
 * Returns 0 or a negative errno: -ENAMETOOLONG, -ELOOP for a link with O_NOFOLLOW, or open()'s.
 */
int logfile_open(struct logfile *log, const char *path, size_t limit, unsigned int keep, int flags,
		 mode_t mode);

/*
 * logfile_reopen - the file may have been moved away or removed: open it by its name again.
 * Returns 0 or a negative errno; the next write tries again then.
 */
int logfile_reopen(struct logfile *log);

/*
 * logfile_write - append. The file is begun anew first if it would grow beyond its limit. What
 * cannot be written is lost; the next write tries again. Nothing happens to one that was never
 * opened.
 * Returns 0 or a negative errno.
 */
int logfile_write(struct logfile *log, const char *data, size_t length);

void logfile_close(struct logfile *log);

#endif
