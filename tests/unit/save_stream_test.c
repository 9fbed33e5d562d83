// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/stream.c
// libs: -lzstd -lpthread
//
// The stream of records: what is written is read again, compressed or not; cut off anywhere or with
// any one bit wrong it is refused with a line, and nothing that is wrong is handed out as a record.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "save/stream.h"
#include "suite.h"

static struct hvctl_ctx ctx;

int hvctl_fail(struct hvctl_ctx *c, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

int hvctl_no_memory(struct hvctl_ctx *c) { return hvctl_fail(c, ENOMEM, "no memory"); }

int hvctl_cancelled(struct hvctl_ctx *c) { return c->cancelled ? -EINTR : 0; }

void hvctl_nap(unsigned int ms) { usleep(1000 * ms); }

static bool fits = true;

/* Not for two records of those below. */
bool memory_fits(uint64_t bytes) { return bytes < 30000 || fits; }

#define RECORDS 5
static const size_t lengths[RECORDS] = { 1, 8, 0, 70000, 13 };
static uint8_t bodies[RECORDS][70000];
static size_t ends[RECORDS + 1]; /* of the records, where they are not compressed */

/* A live stream over a pipe, with a first record. */
static struct stream_in *live(int *other)
{
	struct iovec part = { bodies[0], 1 };
	struct stream_out *out;
	struct stream_in *in;
	const void *body;
	char head[32];
	uint32_t type;
	size_t len;
	int fd[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	CU_ASSERT_EQUAL_FATAL(stream_create_live(&ctx, fd[1], "it", 0, &out), 0);
	CU_ASSERT_EQUAL(stream_write(out, 1, &part, 1), 0);
	CU_ASSERT_EQUAL(stream_flush(out), 0);
	stream_out_free(out);
	CU_ASSERT_EQUAL(read(fd[0], head, sizeof(head)), sizeof(head));
	CU_ASSERT_EQUAL_FATAL(stream_open(&ctx, fd[0], "it", head, sizeof(head), &in), 0);
	CU_ASSERT_EQUAL(stream_read(in, &type, &body, &len), 0);
	*other = fd[1];
	return in;
}

/* What it was read for is there when it is looked for the first time. */
static int taken_down(void *data)
{
	unsigned int *looks = data;

	return --*looks ? 0 : -ECANCELED;
}

/* Whoever waited for ever would be killed by SIGALRM. */
TEST(test_silent, "a live stream that is silent is not waited for without end")
{
	int other, patience = stream_live_patience;
	struct stream_in *in = live(&other);
	unsigned int looks = 2;
	const void *body;
	uint32_t type;
	size_t len;

	alarm(60);
	stream_live_patience = 1;
	CU_ASSERT_EQUAL(stream_read(in, &type, &body, &len), -ETIMEDOUT);
	stream_live_patience = patience;
	ctx.cancelled = 1;
	CU_ASSERT_EQUAL(stream_read(in, &type, &body, &len), -EINTR);
	ctx.cancelled = 0;
	stream_watch(in, taken_down, &looks);
	CU_ASSERT_EQUAL(stream_read(in, &type, &body, &len), -ECANCELED);
	CU_ASSERT_EQUAL(looks, 0);
	alarm(0);
	stream_in_free(in);
	close(other);
}

static int fresh(void)
{
	int fd = memfd_create("image", 0);

	CU_ASSERT_FATAL(fd >= 0);
	return fd;
}

/* An image with all records. */
static int write_image(unsigned int threads)
{
	int fd = fresh();
	struct stream_out *out;

	for (unsigned int i = 0; i < RECORDS; i++)
		for (size_t n = 0; n < lengths[i]; n++)
			bodies[i][n] = (uint8_t)(n * 7 + n / 251 * i + i);
	CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd, "it", threads, &out), 0);
	for (unsigned int i = 0; i < RECORDS; i++) {
		struct iovec part[2] = { { bodies[i], lengths[i] / 3 },
					 { bodies[i] + lengths[i] / 3,
					   lengths[i] - lengths[i] / 3 } };

		CU_ASSERT_EQUAL(stream_write(out, i + 1, part, 2), 0);
	}
	CU_ASSERT_EQUAL(stream_finish(out), 0);
	stream_out_free(out);
	ends[0] = sizeof(struct stream_header);
	for (unsigned int i = 0; i < RECORDS; i++)
		ends[i + 1] = ends[i] + sizeof(struct stream_record) + ((lengths[i] + 7) & ~7ul);
	return fd;
}

/* How many records were read, each as it was written; *error: what ended it, 0 for the end. */
static unsigned int read_image(int fd, int *error)
{
	struct stream_in *in;
	unsigned int n = 0;
	uint8_t head[32];
	long have;

	lseek(fd, 0, SEEK_SET);
	have = read_whole(fd, head, sizeof(head));
	ctx.error[0] = '\0';
	*error = stream_open(&ctx, fd, "it", head, (size_t)have, &in);
	while (!*error) {
		const void *body;
		uint32_t type;
		size_t length;

		*error = stream_read(in, &type, &body, &length);
		if (*error || type == RECORD_END)
			break;
		CU_ASSERT_FATAL(n < RECORDS);
		CU_ASSERT_TRUE(type == n + 1 && length == lengths[n] &&
			       !memcmp(body, bodies[n], length));
		n++;
	}
	stream_in_free(in);
	return n;
}

/* What is kept is given as often as somebody asks, and no file is needed for that. */
TEST(test_keep, "kept")
{
	for (unsigned int threads = 0; threads < 2; threads++) {
		int fd = write_image(threads);
		struct stream_in *in;
		const void *body;
		uint8_t head[32];
		uint32_t type;
		size_t length;

		for (unsigned int round = 0; round < 2; round++) {
			fits = !round;
			lseek(fd, 0, SEEK_SET);
			read_whole(fd, head, sizeof(head));
			CU_ASSERT_EQUAL_FATAL(stream_open(&ctx, fd, "it", head, 32, &in), 0);
			CU_ASSERT_EQUAL(stream_read(in, &type, &body, &length), 0);
			CU_ASSERT_EQUAL(type, 1);
			if (fits)
				break;
			/* A record that there is no memory for: a line, and nothing is kept. */
			CU_ASSERT_EQUAL(stream_keep(in, UINT64_MAX), -ENOMEM);
			stream_in_free(in);
		}
		if (!fits) {
			fits = true;
			continue;
		}
		CU_ASSERT_EQUAL(stream_keep(in, UINT64_MAX), 0);
		for (unsigned int round = 0; round < 3; round++) {
			for (unsigned int n = 1; n <= RECORDS; n++) {
				CU_ASSERT_EQUAL(stream_read(in, &type, &body, &length), 0);
				if (n == RECORDS) {
					CU_ASSERT_EQUAL(type, RECORD_END);
					break;
				}
				CU_ASSERT_TRUE(type == n + 1 && length == lengths[n] &&
					       !memcmp(body, bodies[n], length));
			}
			stream_rewind(in);
			CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
		}
		stream_in_free(in);
		close(fd);
	}
}

/* A record of 8 bytes costs a page: as many as a small image can have take all that there is. */
TEST(test_keep_many, "kept, and no more than its guest may have, or than half of what there is")
{
	const uint64_t page = 4096, word = 0;
	struct iovec part = { (void *)&word, sizeof(word) };
	struct stream_out *out;
	struct stream_in *in;
	uint8_t head[32];

	for (unsigned int i = 0; i < 4; i++) {
		int fd = memfd_create("image", MFD_CLOEXEC);

		CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd, "it", 1, &out), 0);
		for (unsigned int n = 0; n < (i ? 1000 : 10); n++)
			CU_ASSERT_EQUAL(stream_write(out, 6, &part, 1), 0);
		CU_ASSERT_EQUAL(stream_finish(out), 0);
		stream_out_free(out);
		lseek(fd, 0, SEEK_SET);
		read_whole(fd, head, sizeof(head));
		CU_ASSERT_EQUAL_FATAL(stream_open(&ctx, fd, "it", head, 32, &in), 0);
		/* Half of what there is are 60,000 bytes, or it does not matter. */
		fits = i < 3;
		CU_ASSERT_EQUAL(stream_keep(in, i == 1 ? 100 * page : i == 2 ? 1100 * page :
					    UINT64_MAX), i == 1 ? -EINVAL : i == 3 ? -ENOMEM : 0);
		fits = true;
		stream_in_free(in);
		close(fd);
	}
}

static size_t size_of(int fd) { return (size_t)lseek(fd, 0, SEEK_END); }

TEST(test_round, "written and read")
{
	for (unsigned int threads = 0; threads < 3; threads++) {
		int fd = write_image(threads), error;

		CU_ASSERT_EQUAL(read_image(fd, &error), RECORDS);
		CU_ASSERT_EQUAL(error, 0);
		CU_ASSERT_TRUE(threads ? size_of(fd) < 70000 : size_of(fd) > 70000);
		close(fd);
	}
}

TEST(test_cut_off, "cut off")
{
	for (unsigned int threads = 0; threads < 2; threads++) {
		int fd = write_image(threads), error;
		size_t step = threads ? 1 : 97;

		for (size_t size = size_of(fd); size > 32;
		     size = size > step + 32 ? size - step : 32) {
			CU_ASSERT_EQUAL(ftruncate(fd, (off_t)size - 1), 0);
			read_image(fd, &error);
			CU_ASSERT_EQUAL(error, -EINVAL);
			CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "it "));
		}
		close(fd);
	}
	/* At the end of each record: those before it are right, and it is no whole. */
	for (unsigned int i = 0; i <= RECORDS; i++) {
		int fd = write_image(0), error;

		CU_ASSERT_EQUAL(ftruncate(fd, (off_t)ends[i]), 0);
		CU_ASSERT_EQUAL(read_image(fd, &error), i);
		CU_ASSERT_EQUAL(error, -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "ends in the middle"));
		close(fd);
	}
}

TEST(test_bits, "a bit is wrong")
{
	for (unsigned int threads = 0; threads < 2; threads++) {
		int fd = write_image(threads), error;
		size_t size = size_of(fd);

		for (size_t n = 0; n < 1000; n++) {
			size_t at = threads   ? n * 2654435761u % size
				    : n < 200 ? n % size
					      : n * 2654435761u % size;
			uint8_t byte, wrong;

			CU_ASSERT_EQUAL(pread(fd, &byte, 1, (off_t)at), 1);
			wrong = byte ^ (uint8_t)(1 << n % 8);
			CU_ASSERT_EQUAL(pwrite(fd, &wrong, 1, (off_t)at), 1);
			read_image(fd, &error);
			/* Compression has bits that mean nothing: then all is as it was written. */
			CU_ASSERT_TRUE(error == -EINVAL || (threads && !error));
			CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, (off_t)at), 1);
		}
		close(fd);
	}
}

TEST(test_more, "more than an image")
{
	for (unsigned int threads = 0; threads < 2; threads++) {
		int fd = write_image(threads), error;

		lseek(fd, 0, SEEK_END);
		CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
		read_image(fd, &error);
		CU_ASSERT_EQUAL(error, -EINVAL);
		close(fd);
	}
}

/* Records in another order, or one less: each is right, and the whole is not. */
TEST(test_order, "records moved")
{
	static uint8_t all[100000];
	int fd = write_image(0), error;
	size_t size = size_of(fd), two = ends[2] - ends[1], one = ends[1] - ends[0];

	CU_ASSERT_EQUAL_FATAL(pread(fd, all, sizeof(all), 0), (ssize_t)size);
	/* The second away. */
	CU_ASSERT_EQUAL(pwrite(fd, all + ends[2], size - ends[2], (off_t)ends[1]),
			(ssize_t)(size - ends[2]));
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)(size - two)), 0);
	(void)one;
	{
		struct stream_in *in;
		const void *body;
		uint32_t type = 1;
		size_t length;

		lseek(fd, 32, SEEK_SET);
		CU_ASSERT_EQUAL_FATAL(stream_open(&ctx, fd, "it", all, 32, &in), 0);
		do
			error = stream_read(in, &type, &body, &length);
		while (!error && type != RECORD_END);
		CU_ASSERT_EQUAL(error, -EINVAL);
		stream_in_free(in);
	}
	close(fd);
}

/*
 * A record that says it has 8 MiB in a short file takes no such room; one that says more is none.
 */
TEST(test_lengths, "lengths")
{
	struct stream_record r = { .type = 1, .length = STREAM_MAX };
	int fd = write_image(0), error;

	CU_ASSERT_EQUAL(pwrite(fd, &r, sizeof(r), 32), sizeof(r));
	CU_ASSERT_EQUAL(read_image(fd, &error), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "ends in the middle"));
	r.length++;
	CU_ASSERT_EQUAL(pwrite(fd, &r, sizeof(r), 32), sizeof(r));
	CU_ASSERT_EQUAL(read_image(fd, &error), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "damaged in record 0"));
	close(fd);
}

TEST(test_other, "no image, another version")
{
	struct stream_header h;
	int fd = write_image(0), error;

	CU_ASSERT_EQUAL(pwrite(fd, "X", 1, 0), 1);
	read_image(fd, &error);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "no image"));
	close(fd);
	fd = write_image(0);
	CU_ASSERT_EQUAL(pread(fd, &h, sizeof(h), 0), sizeof(h));
	h.version = 2;
	CU_ASSERT_EQUAL(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	read_image(fd, &error);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "damaged in its first bytes"));
	close(fd);
}

TEST(test_no_room, "nowhere to write")
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct stream_out *out;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(stream_create(&ctx, fd, "it", 0, &out), -ENOSPC);
	CU_ASSERT_PTR_NULL(out);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "cannot write it"));
	close(fd);
}

/* ---- pipes ---- */

struct piped {
	struct stream_out *out;
	int result;
};

static void *finish(void *data)
{
	struct piped *p = data;

	p->result = stream_finish(p->out);
	return NULL;
}

/* All that the pipe has now, and whether it is the end of the image. */
static bool take(int fd)
{
	static uint8_t all[1 << 20];
	static size_t have;
	struct stream_in *in;
	const void *body;
	uint32_t type = 1;
	size_t len;
	int image = fresh(), error;
	ssize_t n = read(fd, all + have, sizeof(all) - have);

	CU_ASSERT_TRUE_FATAL(n > 0);
	have += (size_t)n;
	CU_ASSERT_EQUAL(pwrite(image, all, have, 0), have);
	lseek(image, 32, SEEK_SET);
	error = stream_open(&ctx, image, "it", all, 32, &in);
	while (!error && type)
		error = stream_read(in, &type, &body, &len);
	stream_in_free(in);
	close(image);
	if (!error)
		have = 0;
	return !error;
}

TEST(test_end_of_pipe, "a reader has the end of a pipe only when it comes back for it")
{
	for (unsigned int threads = 0; threads <= 2; threads++) {
		struct iovec part = { bodies[3], 20000 };
		struct piped p;
		pthread_t writer;
		int fd[2], left;

		CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
		CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd[1], "it", threads, &p.out), 0);
		CU_ASSERT_EQUAL(stream_write(p.out, 1, &part, 1), 0);
		alarm(60);
		p.result = 1;
		pthread_create(&writer, NULL, finish, &p);
		/* It has been read to its last byte but for the end, at whatever pace. */
		while (!take(fd[0]))
			CU_ASSERT_EQUAL(__atomic_load_n(&p.result, __ATOMIC_ACQUIRE), 1);
		pthread_join(writer, NULL);
		alarm(0);
		CU_ASSERT_EQUAL(p.result, 0);
		CU_ASSERT_TRUE(!ioctl(fd[0], FIONREAD, &left) && !left);
		stream_out_free(p.out);
		close(fd[0]);
		close(fd[1]);
	}
}

TEST(test_reader_goes, "a reader that goes without the end has not got the image")
{
	/* With all in the pipe; and with all before the end taken out of it. */
	for (int taken = 0; taken < 2; taken++) {
		struct iovec part = { bodies[3], 20000 };
		static uint8_t buf[1 << 16];
		struct piped p;
		pthread_t writer;
		int fd[2];

		signal(SIGPIPE, SIG_IGN);
		CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
		CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd[1], "it", 0, &p.out), 0);
		CU_ASSERT_EQUAL(stream_write(p.out, 1, &part, 1), 0);
		alarm(60);
		pthread_create(&writer, NULL, finish, &p);
		for (size_t n = 0; taken && n < 32 + 16 + 20000;)
			n += (size_t)read(fd[0], buf, sizeof(buf));
		close(fd[0]);
		pthread_join(writer, NULL);
		alarm(0);
		CU_ASSERT_EQUAL(p.result, -EPIPE);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "whoever reads it went away before"));
		stream_out_free(p.out);
		close(fd[1]);
	}
}

TEST(test_flushed, "what was flushed can be read although nothing follows")
{
	for (unsigned int threads = 0; threads <= 2; threads++) {
		struct stream_out *out;
		struct stream_in *in;
		const void *body;
		uint32_t type;
		uint8_t head[32];
		size_t len;
		int fd[2];

		alarm(60);
		CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
		CU_ASSERT_TRUE(fcntl(fd[1], F_SETPIPE_SZ, 1 << 20) > 0);
		CU_ASSERT_EQUAL_FATAL(stream_create_live(&ctx, fd[1], "it", threads, &out), 0);
		CU_ASSERT_EQUAL(read(fd[0], head, sizeof(head)), sizeof(head));
		CU_ASSERT_EQUAL_FATAL(stream_open(&ctx, fd[0], "it", head, sizeof(head), &in), 0);
		for (unsigned int i = 0; i < RECORDS; i++) {
			struct iovec part = { bodies[i], lengths[i] };

			CU_ASSERT_EQUAL(stream_write(out, i + 1, &part, 1), 0);
			if (i % 2)
				CU_ASSERT_EQUAL(stream_write(out, i + 1, &part, 1), 0);
			CU_ASSERT_EQUAL(stream_flush(out), 0);
			for (unsigned int n = 0; n <= i % 2; n++) {
				CU_ASSERT_EQUAL(stream_read(in, &type, &body, &len), 0);
				CU_ASSERT_TRUE(type == i + 1 && len == lengths[i]);
			}
		}
		alarm(0);
		stream_in_free(in);
		stream_out_free(out);
		close(fd[0]);
		close(fd[1]);
	}
}

static void *cancel(void *data)
{
	int left = 0, before = -1, *fd = data;

	/* Until the pipe is as full as it gets. */
	while (left != before || !left) {
		before = left;
		usleep(20000);
		ioctl(fd[0], FIONREAD, &left);
	}
	ctx.cancelled = 1;
	return NULL;
}

TEST(test_interrupted, "an interrupt is heard while a pipe is full, not read, or empty")
{
	static uint8_t body[1 << 20];
	struct iovec part = { body, sizeof(body) };
	struct stream_out *out;
	pthread_t other;
	int fd[2];

	alarm(60);
	for (size_t len = sizeof(body);; len = 100) {
		part.iov_len = len;
		CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
		CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd[1], "it", 0, &out), 0);
		pthread_create(&other, NULL, cancel, fd);
		/* Too much for the pipe; all of it in the pipe, and nobody takes it. */
		CU_ASSERT_EQUAL(stream_write(out, 1, &part, 1) ?: stream_finish(out), -EINTR);
		pthread_join(other, NULL);
		ctx.cancelled = 0;
		stream_out_free(out);
		close(fd[0]);
		close(fd[1]);
		if (len == 100)
			break;
	}
	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	ctx.cancelled = 1;
	CU_ASSERT_EQUAL(read_whole_or_cancel(&ctx, fd[0], body, 10), -EINTR);
	ctx.cancelled = 0;
	CU_ASSERT_EQUAL(write(fd[1], "12345", 5), 5);
	close(fd[1]);
	CU_ASSERT_EQUAL(read_whole_or_cancel(&ctx, fd[0], body, 10), 5);
	alarm(0);
	close(fd[0]);
}

/* With the sanitizer, whose allocator glibc knows nothing of, and without. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	struct mallinfo2 m;

	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

/* Dom0 is asked for so much before a guest stops: no more may be taken, however many the CPUs. */
static int last_end;

static void *finish_and_close(void *p)
{
	finish(p);
	close(last_end);
	return NULL;
}

TEST(test_too_late, "who has read the end out of a pipe does not give up any more")
{
	struct iovec part = { bodies[3], 20000 };
	struct stream_in *in;
	uint32_t type = RECORD_CONFIG;
	const void *body;
	struct piped p;
	pthread_t writer;
	size_t len;
	int fd[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	last_end = fd[1];
	CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd[1], "it", 0, &p.out), 0);
	CU_ASSERT_EQUAL(stream_write(p.out, RECORD_CONFIG, &part, 1), 0);
	alarm(60);
	pthread_create(&writer, NULL, finish_and_close, &p);
	CU_ASSERT_EQUAL_FATAL(stream_open(&ctx, fd[0], "it", "", 0, &in), 0);
	CU_ASSERT_FALSE(ctx.too_late);
	while (type != RECORD_END)
		CU_ASSERT_EQUAL_FATAL(stream_read(in, &type, &body, &len), 0);
	CU_ASSERT_TRUE(ctx.too_late);
	pthread_join(writer, NULL);
	alarm(0);
	ctx.too_late = false;
	stream_in_free(in);
	stream_out_free(p.out);
	close(fd[0]);
}

TEST(test_memory, "what writing takes")
{
	static uint32_t body[1 << 20];
	struct iovec part = { body, sizeof(body) };
	uint32_t x = 1;

	for (unsigned int threads = 0; threads <= 8; threads = threads ? threads * 2 : 1) {
		size_t before = allocated(), most = 0;
		int fd = fresh();
		struct stream_out *out;

		CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd, "it", threads, &out), 0);
		for (unsigned int n = 0; n < 16; n++) {
			size_t now;

			for (size_t i = 0; i < sizeof(body) / 4; i++)
				body[i] = x = x * 1664525 + 1013904223;
			CU_ASSERT_EQUAL(stream_write(out, RECORD_PAGES, &part, 1), 0);
			now = allocated() - before;
			most = now > most ? now : most;
		}
		CU_ASSERT_EQUAL(stream_finish(out), 0);
		CU_ASSERT_TRUE(most > 0 && most <= stream_memory(threads));
		if (most > stream_memory(threads))
			printf("\n%u threads: %zu", threads, most);
		stream_out_free(out);
		close(fd);
	}
	CU_ASSERT_TRUE(stream_memory(8) < 64 << 20);
}

SUITE("save stream")
