/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a daemon's supervisor and its workers say to each other, in messages of a fixed size over a
 * pair of Unix sockets (SOCK_SEQPACKET).
 */
#ifndef BACKENDS_CHANNEL_H
#define BACKENDS_CHANNEL_H

#include <stddef.h>

/*
 * channel_send - a message with up to two descriptors, in one piece. The supervisor's end does not
 * wait (it is O_NONBLOCK). 0, -EAGAIN, or another negative errno.
 */
int channel_send(int fd, const void *message, size_t size, const int *fds, unsigned int nr);

/*
 * channel_receive - one message of exactly @size bytes and up to two descriptors, without waiting.
 * @fds are -1 where none came. 1; 0: none waits; -EPIPE: the other side is gone; -EPROTO: something
 * else came, which is gone; another negative errno.
 */
int channel_receive(int fd, void *message, size_t size, int fds[2]);

#endif
