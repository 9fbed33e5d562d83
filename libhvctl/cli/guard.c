// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/hvctl.h"
#include "minder.h"

static pid_t guard;		/* 0: none */
static int guard_end;		/* a byte says what is, its end that we have ended */

enum { ALL_IS_WELL, GIVE_BACK };	/* the bytes: the second is answered */

/* A byte from the other side, or -1: its end. */
static int hear(int fd)
{
	unsigned char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? byte : -1;
}

static void say(int fd, unsigned char what)
{
	send(fd, &what, 1, MSG_NOSIGNAL);
}

/* Standard input, output and error stay. */
static void close_between(int first, int last)
{
	if (first < 3)
		first = 3;
	if (first <= last)
		close_range((unsigned int)first, (unsigned int)last, 0);
}

/* What is left to be done for a process that was killed. */
struct guarded {
	const uint8_t *uuid;
	int lock;
	bool saving;		/* else: creating */
	uint32_t domid;		/* saving: which */
	const char *part;	/* saving: the file, or NULL */
	const char *token;	/* migrating, or NULL */
	bool leaving;		/* migrating: from here */
	pid_t whose;		/* migrating: the process that may be killed */
};

/* Whoever it runs as now is minded by nobody yet. */
static void undo_migration(struct hvctl_ctx *ctx, const struct guarded *g)
{
	struct hvctl_config *config = NULL;
	uint32_t domid;

	hvctl_migrate_undo(ctx, g->token, g->leaving, g->whose, &config, &domid);
	/* The minder would hold it for as long as the guest lives. */
	if (g->lock >= 0)
		close(g->lock);
	if (config)
		start_minder(ctx, config, domid);
}

static void clean_up(const struct guarded *g)
{
	struct hvctl_ctx *ctx = hvctl_open();

	if (g->saving && g->part)
		unlink(g->part);
	if (ctx && g->token)
		undo_migration(ctx, g);
	else if (ctx && g->saving)
		hvctl_save_undo(ctx, g->domid, g->uuid);
	else if (ctx)
		hvctl_destroy_uuid(ctx, g->uuid);
}

static void stand_by(int fd, const struct guarded *of)
{
	struct guarded g = *of;
	int lock = g.lock < 0 ? fd : g.lock;
	int low = fd < lock ? fd : lock, high = fd < lock ? lock : fd, what;
	sigset_t all;

	/* What is said to a process group or a terminal is not said to it. */
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* It has to live longer than what it guards, and to hold nothing of its devices. */
	close_between(0, low - 1);
	close_between(low + 1, high - 1);
	close_between(high + 1, ~0u >> 1);
	say(fd, ALL_IS_WELL);
	while ((what = hear(fd)) == GIVE_BACK) {
		if (g.lock >= 0)
			close(g.lock);
		g.lock = -1;
		say(fd, ALL_IS_WELL);
	}
	if (what < 0)
		clean_up(&g);
	_exit(0);
}

static void have_guard(const struct guarded *g)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return;
	guard = fork();
	if (!guard) {
		close(fd[1]);
		stand_by(fd[0], g);
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
	say(guard_end, ALL_IS_WELL);
	close(guard_end);
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
	guard = 0;
}

void guard_building(void *data, const uint8_t uuid[16], int lock, bool building)
{
	const struct guarded g = { .uuid = uuid, .lock = lock };

	(void)data;
	if (building && guard) {
		say(guard_end, GIVE_BACK);
		hear(guard_end);
	} else if (building) {
		have_guard(&g);
	} else {
		release_guard();
	}
}

void guard_saving(void *data, uint32_t domid, const uint8_t uuid[16], int lock, const char *part,
		  bool saving)
{
	const struct guarded g = {
		.uuid = uuid, .lock = lock, .saving = true, .domid = domid, .part = part,
	};

	(void)data;
	if (saving)
		have_guard(&g);
	else
		release_guard();
}

void guard_migrating(void *data, const char *token, bool leaving, int lock, bool under_way)
{
	const struct guarded g = {
		.lock = lock, .token = token, .leaving = leaving, .whose = getpid(),
	};

	(void)data;
	if (under_way)
		have_guard(&g);
	else
		release_guard();
}
