/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBHVCTL_WRITE_ALL_H
#define LIBHVCTL_WRITE_ALL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* All `len` bytes, however many write()s that takes: 0 or -errno, with a part of them written. */
static inline int write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

#endif
