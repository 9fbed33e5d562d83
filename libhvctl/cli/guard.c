// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/hvctl.h"

static pid_t guard;		/* 0: none */
static int guard_end;		/* a byte says that all is well, its end that we have ended */

/* A byte from the other side. Returns whether there was one before its end. */
static bool hear(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static bool say(int fd)
{
	return send(fd, "", 1, MSG_NOSIGNAL) == 1;
}

/* Standard input, output and error stay. */
static void close_between(int first, int last)
{
	if (first < 3)
		first = 3;
	if (first <= last)
		close_range((unsigned int)first, (unsigned int)last, 0);
}

static void stand_by(int fd, const uint8_t uuid[16], int lock)
{
	int low = fd < lock ? fd : lock, high = fd < lock ? lock : fd;
	struct hvctl_ctx *ctx;
	sigset_t all;

	/* What is said to a process group or a terminal is not said to it. */
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* It has to live longer than what it guards, and to hold nothing of its devices. */
	close_between(0, low - 1);
	close_between(low + 1, high - 1);
	close_between(high + 1, ~0u >> 1);
	say(fd);
	if (!hear(fd)) {
		ctx = hvctl_open();
		if (ctx)
			hvctl_destroy_uuid(ctx, uuid);
	}
	_exit(0);
}

static void have_guard(const uint8_t uuid[16], int lock)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return;
	guard = fork();
	if (!guard) {
		close(fd[1]);
		stand_by(fd[0], uuid, lock);
	}
	close(fd[0]);
	guard_end = fd[1];
	if (guard < 0) {
		close(fd[1]);
		guard = 0;
		return;
	}
	/* If it is killed before it says so there is none. */
	hear(guard_end);
}

static void release_guard(void)
{
	if (!guard)
		return;
	say(guard_end);
	close(guard_end);
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
	guard = 0;
}

void guard_building(void *data, const uint8_t uuid[16], int lock, bool building)
{
	(void)data;
	if (building)
		have_guard(uuid, lock);
	else
		release_guard();
}
