// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (!ret)
		printf("%u\n", domid);
	return ret;
}

const struct command cmd_domid = {
	.name = "domid",
	.usage = "NAME",
	.summary = "Print the number of a domain",
	.help = "",
	.run = run,
};
