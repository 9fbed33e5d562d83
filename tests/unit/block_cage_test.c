// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a worker of hvblkd gives up: the file system, all of it, and what it may use up of dom0's
 * memory and files. (Another user and the filter of calls: make system T=backends.)
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backends/lib/cage.c"
#include "suite.h"

/* In a child, in a namespace where it may do all that. Returns what was wrong, 0 for nothing. */
static int child(int (*run)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (geteuid() && unshare(CLONE_NEWUSER))
			_exit(0);
		_exit(run());
	}
	waitpid(pid, &status, 0);
	return status;
}

static int look_around(void)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, mounts = 0;
	char text[4096];
	ssize_t got;

	if (empty_root())
		return 1;
	if (!access("/proc", F_OK) || !access("/..//etc", F_OK) || open("/x", O_CREAT, 0600) >= 0)
		return 2;
	/* One file system is left to see, and to hold. */
	fd = openat(proc, "self/mountinfo", O_RDONLY);
	while (fd >= 0 && (got = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++)
			mounts += text[i] == '\n';
	return mounts == 1 ? 0 : 3;
}

TEST(test_root, "nothing is left of dom0's file systems")
{
	CU_ASSERT_EQUAL(child(look_around), 0);
}

static bool limited(int what, rlim_t most)
{
	struct rlimit l;

	return !getrlimit((__rlimit_resource_t)what, &l) && l.rlim_cur == most &&
	       l.rlim_max == most;
}

static int look_at_limits(void)
{
	if (set_limits())
		return 1;
	return limited(RLIMIT_CORE, 0) && limited(RLIMIT_NOFILE, 256) &&
			       limited(RLIMIT_AS, (rlim_t)2 << 30) ? 0 : 2;
}

TEST(test_limits, "memory and descriptors end somewhere")
{
	CU_ASSERT_EQUAL(child(look_at_limits), 0);
}

SUITE("hvblkd's cage")
