// SPDX-License-Identifier: LGPL-2.1-or-later
/* Disks and interfaces that come to a running domain and go from it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cdrom.h"
#include "device.h"
#include "overlay.h"

/* What disks and interfaces do not have in common. */
struct sort {
	const char *key, *example;	/* of a configuration: "disk"; an item of its list */
	const char *name, *command;	/* for messages: "interface", what shows them */
	const char *rid;		/* what the guest is to do first */
	int (*list)(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list,
		    size_t *count);
	bool (*called)(const struct hvctl_device *d, const char *name);
	/* Whether the one in @config may come, and as which. */
	int (*check)(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid,
		     uint32_t *number);
	void (*take_away)(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number);
	int (*release)(struct hvctl_ctx *ctx, uint32_t domid, uint32_t number);
};

/* What @spec, an item of a configuration's list, asks for. */
static int parse(struct hvctl_ctx *ctx, const struct sort *sort, const char *spec,
		 struct hvctl_config **config)
{
	const char *what = sort->key;
	char *text;
	int error, n;

	if (strpbrk(spec, "\"'\\\n"))
		return hvctl_fail(ctx, EINVAL,
				  "quotes, backslashes and line ends have no place in a %s; "
				  "write \"%s\"", what, sort->example);
	/* A configuration has to have a name and a kernel, which nobody asks for here. */
	n = asprintf(&text, "%s = [ \"%s\" ]\nname = \"x\"\nkernel = \"/\"\n", what, spec);
	if (n < 0)
		return hvctl_no_memory(ctx);
	error = hvctl_config_parse(ctx, what, text, (size_t)n, NULL, config);
	free(text);
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
static void undo(struct hvctl_ctx *ctx, const struct sort *sort, uint32_t domid, uint32_t number)
{
	char why[sizeof(ctx->error)];

	memcpy(why, ctx->error, sizeof(why));
	sort->take_away(ctx, domid, number);
	memcpy(ctx->error, why, sizeof(why));
}

static int attach(struct hvctl_ctx *ctx, const struct sort *sort, uint32_t domid, const char *spec)
{
	struct hvctl_config *config = NULL;
	int error = parse(ctx, sort, spec, &config);
	int lock = -1, saving = -1;
	uint64_t overlays = 0;
	uint32_t number = 0;

	if (!error)
		error = take_locks(ctx, domid, &saving, &lock);
	if (!error)
		error = overlay_files_make(ctx, config, &overlays);
	if (!error)
		error = sort->check(ctx, config, domid, &number);
	if (!error) {
		error = device_add(ctx, config, domid, number);
		if (error)
			undo(ctx, sort, domid, number);
	}
	if (error && config)
		overlay_files_undo(config, overlays);
	if (lock >= 0)
		close(lock);
	if (saving >= 0)
		close(saving);
	hvctl_config_free(config);
	return error;
}

static int detach(struct hvctl_ctx *ctx, const struct sort *sort, uint32_t domid, const char *name)
{
	struct hvctl_device *list;
	size_t count, i;
	int saving, error = sort->list(ctx, domid, &list, &count);

	if (error)
		return error;
	saving = hvctl_lock_saving(ctx, domid);
	if (saving < 0) {
		free(list);
		return saving;
	}
	for (i = 0; i < count && !sort->called(&list[i], name); i++)
		;
	if (i == count)
		error = hvctl_fail(ctx, ENOENT, "domain %u has no %s %s; see hvctl %s", domid,
				   sort->name, name, sort->command);
	else
		error = sort->release(ctx, domid, list[i].number);
	if (error == -ETIMEDOUT)
		hvctl_fail(ctx, ETIMEDOUT,
			   "the guest does not let go of %s; %s there, and try again", name,
			   sort->rid);
	close(saving);
	free(list);
	return error;
}

/* ------------------------------------------------------------------------------------------------
 * Disks
 */

static bool disk_called(const struct hvctl_device *d, const char *name)
{
	return !strcmp(d->name, name);
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

static int disk_check_new(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid,
			  uint32_t *number)
{
	int error = check_free(ctx, domid, &config->disks[0]);

	/* It would be nowhere: such a drive is in the configuration alone. */
	if (!error && cdrom_is_empty(&config->disks[0]))
		error = hvctl_fail(ctx, EINVAL, "an empty drive cannot be attached; give it a "
				   "target, or write it into the configuration");
	*number = config->disks[0].number;
	return error ? error : devices_check_sharing(ctx, config);
}

static const struct sort disks = {
	.key = "disk",
	.example = "format=raw,vdev=xvdb,access=rw,target=/path",
	.name = "disk",
	.command = "block-list",
	.rid = "unmount it",
	.list = hvctl_disks,
	.called = disk_called,
	.check = disk_check_new,
	.take_away = device_remove_disk,
	.release = device_release_disk,
};

int hvctl_disk_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec)
{
	return attach(ctx, &disks, domid, spec);
}

int hvctl_disk_detach(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev)
{
	return detach(ctx, &disks, domid, vdev);
}

/* ------------------------------------------------------------------------------------------------
 * Interfaces
 */

/* By its number or its MAC address. */
static bool vif_called(const struct hvctl_device *d, const char *name)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", d->number);
	return !strcmp(number, name) || !strcasecmp(d->name, name);
}

/* The first number that no interface of the domain's has; its MAC address is no other's of them. */
static int vif_check_new(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid,
			 uint32_t *number)
{
	struct hvctl_vif *v = &config->vifs[0];
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

static const struct sort vifs = {
	.key = "vif",
	.example = "mac=00:16:3e:xx:xx:xx,bridge=xenbr0",
	.name = "interface",
	.command = "network-list",
	.rid = "take it down",
	.list = hvctl_vifs,
	.called = vif_called,
	.check = vif_check_new,
	.take_away = device_remove_vif,
	.release = device_release_vif,
};

int hvctl_vif_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec)
{
	return attach(ctx, &vifs, domid, spec);
}

int hvctl_vif_detach(struct hvctl_ctx *ctx, uint32_t domid, const char *name)
{
	return detach(ctx, &vifs, domid, name);
}
