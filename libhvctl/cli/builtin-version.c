// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_host h;
	char set[8];
	bool there;
	int first = cli_options(cmd, argc, argv, "j", set);

	if (first < 0)
		return CLI_USAGE;
	if (argc != first)
		return cli_usage(cmd, "no argument is needed");
	/* Outside of a dom0 there is still the tool's own version to be told. */
	there = !hvctl_host(ctx, &h);
	if (cli_has(set, 'j'))
		return cli_print_json(json_pack("{s:s s:s s:o}", "tool", "annulus", "control_abi",
						"4.17", "hypervisor",
						there ? cli_json_text(h.version) : json_null()));
	printf("hvctl of Annulus, control ABI of 4.17\n");
	printf("hypervisor %s\n", there ? h.version : "not reachable");
	return CLI_OK;
}

const struct command cmd_version = {
	.name = "version",
	.usage = "[--json]",
	.summary = "Print the versions of hvctl and of the hypervisor",
	.help = "  --json  for programs; a hypervisor that is not reachable is null\n",
	.run = run,
};
