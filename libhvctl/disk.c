// SPDX-License-Identifier: LGPL-2.1-or-later
/* Block devices for the disk backend: as they are, or a loop device over a file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"

extern char **environ;

int module_need(struct hvctl_ctx *ctx, const char *module, const char *sysfs)
{
	char *argv[] = { "modprobe", "-q", (char *)module, NULL };
	int status = -1;
	pid_t pid;

	if (!access(sysfs, F_OK))
		return 0;
	if (!posix_spawnp(&pid, "modprobe", NULL, NULL, argv, environ))
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (!access(sysfs, F_OK))
		return 0;
	return hvctl_fail(
		ctx, ENODEV,
		"dom0's kernel has no %s driver and modprobe did not bring one; load the module "
		"%s",
		module, module);
}

int disk_check(struct hvctl_ctx *ctx, const struct hvctl_disk *d, struct disk_base *base)
{
	struct stat st;

	*base = (struct disk_base){ .fd = -1 };
	if (!strcmp(d->format, "nbd")) {
		base->remote = true;
		if (snprintf(base->identity, sizeof(base->identity), "nbd:%s", d->target) >=
		    (int)sizeof(base->identity))
			return hvctl_fail(ctx, ENAMETOOLONG,
					  "the NBD server of %s has a name of more than %zu bytes; "
					  "give a shorter one",
					  d->vdev, sizeof(base->identity) - 5);
		return 0;
	}
	if (stat(d->target, &st))
		return hvctl_fail(
			ctx, errno,
			"the disk %s (%s) cannot be found: %s; correct 'disk' in the configuration",
			d->target, d->vdev, strerror(errno));
	if (S_ISBLK(st.st_mode)) {
		base->major = major(st.st_rdev);
		base->minor = minor(st.st_rdev);
		base->id = (struct disk_id){ false, base->major, base->minor, 0 };
		snprintf(base->identity, sizeof(base->identity), "block:%u:%u", base->major,
			 base->minor);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return hvctl_fail(
			ctx, ENOTBLK,
			"the disk %s (%s) is neither a block device nor a file; correct 'disk' "
			"in the configuration",
			d->target, d->vdev);
	if (st.st_size < 512)
		return hvctl_fail(
			ctx, EINVAL,
			"the disk %s (%s) has %lld bytes, less than a sector; make it larger",
			d->target, d->vdev, (long long)st.st_size);
	if (access(d->target, d->writable ? R_OK | W_OK : R_OK))
		return hvctl_fail(
			ctx, errno,
			"the disk %s (%s) may not be %s: %s; change its mode or access=", d->target,
			d->vdev, d->writable ? "written" : "read", strerror(errno));
	base->id = (struct disk_id){ true, major(st.st_dev), minor(st.st_dev), st.st_ino };
	snprintf(base->identity, sizeof(base->identity), "file:%u:%u:%llu", base->id.major,
		 base->id.minor, (unsigned long long)base->id.inode);
	return 0;
}

bool disk_claimed(const char *node)
{
	int tries;

	/* Some who only look for labels claim it for a moment. */
	for (tries = 0; tries < 5; tries++) {
		int fd = open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0)
			close(fd);
		if (fd >= 0 || errno != EBUSY)
			return false;
		hvctl_nap(100);
	}
	return true;
}

/*
 * Bind @file to the loop device @number. Returns its descriptor or -errno (-EBUSY: somebody was
 * quicker).
 */
static int bind_loop(int file, int number, const struct hvctl_disk *d, char node[64])
{
	struct loop_config config = { .fd = (uint32_t)file };
	int fd;

	snprintf(node, 64, "/dev/loop%d", number);
	fd = open(node, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/*
	 * AUTOCLEAR: it goes away with its last user, whatever happens to us. Direct I/O keeps dom0
	 * from caching what the guest caches; the driver drops the wish silently where the file
	 * system cannot.
	 */
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
			       (d->writable ? 0 : LO_FLAGS_READ_ONLY);
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s",
		 d->target);
	if (ioctl(fd, LOOP_CONFIGURE, &config)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int disk_open(struct hvctl_ctx *ctx, const struct hvctl_disk *d, struct disk_base *base)
{
	int error = disk_check(ctx, d, base), file, control, number, tries;
	struct stat st;

	if (error)
		return error;
	if (base->major || base->minor) {
		snprintf(base->node, sizeof(base->node), "%s", d->target);
		return 0;
	}
	error = module_need(ctx, "loop", "/sys/module/loop");
	if (error)
		return error;
	file = open(d->target, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (file < 0)
		return hvctl_fail(ctx, errno, "the disk %s (%s) cannot be opened: %s", d->target,
				  d->vdev, strerror(errno));
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		error = errno;
		close(file);
		return hvctl_fail(ctx, error,
				  "cannot open /dev/loop-control: %s; load the module loop",
				  strerror(error));
	}
	/* Another process may take the device between asking for a number and binding it. */
	base->fd = -EBUSY;
	for (tries = 0; tries < 16 && base->fd == -EBUSY; tries++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		base->fd = number < 0 ? -errno : bind_loop(file, number, d, base->node);
	}
	close(control);
	close(file);
	if (base->fd < 0) {
		error = -base->fd;
		base->fd = -1;
		return hvctl_fail(ctx, error, "cannot make a loop device for the disk %s (%s): %s",
				  d->target, d->vdev, strerror(error));
	}
	if (fstat(base->fd, &st)) {
		error = errno;
		close(base->fd);
		base->fd = -1;
		return hvctl_fail(ctx, error, "cannot look at %s: %s", base->node, strerror(error));
	}
	base->major = major(st.st_rdev);
	base->minor = minor(st.st_rdev);
	return 0;
}
