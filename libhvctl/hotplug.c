// SPDX-License-Identifier: LGPL-2.1-or-later
/* Disks that come to a running domain and go from it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"

/* The disk that @spec, an item of a configuration's list, asks for. */
static int parse_disk(struct hvctl_ctx *ctx, const char *spec, struct hvctl_config **config)
{
	char *text;
	int error, n;

	if (strpbrk(spec, "\"'\\\n"))
		return hvctl_fail(ctx, EINVAL,
				  "quotes, backslashes and line ends have no place in a disk; "
				  "write "
				  "\"format=raw,vdev=xvdb,access=rw,target=/path\"");
	/* A configuration has to have a name and a kernel, which nobody asks for here. */
	n = asprintf(&text, "disk = [ \"%s\" ]\nname = \"x\"\nkernel = \"/\"\n", spec);
	if (n < 0)
		return hvctl_no_memory(ctx);
	error = hvctl_config_parse(ctx, "disk", text, (size_t)n, NULL, config);
	free(text);
	return error;
}

static int check_free(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_disk *d)
{
	struct hvctl_device *list;
	size_t count, i;
	int error = hvctl_disks(ctx, domid, &list, &count);

	for (i = 0; !error && i < count; i++)
		if (list[i].number == d->number)
			error = hvctl_fail(ctx, EEXIST,
					   "domain %u has a disk %s already; choose another vdev, "
					   "or "
					   "detach that one", domid, d->vdev);
	free(list);
	return error;
}

int hvctl_disk_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec)
{
	struct hvctl_config *config = NULL;
	int error = parse_disk(ctx, spec, &config), lock = -1, saving = -1;

	/* What is being saved does not change. */
	if (!error) {
		saving = hvctl_lock_saving(ctx, domid);
		error = saving < 0 ? saving : 0;
	}
	if (!error) {
		lock = hvctl_lock(ctx);
		error = lock < 0 ? lock : check_free(ctx, domid, &config->disks[0]);
	}
	if (!error)
		error = devices_check_sharing(ctx, config);
	if (!error) {
		error = devices_add(ctx, config, domid);
		if (error) {
			char why[sizeof(ctx->error)];

			memcpy(why, ctx->error, sizeof(why));
			device_remove_disk(ctx, domid, config->disks[0].number);
			memcpy(ctx->error, why, sizeof(why));
		}
	}
	if (lock >= 0)
		close(lock);
	if (saving >= 0)
		close(saving);
	hvctl_config_free(config);
	return error;
}

int hvctl_disk_detach(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev)
{
	struct hvctl_device *list;
	size_t count, i;
	int saving, error = hvctl_disks(ctx, domid, &list, &count);

	if (error)
		return error;
	saving = hvctl_lock_saving(ctx, domid);
	if (saving < 0) {
		free(list);
		return saving;
	}
	for (i = 0; i < count && strcmp(list[i].name, vdev); i++)
		;
	if (i == count)
		error = hvctl_fail(ctx, ENOENT,
				   "domain %u has no disk %s; see hvctl block-list", domid, vdev);
	else
		error = device_release_disk(ctx, domid, list[i].number);
	if (error == -ETIMEDOUT)
		hvctl_fail(ctx, ETIMEDOUT,
			   "the guest does not let go of %s; unmount it there, and try "
			   "again", vdev);
	close(saving);
	free(list);
	return error;
}
