/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What creating and restoring do around the domain: interrupts, and the process that minds it. */
#ifndef CLI_MINDER_H
#define CLI_MINDER_H

#include "include/hvctl.h"

#define LOG_DIR "/var/log/hvctl"

/* Interrupts cancel the call that runs with @ctx; NULL: they mean what they did. */
void catch_interrupts(struct hvctl_ctx *ctx);

/* SIG_BLOCK, SIG_UNBLOCK: between a domain that stands and the process that minds it they wait. */
void block_interrupts(int how);

/* Leave a process that minds the domain until it is gone. CLI_OK, or what to exit with. */
int start_minder(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid);

#endif
