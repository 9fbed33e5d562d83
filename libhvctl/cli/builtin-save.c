// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "guard.h"
#include "minder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	unsigned int flags = 0;
	uint64_t seconds = 0;
	uint32_t domid;
	bool resume = false;
	int i, ret;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-c") || !strcmp(argv[i], "--checkpoint"))
			flags |= HVCTL_SAVE_CHECKPOINT;
		else if (!strcmp(argv[i], "--plain"))
			flags |= HVCTL_SAVE_PLAIN;
		else if (!strcmp(argv[i], "--resume"))
			resume = true;
		else if (!strncmp(argv[i], "--timeout=", 10) &&
			 cli_number(argv[i] + 10, &seconds) && seconds && seconds <= 86400)
			continue;
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (resume && (i != 2 || argc != 3))
		return cli_usage(cmd, "--resume and a domain, and nothing else");
	if (resume && !cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	if (resume)
		return hvctl_save_resume(ctx, domid) ? cli_failed(ctx) : CLI_OK;
	if (argc - i != 2)
		return cli_usage(cmd, "a domain and a file are needed");
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	if (!strcmp(argv[i + 1], "-") && isatty(1))
		return cli_usage(cmd, "an image is nothing for a terminal");
	if (isatty(2))
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	/* A reader that goes away, a file too large: errors, and the guest goes on. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	hvctl_set_saving(ctx, guard_saving, NULL);
	catch_interrupts(ctx);
	ret = hvctl_save(ctx, domid, argv[i + 1], flags, (unsigned int)seconds);
	catch_interrupts(NULL);
	if (ret && isatty(2))
		fprintf(stderr, "\r\033[K");
	return ret ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_save = {
	.name = "save",
	.usage = "[-c] [--plain] [--timeout=SECONDS] DOMAIN FILE | --resume DOMAIN",
	.summary = "Save a guest to a file and end it",
	.help = "The guest's kernel suspends itself for that. FILE may be -, for standard output: "
		"a pipe will do.\n"
		"hvctl restore makes the guest go on where it was. If anything fails, or it is "
		"interrupted, the guest\n"
		"runs on and there is no FILE. If it is killed outright there is either a FILE or "
		"the guest, and never\n"
		"both. What the reader of a pipe has taken whole is its own: killed about then, "
		"the guest stands still\n"
		"until somebody says whether the reader has it.\n\n"
		"  -c, --checkpoint   the guest goes on when its image is written\n"
		"  --plain            do not compress; zeros and duplicates are left out all the "
		"same\n"
		"  --timeout=SECONDS  how long it may take to suspend itself (60)\n"
		"  --resume           the reader of the pipe has it not: it goes on (else: hvctl "
		"destroy)\n",
	.run = run,
};
