// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and a disk are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_disk_attach(ctx, domid, argv[2]) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_block_attach = {
	.name = "block-attach",
	.usage = "DOMAIN DISK",
	.summary = "Give a running domain one more disk",
	.help = "  DISK  as in a configuration: format=raw,vdev=xvdb,access=rw,target=/path\n",
	.run = run,
};
