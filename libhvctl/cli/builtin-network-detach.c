// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and an interface's number or address are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_vif_detach(ctx, domid, argv[2]) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_network_detach = {
	.name = "network-detach",
	.usage = "DOMAIN INDEX|MAC",
	.summary = "Take a network interface away from a running domain",
	.help = "  INDEX|MAC  its number or address, as in network-list\n",
	.run = run,
};
