// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kcache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/unpack.h"
#include "internal.h"
#include "write_all.h"

#define DIRECTORY	"/run/hvctl"
#define PREFIX		"kernel-"
#define ENTRIES		2
#define BLOCK		(8u << 20)	/* the lz4 legacy frame's, which unpack() reads */

static void *take(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static void give(void *context, void *p)
{
	(void)context;
	free(p);
}

static const struct unpack_alloc heap = { take, give, NULL };

void kcache_key(const struct stat *st, char key[KCACHE_KEY_MAX])
{
	snprintf(key, KCACHE_KEY_MAX, PREFIX "%llx-%llx-%llx-%llx.%lx-%llx.%lx",
		 (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
		 (unsigned long)st->st_mtim.tv_nsec, (unsigned long long)st->st_ctim.tv_sec,
		 (unsigned long)st->st_ctim.tv_nsec);
}

/* All of a file of @size bytes in heap memory, or NULL. Not mapped: it may be cut off meanwhile. */
static void *read_all(int fd, size_t size)
{
	char *data = malloc(size);
	size_t at = 0;

	while (data && at < size) {
		ssize_t n = read(fd, data + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(data);
			return NULL;
		}
		at += (size_t)n;
	}
	return data;
}

static void *unpack_entry(const void *packed, size_t packed_len, uint64_t most, size_t *len)
{
	uint64_t size = unpack_size(packed, packed_len, &heap);
	const char *why;
	void *elf;
	int64_t n;

	/* The size is one in whole blocks. */
	if (!size || size > most + BLOCK)
		return NULL;
	if (size > most)
		size = most;
	elf = memory_fits(size) ? malloc((size_t)size) : NULL;
	if (!elf)
		return NULL;
	n = unpack(packed, packed_len, elf, (size_t)size, &heap, &why);
	if (n <= 0) {
		free(elf);
		return NULL;
	}
	*len = (size_t)n;
	return elf;
}

/* Whether what comes next from @fd is the @len bytes of @data. */
static bool same(int fd, const void *data, size_t len)
{
	const char *p = data;
	char piece[4096];

	while (len) {
		ssize_t n = read(fd, piece, len < sizeof(piece) ? len : sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || memcmp(piece, p, (size_t)n))
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

void *kcache_load(int fd, const void *payload, size_t payload_len, uint64_t most, size_t *len)
{
	const uint64_t payload_size = payload_len;
	const size_t before = sizeof(payload_size) + payload_len;
	void *packed, *elf;
	struct stat st;
	size_t rest;

	if (fstat(fd, &st) || (uint64_t)st.st_size < (uint64_t)before + 8 ||
	    (uint64_t)st.st_size - before > most + most / 128 + BLOCK)
		return NULL;
	rest = (size_t)((uint64_t)st.st_size - before);
	if (!memory_fits(rest) || !same(fd, &payload_size, sizeof(payload_size)) ||
	    !same(fd, payload, payload_len))
		return NULL;
	packed = read_all(fd, rest);
	elf = packed ? unpack_entry(packed, rest, most, len) : NULL;
	free(packed);
	return elf;
}

void *kcache_get(const char *key, const void *payload, size_t payload_len, uint64_t most,
		 size_t *len)
{
	char path[sizeof(DIRECTORY) + KCACHE_KEY_MAX];
	void *elf = NULL;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), DIRECTORY "/%s", key);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	/* Only what root wrote is believed. */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_uid)
		elf = kcache_load(fd, payload, payload_len, most, len);
	close(fd);
	return elf;
}

/* Remove the oldest entries until there is room for one more. */
static void make_room(void)
{
	char oldest[300], path[300];
	unsigned int count;

	do {
		DIR *dir = opendir(DIRECTORY);
		struct timespec age = { 0, 0 };
		struct dirent *d;
		struct stat st;

		if (!dir)
			return;
		oldest[0] = 0;
		count = 0;
		while ((d = readdir(dir))) {
			if (strncmp(d->d_name, PREFIX, sizeof(PREFIX) - 1))
				continue;
			snprintf(path, sizeof(path), DIRECTORY "/%s", d->d_name);
			if (lstat(path, &st))
				continue;
			count++;
			if (!oldest[0] || st.st_mtim.tv_sec < age.tv_sec) {
				strcpy(oldest, path);
				age = st.st_mtim;
			}
		}
		closedir(dir);
		if (count >= ENTRIES && unlink(oldest))
			return;
	} while (count > ENTRIES);
}

static bool write_frame(int fd, const char *elf, size_t len)
{
	static const uint8_t magic[4] = { 0x02, 0x21, 0x4c, 0x18 };
	char *packed = malloc((size_t)LZ4_compressBound((int)BLOCK));
	bool good = packed && !write_all(fd, magic, sizeof(magic));

	while (good && len) {
		size_t piece = len > BLOCK ? BLOCK : len;
		int n = LZ4_compress_default(elf, packed, (int)piece,
					     LZ4_compressBound((int)BLOCK));
		uint32_t size = (uint32_t)n;

		good = n > 0 && !write_all(fd, &size, sizeof(size)) &&
		       !write_all(fd, packed, size);
		elf += piece;
		len -= piece;
	}
	free(packed);
	return good;
}

bool kcache_save(int fd, const void *payload, size_t payload_len, const void *elf, size_t len)
{
	const uint64_t payload_size = payload_len;

	return !write_all(fd, &payload_size, sizeof(payload_size)) &&
	       !write_all(fd, payload, payload_len) && write_frame(fd, elf, len);
}

void kcache_put(const char *key, const void *payload, size_t payload_len, const void *elf,
		size_t len)
{
	char path[sizeof(DIRECTORY) + KCACHE_KEY_MAX], temporary[32];
	int fd;

	/* The next domain needs the kernel unpacked and its packed form in memory at once. */
	if (memory_available() < 3 * (uint64_t)len + payload_len)
		return;
	snprintf(path, sizeof(path), DIRECTORY "/%s", key);
	/* It was looked at and did not serve: the kernel is another, or the entry is damaged. */
	(void)!unlink(path);
	make_room();
	/* Without a name until it is complete, so that whoever is killed here leaves nothing. */
	fd = open(DIRECTORY, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	snprintf(temporary, sizeof(temporary), "/proc/self/fd/%d", fd);
	if (kcache_save(fd, payload, payload_len, elf, len))
		(void)!linkat(AT_FDCWD, temporary, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	close(fd);
}
