// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_host h;
	bool there;

	(void)argv;
	if (argc != 1)
		return cli_usage(cmd, "no argument is needed");
	/* Outside of a dom0 there is still the tool's own version to be told. */
	there = !hvctl_host(ctx, &h);
	printf("hvctl of Annulus, control ABI of 4.17\n");
	printf("hypervisor %s\n", there ? h.version : "not reachable");
	return CLI_OK;
}

const struct command cmd_version = {
	.name = "version",
	.usage = "",
	.summary = "Print the versions of hvctl and of the hypervisor",
	.help = "",
	.run = run,
};
