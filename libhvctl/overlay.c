// SPDX-License-Identifier: LGPL-2.1-or-later
#include "overlay.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

/*
 * The header of a qcow2 image, version 3 (QEMU's document qcow2); numbers are big-endian.
 * Behind it extensions of a type and a length each, and the backing file's name.
 */
struct qcow2_header {
	uint32_t magic, version;
	uint64_t backing_offset;
	uint32_t backing_size, cluster_bits;
	uint64_t size;		/* bytes of the disk */
	uint32_t encryption, l1_size;
	uint64_t l1_offset, refcount_offset;
	uint32_t refcount_clusters, nr_snapshots;
	uint64_t snapshots_offset;
	uint64_t incompatible, compatible, autoclear;
	uint32_t refcount_order, header_length;
};
_Static_assert(sizeof(struct qcow2_header) == 104, "as the format says");

#define QCOW2_MAGIC	     0x514649fbu
#define QCOW2_BACKING_FORMAT 0xe2792acau	/* an extension: the backing file's format */
#define CLUSTER_BITS	     16u
/* Of the disk, by one entry of the first table: a cluster of entries of 8 bytes, a cluster each. */
#define PER_L1		     ((uint64_t)(OVERLAY_CLUSTER / 8) << CLUSTER_BITS)
#define L1_CLUSTERS_MAX	     64u		/* 256 TiB */
/* In this order: header, table of reference counts, reference counts, first table. */
enum { AT_HEADER, AT_REFCOUNT_TABLE, AT_REFCOUNTS, AT_L1 };

unsigned int overlay_head(uint8_t cluster[OVERLAY_CLUSTER], uint64_t size, const char *base,
			  const char *format)
{
	uint64_t l1 = (size + PER_L1 - 1) / PER_L1;
	uint64_t clusters = (l1 * 8 + OVERLAY_CLUSTER - 1) / OVERLAY_CLUSTER;
	size_t name = strlen(base), at = sizeof(struct qcow2_header);
	uint32_t extension[2] = { htobe32(QCOW2_BACKING_FORMAT),
				  htobe32((uint32_t)strlen(format)) };
	struct qcow2_header h = {
		.magic = htobe32(QCOW2_MAGIC),
		.version = htobe32(3),
		.backing_size = htobe32((uint32_t)name),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(size),
		.l1_size = htobe32((uint32_t)l1),
		.l1_offset = htobe64((uint64_t)AT_L1 * OVERLAY_CLUSTER),
		.refcount_offset = htobe64((uint64_t)AT_REFCOUNT_TABLE * OVERLAY_CLUSTER),
		.refcount_clusters = htobe32(1),
		.refcount_order = htobe32(4), /* 16 bits each */
		.header_length = htobe32(sizeof(h)),
	};

	if (!size || size > PER_L1 * (OVERLAY_CLUSTER / 8) * L1_CLUSTERS_MAX ||
	    name > OVERLAY_NAME_MAX || strlen(format) > 8)
		return 0;
	memset(cluster, 0, OVERLAY_CLUSTER);
	memcpy(cluster + at, extension, sizeof(extension));
	memcpy(cluster + at + sizeof(extension), format, strlen(format));
	/* What follows an extension's text is aligned to 8; one of type 0 is the last. */
	at += sizeof(extension) + 8 + sizeof(extension);
	memcpy(cluster + at, base, name);
	h.backing_offset = htobe64(at);
	memcpy(cluster, &h, sizeof(h));
	return AT_L1 + (unsigned int)clusters;
}

static int write_overlay(int fd, uint64_t size, const char *base, const char *format)
{
	uint8_t *cluster = malloc(OVERLAY_CLUSTER);
	unsigned int n = cluster ? overlay_head(cluster, size, base, format) : 0;
	uint64_t table = htobe64((uint64_t)AT_REFCOUNTS * OVERLAY_CLUSTER);
	uint16_t *counts = (void *)cluster;
	int error = cluster ? n ? 0 : EFBIG : ENOMEM;

	/* Whatever is not written is a hole, and zero. */
	if (!error && (ftruncate(fd, (off_t)n * OVERLAY_CLUSTER) ||
		       pwrite(fd, cluster, OVERLAY_CLUSTER, 0) != (ssize_t)OVERLAY_CLUSTER ||
		       pwrite(fd, &table, sizeof(table), AT_REFCOUNT_TABLE * OVERLAY_CLUSTER) !=
			       (ssize_t)sizeof(table)))
		error = errno ? errno : EIO;
	if (!error) {
		memset(cluster, 0, OVERLAY_CLUSTER);
		for (unsigned int i = 0; i < n; i++)
			counts[i] = htobe16(1);
		if (pwrite(fd, cluster, OVERLAY_CLUSTER, AT_REFCOUNTS * OVERLAY_CLUSTER) !=
		    (ssize_t)OVERLAY_CLUSTER)
			error = errno ? errno : EIO;
	}
	free(cluster);
	return error;
}

/* How large the disk in the file is: a qcow2 image says so in its header. */
static int disk_size(const char *path, const char *format, uint64_t *size)
{
	struct qcow2_header h;
	int error = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	off_t end;

	if (fd < 0)
		return errno;
	if (!strcmp(format, "raw")) {
		end = lseek(fd, 0, SEEK_END);
		error = end < 0 ? errno : 0;
		*size = (uint64_t)end & ~511ull;
	} else if (pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
		   be32toh(h.magic) != QCOW2_MAGIC) {
		error = EINVAL;
	} else {
		*size = be64toh(h.size);
	}
	close(fd);
	return error;
}

/* A file beside them as long as the clone is being made. */
#define MARK "building"
/* Of a file in the directory of a clone. */
#define PATH (OVERLAY_DIR_MAX + 37 + 24)

const char *overlay_dir = OVERLAY_DIR;

static int no_overlay(struct hvctl_ctx *ctx, const char *path, int error)
{
	return hvctl_fail(ctx, error, "cannot make %s, a clone's disk: %s", path, strerror(error));
}

static int make_one(struct hvctl_ctx *ctx, const char *dir, struct hvctl_disk *d)
{
	const char *format = *d->format ? d->format : "raw";
	char path[PATH + sizeof(d->vdev)], base[PATH_MAX], *copy;
	uint64_t size = 0;
	int fd, error;

	if (strcmp(format, "raw") && strcmp(format, "qcow2"))
		return hvctl_fail(ctx, EOPNOTSUPP,
				  "the disk %s (%s) is of format %s, over which a clone cannot "
				  "have a disk of its own; make it raw or qcow2, or read-only",
				  d->target, d->vdev, format);
	if (!realpath(d->target, base))
		return hvctl_fail(ctx, errno, "the disk %s (%s) cannot be found: %s", d->target,
				  d->vdev, strerror(errno));
	error = disk_size(base, format, &size);
	if (error)
		return hvctl_fail(ctx, error, "the disk %s (%s) cannot be read: %s", d->target,
				  d->vdev, strerror(error));
	if (strchr(d->vdev, '/') ||
	    snprintf(path, sizeof(path), "%s/%s.qcow2", dir, d->vdev) >= (int)sizeof(path))
		return no_overlay(ctx, d->vdev, ENAMETOOLONG);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return no_overlay(ctx, path, errno);
	error = write_overlay(fd, size, base, format);
	close(fd);
	if (error)
		return no_overlay(ctx, path, error);
	copy = strdup(path);
	free(d->backing);
	d->backing = strdup(base);
	if (!copy || !d->backing) {
		free(copy);
		return hvctl_no_memory(ctx);
	}
	free(d->target);
	d->target = copy;
	d->base_format[0] = '\0';
	d->backend = HVCTL_DISK_HVBLKD;
	d->forced = false;
	snprintf(d->format, sizeof(d->format), "qcow2");
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Overlays that a configuration names
 */

bool overlay_file_missing(const struct hvctl_disk *d)
{
	struct stat st;

	return *d->base_format && lstat(d->target, &st) && errno == ENOENT;
}

/* Whether the open file is a qcow2 image over the file @base of @format: 0, EEXIST, or an errno. */
static int lies_over(int fd, const char *base, const char *format)
{
	uint8_t *cluster = calloc(1, OVERLAY_CLUSTER);
	struct qcow2_header *h = (void *)cluster;
	uint32_t extension[2];
	char name[OVERLAY_NAME_MAX + 1], real[PATH_MAX];
	size_t at, size;
	uint64_t offset;
	int error = EEXIST;

	if (!cluster)
		return ENOMEM;
	if (pread(fd, cluster, OVERLAY_CLUSTER, 0) < (ssize_t)sizeof(*h) ||
	    be32toh(h->magic) != QCOW2_MAGIC || be32toh(h->version) != 3)
		goto out;
	offset = be64toh(h->backing_offset);
	size = be32toh(h->backing_size);
	if (!offset || size > OVERLAY_NAME_MAX || offset > OVERLAY_CLUSTER - size)
		goto out;
	memcpy(name, cluster + offset, size);
	name[size] = '\0';
	if (*name != '/' || !realpath(name, real) || strcmp(real, base))
		goto out;
	for (at = be32toh(h->header_length); at + sizeof(extension) <= OVERLAY_CLUSTER;) {
		memcpy(extension, cluster + at, sizeof(extension));
		at += sizeof(extension);
		size = be32toh(extension[1]);
		if (!extension[0] || size > OVERLAY_CLUSTER - at)
			break;
		if (be32toh(extension[0]) == QCOW2_BACKING_FORMAT) {
			if (size == strlen(format) && !memcmp(cluster + at, format, size))
				error = 0;
			break;
		}
		at += (size + 7) & ~(size_t)7;
	}
out:
	free(cluster);
	return error;
}

/* Under another name until it is whole: whoever is killed leaves nothing that could be used. */
static int make_file(struct hvctl_ctx *ctx, const struct hvctl_disk *d, const char *base)
{
	uint64_t size = 0;
	char *name;
	int error = disk_size(base, d->base_format, &size), fd;

	if (error)
		return hvctl_fail(ctx, error, "the disk %s (%s), which an overlay is to lie over, "
				  "cannot be read: %s; correct format= or target=", base, d->vdev,
				  error == EINVAL ? "it is no qcow2 image" : strerror(error));
	if (asprintf(&name, "%s.XXXXXX", d->target) < 0)
		return hvctl_no_memory(ctx);
	fd = mkostemp(name, O_CLOEXEC);
	error = fd < 0 ? errno : write_overlay(fd, size, base, d->base_format);
	if (fd >= 0 && !error && fsync(fd))
		error = errno;
	if (fd >= 0 && !error && link(name, d->target))
		error = errno;
	if (fd >= 0) {
		unlink(name);
		close(fd);
	}
	free(name);
	return error ? hvctl_fail(ctx, error, "cannot make %s, the overlay of %s: %s; correct "
				  "overlay=, or see whether there is room", d->target, d->vdev,
				  strerror(error))
		     : 0;
}

static int need_file(struct hvctl_ctx *ctx, const struct hvctl_disk *d, bool *made)
{
	char base[PATH_MAX];
	struct stat st;
	int fd, error;

	if (!realpath(d->backing, base) || stat(base, &st))
		return hvctl_fail(ctx, errno, "the disk %s (%s), which an overlay is to lie over, "
				  "cannot be found: %s; correct target=", d->backing, d->vdev,
				  strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return hvctl_fail(ctx, ENOTBLK, "the disk %s (%s), which an overlay is to lie "
				  "over, is neither a block device nor a file; correct target=",
				  base, d->vdev);
	if (overlay_file_missing(d)) {
		error = make_file(ctx, d, base);
		*made = !error;
		return error;
	}
	fd = open(d->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	error = fd < 0 ? errno : lies_over(fd, base, d->base_format);
	if (fd >= 0)
		close(fd);
	if (error == EEXIST)
		return hvctl_fail(ctx, EEXIST, "%s (%s) is there already and is no overlay over %s "
				  "(%s); give another name, or remove it if nobody needs it",
				  d->target, d->vdev, base, d->base_format);
	return error ? hvctl_fail(ctx, error, "the overlay %s (%s) cannot be read: %s", d->target,
				  d->vdev, strerror(error))
		     : 0;
}

int overlay_files_make(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint64_t *made)
{
	int error = 0;

	*made = 0;
	for (unsigned int i = 0; !error && i < c->nr_disks && i < 64; i++) {
		bool is_new = false;

		if (!*c->disks[i].base_format)
			continue;
		error = need_file(ctx, &c->disks[i], &is_new);
		*made |= (uint64_t)is_new << i;
	}
	if (error) {
		overlay_files_undo(c, *made);
		*made = 0;
	}
	return error;
}

int overlay_files_there(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	for (unsigned int i = 0; i < c->nr_disks; i++)
		if (overlay_file_missing(&c->disks[i]))
			return hvctl_fail(ctx, ENOENT, "%s, which has what '%s' wrote to its disk "
					  "%s, is not there; bring it back", c->disks[i].target,
					  c->name, c->disks[i].vdev);
	return 0;
}

void overlay_files_undo(const struct hvctl_config *c, uint64_t made)
{
	for (unsigned int i = 0; i < c->nr_disks && i < 64; i++)
		if (made >> i & 1)
			unlink(c->disks[i].target);
}

/* ------------------------------------------------------------------------------------------------
 * Directories of clones
 */

static void directory_of(const uint8_t uuid[16], char dir[PATH])
{
	char text[37];

	hvctl_uuid_text(uuid, text);
	snprintf(dir, PATH, "%s/%s", overlay_dir, text);
}

static void mark_of(const uint8_t uuid[16], char path[PATH])
{
	directory_of(uuid, path);
	strcat(path, "/" MARK);
}

/*
 * The directory of all of them, locked: who makes one and who removes what was left over do not
 * meet. -1: there is none.
 */
static int lock_all(void)
{
	int fd = open(overlay_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
	return fd;
}

/* Its directory and its mark, which is locked as long as somebody has it open. */
static int begin_one(struct hvctl_ctx *ctx, const uint8_t uuid[16], int *mark)
{
	char path[PATH];
	int all, error = 0;

	if (!strcmp(overlay_dir, OVERLAY_DIR))
		mkdir("/var/lib/annulus", 0755);
	mkdir(overlay_dir, 0700);
	all = lock_all();
	directory_of(uuid, path);
	if (mkdir(path, 0700))
		error = errno;
	if (!error) {
		mark_of(uuid, path);
		*mark = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (*mark < 0 || flock(*mark, LOCK_EX | LOCK_NB))
			error = errno;
		directory_of(uuid, path);
		if (*mark < 0)
			rmdir(path);
	}
	if (all >= 0)
		close(all);
	return error ? no_overlay(ctx, path, error) : 0;
}

int overlays_make(struct hvctl_ctx *ctx, struct hvctl_config *c, int *building)
{
	char dir[PATH];
	bool begun = false;
	int error = 0;

	*building = -1;
	directory_of(c->uuid, dir);
	for (unsigned int i = 0; !error && i < c->nr_disks; i++) {
		if (!c->disks[i].writable)
			continue;
		if (!begun)
			error = begin_one(ctx, c->uuid, building);
		begun = true;
		if (!error)
			error = make_one(ctx, dir, &c->disks[i]);
	}
	if (error && *building >= 0) {
		overlays_remove(ctx, c->uuid);
		close(*building);
		*building = -1;
	}
	return error;
}

void overlays_settled(const uint8_t uuid[16])
{
	char mark[PATH];

	mark_of(uuid, mark);
	unlink(mark);
}

void overlays_undo(struct hvctl_ctx *ctx, const uint8_t uuid[16])
{
	char mark[PATH];

	mark_of(uuid, mark);
	if (!access(mark, F_OK))
		overlays_remove(ctx, uuid);
}

void overlays_remove(struct hvctl_ctx *ctx, const uint8_t uuid[16])
{
	char dir[PATH];
	struct dirent *e;
	DIR *d;

	directory_of(uuid, dir);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		const char *end = strrchr(e->d_name, '.');

		/* What we did not make keeps the directory, and shows below. */
		if (end && !strcmp(end, ".qcow2"))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	/* The last one, by which the rest is found again. */
	if (d)
		unlinkat(dirfd(d), MARK, 0);
	if (d && rmdir(dir) && errno != ENOENT)
		hvctl_warn(ctx, "%s, the disks of a clone that is no more, is still there: %s", dir,
			   strerror(errno));
	if (d)
		closedir(d);
}

/* Whether nobody makes it any more, and there is no domain that has it. */
static bool left_over(struct hvctl_ctx *ctx, int all, const char *name, uint8_t uuid[16])
{
	char mark[40 + sizeof(MARK)], text[37];
	uint32_t domid;
	bool left;
	int fd;

	if (!hvctl_uuid_parse(name, uuid))
		return false;
	hvctl_uuid_text(uuid, text);
	if (strcmp(text, name))
		return false;
	snprintf(mark, sizeof(mark), "%s/" MARK, text);
	fd = openat(all, mark, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	/* Killed before there was one: of an empty directory nobody has anything. */
	if (fd < 0) {
		if (errno == ENOENT)
			unlinkat(all, name, AT_REMOVEDIR);
		return false;
	}
	/* What cannot be found out stays. */
	left = !flock(fd, LOCK_EX | LOCK_NB) && domain_by_uuid(ctx, uuid, &domid) == -ESRCH;
	close(fd);
	return left;
}

void overlays_sweep(struct hvctl_ctx *ctx)
{
	int all = lock_all(), fd = all < 0 ? -1 : dup(all);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint8_t uuid[16];

	while (d && (e = readdir(d)))
		if (left_over(ctx, all, e->d_name, uuid))
			overlays_remove(ctx, uuid);
	if (d)
		closedir(d);
	if (!d && fd >= 0)
		close(fd);
	if (all >= 0)
		close(all);
}
