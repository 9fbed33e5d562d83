/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What create.c and monitor.c need of removal.c beside the public calls. */
#ifndef HVCTL_REMOVAL_H
#define HVCTL_REMOVAL_H

#include "internal.h"

/*
 * Kill the domain if it lives, close its devices, remove its store entries, wait until the
 * hypervisor has all its memory back. Never fails half-way: every part is tried. Returns 0 or the
 * first error.
 */
int domain_remove(struct hvctl_ctx *ctx, uint32_t domid);

#endif
