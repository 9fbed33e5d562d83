// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/lib/files.c backends/block/room.c
/*
 * The files of hvblkd's journals: what a worker is going to touch has memory before it is given to
 * it, and no more than that; a directory without room is an error and not a dead worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/block/journal.h"
#include "backends/block/room.h"
#include "backends/lib/files.h"
#include "suite.h"

static char run[] = "/tmp/block_files.XXXXXX";

static int before(void)
{
	return mkdtemp(run) ? 0 : -1;
}

static int after(void)
{
	return rmdir(run);
}

static bool exists(const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", run, file);
	return !access(path, F_OK);
}

static size_t memory(int fd)
{
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
	return (size_t)st.st_blocks * 512;
}

TEST(test_memory, "memory for what a connection needs is there before it begins")
{
	const size_t entry = sizeof(struct journal_entry);
	int fd = room_open(run, 7, 51712);
	struct stat st;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
	CU_ASSERT_EQUAL((size_t)st.st_size, sizeof(struct journal));
	/* Without a connection: a page or two for the head and for that of each queue. */
	CU_ASSERT_TRUE(memory(fd) >= JOURNAL_QUEUES * 4096);
	CU_ASSERT_TRUE(memory(fd) <= 4 * (1 + JOURNAL_QUEUES) * 4096);
	CU_ASSERT_EQUAL(room_make(fd, 1, 0), 0);
	CU_ASSERT_TRUE(memory(fd) >= 32 * entry + (JOURNAL_QUEUES - 1) * 4096);
	CU_ASSERT_TRUE(memory(fd) <= 32 * entry + 4 * (1 + JOURNAL_QUEUES) * 4096);
	CU_ASSERT_EQUAL(room_make(fd, JOURNAL_QUEUES, JOURNAL_ORDER_MAX), 0);
	CU_ASSERT_TRUE(memory(fd) >= sizeof(struct journal));
	CU_ASSERT_EQUAL(room_make(fd, JOURNAL_QUEUES + 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(room_make(fd, 1, JOURNAL_ORDER_MAX + 1), -EINVAL);
	close(fd);
	files_drop(run, 7, 51712);
	CU_ASSERT_FALSE(exists("7-51712.journal"));
}

TEST(test_no_room, "without room there is an error, and no descriptor is left")
{
	struct rlimit old, small;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(next);
	signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 65536;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	CU_ASSERT_EQUAL(room_open(run, 7, 51712), -EFBIG);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
	CU_ASSERT_EQUAL(open("/dev/null", O_RDONLY | O_CLOEXEC), next);
	close(next);
	files_drop(run, 7, 51712);
}

static bool is_needed(domid_t domid, uint32_t devid)
{
	return domid == 7 && devid == 51712;
}

static void touch(const char *file)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", run, file);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	close(fd);
}

/* As another process sees it, which does not have locks of its own there. */
static bool is_busy(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(files_busy(room_open(run, 9, 1)));
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status != 0;
}

TEST(test_clean_busy, "what somebody has locked is not taken from under him")
{
	int journal = room_open(run, 9, 1), lock;
	char path[PATH_MAX];
	void *map;

	touch("9-1.lock");
	snprintf(path, sizeof(path), "%s/9-1.lock", run);
	lock = open(path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_TRUE_FATAL(journal >= 0 && lock >= 0);
	CU_ASSERT_FALSE(files_busy(journal));
	CU_ASSERT_EQUAL(flock(lock, LOCK_EX), 0);
	CU_ASSERT_EQUAL(fcntl(journal, F_SETLK, &(struct flock){ .l_type = F_WRLCK }), 0);
	CU_ASSERT_TRUE(is_busy());
	CU_ASSERT_EQUAL(fcntl(journal, F_SETLK, &(struct flock){ .l_type = F_UNLCK }), 0);
	CU_ASSERT_FALSE(is_busy());
	/* A worker's is that of the open file, and stays with a mapping of it. */
	CU_ASSERT_EQUAL(fcntl(journal, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }), 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, journal, 0);
	CU_ASSERT_TRUE_FATAL(map != MAP_FAILED);
	close(journal);
	CU_ASSERT_TRUE(is_busy());
	CU_ASSERT_TRUE(files_worked(run, 9, 1));
	CU_ASSERT_TRUE(files_served(run, 9, 1));
	files_clean(run, is_needed);
	files_drop(run, 9, 1);
	CU_ASSERT_TRUE(exists("9-1.journal"));
	CU_ASSERT_TRUE(exists("9-1.lock"));
	munmap(map, 4096);
	close(lock);
	CU_ASSERT_FALSE(files_worked(run, 9, 1));
	CU_ASSERT_FALSE(files_served(run, 9, 1));
	files_clean(run, is_needed);
	CU_ASSERT_FALSE(exists("9-1.journal"));
	CU_ASSERT_FALSE(exists("9-1.lock"));
}

TEST(test_unknown, "what cannot be known may be left, what is not there is not")
{
	char path[PATH_MAX];

	CU_ASSERT_FALSE(files_worked(run, 9, 2));
	CU_ASSERT_FALSE(files_served(run, 9, 2));
	snprintf(path, sizeof(path), "%s/9-2.journal", run);
	CU_ASSERT_EQUAL_FATAL(symlink("nowhere", path), 0);
	CU_ASSERT_TRUE(files_worked(run, 9, 2));
	unlink(path);
}

TEST(test_clean, "a journal without a disk goes, one of a disk stays, others' files stay")
{
	static const char *const stay[] = { "7-51712.journal", "7-51712.lock", "hvblkd.pid",
					    "07-51712.journal", "8-51712.journals",
					    "65535-1.journal" };
	static const char *const go[] = { "8-51712.journal", "8-51712.lock", "7-51728.journal" };

	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		touch(stay[i]);
	for (size_t i = 0; i < sizeof(go) / sizeof(go[0]); i++)
		touch(go[i]);
	files_clean(run, is_needed);
	for (size_t i = 0; i < sizeof(go) / sizeof(go[0]); i++)
		CU_ASSERT_FALSE(exists(go[i]));
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
		char path[PATH_MAX];

		CU_ASSERT_TRUE(exists(stay[i]));
		snprintf(path, sizeof(path), "%s/%s", run, stay[i]);
		unlink(path);
	}
}

SUITE("hvblkd's files", .before = before, .after = after)
