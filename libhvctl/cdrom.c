// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Media of CD drives. The protocol of disks has no word for a medium that changes, and no frontend
 * asks whether one has: what a guest has read of the old one must not be taken for the new one. So
 * the device goes, as the guest's kernel agrees, and comes again with the other medium; an empty
 * drive has none. What lies in a drive stands in the domain's configuration in the store: by that
 * it is restarted, saved and moved.
 */
#include "cdrom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "create.h"
#include "device_kind.h"
#include "xs.h"

struct drive {
	struct hvctl_ctx *ctx;
	uint32_t domid;
	struct hvctl_config *config;	/* as in the store */
	struct hvctl_disk *disk;	/* of that */
};

static int find(struct drive *v, const char *vdev)
{
	struct hvctl_config *c;
	unsigned int i;
	int error = hvctl_config_of(v->ctx, v->domid, &v->config);

	if (error)
		return error;
	c = v->config;
	for (i = 0; i < c->nr_disks && strcmp(c->disks[i].vdev, vdev); i++)
		;
	if (i == c->nr_disks)
		return hvctl_fail(v->ctx, ENOENT, "domain %u was not created with a drive %s; see "
				  "hvctl dump-config, or use block-attach", v->domid, vdev);
	if (!c->disks[i].cdrom)
		return hvctl_fail(v->ctx, EINVAL, "%s of domain %u is a disk and no CD drive; only "
				  "block-detach and block-attach give another", vdev, v->domid);
	v->disk = &c->disks[i];
	return 0;
}

/* Whether the drive's device is there: 1, 0, -errno. Somebody may have attached another as it. */
static int is_there(const struct drive *v)
{
	static const struct device_kind *const kinds[] = { &kernel_disk, &blkd_disk };
	int found = 0;

	for (unsigned int i = 0; i < 2; i++) {
		char *type = xs_readf(v->ctx->xs, 0,
				      "/local/domain/0/backend/%s/%u/%u/device-type",
				      kinds[i]->back, v->domid, v->disk->number);
		bool cd = type && !strcmp(type, "cdrom");

		if (!type && errno != ENOENT)
			return device_store_failed(v->ctx, "the drive's entries", -errno);
		if (type && !cd) {
			free(type);
			return hvctl_fail(v->ctx, EEXIST, "a disk was attached to domain %u as %s; "
					  "detach that first (hvctl block-detach)", v->domid,
					  v->disk->vdev);
		}
		found |= cd;
		free(type);
	}
	return found;
}

/* A device for the medium; nothing stays of what could not be made. */
static int load(const struct drive *v)
{
	struct hvctl_config one = { .nr_disks = 1, .disks = v->disk };
	char why[sizeof(v->ctx->error)];
	int error;

	if (cdrom_is_empty(v->disk))
		return 0;
	error = device_add(v->ctx, &one, v->domid, 0);
	if (error) {
		memcpy(why, v->ctx->error, sizeof(why));
		device_remove_disk(v->ctx, v->domid, v->disk->number);
		memcpy(v->ctx->error, why, sizeof(why));
	}
	return error;
}

/* As it was, after what the message says; if that medium has gone, too, the drive is empty. */
static void go_back(struct drive *v, const struct hvctl_disk *was, bool unloaded)
{
	char why[sizeof(v->ctx->error)];
	struct hvctl_disk old = *was;
	char none[] = "";

	memcpy(why, v->ctx->error, sizeof(why));
	*v->disk = old;
	if (unloaded && load(v)) {
		hvctl_warn(v->ctx, "%s of domain %u is empty now: %s", old.vdev, v->domid,
			   v->ctx->error);
		v->disk->target = none;
	}
	if (domain_replace_settings(v->ctx, v->domid, v->config))
		hvctl_warn(v->ctx, "%s", v->ctx->error);
	memcpy(v->ctx->error, why, sizeof(why));
}

/* @medium into the drive, whose configuration has it then. */
static int exchange(struct drive *v, const struct hvctl_disk *medium)
{
	const struct hvctl_disk was = *v->disk;
	int error, there = is_there(v);

	if (there < 0)
		return there;
	/* First: who is killed behind this has a drive that can be given something again. */
	*v->disk = *medium;
	error = domain_replace_settings(v->ctx, v->domid, v->config);
	if (!error && there) {
		error = device_release_disk(v->ctx, v->domid, was.number);
		if (error)
			hvctl_fail(v->ctx, -error, "the guest does not let go of %s within %d s; "
				   "unmount it there, or let the guest run (hvctl unpause), and "
				   "try again", was.vdev, DEVICE_TIMEOUT_MS / 1000);
		if (error)
			go_back(v, &was, false);
	}
	if (!error) {
		error = load(v);
		if (error)
			go_back(v, &was, there);
	}
	if (error)
		*v->disk = was;
	return error;
}

/* Another process is told of a file, and has another directory. */
static char *whole_path(struct hvctl_ctx *ctx, const char *file)
{
	char *here = NULL, *path = NULL;

	/* As configurations have it. */
	file = disk_without_prefix(file);
	if (!*file || *file == '/' || strstr(file, "://")) {
		path = strdup(file);
	} else {
		here = getcwd(NULL, 0);
		if (here && asprintf(&path, "%s/%s", here, file) < 0)
			path = NULL;
	}
	free(here);
	if (!path)
		hvctl_no_memory(ctx);
	return path;
}

/* What the drive would be with @target in it, and whether it may. */
static int check_medium(struct drive *v, char *target, struct hvctl_disk *medium)
{
	bool nbd = disk_is_nbd(target);
	struct hvctl_config one = { .nr_disks = 1, .disks = medium };

	*medium = *v->disk;
	medium->target = target;
	strcpy(medium->format, nbd ? "nbd" : "raw");
	/* Dom0's kernel cannot serve those. */
	if (nbd)
		medium->backend = HVCTL_DISK_HVBLKD;
	if (!*target && cdrom_is_empty(v->disk))
		return hvctl_fail(v->ctx, ENOENT, "%s of domain %u is empty already", medium->vdev,
				  v->domid);
	return *target ? devices_check_sharing(v->ctx, &one) : 0;
}

static int change(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev, const char *file)
{
	struct drive v = { .ctx = ctx, .domid = domid };
	char *target = whole_path(ctx, file), *was;
	struct hvctl_disk medium;
	int saving = -1, lock = -1;
	int error = target ? 0 : -ENOMEM;

	/* What is being saved does not change, and nothing is changed by two at once. */
	if (!error) {
		saving = hvctl_lock_saving(ctx, domid);
		error = saving < 0 ? saving : 0;
	}
	if (!error) {
		lock = hvctl_lock(ctx);
		error = lock < 0 ? lock : 0;
	}
	if (!error)
		error = find(&v, vdev);
	if (!error)
		error = check_medium(&v, target, &medium);
	if (!error) {
		was = v.disk->target;
		error = exchange(&v, &medium);
		/* One of the two is the configuration's, and goes with it. */
		if (!error)
			target = was;
	}
	free(target);
	if (lock >= 0)
		close(lock);
	if (saving >= 0)
		close(saving);
	hvctl_config_free(v.config);
	return error;
}

int hvctl_cd_insert(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev, const char *file)
{
	if (!*disk_without_prefix(file))
		return hvctl_fail(ctx, EINVAL, "an empty name is no medium; give a file, or use "
				  "cd-eject");
	return change(ctx, domid, vdev, file);
}

int hvctl_cd_eject(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev)
{
	return change(ctx, domid, vdev, "");
}

void cdroms_keep(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c)
{
	struct hvctl_config *now = NULL;
	int error = hvctl_config_of(ctx, domid, &now);

	if (error) {
		hvctl_warn(ctx, "what lies in the CD drives of domain %u is not known, and is what "
			   "it was created with: %s", domid, ctx->error);
		return;
	}
	for (unsigned int i = 0; i < c->nr_disks; i++) {
		struct hvctl_disk *d = &c->disks[i];

		for (unsigned int k = 0; k < now->nr_disks; k++) {
			struct hvctl_disk *is = &now->disks[k], was = *d;

			if (!d->cdrom || !is->cdrom || is->number != d->number)
				continue;
			/* The other's goes with the other. */
			d->target = is->target;
			is->target = was.target;
			d->backend = is->backend;
			strcpy(d->format, is->format);
		}
		if (!d->cdrom || !*d->target || !strcmp(d->format, "nbd") ||
		    !access(d->target, F_OK))
			continue;
		hvctl_warn(ctx, "%s of domain %u is empty now, since %s has gone", d->vdev, domid,
			   d->target);
		d->target[0] = '\0';
	}
	hvctl_config_free(now);
}
