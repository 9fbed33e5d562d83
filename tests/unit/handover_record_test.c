// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/handover.c libhvctl/handover_record.c
/* Records of migrations come back as they were written, whole or not at all, to one at a time. */
#include "libhvctl/handover_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static char path[] = "/tmp/handover-XXXXXX";
static int dir;
static char token[HANDOVER_TOKEN_LEN + 1];

static int before(void)
{
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	return dir < 0 ? -1 : 0;
}

static int after(void)
{
	close(dir);
	/* Fails if something is left. */
	return rmdir(path);
}

static void begin(void)
{
	CU_ASSERT_EQUAL(handover_token(token), 0);
}

static void forget(void)
{
	struct handover_record r;

	if (handover_record_open(&r, dir, token)) {
		unlinkat(dir, token, 0);
		handover_record_open(&r, dir, token);
	}
	r.state = HANDOVER_NONE;
	handover_record_write(&r);
	handover_record_close(&r);
}

static void put(const char *text)
{
	int fd = openat(dir, token, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

TEST(test_token, "tokens are 32 digits, and another one each time")
{
	char other[HANDOVER_TOKEN_LEN + 1];

	CU_ASSERT(handover_token_valid(token));
	CU_ASSERT_EQUAL(handover_token(other), 0);
	CU_ASSERT_STRING_NOT_EQUAL(token, other);
	CU_ASSERT(!handover_token_valid(""));
	CU_ASSERT(!handover_token_valid("../../etc/passwd"));
	CU_ASSERT(!handover_token_valid("0123456789abcdef0123456789abcde"));
	CU_ASSERT(!handover_token_valid("0123456789abcdef0123456789abcdef0"));
	CU_ASSERT(!handover_token_valid("0123456789ABCDEF0123456789abcdef"));
	forget();
}

TEST(test_round, "what is written comes back, in every state")
{
	struct handover_record r;
	unsigned int i;

	for (i = HANDOVER_NONE + 1; i < HANDOVER_STATES; i++) {
		CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir, token), 0);
		r.state = (enum handover_state)i;
		r.domid = 100 + i;
		memset(r.uuid, 0xa0 + (int)i, sizeof(r.uuid));
		snprintf(r.name, sizeof(r.name), "guest %u", i);
		snprintf(r.peer, sizeof(r.peer), "ssh host hvctl migrate-receive");
		CU_ASSERT_EQUAL(handover_record_write(&r), 0);
		handover_record_close(&r);
		CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir, token), 0);
		CU_ASSERT_EQUAL((unsigned int)r.state, i);
		CU_ASSERT_EQUAL(r.domid, 100 + i);
		CU_ASSERT_EQUAL(r.uuid[0], 0xa0 + i);
		CU_ASSERT_EQUAL(r.uuid[15], 0xa0 + i);
		CU_ASSERT_STRING_EQUAL(r.peer, "ssh host hvctl migrate-receive");
		CU_ASSERT(strstr(r.name, "guest") == r.name);
		handover_record_close(&r);
	}
	forget();
}

TEST(test_none, "without a record the state is none, and nothing stays behind")
{
	struct handover_record r;
	struct stat st;
	char lock[64];

	CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir, token), 0);
	CU_ASSERT_EQUAL(r.state, HANDOVER_NONE);
	handover_record_close(&r);
	handover_record_close(&r);
	snprintf(lock, sizeof(lock), "%s.lock", token);
	CU_ASSERT(fstatat(dir, lock, &st, 0) && errno == ENOENT);
	CU_ASSERT_EQUAL(handover_record_open(&r, dir, "../x"), -EINVAL);
	CU_ASSERT_EQUAL(r.fd, -1);
}

TEST(test_refused, "what is no whole record is refused and left as it is")
{
#define UUID "domain 7\nuuid 00000000000000000000000000000000\n"
	static const char *const wrong[] = {
		"",
		"annulus handover 1\n",
		"annulus handover 2\nstate here\n" UUID "name a\npeer \nend\n",
		"annulus handover 1\nstate gone\n" UUID "name a\npeer \nend\n",
		"annulus handover 1\nstate none\n" UUID "name a\npeer \nend\n",
		"annulus handover 1\nstate here\ndomain 7\nuuid 00\nname a\npeer \nend\n",
		"annulus handover 1\nstate here\n" UUID "name a\npeer \nend",
		"annulus handover 1\nstate here\n" UUID "name a\npeer \nend\nx",
		"annulus handover 1\nstate here\n" UUID "name a\nend\n",
#undef UUID
#define UUID "uuid 00000000000000000000000000000000\n"
		"annulus handover 1\nstate here\n" UUID "name a\npeer \nend\n",
		"annulus handover 1\nstate here\ndomain \n" UUID "name a\npeer \nend\n",
		"annulus handover 1\nstate here\ndomain -1\n" UUID "name a\npeer \nend\n",
		"annulus handover 1\nstate here\ndomain 65536\n" UUID "name a\npeer \nend\n",
	};
	struct handover_record r;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put(wrong[i]);
		CU_ASSERT_EQUAL(handover_record_open(&r, dir, token), -EINVAL);
		CU_ASSERT_EQUAL(r.fd, -1);
	}
	put("annulus handover 1\nstate here\ndomain 7\n" UUID "name a\npeer \nend\n");
	CU_ASSERT_EQUAL(handover_record_open(&r, dir, token), 0);
	CU_ASSERT_EQUAL(r.state, HANDOVER_HERE);
	snprintf(r.peer, sizeof(r.peer), "two\nlines");
	CU_ASSERT_EQUAL(handover_record_write(&r), -EINVAL);
	handover_record_close(&r);
	CU_ASSERT_EQUAL(handover_record_open(&r, dir, token), 0);
	CU_ASSERT_STRING_EQUAL(r.peer, "");
	handover_record_close(&r);
	forget();
}

/* A second process has the record only after the first one has said that it lets go of it. */
TEST(test_alone, "a record is one process's at a time, also after it was forgotten")
{
	volatile int *released = mmap(NULL, sizeof(*released), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct handover_record r;
	int ready[2], round, status;
	char byte;
	pid_t pid;

	CU_ASSERT_FATAL(released != MAP_FAILED);
	for (round = 0; round < 100; round++) {
		enum handover_state want = round & 1 ? HANDOVER_NONE : HANDOVER_SENDING;

		CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
		CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir, token), 0);
		r.state = want;
		*released = 0;
		pid = fork();
		if (!pid) {
			struct handover_record mine;

			close(r.fd);
			if (write(ready[1], "x", 1) != 1 ||
			    handover_record_open(&mine, dir, token) || mine.state != want)
				_exit(1);
			status = *released ? 0 : 2;
			handover_record_close(&mine);
			_exit(status);
		}
		CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
		CU_ASSERT_EQUAL(handover_record_write(&r), 0);
		*released = 1;
		handover_record_close(&r);
		CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT_EQUAL(status, 0);
		close(ready[0]);
		close(ready[1]);
	}
	munmap((void *)released, sizeof(*released));
	forget();
}

/* Returns whether nobody else had it at any time. */
static bool crowd(_Atomic int *holders)
{
	struct handover_record r;
	bool alone = true;
	int round;

	for (round = 0; round < 300; round++) {
		if (handover_record_open(&r, dir, token))
			return false;
		if (atomic_fetch_add(holders, 1))
			alone = false;
		sched_yield();
		atomic_fetch_sub(holders, 1);
		handover_record_close(&r);
	}
	return alone;
}

/* Each takes the lock's file away when it is through, while the others wait for it. */
TEST(test_crowd, "nor can three have one that comes and goes")
{
	_Atomic int *holders = mmap(NULL, sizeof(*holders), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, status;

	CU_ASSERT_FATAL(holders != MAP_FAILED);
	atomic_store(holders, 0);
	for (i = 0; i < 3; i++)
		if (!fork())
			_exit(!crowd(holders));
	for (i = 0; i < 3; i++) {
		CU_ASSERT(wait(&status) > 0);
		CU_ASSERT_EQUAL(status, 0);
	}
	munmap(holders, sizeof(*holders));
	forget();
}

static int count(void *data, const char *name)
{
	CU_ASSERT(handover_token_valid(name));
	return ++*(int *)data == 2 ? 7 : 0;
}

TEST(test_each, "all records are found, and nothing else")
{
	struct handover_record a, b;
	char other[HANDOVER_TOKEN_LEN + 1];
	int n = 0;

	CU_ASSERT_EQUAL_FATAL(handover_record_open(&a, dir, token), 0);
	a.state = HANDOVER_READY;
	CU_ASSERT_EQUAL(handover_record_write(&a), 0);
	CU_ASSERT_EQUAL(handover_record_each(dir, count, &n), 0);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(handover_token(other), 0);
	CU_ASSERT_EQUAL_FATAL(handover_record_open(&b, dir, other), 0);
	b.state = HANDOVER_THERE;
	CU_ASSERT_EQUAL(handover_record_write(&b), 0);
	n = 0;
	CU_ASSERT_EQUAL(handover_record_each(dir, count, &n), 7);
	CU_ASSERT_EQUAL(n, 2);
	b.state = HANDOVER_NONE;
	CU_ASSERT_EQUAL(handover_record_write(&b), 0);
	handover_record_close(&b);
	handover_record_close(&a);
	forget();
}

SUITE("handover record", .before = before, .after = after, .begin = begin)
