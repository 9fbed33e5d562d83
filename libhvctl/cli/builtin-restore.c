// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "guard.h"
#include "minder.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	unsigned int flags = 0;
	bool minder = true;
	const char *name = NULL;
	struct hvctl_config *config;
	uint32_t domid = 0;
	int i, ret;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-p") || !strcmp(argv[i], "--paused"))
			flags |= HVCTL_CREATE_PAUSED;
		else if (!strcmp(argv[i], "-e") || !strcmp(argv[i], "--no-minder"))
			minder = false;
		else if (!strncmp(argv[i], "--name=", 7))
			name = argv[i] + 7;
		else if (!strcmp(argv[i], "--force-cpu"))
			flags |= HVCTL_FORCE_CPU;
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (argc - i != 1)
		return cli_usage(cmd, "one file is needed");
	if (isatty(2))
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	signal(SIGPIPE, SIG_IGN);
	hvctl_set_building(ctx, guard_building, NULL);
	catch_interrupts(ctx);
	ret = hvctl_restore(ctx, argv[i], flags, name, &config, &domid);
	block_interrupts(SIG_BLOCK);
	catch_interrupts(NULL);
	if (ret) {
		block_interrupts(SIG_UNBLOCK);
		if (isatty(2))
			fprintf(stderr, "\r\033[K");
		return cli_failed(ctx);
	}
	printf("%s: domain %u restored\n", config->name, domid);
	ret = minder ? start_minder(ctx, config, domid) : CLI_OK;
	block_interrupts(SIG_UNBLOCK);
	hvctl_config_free(config);
	return ret;
}

const struct command cmd_restore = {
	.name = "restore",
	.usage = "[-p] [-e] [--name=NAME] [--force-cpu] FILE",
	.summary = "Make a guest go on from the file that it was saved to",
	.help = "FILE is what hvctl save wrote; - is standard input. The image's configuration is "
		"done like one given to\n"
		"hvctl create: restore only what you trust to name files of dom0. If anything "
		"fails, nothing is left.\n\n"
		"  -p, --paused     do not start it yet (hvctl unpause does)\n"
		"  --name=NAME      by another name, with a uuid and MAC addresses of its own\n"
		"  -e, --no-minder  leave nobody to mind it\n"
		"  --force-cpu      also if this machine's CPU lacks what the guest was shown\n",
	.run = run,
};
