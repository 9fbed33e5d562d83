// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server of the NBD protocol, at the other end of a socket, by libnbd.
 *
 * libnbd works on one buffer at a time: an operation becomes a command for each stretch of memory
 * without a gap, and is over when the last of them is. Its callbacks may not call it, so what is
 * over waits in a list until it has returned.
 *
 * A server that goes takes everything with it: what is under way is not answered, since nobody
 * knows what became of it, but kept until the image is closed. The supervisor sees its server end
 * and starts everything anew; then it is done again from the journal.
 */
#include "backends/block/image.h"

#include <errno.h>
#include <fcntl.h>
#include <libnbd.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "libhvctl/clock.h"

#define HANDSHAKE_MS	10000

struct image_nbd {
	struct image image;
	struct nbd_handle *nbd;
	struct image_io *over, **over_last;	/* done() is due */
};

/* What an operation's cookie holds. */
enum { COMMANDS, ERROR };

static struct image_nbd *of(struct image *image)
{
	return (struct image_nbd *)((char *)image - offsetof(struct image_nbd, image));
}

/* Its server is gone, and whatever was on the way with it. */
static bool is_gone(struct image_nbd *n)
{
	if (nbd_aio_is_dead(n->nbd) || nbd_aio_is_closed(n->nbd))
		n->image.broken = true;
	return n->image.broken;
}

static int to_error(int number)
{
	switch (number) {
	case 0:
		return 0;
	case ENOSPC:
	case EDQUOT:
		return -ENOSPC;
	case EOPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/* One command of @io is over, by @number, an errno. */
static void part_over(struct image_io *io, int number)
{
	struct image_nbd *n = of(io->image);

	/* What no server says: the connection is lost. What it says when it is about to end. */
	if (number == ENOTCONN || number == ESHUTDOWN)
		n->image.broken = true;
	if (number && !io->cookie[ERROR])
		io->cookie[ERROR] = (uint64_t)number;
	if (--io->cookie[COMMANDS])
		return;
	io->next = NULL;
	*n->over_last = io;
	n->over_last = &io->next;
}

static int called_back(void *data, int *error)
{
	part_over(data, *error);
	return 1;
}

/* After each call of libnbd that may have called back. Operations may submit others. */
static void finish(struct image_nbd *n)
{
	while (n->over && !is_gone(n)) {
		struct image_io *io = n->over;

		n->over = io->next;
		if (!n->over)
			n->over_last = &n->over;
		io->done(io, to_error((int)io->cookie[ERROR]));
	}
}

static void one(struct image_nbd *n, struct image_io *io, char *data, uint64_t offset,
		uint64_t length)
{
	nbd_completion_callback over = { .callback = called_back, .user_data = io };
	uint32_t fua = io->fua && n->image.can_fua ? LIBNBD_CMD_FLAG_FUA : 0;
	int64_t cookie = -1;

	io->cookie[COMMANDS]++;
	switch (io->op) {
	case IMAGE_READ:
		cookie = nbd_aio_pread(n->nbd, data, length, offset, over, 0);
		break;
	case IMAGE_WRITE:
		cookie = nbd_aio_pwrite(n->nbd, data, length, offset, over, fua);
		break;
	case IMAGE_FLUSH:
		cookie = nbd_aio_flush(n->nbd, over, 0);
		break;
	case IMAGE_DISCARD:
		cookie = nbd_aio_trim(n->nbd, length, offset, over, 0);
		break;
	case IMAGE_ZERO:
		cookie = nbd_aio_zero(n->nbd, length, offset, over, fua);
		break;
	}
	/* A command that was not taken has not been called back. */
	if (cookie < 0) {
		int number = nbd_get_errno();

		is_gone(n);
		part_over(io, number ? number : EIO);
	}
}

static int submit(struct image *image, struct image_io *io)
{
	struct image_nbd *n = of(image);
	uint64_t offset = io->offset;
	int i = 0;

	io->image = image;
	io->cookie[ERROR] = 0;
	/* One of our own, so that it is not over before the last one is begun. */
	io->cookie[COMMANDS] = 1;
	if (io->op == IMAGE_FLUSH || io->op == IMAGE_DISCARD || io->op == IMAGE_ZERO) {
		/* The protocol counts in 32 bits; a whole gigabyte is what servers like least. */
		uint64_t left = io->length, step = 1u << 30;

		do {
			uint64_t length = left < step ? left : step;

			one(n, io, NULL, offset, length);
			offset += length;
			left -= length;
		} while (left);
	}
	while ((io->op == IMAGE_READ || io->op == IMAGE_WRITE) && i < io->iovcnt) {
		char *data = io->iov[i].iov_base;
		size_t length = io->iov[i].iov_len;

		for (i++; i < io->iovcnt && data + length == io->iov[i].iov_base; i++)
			length += io->iov[i].iov_len;
		one(n, io, data, offset, length);
		offset += length;
	}
	part_over(io, 0);
	return 0;
}

static int poll_fd(struct image *image)
{
	struct image_nbd *n = of(image);

	return is_gone(n) ? -1 : nbd_aio_get_fd(n->nbd);
}

static short poll_events(struct image *image)
{
	unsigned int direction = nbd_aio_get_direction(of(image)->nbd);

	return (short)((direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
		       (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

static void dispatch(struct image *image)
{
	struct image_nbd *n = of(image);

	while (!is_gone(n) && nbd_poll(n->nbd, 0) > 0)
		;
	finish(n);
}

static void kick(struct image *image)
{
	finish(of(image));
}

static void close_image(struct image *image)
{
	struct image_nbd *n = of(image);

	if (!is_gone(n) && nbd_aio_is_ready(n->nbd))
		nbd_aio_disconnect(n->nbd, 0);
	/* It calls back for what was never answered; nobody waits for that any more. */
	nbd_close(n->nbd);
	free(n);
}

static const struct image_ops ops = {
	.name = "nbd", .submit = submit, .poll_fd = poll_fd, .poll_events = poll_events,
	.dispatch = dispatch, .kick = kick, .close = close_image,
};

/* The supervisor has seen its greeting: the rest takes no time, unless something is wrong. */
static int shake_hands(struct nbd_handle *nbd, int socket)
{
	uint64_t end = monotonic_ms() + HANDSHAKE_MS;

	if (nbd_set_opt_mode(nbd, false) || nbd_set_export_name(nbd, "") ||
	    nbd_aio_connect_socket(nbd, socket))
		return -EIO;
	while (!nbd_aio_is_ready(nbd)) {
		uint64_t now = monotonic_ms();

		if (nbd_aio_is_dead(nbd) || nbd_aio_is_closed(nbd))
			return -ECONNRESET;
		if (now >= end)
			return -ETIMEDOUT;
		if (nbd_poll(nbd, (int)(end - now)) < 0)
			return -ECONNRESET;
	}
	return 0;
}

static uint32_t block_size(struct nbd_handle *nbd, int which, uint32_t otherwise)
{
	int64_t size = nbd_get_block_size(nbd, which);

	return size >= 512 && size <= 4096 && !(size & (size - 1)) ? (uint32_t)size : otherwise;
}

struct image *image_nbd_attach(int socket, unsigned int flags)
{
	struct image_nbd *n = calloc(1, sizeof(*n));
	int64_t size;
	int error, own;

	if (!n)
		return NULL;
	n->over_last = &n->over;
	n->nbd = nbd_create();
	if (!n->nbd) {
		free(n);
		errno = ENOMEM;
		return NULL;
	}
	/* libnbd closes what it was given; the caller keeps it if this fails. */
	own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
	error = own < 0 ? -errno : shake_hands(n->nbd, own);
	size = error ? 0 : nbd_get_size(n->nbd);
	if (!error && size < 0)
		error = -EIO;
	if (error) {
		nbd_close(n->nbd);
		free(n);
		errno = -error;
		return NULL;
	}
	close(socket);
	n->image.ops = &ops;
	n->image.sector_size = block_size(n->nbd, LIBNBD_SIZE_MINIMUM, 512);
	n->image.physical_sector_size = block_size(n->nbd, LIBNBD_SIZE_PREFERRED,
						   n->image.sector_size);
	n->image.size = (uint64_t)size & ~(uint64_t)(n->image.sector_size - 1);
	n->image.readonly = flags & IMAGE_READONLY || nbd_is_read_only(n->nbd) > 0;
	n->image.can_flush = nbd_can_flush(n->nbd) > 0;
	n->image.can_fua = nbd_can_fua(n->nbd) > 0;
	n->image.can_discard = !n->image.readonly && nbd_can_trim(n->nbd) > 0;
	n->image.can_zero = !n->image.readonly && nbd_can_zero(n->nbd) > 0;
	return &n->image;
}
