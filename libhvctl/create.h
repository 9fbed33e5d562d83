/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What creating and restoring a domain have in common: all but what is in its memory. */
#ifndef HVCTL_CREATE_H
#define HVCTL_CREATE_H

#include "internal.h"

/* A new domain's two rings, as the store and its daemons are told of them. */
struct domain_rings {
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
	/* Its kernel can suspend, and goes on: only one that boots says so itself. */
	bool suspends;
};

/*
 * Fill the new domain, which has its vCPUs and limits but no memory, and say where its rings are.
 * 0 or -errno with the message set.
 */
typedef int (*domain_fill)(void *data, uint32_t domid, struct domain_rings *rings);

/*
 * A flag beside HVCTL_CREATE_*, of both calls below: its devices stay out of it. Somebody else has
 * them still, and devices_add() is called when he has let go of them. It is filled without the lock
 * of hvctl_lock(), in its own time.
 */
#define DOMAIN_NO_DEVICES 0x100u

/* For hvctl_create(): it is started again, and what it wrote has to be there. */
#define DOMAIN_AGAIN 0x200u

/*
 * For domain_make(): what fills it waits for somebody, another host or a slow disk. It does so
 * without the lock, and who shares its devices is asked once more after that.
 */
#define DOMAIN_WAITS 0x400u

/* All of a configuration that can be found wrong without touching anything. Settles its uuid. */
int domain_check(struct hvctl_ctx *ctx, struct hvctl_config *config);
int domain_check_for(struct hvctl_ctx *ctx, struct hvctl_config *config, unsigned int flags);

/* What is left open of its uuid and MAC addresses is chosen. -EINVAL: an address comes twice. */
int domain_settle(struct hvctl_ctx *ctx, struct hvctl_config *config);

/*
 * Write the configuration into the store below /vm/@uuid, where save_read_settings() finds it for a
 * domain whose "vm" that is. What is there already has to be removed first.
 */
int domain_put_settings(struct hvctl_ctx *ctx, const char *uuid, const struct hvctl_config *config);

/* The same for domain @domid, in place of what it has there: whole, or as it was. */
int domain_replace_settings(struct hvctl_ctx *ctx, uint32_t domid,
			    const struct hvctl_config *config);

/* How many MiB a domain could have now, with what it costs besides; 0: nobody knows. */
uint64_t domain_memory_room(struct hvctl_ctx *ctx);

/* Does the host have the memory for @count domains like this one? -ENOSPC. */
int domain_check_memory(struct hvctl_ctx *ctx, const struct hvctl_config *config,
			unsigned int count);

/* hvctl_create()'s second half: the domain, its store entries, its devices; all or nothing. */
int domain_make(struct hvctl_ctx *ctx, struct hvctl_config *config, unsigned int flags,
		domain_fill fill, void *data, uint32_t *domid);

#endif
