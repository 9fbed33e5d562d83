/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disks of clones: for each that is written an empty qcow2 image over the disk of the guest
 * that was saved, in OVERLAY_DIR/<uuid of the clone>/<vdev>.qcow2. They are the clone's as long as
 * it is, restarts included, and stay where they are when it is saved.
 */
#ifndef HVCTL_OVERLAY_H
#define HVCTL_OVERLAY_H

#include "internal.h"

#define OVERLAY_DIR "/var/lib/annulus/clones"

/*
 * overlays_make - an overlay for each disk of @c that is written, and that is its disk then. All or
 * none; the uuid is given. *@building: to be closed when they are settled or undone, -1 without
 * any; while it is open, and by nobody else, they are being made. -EOPNOTSUPP: a disk of a kind
 * that none can stand on; what files say.
 */
int overlays_make(struct hvctl_ctx *ctx, struct hvctl_config *c, int *building);

/*
 * overlay_files_make - those of @c's disks that are to lie over another file and are not there yet
 * are made, empty; *@made has bit n for the disk n then. One that is there has to lie over what
 * the configuration says: it has what the guest wrote before. With hvctl_lock(). All or none.
 * -EEXIST: another file has its name; what files say.
 */
int overlay_files_make(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint64_t *made);

/* overlay_files_there - of a guest that has run before: -ENOENT if one of them is missing. */
int overlay_files_there(struct hvctl_ctx *ctx, const struct hvctl_config *c);

/* overlay_files_undo - nobody has written to these: they go. */
void overlay_files_undo(const struct hvctl_config *c, uint64_t made);

/* overlay_file_missing - whether @d is one that overlay_files_make() will have to make. */
bool overlay_file_missing(const struct hvctl_disk *d);

/*
 * overlays_settled - the clone @uuid stands: from now on they are its disks. Also said before a
 * guest that may be a clone is sent away or put into a file, for whoever made it may have been
 * killed just before it said so.
 */
void overlays_settled(const uint8_t uuid[16]);

/*
 * overlays_sweep - remove those that somebody was making who was killed, and that have no domain.
 * Only warns.
 */
void overlays_sweep(struct hvctl_ctx *ctx);

/*
 * overlays_remove - those of the domain @uuid, which is no more, if it had any. Only warns.
 * overlays_undo - the same, but only of a clone that never stood: the disks of one that was saved
 * are in use, domain or not.
 */
void overlays_remove(struct hvctl_ctx *ctx, const uint8_t uuid[16]);
void overlays_undo(struct hvctl_ctx *ctx, const uint8_t uuid[16]);

/* For the tests: another directory than OVERLAY_DIR, below one that is there. */
extern const char *overlay_dir;
#define OVERLAY_DIR_MAX 64u

/* The bytes at the beginning of an empty qcow2 image, for the tests. */
#define OVERLAY_CLUSTER	 65536u
#define OVERLAY_NAME_MAX 1023u	/* bytes of the backing file's name: qcow2's own limit */

/*
 * overlay_head - the first cluster of an empty image of @size bytes over @base of @format ("raw",
 * "qcow2"), to @cluster. Returns how many clusters the image has; 0: that cannot be had.
 */
unsigned int overlay_head(uint8_t cluster[OVERLAY_CLUSTER], uint64_t size, const char *base,
			  const char *format);

#endif
