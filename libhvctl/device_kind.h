/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kinds of devices by who serves them; between device.c, device_close.c and device_sharing.c. */
#ifndef HVCTL_DEVICE_KIND_H
#define HVCTL_DEVICE_KIND_H

#include "device.h"

#define DEVICE_TIMEOUT_MS	10000

/*
 * By the directory that backends have below backend/: those of hvblkd and hvnetd are such as no
 * driver of a kernel looks at. Frontends need not know.
 */
struct device_kind {
	const char *back, *front;
	const char *server, *log;	/* for messages */
};

extern const struct device_kind kernel_disk, kernel_vif, blkd_disk, netd_vif;

#define DEVICE_KINDS	4u

extern const struct device_kind *const device_kinds[DEVICE_KINDS];

/* device_is_ours - whether it is one of our daemons that serves it. */
static inline bool device_is_ours(const struct device_kind *kind)
{
	return kind == &blkd_disk || kind == &netd_vif;
}

/* device_store_failed - the message for what @path could not be. Returns @error, a -errno. */
int device_store_failed(struct hvctl_ctx *ctx, const char *path, int error);

/*
 * device_tell - write a node in which the other side may answer, and which holds @was (NULL: it is
 * not there). If the store daemon ends meanwhile, it is written again if it is as it was, not if
 * there is @value or an answer. Returns 0 or -errno.
 */
int device_tell(struct hvctl_ctx *ctx, const char *path, const char *was, const char *value);

/* device_state - the state in the directory @dir, XenbusStateUnknown if there is none. */
int device_state(struct hvctl_ctx *ctx, const char *dir);

/* disk_below - what a clone's disk lies upon, as one that is only read; no target: nothing. */
struct hvctl_disk disk_below(const struct hvctl_disk *d);

#endif
