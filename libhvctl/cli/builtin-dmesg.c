// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	char set[8], *text;
	size_t len;
	int first = cli_options(cmd, argc, argv, "c", set);

	if (first < 0)
		return CLI_USAGE;
	if (argc != first)
		return cli_usage(cmd, "no argument is needed");
	if (hvctl_dmesg(ctx, cli_has(set, 'c'), &text, &len))
		return cli_failed(ctx);
	fwrite(text, 1, len, stdout);
	free(text);
	return CLI_OK;
}

const struct command cmd_dmesg = {
	.name = "dmesg",
	.usage = "[-c]",
	.summary = "Print the hypervisor's log",
	.help = "  -c  empty it afterwards\n",
	.run = run,
};
