/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that carries all packets. */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <sys/types.h>

/*
 * worker_main - serves interfaces by orders that come through @channel, in a cage as user @id,
 * until the channel is closed. Returns the exit status.
 */
int worker_main(int channel, uid_t id);

#endif
