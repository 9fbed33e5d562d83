// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices in the store: written for a domain that is being built, and listed. Of domain.c it needs
 * whether there is a domain, and no more.
 */
#include "device_kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkd.h"
#include "cdrom.h"
#include "pv-abi/io/xenbus.h"
#include "xs.h"

const struct device_kind
	kernel_disk = { "vbd", "vbd", "the backend driver xen-blkback",
			"dom0's kernel log (dmesg)" },
	kernel_vif = { "vif", "vif", "the backend driver xen-netback",
		       "dom0's kernel log (dmesg)" },
	blkd_disk = { "hvblk", "vbd", "hvblkd", "its log (/var/log/hvblkd.log)" },
	netd_vif = { "hvnet", "vif", "hvnetd", "its log (/var/log/hvnetd.log)" };

const struct device_kind *const device_kinds[DEVICE_KINDS] = {
	&kernel_disk, &kernel_vif, &blkd_disk, &netd_vif,
};

int device_store_failed(struct hvctl_ctx *ctx, const char *path, int error)
{
	return hvctl_fail(ctx, -error, "the store refuses %s: %s; see the store daemon's log", path,
			  strerror(-error));
}

int device_tell(struct hvctl_ctx *ctx, const char *path, const char *was, const char *value)
{
	for (;;) {
		int error = xs_write(ctx->xs, XS_ONCE, path, "%s", value);
		bool same;
		char *now;

		if (error != -ECONNRESET)
			return error;
		now = xs_readf(ctx->xs, 0, "%s", path);
		if (!now && errno != ENOENT)
			return -errno;
		same = now ? was && !strcmp(now, was) : !was;
		free(now);
		if (!same)
			return 0;
	}
}

/* One device's two directories, written as one transaction: nobody sees half of them. */
struct pair {
	struct hvctl_ctx *ctx;
	struct xs *xs;
	uint32_t tx;
	int error;
	char front[128], back[128];
	char made[20];			/* no other transaction has written it there */
};

static void pair_begin(struct pair *p, const struct device_kind *kind, uint32_t domid,
		       uint32_t number)
{
	uint64_t made;
	char perms[32];

	p->error = hvctl_random(p->ctx, &made, sizeof(made));
	if (!p->error)
		p->error = xs_begin(p->xs, &p->tx);
	if (p->error)
		return;
	snprintf(p->made, sizeof(p->made), "%llx", (unsigned long long)made);
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
	put(p, p->back, "made", "%s", p->made);
}

/* The store daemon ended at the end of the transaction: 0, it has it, or -EAGAIN, or -errno. */
static int find_made(const struct pair *p)
{
	char *made = xs_readf(p->xs, 0, "%s/made", p->back);
	int error;

	error = made && !strcmp(made, p->made) ? 0 : made || errno == ENOENT ? -EAGAIN : -errno;
	free(made);
	return error;
}

/* Returns 0, -EAGAIN (do it all again) or -errno with the message set. */
static int pair_end(struct pair *p)
{
	if (p->error && p->tx) {
		xs_abort(p->xs, p->tx);
		return device_store_failed(p->ctx, p->back, p->error);
	}
	if (!p->error)
		p->error = xs_commit(p->xs, p->tx);
	if (p->error == -ECONNRESET)
		p->error = find_made(p);
	if (p->error && p->error != -EAGAIN)
		return device_store_failed(p->ctx, p->back, p->error);
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

struct hvctl_disk disk_below(const struct hvctl_disk *d)
{
	struct hvctl_disk b = { .target = d->backing };

	snprintf(b.vdev, sizeof(b.vdev), "%s", d->vdev);
	return b;
}

static int write_disk(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_disk *d,
		      const struct disk_base *base)
{
	bool ours = d->backend == HVCTL_DISK_HVBLKD;
	struct hvctl_disk b = disk_below(d);
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

int device_state(struct hvctl_ctx *ctx, const char *back)
{
	char *text = xs_readf(ctx->xs, 0, "%s/state", back);
	int state = text ? atoi(text) : XenbusStateUnknown;

	free(text);
	return state;
}

/* What a backend says is wrong with its device, or NULL. To be freed. */
static char *backend_error(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
			   uint32_t number)
{
	if (device_is_ours(kind))
		return xs_readf(ctx->xs, 0, "/local/domain/0/backend/%s/%u/%u/hotplug-error",
				kind->back, domid, number);
	return xs_readf(ctx->xs, 0, "/local/domain/0/error/backend/%s/%u/%u/error", kind->back,
			domid, number);
}

/* Wait until the backend has taken notice of the device, or said what is wrong with it. */
static int wait_backend(struct hvctl_ctx *ctx, const struct device_kind *kind, uint32_t domid,
			uint32_t number, const char *name)
{
	/* An image may have to be opened by another program, or a server be reached. */
	int limit = kind == &blkd_disk ? 3 * DEVICE_TIMEOUT_MS : DEVICE_TIMEOUT_MS, waited;
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
		if (device_state(ctx, back) > XenbusStateInitialising)
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
	error = device_tell(ctx, path, NULL, "connected");
	return error ? device_store_failed(ctx, path, error) : 0;
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
		if (c->disks[i].backend == backend && !cdrom_is_empty(&c->disks[i]))
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
		if (!cdrom_is_empty(&c->disks[i]))
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

int device_add(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid, uint32_t number)
{
	return add_all(ctx, c, domid, number);
}
int devices_check_there(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	struct disk_base base;
	int error = 0;

	for (unsigned int i = 0; !error && i < c->nr_disks; i++)
		if (!cdrom_is_empty(&c->disks[i]))
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
static int list_kind(struct hvctl_ctx *ctx, uint32_t domid, const struct device_kind *kind,
		     take_back take, struct hvctl_device **list, size_t *count)
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
		d->state = (unsigned int)device_state(ctx, back);
		take(ctx, back, d);
	}
	free(numbers);
	return 0;
}

static int list_devices(struct hvctl_ctx *ctx, uint32_t domid, const struct device_kind *kind,
			const struct device_kind *other, take_back take, struct hvctl_device **list,
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
