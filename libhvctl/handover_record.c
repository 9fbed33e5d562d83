// SPDX-License-Identifier: LGPL-2.1-or-later
#include "handover_record.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * One line for each field, in this order, and the end. A record is written in one call into a new
 * file, which then takes the old one's place.
 */
#define FORM	"annulus handover 1\nstate %s\ndomain %u\nuuid %s\nname %s\npeer %s\nend\n"
#define MOST	(HVCTL_NAME_MAX + HANDOVER_PEER_MAX + 256)

int handover_token(char token[HANDOVER_TOKEN_LEN + 1])
{
	uint8_t bytes[HANDOVER_TOKEN_LEN / 2];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EAGAIN;
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

bool handover_token_valid(const char *token)
{
	return strspn(token, "0123456789abcdef") == HANDOVER_TOKEN_LEN &&
	       !token[HANDOVER_TOKEN_LEN];
}

static void uuid_text(const uint8_t uuid[16], char text[33])
{
	int i;

	for (i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

static bool uuid_read(uint8_t uuid[16], const char *text)
{
	int i;

	if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
		return false;
	for (i = 0; i < 16; i++) {
		const char byte[3] = { text[2 * i], text[2 * i + 1], 0 };

		uuid[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

/* The value behind "@key " on the line at *@at, which then stands at the next one. NULL: not so. */
static char *field(char **at, const char *key)
{
	size_t len = strlen(key);
	char *value = *at, *end = strchr(*at, '\n');

	if (!end || strncmp(value, key, len) || value[len] != ' ')
		return NULL;
	*end = 0;
	*at = end + 1;
	return value + len + 1;
}

static bool parse(struct handover_record *r, char *text)
{
	char *version = field(&text, "annulus"), *state, *domid, *uuid, *name, *peer, *end;
	unsigned long number;

	if (!version || strcmp(version, "handover 1"))
		return false;
	state = field(&text, "state");
	domid = state ? field(&text, "domain") : NULL;
	uuid = domid ? field(&text, "uuid") : NULL;
	name = uuid ? field(&text, "name") : NULL;
	peer = name ? field(&text, "peer") : NULL;
	if (!peer || strcmp(text, "end\n") || strlen(name) >= sizeof(r->name) ||
	    strlen(peer) >= sizeof(r->peer) || !uuid_read(r->uuid, uuid))
		return false;
	errno = 0;
	number = strtoul(domid, &end, 10);
	if (!isdigit((unsigned char)domid[0]) || *end || errno || number > UINT16_MAX)
		return false;
	r->domid = (uint32_t)number;
	r->state = handover_state_named(state);
	if (r->state == HANDOVER_STATES || r->state == HANDOVER_NONE)
		return false;
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->peer, sizeof(r->peer), "%s", peer);
	return true;
}

static int load(struct handover_record *r)
{
	char text[MOST + 1];
	int fd = openat(r->dir, r->token, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	r->state = HANDOVER_NONE;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, text, MOST);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = 0;
	return strlen(text) == (size_t)n && parse(r, text) ? 0 : -EINVAL;
}

/* Names of the files beside a record: what holds it, and what becomes it. */
static void beside(const struct handover_record *r, const char *what,
		   char name[HANDOVER_TOKEN_LEN + 8])
{
	snprintf(name, HANDOVER_TOKEN_LEN + 8, "%s.%s", r->token, what);
}

/* Whether the lock that was waited for still is the file that others wait for. */
static bool is_file(int dir, const char *name, int fd)
{
	struct stat here, there;

	return !fstat(fd, &here) && !fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

int handover_record_open(struct handover_record *r, int dir, const char *token)
{
	char lock[HANDOVER_TOKEN_LEN + 8];
	int error;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->dir = dir;
	if (!handover_token_valid(token))
		return -EINVAL;
	memcpy(r->token, token, sizeof(r->token));
	beside(r, "lock", lock);
	for (;;) {
		r->fd = openat(dir, lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (r->fd < 0)
			return -errno;
		while (flock(r->fd, LOCK_EX)) {
			if (errno == EINTR)
				continue;
			error = -errno;
			close(r->fd);
			r->fd = -1;
			return error;
		}
		/* Whoever had it may have forgotten the record, and the lock with it. */
		if (is_file(dir, lock, r->fd))
			break;
		close(r->fd);
	}
	error = load(r);
	if (error)
		handover_record_close(r);
	return error;
}

int handover_record_peek(struct handover_record *r, int dir, const char *token)
{
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->dir = dir;
	if (!handover_token_valid(token))
		return -EINVAL;
	memcpy(r->token, token, sizeof(r->token));
	return load(r);
}

static int write_all(const struct handover_record *r, const char *text, size_t len)
{
	char name[HANDOVER_TOKEN_LEN + 8];
	int fd, error = 0;

	beside(r, "new", name);
	fd = openat(r->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		error = -ENOSPC;
	else if (fsync(fd))
		error = -errno;
	close(fd);
	if (!error && renameat(r->dir, name, r->dir, r->token))
		error = -errno;
	if (error)
		unlinkat(r->dir, name, 0);
	return error;
}

int handover_record_write(struct handover_record *r)
{
	char text[MOST + 1], uuid[33];
	int len;

	if (r->state == HANDOVER_NONE)
		return unlinkat(r->dir, r->token, 0) && errno != ENOENT ? -errno : 0;
	if (strchr(r->name, '\n') || strchr(r->peer, '\n'))
		return -EINVAL;
	uuid_text(r->uuid, uuid);
	len = snprintf(text, sizeof(text), FORM, handover_state_name(r->state), r->domid, uuid,
		       r->name, r->peer);
	return write_all(r, text, (size_t)len);
}

void handover_record_close(struct handover_record *r)
{
	char name[HANDOVER_TOKEN_LEN + 8];
	struct stat st;

	if (r->fd < 0)
		return;
	/*
	 * Without a record nobody needs to be held up; done while it is ours. Whoever was killed
	 * may have left half of a new one.
	 */
	if (fstatat(r->dir, r->token, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT) {
		beside(r, "new", name);
		unlinkat(r->dir, name, 0);
		beside(r, "lock", name);
		unlinkat(r->dir, name, 0);
	}
	close(r->fd);
	r->fd = -1;
}

int handover_record_each(int dir, int (*fn)(void *data, const char *token), void *data)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (e = readdir(d)))
		if (handover_token_valid(e->d_name))
			ret = fn(data, e->d_name);
	closedir(d);
	return ret;
}
