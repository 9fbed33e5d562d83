// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Disks that become larger in use. A file is made longer here, and who serves it told to look; an
 * image in a format is made larger by hvblkd, which has it open; block devices and servers are made
 * larger by others before this.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_kind.h"
#include "store/number.h"
#include "xs.h"

#define SECTOR	512u

/* A disk of a running domain, as its backend's entries have it. */
struct resizing {
	struct hvctl_ctx *ctx;
	const char *vdev;
	char back[96];
	bool ours;		/* hvblkd's */
	bool writable;
	char *target, *format, *params, *identity;
	uint64_t size;		/* bytes: what its frontend was told last */
};

static char *read_key(const struct resizing *r, const char *key)
{
	return xs_readf(r->ctx->xs, 0, "%s/%s", r->back, key);
}

/* Bytes by the key "sectors", 0 if there is none. */
static uint64_t told_size(const struct resizing *r)
{
	char *text = read_key(r, "sectors");
	uint64_t sectors = 0;

	if (text && number_parse(text, UINT64_MAX / SECTOR, &sectors))
		sectors = 0;
	free(text);
	return sectors * SECTOR;
}

static int look_up(struct resizing *r, uint32_t domid)
{
	struct hvctl_device *list;
	char *mode, *type;
	size_t count, i;
	int error = hvctl_disks(r->ctx, domid, &list, &count);

	if (error)
		return error;
	for (i = 0; i < count && strcmp(list[i].name, r->vdev); i++)
		;
	if (i == count) {
		free(list);
		return hvctl_fail(r->ctx, ENOENT, "domain %u has no disk %s; see hvctl block-list",
				  domid, r->vdev);
	}
	snprintf(r->back, sizeof(r->back), "/local/domain/0/backend/%s/%u/%u", blkd_disk.back,
		 domid, list[i].number);
	mode = read_key(r, "mode");
	r->ours = mode != NULL;
	if (!r->ours) {
		snprintf(r->back, sizeof(r->back), "/local/domain/0/backend/%s/%u/%u",
			 kernel_disk.back, domid, list[i].number);
		mode = read_key(r, "mode");
	}
	free(list);
	r->writable = mode && mode[0] == 'w';
	free(mode);
	r->target = read_key(r, "target");
	r->format = read_key(r, "format");
	r->params = read_key(r, "params");
	r->identity = read_key(r, "target-identity");
	type = read_key(r, "device-type");
	r->size = told_size(r);
	if (!r->size || !r->target || !r->params || !r->identity)
		error = hvctl_fail(r->ctx, EAGAIN, "nobody serves the disk %s of domain %u yet, or "
				   "it was not made by hvctl; see hvctl block-list", r->vdev,
				   domid);
	else if (type && strcmp(type, "disk"))
		error = hvctl_fail(r->ctx, EROFS, "%s of domain %u is a CD; take it out and put "
				   "another in", r->vdev, domid);
	free(type);
	return error;
}

static void let_go(struct resizing *r)
{
	free(r->target);
	free(r->format);
	free(r->params);
	free(r->identity);
}

/* Whether it may become so large, as far as that can be said before anybody is asked. */
static int check(struct resizing *r, uint64_t bytes)
{
	struct hvctl_ctx *ctx = r->ctx;

	if (!bytes)
		return 0;
	if (!r->writable)
		return hvctl_fail(ctx, EROFS, "the guest may only read %s, and so it stays as it "
				  "is; make %s larger yourself, then call this without a size",
				  r->vdev, r->target);
	if (bytes % SECTOR || bytes > INT64_MAX)
		return hvctl_fail(ctx, EINVAL, "a disk has whole sectors of 512 bytes, and %" PRIu64
				  " bytes are none; give a multiple", bytes);
	if (bytes < r->size)
		return hvctl_fail(ctx, EINVAL, "%s has %" PRIu64 " bytes, and with %" PRIu64 " "
				  "what the guest has behind these would be lost; give more, or "
				  "make another disk and copy", r->vdev, r->size, bytes);
	return 0;
}

static bool is_raw(const struct resizing *r)
{
	return !r->format || !strcmp(r->format, "raw");
}

/* The name must stand for what is served. Then, for a file, it is made as long as asked for. */
static int prepare(struct resizing *r, uint64_t bytes)
{
	struct hvctl_disk d = { .target = r->target, .writable = r->writable };
	struct hvctl_ctx *ctx = r->ctx;
	struct disk_base base;
	struct stat st;
	int fd, error;

	if (r->format && !strcmp(r->format, "nbd") && bytes)
		return hvctl_fail(ctx, EOPNOTSUPP, "%s is a server's; make it larger there, then "
				  "call this without a size", r->target);
	if (r->format && !strcmp(r->format, "nbd"))
		return 0;
	snprintf(d.vdev, sizeof(d.vdev), "%s", r->vdev);
	error = disk_check(ctx, &d, &base);
	if (error)
		return error;
	if (strcmp(base.identity, r->identity))
		return hvctl_fail(ctx, ESTALE, "%s is another file than the one that %s is in; "
				  "put that one back", r->target, r->vdev);
	if (!is_raw(r) || (!bytes && !base.id.file))
		return 0;
	if (!base.id.file)
		return hvctl_fail(ctx, EOPNOTSUPP, "%s is a block device; make it larger with what "
				  "made it (lvextend), then call this without a size", r->target);
	fd = open(r->target, (bytes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		error = hvctl_fail(ctx, errno, "%s cannot be opened: %s; see who may write it",
				   r->target, strerror(errno));
	} else if ((uint64_t)st.st_size < (bytes ? bytes : r->size)) {
		if (!bytes)
			error = hvctl_fail(ctx, EINVAL, "%s has become smaller than the %" PRIu64
					   " bytes that the guest has; make it as large as it was",
					   r->target, r->size);
		else if (ftruncate(fd, (off_t)bytes))
			error = hvctl_fail(ctx, errno, "%s cannot be made larger: %s; see whether "
					   "there is room", r->target, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return error;
}

/* Ask hvblkd, and wait for what it says. */
static int ask_blkd(struct resizing *r, uint64_t bytes)
{
	uint64_t number = 0, answered = 0;
	char path[128], ask[48], *was;
	int error = hvctl_random(r->ctx, &number, sizeof(number));
	unsigned int waited;

	if (error)
		return error;
	number |= 1;
	snprintf(path, sizeof(path), "%s/resize", r->back);
	snprintf(ask, sizeof(ask), "%" PRIu64 " %" PRIu64, number, is_raw(r) ? 0 : bytes);
	was = xs_readf(r->ctx->xs, 0, "%s", path);
	error = device_tell(r->ctx, path, was, ask);
	free(was);
	if (error)
		return device_store_failed(r->ctx, path, error);
	for (waited = 0; waited < 3 * DEVICE_TIMEOUT_MS; waited += 10) {
		char *done = read_key(r, "resized"), *why = done ? strchr(done, ' ') : NULL;

		if (why)
			*why++ = '\0';
		if (!done || number_parse(done, UINT64_MAX, &answered))
			answered = 0;
		if (answered == number && why)
			error = hvctl_fail(r->ctx, EIO, "hvblkd cannot do that to the disk %s: %s",
					   r->vdev, why);
		free(done);
		if (answered == number)
			return error;
		hvctl_nap(10);
	}
	return hvctl_fail(r->ctx, ETIMEDOUT, "hvblkd did not answer for %s within %d s; see its "
			  "log (/var/log/hvblkd.log)", r->vdev, 3 * DEVICE_TIMEOUT_MS / 1000);
}

/* The kernel's backend looks at its block device by itself, now and then. */
static int ask_kernel(struct resizing *r)
{
	struct loop_info64 info;
	uint64_t size = 0;
	int fd = open(r->params, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;

	if (fd < 0 || (!ioctl(fd, LOOP_GET_STATUS64, &info) && ioctl(fd, LOOP_SET_CAPACITY, 0)) ||
	    ioctl(fd, BLKGETSIZE64, &size))
		error = hvctl_fail(r->ctx, errno, "%s, which %s stands on, cannot be asked for its "
				   "size: %s", r->params, r->vdev, strerror(errno));
	if (fd >= 0)
		close(fd);
	for (unsigned int waited = 0; !error && waited < DEVICE_TIMEOUT_MS; waited += 10) {
		if (told_size(r) == size - size % SECTOR)
			return 0;
		hvctl_nap(10);
	}
	return error ? error : hvctl_fail(r->ctx, ETIMEDOUT, "xen-blkback has not seen the size of "
					  "%s within %d s; see dom0's kernel log (dmesg)",
					  r->params, DEVICE_TIMEOUT_MS / 1000);
}

int hvctl_disk_resize(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev, uint64_t bytes,
		      uint64_t *now)
{
	struct resizing r = { .ctx = ctx, .vdev = vdev };
	int error = look_up(&r, domid), saving = -1;

	if (!error) {
		saving = hvctl_lock_saving(ctx, domid);
		error = saving < 0 ? saving : check(&r, bytes);
	}
	if (!error)
		error = prepare(&r, bytes);
	if (!error)
		error = r.ours ? ask_blkd(&r, bytes) : ask_kernel(&r);
	if (!error) {
		*now = told_size(&r);
		if (*now < bytes)
			error = hvctl_fail(ctx, EIO, "%s has %" PRIu64 " bytes still; see %s", vdev,
					   *now, r.ours ? blkd_disk.log : kernel_disk.log);
	}
	if (saving >= 0)
		close(saving);
	let_go(&r);
	return error;
}
