/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernels and ramdisks as files that others may change, cut off or replace while they are read: so
 * they are read, never mapped (a page that is no longer there would be a signal), and what was read
 * counts only if the file is still the one it was. How much is read or unpacked has a bound that is
 * known before any memory is asked for. Functions return 0 or -errno with the context's message
 * set.
 */
#ifndef HVCTL_IMAGEFILE_H
#define HVCTL_IMAGEFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "image/image.h"
#include "internal.h"

struct image_file {
	struct hvctl_ctx *ctx;
	const char *what;	/* the configuration's key: "kernel", "ramdisk" */
	const char *path;	/* the caller's */
	int fd;			/* -1: not open */
	struct stat st;		/* when it was opened */
};

/* What an image_file is that was never opened. */
#define IMAGE_FILE_CLOSED { .fd = -1 }

/*
 * image_open - open the file @path for the key @what of a domain with @memory_mib.
 * Refuses what is no file, an empty one, and one larger than the domain's memory (EFBIG).
 */
int image_open(struct hvctl_ctx *ctx, const char *what, const char *path, uint64_t memory_mib,
	       struct image_file *file);

/*
 * image_read - read the @len bytes from @offset on. -ESTALE if they are not all there: the file has
 * been cut off.
 */
int image_read(const struct image_file *file, uint64_t offset, void *data, size_t len);

/* image_same - whether the file is still as it was when it was opened, or -ESTALE. */
int image_same(const struct image_file *file);

/*
 * image_load - read all of it into memory that the caller frees. -EFBIG beyond 1 GiB, -ENOMEM if it
 * is more than half of what dom0 has to spare, -ESTALE if it changed meanwhile, -EINTR after
 * hvctl_cancel().
 */
int image_load(const struct image_file *file, void **data, size_t *len);

/* image_close - may be called more than once. */
void image_close(struct image_file *file);

/*
 * image_unpack - unpack the kernel @payload of the file @path into memory that the caller frees.
 * @memory_mib: of its domain: what unpacks to more is refused (EFBIG) before that much is asked
 * for, whatever the stream says about its size; so is what dom0 has no memory for (ENOMEM), the
 * decoder's included.
 */
int image_unpack(struct hvctl_ctx *ctx, const char *path, const struct pv_payload *payload,
		 uint64_t memory_mib, uint8_t **elf, size_t *len);

#endif
