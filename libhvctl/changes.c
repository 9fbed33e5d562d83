// SPDX-License-Identifier: LGPL-2.1-or-later
/* Waiting until there is something new about domains. */
#include <errno.h>
#include <limits.h>

#include "internal.h"
#include "xs.h"

/* Of a daemon that comes back there are no events until it is asked again. */
#define LOST_LOOK_MS	1000u

int hvctl_wait_change(struct hvctl_ctx *ctx, unsigned int ms)
{
	static const char token[] = "hvctl-change";
	char path[128];
	int got;

	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	if (!ctx->watching) {
		/* A watch answers at once, and so does this. */
		ctx->watching = !xs_watch(ctx->xs, "@introduceDomain", token) &&
				!xs_watch(ctx->xs, "@releaseDomain", token);
		if (!ctx->watching)
			hvctl_nap(ms < LOST_LOOK_MS ? ms : LOST_LOOK_MS);
		return 1;
	}
	got = xs_wait(ctx->xs, ms > INT_MAX ? INT_MAX : (int)ms, path, sizeof(path));
	if (got < 0) {
		/* The daemon is gone; what happens until it is back is seen by looking. */
		hvctl_nap(ms < LOST_LOOK_MS ? ms : LOST_LOOK_MS);
		return 1;
	}
	/* Several have come about one thing: one look is enough. */
	for (int more = got; more > 0;)
		more = xs_wait(ctx->xs, 0, path, sizeof(path));
	return got;
}
