// SPDX-License-Identifier: LGPL-2.1-or-later
#include "imagefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/unpack.h"

#define PIECE		(1u << 20)	/* read at once, between two looks at hvctl_cancel() */
#define MAX_KERNEL	(1ull << 30)
/* An lz4 stream tells its size in whole blocks only. */
#define LZ4_BLOCK	(8ull << 20)

static uint64_t mib(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static int no_room(struct hvctl_ctx *ctx, const char *path, uint64_t bytes)
{
	return hvctl_fail(ctx, ENOMEM,
			  "%s needs %llu MiB of dom0's memory, and %llu MiB are free, half of them "
			  "for it; free some or start the host with more",
			  path, (unsigned long long)mib(bytes),
			  (unsigned long long)memory_available() >> 20);
}

int image_open(struct hvctl_ctx *ctx, const char *what, const char *path, uint64_t memory_mib,
	       struct image_file *file)
{
	struct stat *st = &file->st;
	int error = 0;

	*file = (struct image_file){ .ctx = ctx, .what = what, .path = path };
	/* Without O_NONBLOCK a pipe would be waited for. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0)
		return hvctl_fail(ctx, errno,
				  "cannot open the %s %s: %s; correct '%s' in the configuration",
				  what, path, strerror(errno), what);
	if (fstat(file->fd, st))
		error = hvctl_fail(ctx, errno, "cannot look at the %s %s: %s; check the file", what,
				   path, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		error = hvctl_fail(ctx, EINVAL,
				   "the %s %s is not a file; correct '%s' in the configuration",
				   what, path, what);
	else if (!st->st_size)
		error = hvctl_fail(ctx, EINVAL, "the %s %s is empty; copy it again", what, path);
	else if ((uint64_t)st->st_size > memory_mib << 20)
		error = hvctl_fail(ctx, EFBIG,
				   "memory = %llu is too little for the %s %s, a file of %llu MiB; "
				   "raise 'memory' or give a smaller one",
				   (unsigned long long)memory_mib, what, path,
				   (unsigned long long)mib(st->st_size));
	if (error)
		image_close(file);
	return error;
}

void image_close(struct image_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static int changed(const struct image_file *file)
{
	return hvctl_fail(file->ctx, ESTALE,
			  "the %s %s changed while it was read; try again when it is complete",
			  file->what, file->path);
}

int image_read(const struct image_file *file, uint64_t offset, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = pread(file->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hvctl_fail(file->ctx, errno,
					  "cannot read the %s %s: %s; check the disk", file->what,
					  file->path, strerror(errno));
		if (!n)
			return changed(file);
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int image_same(const struct image_file *file)
{
	const struct stat *was = &file->st;
	struct stat is;

	if (fstat(file->fd, &is) || is.st_size != was->st_size ||
	    memcmp(&is.st_mtim, &was->st_mtim, sizeof(is.st_mtim)) ||
	    memcmp(&is.st_ctim, &was->st_ctim, sizeof(is.st_ctim)))
		return changed(file);
	return 0;
}

int image_load(const struct image_file *file, void **data, size_t *len)
{
	uint64_t size = (uint64_t)file->st.st_size, at;
	int error = 0;
	char *p;

	if (size > MAX_KERNEL)
		return hvctl_fail(file->ctx, EFBIG,
				  "the %s %s has more than 1 GiB; give another", file->what,
				  file->path);
	if (!memory_fits(size))
		return no_room(file->ctx, file->path, size);
	p = malloc((size_t)size);
	if (!p)
		return hvctl_no_memory(file->ctx);
	for (at = 0; !error && at < size; at += PIECE) {
		hvctl_step(file->ctx, "reading the kernel", 1);
		error = hvctl_cancelled(file->ctx);
		if (!error)
			error = image_read(file, at, p + at, size - at < PIECE ? size - at : PIECE);
	}
	if (!error)
		error = image_same(file);
	if (error) {
		free(p);
		return error;
	}
	*data = p;
	*len = (size_t)size;
	return 0;
}

/* ---- unpacking ---- */

/* A decoder's memory: a stream can ask for a dictionary of any size. */
struct room {
	uint64_t left;
};

/* In front of each piece, so that freeing it gives the room back; as malloc() aligns. */
union head {
	uint64_t size;
	char align[16];
};

static void *take(void *context, size_t size)
{
	struct room *room = context;
	union head *head;

	if (size > SIZE_MAX - sizeof(*head) || size > room->left)
		return NULL;
	head = malloc(sizeof(*head) + size);
	if (!head)
		return NULL;
	head->size = size;
	room->left -= size;
	return head + 1;
}

static void give(void *context, void *p)
{
	struct room *room = context;
	union head *head = p;

	if (!p)
		return;
	head--;
	room->left += head->size;
	free(head);
}

static int too_large(struct hvctl_ctx *ctx, const char *path, uint64_t memory_mib, uint64_t size)
{
	if (size > MAX_KERNEL && memory_mib << 20 >= size)
		return hvctl_fail(ctx, EFBIG,
				  "kernel %s: unpacks to %llu MiB, more than 1 GiB; give another",
				  path, (unsigned long long)mib(size));
	return hvctl_fail(ctx, EFBIG,
			  "memory = %llu is too little for kernel %s, which unpacks to %llu MiB; "
			  "raise 'memory' or give another",
			  (unsigned long long)memory_mib, path, (unsigned long long)mib(size));
}

int image_unpack(struct hvctl_ctx *ctx, const char *path, const struct pv_payload *payload,
		 uint64_t memory_mib, uint8_t **elf, size_t *len)
{
	uint64_t limit = memory_mib << 20 < MAX_KERNEL ? memory_mib << 20 : MAX_KERNEL;
	uint64_t available = memory_available(), size = payload->unpacked_size;
	struct room room = { available ? available / 2 : UINT64_MAX };
	const struct unpack_alloc heap = { take, give, &room };
	uint64_t said;
	const char *why;
	int64_t n;

	if (!size)
		size = unpack_size(payload->data, payload->len, &heap);
	if (!size)
		return hvctl_fail(ctx, ENOEXEC,
				  "kernel %s: corrupt: it does not say its unpacked size; copy it "
				  "again",
				  path);
	if (size >= limit + LZ4_BLOCK || (size > limit && payload->unpacked_size))
		return too_large(ctx, path, memory_mib, size);
	said = size;
	if (size > limit)
		size = limit;
	if (!memory_fits(size))
		return no_room(ctx, path, size);
	*elf = malloc((size_t)size);
	if (!*elf)
		return hvctl_no_memory(ctx);
	if (available)
		room.left = available / 2 > size ? available / 2 - size : 0;
	n = unpack(payload->data, payload->len, *elf, (size_t)size, &heap, &why);
	if (n <= 0) {
		free(*elf);
		*elf = NULL;
		if (said > limit)
			return too_large(ctx, path, memory_mib, said);
		if (!n)
			return hvctl_fail(ctx, ENOEXEC,
					  "kernel %s: corrupt: it is empty; copy it again", path);
		return hvctl_fail(ctx, (int)-n, "kernel %s: %s", path, why);
	}
	*len = (size_t)n;
	return hvctl_cancelled(ctx);
}
