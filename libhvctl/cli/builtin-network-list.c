// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static json_t *to_json(const struct hvctl_device *d, bool connected)
{
	return json_pack("{s:I s:o s:o s:b}", "index", (json_int_t)d->number, "mac",
			 cli_json_text(d->name), "bridge", cli_json_text(d->target), "connected",
			 (int)connected);
}

static void print(const struct hvctl_device *d, const char *state)
{
	char name[4 * sizeof(d->name)], target[4 * sizeof(d->target)];

	hvctl_one_line(name, sizeof(name), d->name);
	hvctl_one_line(target, sizeof(target), d->target);
	printf("%-5u %-18s %-10s %s\n", d->number, name, state, target);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	static const struct device_listing vifs = {
		.get = hvctl_vifs,
		.to_json = to_json,
		.heading = "INDEX MAC                STATE      BRIDGE",
		.print = print,
	};

	return cli_devices(ctx, cmd, argc, argv, &vifs);
}

const struct command cmd_network_list = {
	.name = "network-list",
	.usage = "[--json] DOMAIN",
	.summary = "List a domain's network interfaces",
	.help = "  --json  for programs\n",
	.run = run,
};
