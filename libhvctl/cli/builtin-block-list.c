// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

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
	printf("%-8u %-8s %-6s %-10s %s\n", d->number, name, d->writable ? "rw" : "r", state,
	       target);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	static const struct device_listing disks = {
		.get = hvctl_disks,
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
