// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/block/format.h"
#include "backends/block/server.h"

static int open_raw(const struct open_spec *spec, struct open_image *image, char *text, size_t size)
{
	int flags = (spec->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	int fd, error;

	/* On a block device O_EXCL claims it: no file system of dom0 has it, or will get it. */
	if (!spec->shared && !spec->readonly && !stat(spec->params, &st) && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	fd = open(spec->params, flags | O_DIRECT);
	/* What lies in memory has no cache to go around. */
	if (fd < 0 && errno == EINVAL)
		fd = open(spec->params, flags);
	if (fd < 0) {
		error = errno;
		snprintf(text, size, "%.150s cannot be opened: %s; %s", spec->params,
			 strerror(error), error == EBUSY ?
			 "end what uses it in dom0, or write w! if you know that this goes well" :
			 "correct 'disk' in the configuration");
		return -error;
	}
	if (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
		snprintf(text, size, "%.150s is neither a block device nor a file; correct 'disk' "
			 "in "
			 "the configuration", spec->params);
		close(fd);
		return -ENOTBLK;
	}
	*image = (struct open_image){ .fd = fd };
	return 0;
}

int open_image(const struct open_spec *spec, struct open_image *image, char *text, size_t size)
{
	*image = (struct open_image){ .fd = -1 };
	if (!strcmp(spec->format, "raw"))
		return open_raw(spec, image, text, size);
	if (!strcmp(spec->format, "nbd") || format_driver(spec->format))
		return server_start(spec, image, text, size);
	snprintf(text, size, "%.40s is no format that hvblkd knows; write raw, qcow2, vhd, vhdx or "
		 "vmdk", spec->format);
	return -EINVAL;
}
