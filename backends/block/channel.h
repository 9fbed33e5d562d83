/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the supervisor and a worker say to each other, in messages of a fixed size over a pair of
 * Unix sockets (SOCK_SEQPACKET). The supervisor believes nothing of what comes back but numbers
 * that it has checked, about disks of that worker's domain.
 */
#ifndef BLOCK_CHANNEL_H
#define BLOCK_CHANNEL_H

#include "backends/block/journal.h"

enum order_kind {
	ORDER_ATTACH = 1,	/* with two descriptors: the image or a socket to it, the journal */
	ORDER_CONNECT,
	ORDER_DISCONNECT,
	ORDER_DETACH,
	ORDER_RESIZE,		/* look at the image's size */
	ORDER_LIMITS,
	ORDER_SHARE,		/* of no disk: how many pages its disks may have mapped */
};

#define ATTACH_READONLY	1u
#define ATTACH_NBD	2u
#define ATTACH_WINDOW	4u

struct order {
	uint32_t kind, devid;
	uint32_t flags;
	uint32_t share;				/* ORDER_SHARE */
	uint64_t iops, bps;			/* ORDER_ATTACH, ORDER_LIMITS; 0: none */
	struct journal_connection connection;	/* ORDER_CONNECT */
};

enum report_kind {
	REPORT_ATTACHED = 1,
	REPORT_CONNECTED,
	REPORT_DISCONNECTED,
	REPORT_DETACHED,
	REPORT_RESIZED,
	REPORT_FAILED,		/* the order that was given last, or all I/O; .text says why */
};

#define DISK_READONLY	1u
#define DISK_DISCARD	2u

struct report {
	uint32_t kind, devid;
	uint64_t sectors;			/* of 512 bytes; ATTACHED, RESIZED */
	uint32_t sector_size, physical_sector_size, discard_granularity, flags;
	uint32_t taken_over;			/* CONNECTED: from a worker before it */
	char text[108];
};

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
