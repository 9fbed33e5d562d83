/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What create.c, monitor.c and removal.c need of domain.c beside the public calls. */
#ifndef HVCTL_DOMAIN_H
#define HVCTL_DOMAIN_H

#include "hypercall.h"

/*
 * The hypervisor's record of a domain, -ESRCH if there is none of exactly this number. No message.
 */
int domain_record(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info);

/* The same with a message. */
int domain_need(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info);

/* -EPERM with the message "cannot @what domain 0" if it is that. */
int domain_not_dom0(struct hvctl_ctx *ctx, uint32_t domid, const char *what);

/*
 * A domctl without parameters of its own on a domain; the message begins with "cannot @what domain
 * N".
 */
int domain_simple(struct hvctl_ctx *ctx, uint32_t domid, uint32_t cmd, const char *what);

/* The domain of this name, -ESRCH if there is none. No message. */
int domain_by_name(struct hvctl_ctx *ctx, const char *name, uint32_t *domid);

/* The same by its handle, as the hypervisor has it. */
int domain_by_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16], uint32_t *domid);

#endif
