// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t mib;
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and a size are needed");
	if (!cli_number(argv[2], &mib))
		return cli_usage(cmd, "'%s' is not a number of MiB", argv[2]);
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_set_memory(ctx, domid, mib) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_mem_set = {
	.name = "mem-set",
	.usage = "DOMAIN MIB",
	.summary = "Give a domain more or less memory",
	.help = "The guest's balloon driver does it, at its own pace; the limit is maxmem of its "
		"configuration.\n",
	.run = run,
};
