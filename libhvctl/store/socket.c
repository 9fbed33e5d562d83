// SPDX-License-Identifier: GPL-2.0-or-later

#include "socket.h"

#include "listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct socket_connection {
	struct connection connection;
	struct turns *turns;
	int fd;
	/* What has come and was not asked for yet: a request's head and the rest come at once. */
	size_t at, have;
	char data[4096];
};

static struct socket_connection *of(struct connection *connection)
{
	return (struct socket_connection *)connection;
}

static ssize_t read_socket(struct connection *connection, char *out, size_t size)
{
	struct socket_connection *from = of(connection);

	if (from->at == from->have) {
		ssize_t got = recv(from->fd, from->data, sizeof(from->data), 0);

		if (got == 0)
			return -ECONNRESET;
		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		from->at = 0;
		from->have = got;
	}
	if (size > from->have - from->at)
		size = from->have - from->at;
	memcpy(out, from->data + from->at, size);
	from->at += size;
	return size;
}

static ssize_t write_socket(struct connection *connection, const char *in, size_t size)
{
	ssize_t sent = send(of(connection)->fd, in, size, MSG_NOSIGNAL);

	if (sent >= 0)
		return sent;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void lost_socket(struct connection *connection, int error)
{
	(void)error;
	socket_free(connection, of(connection)->turns);
}

static const struct connection_ops socket_ops = {
	.read = read_socket,
	.write = write_socket,
	.lost = lost_socket,
};

struct connection *socket_accept(int listener, int epoll, struct store *store, struct turns *turns)
{
	struct socket_connection *connection;
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int fd = unix_accept(listener);

	if (fd < 0)
		return NULL;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		goto fail;
	connection->connection.ops = &socket_ops;
	connection->fd = fd;
	connection->turns = turns;
	connection->connection.client = client_new(store, 0, connection);
	if (!connection->connection.client)
		goto fail;
	event.data.ptr = &connection->connection;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		client_free(connection->connection.client);
		goto fail;
	}
	return &connection->connection;
fail:
	free(connection);
	close(fd);
	return NULL;
}

void socket_free(struct connection *connection, struct turns *turns)
{
	turns_remove(turns, connection);
	client_free(connection->client);
	close(of(connection)->fd);
	free(connection);
}
