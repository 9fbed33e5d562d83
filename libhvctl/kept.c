// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "hypercall.h"

#define MAGIC	"Annulus keeps\r\n"
#define VERSION 1u
#define BATCH	64u /* pages that are written at a time */
#define UUID	36u

/* A page, then the kept pages, then their digests. */
struct header {
	char magic[16];
	uint32_t version, zero;
	uint64_t expires, pages;
	uint8_t key[KNOWN_KEY];
	uint64_t hash; /* XXH3 of what stands before it, and of the digests */
};

const char *kept_directory = "/var/lib/annulus/kept";

static uint64_t now(void)
{
	return (uint64_t)time(NULL);
}

/* ---- the directory: files are called UUID.SECONDS, with .new while they are written ---- */

/* When the file of this name expires; 0: nobody of ours called it so. */
static uint64_t expires(const char *name)
{
	char *end;
	uint64_t at;

	if (strlen(name) <= UUID + 1 || name[UUID] != '.' || name[UUID + 1] < '0' ||
	    name[UUID + 1] > '9')
		return 0;
	at = strtoull(name + UUID + 1, &end, 10);
	return !*end || !strcmp(end, ".new") ? at : 0;
}

static bool counts(const char *name)
{
	uint64_t at = expires(name);

	/* A clock that was set back does not make it live on. */
	return at > now() && at <= now() + KEPT_SECONDS_MAX;
}

/* Remove what does not count, and all of @uuid (NULL: nobody's). */
static void sweep(const char *uuid)
{
	DIR *dir = opendir(kept_directory);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' &&
		    (!counts(e->d_name) || (uuid && !strncmp(e->d_name, uuid, UUID))))
			unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
}

void kept_sweep(void)
{
	sweep(NULL);
}

void kept_remove(const uint8_t uuid[16])
{
	char text[UUID + 1];

	hvctl_uuid_text(uuid, text);
	sweep(text);
}

static int make_directory(void)
{
	char path[128];
	char *slash;

	if (snprintf(path, sizeof(path), "%s", kept_directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	slash = strrchr(path, '/');
	*slash = 0;
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	*slash = '/';
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* ---- writing ---- */

/* Pages that there is room for: a quarter of what is free. */
static uint64_t room(int fd)
{
	struct statfs s;
	uint64_t bytes, memory;

	if (fstatfs(fd, &s))
		return 0;
	bytes = (uint64_t)s.f_bavail * (uint64_t)s.f_bsize / 4;
	if (s.f_type == TMPFS_MAGIC || s.f_type == RAMFS_MAGIC) {
		memory = memory_available() / 4;
		/* The simplest of them have no figures. */
		if (!s.f_blocks || bytes > memory)
			bytes = memory;
	}
	return bytes / (FRAME_SIZE + sizeof(struct digest));
}

int kept_begin(struct kept *k, struct hvctl_ctx *ctx, const uint8_t uuid[16], unsigned int seconds,
	       uint64_t pages)
{
	char path[sizeof(k->path) + 8], text[UUID + 1];
	int error;

	*k = (struct kept){ .fd = -1 };
	if (!seconds || seconds > KEPT_SECONDS_MAX)
		return -EINVAL;
	error = make_directory();
	if (error)
		return error;
	kept_remove(uuid);
	hvctl_uuid_text(uuid, text);
	k->expires = now() + seconds;
	snprintf(k->path, sizeof(k->path), "%s/%s.%llu", kept_directory, text,
		 (unsigned long long)k->expires);
	snprintf(path, sizeof(path), "%s.new", k->path);
	k->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->fd < 0)
		return -errno;
	k->room = room(k->fd);
	error = known_begin(&k->known, pages < k->room ? pages : k->room);
	if (!error)
		error = hvctl_random(ctx, k->known.key, sizeof(k->known.key));
	k->buffer = malloc((size_t)BATCH * FRAME_SIZE);
	return error ? error : k->buffer ? 0 : -ENOMEM;
}

static int write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_out(struct kept *k)
{
	int error = write_at(k->fd, k->buffer, (size_t)k->waiting * FRAME_SIZE,
			     (k->written + 1) * FRAME_SIZE);

	k->written += k->waiting;
	k->waiting = 0;
	return error;
}

int kept_add(struct kept *k, const void *page)
{
	struct digest d = known_digest(&k->known, page);
	uint32_t at;

	if (known_find(&k->known, &d, &at))
		return 0;
	if (!known_add(&k->known, &d))
		return 1;
	memcpy(k->buffer + (size_t)k->waiting++ * FRAME_SIZE, page, FRAME_SIZE);
	return k->waiting == BATCH ? write_out(k) : 0;
}

static uint64_t header_hash(const struct header *h, const struct digest *d)
{
	XXH3_state_t *state = XXH3_createState();
	uint64_t hash = 0;

	if (!state)
		return 0;
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, h, offsetof(struct header, hash));
	XXH3_64bits_update(state, d, h->pages * sizeof(*d));
	hash = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return hash;
}

int kept_commit(struct kept *k)
{
	struct header h = { .magic = MAGIC, .version = VERSION, .expires = k->expires,
			    .pages = k->known.nr };
	char path[sizeof(k->path) + 8];
	int error = write_out(k);

	memcpy(h.key, k->known.key, sizeof(h.key));
	h.hash = header_hash(&h, k->known.digest);
	if (!error)
		error = write_at(k->fd, k->known.digest, k->known.nr * sizeof(struct digest),
				 (k->written + 1) * FRAME_SIZE);
	if (!error)
		error = write_at(k->fd, &h, sizeof(h), 0);
	snprintf(path, sizeof(path), "%s.new", k->path);
	if (!error && rename(path, k->path))
		error = -errno;
	return error;
}

void kept_forget_later(const struct kept *k)
{
	char seconds[24];
	pid_t pid = fork();

	if (pid) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return;
	}
	/* Nobody waits for the one that stays. */
	if (fork())
		_exit(0);
	setsid();
	snprintf(seconds, sizeof(seconds), "%llu",
		 (unsigned long long)(k->expires > now() ? k->expires - now() : 0));
	if (!freopen("/dev/null", "r", stdin) || dup2(0, 1) < 0 || dup2(0, 2) < 0)
		_exit(1);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	execl("/bin/sh", "sh", "-c", "sleep \"$1\"; rm -f \"$2\"", "sh", seconds, k->path,
	      (char *)NULL);
	_exit(1);
}

/* ---- reading ---- */

static int read_at(int fd, void *data, size_t len, uint64_t offset)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_digests(struct kept *k, const struct header *h)
{
	struct digest *d = malloc((size_t)h->pages * sizeof(*d) + 1);
	int error = d ? read_at(k->fd, d, (size_t)h->pages * sizeof(*d),
				(h->pages + 1) * FRAME_SIZE)
		      : -ENOMEM;

	if (!error && header_hash(h, d) != h->hash)
		error = -EBADMSG;
	for (uint64_t i = 0; !error && i < h->pages; i++)
		if (!known_add(&k->known, &d[i]))
			error = -EBADMSG;
	free(d);
	return error;
}

static int open_file(struct kept *k, int dir, const char *name)
{
	struct header h;
	struct stat st;
	int error;

	k->fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (k->fd < 0 || fstat(k->fd, &st))
		return -errno;
	error = read_at(k->fd, &h, sizeof(h), 0);
	if (!error && (memcmp(h.magic, MAGIC, sizeof(h.magic)) || h.version != VERSION ||
		       h.expires != expires(name) ||
		       h.pages > (uint64_t)st.st_size / (FRAME_SIZE + sizeof(struct digest))))
		error = -EBADMSG;
	if (!error)
		error = known_begin(&k->known, h.pages);
	if (!error) {
		memcpy(k->known.key, h.key, sizeof(h.key));
		error = read_digests(k, &h);
	}
	return error;
}

int kept_open(struct kept *k, const uint8_t uuid[16])
{
	char text[UUID + 1];
	struct dirent *e;
	int error = -ENOENT;
	DIR *dir;

	*k = (struct kept){ .fd = -1 };
	kept_sweep();
	hvctl_uuid_text(uuid, text);
	dir = opendir(kept_directory);
	while (dir && error == -ENOENT && (e = readdir(dir)))
		if (!strncmp(e->d_name, text, UUID) && counts(e->d_name) &&
		    !strchr(e->d_name + UUID + 1, '.'))
			error = open_file(k, dirfd(dir), e->d_name);
	if (dir)
		closedir(dir);
	if (error)
		kept_close(k);
	if (error == -EBADMSG)
		kept_remove(uuid);
	return error;
}

int kept_read(const struct kept *k, const struct digest *d, void *page)
{
	struct digest is;
	uint32_t at;
	int error;

	if (!known_find(&k->known, d, &at))
		return -ENOENT;
	error = read_at(k->fd, page, FRAME_SIZE, (at + 1ull) * FRAME_SIZE);
	if (error)
		return error;
	/* What counts is what is in the file now, whatever somebody did to it. */
	is = known_digest(&k->known, page);
	return memcmp(&is, d, sizeof(is)) ? -EBADMSG : 0;
}

void kept_close(struct kept *k)
{
	char path[sizeof(k->path) + 8];

	if (k->path[0]) {
		snprintf(path, sizeof(path), "%s.new", k->path);
		unlink(path);
	}
	if (k->fd >= 0)
		close(k->fd);
	free(k->buffer);
	known_end(&k->known);
	*k = (struct kept){ .fd = -1 };
}
