/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for a disk's journal: as much as its connection needs. */
#ifndef BLOCK_ROOM_H
#define BLOCK_ROOM_H

#include <stdint.h>

#include "pv-abi/xen.h"

/*
 * room_open - the journal of disk @devid of @domid in the directory @run, made if there is none,
 * with memory for what is there without a connection. A descriptor, or a negative errno: -ENOSPC:
 * no room in the directory.
 */
int room_open(const char *run, domid_t domid, uint32_t devid);

/*
 * room_make - memory for the entries of @nr_queues rings of 2^@ring_order pages, at most
 * JOURNAL_QUEUES and JOURNAL_ORDER_MAX, in the journal @fd. 0, or a negative errno as above: what
 * was there before is there still.
 */
int room_make(int fd, uint32_t nr_queues, uint32_t ring_order);

#endif
