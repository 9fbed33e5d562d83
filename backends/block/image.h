/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a virtual disk's bytes lie in: a raw file or block device (image_raw.c), or a server of
 * the NBD protocol (image_nbd.c). One thread uses an image; nothing here waits.
 */
#ifndef BLOCK_IMAGE_H
#define BLOCK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum image_op { IMAGE_READ, IMAGE_WRITE, IMAGE_FLUSH, IMAGE_DISCARD, IMAGE_ZERO };

struct image;

/*
 * One operation. It and what it points to belong to the image from a successful submit() to done().
 * Then its memory is the caller's again, as far as the image knows: who granted it has to be sure
 * for himself that the kernel has let go of it.
 */
struct image_io {
	enum image_op op;
	uint64_t offset, length;	/* bytes, multiples of the sector's size; a flush: 0 */
	/*
	 * For reading and writing: together .length bytes. Each address is divisible by 512 and
	 * each length by the sector's size. May be changed on the way.
	 */
	struct iovec *iov;
	int iovcnt;
	bool fua;			/* a write that is on the medium when it is done */
	/* 0, or -EIO, -ENOSPC, -EOPNOTSUPP, another negative errno. May submit. */
	void (*done)(struct image_io *io, int error);
	void *owner;			/* the caller's */
	/* The image's own. */
	struct image_io *next;
	struct image *image;
	uint64_t finished;		/* bytes that are done already */
	uint64_t cookie[8];
};

struct image_ops {
	const char *name;
	/*
	 * Takes an operation over; it may be held back until kick(). The caller has checked it
	 * against size, sector_size, readonly and the can_ flags. Returns 0, -EAGAIN (nothing was
	 * taken: again after a done()), or another negative errno (the image is of no use).
	 */
	int (*submit)(struct image *image, struct image_io *io);
	/* A descriptor to wait for, and for what (POLLIN, POLLOUT); -1: none of its own. */
	int (*poll_fd)(struct image *image);
	short (*poll_events)(struct image *image);
	/* Takes what came; calls done() of what is over. */
	void (*dispatch)(struct image *image);
	/* Sends what was submitted since the last time. */
	void (*kick)(struct image *image);
	/* Nothing may be under way. Frees @image and closes what it has. */
	void (*close)(struct image *image);
};

struct image {
	const struct image_ops *ops;
	uint64_t size;			/* bytes, a multiple of sector_size */
	uint32_t sector_size;		/* 512 to 4096, a power of two */
	uint32_t physical_sector_size;
	uint32_t discard_granularity;	/* bytes; 0: sector_size */
	bool readonly;
	bool can_flush, can_fua, can_discard, can_zero;
	/* There is more to know; set by the image, e.g. when its server is gone: all I/O fails. */
	bool broken;
};

#define IMAGE_READONLY	1u	/* flags for attaching */

/* ---- image_raw.c ---- */

struct raw_engine;

/*
 * raw_engine_new - what raw images of one process do their work with; @depth operations at once, at
 * most. Made before the process is caged: afterwards nothing has to be created for one more image.
 * Its descriptor is readable when raw_engine_dispatch() has something to do. NULL with errno set.
 */
struct raw_engine *raw_engine_new(unsigned int depth);
int raw_engine_fd(const struct raw_engine *engine);
/*
 * raw_engine_drain - waits for the end of all that is with the kernel, in whatever process has this
 * memory; nothing can be submitted after it.
 */
void raw_engine_drain(struct raw_engine *engine);
void raw_engine_dispatch(struct raw_engine *engine);
/* raw_engine_kick - sends what was submitted to any of its images. */
void raw_engine_kick(struct raw_engine *engine);

/*
 * image_raw_attach - the file or block device behind @fd, opened with O_DIRECT, of which the image
 * becomes the owner if it succeeds. NULL with errno set.
 */
struct image *image_raw_attach(struct raw_engine *engine, int fd, unsigned int flags);

/*
 * image_raw_resize - looks at the size again. Returns whether it is larger than it was; what has
 * become smaller is not noticed here: the guest has the rest, and is told by errors.
 */
bool image_raw_resize(struct image *image);

/* ---- image_nbd.c ---- */

/*
 * image_nbd_attach - the server at the other end of @socket, connected but not spoken to yet, of
 * which the image becomes the owner if it succeeds. NULL with errno set.
 */
struct image *image_nbd_attach(int socket, unsigned int flags);

#endif
