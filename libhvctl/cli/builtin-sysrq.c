// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <string.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and a letter are needed");
	if (strlen(argv[2]) != 1)
		return cli_usage(cmd, "'%s' is not a letter", argv[2]);
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_sysrq(ctx, domid, argv[2][0]) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_sysrq = {
	.name = "sysrq",
	.usage = "DOMAIN LETTER",
	.summary = "Press a letter of a domain's SysRq key",
	.help = "Its kernel answers on its console; h has Linux list the letters.\n",
	.run = run,
};
