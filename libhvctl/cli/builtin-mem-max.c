// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <ctype.h>
#include <string.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t size;
	uint32_t domid;
	size_t length;

	if (argc != 3)
		return cli_usage(cmd, "a domain and a size are needed");
	length = strlen(argv[2]);
	if (!cli_size(argv[2], &size))
		return cli_usage(cmd, "'%s' is not a size", argv[2]);
	/* MiB, like mem-set's, or with a unit bytes. */
	if (!isdigit((unsigned char)argv[2][length - 1]))
		size = (size >> 20) + !!(size & ((1u << 20) - 1));
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_set_max_memory(ctx, domid, size) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_mem_max = {
	.name = "mem-max",
	.usage = "DOMAIN SIZE",
	.summary = "Set how much memory a domain may have at most",
	.help = "For mem-set, and what the hypervisor lets it have, until it is gone or restarts; "
		"its configuration's maxmem\n"
		"is the same for good. It is neither told nor does it get or lose memory by this. "
		"What is above the maxmem\n"
		"that it started with is behind its map of memory: only a kernel that takes up "
		"memory there can use it.\n\n"
		"  SIZE  MiB, or with K, M, G or T behind: 2G\n",
	.run = run,
};
