// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANNEL_ROOM	(1 << 20)	/* bytes of orders that it has not taken yet */

/* In the child: nothing of ours but the channel goes along. */
static void run_worker(int channel, domid_t domid, uid_t uid)
{
	char title[32], number[3][16];
	char *argv[] = { title, "--worker", number[0], number[1], number[2], NULL };
	char *envp[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* At a fixed place, open across exec(). */
	if (dup2(channel, 3) != 3)
		_exit(1);
	snprintf(title, sizeof(title), "%.16s: worker", program_invocation_short_name);
	snprintf(number[0], sizeof(number[0]), "%d", 3);
	snprintf(number[1], sizeof(number[1]), "%u", domid);
	snprintf(number[2], sizeof(number[2]), "%u", (unsigned int)uid);
	execve("/proc/self/exe", argv, envp);
	_exit(1);
}

void process_drop(struct process *p)
{
	if (p->pid) {
		kill(p->pid, SIGKILL);
		/* It has done nothing yet, so this is not long. */
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->channel >= 0)
		close(p->channel);
	*p = (struct process){ .pidfd = -1, .channel = -1 };
}

int process_files(pid_t pid, uint64_t size)
{
	struct rlimit l;

	/* Its filter of calls leaves it none to change that: the lower limit is as good as both. */
	if (prlimit(pid, RLIMIT_FSIZE, NULL, &l))
		return -errno;
	l.rlim_cur = size;
	return prlimit(pid, RLIMIT_FSIZE, &l, NULL) ? -errno : 0;
}

int process_start(domid_t domid, uid_t uid, struct process *p)
{
	static const int room = CHANNEL_ROOM;
	int pair[2], error;

	*p = (struct process){ .pidfd = -1, .channel = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	p->channel = pair[0];
	/* A new worker is given all at once: without rights, tests for one, there is less room. */
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	p->pid = fork();
	if (!p->pid)
		run_worker(pair[1], domid, uid);
	error = p->pid < 0 ? -errno : 0;
	if (error)
		p->pid = 0;
	close(pair[1]);
	/* A worker may wait for us, we do not for one. */
	if (!error && fcntl(p->channel, F_SETFL, O_NONBLOCK))
		error = -errno;
	if (!error)
		error = process_files(p->pid, 0);
	if (!error) {
		p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
		error = p->pidfd < 0 ? -errno : 0;
	}
	if (error)
		process_drop(p);
	return error;
}
