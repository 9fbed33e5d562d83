// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (ret)
		return ret;
	return hvctl_pause(ctx, domid) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_pause = {
	.name = "pause",
	.usage = "DOMAIN",
	.summary = "Stop a domain's vCPUs; it keeps its memory",
	.help = "",
	.run = run,
};
