// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Raw files and block devices, opened with O_DIRECT.
 *
 * Data go through Linux' native asynchronous I/O, not through io_uring, and that is what makes it
 * safe to kill us. Data lie in pages of a guest that gntdev maps. When a process dies, the kernel
 * waits for the end of its native I/O before it takes the address space down (exit_aio() in
 * fs/aio.c, called by mmput()); for io_uring's it does not, and gntdev's pages, taken away with a
 * device still at work in them, are freed while their frame is foreign. So: who has reaped us knows
 * that nothing of ours touches the guest any more.
 *
 * Flushes, discards and zeroes touch no guest's page; they go through io_uring, whose threads end
 * before the process does.
 */
#include "backends/block/image.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOW_DEPTH	64u	/* operations of io_uring at once; more wait in line */
#define SUBMIT_BATCH	64u

struct raw_engine {
	aio_context_t aio;
	struct io_uring slow;
	int event;
	unsigned int depth, busy;	/* native operations that are with the kernel */
	unsigned int slow_busy;
	/* Waiting for kick(), in order. */
	struct image_io *fast_first, **fast_last;
	struct image_io *slow_first, **slow_last;
};

struct image_raw {
	struct image image;
	struct raw_engine *engine;
	int fd;
	bool is_device;
};

static struct image_raw *of(struct image *image)
{
	return (struct image_raw *)((char *)image - offsetof(struct image_raw, image));
}

_Static_assert(sizeof(struct iocb) <= sizeof(((struct image_io *)0)->cookie), "room for an iocb");

static struct iocb *iocb_of(struct image_io *io)
{
	return (struct iocb *)io->cookie;
}

/* ------------------------------------------------------------------------------------------------
 * The engine
 */

/* The ring can do these and nothing else, on no descriptor but those that we name. */
static int restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction allowed[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FSYNC },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FALLOCATE },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = 0 },
	};
	int error = io_uring_register_restrictions(ring, allowed,
						   sizeof(allowed) / sizeof(allowed[0]));

	return error ? error : io_uring_enable_rings(ring);
}

struct raw_engine *raw_engine_new(unsigned int depth)
{
	struct raw_engine *e = calloc(1, sizeof(*e));
	int error;

	if (!e)
		return NULL;
	e->depth = depth;
	e->fast_last = &e->fast_first;
	e->slow_last = &e->slow_first;
	e->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->event < 0)
		goto no_event;
	if (syscall(SYS_io_setup, depth, &e->aio))
		goto no_aio;
	error = io_uring_queue_init(SLOW_DEPTH, &e->slow, IORING_SETUP_R_DISABLED);
	if (error) {
		errno = -error;
		goto no_ring;
	}
	error = io_uring_register_eventfd(&e->slow, e->event);
	if (!error)
		error = restrict_ring(&e->slow);
	if (!error)
		return e;
	errno = -error;
	io_uring_queue_exit(&e->slow);
no_ring:
	syscall(SYS_io_destroy, e->aio);
no_aio:
	close(e->event);
no_event:
	free(e);
	return NULL;
}

void raw_engine_drain(struct raw_engine *e)
{
	syscall(SYS_io_destroy, e->aio);
}

int raw_engine_fd(const struct raw_engine *e)
{
	return e->event;
}

static void put_last(struct image_io ***last, struct image_io *io)
{
	io->next = NULL;
	**last = io;
	*last = &io->next;
}

/* Prepares what is left of a reading or writing. */
static void prepare(struct image_io *io)
{
	struct image_raw *raw = of(io->image);
	struct iocb *iocb = iocb_of(io);

	*iocb = (struct iocb){
		.aio_data = (uintptr_t)io,
		.aio_lio_opcode = io->op == IMAGE_READ ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV,
		.aio_rw_flags = io->fua && io->op == IMAGE_WRITE ? RWF_DSYNC : 0,
		.aio_fildes = (uint32_t)raw->fd,
		.aio_buf = (uintptr_t)io->iov,
		.aio_nbytes = (uint64_t)io->iovcnt,
		.aio_offset = (int64_t)(io->offset + io->finished),
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)raw->engine->event,
	};
}

static void over(struct image_io *io, int error)
{
	io->done(io, error);
}

static void send_fast(struct raw_engine *e)
{
	while (e->fast_first && e->busy < e->depth) {
		struct iocb *batch[SUBMIT_BATCH];
		struct image_io *io = e->fast_first;
		unsigned int n = 0;
		long sent;

		for (; io && n < SUBMIT_BATCH && e->busy + n < e->depth; io = io->next)
			batch[n++] = iocb_of(io);
		sent = syscall(SYS_io_submit, e->aio, (long)n, batch);
		if (sent < 0 && errno == EINTR)
			continue;
		/* Out of memory for the moment: what is under way will give some back. */
		if (sent < 0 && errno == EAGAIN && e->busy)
			return;
		if (sent <= 0) {
			/* The first one is refused, the others have not been looked at. */
			int error = sent < 0 ? -errno : -EIO;

			io = e->fast_first;
			e->fast_first = io->next;
			if (!e->fast_first)
				e->fast_last = &e->fast_first;
			over(io, error);
			continue;
		}
		e->busy += (unsigned int)sent;
		while (sent-- > 0)
			e->fast_first = e->fast_first->next;
		if (!e->fast_first)
			e->fast_last = &e->fast_first;
	}
}

static void send_slow(struct raw_engine *e)
{
	bool any = false;

	while (e->slow_first && e->slow_busy < SLOW_DEPTH) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&e->slow);
		struct image_io *io = e->slow_first;
		struct image_raw *raw = of(io->image);
		int mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;

		if (!sqe)
			break;
		/* A discarded block of a device need not read as zeroes, and is cheaper then. */
		if (io->op == IMAGE_DISCARD && raw->is_device)
			mode |= FALLOC_FL_NO_HIDE_STALE;
		if (io->op == IMAGE_ZERO)
			mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE;
		if (io->op == IMAGE_FLUSH)
			io_uring_prep_fsync(sqe, raw->fd, IORING_FSYNC_DATASYNC);
		else
			io_uring_prep_fallocate(sqe, raw->fd, mode, (off_t)io->offset,
						(off_t)io->length);
		io_uring_sqe_set_data(sqe, io);
		e->slow_first = io->next;
		if (!e->slow_first)
			e->slow_last = &e->slow_first;
		e->slow_busy++;
		any = true;
	}
	if (any || io_uring_sq_ready(&e->slow))
		io_uring_submit(&e->slow);
}

void raw_engine_kick(struct raw_engine *e)
{
	send_fast(e);
	send_slow(e);
}

/*
 * A part was done: the rest is asked for again, so that the error that ended it, a full disk or a
 * bad sector, comes out. Returns whether there is a rest.
 */
static bool continue_rest(struct raw_engine *e, struct image_io *io, uint64_t part)
{
	io->finished += part;
	if (io->finished >= io->length)
		return false;
	while (io->iovcnt && part >= io->iov->iov_len) {
		part -= io->iov->iov_len;
		io->iov++;
		io->iovcnt--;
	}
	if (!io->iovcnt)
		return false;
	io->iov->iov_base = (char *)io->iov->iov_base + part;
	io->iov->iov_len -= part;
	prepare(io);
	put_last(&e->fast_last, io);
	return true;
}

static void take_fast(struct raw_engine *e)
{
	struct io_event events[SUBMIT_BATCH];
	struct timespec now = { 0 };
	long n;

	do {
		n = syscall(SYS_io_getevents, e->aio, 0L, (long)SUBMIT_BATCH, events, &now);
		for (long i = 0; i < n; i++) {
			struct image_io *io = (struct image_io *)(uintptr_t)events[i].data;
			int64_t result = (int64_t)events[i].res;

			e->busy--;
			if (result <= 0)
				over(io, result ? (int)result : -EIO);
			else if (!continue_rest(e, io, (uint64_t)result))
				over(io, io->finished == io->length ? 0 : -EIO);
		}
	} while (n == SUBMIT_BATCH);
}

static void take_slow(struct raw_engine *e)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&e->slow, &cqe)) {
		struct image_io *io = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&e->slow, cqe);
		e->slow_busy--;
		if (result == -ENOTSUP || result == -ENOSYS || result == -ENODEV)
			result = -EOPNOTSUPP;
		over(io, result < 0 ? result : 0);
	}
}

void raw_engine_dispatch(struct raw_engine *e)
{
	uint64_t count;

	if (read(e->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	take_fast(e);
	take_slow(e);
	/* There is room again. */
	raw_engine_kick(e);
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static int raw_submit(struct image *image, struct image_io *io)
{
	struct raw_engine *e = of(image)->engine;

	io->image = image;
	io->finished = 0;
	if (io->op == IMAGE_READ || io->op == IMAGE_WRITE) {
		prepare(io);
		put_last(&e->fast_last, io);
	} else {
		put_last(&e->slow_last, io);
	}
	return 0;
}

static int raw_poll_fd(struct image *image)
{
	(void)image;
	return -1;
}

static short raw_poll_events(struct image *image)
{
	(void)image;
	return 0;
}

static void raw_dispatch(struct image *image)
{
	raw_engine_dispatch(of(image)->engine);
}

static void raw_kick(struct image *image)
{
	raw_engine_kick(of(image)->engine);
}

static void raw_close(struct image *image)
{
	struct image_raw *raw = of(image);

	close(raw->fd);
	free(raw);
}

static const struct image_ops raw_ops = {
	.name = "raw",
	.submit = raw_submit,
	.poll_fd = raw_poll_fd,
	.poll_events = raw_poll_events,
	.dispatch = raw_dispatch,
	.kick = raw_kick,
	.close = raw_close,
};

static int raw_size(struct image_raw *raw, uint64_t *size)
{
	struct stat st;

	if (raw->is_device)
		return ioctl(raw->fd, BLKGETSIZE64, size);
	if (fstat(raw->fd, &st))
		return -1;
	*size = (uint64_t)st.st_size;
	return 0;
}

static bool sane_sector(uint64_t size)
{
	return size >= 512 && size <= 4096 && !(size & (size - 1));
}

/*
 * A file has the sectors of what it lies on, which only trying tells: the smallest that a direct
 * read takes.
 */
static uint32_t file_sector(int fd)
{
	void *page = NULL;
	uint32_t size;

	if (posix_memalign(&page, 4096, 4096))
		return 512;
	for (size = 512; size < 4096; size *= 2)
		if (pread(fd, page, size, 0) >= 0 || errno != EINVAL)
			break;
	free(page);
	return size;
}

struct image *image_raw_attach(struct raw_engine *engine, int fd, unsigned int flags)
{
	struct image_raw *raw = calloc(1, sizeof(*raw));
	int logical = 512;
	unsigned int physical = 512;
	struct stat st;
	uint64_t size;

	if (!raw)
		return NULL;
	raw->engine = engine;
	raw->fd = fd;
	raw->image.ops = &raw_ops;
	raw->image.readonly = flags & IMAGE_READONLY;
	if (fstat(fd, &st))
		goto failed;
	raw->is_device = S_ISBLK(st.st_mode);
	if (!raw->is_device && !S_ISREG(st.st_mode)) {
		errno = ENOTBLK;
		goto failed;
	}
	if (raw_size(raw, &size))
		goto failed;
	if (raw->is_device && (ioctl(fd, BLKSSZGET, &logical) || ioctl(fd, BLKPBSZGET, &physical)))
		goto failed;
	if (!raw->is_device)
		logical = (int)file_sector(fd);
	if (!sane_sector((uint64_t)logical) || size < (uint64_t)logical) {
		errno = EINVAL;
		goto failed;
	}
	raw->image.sector_size = (uint32_t)logical;
	raw->image.physical_sector_size = sane_sector(physical) && physical > (unsigned int)logical
						  ? physical
						  : (uint32_t)logical;
	raw->image.size = size - size % (uint64_t)logical;
	raw->image.can_flush = true;
	raw->image.can_fua = true;
	raw->image.can_discard = raw->image.can_zero = !raw->image.readonly;
	raw->image.discard_granularity = raw->is_device ? raw->image.physical_sector_size : 4096;
	return &raw->image;
failed:
	free(raw);
	return NULL;
}

bool image_raw_resize(struct image *image)
{
	struct image_raw *raw = of(image);
	uint64_t size;

	if (raw_size(raw, &size) || size < image->sector_size)
		return false;
	size -= size % image->sector_size;
	if (size <= image->size)
		return false;
	image->size = size;
	return true;
}
