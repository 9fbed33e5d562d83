// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
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
