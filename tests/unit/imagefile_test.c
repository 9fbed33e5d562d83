// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/imagefile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// bits: 64 32
/*
 * Kernels and ramdisks as files: those that change while they are read, those that are too large
 * for their domain, and those that unpack to more than that, whatever they say. The file is changed
 * at the moment at which the library tells of its progress.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "imagefile.h"

static struct hvctl_ctx *ctx;
static char path[] = "/tmp/imagefile-test-XXXXXX";

static int set_up(void)
{
	int fd = mkstemp(path);

	ctx = hvctl_open();
	if (!ctx || fd < 0)
		return 1;
	close(fd);
	return 0;
}

static int tear_down(void)
{
	hvctl_close(ctx);
	unlink(path);
	return 0;
}

static void make_file(size_t mib)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)mib << 20), 0);
	CU_ASSERT_EQUAL(pwrite(fd, "begin", 5, 0), 5);
	close(fd);
}

#define SAYS(part)                                                                          \
	do {                                                                                \
		if (!strstr(hvctl_error(ctx), part))                                        \
			printf("\n    got %s, expected %s ", hvctl_error(ctx), part);       \
		CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), part));                     \
	} while (0)

static void test_open(void)
{
	struct image_file file = IMAGE_FILE_CLOSED;

	CU_ASSERT_EQUAL(image_open(ctx, "kernel", "/none", 16, &file), -ENOENT);
	SAYS("correct 'kernel'");
	CU_ASSERT_EQUAL(image_open(ctx, "kernel", "/tmp", 16, &file), -EINVAL);
	SAYS("is not a file");
	/* Not waited for, as a pipe would be. */
	unlink(path);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(image_open(ctx, "ramdisk", path, 16, &file), -EINVAL);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	CU_ASSERT_EQUAL(image_open(ctx, "ramdisk", path, 16, &file), -EINVAL);
	SAYS("is empty");
	CU_ASSERT_EQUAL(file.fd, -1);

	/* No larger than the domain. */
	make_file(16);
	CU_ASSERT_EQUAL(image_open(ctx, "ramdisk", path, 15, &file), -EFBIG);
	SAYS("memory = 15 is too little for the ramdisk /tmp/imagefile-test");
	SAYS("a file of 16 MiB; raise 'memory'");
	CU_ASSERT_EQUAL(image_open(ctx, "ramdisk", path, 16, &file), 0);
	image_close(&file);
	image_close(&file);
}

/* What happens to the file at the how many'th look at it. */
static unsigned int countdown;
static void (*mischief)(void);

static void on_progress(void *data, const char *step, unsigned int percent)
{
	(void)data;
	(void)step;
	(void)percent;
	if (countdown && !--countdown)
		mischief();
}

static void cut_off(void)
{
	CU_ASSERT_EQUAL(truncate(path, 5 << 20), 0);
}

/* The length stays, the time does not. */
static void write_on(void)
{
	int fd = open(path, O_WRONLY);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };

	CU_ASSERT_EQUAL(pwrite(fd, "other", 5, 0), 5);
	CU_ASSERT_EQUAL(futimens(fd, times), 0);
	close(fd);
}

static void grow(void)
{
	CU_ASSERT_EQUAL(truncate(path, 9 << 20), 0);
}

static void replace(void)
{
	char other[64];

	snprintf(other, sizeof(other), "%s.new", path);
	close(open(other, O_CREAT | O_WRONLY, 0600));
	CU_ASSERT_EQUAL(rename(other, path), 0);
}

static void give_up(void)
{
	hvctl_cancel(ctx);
}

static void test_change(void)
{
	static void (*const all[])(void) = { cut_off, write_on, grow };
	struct image_file file;
	char byte;
	void *data;
	size_t len;

	hvctl_set_progress(ctx, on_progress, NULL);
	for (unsigned int i = 0; i < 3; i++) {
		make_file(8);
		mischief = all[i];
		countdown = 3;
		CU_ASSERT_EQUAL(image_open(ctx, "kernel", path, 16, &file), 0);
		CU_ASSERT_EQUAL(image_load(&file, &data, &len), -ESTALE);
		SAYS("changed while it was read; try again");
		CU_ASSERT_EQUAL(image_same(&file), -ESTALE);
		image_close(&file);
	}
	/* Another file of its name is not it. */
	make_file(8);
	mischief = replace;
	countdown = 3;
	CU_ASSERT_EQUAL(image_open(ctx, "kernel", path, 16, &file), 0);
	data = NULL;
	if (image_load(&file, &data, &len) == 0) {
		CU_ASSERT_EQUAL(len, 8 << 20);
		CU_ASSERT_EQUAL(memcmp(data, "begin", 6), 0);
	}
	free(data);
	image_close(&file);

	/* A piece that is no longer there. */
	make_file(8);
	CU_ASSERT_EQUAL(image_open(ctx, "ramdisk", path, 16, &file), 0);
	CU_ASSERT_EQUAL(image_read(&file, (8 << 20) - 1, &byte, 1), 0);
	CU_ASSERT_EQUAL(image_same(&file), 0);
	cut_off();
	CU_ASSERT_EQUAL(image_read(&file, 0, &byte, 1), 0);
	CU_ASSERT_EQUAL(image_read(&file, (8 << 20) - 1, &byte, 1), -ESTALE);
	SAYS("the ramdisk");
	image_close(&file);

	make_file(8);
	mischief = give_up;
	countdown = 2;
	CU_ASSERT_EQUAL(image_open(ctx, "kernel", path, 16, &file), 0);
	CU_ASSERT_EQUAL(image_load(&file, &data, &len), -EINTR);
	ctx->cancelled = 0;
	CU_ASSERT_EQUAL(image_load(&file, &data, &len), 0);
	CU_ASSERT_EQUAL(len, 8 << 20);
	free(data);
	image_close(&file);
	hvctl_set_progress(ctx, NULL, NULL);
}

/* @mib of zeros, by gzip. */
static size_t pack_gzip(uint8_t *out, size_t room, size_t mib)
{
	static uint8_t zeros[1 << 20];
	z_stream z = { .next_out = out, .avail_out = room };

	CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t i = 0; i < mib; i++) {
		z.next_in = zeros;
		z.avail_in = sizeof(zeros);
		CU_ASSERT_EQUAL(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void test_unpack(void)
{
	enum { ROOM = 1 << 20 };
	uint8_t *packed = malloc(ROOM), *elf = NULL;
	struct pv_payload payload = { .data = packed, .packed = true };
	size_t len;

	payload.len = pack_gzip(packed, ROOM, 64);
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 64, &elf, &len), 0);
	CU_ASSERT_EQUAL(len, 64u << 20);
	free(elf);
	/* More than the domain has: nothing is unpacked. */
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 48, &elf, &len), -EFBIG);
	SAYS("memory = 48 is too little for kernel /k, which unpacks to 64 MiB; raise 'memory'");
	/* A little more: a stream of whole blocks might, this one does not fit. */
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 60, &elf, &len), -EFBIG);
	SAYS("memory = 60 is too little for kernel /k, which unpacks to 64 MiB");
	payload.unpacked_size = 64 << 20;
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 63, &elf, &len), -EFBIG);
	SAYS("memory = 63 is too little");
	/* It says less than it has, in the kernel's header or by itself. */
	payload.unpacked_size = 1 << 20;
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 1024, &elf, &len), -EFBIG);
	SAYS("unpacks to more than it says");
	payload.unpacked_size = 0;
	memcpy(packed + payload.len - 4, "\0\0\20\0", 4);
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 1024, &elf, &len), -EFBIG);
	SAYS("unpacks to more than it says");
	/* It says more than anybody has. */
	memcpy(packed + payload.len - 4, "\377\377\377\377", 4);
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 1 << 20, &elf, &len), -EFBIG);
	SAYS("more than 1 GiB");
	memset(packed + payload.len - 4, 0, 4);
	CU_ASSERT_EQUAL(image_unpack(ctx, "/k", &payload, 64, &elf, &len), -ENOEXEC);
	SAYS("does not say its unpacked size");
	free(packed);
}

/* A sparse file costs its owner nothing: neither 1 GiB of it nor all of dom0's memory is taken. */
static void test_bounds(void)
{
	struct image_file file;
	void *data;
	size_t len;

	CU_ASSERT_TRUE(memory_fits_in(64 << 20, 128 << 20));
	CU_ASSERT_FALSE(memory_fits_in((64 << 20) + 1, 128 << 20));
	CU_ASSERT_TRUE(memory_fits_in(64 << 20, 0));
	CU_ASSERT_FALSE(memory_fits_in(UINT64_MAX, 0));
	for (unsigned int i = 0; i < 3; i++) {
		char *text = strdup(i == 2 ? "MemTotal: 8 kB\n" : i ? "MemAvailable: 0 kB\n" :
				    "MemTotal: 8 kB\nMemAvailable: 128 kB\n");
		FILE *f = fmemopen(text, strlen(text), "r");
		uint64_t available = memory_available_in(f);

		/* That there is nothing left is not that nobody knows. */
		CU_ASSERT_EQUAL(memory_fits_in(64 << 10, available), i != 1);
		CU_ASSERT_EQUAL(memory_fits_in(128 << 10, available), i == 2);
		fclose(f);
		free(text);
	}

	make_file(1);
	CU_ASSERT_EQUAL(truncate(path, (1 << 30) + 1), 0);
	CU_ASSERT_EQUAL(image_open(ctx, "kernel", path, 1025, &file), 0);
	/* Ends with a word about the size, before anything is read or asked for. */
	ctx->cancelled = 1;
	CU_ASSERT_EQUAL(image_load(&file, &data, &len), -EFBIG);
	ctx->cancelled = 0;
	SAYS("the kernel /tmp/imagefile-test");
	SAYS("has more than 1 GiB; give another");
	image_close(&file);
}

/* What the file, as an entry of the cache, has for @payload. */
static void *cached(const char *payload, size_t payload_len, size_t *len)
{
	int fd = open(path, O_RDONLY);
	void *elf = kcache_load(fd, payload, payload_len, 1 << 20, len);

	close(fd);
	return elf;
}

/* A file's device, inode, size and times may be another's, its bytes are not. */
static void test_cache(void)
{
	static const char elf[] = "what it unpacks to";
	size_t len = 0;
	void *got;
	int fd;

	make_file(1);
	fd = open(path, O_WRONLY | O_TRUNC);
	CU_ASSERT_TRUE(kcache_save(fd, "kernel of A", 11, elf, sizeof(elf)));
	close(fd);
	got = cached("kernel of A", 11, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	CU_ASSERT_EQUAL(len, sizeof(elf));
	CU_ASSERT_EQUAL(memcmp(got, elf, sizeof(elf)), 0);
	free(got);
	CU_ASSERT_PTR_NULL(cached("kernel of B", 11, &len));
	CU_ASSERT_PTR_NULL(cached("kernel of ", 10, &len));
	CU_ASSERT_PTR_NULL(cached("kernel of A\2", 12, &len));
	/* Cut off, within the packed kernel too. */
	CU_ASSERT_EQUAL(truncate(path, 8 + 11 + 8), 0);
	CU_ASSERT_PTR_NULL(cached("kernel of A", 11, &len));
	CU_ASSERT_EQUAL(truncate(path, 8 + 5), 0);
	CU_ASSERT_PTR_NULL(cached("kernel of A", 11, &len));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "opening", test_open },
		{ "files that change", test_change },
		{ "unpacking", test_unpack },
		{ "the cache of kernels", test_cache },
		{ "bounds", test_bounds },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = { { "imagefile", set_up, tear_down, NULL, NULL, tests },
				  CU_SUITE_INFO_NULL };
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
