// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (ret)
		return ret;
	return hvctl_unpause(ctx, domid) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_unpause = {
	.name = "unpause",
	.usage = "DOMAIN",
	.summary = "Let a paused domain go on",
	.help = "",
	.run = run,
};
