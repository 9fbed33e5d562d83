// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/cli/status.c
// libs: -ljansson
/* What hvctl exits with, and that nobody takes an answer for whole which was not written. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "suite.h"

static char said[512];

/* What comes of @size bytes to @out when the verb would exit with @status. */
static int output(FILE *out, size_t size, int status)
{
	FILE *complaints;
	int got;

	memset(said, 0, sizeof(said));
	complaints = fmemopen(said, sizeof(said), "w");
	CU_ASSERT_TRUE_FATAL(out && complaints);
	while (size--)
		putc('x', out);
	got = cli_output(out, complaints, status);
	fclose(complaints);
	fclose(out);
	return got;
}

TEST(test_classes, "an error of the library is of its class, or just a failure")
{
	CU_ASSERT_EQUAL(cli_status(ESRCH), 3);
	CU_ASSERT_EQUAL(cli_status(EBUSY), 1);
	CU_ASSERT_EQUAL(cli_status(0), 1);
	CU_ASSERT_EQUAL(cli_status(-1), 1);
}

TEST(test_written, "what was written is as the verb has it")
{
	CU_ASSERT_EQUAL(output(fopen("/dev/null", "w"), 100000, CLI_OK), 0);
	CU_ASSERT_EQUAL(output(fopen("/dev/null", "w"), 0, CLI_NO_DOMAIN), 3);
	CU_ASSERT_STRING_EQUAL(said, "");
}

TEST(test_full, "a full disk shows, whether the answer is short or long")
{
	for (size_t size = 1; size < 1000000; size *= 10) {
		CU_ASSERT_EQUAL(output(fopen("/dev/full", "w"), size, CLI_OK), 4);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, "cannot write"));
		CU_ASSERT_PTR_NOT_NULL(strstr(said, "see whether the disk behind it is full\n"));
	}
	/* A failure stays what it was. */
	CU_ASSERT_EQUAL(output(fopen("/dev/full", "w"), 10, CLI_FAILED), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "cannot write"));
}

static bool full;

/* A disk that has room again a moment later. */
static ssize_t full_once(void *cookie, const char *buf, size_t size)
{
	bool fails = full;

	(void)cookie;
	(void)buf;
	full = false;
	errno = ENOSPC;
	return fails ? 0 : (ssize_t)size;
}

TEST(test_middle, "what is missing in the middle is missing, though the end is there")
{
	static const cookie_io_functions_t calls = { .write = full_once };

	full = true;
	CU_ASSERT_EQUAL(output(fopencookie(NULL, "w", calls), 100000, CLI_OK), 4);
	CU_ASSERT_FALSE(full);
	/* Why is not known any more: it may have been either. */
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "a part of it was not taken; see whether the disk "
				      "behind it is full, or whoever was to read it has gone\n"));
}

TEST(test_pipe, "so does a reader who has gone")
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	close(fds[0]);
	CU_ASSERT_EQUAL(output(fdopen(fds[1], "w"), 10, CLI_OK), 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "Broken pipe; whoever was to read it has gone\n"));
}

SUITE("hvctl's exit status")
