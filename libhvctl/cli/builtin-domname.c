// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_domain d;
	uint32_t domid;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (ret)
		return ret;
	if (hvctl_get(ctx, domid, &d))
		return cli_failed(ctx);
	printf("%s\n", d.name);
	return CLI_OK;
}

const struct command cmd_domname = {
	.name = "domname",
	.usage = "NUMBER",
	.summary = "Print the name of a domain",
	.help = "",
	.run = run,
};
