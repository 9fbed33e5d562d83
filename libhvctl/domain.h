/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What create.c and monitor.c need of domain.c beside the public calls. */
#ifndef HVCTL_DOMAIN_H
#define HVCTL_DOMAIN_H

#include "hypercall.h"

/*
 * The hypervisor's record of a domain, -ESRCH if there is none of exactly this number. No message.
 */
int domain_record(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info);

/*
 * A domctl without parameters of its own on a domain; the message begins with "cannot @what domain
 * N".
 */
int domain_simple(struct hvctl_ctx *ctx, uint32_t domid, uint32_t cmd, const char *what);

/*
 * Kill the domain if it lives, close its devices, remove its store entries, wait until the
 * hypervisor has all its memory back. Never fails half-way: every part is tried. Returns 0 or the
 * first error.
 */
int domain_remove(struct hvctl_ctx *ctx, uint32_t domid);

/* The domain of this name, -ESRCH if there is none. No message. */
int domain_by_name(struct hvctl_ctx *ctx, const char *name, uint32_t *domid);

#endif
