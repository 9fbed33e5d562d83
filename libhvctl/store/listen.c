// SPDX-License-Identifier: GPL-2.0-or-later

#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"

/* Given up to refuse who comes when there are no descriptors left. */
static int spare = -1;

static void have_spare(void)
{
	if (spare < 0)
		spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Whether somebody answers at @address. */
static bool in_use(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool used = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return used;
}

int unix_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;
	mode_t mask;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	error = daemon_make_directory(path);
	if (error)
		return error;
	if (in_use(&address))
		return -EADDRINUSE;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	error = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
				listen(fd, 64) < 0
			? -errno
			: 0;
	umask(mask);
	if (error) {
		close(fd);
		return error;
	}
	have_spare();
	return fd;
}

int unix_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), error = -errno;

	if (fd >= 0 || error == -EAGAIN || error == -EINTR || error == -ECONNABORTED)
		return fd >= 0 ? fd : error;
	/* Whoever waits in the queue would wake us again and again, and hear nothing. */
	if (spare >= 0)
		close(spare);
	spare = -1;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	have_spare();
	return error;
}
