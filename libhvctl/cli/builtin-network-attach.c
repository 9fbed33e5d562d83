// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and an interface are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_vif_attach(ctx, domid, argv[2]) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_network_attach = {
	.name = "network-attach",
	.usage = "DOMAIN VIF",
	.summary = "Give a running domain one more network interface",
	.help = "  VIF  as in a configuration: mac=00:16:3e:xx:xx:xx,bridge=xenbr0\n",
	.run = run,
};
