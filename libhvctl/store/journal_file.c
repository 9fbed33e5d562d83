// SPDX-License-Identifier: GPL-2.0-or-later

#include "journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../write_all.h"
#include "daemon.h"

#define NEW_NAME	JOURNAL_NAME ".new"

/*
 * How large a file grows: so many times what the first record of it took, since that is what
 * writing it anew costs; and not less than this.
 */
#define GROWTH		3
#define LIMIT_MIN	(256u << 10)

#define RETRY_MS	10000

static void read_boot(char *boot, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, boot, size - 1);

	if (fd >= 0)
		close(fd);
	boot[got > 0 ? got : 0] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
}

int journal_file_open(struct journal_file *file, const char *directory)
{
	struct stat st;
	int error;

	file->dir = file->fd = -1;
	if ((size_t)snprintf(file->directory, sizeof(file->directory), "%s", directory) >=
	    sizeof(file->directory))
		return -ENAMETOOLONG;
	read_boot(file->boot, sizeof(file->boot));
	journal_empty(&file->record);
	error = daemon_make_directory(directory);
	if (error)
		return error;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	file->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (file->dir < 0 || fstat(file->dir, &st) < 0)
		return -errno;
	return st.st_uid == geteuid() && !(st.st_mode & 077) ? 0 : -EPERM;
}

static ssize_t read_all(int fd, char *data, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t got = read(fd, data + have, size - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		have += got;
	}
	return have;
}

int journal_file_replay(struct journal_file *file, struct replayed *result, uint32_t *version)
{
	int fd = openat(file->dir, JOURNAL_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *data;
	ssize_t length;
	int found;

	*result = (struct replayed){ 0 };
	if (fd < 0)
		return errno == ENOENT ? REPLAY_NONE : -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EBADF;
	}
	data = malloc(st.st_size + 1);
	length = data ? read_all(fd, data, st.st_size) : -ENOMEM;
	close(fd);
	found = length < 0 ? (int)length :
			     (int)replay(file->store, data, length, file->boot, result, version);
	file->size = length < 0 ? 0 : length;
	free(data);
	return found;
}

/* A whole file with the @length bytes of its first record. Returns its descriptor. */
static int write_new(struct journal_file *file, const char *data, size_t length)
{
	struct journal_head head;
	int fd, error;

	if (unlinkat(file->dir, NEW_NAME, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(file->dir, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	journal_head(&head, file->boot);
	error = write_all(fd, &head, sizeof(head));
	if (!error)
		error = write_all(fd, data, length);
	if (!error && renameat(file->dir, NEW_NAME, file->dir, JOURNAL_NAME) < 0)
		error = -errno;
	if (error) {
		unlinkat(file->dir, NEW_NAME, 0);
		close(fd);
		return error;
	}
	return fd;
}

int journal_file_begin(struct journal_file *file)
{
	struct journal whole = { 0 }, *before = file->store->journal;
	uint64_t journaled = file->store->journaled;
	size_t length;
	int fd = -ENOMEM;

	journal_empty(&whole);
	file->store->journal = &whole;
	journal_store(file->store);
	file->connections(file->context);
	file->store->journal = before;
	/* Who asks for something pays for what is written of it, not for this. */
	file->store->journaled = journaled;
	length = journal_seal(&whole, 0);
	if (length)
		fd = write_new(file, whole.data, length);
	journal_free(&whole);
	if (fd < 0)
		return fd;
	if (file->fd >= 0)
		close(file->fd);
	file->fd = fd;
	file->number = 1;
	file->size = sizeof(struct journal_head) + length;
	file->limit = file->size * GROWTH;
	if (file->limit < LIMIT_MIN)
		file->limit = LIMIT_MIN;
	journal_empty(&file->record);
	return 0;
}

static int append(struct journal_file *file)
{
	size_t length = journal_seal(&file->record, file->number);
	int error;

	if (file->fd < 0 || !length)
		return -ENOMEM;
	error = write_all(file->fd, file->record.data, length);
	if (error) {
		/* What follows a part of a record could not be found again. */
		if (ftruncate(file->fd, file->size) < 0) {
			close(file->fd);
			file->fd = -1;
		}
		return error;
	}
	file->number++;
	file->size += length;
	journal_empty(&file->record);
	return 0;
}

void journal_file_give_up(struct journal_file *file, int error, uint64_t now)
{
	file->retry = now + RETRY_MS;
	store_log(file->store, "cannot write the journal in %s: %s: until it can be, the store "
		  "would not survive the daemon's end", file->directory, strerror(-error));
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	unlinkat(file->dir, JOURNAL_NAME, 0);
}

void journal_file_commit(struct journal_file *file, uint64_t now)
{
	bool off = file->fd < 0;
	int error;

	if (!journal_has(&file->record))
		return;
	if (off && now < file->retry) {
		journal_empty(&file->record);
		return;
	}
	if (!off && file->size < file->limit && !append(file))
		return;
	error = journal_file_begin(file);
	/* A record that there is no room to write anew may still have room at the end. */
	if (error && !off && file->size < 2 * file->limit && !append(file))
		return;
	if (!error) {
		if (off)
			store_log(file->store, "the journal in %s is written again",
				  file->directory);
		return;
	}
	if (!off)
		journal_file_give_up(file, error, now);
	file->retry = now + RETRY_MS;
	journal_empty(&file->record);
}

void journal_file_close(struct journal_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->dir >= 0)
		close(file->dir);
	file->fd = file->dir = -1;
	journal_free(&file->record);
}
