// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of disks: a disk that has no medium and answers at once, so that what is left is the way
 * there. /bench/devices makes it, on the bare machine the driver's own, in a guest the frontend's.
 * All is direct I/O.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "row.h"

#define DISK "/dev/bench-disk"
#define LOG  "/dev/bench-log" /* it has a cache that is flushed, and keeps what is written */

#define SPAN  (1ULL << 29) /* bytes of the disk that are used */
#define BLOCK 4096u
#define CHUNK (128u << 10)
#define DEPTH_MAX 32

struct stream {
	int fd;
	unsigned char *buffers;
	unsigned bytes, depth;	/* of a transfer; so many are in flight */
	bool write, random;
	uint64_t at, seed;
	aio_context_t context;
	struct iocb blocks[DEPTH_MAX];
};

static uint64_t next_place(struct stream *s)
{
	uint64_t at = s->at;

	if (s->random) {
		s->seed = s->seed * 6364136223846793005ULL + 1442695040888963407ULL;
		return (s->seed >> 33) % (SPAN / s->bytes) * s->bytes;
	}
	s->at = (s->at + s->bytes) % SPAN;
	return at;
}

static struct iocb *prepare(struct stream *s, unsigned which)
{
	struct iocb *b = &s->blocks[which];

	*b = (struct iocb){ .aio_data = which,
			    .aio_lio_opcode = s->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			    .aio_fildes = (uint32_t)s->fd,
			    .aio_buf = (uintptr_t)(s->buffers + (size_t)which * s->bytes),
			    .aio_nbytes = s->bytes, .aio_offset = (int64_t)next_place(s) };
	return b;
}

static void submit(struct stream *s, struct iocb **list, long n)
{
	while (n) {
		long taken = syscall(SYS_io_submit, s->context, n, list);

		if (taken <= 0)
			die("io_submit of %ld", n);
		list += taken;
		n -= taken;
	}
}

/* n transfers, of which `depth` are in flight until there are none left to begin. */
static void run_stream(struct stream *s, unsigned n)
{
	struct iocb *list[DEPTH_MAX];
	struct io_event events[DEPTH_MAX];
	unsigned begun = 0, ended = 0;

	for (; begun < s->depth && begun < n; begun++)
		list[begun] = prepare(s, begun);
	submit(s, list, begun);
	while (ended < n) {
		long k = syscall(SYS_io_getevents, s->context, 1L, (long)s->depth, events, NULL);
		long more = 0;

		if (k <= 0)
			die("io_getevents");
		for (long i = 0; i < k; i++) {
			if (events[i].res != (int64_t)s->bytes) {
				errno = (int)-events[i].res;
				die("a transfer of %u bytes gave %lld", s->bytes,
				    (long long)events[i].res);
			}
			ended++;
			if (begun < n) {
				begun++;
				list[more++] = prepare(s, (unsigned)events[i].data);
			}
		}
		submit(s, list, more);
	}
}

static int open_disk(const char *name)
{
	int fd = open(name, O_RDWR | O_DIRECT);

	if (fd < 0)
		die("%s", name);
	return fd;
}

static unsigned char *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap of %zu bytes", bytes);
	return p;
}

static uint64_t transfer(struct stream s, unsigned n)
{
	uint64_t t;

	s.fd = open_disk(DISK);
	s.buffers = pages((size_t)s.bytes * s.depth);
	s.seed = 1;
	if (syscall(SYS_io_setup, s.depth, &s.context))
		die("io_setup");
	t = clock_start();
	run_stream(&s, n);
	t = clock_stop(t);
	syscall(SYS_io_destroy, s.context);
	munmap(s.buffers, (size_t)s.bytes * s.depth);
	close(s.fd);
	return t;
}

static uint64_t sequential_read(unsigned n)
{
	return transfer((struct stream){ .bytes = CHUNK, .depth = 8 }, n);
}

static uint64_t sequential_write(unsigned n)
{
	return transfer((struct stream){ .bytes = CHUNK, .depth = 8, .write = true }, n);
}

static uint64_t random_read(unsigned n)
{
	return transfer((struct stream){ .bytes = BLOCK, .depth = 1, .random = true }, n);
}

static uint64_t random_read_32(unsigned n)
{
	return transfer((struct stream){ .bytes = BLOCK, .depth = 32, .random = true }, n);
}

/* A record, and then the word that it is on the medium. */
static uint64_t log_writer(unsigned n)
{
	int fd = open_disk(LOG);
	unsigned char *record = pages(BLOCK);
	uint64_t t;

	memset(record, 0x5a, BLOCK);
	t = clock_start();
	for (unsigned i = 0; i < n; i++)
		if (pwrite(fd, record, BLOCK, (off_t)i * BLOCK) != BLOCK || fdatasync(fd))
			die("writing a log");
	t = clock_stop(t);
	munmap(record, BLOCK);
	close(fd);
	return t;
}

const struct row disk_rows[] = {
	{ "disk-read", 400, 50, sequential_read },
	{ "disk-write", 400, 50, sequential_write },
	{ "disk-random", 1000, 100, random_read },
	{ "disk-random-32", 4000, 400, random_read_32 },
	{ "disk-log", 400, 50, log_writer },
	{ 0 },
};
