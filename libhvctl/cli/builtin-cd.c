// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

static int insert(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 4)
		return cli_usage(cmd, "a domain, the name of a drive and a file are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_cd_insert(ctx, domid, argv[2], argv[3]) ? cli_failed(ctx) : CLI_OK;
}

static int eject(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;

	if (argc != 3)
		return cli_usage(cmd, "a domain and the name of a drive are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_cd_eject(ctx, domid, argv[2]) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_cd_insert = {
	.name = "cd-insert",
	.usage = "DOMAIN VDEV FILE",
	.summary = "Put a medium into a CD drive of a domain",
	.help = "In place of what is in it, which the guest has to have unmounted: its kernel sees "
		"the disk go and come.\n\n"
		"  VDEV  the drive's name, like xvdc: a disk with 'cdrom' in its configuration\n"
		"  FILE  a file or block device, or an NBD server (nbd://...)\n",
	.run = insert,
};

const struct command cmd_cd_eject = {
	.name = "cd-eject",
	.usage = "DOMAIN VDEV",
	.summary = "Take the medium out of a CD drive of a domain",
	.help = "The guest has to have unmounted it: its kernel sees the disk go.\n\n"
		"  VDEV  the drive's name, like xvdc: a disk with 'cdrom' in its configuration\n",
	.run = eject,
};
