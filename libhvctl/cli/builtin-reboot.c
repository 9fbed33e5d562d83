// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (ret)
		return ret;
	return hvctl_reboot(ctx, domid) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_reboot = {
	.name = "reboot",
	.usage = "DOMAIN",
	.summary = "Ask a domain to reboot",
	.help = "What happens when it has stopped is told by on_reboot of its configuration.\n",
	.run = run,
};
