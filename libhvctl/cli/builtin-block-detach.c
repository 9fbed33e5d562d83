// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and the name of a disk are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_disk_detach(ctx, domid, argv[2]) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_block_detach = {
	.name = "block-detach",
	.usage = "DOMAIN VDEV",
	.summary = "Take a disk away from a running domain",
	.help = "  VDEV  its name, like xvdb\n",
	.run = run,
};
