// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "backends/block/journal.h"
#include "backends/lib/files.h"

/* Entries of a ring of one page, of either width. */
#define PAGE_ENTRIES	32u

/* Every queue's head is written when a connection begins; of entries, those that the ring has. */
static int allocate(int fd, uint32_t nr_queues, uint32_t entries)
{
	int error = 0;

	for (uint32_t i = 0; i < JOURNAL_QUEUES && !error; i++) {
		size_t size = offsetof(struct journal_queue, entries);

		if (i < nr_queues)
			size += entries * sizeof(struct journal_entry);
		error = posix_fallocate(fd, (off_t)(offsetof(struct journal, queues) +
						    i * sizeof(struct journal_queue)), (off_t)size);
	}
	return -error;
}

int room_open(const char *run, domid_t domid, uint32_t devid)
{
	int fd = files_open(run, domid, devid, sizeof(struct journal),
			    offsetof(struct journal, queues));
	int error = fd < 0 ? fd : allocate(fd, 0, 0);

	if (fd >= 0 && error)
		close(fd);
	return error ? error : fd;
}

int room_make(int fd, uint32_t nr_queues, uint32_t ring_order)
{
	if (nr_queues > JOURNAL_QUEUES || ring_order > JOURNAL_ORDER_MAX)
		return -EINVAL;
	return allocate(fd, nr_queues, PAGE_ENTRIES << ring_order);
}
