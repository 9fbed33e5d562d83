/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain that has stopped and is kept beside the one that is built after it. */
#ifndef HVCTL_ASIDE_H
#define HVCTL_ASIDE_H

#include "internal.h"

/* The one that is kept; zeros: none. Another one that has its number by now has another uuid. */
struct aside {
	uint8_t uuid[16];
};

/*
 * domain_set_aside - keep the stopped domain @domid, of configuration @c, under another name,
 * NAME-DOMID or, if another one has it, NAME-DOMID-2 and so on, and another uuid: both its own are
 * free then. Its devices are closed, since the next one has them. The one that @aside tells of
 * goes, if it is still there: each takes its memory, and a guest can crash as often as it likes.
 * Returns 0 with @aside telling of this one, or -errno: -EEXIST: others are called all of these.
 */
int domain_set_aside(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c,
		     struct aside *aside);

/* domain_drop_aside - there is no memory for both. Returns whether there was one, that is gone. */
bool domain_drop_aside(struct hvctl_ctx *ctx, struct aside *aside);

#endif
