// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *to_json(const struct hvctl_device *d, bool connected)
{
	return json_pack("{s:I s:o s:o s:b s:b}", "number", (json_int_t)d->number, "vdev",
			 cli_json_text(d->name), "target", cli_json_text(d->target), "writable",
			 (int)d->writable, "connected", (int)connected);
}

static void print(const struct hvctl_device *d, const char *state)
{
	char name[4 * sizeof(d->name)], target[4 * sizeof(d->target)];

	hvctl_one_line(name, sizeof(name), d->name);
	hvctl_one_line(target, sizeof(target), d->target);
	printf("%-8u %-8s %-6s %-10s %s\n", d->number, name, d->writable ? "rw" : "r",
	       *target ? state : "empty", target);
}

/* Also drives that have no device, since nothing is in them. */
static int get(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	struct hvctl_config *c = NULL;
	int error = hvctl_disks(ctx, domid, list, count);

	/* Other tools' domains have devices alone. */
	if (error || hvctl_config_of(ctx, domid, &c))
		return error;
	for (unsigned int i = 0; i < c->nr_disks; i++) {
		const struct hvctl_disk *d = &c->disks[i];
		struct hvctl_device *more;

		if (!d->cdrom || *d->target)
			continue;
		more = realloc(*list, (*count + 1) * sizeof(*more));
		if (!more)
			break;
		*list = more;
		more[*count] = (struct hvctl_device){ .number = d->number };
		snprintf(more[(*count)++].name, sizeof(more->name), "%s", d->vdev);
	}
	hvctl_config_free(c);
	return 0;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	static const struct device_listing disks = {
		.get = get,
		.to_json = to_json,
		.heading = "NUMBER   VDEV     ACCESS STATE      TARGET",
		.print = print,
	};

	return cli_devices(ctx, cmd, argc, argv, &disks);
}

const struct command cmd_block_list = {
	.name = "block-list",
	.usage = "[--json] DOMAIN",
	.summary = "List a domain's disks",
	.help = "  --json  for programs\n",
	.run = run,
};
