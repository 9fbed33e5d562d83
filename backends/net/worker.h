/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that carries all packets. */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <sys/types.h>

#include "pv-abi/xen.h"

/*
 * worker_main - serves interfaces by orders that come through @channel, in a cage as user @id,
 * until the channel is closed. @domid is no one's: it serves all. Returns the exit status.
 */
int worker_main(int channel, domid_t domid, uid_t id);

#endif
