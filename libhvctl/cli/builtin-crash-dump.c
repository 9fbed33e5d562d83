// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "minder.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint32_t domid;
	int error;

	if (argc != 3)
		return cli_usage(cmd, "a domain and a file are needed");
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	if (isatty(2))
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	/* A domain that is dumped is paused: whatever ends us must let it go on first. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	catch_interrupts(ctx);
	error = hvctl_crash_dump(ctx, domid, argv[2]);
	catch_interrupts(NULL);
	if (!error)
		return CLI_OK;
	if (isatty(2))
		fprintf(stderr, "\r\033[K");
	return cli_failed(ctx);
}

const struct command cmd_crash_dump = {
	.name = "crash-dump",
	.usage = "DOMAIN FILE",
	.summary = "Write a domain's memory and vCPUs as a core",
	.help = "An ELF core as xl dump-core writes it, for crash(8) with the kernel's symbols. "
		"Pages of zeros are holes in FILE.\n"
		"A domain that runs is paused meanwhile. If it fails or is interrupted there is no "
		"FILE.\n\n"
		"  FILE  is replaced if it is there; - for standard output\n",
	.run = run,
};
