/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping a guest so that it can be saved, with its help, and letting it go on.
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_SUSPEND_H
#define HVCTL_SAVE_SUSPEND_H

#include <stdint.h>

struct hvctl_ctx;

/* Called a few times a second while somebody waits; an error ends the wait. */
typedef int (*suspend_meanwhile)(void *data);

/*
 * Ask the guest to suspend, and wait @seconds until it has. @meanwhile may be NULL.
 *     -EOPNOTSUPP  its kernel does not say that it can
 *     -ETIMEDOUT   it did not; the wish is taken back, and it runs
 *     -ECANCELED   it ended instead
 *     -EINTR       hvctl_cancel(): the same as for the time-out
 *     what @meanwhile says: the same
 */
int guest_suspend(struct hvctl_ctx *ctx, uint32_t domid, unsigned int seconds,
		  suspend_meanwhile meanwhile, void *data);

/* Whether the domain stands still because it has suspended itself: 1, 0 (it runs), -errno. */
int guest_suspended(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * Nobody wants the guest suspended any more: the wish is taken back, or if it has begun already, it
 * goes on when it has stopped (within 30 s).
 */
int guest_let_go(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * In the store, with the migration's token, before the first device of a guest is closed: from then
 * on it cannot go on as if nothing had been.
 */
#define GUEST_CLOSED	"/local/domain/%u/hvctl-devices-closed"
#define GUEST_CLOSED_BY 33

/* guest_closed - whether it has that mark: 1, and of whom, 0, or -errno of the store. */
int guest_closed(struct hvctl_ctx *ctx, uint32_t domid, char by[GUEST_CLOSED_BY]);

/*
 * Let a suspended guest go on as if nothing had been: its hypercall says that it was cancelled.
 * -ECANCELED: it is not suspended, and nothing is done to it; -EBUSY: its devices were closed, and
 * nothing is done either.
 */
int guest_resume(struct hvctl_ctx *ctx, uint32_t domid);

#endif
