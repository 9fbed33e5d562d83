// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void name(char *path, size_t size, const char *run, domid_t domid, uint32_t devid,
		 const char *what)
{
	snprintf(path, size, "%s/%u-%u.%s", run, domid, devid, what);
}

int files_open(const char *run, domid_t domid, uint32_t devid, size_t size, size_t memory)
{
	char path[PATH_MAX];
	int fd, error = 0;

	name(path, sizeof(path), run, domid, devid, "journal");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size))
		error = -errno;
	if (!error)
		error = -posix_fallocate(fd, 0, (off_t)memory);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

bool files_busy(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;
}

/* Whoever makes the file anew must wait for those who have this one. */
static void drop_idle(int dir, const char *file)
{
	int fd = openat(dir, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (!files_busy(fd) && !flock(fd, LOCK_EX | LOCK_NB))
		unlinkat(dir, file, 0);
	close(fd);
}

void files_drop(const char *run, domid_t domid, uint32_t devid)
{
	char path[PATH_MAX];

	name(path, sizeof(path), run, domid, devid, "journal");
	drop_idle(AT_FDCWD, path);
	name(path, sizeof(path), run, domid, devid, "lock");
	drop_idle(AT_FDCWD, path);
}

/* Whether somebody has that file locked, in either way. */
static bool is_held(const char *run, domid_t domid, uint32_t devid, const char *what)
{
	char path[PATH_MAX];
	bool held;
	int fd;

	name(path, sizeof(path), run, domid, devid, what);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno != ENOENT;
	held = files_busy(fd) || flock(fd, LOCK_EX | LOCK_NB);
	close(fd);
	return held;
}

bool files_worked(const char *run, domid_t domid, uint32_t devid)
{
	return is_held(run, domid, devid, "journal");
}

bool files_served(const char *run, domid_t domid, uint32_t devid)
{
	return is_held(run, domid, devid, "lock");
}

void files_clean(const char *run, bool (*needed)(domid_t domid, uint32_t devid))
{
	DIR *dir = opendir(run);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned int domid, devid;
		char what[8] = "", same[64];

		if (sscanf(entry->d_name, "%u-%u.%7s", &domid, &devid, what) != 3 ||
		    (strcmp(what, "journal") && strcmp(what, "lock")) ||
		    domid >= DOMID_FIRST_RESERVED)
			continue;
		/* Nothing but a name that we would give. */
		snprintf(same, sizeof(same), "%u-%u.%s", domid, devid, what);
		if (!strcmp(same, entry->d_name) && !needed((domid_t)domid, devid))
			drop_idle(dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
}
