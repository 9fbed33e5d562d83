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

const char *blkd_pidfile = "/run/hvblkd/hvblkd.pid";

bool blkd_runs(void)
{
	int fd = open(blkd_pidfile, O_RDONLY | O_CLOEXEC);
	bool runs;

	if (fd < 0)
		return false;
	/* Others may ask at the same time; a daemon that ended has left the file, not the lock. */
	runs = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return runs;
}

int blkd_need(struct hvctl_ctx *ctx)
{
	char *argv[] = { "hvblkd", NULL };
	int status = -1, error;
	pid_t pid;

	if (blkd_runs())
		return 0;
	/* The command returns when the daemon serves. */
	error = posix_spawnp(&pid, "hvblkd", NULL, NULL, argv, environ);
	if (!error)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (error == ENOENT || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
		return hvctl_fail(ctx, ENOENT,
				  "there is no hvblkd, which serves disks with backendtype=hvblkd; "
				  "install it, or write backendtype=phy");
	if (!error && !status)
		return 0;
	/* Somebody else may have been quicker. */
	if (blkd_runs())
		return 0;
	return hvctl_fail(ctx, EIO,
			  "hvblkd does not run and cannot be started; see what it says in "
			  "/var/log/hvblkd.log, or when started by hand");
}
