// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c libhvctl/store/ring.c
// sources: libhvctl/store/connection.c libhvctl/store/replay.c libhvctl/store/journal_file.c
// sources: libhvctl/store/daemon.c libhvctl/store/log.c libhvctl/logfile.c
// libs: -Wl,--wrap=write,--wrap=openat,--wrap=renameat,--wrap=unlinkat
/*
 * The journal's file: after each commit that returned, whatever was interrupted since, the next
 * daemon finds all of it; the file stays within its bounds; a disk that is full ends the journal
 * and not the store.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libhvctl/store/journal_file.h"
#include "store_sim.h"

static char directory[] = "/tmp/annulus-journal-XXXXXX", place[64];
static struct journal_file file;
static struct client *dom0;

/* ------------------------------------------------------------------------------------------------
 * The calls, each of which can be the last one or fail
 */

static unsigned int calls_left;		/* before the process ends; 0: it does not */
static bool full;			/* the disk is */

static void call(void)
{
	if (calls_left && !--calls_left)
		_exit(0);
}

ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length)
{
	/* What is put on the disk before it is full, or before the end, is not a whole record. */
	if (calls_left == 1 || full) {
		ssize_t part = __real_write(fd, data, length / 2);

		call();
		if (part < 0 || length > 1)
			return length / 2;
		errno = ENOSPC;
		return -1;
	}
	call();
	return __real_write(fd, data, length);
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...)
{
	call();
	return __real_openat(dir, name, flags, 0600);
}

int __real_renameat(int from, const char *name, int to, const char *as);
int __wrap_renameat(int from, const char *name, int to, const char *as);
int __wrap_renameat(int from, const char *name, int to, const char *as)
{
	int result;

	call();
	result = __real_renameat(from, name, to, as);
	call();
	return result;
}

int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags)
{
	int result;

	call();
	result = __real_unlinkat(dir, name, flags);
	call();
	return result;
}

/* ------------------------------------------------------------------------------------------------
 * Daemons, one after the other
 */

static void no_connections(void *context)
{
}

/* A store that goes on from the file. Returns what was found. */
static int begin_daemon(void)
{
	struct replayed result;
	uint32_t version;
	int found;

	begin();
	file = (struct journal_file){ .store = store, .connections = no_connections };
	CU_ASSERT_EQUAL_FATAL(journal_file_open(&file, place), 0);
	found = journal_file_replay(&file, &result, &version);
	replay_free(&result);
	dom0 = client_new(store, 0, NULL);
	return found;
}

static void end_daemon(void)
{
	store->journal = NULL;
	end(dom0);
	journal_file_close(&file);
}

static void put_value(unsigned int number, char fill)
{
	char text[1200];

	snprintf(text, sizeof(text), "/n/%u|", number % 50);
	memset(text + strlen(text), fill, 1000);
	text[1010] = '\0';
	REPLIES(dom0, XS_WRITE, text, "OK|");
}

static off_t file_size(void)
{
	char name[80];
	struct stat st;

	snprintf(name, sizeof(name), "%s/%s", place, JOURNAL_NAME);
	return stat(name, &st) ? -1 : st.st_size;
}

static void clean(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", place);
	CU_ASSERT_EQUAL(system(command), 0);
}

TEST(test_bounded, "a file within its bounds")
{
	off_t most = 0;
	struct stat st;

	CU_ASSERT_EQUAL(begin_daemon(), REPLAY_NONE);
	CU_ASSERT_EQUAL(stat(place, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0700);
	CU_ASSERT_EQUAL(journal_file_begin(&file), 0);
	store->journal = &file.record;
	for (unsigned int i = 0; i < 5000; i++) {
		put_value(i, 'a' + i % 26);
		journal_file_commit(&file, fake_now);
		if (file_size() > most)
			most = file_size();
	}
	/* 50 nodes of 1 KB: it is the least size that counts, and a record. */
	CU_ASSERT_TRUE(most > (200 << 10));
	CU_ASSERT_TRUE(most < (256 << 10) + 2000);
	/* Nothing is written where nothing was done. */
	most = file_size();
	REPLIES(dom0, XS_GET_DOMAIN_PATH, "1|", "/local/domain/1|");
	journal_file_commit(&file, fake_now);
	CU_ASSERT_EQUAL(file_size(), most);
	end_daemon();
	CU_ASSERT_EQUAL(begin_daemon(), REPLAY_WHOLE);
	CU_ASSERT_PTR_NOT_NULL(tree_find(&store->live, "/n/49"));
	end_daemon();
	clean();
}

TEST(test_interrupted, "a new file that is interrupted at each step")
{
	unsigned int last = 0, calls;
	bool finished = false;

	/* Each child commits a value and begins a new file while it does so; the next looks. */
	for (calls = 1; !finished; calls++) {
		int status, acknowledged[2];
		unsigned int seen;
		pid_t child;
		char byte;

		CU_ASSERT_EQUAL_FATAL(pipe(acknowledged), 0);
		fflush(stdout);
		child = fork();
		if (!child) {
			begin_daemon();
			if (calls == 1)
				journal_file_begin(&file);
			store->journal = &file.record;
			if (calls > 1 && journal_file_begin(&file))
				_exit(4);
			for (unsigned int i = 1; i <= 3; i++) {
				char text[32];

				snprintf(text, sizeof(text), "/last|%u", last + i);
				REPLIES(dom0, XS_WRITE, text, "OK|");
				if (i == 2)
					file.limit = 0;
				calls_left = i == 2 ? calls : 0;
				journal_file_commit(&file, fake_now);
				calls_left = 0;
				if (__real_write(acknowledged[1], "", 1) != 1)
					_exit(5);
			}
			_exit(3);
		}
		close(acknowledged[1]);
		for (seen = 0; read(acknowledged[0], &byte, 1) == 1; seen++)
			continue;
		close(acknowledged[0]);
		waitpid(child, &status, 0);
		CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 4);
		finished = WEXITSTATUS(status) == 3;
		CU_ASSERT_EQUAL(begin_daemon(), REPLAY_WHOLE);
		{
			const struct node *node = tree_find(&store->live, "/last");
			char value[32] = "";
			unsigned int found;

			CU_ASSERT_PTR_NOT_NULL_FATAL(node);
			memcpy(value, node->value, node->value_length);
			found = strtoul(value, NULL, 10);
			/* All that was acknowledged, and perhaps what was not. */
			CU_ASSERT(found == last + seen || found == last + seen + 1);
			last = found;
		}
		end_daemon();
	}
	CU_ASSERT_TRUE(calls > 7);
	clean();
}

TEST(test_full, "a disk that is full")
{
	CU_ASSERT_EQUAL(begin_daemon(), REPLAY_NONE);
	CU_ASSERT_EQUAL(journal_file_begin(&file), 0);
	store->journal = &file.record;
	put_value(1, 'x');
	journal_file_commit(&file, fake_now);
	/* The store goes on, says so once, and leaves nothing that is out of date. */
	full = true;
	for (unsigned int i = 0; i < 3; i++) {
		put_value(2 + i, 'y');
		journal_file_commit(&file, fake_now);
	}
	full = false;
	CU_ASSERT_EQUAL(log_lines, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(log_last, "cannot write the journal in"));
	CU_ASSERT_EQUAL(file_size(), -1);
	put_value(5, 'z');
	journal_file_commit(&file, fake_now);
	CU_ASSERT_EQUAL(file_size(), -1);
	/* After a while it is tried again, with all there is. */
	fake_now += 10000;
	put_value(6, 'z');
	journal_file_commit(&file, fake_now);
	CU_ASSERT_EQUAL(log_lines, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(log_last, "is written again"));
	end_daemon();
	CU_ASSERT_EQUAL(begin_daemon(), REPLAY_WHOLE);
	for (unsigned int i = 1; i < 7; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/n/%u", i);
		CU_ASSERT_PTR_NOT_NULL(tree_find(&store->live, path));
	}
	end_daemon();
	clean();
}

TEST(test_directory, "a directory that others may use")
{
	CU_ASSERT_EQUAL(mkdir(place, 0755), 0);
	file = (struct journal_file){ .dir = -1 };
	CU_ASSERT_EQUAL(journal_file_open(&file, place), -EPERM);
	journal_file_close(&file);
	CU_ASSERT_EQUAL(chmod(place, 0700), 0);
	CU_ASSERT_EQUAL(journal_file_open(&file, place), 0);
	journal_file_close(&file);
	clean();
}

static int make_directory(void)
{
	seed_init();
	if (!mkdtemp(directory))
		return 1;
	snprintf(place, sizeof(place), "%s/journal", directory);
	return 0;
}

static int remove_directory(void)
{
	return rmdir(directory);
}

SUITE("store-journal-file", .before = make_directory, .after = remove_directory)
