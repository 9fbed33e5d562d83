/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices of a domain: their store entries, and what they stand on in dom0 (disk.c, net.c). The
 * backends are drivers of dom0's kernel and the daemon hvblkd (blkd.c), woken by the store entries.
 */
#ifndef HVCTL_DEVICE_H
#define HVCTL_DEVICE_H

#include "diskuse.h"
#include "internal.h"

/* What a disk stands on once disk_open() has looked. */
struct disk_base {
	int fd; /* keeps a loop device alive until the backend has opened it; -1: none */
	char node[64];		/* the block device, "/dev/loop0" */
	uint32_t major, minor;
	bool remote;		/* bytes that others have: there is no id */
	struct disk_id id;	/* of the target: two paths to one disk have the same */
	char identity[1024];	/* the same for the store; if remote, "nbd:" and the URI */
};

/*
 * Look only: does the target exist and is it of a usable kind? Fills identity. -errno with message.
 */
int disk_check(struct hvctl_ctx *ctx, const struct hvctl_disk *disk, struct disk_base *base);

/* Have a block device for it: itself, or a loop device that vanishes with its last user. */
int disk_open(struct hvctl_ctx *ctx, const struct hvctl_disk *disk, struct disk_base *base);

/* Make the bridge if it is missing and bring it up; *made tells whether it was. */
int net_bridge(struct hvctl_ctx *ctx, const char *bridge, bool *made);
void net_remove_bridge(const char *bridge);

/*
 * Put the interface of a new vif, which the backend is about to make, onto its bridge and bring it
 * up.
 */
int net_attach(struct hvctl_ctx *ctx, const char *interface, const char *bridge,
	       const char *new_name);

/* Load a module of dom0's kernel if its driver directory /sys/... is missing. */
int module_need(struct hvctl_ctx *ctx, const char *module, const char *sysfs);

/* Is this block device promised to somebody by dom0's kernel? Backends of domains do not ask it. */
bool disk_claimed(const char *node);

/*
 * Fail if a disk that is to be written has bytes in common with one that dom0 uses or that another
 * domain, or this one, has; or if one that is to be read has with one that is written: -EBUSY.
 * Readers may be many; a writer is alone, unless its configuration says that it need not be.
 */
int devices_check_sharing(struct hvctl_ctx *ctx, const struct hvctl_config *config);

/*
 * Write all store entries of the configuration's devices and bring their dom0 side up. Loop devices
 * are held in the context. What was made before a failure is undone by devices_remove().
 */
int devices_add(struct hvctl_ctx *ctx, const struct hvctl_config *config, uint32_t domid);

/* The same for a configuration of one device, and nothing else; an interface gets @number. */
int device_add(struct hvctl_ctx *ctx, const struct hvctl_config *config, uint32_t domid,
	       uint32_t number);

/* Take one disk or interface away, whatever the guest thinks of it. Nothing there is fine. */
void device_remove_disk(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number);
void device_remove_vif(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number);

/*
 * Ask the guest to let go of a disk or an interface, and take it away when it has. -ETIMEDOUT: it
 * has not within some seconds; it stays.
 */
int device_release_disk(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number);
int device_release_vif(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number);

/*
 * Whether all that the configuration's devices stand on is there: targets of disks, bridges, which
 * are not made for a guest that has been on one. -errno with message.
 */
int devices_check_there(struct hvctl_ctx *ctx, const struct hvctl_config *config);

/*
 * Close all devices of a domain that stands still, whose backends have then done all that they were
 * asked for, and remove their entries. -ETIMEDOUT with the message set: one has not within 10 s.
 */
int devices_close(struct hvctl_ctx *ctx, uint32_t domid);

/* Close and remove all backends of a domain that does not run (any more). Nothing there is fine. */
void devices_remove(struct hvctl_ctx *ctx, uint32_t domid);

#endif
