/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's pages on their way into an image: zeros and what was there before are said, not stored.
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_PAGES_H
#define HVCTL_SAVE_PAGES_H

#include "save/guest.h"
#include "save/stream.h"

struct pages_stored {
	uint64_t data, zero, same;
};

/*
 * Whether dom0 has the memory that it takes to save domain @domid with so many @threads of
 * compression: to be asked while the guest still runs. -ENOMEM: it has not.
 */
int pages_room(struct hvctl_ctx *ctx, uint32_t domid, unsigned int threads);

/* All of @g's pages. The guest does not run. Reports progress, and can be cancelled. */
int pages_save(const struct guest *g, struct stream_out *out, struct pages_stored *stored);

#endif
