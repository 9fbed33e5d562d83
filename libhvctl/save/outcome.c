// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "xs.h"

int outcome_sync(int fd)
{
	/* On the disk, where that means something: not for a pipe, nor for some file systems. */
	return fsync(fd) && errno != EINVAL && errno != EROFS ? errno : 0;
}

int outcome_sync_name(const char *path)
{
	/* The name is in the directory, which is a file of its own. */
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int error, fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	error = fd < 0 ? errno : outcome_sync(fd);
	if (fd >= 0)
		close(fd);
	free(dir);
	return error;
}

static int store_refuses(struct hvctl_ctx *ctx, const char *path, int error)
{
	return hvctl_fail(ctx, error, "the store refuses %s: %s; see the store daemon's log", path,
			  strerror(error));
}

int outcome_mark(struct hvctl_ctx *ctx, uint32_t domid, const char *part)
{
	char path[64], *whole = part ? realpath(part, NULL) : NULL;
	struct stat st = { 0 };
	int error;

	if (part && (!whole || stat(whole, &st))) {
		free(whole);
		return hvctl_fail(ctx, errno, "cannot find %s again: %s", part, strerror(errno));
	}
	if (whole)
		whole[strlen(whole) - strlen(OUTCOME_PART)] = 0;
	snprintf(path, sizeof(path), OUTCOME_MARK, domid);
	/* Which file it is, as another may get the name. */
	error = whole ? xs_write(ctx->xs, 0, path, "%llu:%llu %s", (unsigned long long)st.st_dev,
				 (unsigned long long)st.st_ino, whole)
		      : xs_write(ctx->xs, 0, path, "pipe");
	free(whole);
	return error ? store_refuses(ctx, path, -error) : 0;
}

int outcome_forget(struct hvctl_ctx *ctx, uint32_t domid)
{
	char path[64];
	int error;

	snprintf(path, sizeof(path), OUTCOME_MARK, domid);
	error = hvctl_xs(ctx) ? xs_remove(ctx->xs, 0, path) : -ECONNREFUSED;
	return error && error != -ENOENT ? store_refuses(ctx, path, -error) : 0;
}

int outcome_marked(struct hvctl_ctx *ctx, uint32_t domid)
{
	char *mark = hvctl_xs(ctx) ? xs_readf(ctx->xs, 0, OUTCOME_MARK, domid) : NULL;

	if (!mark)
		return !ctx->xs ? -ECONNREFUSED : errno == ENOENT ? 0 : -errno;
	free(mark);
	return 1;
}

/* Whether @path is that file: 1, 0, -errno. */
static int is_there(const char *path, unsigned long long dev, unsigned long long ino)
{
	struct stat st;

	if (!stat(path, &st))
		return st.st_dev == dev && st.st_ino == ino;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

/* Of the file that @mark tells of. */
static int outcome_of_file(struct hvctl_ctx *ctx, uint32_t domid, const char *mark)
{
	char part[PATH_MAX + sizeof(OUTCOME_PART)];
	unsigned long long dev, ino;
	int at = 0, ret = -EINVAL;

	if (sscanf(mark, "%llu:%llu %n", &dev, &ino, &at) == 2 && mark[at])
		ret = is_there(mark + at, dev, ino);
	if (ret == 1)
		ret = outcome_sync_name(mark + at) ? -EIO : OUTCOME_WHOLE;
	if (ret < 0)
		return hvctl_fail(ctx, -ret, "domain %u stands still, and whether its image counts "
				  "is not known (%s): %s", domid, mark, strerror(-ret));
	if (ret)
		return ret;
	/* It never got its name, or lost it again. */
	snprintf(part, sizeof(part), "%s" OUTCOME_PART, mark + at);
	if (is_there(part, dev, ino) == 1)
		unlink(part);
	return outcome_forget(ctx, domid);
}

int outcome_of(struct hvctl_ctx *ctx, uint32_t domid)
{
	char *mark;
	int ret;

	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	mark = xs_readf(ctx->xs, 0, OUTCOME_MARK, domid);
	if (!mark)
		return errno == ENOENT
			       ? OUTCOME_NONE
			       : hvctl_fail(ctx, errno, "the store does not tell whether domain %u "
					    "was saved: %s", domid, strerror(errno));
	if (strcmp(mark, "pipe")) {
		ret = outcome_of_file(ctx, domid, mark);
	} else {
		hvctl_fail(ctx, EBUSY, "whoever saved domain %u into a pipe was killed when its "
			   "reader may have had all of it: if that runs the guest, hvctl destroy "
			   "%u; if not, hvctl save --resume %u", domid, domid, domid);
		ret = OUTCOME_PERHAPS;
	}
	free(mark);
	return ret;
}
