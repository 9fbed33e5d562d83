// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/journal.h"

static void name(char *path, size_t size, const char *run, domid_t domid, uint32_t devid)
{
	snprintf(path, size, "%s/%u-%u.journal", run, domid, devid);
}

int files_open(const char *run, domid_t domid, uint32_t devid)
{
	char path[PATH_MAX];
	int fd, error = 0;

	name(path, sizeof(path), run, domid, devid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct net_journal)))
		error = -errno;
	if (!error)
		error = -posix_fallocate(fd, 0, sizeof(struct net_journal));
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

void files_drop(const char *run, domid_t domid, uint32_t devid)
{
	char path[PATH_MAX];

	name(path, sizeof(path), run, domid, devid);
	unlink(path);
}

void files_clean(const char *run, bool (*needed)(domid_t domid, uint32_t devid))
{
	DIR *dir = opendir(run);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned int domid, devid;
		char same[64];
		int fd;

		if (sscanf(entry->d_name, "%u-%u.", &domid, &devid) != 2 ||
		    domid >= DOMID_FIRST_RESERVED)
			continue;
		/* Nothing but a name that we would give. */
		snprintf(same, sizeof(same), "%u-%u.journal", domid, devid);
		if (strcmp(same, entry->d_name) || needed((domid_t)domid, devid))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && !files_busy(fd))
			unlinkat(dirfd(dir), entry->d_name, 0);
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
}
