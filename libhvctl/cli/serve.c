// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers over HTTP, one at a time: each is made anew, and a client has a few seconds for its part.
 */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define CLIENT_S	5
#define REQUEST_MAX	8192u

/* @fd, listening, or why it does not; it is closed then. */
static int listen_at(int fd, const struct sockaddr *address, socklen_t size)
{
	int error;

	if (!bind(fd, address, size) && !listen(fd, 16))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int listen_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* One that nobody listens at was left by somebody before us. */
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode) &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return listen_at(fd, (struct sockaddr *)&address, sizeof(address));
}

/* "HOST:PORT", or ":PORT" for this machine alone. */
static int listen_port(const char *where)
{
	const char *colon = strrchr(where, ':');
	size_t length = colon ? (size_t)(colon - where) : 0;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	const struct sockaddr *address;
	socklen_t size;
	uint64_t port;
	char host[64];
	int fd, one = 1;

	if (!colon || length >= sizeof(host) || !cli_number(colon + 1, &port) || !port ||
	    port > 65535)
		return -EINVAL;
	four.sin_port = six.sin6_port = htons((uint16_t)port);
	/* An address with colons of its own stands in brackets. */
	if (length > 2 && *where == '[' && colon[-1] == ']') {
		snprintf(host, sizeof(host), "%.*s", (int)length - 2, where + 1);
		if (inet_pton(AF_INET6, host, &six.sin6_addr) != 1)
			return -EINVAL;
		address = (struct sockaddr *)&six;
		size = sizeof(six);
	} else {
		snprintf(host, sizeof(host), "%.*s", (int)length, where);
		if (inet_pton(AF_INET, *host ? host : "127.0.0.1", &four.sin_addr) != 1)
			return -EINVAL;
		address = (struct sockaddr *)&four;
		size = sizeof(four);
	}
	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return listen_at(fd, address, size);
}

static void put(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

/* Reads up to the empty line. False: that was no request. */
static bool take_request(int fd, char request[REQUEST_MAX])
{
	time_t until = time(NULL) + CLIENT_S;
	size_t have = 0;

	while (have < REQUEST_MAX - 1 && time(NULL) <= until) {
		ssize_t n = recv(fd, request + have, REQUEST_MAX - 1 - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
		request[have] = '\0';
		if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
			return true;
	}
	return false;
}

static void answer(int fd, const char *type, serve_fn make, void *data)
{
	const struct timeval wait = { .tv_sec = CLIENT_S };
	char request[REQUEST_MAX], head[160], *text = NULL;
	const char *status = "400 Bad Request";

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (take_request(fd, request)) {
		if (strncmp(request, "GET /metrics ", 13) && strncmp(request, "GET / ", 6)) {
			status = "404 Not Found";
		} else {
			text = make(data);
			status = text ? "200 OK" : "503 Service Unavailable";
		}
	}
	snprintf(head, sizeof(head),
		 "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
		 text ? type : "text/plain", text ? strlen(text) : 0);
	put(fd, head, strlen(head));
	if (text)
		put(fd, text, strlen(text));
	free(text);
}

int serve(const char *where, const char *type, serve_fn make, void *data)
{
	int listener = strchr(where, '/') ? listen_path(where) : listen_port(where);
	struct stat ours = { 0 }, now;

	if (listener < 0)
		return listener;
	if (strchr(where, '/'))
		lstat(where, &ours);
	cli_stop_on_signals();
	while (!cli_stopped) {
		struct pollfd ready = { .fd = listener, .events = POLLIN };
		int fd;

		if (poll(&ready, 1, -1) <= 0)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		answer(fd, type, make, data);
		close(fd);
	}
	/* Somebody else may have his there by now. */
	if (strchr(where, '/') && !lstat(where, &now) && now.st_dev == ours.st_dev &&
	    now.st_ino == ours.st_ino)
		unlink(where);
	close(listener);
	return 0;
}
