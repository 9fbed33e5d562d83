/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that xl save wrote. Functions return 0 or -errno with the context's message set. */
#ifndef HVCTL_SAVE_XEN_H
#define HVCTL_SAVE_XEN_H

#include "save/restore.h"

/* Do the first IMAGE_HEAD bytes begin such an image? */
bool xen_is_image(const void *head);
/* Its configuration, as hvctl_config_parse() makes it; the head has been read. */
int xen_config(struct image *i, struct hvctl_config **config);
/* All the rest, into the domain. */
int xen_fill(struct image *i, uint32_t domid, struct domain_rings *rings);

#endif
