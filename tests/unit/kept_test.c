// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/kept.c libhvctl/save/known.c
// libs: -lsodium -Wl,--wrap=time,--wrap=fstatfs,--wrap=fstatfs64
//
// What is kept of a guest that has left: each page once, found by its digest and believed only when
// that has been computed anew; bounded by what is free, gone after its time, and nothing that a
// damaged file says is taken for true.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hypercall.h"
#include "kept.h"
#include "suite.h"

static struct hvctl_ctx ctx;
static const uint8_t uuid[16] = { 1, 2, 3 }, other[16] = { 9 };

/* ---- what it stands on ---- */

static time_t clock_says = 1000000;

time_t __wrap_time(time_t *t)
{
	return clock_says;
}

static uint64_t memory = 1ull << 40, disk = 1ull << 40;
static long kind;

uint64_t memory_available(void)
{
	return memory;
}

bool memory_fits(uint64_t bytes)
{
	return bytes <= memory / 2;
}

int __wrap_fstatfs(int fd, struct statfs *s)
{
	*s = (struct statfs){ .f_type = kind, .f_bsize = 4096, .f_blocks = disk / 4096,
			      .f_bavail = disk / 4096 };
	return 0;
}

int __wrap_fstatfs64(int fd, struct statfs *s)
{
	return __wrap_fstatfs(fd, s);
}

static uint8_t drawn;

int hvctl_random(struct hvctl_ctx *c, void *buf, size_t len)
{
	memset(buf, ++drawn, len);
	return 0;
}

void hvctl_uuid_text(const uint8_t u[16], char text[37])
{
	snprintf(text, 37, "%02x%02x%02x00-0000-0000-0000-000000000000", u[0], u[1], u[2]);
}

/* ---- */

static uint8_t page[FRAME_SIZE];

static const void *numbered(unsigned int n)
{
	memset(page, 0, sizeof(page));
	memcpy(page, &n, sizeof(n));
	memcpy(page + FRAME_SIZE - sizeof(n), &n, sizeof(n));
	return page;
}

static unsigned int files(void)
{
	char command[200];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", kept_directory);
	f = popen(command, "r");
	if (fscanf(f, "%u", &n) != 1)
		n = 999;
	pclose(f);
	return n;
}

/* Pages 0 to @n - 1 of a guest, each twice. */
static int keep(const uint8_t u[16], unsigned int n)
{
	struct kept k;
	int ret = kept_begin(&k, &ctx, u, 60, n);

	for (unsigned int i = 0; !ret && i < 2 * n; i++)
		ret = kept_add(&k, numbered(i / 2));
	if (ret >= 0 && kept_commit(&k))
		ret = -EIO;
	kept_close(&k);
	return ret;
}

static int has(const struct kept *k, unsigned int n)
{
	struct digest d = known_digest(&k->known, numbered(n));
	uint8_t got[FRAME_SIZE], want[FRAME_SIZE];
	int ret = kept_read(k, &d, got);

	memcpy(want, numbered(n), sizeof(want));
	CU_ASSERT_TRUE(ret || !memcmp(got, want, sizeof(got)));
	return ret;
}

/* The only file, opened for changes. */
static int the_file(char path[300])
{
	char command[200];
	FILE *f;

	snprintf(command, sizeof(command), "echo %s/*", kept_directory);
	f = popen(command, "r");
	if (fscanf(f, "%299s", path) != 1)
		*path = 0;
	pclose(f);
	return open(path, O_RDWR);
}

static void start(void)
{
	static char dir[] = "/tmp/annulus-kept-XXXXXX/kept";
	static bool made;

	if (!made) {
		dir[strlen(dir) - 5] = 0;
		CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
		dir[strlen(dir)] = '/';
		kept_directory = dir;
		made = true;
	}
	kept_remove(uuid);
	kept_remove(other);
}

TEST(test_kept, "each page once, and no other one")
{
	struct kept k;

	start();
	CU_ASSERT_EQUAL(kept_open(&k, uuid), -ENOENT);
	CU_ASSERT_EQUAL(keep(uuid, 300), 0);
	CU_ASSERT_EQUAL(files(), 1);
	CU_ASSERT_EQUAL(kept_open(&k, other), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(kept_open(&k, uuid), 0);
	CU_ASSERT_EQUAL(k.known.nr, 300);
	for (unsigned int i = 0; i < 300; i++)
		CU_ASSERT_EQUAL(has(&k, i), 0);
	CU_ASSERT_EQUAL(has(&k, 300), -ENOENT);
	kept_close(&k);
	/* Of the same guest there is one, under a key of its own. */
	CU_ASSERT_EQUAL(keep(uuid, 1), 0);
	CU_ASSERT_EQUAL(files(), 1);
	CU_ASSERT_EQUAL_FATAL(kept_open(&k, uuid), 0);
	CU_ASSERT_EQUAL(k.known.nr, 1);
	CU_ASSERT_EQUAL(k.known.key[0], drawn);
	kept_close(&k);
	CU_ASSERT_EQUAL(keep(other, 1), 0);
	CU_ASSERT_EQUAL(files(), 2);
	kept_remove(uuid);
	CU_ASSERT_EQUAL(kept_open(&k, uuid), -ENOENT);
	CU_ASSERT_EQUAL(kept_open(&k, other), 0);
	kept_close(&k);
	kept_remove(other);
	CU_ASSERT_EQUAL(files(), 0);
}

TEST(test_key, "under another key the same page has another digest")
{
	struct known a, b;
	struct digest x, y, z;

	CU_ASSERT_EQUAL_FATAL(known_begin(&a, 1), 0);
	CU_ASSERT_EQUAL_FATAL(known_begin(&b, 1), 0);
	memset(a.key, 1, sizeof(a.key));
	memset(b.key, 1, sizeof(b.key));
	b.key[KNOWN_KEY - 1] = 2;
	x = known_digest(&a, numbered(1));
	y = known_digest(&b, numbered(1));
	z = known_digest(&a, numbered(1));
	CU_ASSERT_TRUE(x.word[0] != y.word[0] && x.word[1] != y.word[1]);
	CU_ASSERT_FALSE(memcmp(&x, &z, sizeof(x)));
	/* The last byte counts. */
	page[FRAME_SIZE - 1] ^= 1;
	z = known_digest(&a, page);
	CU_ASSERT_TRUE(memcmp(&x, &z, sizeof(x)));
	/* No more than there is room for, and nothing twice. */
	CU_ASSERT_TRUE(known_add(&a, &x));
	CU_ASSERT_FALSE(known_add(&a, &x));
	CU_ASSERT_FALSE(known_add(&a, &y));
	known_end(&a);
	known_end(&b);
	CU_ASSERT_EQUAL(known_begin(&a, 1ull << 31), -ENOMEM);
	known_end(&a);
}

TEST(test_time, "after its time it does not count, and goes")
{
	struct kept k;
	time_t then = clock_says;

	start();
	CU_ASSERT_EQUAL(keep(uuid, 3), 0);
	clock_says = then + 59;
	CU_ASSERT_EQUAL(kept_open(&k, uuid), 0);
	kept_close(&k);
	clock_says = then + 60;
	CU_ASSERT_EQUAL(kept_open(&k, uuid), -ENOENT);
	CU_ASSERT_EQUAL(files(), 0);
	/* A clock that goes back makes nothing live for ever. */
	CU_ASSERT_EQUAL(keep(uuid, 3), 0);
	clock_says = then - 100000;
	kept_sweep();
	CU_ASSERT_EQUAL(files(), 0);
	clock_says = then;
	CU_ASSERT_EQUAL(kept_begin(&k, &ctx, uuid, 0, 1), -EINVAL);
	kept_close(&k);
	CU_ASSERT_EQUAL(kept_begin(&k, &ctx, uuid, KEPT_SECONDS_MAX + 1, 1), -EINVAL);
	kept_close(&k);
}

TEST(test_unfinished, "who is killed while it writes leaves nothing that counts, and not for long")
{
	struct kept k, l;
	time_t then = clock_says;

	start();
	CU_ASSERT_EQUAL(kept_begin(&k, &ctx, uuid, 60, 10), 0);
	CU_ASSERT_EQUAL(kept_add(&k, numbered(1)), 0);
	CU_ASSERT_EQUAL(kept_open(&l, uuid), -ENOENT);
	CU_ASSERT_EQUAL(files(), 1);
	clock_says = then + 60;
	kept_sweep();
	CU_ASSERT_EQUAL(files(), 0);
	kept_close(&k);
	clock_says = then;
	/* One that gives up takes it along. */
	CU_ASSERT_EQUAL(kept_begin(&k, &ctx, uuid, 60, 10), 0);
	kept_close(&k);
	CU_ASSERT_EQUAL(files(), 0);
}

TEST(test_room, "a quarter of what is free, and what has no room is left out")
{
	struct kept k;

	start();
	disk = 40 * (FRAME_SIZE + 16);
	disk += 4096 - disk % 4096;
	CU_ASSERT_EQUAL(keep(uuid, 30), 1);
	CU_ASSERT_EQUAL_FATAL(kept_open(&k, uuid), 0);
	CU_ASSERT_EQUAL(k.known.nr, 10);
	CU_ASSERT_EQUAL(has(&k, 9), 0);
	CU_ASSERT_EQUAL(has(&k, 10), -ENOENT);
	kept_close(&k);
	/* Files that are in memory take it from dom0. */
	disk = 1ull << 40;
	memory = 400 * (FRAME_SIZE + 16) + 100;
	for (unsigned int ram = 0; ram < 2; ram++) {
		kind = ram ? 0x858458f6 : 0x01021994;
		if (ram)
			disk = 0;
		CU_ASSERT_EQUAL(keep(uuid, 300), 1);
		CU_ASSERT_EQUAL_FATAL(kept_open(&k, uuid), 0);
		CU_ASSERT_EQUAL(k.known.nr, 100);
		kept_close(&k);
	}
	kind = 0;
	disk = memory = 1ull << 40;
}

TEST(test_damaged, "wherever a file was damaged or cut, no wrong page comes out of it")
{
	struct kept k;
	char path[300];
	struct stat st;
	int fd, fine = 0, wrong = 0;

	start();
	srand(1);
	for (unsigned int i = 0; i < 200; i++) {
		uint8_t byte;
		off_t at;

		CU_ASSERT_EQUAL(keep(uuid, 3), 0);
		fd = the_file(path);
		CU_ASSERT_FATAL(fd >= 0);
		fstat(fd, &st);
		/* Half of them in what is not pages. */
		at = i % 2 ? rand() % st.st_size
		     : i % 4 ? rand() % 88 : st.st_size - 1 - rand() % 48;
		CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
		byte ^= (uint8_t)(1u << rand() % 8);
		CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		if (kept_open(&k, uuid)) {
			CU_ASSERT_EQUAL(files(), 0);
			wrong++;
			continue;
		}
		for (unsigned int n = 0; n < 3; n++) {
			int ret = has(&k, n);

			CU_ASSERT_TRUE(!ret || ret == -EBADMSG);
			fine += !ret;
			wrong += ret == -EBADMSG;
		}
		kept_close(&k);
	}
	CU_ASSERT_TRUE(fine > 100);
	CU_ASSERT_TRUE(wrong > 100);
	for (off_t len = 0; len < st.st_size; len += 509) {
		CU_ASSERT_EQUAL(keep(uuid, 3), 0);
		fd = the_file(path);
		CU_ASSERT_EQUAL(ftruncate(fd, len), 0);
		close(fd);
		CU_ASSERT_EQUAL(kept_open(&k, uuid), -EBADMSG);
		CU_ASSERT_EQUAL(files(), 0);
	}
	/* A page that was cut off behind the reader's back. */
	CU_ASSERT_EQUAL(keep(uuid, 3), 0);
	CU_ASSERT_EQUAL_FATAL(kept_open(&k, uuid), 0);
	fd = the_file(path);
	CU_ASSERT_EQUAL(ftruncate(fd, 3 * FRAME_SIZE), 0);
	close(fd);
	CU_ASSERT_EQUAL(has(&k, 1), 0);
	CU_ASSERT_EQUAL(has(&k, 2), -EBADMSG);
	kept_close(&k);
	kept_remove(uuid);
	rmdir(kept_directory);
	*strrchr((char *)(uintptr_t)kept_directory, '/') = 0;
	rmdir(kept_directory);
}

SUITE("kept")
