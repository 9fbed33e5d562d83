// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "backends/block/journal.h"

/* Entries of a ring of one page, of either width. */
#define PAGE_ENTRIES	32u

static void name(char *path, size_t size, const char *run, domid_t domid, uint32_t devid,
		 const char *what)
{
	snprintf(path, size, "%s/%u-%u.%s", run, domid, devid, what);
}

/* Every queue's head is written when a connection begins; of entries, those that the ring has. */
static int allocate(int fd, uint32_t nr_queues, uint32_t entries)
{
	int error = posix_fallocate(fd, 0, offsetof(struct journal, queues));

	for (uint32_t i = 0; i < JOURNAL_QUEUES && !error; i++) {
		size_t size = offsetof(struct journal_queue, entries);

		if (i < nr_queues)
			size += entries * sizeof(struct journal_entry);
		error = posix_fallocate(fd, (off_t)(offsetof(struct journal, queues) +
						    i * sizeof(struct journal_queue)), (off_t)size);
	}
	return -error;
}

int files_open(const char *run, domid_t domid, uint32_t devid)
{
	char path[PATH_MAX];
	int fd, error = 0;

	name(path, sizeof(path), run, domid, devid, "journal");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct journal)))
		error = -errno;
	if (!error)
		error = allocate(fd, 0, 0);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int files_room(int fd, uint32_t nr_queues, uint32_t ring_order)
{
	if (nr_queues > JOURNAL_QUEUES || ring_order > JOURNAL_ORDER_MAX)
		return -EINVAL;
	return allocate(fd, nr_queues, PAGE_ENTRIES << ring_order);
}

void files_drop(const char *run, domid_t domid, uint32_t devid)
{
	char path[PATH_MAX];

	name(path, sizeof(path), run, domid, devid, "journal");
	unlink(path);
	name(path, sizeof(path), run, domid, devid, "lock");
	unlink(path);
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
