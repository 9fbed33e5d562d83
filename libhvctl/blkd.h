/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hvblkd and hvnetd, the backends that are daemons, as the toolstack sees them. */
#ifndef HVCTL_BLKD_H
#define HVCTL_BLKD_H

#include "internal.h"

/* Locked by the daemon as long as it runs. */
extern const char *blkd_pidfile, *netd_pidfile;

/* Does it run? */
bool blkd_runs(void);
bool netd_runs(void);

/*
 * Have it running: start it if it does not. -ENOENT (not installed), -EIO (it does not start), with
 * the message set.
 */
int blkd_need(struct hvctl_ctx *ctx);
int netd_need(struct hvctl_ctx *ctx);

#endif
