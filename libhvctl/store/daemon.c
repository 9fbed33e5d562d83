// SPDX-License-Identifier: GPL-2.0-or-later

#include "daemon.h"

#include "libhvctl/clock.h"
#include "log.h"
#include "number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ready_fd = -1;

int daemon_begin(void)
{
	int pipe_fd[2], status;
	pid_t pid;
	char byte;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int error = -errno;

		close(pipe_fd[0]);
		close(pipe_fd[1]);
		return error;
	}
	if (pid == 0) {
		close(pipe_fd[0]);
		ready_fd = pipe_fd[1];
		setsid();
		return 0;
	}
	close(pipe_fd[1]);
	if (read(pipe_fd[0], &byte, 1) == 1)
		_exit(0);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(1);
}

void daemon_ready(void)
{
	int null_fd;

	if (ready_fd < 0)
		return;
	if (chdir("/") < 0)
		abort();
	null_fd = open("/dev/null", O_RDWR);
	for (int fd = 0; null_fd >= 0 && fd <= 2; fd++)
		dup2(null_fd, fd);
	if (null_fd > 2)
		close(null_fd);
	if (write(ready_fd, "", 1) != 1)
		abort();
	close(ready_fd);
	ready_fd = -1;
}

int daemon_claim(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	char text[16];
	int length, error;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return error;
	}
	length = snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, text, length) != length) {
		error = errno ? -errno : -EIO;
		close(fd);
		return error;
	}
	/* The descriptor, and with it the lock, is kept until the process ends. */
	return 0;
}

void daemon_unclaim(const char *path)
{
	unlink(path);
}

int daemon_make_directory(const char *path)
{
	char name[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(name))
		return -ENAMETOOLONG;
	for (size_t i = 1; i < length; i++) {
		if (path[i] != '/')
			continue;
		memcpy(name, path, i);
		name[i] = '\0';
		if (mkdir(name, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int daemon_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

bool daemon_signalled(int signals, bool *reopen)
{
	struct signalfd_siginfo info;
	bool end = false;

	*reopen = false;
	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			log_reopen();
			*reopen = true;
			continue;
		}
		log_line("ends: signal %u", info.ssi_signo);
		end = true;
	}
	return end;
}

int daemon_poll(int epoll, int fd, void *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

bool daemon_option(struct daemon_options *options, int option, const char *argument)
{
	uint64_t value;

	switch (option) {
	case 'f':
		options->foreground = true;
		return true;
	case 'p':
		options->pidfile = argument;
		return true;
	case 'l':
		options->log = argument;
		return true;
	case 'L':
		if (number_parse(argument, 1 << 20, &value) || value < 4) {
			fprintf(stderr,
				"%s: --log-limit=%s: expected a number of KiB from 4 to %d\n",
				options->name, argument, 1 << 20);
			options->bad = true;
			return false;
		}
		options->log_limit = value << 10;
		return true;
	default:
		return false;
	}
}

void daemon_files(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int daemon_start(const struct daemon_options *options)
{
	int error;

	daemon_files();

	if (!options->foreground && (error = daemon_begin())) {
		fprintf(stderr, "%s: cannot go to the background: %s\n", options->name,
			strerror(-error));
		return 1;
	}
	error = daemon_make_directory(options->pidfile);
	if (!error)
		error = daemon_claim(options->pidfile);
	if (error == -EBUSY) {
		fprintf(stderr, "%s: %s: another %s runs already\n", options->name,
			options->pidfile, options->name);
		return 1;
	}
	if (error) {
		fprintf(stderr, "%s: %s: %s\n", options->name, options->pidfile, strerror(-error));
		return 1;
	}
	if (options->foreground)
		return 0;
	error = daemon_make_directory(options->log);
	if (!error)
		error = log_open(options->log, options->log_limit);
	if (error) {
		fprintf(stderr, "%s: cannot write the log %s: %s\n", options->name, options->log,
			strerror(-error));
		daemon_unclaim(options->pidfile);
		return 1;
	}
	return 0;
}

int daemon_no_hypervisor(const struct daemon_options *options, int error)
{
	fprintf(stderr,
		"%s: cannot connect to the hypervisor: %s. Is this domain 0, and are the modules "
		"xen-evtchn, xen-gntdev and xen-privcmd loaded?\n",
		options->name, strerror(-error));
	return 1;
}

uint64_t daemon_now(void)
{
	return monotonic_ms();
}
