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
#include <sys/mman.h>
#include <unistd.h>

#include "boot/unpack.h"

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

void *kcache_get(const char *key, size_t *len)
{
	char path[sizeof(DIRECTORY) + KCACHE_KEY_MAX];
	void *packed, *elf = NULL;
	struct stat st;
	uint64_t size;
	const char *why;
	int fd;

	snprintf(path, sizeof(path), DIRECTORY "/%s", key);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	/* Only what root wrote is believed. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid || st.st_size < 8) {
		close(fd);
		return NULL;
	}
	packed = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (packed == MAP_FAILED)
		return NULL;
	size = unpack_size(packed, (size_t)st.st_size, &heap);
	if (size && size <= 1u << 30)
		elf = malloc(size);
	if (elf) {
		int64_t n = unpack(packed, (size_t)st.st_size, elf, size, &heap, &why);

		*len = (size_t)n;
		if (n <= 0) {
			free(elf);
			elf = NULL;
			unlink(path);
		}
	}
	munmap(packed, (size_t)st.st_size);
	return elf;
}

/* MemAvailable in bytes, 0 if the kernel does not tell. */
static uint64_t available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib << 10;
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

static bool write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_frame(int fd, const char *elf, size_t len)
{
	static const uint8_t magic[4] = { 0x02, 0x21, 0x4c, 0x18 };
	char *packed = malloc((size_t)LZ4_compressBound((int)BLOCK));
	bool good = packed && write_all(fd, magic, sizeof(magic));

	while (good && len) {
		size_t piece = len > BLOCK ? BLOCK : len;
		int n = LZ4_compress_default(elf, packed, (int)piece,
					     LZ4_compressBound((int)BLOCK));
		uint32_t size = (uint32_t)n;

		good = n > 0 && write_all(fd, &size, sizeof(size)) &&
		       write_all(fd, packed, size);
		elf += piece;
		len -= piece;
	}
	free(packed);
	return good;
}

void kcache_put(const char *key, const void *elf, size_t len)
{
	char path[sizeof(DIRECTORY) + KCACHE_KEY_MAX], temporary[sizeof(DIRECTORY) + 32];
	int fd;

	/* The next domain needs the kernel unpacked and its packed form in memory at once. */
	if (available() < 3 * (uint64_t)len)
		return;
	snprintf(path, sizeof(path), DIRECTORY "/%s", key);
	if (!access(path, F_OK))
		return;
	make_room();
	snprintf(temporary, sizeof(temporary), DIRECTORY "/new-%ld", (long)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (!write_frame(fd, elf, len) || rename(temporary, path))
		unlink(temporary);
	close(fd);
}
