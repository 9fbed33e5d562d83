/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that serves the disks of one domain. */
#ifndef BLOCK_WORKER_H
#define BLOCK_WORKER_H

#include <sys/types.h>

#include "pv-abi/xen.h"

/*
 * worker_main - serves @domid by orders that come through @channel, in a cage as user @id, until
 * the channel is closed. Returns the exit status.
 */
int worker_main(int channel, domid_t domid, uid_t id);

#endif
