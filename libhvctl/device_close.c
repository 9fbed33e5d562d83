// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of devices: frontends that let go, backends that have closed, entries that are gone. */
#include "device_kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkd.h"
#include "clock.h"
#include "pv-abi/io/xenbus.h"
#include "xs.h"

/* @call for every device that the store has a backend entry for in dom0. */
static void for_each_backend(struct hvctl_ctx *ctx, uint32_t domid,
			     void (*call)(struct hvctl_ctx *ctx, const struct device_kind *kind,
					  uint32_t domid, const char *number))
{
	unsigned int i;
	size_t j;

	for (i = 0; i < DEVICE_KINDS; i++) {
		char dir[96], **list;

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", device_kinds[i]->back,
			 domid);
		list = xs_list(ctx->xs, 0, dir);
		for (j = 0; list && list[j]; j++)
			call(ctx, device_kinds[i], domid, list[j]);
		free(list);
	}
}

/* The guest is gone: close in its name, and tell the backend not to wait for another. */
static void close_backend(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
			  const char *number)
{
	char path[160], closed[8], *front;

	snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%s/online", kind->back, domid,
		 number);
	xs_write(ctx->xs, 0, path, "0");
	front = xs_readf(ctx->xs, 0, "/local/domain/%u/device/%s/%s/state", domid, kind->front,
			 number);
	snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%s/state", domid, kind->front,
		 number);
	snprintf(closed, sizeof(closed), "%d", XenbusStateClosed);
	if (front)
		device_tell(ctx, path, front, closed);
	free(front);
}

/* Has a daemon of ours said that it has let go of it, or that it does not serve it? */
static bool said_gone(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
		      const char *number)
{
	char *status = xs_readf(ctx->xs, 0, "/local/domain/0/backend/%s/%u/%s/hotplug-status",
				kind->back, domid, number);
	/* Without one it has not come to this device yet. */
	bool gone = status && strcmp(status, "connected");

	free(status);
	return gone;
}

/* Has the backend let go of disk or interface, and of its grants? */
static bool backend_gone(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
			 const char *number)
{
	char sysfs[96];

	if (!device_is_ours(kind)) {
		/* The driver does when its device object goes. */
		snprintf(sysfs, sizeof(sysfs), "/sys/bus/xen-backend/devices/%s-%u-%s", kind->back,
			 domid, number);
		return access(sysfs, F_OK);
	}
	return said_gone(ctx, kind, domid, number) ||
	       !(kind == &blkd_disk ? blkd_runs() : netd_runs());
}

static void await_backend(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
			  const char *number)
{
	char back[160];
	int waited;

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%s", kind->back, domid, number);
	for (waited = 0; waited < DEVICE_TIMEOUT_MS; waited += 10) {
		if (backend_gone(ctx, kind, domid, number))
			break;
		/*
		 * Halfway a removal of the entries makes sure that a driver that overlooked the
		 * state lets go.
		 */
		if (waited == DEVICE_TIMEOUT_MS / 2 && !device_is_ours(kind))
			xs_remove(ctx->xs, 0, back);
		hvctl_nap(10);
	}
	xs_remove(ctx->xs, 0, back);
}

/* By what a device can be served, dom0's kernel first. */
static const struct device_kind *const disk_kinds[2] = { &kernel_disk, &blkd_disk };
static const struct device_kind *const vif_kinds[2] = { &kernel_vif, &netd_vif };

static void remove_device(struct hvctl_ctx *ctx, const struct device_kind *const kind[2],
			  uint32_t domid, uint32_t number)
{
	char path[96], text[16];
	unsigned int i;

	snprintf(text, sizeof(text), "%u", number);
	for (i = 0; i < 2; i++) {
		char *there = xs_readf(ctx->xs, 0, "/local/domain/0/backend/%s/%u/%u/frontend-id",
				       kind[i]->back, domid, number);

		if (there) {
			close_backend(ctx, kind[i], domid, text);
			await_backend(ctx, kind[i], domid, text);
			snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u",
				 kind[i]->back, domid);
			xs_prune(ctx->xs, path);
			snprintf(path, sizeof(path), "/local/domain/0/error/backend/%s/%u/%u",
				 kind[i]->back, domid, number);
			xs_remove(ctx->xs, 0, path);
		}
		free(there);
	}
	snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%u", domid, kind[0]->front,
		 number);
	xs_remove(ctx->xs, 0, path);
}

static int release_device(struct hvctl_ctx *ctx, const struct device_kind *const kind[2],
			  uint32_t domid, uint32_t number)
{
	char front[96], path[160], closing[8];
	unsigned int i;
	int waited;

	snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", domid, kind[0]->front,
		 number);
	snprintf(closing, sizeof(closing), "%d", XenbusStateClosing);
	/* A frontend that has not come up, or never will, has nothing to let go of. */
	if (device_state(ctx, front) > XenbusStateInitialising)
		for (i = 0; i < 2; i++) {
			char *there;

			snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%u/state",
				 kind[i]->back, domid, number);
			there = xs_readf(ctx->xs, 0, "%s", path);
			if (there)
				device_tell(ctx, path, there, closing);
			free(there);
		}
	for (waited = 0; waited < DEVICE_TIMEOUT_MS; waited += 10) {
		int state = device_state(ctx, front);

		if (state == XenbusStateClosed || state <= XenbusStateInitialising) {
			remove_device(ctx, kind, domid, number);
			return 0;
		}
		hvctl_nap(10);
	}
	return -ETIMEDOUT;
}

void device_remove_disk(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number)
{
	remove_device(ctx, disk_kinds, domid, number);
}

int device_release_disk(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number)
{
	return release_device(ctx, disk_kinds, domid, number);
}

void device_remove_vif(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number)
{
	remove_device(ctx, vif_kinds, domid, number);
}

int device_release_vif(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number)
{
	return release_device(ctx, vif_kinds, domid, number);
}

void devices_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	static const char *const parents[] = { "/local/domain/0/backend",
					       "/local/domain/0/error/backend" };
	unsigned int i, j;
	char path[96];

	if (!hvctl_xs(ctx))
		return;
	for_each_backend(ctx, domid, close_backend);
	for_each_backend(ctx, domid, await_backend);
	for (i = 0; i < 2; i++) {
		for (j = 0; j < DEVICE_KINDS; j++) {
			snprintf(path, sizeof(path), "%s/%s/%u", parents[i],
				 device_kinds[j]->back, domid);
			xs_remove(ctx->xs, 0, path);
			snprintf(path, sizeof(path), "%s/%s", parents[i], device_kinds[j]->back);
			xs_prune(ctx->xs, path);
		}
		xs_prune(ctx->xs, parents[i]);
	}
	xs_prune(ctx->xs, "/local/domain/0/error");
}

/* What a backend of the kernel's began may not be done when it is closed. 1, 0, -errno. */
static int is_idle(struct hvctl_ctx *ctx, const char *back)
{
	char *device = xs_readf(ctx->xs, 0, "%s/physical-device", back), end;
	struct disk_id id = { 0 };
	bool known;

	if (!device)
		return errno == ENOENT ? 1 : -errno;
	known = sscanf(device, "%x:%x%c", &id.major, &id.minor, &end) == 2;
	free(device);
	return known ? disk_idle(use_paths, &id) : 1;
}

/*
 * Whether nobody writes for it any more: 1, 0, -errno. What is not known is not so. hvblkd's state
 * says that the frontend's requests are done: the server of an image may have its tables in memory
 * after that, and whoever opens the image meanwhile would read others. It says by another key that
 * this has ended, too; one that has died says nothing, and nobody waits for what it had begun.
 */
static int is_closed(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
		     const char *number)
{
	char back[160];

	if (kind == &blkd_disk) {
		if (said_gone(ctx, kind, domid, number))
			return 1;
		return blkd_runs() ? 0 : -EIO;
	}
	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%s", kind->back, domid, number);
	if (device_state(ctx, back) != XenbusStateClosed && !backend_gone(ctx, kind, domid, number))
		return 0;
	return kind == &kernel_disk ? is_idle(ctx, back) : 1;
}

static int await_closed(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
			const char *number, uint64_t end)
{
	int ret;

	while (!(ret = is_closed(ctx, kind, domid, number)) && monotonic_ms() < end)
		hvctl_nap(2);
	if (ret < 0)
		return hvctl_fail(ctx, -ret, "%s %s of domain %u may not be closed: %s; see %s",
				  kind->front, number, domid, strerror(-ret), kind->log);
	if (!ret)
		return hvctl_fail(ctx, ETIMEDOUT,
				  "%s did not close %s %s of domain %u within %d s; see %s",
				  kind->server, kind->front, number, domid,
				  DEVICE_TIMEOUT_MS / 1000, kind->log);
	return 0;
}

int devices_close(struct hvctl_ctx *ctx, uint32_t domid)
{
	uint64_t end = monotonic_ms() + DEVICE_TIMEOUT_MS;
	char **list[DEVICE_KINDS] = { NULL };
	int error = 0;

	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	/* Known before anything is done: a store that fails later is not one without devices. */
	for (unsigned int i = 0; !error && i < DEVICE_KINDS; i++) {
		char dir[96];

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", device_kinds[i]->back,
			 domid);
		list[i] = xs_list(ctx->xs, 0, dir);
		if (!list[i] && errno != ENOENT)
			error = device_store_failed(ctx, dir, -errno);
	}
	for (unsigned int i = 0; !error && i < DEVICE_KINDS; i++)
		for (size_t j = 0; list[i] && list[i][j]; j++)
			close_backend(ctx, device_kinds[i], domid, list[i][j]);
	for (unsigned int i = 0; !error && i < DEVICE_KINDS; i++)
		for (size_t j = 0; !error && list[i] && list[i][j]; j++)
			error = await_closed(ctx, device_kinds[i], domid, list[i][j], end);
	for (unsigned int i = 0; i < DEVICE_KINDS; i++)
		free(list[i]);
	if (!error)
		devices_remove(ctx, domid);
	return error;
}
