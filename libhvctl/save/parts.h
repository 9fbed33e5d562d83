/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What saving and migrating a guest write alike: all but its pages.
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_PARTS_H
#define HVCTL_SAVE_PARTS_H

#include "save/guest.h"
#include "save/stream.h"

struct saving {
	struct hvctl_ctx *ctx;
	uint32_t domid;
	struct guest g;
	struct stream_out *out;
	bool stays;	/* the guest goes on beside its image */
	bool marked;	/* it does not go on by itself: save/outcome.h */
};

/*
 * Its configuration as hvctl_create() left it in the store, with the name that it has now; to be
 * freed in any case. -EINVAL: nobody knows it.
 */
int save_read_settings(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **config);
/* The same with its devices as they are. -EOPNOTSUPP: it could not have one of them again. */
int save_settings(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **config);

int save_one(struct saving *s, uint32_t type, const void *body, size_t len);
/* From the configuration to the CPU policy. */
int save_head(struct saving *s, const char *settings);
/* The shared page and the vCPUs of a guest that stands still. */
int save_tail(struct saving *s);

#endif
