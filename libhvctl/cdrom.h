/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies in the CD drives of a domain, which may be another medium than it was created with. */
#ifndef HVCTL_CDROM_H
#define HVCTL_CDROM_H

#include "internal.h"

/* cdrom_is_empty - whether @d is a drive without a medium: there is no device for it. */
static inline bool cdrom_is_empty(const struct hvctl_disk *d)
{
	return d->cdrom && !d->target[0];
}

/*
 * cdroms_keep - @c, from which domain @domid was made and is to be made again, gets the media that
 * it has by now. Only warns.
 */
void cdroms_keep(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c);

#endif
