// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices in the store: written for a domain that is being built, listed, taken away. Of domain.c
 * it needs whether there is a domain, and no more.
 */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkd.h"
#include "clock.h"
#include "pv-abi/io/xenbus.h"
#include "xs.h"

#define BACKEND_TIMEOUT_MS	10000

/*
 * Kinds of devices by the directory that their backends have below backend/: those of hvblkd and
 * hvnetd are such as no driver of a kernel looks at. Frontends need not know.
 */
static const struct kind {
	const char *back, *front;
	const char *server, *log;	/* for messages */
} kernel_disk = { "vbd", "vbd", "the backend driver xen-blkback", "dom0's kernel log (dmesg)" },
  kernel_vif = { "vif", "vif", "the backend driver xen-netback", "dom0's kernel log (dmesg)" },
  blkd_disk = { "hvblk", "vbd", "hvblkd", "its log (/var/log/hvblkd.log)" },
  netd_vif = { "hvnet", "vif", "hvnetd", "its log (/var/log/hvnetd.log)" };

static const struct kind *const kinds[] = { &kernel_disk, &kernel_vif, &blkd_disk, &netd_vif };

/* Whether it is one of our daemons that serves it. */
static bool ours(const struct kind *kind)
{
	return kind == &blkd_disk || kind == &netd_vif;
}

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static int store_failed(struct hvctl_ctx *ctx, const char *path, int error)
{
	return hvctl_fail(ctx, -error, "the store refuses %s: %s; see the store daemon's log", path,
			  strerror(-error));
}

/* One device's two directories, written as one transaction: nobody sees half of them. */
struct pair {
	struct hvctl_ctx *ctx;
	struct xs *xs;
	uint32_t tx;
	int error;
	char front[128], back[128];
};

static void pair_begin(struct pair *p, const struct kind *kind, uint32_t domid, uint32_t number)
{
	char perms[32];

	p->error = xs_begin(p->xs, &p->tx);
	if (p->error)
		return;
	snprintf(p->front, sizeof(p->front), "/local/domain/%u/device/%s/%u", domid, kind->front,
		 number);
	snprintf(p->back, sizeof(p->back), "/local/domain/0/backend/%s/%u/%u", kind->back, domid,
		 number);
	/*
	 * Children take the permissions of the directory: each side writes its own and reads the
	 * other's.
	 */
	p->error = xs_mkdir(p->xs, p->tx, p->front);
	snprintf(perms, sizeof(perms), "n%u r0", domid);
	if (!p->error)
		p->error = xs_permit(p->xs, p->tx, p->front, perms);
	if (!p->error)
		p->error = xs_mkdir(p->xs, p->tx, p->back);
	snprintf(perms, sizeof(perms), "n0 r%u", domid);
	if (!p->error)
		p->error = xs_permit(p->xs, p->tx, p->back, perms);
}

__attribute__((format(printf, 4, 5)))
static void put(struct pair *p, const char *dir, const char *key, const char *format, ...)
{
	char path[192], value[2048];
	va_list args;

	if (p->error)
		return;
	va_start(args, format);
	if (vsnprintf(value, sizeof(value), format, args) >= (int)sizeof(value))
		p->error = -E2BIG;
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", dir, key);
	if (!p->error)
		p->error = xs_write(p->xs, p->tx, path, "%s", value);
}

static void put_common(struct pair *p, uint32_t domid)
{
	put(p, p->front, "backend", "%s", p->back);
	put(p, p->front, "backend-id", "0");
	put(p, p->back, "frontend", "%s", p->front);
	put(p, p->back, "frontend-id", "%u", domid);
	put(p, p->back, "online", "1");
}

/* Returns 0, -EAGAIN (do it all again) or -errno with the message set. */
static int pair_end(struct pair *p)
{
	if (p->error && p->tx) {
		xs_abort(p->xs, p->tx);
		return store_failed(p->ctx, p->back, p->error);
	}
	if (!p->error)
		p->error = xs_commit(p->xs, p->tx);
	if (p->error && p->error != -EAGAIN)
		return store_failed(p->ctx, p->back, p->error);
	return p->error;
}

/* What hvblkd is told beside that; docs/backends.md has the list. */
static void put_blkd(struct pair *p, const struct hvctl_disk *d)
{
	put(p, p->back, "format", "%s", d->format);
	put(p, p->back, "removable", "%d", d->cdrom);
	if (d->forced)
		put(p, p->back, "shared", "1");
	if (d->data_mode[0])
		put(p, p->back, "data-mode", "%s", d->data_mode);
	if (d->iops)
		put(p, p->back, "iops", "%llu", (unsigned long long)d->iops);
	if (d->bps)
		put(p, p->back, "bps", "%llu", (unsigned long long)d->bps);
}

/* What a clone's disk lies upon, as a disk that is only read. */
static struct hvctl_disk below(const struct hvctl_disk *d)
{
	struct hvctl_disk b = { .target = d->backing };

	snprintf(b.vdev, sizeof(b.vdev), "%s", d->vdev);
	return b;
}

static int write_disk(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_disk *d,
		      const struct disk_base *base)
{
	bool ours = d->backend == HVCTL_DISK_HVBLKD;
	struct hvctl_disk b = below(d);
	struct disk_base lower;
	struct pair p;
	int error = d->backing ? disk_check(ctx, &b, &lower) : 0;

	if (error)
		return error;
	do {
		p = (struct pair){ .ctx = ctx, .xs = ctx->xs };
		pair_begin(&p, ours ? &blkd_disk : &kernel_disk, domid, d->number);
		put_common(&p, domid);
		put(&p, p.front, "virtual-device", "%u", d->number);
		put(&p, p.front, "device-type", "%s", d->cdrom ? "cdrom" : "disk");
		put(&p, p.front, "state", "%d", XenbusStateInitialising);
		put(&p, p.back, "dev", "%s", d->vdev);
		put(&p, p.back, "params", "%s", ours ? d->target : base->node);
		put(&p, p.back, "target", "%s", d->target);
		put(&p, p.back, "target-identity", "%s", base->identity);
		if (d->backing)
			put(&p, p.back, "backing-identity", "%s", lower.identity);
		put(&p, p.back, "mode", "%c", d->writable ? 'w' : 'r');
		put(&p, p.back, "device-type", "%s", d->cdrom ? "cdrom" : "disk");
		if (ours) {
			put_blkd(&p, d);
		} else {
			put(&p, p.back, "type", "phy");
			put(&p, p.back, "physical-device", "%x:%x", base->major, base->minor);
			put(&p, p.back, "hotplug-status", "connected");
		}
		put(&p, p.back, "state", "%d", XenbusStateInitialising);
	} while (pair_end(&p) == -EAGAIN);
	return p.error;
}

static int write_vif(struct hvctl_ctx *ctx, uint32_t domid, unsigned int index,
		     const struct hvctl_vif *v)
{
	const uint8_t *m = v->mac;
	struct pair p;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	do {
		p = (struct pair){ .ctx = ctx, .xs = ctx->xs };
		pair_begin(&p, v->hvnetd ? &netd_vif : &kernel_vif, domid, index);
		put_common(&p, domid);
		put(&p, p.front, "handle", "%u", index);
		put(&p, p.front, "mac", "%s", mac);
		put(&p, p.front, "state", "%d", XenbusStateInitialising);
		put(&p, p.back, "handle", "%u", index);
		put(&p, p.back, "mac", "%s", mac);
		put(&p, p.back, "bridge", "%s", v->bridge);
		put(&p, p.back, "type", "vif");
		/* Linux' driver insists on a script's name, for a helper that we do not need. */
		if (!v->hvnetd)
			put(&p, p.back, "script", "none");
		if (v->bps)
			put(&p, p.back, "bps", "%llu", (unsigned long long)v->bps);
		if (v->ip)
			put(&p, p.back, "ip", "%s", v->ip);
		if (v->vifname[0])
			put(&p, p.back, "vifname", "%s", v->vifname);
		put(&p, p.back, "state", "%d", XenbusStateInitialising);
	} while (pair_end(&p) == -EAGAIN);
	return p.error;
}

static int read_state(struct hvctl_ctx *ctx, const char *back)
{
	char *text = xs_readf(ctx->xs, 0, "%s/state", back);
	int state = text ? atoi(text) : XenbusStateUnknown;

	free(text);
	return state;
}

/* What a backend says is wrong with its device, or NULL. To be freed. */
static char *backend_error(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
			   uint32_t number)
{
	if (ours(kind))
		return xs_readf(ctx->xs, 0, "/local/domain/0/backend/%s/%u/%u/hotplug-error",
				kind->back, domid, number);
	return xs_readf(ctx->xs, 0, "/local/domain/0/error/backend/%s/%u/%u/error", kind->back,
			domid, number);
}

/* Wait until the backend has taken notice of the device, or said what is wrong with it. */
static int wait_backend(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
			uint32_t number, const char *name)
{
	/* An image may have to be opened by another program, or a server be reached. */
	int limit = kind == &blkd_disk ? 3 * BACKEND_TIMEOUT_MS : BACKEND_TIMEOUT_MS, waited;
	char back[96];

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%u", kind->back, domid, number);
	for (waited = 0; waited < limit && !hvctl_cancelled(ctx); waited += 10) {
		char *text = backend_error(ctx, kind, domid, number);

		if (text && kind == &blkd_disk)
			hvctl_fail(ctx, EIO, "hvblkd cannot serve the disk %s: %s", name, text);
		else if (text && kind == &netd_vif)
			hvctl_fail(ctx, EIO, "hvnetd cannot serve the %s: %s", name, text);
		else if (text)
			hvctl_fail(ctx, EIO,
				   "the backend of %s does not work: %s; see dom0's kernel log "
				   "(dmesg)",
				   name, text);
		free(text);
		if (text)
			return -EIO;
		if (read_state(ctx, back) > XenbusStateInitialising)
			return 0;
		hvctl_nap(10);
	}
	if (hvctl_cancelled(ctx))
		return -EINTR;
	return hvctl_fail(ctx, ETIMEDOUT, "%s did not answer for %s within %d s; see %s",
			  kind->server, name, limit / 1000, kind->log);
}

static int add_disk(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_disk *d)
{
	bool ours = d->backend == HVCTL_DISK_HVBLKD;
	struct disk_base base;
	int error = ours ? disk_check(ctx, d, &base) : disk_open(ctx, d, &base);

	if (error)
		return error;
	if (base.fd >= 0) {
		error = hvctl_hold(ctx, base.fd);
		if (error) {
			close(base.fd);
			return error;
		}
	}
	error = write_disk(ctx, domid, d, &base);
	return error ? error : wait_backend(ctx, ours ? &blkd_disk : &kernel_disk, domid, d->number,
					    d->vdev);
}

static int add_vif(struct hvctl_ctx *ctx, uint32_t domid, unsigned int index,
		   const struct hvctl_vif *v)
{
	char interface[32], path[96], name[24];
	int error = write_vif(ctx, domid, index, v);

	snprintf(name, sizeof(name), "vif %u", index);
	/* The daemon has put its port onto the bridge when it answers. */
	if (v->hvnetd)
		return error ? error : wait_backend(ctx, &netd_vif, domid, index, name);
	snprintf(interface, sizeof(interface), "vif%u.%u", domid, index);
	if (!error)
		error = wait_backend(ctx, &kernel_vif, domid, index, name);
	if (!error)
		error = net_attach(ctx, interface, v->bridge, v->vifname);
	if (error)
		return error;
	/* The backend connects only after this: its interface is where it belongs now. */
	snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u/%u/hotplug-status", domid,
		 index);
	error = xs_write(ctx->xs, 0, path, "connected");
	return error ? store_failed(ctx, path, error) : 0;
}

static bool any_vif(const struct hvctl_config *c, bool hvnetd)
{
	unsigned int i;

	for (i = 0; i < c->nr_vifs; i++)
		if (c->vifs[i].hvnetd == hvnetd)
			return true;
	return false;
}

static bool any_disk(const struct hvctl_config *c, enum hvctl_disk_backend backend)
{
	unsigned int i;

	for (i = 0; i < c->nr_disks; i++)
		if (c->disks[i].backend == backend)
			return true;
	return false;
}

/* The interfaces' numbers begin with @first. */
static int add_all(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid,
		   uint32_t first)
{
	const char *made[64];
	unsigned int i, nr_made = 0;
	int error = 0;

	if (any_disk(c, HVCTL_DISK_KERNEL))
		error = module_need(ctx, "xen-blkback", "/sys/bus/xen-backend/drivers/vbd");
	if (!error && any_disk(c, HVCTL_DISK_HVBLKD))
		error = blkd_need(ctx);
	if (!error && any_vif(c, false))
		error = module_need(ctx, "xen-netback", "/sys/bus/xen-backend/drivers/vif");
	if (!error && any_vif(c, true))
		error = module_need(ctx, "tun", "/sys/class/misc/tun");
	if (!error && any_vif(c, true))
		error = netd_need(ctx);
	for (i = 0; !error && i < c->nr_vifs; i++) {
		bool new_bridge;

		error = net_bridge(ctx, c->vifs[i].bridge, &new_bridge);
		if (new_bridge)
			made[nr_made++] = c->vifs[i].bridge;
	}
	for (i = 0; !error && i < c->nr_disks; i++)
		error = add_disk(ctx, domid, &c->disks[i]);
	for (i = 0; !error && i < c->nr_vifs; i++)
		error = add_vif(ctx, domid, first + i, &c->vifs[i]);
	if (!error)
		error = hvctl_cancelled(ctx);
	if (error)
		while (nr_made)
			net_remove_bridge(made[--nr_made]);
	return error;
}

int devices_add(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	return add_all(ctx, c, domid, 0);
}

int device_add_vif(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid,
		   uint32_t number)
{
	return add_all(ctx, c, domid, number);
}

/* @call for every device that the store has a backend entry for in dom0. */
static void for_each_backend(struct hvctl_ctx *ctx, uint32_t domid,
			     void (*call)(struct hvctl_ctx *ctx, const struct kind *kind,
					  uint32_t domid, const char *number))
{
	unsigned int i;
	size_t j;

	for (i = 0; i < KINDS; i++) {
		char dir[96], **list;

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", kinds[i]->back, domid);
		list = xs_list(ctx->xs, 0, dir);
		for (j = 0; list && list[j]; j++)
			call(ctx, kinds[i], domid, list[j]);
		free(list);
	}
}

/* The guest is gone: close in its name, and tell the backend not to wait for another. */
static void close_backend(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
			  const char *number)
{
	char path[160], *front;

	snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%s/online", kind->back, domid,
		 number);
	xs_write(ctx->xs, 0, path, "0");
	front = xs_readf(ctx->xs, 0, "/local/domain/%u/device/%s/%s/state", domid, kind->front,
			 number);
	snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%s/state", domid, kind->front,
		 number);
	if (front)
		xs_write(ctx->xs, 0, path, "%d", XenbusStateClosed);
	free(front);
}

/* Has the backend let go of disk or interface, and of its grants? */
static bool backend_gone(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
			 const char *number)
{
	char sysfs[96], *status;
	bool gone;

	if (!ours(kind)) {
		/* The driver does when its device object goes. */
		snprintf(sysfs, sizeof(sysfs), "/sys/bus/xen-backend/devices/%s-%u-%s", kind->back,
			 domid, number);
		return access(sysfs, F_OK);
	}
	status = xs_readf(ctx->xs, 0, "/local/domain/0/backend/%s/%u/%s/hotplug-status",
			  kind->back, domid, number);
	/* Without one it has not come to this device yet. */
	gone = status && strcmp(status, "connected");
	free(status);
	return gone || !(kind == &blkd_disk ? blkd_runs() : netd_runs());
}

static void await_backend(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
			  const char *number)
{
	char back[160];
	int waited;

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%s", kind->back, domid, number);
	for (waited = 0; waited < BACKEND_TIMEOUT_MS; waited += 10) {
		if (backend_gone(ctx, kind, domid, number))
			break;
		/*
		 * Halfway a removal of the entries makes sure that a driver that overlooked the
		 * state lets go.
		 */
		if (waited == BACKEND_TIMEOUT_MS / 2 && !ours(kind))
			xs_remove(ctx->xs, 0, back);
		hvctl_nap(10);
	}
	xs_remove(ctx->xs, 0, back);
}

/* By what a device can be served, dom0's kernel first. */
static const struct kind *const disk_kinds[2] = { &kernel_disk, &blkd_disk };
static const struct kind *const vif_kinds[2] = { &kernel_vif, &netd_vif };

static void remove_device(struct hvctl_ctx *ctx, const struct kind *const kind[2], uint32_t domid,
			  uint32_t number)
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

static int release_device(struct hvctl_ctx *ctx, const struct kind *const kind[2], uint32_t domid,
			  uint32_t number)
{
	char front[96], path[160];
	unsigned int i;
	int waited;

	snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", domid, kind[0]->front,
		 number);
	/* A frontend that has not come up, or never will, has nothing to let go of. */
	if (read_state(ctx, front) > XenbusStateInitialising)
		for (i = 0; i < 2; i++) {
			char *there;

			snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%u/state",
				 kind[i]->back, domid, number);
			there = xs_readf(ctx->xs, 0, "%s", path);
			if (there)
				xs_write(ctx->xs, 0, path, "%d", XenbusStateClosing);
			free(there);
		}
	for (waited = 0; waited < BACKEND_TIMEOUT_MS; waited += 10) {
		int state = read_state(ctx, front);

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
		for (j = 0; j < KINDS; j++) {
			snprintf(path, sizeof(path), "%s/%s/%u", parents[i], kinds[j]->back, domid);
			xs_remove(ctx->xs, 0, path);
			snprintf(path, sizeof(path), "%s/%s", parents[i], kinds[j]->back);
			xs_prune(ctx->xs, path);
		}
		xs_prune(ctx->xs, parents[i]);
	}
	xs_prune(ctx->xs, "/local/domain/0/error");
}

int devices_check_there(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	struct disk_base base;
	int error = 0;

	for (unsigned int i = 0; !error && i < c->nr_disks; i++)
		error = disk_check(ctx, &c->disks[i], &base);
	for (unsigned int i = 0; !error && i < c->nr_vifs; i++) {
		char path[96];

		snprintf(path, sizeof(path), "/sys/class/net/%.32s/bridge", c->vifs[i].bridge);
		if (access(path, F_OK))
			error = hvctl_fail(ctx, ENODEV,
					   "there is no bridge %s here, on which '%s' has a vif; "
					   "make it (ip link add %s type bridge)",
					   c->vifs[i].bridge, c->name, c->vifs[i].bridge);
	}
	return error;
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

/* Whether nobody writes for it any more: 1, 0, -errno. What is not known is not so. */
static int is_closed(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
		     const char *number)
{
	char back[160];

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%s", kind->back, domid, number);
	if (read_state(ctx, back) != XenbusStateClosed) {
		/* What a daemon that has died had begun to write nobody waits for. */
		if (kind == &blkd_disk && !blkd_runs())
			return -EIO;
		if (!backend_gone(ctx, kind, domid, number))
			return 0;
	}
	return kind == &kernel_disk ? is_idle(ctx, back) : 1;
}

static int await_closed(struct hvctl_ctx *ctx, const struct kind *kind, uint32_t domid,
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
				  BACKEND_TIMEOUT_MS / 1000, kind->log);
	return 0;
}

int devices_close(struct hvctl_ctx *ctx, uint32_t domid)
{
	uint64_t end = monotonic_ms() + BACKEND_TIMEOUT_MS;
	char **list[KINDS] = { NULL };
	int error = 0;

	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	/* Known before anything is done: a store that fails later is not one without devices. */
	for (unsigned int i = 0; !error && i < KINDS; i++) {
		char dir[96];

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", kinds[i]->back, domid);
		list[i] = xs_list(ctx->xs, 0, dir);
		if (!list[i] && errno != ENOENT)
			error = store_failed(ctx, dir, -errno);
	}
	for (unsigned int i = 0; !error && i < KINDS; i++)
		for (size_t j = 0; list[i] && list[i][j]; j++)
			close_backend(ctx, kinds[i], domid, list[i][j]);
	for (unsigned int i = 0; !error && i < KINDS; i++)
		for (size_t j = 0; !error && list[i] && list[i][j]; j++)
			error = await_closed(ctx, kinds[i], domid, list[i][j], end);
	for (unsigned int i = 0; i < KINDS; i++)
		free(list[i]);
	if (!error)
		devices_remove(ctx, domid);
	return error;
}

/*
 * Of the store: what is not there is NULL. What cannot be read is NULL, too, and ctx->unread says
 * why: it may be anything.
 */
static char *read_node(struct hvctl_ctx *ctx, const char *dir, const char *name)
{
	char *value = xs_readf(ctx->xs, 0, "%s/%s", dir, name);

	if (!value && errno != ENOENT)
		ctx->unread = errno;
	return value;
}

static char **list_node(struct hvctl_ctx *ctx, const char *path)
{
	char **names = xs_list(ctx->xs, 0, path);

	if (!names && errno != ENOENT)
		ctx->unread = errno;
	return names;
}

/* Which disk a backend has, and whether it is the same as @base, if that is remote. */
static bool backend_disk(struct hvctl_ctx *ctx, const char *back, const struct disk_base *base,
			 struct disk_id *id, bool *writes)
{
	char *identity = read_node(ctx, back, "target-identity");
	char *mode = read_node(ctx, back, "mode");
	bool found = identity && disk_id_parse(identity, id);
	bool remote = identity && !strncmp(identity, "nbd:", 4);
	bool same = remote && base->remote && !strcmp(identity, base->identity);

	*writes = mode && *mode == 'w';
	free(identity);
	free(mode);
	if (remote || base->remote)
		return same;
	if (!found) {
		/* Another toolstack's: the block device will do. */
		char *device = read_node(ctx, back, "physical-device"), end;

		*id = (struct disk_id){ 0 };
		found = device && sscanf(device, "%x:%x%c", &id->major, &id->minor, &end) == 2;
		free(device);
	}
	return found;
}

/* Whether the disk of a backend, a clone's, lies upon one of these. */
static bool lies_upon(struct hvctl_ctx *ctx, const char *back, const struct disk_kin *kin)
{
	char *identity = read_node(ctx, back, "backing-identity");
	struct disk_id id;
	bool found = identity && disk_id_parse(identity, &id) && disk_kin_has(kin, &id);

	free(identity);
	return found;
}

/* Readers may be many; a writer is alone. */
static int check_domain(struct hvctl_ctx *ctx, const struct hvctl_disk *d,
			const struct disk_base *base, const struct disk_kin *kin,
			const struct kind *kind, const char *domain, bool *going)
{
	char dir[96], **disks;
	int error = 0;
	size_t j;

	snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%s", kind->back, domain);
	disks = list_node(ctx, dir);
	for (j = 0; !error && disks && disks[j]; j++) {
		struct disk_id other;
		char back[192];
		bool writes, shared;

		snprintf(back, sizeof(back), "%s/%s", dir, disks[j]);
		shared = backend_disk(ctx, back, base, &other, &writes) &&
			 (d->writable || writes) && (base->remote || disk_kin_has(kin, &other));
		if (shared || (d->writable && !base->remote && lies_upon(ctx, back, kin))) {
			char *online = read_node(ctx, back, "online");

			*going = online && !strcmp(online, "0");
			free(online);
			error = hvctl_fail(
				ctx, EBUSY,
				"the disk %s (%s) is in use by domain %s; give another, or "
				"read-only access to both, or write w! if you know that "
				"this goes well",
				d->target, d->vdev, domain);
		}
	}
	free(disks);
	return error;
}

static int check_domains(struct hvctl_ctx *ctx, const struct hvctl_disk *d,
			 const struct disk_base *base, const struct disk_kin *kin, bool *going)
{
	static const struct kind *const disks[] = { &kernel_disk, &blkd_disk };
	size_t i, k;
	int error = 0;

	for (k = 0; !error && k < 2; k++) {
		char dir[64], **domains;

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s", disks[k]->back);
		domains = list_node(ctx, dir);
		for (i = 0; !error && domains && domains[i]; i++)
			error = check_domain(ctx, d, base, kin, disks[k], domains[i], going);
		free(domains);
	}
	return error;
}

#define GOING_MS	30000

/*
 * Who shuts a domain down and creates it again may see it gone before its backends have closed:
 * what is on its way out is waited for.
 */
static int await_domains(struct hvctl_ctx *ctx, const struct hvctl_disk *d,
			 const struct disk_base *base, const struct disk_kin *kin)
{
	unsigned int waited;
	int error = 0;

	for (waited = 0; waited < GOING_MS; waited += 100) {
		bool going = false;

		error = check_domains(ctx, d, base, kin, &going);
		if (!going || hvctl_cancelled(ctx))
			break;
		hvctl_nap(100);
	}
	return error;
}

/* Two disks of one configuration may share no more than two domains. */
static int check_twins(struct hvctl_ctx *ctx, const struct hvctl_config *c, unsigned int k,
		       const struct disk_base *mine, const struct disk_kin *kin)
{
	const struct hvctl_disk *d = &c->disks[k];
	unsigned int i;

	for (i = 0; i < c->nr_disks; i++) {
		const struct hvctl_disk *other = &c->disks[i];
		struct disk_base base;
		int error;

		if (i == k || other->forced || !(d->writable || other->writable))
			continue;
		error = disk_check(ctx, other, &base);
		if (error)
			return error;
		if (base.remote != mine->remote)
			continue;
		if (base.remote ? !strcmp(base.identity, mine->identity)
				: disk_kin_has(kin, &base.id))
			return hvctl_fail(
				ctx, EBUSY,
				"the disk %s (%s) is %s as well; give another, or read-only access "
				"to both, or write w! if you know that this goes well",
				d->target, d->vdev, other->vdev);
	}
	return 0;
}

/* The kernel knows of users that leave no trace where disk_used() looks: other name spaces ... */
static int check_dom0(struct hvctl_ctx *ctx, const struct hvctl_disk *d,
		      const struct disk_base *base, const struct disk_kin *kin)
{
	char who[DISK_USE_TEXT], remedy[DISK_USE_TEXT];

	if (!d->writable || base->remote)
		return 0;
	if (disk_used(kin, who, remedy))
		return hvctl_fail(ctx, EBUSY,
				  "dom0 uses the disk %.100s (%s): %s; end that (%s), or write w! "
				  "if you know that this goes well",
				  d->target, d->vdev, who, remedy);
	if (!base->id.file && disk_claimed(d->target))
		return hvctl_fail(ctx, EBUSY,
				  "dom0's kernel uses the disk %s (%s); end that, or write w! if "
				  "you know that this goes well",
				  d->target, d->vdev);
	return 0;
}

static int check_sharing(struct hvctl_ctx *ctx, const struct hvctl_config *c, unsigned int k,
			 const struct hvctl_disk *d)
{
	struct disk_base base;
	struct disk_kin kin;
	int error = disk_check(ctx, d, &base);

	if (error || d->forced)
		return error;
	error = disk_kin_find(use_paths, &base.id, &kin);
	if (error)
		error = hvctl_no_memory(ctx);
	if (!error)
		error = await_domains(ctx, d, &base, &kin);
	if (!error && ctx->unread)
		error = hvctl_fail(
			ctx, ctx->unread,
			"whether another domain uses the disk %.100s (%s) is not to be "
			"read from the store: %s; try again, or write w! if you know that "
			"none does",
			d->target, d->vdev, strerror(ctx->unread));
	if (!error && d == &c->disks[k])
		error = check_twins(ctx, c, k, &base, &kin);
	if (!error)
		error = check_dom0(ctx, d, &base, &kin);
	disk_kin_free(&kin);
	return error;
}

int devices_check_sharing(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	unsigned int k;
	int error = 0;

	ctx->unread = 0;
	for (k = 0; !error && k < c->nr_disks; k++) {
		const struct hvctl_disk b = below(&c->disks[k]);

		error = check_sharing(ctx, c, k, &c->disks[k]);
		if (!error && b.target)
			error = check_sharing(ctx, c, k, &b);
	}
	return error;
}

typedef void (*take_back)(struct hvctl_ctx *ctx, const char *back, struct hvctl_device *d);

static void copy_value(struct hvctl_ctx *ctx, const char *back, const char *key, char *to,
		       size_t size)
{
	char *text = xs_readf(ctx->xs, 0, "%s/%s", back, key);

	snprintf(to, size, "%s", text ? text : "");
	free(text);
}

static void take_disk(struct hvctl_ctx *ctx, const char *back, struct hvctl_device *d)
{
	char mode[4];

	copy_value(ctx, back, "target", d->target, sizeof(d->target));
	if (!d->target[0])
		copy_value(ctx, back, "params", d->target, sizeof(d->target));
	copy_value(ctx, back, "dev", d->name, sizeof(d->name));
	copy_value(ctx, back, "mode", mode, sizeof(mode));
	d->writable = mode[0] == 'w';
}

static void take_vif(struct hvctl_ctx *ctx, const char *back, struct hvctl_device *d)
{
	copy_value(ctx, back, "bridge", d->target, sizeof(d->target));
	copy_value(ctx, back, "mac", d->name, sizeof(d->name));
}

/*
 * The backends' side only: to the guest's a guest can write.
 */
static int list_kind(struct hvctl_ctx *ctx, uint32_t domid, const struct kind *kind, take_back take,
		     struct hvctl_device **list, size_t *count)
{
	struct hvctl_device *more;
	char dir[96], **numbers;
	size_t i, n;

	snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", kind->back, domid);
	numbers = xs_list(ctx->xs, 0, dir);
	for (n = 0; numbers && numbers[n]; n++)
		;
	more = realloc(*list, (*count + n + 1) * sizeof(**list));
	if (!more) {
		free(numbers);
		return hvctl_no_memory(ctx);
	}
	*list = more;
	for (i = 0; i < n; i++) {
		struct hvctl_device *d = &(*list)[(*count)++];
		char back[192];

		*d = (struct hvctl_device){ 0 };
		snprintf(back, sizeof(back), "%s/%s", dir, numbers[i]);
		d->number = (uint32_t)strtoul(numbers[i], NULL, 10);
		d->state = (unsigned int)read_state(ctx, back);
		take(ctx, back, d);
	}
	free(numbers);
	return 0;
}

static int list_devices(struct hvctl_ctx *ctx, uint32_t domid, const struct kind *kind,
			const struct kind *other, take_back take, struct hvctl_device **list,
			size_t *count)
{
	struct hvctl_domain domain;
	int error = hvctl_get(ctx, domid, &domain);

	*list = NULL;
	*count = 0;
	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	error = list_kind(ctx, domid, kind, take, list, count);
	if (!error)
		error = list_kind(ctx, domid, other, take, list, count);
	if (error) {
		free(*list);
		*list = NULL;
		*count = 0;
	}
	return error;
}

int hvctl_disks(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	return list_devices(ctx, domid, &kernel_disk, &blkd_disk, take_disk, list, count);
}

int hvctl_vifs(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	return list_devices(ctx, domid, &kernel_vif, &netd_vif, take_vif, list, count);
}
