// SPDX-License-Identifier: LGPL-2.1-or-later
/* Disks and interfaces that come to a running domain and go from it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "device.h"

/* The "disk" or "vif", @what, that @spec, an item of a configuration's list, asks for. */
static int parse(struct hvctl_ctx *ctx, const char *what, const char *spec, const char *example,
		 struct hvctl_config **config)
{
	char *text;
	int error, n;

	if (strpbrk(spec, "\"'\\\n"))
		return hvctl_fail(ctx, EINVAL,
				  "quotes, backslashes and line ends have no place in a %s; "
				  "write \"%s\"", what, example);
	/* A configuration has to have a name and a kernel, which nobody asks for here. */
	n = asprintf(&text, "%s = [ \"%s\" ]\nname = \"x\"\nkernel = \"/\"\n", what, spec);
	if (n < 0)
		return hvctl_no_memory(ctx);
	error = hvctl_config_parse(ctx, what, text, (size_t)n, NULL, config);
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

/* What is being saved does not change, and nothing is changed by two at once. -1: not taken. */
static int take_locks(struct hvctl_ctx *ctx, uint32_t domid, int *saving, int *lock)
{
	int error;

	*saving = hvctl_lock_saving(ctx, domid);
	error = *saving < 0 ? *saving : 0;
	if (!error) {
		*lock = hvctl_lock(ctx);
		error = *lock < 0 ? *lock : 0;
	}
	return error;
}

/* What was made of a device goes again; the message stays that of what went wrong. */
static void undo(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number,
		 void (*take_away)(struct hvctl_ctx *, uint32_t, uint32_t))
{
	char why[sizeof(ctx->error)];

	memcpy(why, ctx->error, sizeof(why));
	take_away(ctx, domid, number);
	memcpy(ctx->error, why, sizeof(why));
}

static int end(struct hvctl_config *config, int saving, int lock, int error)
{
	if (lock >= 0)
		close(lock);
	if (saving >= 0)
		close(saving);
	hvctl_config_free(config);
	return error;
}

int hvctl_disk_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec)
{
	struct hvctl_config *config = NULL;
	int error = parse(ctx, "disk", spec, "format=raw,vdev=xvdb,access=rw,target=/path",
			  &config);
	int lock = -1, saving = -1;

	if (!error)
		error = take_locks(ctx, domid, &saving, &lock);
	if (!error)
		error = check_free(ctx, domid, &config->disks[0]);
	if (!error)
		error = devices_check_sharing(ctx, config);
	if (!error) {
		error = devices_add(ctx, config, domid);
		if (error)
			undo(ctx, domid, config->disks[0].number, device_remove_disk);
	}
	return end(config, saving, lock, error);
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

/* The first number that no interface of the domain's has; its MAC address is no other's of them. */
static int free_number(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_vif *v,
		       uint32_t *number)
{
	struct hvctl_device *list;
	size_t count, i;
	char mac[18];
	int error = hvctl_vifs(ctx, domid, &list, &count);

	if (!error && !v->mac_given) {
		memcpy(v->mac, "\x00\x16\x3e", 3);
		error = hvctl_random(ctx, v->mac + 3, 3);
		v->mac[3] &= 0x7f;
	}
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2],
		 v->mac[3], v->mac[4], v->mac[5]);
	*number = 0;
	for (i = 0; !error && i < count; i++)
		if (!strcasecmp(list[i].name, mac))
			error = hvctl_fail(ctx, EEXIST,
					   "domain %u has an interface with the address %s "
					   "already; choose another mac", domid, mac);
	for (i = 0; !error && i < count;) {
		if (list[i++].number != *number)
			continue;
		++*number;
		i = 0;
	}
	free(list);
	return error;
}

int hvctl_vif_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec)
{
	struct hvctl_config *config = NULL;
	int error = parse(ctx, "vif", spec, "mac=00:16:3e:xx:xx:xx,bridge=xenbr0", &config);
	int lock = -1, saving = -1;
	uint32_t number = 0;

	if (!error)
		error = take_locks(ctx, domid, &saving, &lock);
	if (!error)
		error = free_number(ctx, domid, &config->vifs[0], &number);
	if (!error) {
		error = device_add_vif(ctx, config, domid, number);
		if (error)
			undo(ctx, domid, number, device_remove_vif);
	}
	return end(config, saving, lock, error);
}

int hvctl_vif_detach(struct hvctl_ctx *ctx, uint32_t domid, const char *name)
{
	struct hvctl_device *list;
	size_t count, i;
	int saving, error = hvctl_vifs(ctx, domid, &list, &count);

	if (error)
		return error;
	saving = hvctl_lock_saving(ctx, domid);
	if (saving < 0) {
		free(list);
		return saving;
	}
	for (i = 0; i < count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", list[i].number);
		if (!strcmp(number, name) || !strcasecmp(list[i].name, name))
			break;
	}
	if (i == count)
		error = hvctl_fail(ctx, ENOENT,
				   "domain %u has no interface %s; see hvctl network-list", domid,
				   name);
	else
		error = device_release_vif(ctx, domid, list[i].number);
	if (error == -ETIMEDOUT)
		hvctl_fail(ctx, ETIMEDOUT,
			   "the guest does not let go of %s; take it down there, and try again",
			   name);
	close(saving);
	free(list);
	return error;
}
