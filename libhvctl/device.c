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

#include "pv-abi/io/xenbus.h"
#include "xs.h"

#define BACKEND_TIMEOUT_MS	10000

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

static void pair_begin(struct pair *p, const char *type, uint32_t domid, uint32_t number)
{
	char perms[32];

	p->error = xs_begin(p->xs, &p->tx);
	if (p->error)
		return;
	snprintf(p->front, sizeof(p->front), "/local/domain/%u/device/%s/%u", domid, type, number);
	snprintf(p->back, sizeof(p->back), "/local/domain/0/backend/%s/%u/%u", type, domid, number);
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
	char path[192], value[1024];
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

static int write_disk(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_disk *d,
		      const struct disk_base *base)
{
	struct pair p;

	do {
		p = (struct pair){ .ctx = ctx, .xs = ctx->xs };
		pair_begin(&p, "vbd", domid, d->number);
		put_common(&p, domid);
		put(&p, p.front, "virtual-device", "%u", d->number);
		put(&p, p.front, "device-type", "%s", d->cdrom ? "cdrom" : "disk");
		put(&p, p.front, "state", "%d", XenbusStateInitialising);
		put(&p, p.back, "dev", "%s", d->vdev);
		put(&p, p.back, "type", "phy");
		put(&p, p.back, "params", "%s", base->node);
		put(&p, p.back, "target", "%s", d->target);
		put(&p, p.back, "target-identity", "%s", base->identity);
		put(&p, p.back, "mode", "%c", d->writable ? 'w' : 'r');
		put(&p, p.back, "device-type", "%s", d->cdrom ? "cdrom" : "disk");
		put(&p, p.back, "physical-device", "%x:%x", base->major, base->minor);
		put(&p, p.back, "hotplug-status", "connected");
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
		pair_begin(&p, "vif", domid, index);
		put_common(&p, domid);
		put(&p, p.front, "handle", "%u", index);
		put(&p, p.front, "mac", "%s", mac);
		put(&p, p.front, "state", "%d", XenbusStateInitialising);
		put(&p, p.back, "handle", "%u", index);
		put(&p, p.back, "mac", "%s", mac);
		put(&p, p.back, "bridge", "%s", v->bridge);
		put(&p, p.back, "type", "vif");
		/* Linux' driver insists on a script's name, for a helper that we do not need. */
		put(&p, p.back, "script", "none");
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

/* Wait until the backend's driver has taken notice of the device, or said what is wrong with it. */
static int wait_backend(struct hvctl_ctx *ctx, const char *type, uint32_t domid, uint32_t number,
			const char *name)
{
	char back[96];
	int waited;

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%u", type, domid, number);
	for (waited = 0; waited < BACKEND_TIMEOUT_MS && !hvctl_cancelled(ctx); waited += 10) {
		char *text = xs_readf(ctx->xs, 0, "/local/domain/0/error/backend/%s/%u/%u/error",
				      type, domid, number);

		if (text) {
			hvctl_fail(ctx, EIO,
				   "the backend of %s does not work: %s; see dom0's kernel log "
				   "(dmesg)",
				   name, text);
			free(text);
			return -EIO;
		}
		if (read_state(ctx, back) > XenbusStateInitialising)
			return 0;
		hvctl_nap(10);
	}
	if (hvctl_cancelled(ctx))
		return -EINTR;
	return hvctl_fail(
		ctx, ETIMEDOUT,
		"the backend driver of %s (%s) did not answer within %d s; see dom0's kernel "
		"log (dmesg)",
		name, !strcmp(type, "vbd") ? "xen-blkback" : "xen-netback",
		BACKEND_TIMEOUT_MS / 1000);
}

static int add_disk(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_disk *d)
{
	struct disk_base base;
	int error = disk_open(ctx, d, &base);

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
	return error ? error : wait_backend(ctx, "vbd", domid, d->number, d->vdev);
}

static int add_vif(struct hvctl_ctx *ctx, uint32_t domid, unsigned int index,
		   const struct hvctl_vif *v)
{
	char interface[32], path[96], name[24];
	int error = write_vif(ctx, domid, index, v);

	snprintf(name, sizeof(name), "vif %u", index);
	snprintf(interface, sizeof(interface), "vif%u.%u", domid, index);
	if (!error)
		error = wait_backend(ctx, "vif", domid, index, name);
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

int devices_add(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	const char *made[64];
	unsigned int i, nr_made = 0;
	int error = 0;

	if (c->nr_disks)
		error = module_need(ctx, "xen-blkback", "/sys/bus/xen-backend/drivers/vbd");
	if (!error && c->nr_vifs)
		error = module_need(ctx, "xen-netback", "/sys/bus/xen-backend/drivers/vif");
	for (i = 0; !error && i < c->nr_vifs; i++) {
		bool new_bridge;

		error = net_bridge(ctx, c->vifs[i].bridge, &new_bridge);
		if (new_bridge)
			made[nr_made++] = c->vifs[i].bridge;
	}
	for (i = 0; !error && i < c->nr_disks; i++)
		error = add_disk(ctx, domid, &c->disks[i]);
	for (i = 0; !error && i < c->nr_vifs; i++)
		error = add_vif(ctx, domid, i, &c->vifs[i]);
	if (!error)
		error = hvctl_cancelled(ctx);
	if (error)
		while (nr_made)
			net_remove_bridge(made[--nr_made]);
	return error;
}

/* @call for every device that the store has a backend entry for in dom0. */
static void for_each_backend(struct hvctl_ctx *ctx, uint32_t domid,
			     void (*call)(struct hvctl_ctx *ctx, const char *type, uint32_t domid,
					  const char *number))
{
	static const char *const types[] = { "vbd", "vif" };
	unsigned int i;
	size_t j;

	for (i = 0; i < 2; i++) {
		char dir[96], **list;

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", types[i], domid);
		list = xs_list(ctx->xs, 0, dir);
		for (j = 0; list && list[j]; j++)
			call(ctx, types[i], domid, list[j]);
		free(list);
	}
}

/* The guest is gone: close in its name, and tell the backend not to wait for another. */
static void close_backend(struct hvctl_ctx *ctx, const char *type, uint32_t domid,
			  const char *number)
{
	char path[160], *front;

	snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%s/online", type, domid,
		 number);
	xs_write(ctx->xs, 0, path, "0");
	front = xs_readf(ctx->xs, 0, "/local/domain/%u/device/%s/%s/state", domid, type, number);
	snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%s/state", domid, type, number);
	if (front)
		xs_write(ctx->xs, 0, path, "%d", XenbusStateClosed);
	free(front);
}

/* The driver lets go of disk and grants when its device object goes. */
static void await_backend(struct hvctl_ctx *ctx, const char *type, uint32_t domid,
			  const char *number)
{
	char back[160], sysfs[96];
	int waited;

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%s", type, domid, number);
	snprintf(sysfs, sizeof(sysfs), "/sys/bus/xen-backend/devices/%s-%u-%s", type, domid,
		 number);
	for (waited = 0; waited < BACKEND_TIMEOUT_MS; waited += 10) {
		if (access(sysfs, F_OK))
			break;
		/*
		 * Halfway a removal of the entries makes sure that a driver that overlooked the
		 * state lets go.
		 */
		if (waited == BACKEND_TIMEOUT_MS / 2)
			xs_remove(ctx->xs, 0, back);
		hvctl_nap(10);
	}
	xs_remove(ctx->xs, 0, back);
}

void devices_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	static const char *const types[] = { "vbd", "vif" };
	static const char *const parents[] = {
		"/local/domain/0/backend/vbd",
		"/local/domain/0/backend/vif",
		"/local/domain/0/backend",
		"/local/domain/0/error/backend/vbd",
		"/local/domain/0/error/backend/vif",
		"/local/domain/0/error/backend",
		"/local/domain/0/error",
	};
	unsigned int i;
	char path[96];

	if (!hvctl_xs(ctx))
		return;
	for_each_backend(ctx, domid, close_backend);
	for_each_backend(ctx, domid, await_backend);
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", types[i], domid);
		xs_remove(ctx->xs, 0, path);
		snprintf(path, sizeof(path), "/local/domain/0/error/backend/%s/%u", types[i],
			 domid);
		xs_remove(ctx->xs, 0, path);
	}
	for (i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		xs_prune(ctx->xs, parents[i]);
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

/* Who has a disk: "domain 3", and by what. */
static bool backend_disk(struct hvctl_ctx *ctx, const char *back, struct disk_id *id, bool *writes)
{
	char *identity = read_node(ctx, back, "target-identity");
	char *mode = read_node(ctx, back, "mode");
	bool found = identity && disk_id_parse(identity, id);

	*writes = mode && *mode == 'w';
	free(identity);
	free(mode);
	if (!found) {
		/* Another toolstack's: the block device will do. */
		char *device = read_node(ctx, back, "physical-device"), end;

		*id = (struct disk_id){ 0 };
		found = device && sscanf(device, "%x:%x%c", &id->major, &id->minor, &end) == 2;
		free(device);
	}
	return found;
}

/* Readers may be many; a writer is alone. */
static int check_domains(struct hvctl_ctx *ctx, const struct hvctl_disk *d,
			 const struct disk_kin *kin, char *const *domains)
{
	size_t i, j;
	int error = 0;

	for (i = 0; !error && domains && domains[i]; i++) {
		char dir[96], **disks;

		snprintf(dir, sizeof(dir), "/local/domain/0/backend/vbd/%s", domains[i]);
		disks = list_node(ctx, dir);
		for (j = 0; !error && disks && disks[j]; j++) {
			struct disk_id other;
			char back[192];
			bool writes;

			snprintf(back, sizeof(back), "%s/%s", dir, disks[j]);
			if (backend_disk(ctx, back, &other, &writes) &&
			    (d->writable || writes) && disk_kin_has(kin, &other))
				error = hvctl_fail(
					ctx, EBUSY,
					"the disk %s (%s) is in use by domain %s; give another, or "
					"read-only access to both, or write w! if you know that "
					"this goes well",
					d->target, d->vdev, domains[i]);
		}
		free(disks);
	}
	return error;
}

/* Two disks of one configuration may share no more than two domains. */
static int check_twins(struct hvctl_ctx *ctx, const struct hvctl_config *c, unsigned int k,
		       const struct disk_kin *kin)
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
		if (disk_kin_has(kin, &base.id))
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

	if (!d->writable)
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

int devices_check_sharing(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	char **domains;
	unsigned int k;
	int error = 0;

	ctx->unread = 0;
	domains = list_node(ctx, "/local/domain/0/backend/vbd");
	for (k = 0; !error && k < c->nr_disks; k++) {
		const struct hvctl_disk *d = &c->disks[k];
		struct disk_base base;
		struct disk_kin kin;

		error = disk_check(ctx, d, &base);
		if (error || d->forced)
			continue;
		error = disk_kin_find(use_paths, &base.id, &kin);
		if (error)
			error = hvctl_no_memory(ctx);
		if (!error)
			error = check_domains(ctx, d, &kin, domains);
		if (!error && ctx->unread)
			error = hvctl_fail(
				ctx, ctx->unread,
				"whether another domain uses the disk %.100s (%s) is not to be "
				"read from the store: %s; try again, or write w! if you know that "
				"none does",
				d->target, d->vdev, strerror(ctx->unread));
		if (!error)
			error = check_twins(ctx, c, k, &kin);
		if (!error)
			error = check_dom0(ctx, d, &base, &kin);
		disk_kin_free(&kin);
	}
	free(domains);
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
 * What the guest's side points to; a guest can write there, so nothing but the backend's name is
 * believed.
 */
static int list_devices(struct hvctl_ctx *ctx, uint32_t domid, const char *type, take_back take,
			struct hvctl_device **list, size_t *count)
{
	struct hvctl_domain domain;
	int error = hvctl_get(ctx, domid, &domain);
	char dir[96], **numbers;
	size_t i;

	*list = NULL;
	*count = 0;
	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	snprintf(dir, sizeof(dir), "/local/domain/0/backend/%s/%u", type, domid);
	numbers = xs_list(ctx->xs, 0, dir);
	for (i = 0; numbers && numbers[i]; i++)
		;
	*list = calloc(i + 1, sizeof(**list));
	if (!*list) {
		free(numbers);
		return hvctl_no_memory(ctx);
	}
	for (i = 0; numbers && numbers[i]; i++) {
		struct hvctl_device *d = &(*list)[(*count)++];
		char back[192];

		snprintf(back, sizeof(back), "%s/%s", dir, numbers[i]);
		d->number = (uint32_t)strtoul(numbers[i], NULL, 10);
		d->state = (unsigned int)read_state(ctx, back);
		take(ctx, back, d);
	}
	free(numbers);
	return 0;
}

int hvctl_disks(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	return list_devices(ctx, domid, "vbd", take_disk, list, count);
}

int hvctl_vifs(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	return list_devices(ctx, domid, "vif", take_vif, list, count);
}
