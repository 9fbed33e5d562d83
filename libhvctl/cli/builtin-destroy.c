// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (ret)
		return ret;
	return hvctl_destroy(ctx, domid) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_destroy = {
	.name = "destroy",
	.usage = "DOMAIN",
	.summary = "Kill a domain at once and remove what it had",
	.help = "The guest is not asked. Its disks may need a check afterwards, as after pulling a "
		"plug.\n",
	.run = run,
};
