/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_PERMISSION_H
#define ANNULUS_DOMAIN_PERMISSION_H

#include "memory/range_set.h"

/* What of the machine a domain may touch. */
struct permissions {
	struct range_set ports;  /* I/O ports */
	struct range_set iomem;  /* machine frame numbers */
	struct range_set irqs;   /* GSIs / hypervisor IRQ numbers */
};
void permissions_init(struct permissions *p);
void permissions_destroy(struct permissions *p);

#endif
