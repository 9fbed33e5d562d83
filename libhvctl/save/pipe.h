/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipes that are written to: whoever reads one may do so when he likes, or never. */
#ifndef HVCTL_SAVE_PIPE_H
#define HVCTL_SAVE_PIPE_H

#include <poll.h>

#include "internal.h"

/* So much a pipe that has room takes without a wait (pipe(7)): an interrupt is heard. */
#define PIPE_PIECE   4096u
/* A signal may come before a wait: it is looked for so often. */
#define PIPE_LOOK_MS 500

/* pipe_await_room - until @fd has room. hvctl_cancelled()'s error if that was said meanwhile. */
static inline int pipe_await_room(struct hvctl_ctx *ctx, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error;

	do
		error = hvctl_cancelled(ctx);
	while (!error && poll(&p, 1, PIPE_LOOK_MS) <= 0);
	return error;
}

#endif
