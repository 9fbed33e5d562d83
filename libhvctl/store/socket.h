/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unix sockets. Only root can connect (the socket's mode says so), and speaks as domain 0.
 */
#ifndef HVSTORE_SOCKET_H
#define HVSTORE_SOCKET_H

#include "connection.h"

/*
 * socket_accept - take one waiting connection, if there is one.
 * @epoll: where the new descriptor is registered, edge-triggered, with its connection as data
 * Returns the connection, or NULL.
 */
struct connection *socket_accept(int listener, int epoll, struct store *store, struct turns *turns);

/* socket_free - close the connection and release it. */
void socket_free(struct connection *connection, struct turns *turns);

#endif
