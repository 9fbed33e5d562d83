/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of hvblkd's supervisor and a worker, about disks of that worker's domain. */
#ifndef BLOCK_ORDERS_H
#define BLOCK_ORDERS_H

#include "backends/block/journal.h"
#include "backends/lib/orders.h"

/* ORDER_ATTACH comes with two descriptors: the image or a socket to it, and the journal. */
enum disk_order_kind {
	ORDER_RESIZE = ORDERS,	/* look at the image's size */
	ORDER_LIMITS,
	ORDER_SHARE,		/* of no disk: how many pages its disks may have mapped */
};

#define ATTACH_READONLY	1u
#define ATTACH_NBD	2u
#define ATTACH_WINDOW	4u

struct disk_order {
	struct order head;
	uint32_t flags;				/* ORDER_ATTACH */
	uint32_t share, pad;			/* ORDER_SHARE */
	uint64_t iops, bps;			/* ORDER_ATTACH, ORDER_LIMITS; 0: none */
	struct journal_connection connection;	/* ORDER_CONNECT */
};

#define REPORT_RESIZED	REPORTS

#define DISK_READONLY	1u
#define DISK_DISCARD	2u

struct disk_report {
	struct report head;
	uint32_t flags;				/* ATTACHED, as all that follows */
	uint64_t sectors;			/* of 512 bytes; RESIZED, too */
	uint32_t sector_size, physical_sector_size, discard_granularity, pad;
};

#endif
