// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/budget.c libhvctl/logfile.c libhvctl/store/log.c
// bits: 64 32
/*
 * What bounds the daemons' logs, whatever domains do: budgets, by a clock that stands still unless
 * it is told to go on, and files that are begun anew.
 */
#include "suite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhvctl/budget.h"
#include "libhvctl/logfile.h"
#include "libhvctl/store/log.h"

/* ------------------------------------------------------------------------------------------------
 * Budgets
 */

TEST(test_budget, "budgets")
{
	static const struct budget_rate rate = { .burst = 20, .period = 60000 };
	static const struct budget_rate none = { .burst = 0, .period = 1000 };
	struct budget budget = { 0 };
	unsigned int got = 0;

	/* All at once, then nothing, however often it is asked for. */
	for (unsigned int i = 0; i < 100000; i++)
		got += budget_take(&budget, &rate, 1, 5000);
	CU_ASSERT_EQUAL(got, 20);
	/* One comes back each three seconds, and not a moment before. */
	CU_ASSERT_FALSE(budget_take(&budget, &rate, 1, 7999));
	CU_ASSERT(budget_take(&budget, &rate, 1, 8000));
	CU_ASSERT_FALSE(budget_take(&budget, &rate, 1, 8000));
	/* Never more than the burst, however long nothing was taken. */
	CU_ASSERT(budget_take(&budget, &rate, 20, UINT64_MAX / 2));
	CU_ASSERT_FALSE(budget_take(&budget, &rate, 1, UINT64_MAX / 2));
	/* More than there can be is never there; a clock that is read late gives nothing back. */
	budget = (struct budget){ 0 };
	CU_ASSERT_FALSE(budget_take(&budget, &rate, 21, 0));
	CU_ASSERT(budget_take(&budget, &rate, 20, 9000));
	CU_ASSERT_FALSE(budget_take(&budget, &rate, 1, 8000));

	/* In a flood that asks each millisecond: a minute's worth a minute. */
	got = 0;
	budget = (struct budget){ 0 };
	for (unsigned int i = 0; i < 600000; i++)
		got += budget_take(&budget, &rate, 1, i);
	CU_ASSERT_EQUAL(got, 20 + 10 * 20 - 1);

	/* A debt is paid off in time. */
	budget = (struct budget){ 0 };
	CU_ASSERT_EQUAL(budget_spend(&budget, &rate, 20, 0), 0);
	CU_ASSERT_EQUAL(budget_spend(&budget, &rate, 2, 0), 6000);
	CU_ASSERT_EQUAL(budget_spend(&budget, &rate, 0, 5999), 1);
	CU_ASSERT_EQUAL(budget_spend(&budget, &rate, 0, 6000), 0);
	budget = (struct budget){ 0 };
	CU_ASSERT_EQUAL(budget_spend(&budget, &none, 0, 0), 0);
	CU_ASSERT_EQUAL(budget_spend(&budget, &none, 1, 0), UINT64_MAX);
	CU_ASSERT_FALSE(budget_take(&budget, &none, 1, 100000));
}

TEST(test_lines, "lines")
{
	static const struct budget_rate rate = { .burst = 3, .period = 3000 };
	struct line_budget lines = { 0 };
	uint64_t missing = 7;

	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT(line_budget_take(&lines, &rate, 10, &missing));
		CU_ASSERT_EQUAL(missing, 0);
	}
	for (unsigned int i = 0; i < 1000; i++)
		CU_ASSERT_FALSE(line_budget_take(&lines, &rate, 10, &missing));
	/* The next one tells of them, once. */
	CU_ASSERT(line_budget_take(&lines, &rate, 1010, &missing));
	CU_ASSERT_EQUAL(missing, 1000);
	CU_ASSERT(line_budget_take(&lines, &rate, 2010, &missing));
	CU_ASSERT_EQUAL(missing, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Files
 */

static char directory[] = "/tmp/log-test-XXXXXX";

static size_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (size_t)st.st_size : (size_t)-1;
}

static const char *in_directory(const char *name)
{
	static char path[16][128];
	static unsigned int next;

	next = (next + 1) % 16;
	snprintf(path[next], sizeof(path[0]), "%s/%s", directory, name);
	return path[next];
}

static void empty_directory(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	CU_ASSERT_EQUAL(system(command), 0);
}

TEST(test_names, "names")
{
	char path[600], name[600];

	CU_ASSERT_EQUAL(logfile_name(path, sizeof(path), "/d", "web-1"), 0);
	CU_ASSERT_STRING_EQUAL(path, "/d/web-1.log");
	/* None leads out of the directory. */
	CU_ASSERT_EQUAL(logfile_name(path, sizeof(path), "/d", "../we ird"), 0);
	CU_ASSERT_STRING_EQUAL(path, "/d/_._we_ird.log");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_EQUAL(logfile_name(path, sizeof(path), "/d", name), -ENAMETOOLONG);
}

TEST(test_rotation, "rotation")
{
	const char *path = in_directory("a.log");
	struct logfile log;
	char line[40];
	size_t sum = 0;

	CU_ASSERT_EQUAL(logfile_open(&log, path, 10, 2, 0, 0600), 0);
	logfile_write(&log, "0123456", 7);
	logfile_write(&log, "789", 3);
	CU_ASSERT_EQUAL(size_of(path), 10);
	CU_ASSERT_EQUAL(size_of(in_directory("a.log.1")), (size_t)-1);
	logfile_write(&log, "abc", 3);
	CU_ASSERT_EQUAL(size_of(path), 3);
	CU_ASSERT_EQUAL(size_of(in_directory("a.log.1")), 10);
	/* More than the limit at once is not cut. */
	memset(line, 'x', sizeof(line));
	logfile_write(&log, line, 30);
	CU_ASSERT_EQUAL(size_of(path), 30);
	CU_ASSERT_EQUAL(size_of(in_directory("a.log.1")), 3);
	CU_ASSERT_EQUAL(size_of(in_directory("a.log.2")), 10);

	/* However much is written, there is never more than three times the limit. */
	logfile_write(&log, line, 8);
	logfile_write(&log, line, 8);
	logfile_write(&log, line, 8);
	for (unsigned int i = 0; i < 5000; i++) {
		CU_ASSERT_EQUAL(logfile_write(&log, line, 1 + i % 9), 0);
		sum = size_of(path) + size_of(in_directory("a.log.1")) +
		      size_of(in_directory("a.log.2"));
		if (sum > 30)
			break;
	}
	CU_ASSERT(sum <= 30);
	CU_ASSERT_EQUAL(size_of(in_directory("a.log.3")), (size_t)-1);
	logfile_close(&log);

	/* Opened again, it goes on where it was. */
	empty_directory();
	CU_ASSERT_EQUAL(logfile_open(&log, path, 10, 2, 0, 0600), 0);
	logfile_write(&log, "0123456", 7);
	logfile_close(&log);
	CU_ASSERT_EQUAL(logfile_open(&log, path, 10, 2, 0, 0600), 0);
	logfile_write(&log, "789", 3);
	CU_ASSERT_EQUAL(size_of(path), 10);
	logfile_close(&log);
	CU_ASSERT_EQUAL(logfile_write(&log, "x", 1), 0);
	CU_ASSERT_EQUAL(size_of(path), 10);

	/* Without predecessors there is one file. */
	CU_ASSERT_EQUAL(logfile_open(&log, path, 10, 0, 0, 0600), 0);
	logfile_write(&log, "abc", 3);
	CU_ASSERT_EQUAL(size_of(path), 3);
	CU_ASSERT_EQUAL(size_of(in_directory("a.log.1")), (size_t)-1);
	logfile_close(&log);
	empty_directory();
}

/* Somebody else moves or removes the files, or puts something in their place. */
TEST(test_others, "files that others touch")
{
	const char *path = in_directory("a.log"), *moved = in_directory("moved");
	struct logfile log, pipe;
	int reader;

	CU_ASSERT_EQUAL(logfile_open(&log, path, 10, 1, O_NOFOLLOW, 0600), 0);
	logfile_write(&log, "abc", 3);
	/* Moved away: it is written on until we are told to look again. */
	CU_ASSERT_EQUAL(rename(path, moved), 0);
	logfile_write(&log, "d", 1);
	CU_ASSERT_EQUAL(size_of(moved), 4);
	CU_ASSERT_EQUAL(logfile_reopen(&log), 0);
	logfile_write(&log, "ef", 2);
	CU_ASSERT_EQUAL(size_of(moved), 4);
	CU_ASSERT_EQUAL(size_of(path), 2);
	/* Removed, and nobody tells us: the limit is what it was. */
	unlink(path);
	logfile_write(&log, "01234567", 8);
	logfile_write(&log, "8", 1);
	CU_ASSERT_EQUAL(size_of(path), 1);

	/* A link put in its place is not followed, and once it is gone, all is well again. */
	unlink(path);
	CU_ASSERT_EQUAL(symlink(moved, path), 0);
	CU_ASSERT_EQUAL(logfile_reopen(&log), -ELOOP);
	CU_ASSERT_EQUAL(logfile_write(&log, "x", 1), -ELOOP);
	CU_ASSERT_EQUAL(size_of(moved), 4);
	unlink(path);
	CU_ASSERT_EQUAL(logfile_write(&log, "x", 1), 0);
	CU_ASSERT_EQUAL(size_of(path), 1);

	/* It cannot be begun anew: then nothing is added, rather than more than the limit. */
	CU_ASSERT_EQUAL(mkdir(in_directory("a.log.1"), 0700), 0);
	logfile_write(&log, "23456789", 8);
	for (unsigned int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(logfile_write(&log, "abc", 3), -EISDIR);
	CU_ASSERT(size_of(path) <= 10);
	logfile_close(&log);
	empty_directory();

	/* What is no file is not moved away. A pipe of ours, since a wrong answer does move it. */
	CU_ASSERT_EQUAL(mkfifo(in_directory("pipe"), 0600), 0);
	reader = open(in_directory("pipe"), O_RDONLY | O_NONBLOCK);
	CU_ASSERT_EQUAL(logfile_open(&pipe, in_directory("pipe"), 10, 1, 0, 0600), 0);
	for (unsigned int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(logfile_write(&pipe, "abc", 3), 0);
	CU_ASSERT_EQUAL(size_of(in_directory("pipe.1")), (size_t)-1);
	logfile_close(&pipe);
	close(reader);
	empty_directory();
}

/* The daemons' own log: lines without end, by whomever. */
TEST(test_log, "the daemons' log")
{
	const char *path = in_directory("d.log"), *moved = in_directory("moved");
	size_t sum;

	CU_ASSERT_EQUAL(log_open(path, 4096), 0);
	for (unsigned int i = 0; i < 2000; i++)
		log_line("domain %u: starts anew", i);
	sum = size_of(path) + size_of(in_directory("d.log.1")) + size_of(in_directory("d.log.2"));
	CU_ASSERT(sum <= 3 * 4096);
	CU_ASSERT(sum > 2 * 4096);
	CU_ASSERT_EQUAL(size_of(in_directory("d.log.3")), (size_t)-1);
	/* SIGHUP */
	CU_ASSERT_EQUAL(rename(path, moved), 0);
	log_reopen();
	log_line("after");
	CU_ASSERT(size_of(path) < 64);
	CU_ASSERT_EQUAL(log_open("/nowhere/at/all", 4096), -ENOENT);
	log_line("still");
	CU_ASSERT(size_of(path) > 40);
	CU_ASSERT_EQUAL(log_open(NULL, 0), 0);
	empty_directory();
}

static int make_directory(void)
{
	return !mkdtemp(directory);
}

static int remove_directory(void)
{
	return rmdir(directory);
}

SUITE("log", .before = make_directory, .after = remove_directory)
