/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Readers of images, one per format. Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_RESTORE_H
#define HVCTL_SAVE_RESTORE_H

#include "save/fill.h"
#include "save/known.h"
#include "save/stream.h"

#define IMAGE_HEAD 32u /* bytes that tell one format from the other */

/* An image that is being read: of our own format, or what xl save wrote. */
struct image {
	struct hvctl_ctx *ctx;
	int fd;
	const char *name;
	struct stream_in *in; /* NULL: xl's */
	/* NULL, or called when all has been checked that can be before its pages come. */
	int (*accepted)(struct image *i);
	/*
	 * NULL, or has the page of a digest that whoever writes the image was told: 0 or -errno
	 * with the context's message set.
	 */
	int (*known)(struct image *i, const struct digest *d, void *page);
	void *data; /* of these */
	uint64_t nr_pages; /* that the guest says it has; behind its description */
	bool force_cpu; /* this machine's CPU may lack what the guest was shown */
	struct fill fill;
};

/* What restoring and cloning have in common. saved_close() is due after saved_open(), always. */
int saved_open(struct image *i, const char *path);
/* Its beginning, and what it says about its guest. */
int saved_config(struct image *i, struct hvctl_config **config);
/* Another guest, with a uuid and MAC addresses of its own. -EINVAL: no name. */
int saved_rename(struct image *i, struct hvctl_config *config, const char *name);
/* A domain of it; all or nothing. */
int saved_make(struct image *i, struct hvctl_config *config, unsigned int flags, uint32_t *domid);
void saved_close(struct image *i);

/* ---- our own ---- */

int own_config(struct image *i, const void *head, struct hvctl_config **config);
/* All the rest, into the domain. The fill is begun by that. */
int own_fill(struct image *i, uint32_t domid, struct domain_rings *rings);

#endif
