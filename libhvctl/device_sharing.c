// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who else has the bytes of a disk: another domain, another disk of the same one, dom0. */
#include "device_kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdrom.h"
#include "overlay.h"
#include "xs.h"

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
			const struct device_kind *kind, const char *domain, bool *going)
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
	static const struct device_kind *const disks[] = { &kernel_disk, &blkd_disk };
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

		if (i != k && !other->forced && d->writable && other->backing && !mine->remote) {
			const struct hvctl_disk b = disk_below(other);

			error = disk_check(ctx, &b, &base);
			if (error)
				return error;
			if (disk_kin_has(kin, &base.id))
				return hvctl_fail(
					ctx, EBUSY,
					"the disk %s (%s) is what %s lies upon; give another, or "
					"write w! if you know that this goes well",
					d->target, d->vdev, other->vdev);
		}
		if (i == k || other->forced || !(d->writable || other->writable) ||
		    cdrom_is_empty(other) || overlay_file_missing(other))
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
	int error = hvctl_xs(ctx) ? 0 : -ECONNREFUSED;

	ctx->unread = 0;
	for (k = 0; !error && k < c->nr_disks; k++) {
		const struct hvctl_disk b = disk_below(&c->disks[k]);

		if (cdrom_is_empty(&c->disks[k]))
			continue;
		/* Of what is not there yet nobody has anything. */
		if (!overlay_file_missing(&c->disks[k]))
			error = check_sharing(ctx, c, k, &c->disks[k]);
		if (!error && b.target)
			error = check_sharing(ctx, c, k, &b);
	}
	return error;
}
