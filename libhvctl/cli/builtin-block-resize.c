// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t bytes = 0, now;
	uint32_t domid;

	if (argc != 3 && argc != 4)
		return cli_usage(cmd, "a domain and the name of a disk are needed");
	if (argc == 4 && !cli_size(argv[3], &bytes))
		return cli_usage(cmd, "'%s' is not a size", argv[3]);
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	if (hvctl_disk_resize(ctx, domid, argv[2], bytes, &now))
		return cli_failed(ctx);
	printf("%s: %" PRIu64 " bytes\n", argv[2], now);
	return CLI_OK;
}

const struct command cmd_block_resize = {
	.name = "block-resize",
	.usage = "DOMAIN VDEV [SIZE]",
	.summary = "Make a disk of a running domain larger",
	.help = "Files and images become larger by this. A block device, or what an NBD server "
		"has, is made larger first,\n"
		"with what made it, and then looked at by this without SIZE. The guest sees it in "
		"use.\n\n"
		"  VDEV  its name, like xvda\n"
		"  SIZE  bytes, or with K, M, G or T behind: 20G\n",
	.run = run,
};
