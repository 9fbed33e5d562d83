// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/gntdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libhvctl/store/xendev.h"

/* More of what the device understands than the daemons need. */
struct gntdev_notify { uint64_t index; uint32_t action, port; };
#define GNTDEV_NOTIFY		XENDEV_REQUEST('G', 7, struct gntdev_notify)
#define NOTIFY_SEND_EVENT	2u

struct gntdev_copy { unsigned int count; struct gntdev_segment *segments; };
#define GNTDEV_COPY		XENDEV_REQUEST('G', 8, struct gntdev_copy)

static int call(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

int gntdev_open(void)
{
	int fd = open(XENDEV_GNTDEV, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int forget(int fd, uint64_t index, uint32_t nr)
{
	struct gntdev_unmap unmap = { .index = index, .count = nr };

	return call(fd, GNTDEV_UNMAP, &unmap);
}

int gntdev_map(int fd, domid_t domid, const grant_ref_t *refs, uint32_t nr, bool writable,
	       uint64_t *index, void **base)
{
	/* The structure has room for one; the others follow. */
	static union {
		struct gntdev_map map;
		char room[sizeof(struct gntdev_map) + GNTDEV_BATCH * 8];
	} u;
	int error;

	if (!nr || nr > GNTDEV_BATCH)
		return -EINVAL;
	u.map.count = nr;
	u.map.pad = 0;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t grant[2] = { domid, refs[i] };

		memcpy((char *)&u.map.grant[0] + i * sizeof(grant), grant, sizeof(grant));
	}
	error = call(fd, GNTDEV_MAP, &u.map);
	if (error)
		return error;
	*index = u.map.index;
	*base = mmap(NULL, (size_t)nr * XENDEV_PAGE, PROT_READ | (writable ? PROT_WRITE : 0),
		     MAP_SHARED, fd, (off_t)*index);
	if (*base == MAP_FAILED) {
		error = -errno;
		forget(fd, *index, nr);
		return error;
	}
	return 0;
}

int gntdev_announce(int fd, uint64_t index, uint32_t port)
{
	struct gntdev_notify notify = { .index = index, .action = NOTIFY_SEND_EVENT,
					.port = port };

	return call(fd, GNTDEV_NOTIFY, &notify);
}

int gntdev_unmap(int fd, uint64_t index, void *base, uint32_t nr)
{
	munmap(base, (size_t)nr * XENDEV_PAGE);
	return forget(fd, index, nr);
}

void gntdev_settle(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void gntdev_hasten(void)
{
	static bool done;
	int fd = done ? -1 : open("/sys/kernel/rcu_expedited", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	done = write(fd, "1", 1) == 1;
	close(fd);
}

int gntdev_copy(int fd, struct gntdev_segment *segments, unsigned int nr)
{
	struct gntdev_copy copy = { .count = nr, .segments = segments };

	return nr ? call(fd, GNTDEV_COPY, &copy) : 0;
}

int gntdev_copy_in(int fd, domid_t domid, grant_ref_t ref, void *to, uint32_t size)
{
	struct gntdev_segment segment = {
		.source.foreign = { .ref = ref, .domid = domid },
		.dest.local = to,
		.size = (uint16_t)size,
		.flags = GNTDEV_SOURCE_FOREIGN,
	};
	int error = gntdev_copy(fd, &segment, 1);

	return error ? error : segment.status ? -EFAULT : 0;
}
