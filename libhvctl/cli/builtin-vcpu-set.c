// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t count;
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and a count are needed");
	if (!cli_number(argv[2], &count) || count > 100000)
		return cli_usage(cmd, "'%s' is not a number of vCPUs", argv[2]);
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_set_vcpus(ctx, domid, (unsigned int)count) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_vcpu_set = {
	.name = "vcpu-set",
	.usage = "DOMAIN COUNT",
	.summary = "Give a domain more or fewer vCPUs",
	.help = "The guest takes them on and off line itself; the limit is maxvcpus of its "
		"configuration.\n",
	.run = run,
};
