/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journals' files, in a directory of memory that outlives all of us. For the supervisor, which
 * makes them and gives them their memory: a worker that touches a page of one for which there is
 * none is ended by SIGBUS, and nobody is told why.
 */
#ifndef BLOCK_FILES_H
#define BLOCK_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "pv-abi/xen.h"

/*
 * files_open - the journal of disk @devid of @domid in the directory @run, made if there is none,
 * with memory for what is there without a connection. A descriptor, or a negative errno: -ENOSPC:
 * no room in the directory.
 */
int files_open(const char *run, domid_t domid, uint32_t devid);

/*
 * files_room - memory for the entries of @nr_queues rings of 2^@ring_order pages, at most
 * JOURNAL_QUEUES and JOURNAL_ORDER_MAX, in the journal @fd. 0, or a negative errno as above: what
 * was there before is there still.
 */
int files_room(int fd, uint32_t nr_queues, uint32_t ring_order);

/* files_busy - whether a worker has the journal @fd still, or I/O that one began is under way. */
bool files_busy(int fd);

/*
 * files_clean - drops what belongs to no disk: whose supervisor ended before the disk did. @needed
 * says of each disk that has files whether it is there, or might be. Files that a worker or a
 * server has locked stay for the next time.
 */
void files_clean(const char *run, bool (*needed)(domid_t domid, uint32_t devid));

/* files_drop - the disk is gone: its journal goes, and its server's lock. */
void files_drop(const char *run, domid_t domid, uint32_t devid);

#endif
