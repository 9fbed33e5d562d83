// SPDX-License-Identifier: LGPL-2.1-or-later
#include "blkd.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const char *blkd_pidfile = "/run/hvblkd/hvblkd.pid", *netd_pidfile = "/run/hvnetd/hvnetd.pid";

static bool runs(const char *pidfile)
{
	int fd = open(pidfile, O_RDONLY | O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return false;
	/* Others may ask at the same time; a daemon that ended has left the file, not the lock. */
	locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

bool blkd_runs(void)
{
	return runs(blkd_pidfile);
}

bool netd_runs(void)
{
	return runs(netd_pidfile);
}

/* @what is served by it, or else by @other. */
static int need(struct hvctl_ctx *ctx, const char *pidfile, char *name, const char *what,
		const char *other)
{
	char *argv[] = { name, NULL };
	int status = -1, error;
	pid_t pid;

	if (runs(pidfile))
		return 0;
	/* The command returns when the daemon serves. */
	error = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
	if (!error)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (error == ENOENT || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
		return hvctl_fail(ctx, ENOENT,
				  "there is no %s, which serves %s with backendtype=%s; "
				  "install it, or write backendtype=%s",
				  name, what, name, other);
	if (!error && !status)
		return 0;
	/* Somebody else may have been quicker. */
	if (runs(pidfile))
		return 0;
	return hvctl_fail(ctx, EIO,
			  "%s does not run and cannot be started; see what it says in "
			  "/var/log/%s.log, or when started by hand", name, name);
}

int blkd_need(struct hvctl_ctx *ctx)
{
	return need(ctx, blkd_pidfile, "hvblkd", "disks", "phy");
}

int netd_need(struct hvctl_ctx *ctx)
{
	return need(ctx, netd_pidfile, "hvnetd", "interfaces", "netback");
}
