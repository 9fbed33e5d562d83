// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/lib/process.c backends/lib/channel.c
/*
 * Starting a worker of hvblkd: one that cannot be watched does not run, and leaves no descriptor
 * and no dead process behind; and what one sends besides reports ends nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/block/orders.h"
#include "backends/lib/channel.h"
#include "backends/lib/process.h"
#include "suite.h"

/* The worker is this very program: it waits for the end of its channel. */
static void __attribute__((constructor)) be_worker(int argc, char **argv)
{
	struct pollfd fd = { .fd = 3, .events = POLLIN };

	if (argc != 5 || strcmp(argv[1], "--worker"))
		return;
	poll(&fd, 1, -1);
	_exit(strcmp(argv[2], "3") || strcmp(argv[3], "7") || strcmp(argv[4], "1007"));
}

static bool deny;

/* A kernel that has no descriptor left for it. */
long syscall(long number, ...)
{
	pid_t pid;
	va_list args;

	va_start(args, number);
	pid = va_arg(args, pid_t);
	va_end(args);
	if (deny) {
		errno = EMFILE;
		return -1;
	}
	return pidfd_open(pid, 0);
}

static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

TEST(test_start, "a worker is told its channel, its domain and its user")
{
	struct process p;
	int fd = next_fd(), status;

	CU_ASSERT_EQUAL_FATAL(process_start(7, 1007, &p), 0);
	CU_ASSERT_TRUE(fcntl(p.channel, F_GETFL) & O_NONBLOCK);
	shutdown(p.channel, SHUT_RDWR);
	CU_ASSERT_EQUAL(poll(&(struct pollfd){ .fd = p.pidfd, .events = POLLIN }, 1, -1), 1);
	CU_ASSERT_EQUAL(waitpid(p.pid, &status, 0), p.pid);
	CU_ASSERT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	close(p.pidfd);
	close(p.channel);
	CU_ASSERT_EQUAL(next_fd(), fd);
}

TEST(test_room, "a worker that reads nothing yet is given orders for all that there is")
{
	static const char order[336];
	struct process p;
	unsigned int nr = 0;

	CU_ASSERT_EQUAL_FATAL(process_start(7, 1007, &p), 0);
	kill(p.pid, SIGSTOP);
	while (nr < 1000 && !channel_send(p.channel, order, sizeof(order), NULL, 0))
		nr++;
	/* 200 interfaces and 40 bridges. */
	CU_ASSERT_TRUE(nr >= 240);
	process_drop(&p);
}

TEST(test_files, "a worker's files do not grow beyond what it is given")
{
	struct process p;
	struct rlimit l;

	CU_ASSERT_EQUAL_FATAL(process_start(7, 1007, &p), 0);
	CU_ASSERT_EQUAL(prlimit(p.pid, RLIMIT_FSIZE, NULL, &l), 0);
	CU_ASSERT_EQUAL(l.rlim_cur, 0);
	CU_ASSERT_EQUAL(process_files(p.pid, 12345), 0);
	CU_ASSERT_EQUAL(prlimit(p.pid, RLIMIT_FSIZE, NULL, &l), 0);
	CU_ASSERT_EQUAL(l.rlim_cur, 12345);
	process_drop(&p);
}

TEST(test_no_watch, "one that cannot be watched does not run")
{
	struct process p = { .pid = 1, .pidfd = 1, .channel = 1 };
	int fd = next_fd();

	deny = true;
	CU_ASSERT_EQUAL(process_start(7, 1007, &p), -EMFILE);
	deny = false;
	CU_ASSERT_EQUAL(p.pid, 0);
	CU_ASSERT_EQUAL(p.pidfd, -1);
	CU_ASSERT_EQUAL(p.channel, -1);
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
	CU_ASSERT_EQUAL(next_fd(), fd);
}

TEST(test_descriptors, "descriptors that come with a report are seen, and closed by who reads it")
{
	struct report r = { .kind = REPORT_FAILED };
	int pair[2], fds[2], fd = next_fd(), send[2] = { 0, 1 };

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL(channel_send(pair[1], &r, sizeof(r), send, 2), 0);
	CU_ASSERT_EQUAL(channel_receive(pair[0], &r, sizeof(r), fds), 1);
	CU_ASSERT_TRUE(fds[0] >= 0 && fds[1] >= 0);
	close(fds[0]);
	close(fds[1]);
	/* With what is no report, they are gone already. */
	CU_ASSERT_EQUAL(channel_send(pair[1], &r, 8, send, 2), 0);
	CU_ASSERT_EQUAL(channel_receive(pair[0], &r, sizeof(r), fds), -EPROTO);
	CU_ASSERT_TRUE(fds[0] < 0 && fds[1] < 0);
	close(pair[0]);
	close(pair[1]);
	CU_ASSERT_EQUAL(next_fd(), fd);
}

SUITE("hvblkd's processes")
