// SPDX-License-Identifier: GPL-2.0-or-later

#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_MS		5000
#define WAIT_STEP_MS	50

static int open_console(const char *path, int replay_bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat stat_buf;
	char greeting[32];
	int fd, length, error;

	if (stat(path, &stat_buf) < 0)
		return -errno;
	if (S_ISCHR(stat_buf.st_mode)) {
		fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	length = snprintf(greeting, sizeof(greeting), "replay %d\n",
			  replay_bytes > 0 ? replay_bytes : 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, greeting, length, MSG_NOSIGNAL) != length) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t written = write(fd, data, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		length -= written;
	}
	return 0;
}

/*
 * Pass bytes both ways until something ends. What was typed but not yet taken is kept in @typed, so
 * that a domain that does not read cannot keep us from showing its output, nor from seeing the
 * detach key.
 */
static int pass(int console, int signals, bool terminal)
{
	char shown[4096], typed[4096];
	size_t pending = 0;
	bool eof = false, detach = false;

	for (;;) {
		struct pollfd poll_fd[3] = {
			{ .fd = console, .events = POLLIN | (pending ? POLLOUT : 0) },
			/*
			 * A pipe can wait; a terminal must not, or the detach key would be stuck
			 * behind.
			 */
			{ .fd = !eof && (terminal || pending < sizeof(typed)) ? STDIN_FILENO : -1,
			  .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};
		ssize_t got;

		if (poll(poll_fd, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (poll_fd[2].revents)
			return HVCONSOLE_DETACHED;
		if (poll_fd[0].revents & (POLLIN | POLLHUP | POLLERR)) {
			got = read(console, shown, sizeof(shown));
			if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
				return HVCONSOLE_ENDED;
			if (got > 0 && write_all(STDOUT_FILENO, shown, got))
				return HVCONSOLE_DETACHED;
		}
		if (poll_fd[1].revents) {
			char *start = typed + pending, *key = NULL;
			char dropped[256];
			bool full = pending == sizeof(typed);

			got = full ? read(STDIN_FILENO, start = dropped, sizeof(dropped)) :
				     read(STDIN_FILENO, start, sizeof(typed) - pending);
			if (got <= 0)
				eof = got == 0 || errno != EINTR;
			if (got > 0 && terminal)
				key = memchr(start, HVCONSOLE_DETACH_KEY, got);
			if (key) {
				detach = true;
				got = key - start;
			}
			if (got > 0 && !full)
				pending += got;
		}
		if (pending) {
			got = send(console, typed, pending, MSG_DONTWAIT | MSG_NOSIGNAL);
			if (got < 0 && errno == ENOTSOCK)
				got = write(console, typed, pending);
			if (got > 0) {
				pending -= got;
				memmove(typed, typed + got, pending);
			}
		}
		if (detach)
			return HVCONSOLE_DETACHED;
	}
}

int hvconsole_attach_path(const char *path, int replay_bytes)
{
	struct termios before, raw;
	sigset_t set, old;
	bool terminal;
	int console, signals, result;

	console = open_console(path, replay_bytes);
	if (console < 0)
		return console;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0) {
		result = -errno;
		goto out;
	}
	terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	if (terminal) {
		raw = before;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	result = pass(console, signals, terminal);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	close(signals);
out:
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(console);
	return result;
}

int hvconsole_attach(unsigned int domid, int replay_bytes)
{
	char path[64];
	int result = -ENOENT;

	snprintf(path, sizeof(path), "/run/hvconsoled/%u.sock", domid);
	/* The daemon hears of a new domain a moment after the toolstack. */
	for (int waited = 0; result == -ENOENT && waited <= WAIT_MS; waited += WAIT_STEP_MS) {
		if (waited)
			poll(NULL, 0, WAIT_STEP_MS);
		result = hvconsole_attach_path(path, replay_bytes);
	}
	return result;
}
