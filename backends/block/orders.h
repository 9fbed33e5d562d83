/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of hvblkd's supervisor and a worker. The supervisor believes nothing of what comes
 * back but numbers that it has checked, about disks of that worker's domain.
 */
#ifndef BLOCK_ORDERS_H
#define BLOCK_ORDERS_H

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

#endif
