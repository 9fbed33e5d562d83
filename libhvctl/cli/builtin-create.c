// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "guard.h"
#include "minder.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	bool paused = false, attach = false, dry = false, quiet = false, minder = true;
	struct hvctl_config *config;
	struct timespec from, to;
	uint32_t domid = 0;
	int i, ret;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-p") || !strcmp(argv[i], "--paused"))
			paused = true;
		else if (!strcmp(argv[i], "-c") || !strcmp(argv[i], "--console"))
			attach = true;
		else if (!strcmp(argv[i], "-q") || !strcmp(argv[i], "--quiet"))
			quiet = true;
		else if (!strcmp(argv[i], "-n") || !strcmp(argv[i], "--dry-run"))
			dry = true;
		else if (!strcmp(argv[i], "-e") || !strcmp(argv[i], "--no-minder"))
			minder = false;
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (i >= argc)
		return cli_usage(cmd, "a configuration is needed");
	if (hvctl_config_load(ctx, argv[i], (const char *const *)argv + i + 1, &config))
		return cli_failed(ctx);
	if (dry) {
		printf("%s: '%s', %llu MiB, %u vCPUs, %u disks, %u vifs\n", argv[i], config->name,
		       (unsigned long long)config->memory_mib, config->vcpus, config->nr_disks,
		       config->nr_vifs);
		hvctl_config_free(config);
		return CLI_OK;
	}
	if (isatty(2) && !quiet)
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	/* Nor may a reader of our output that goes away end us before a minder is there. */
	signal(SIGPIPE, SIG_IGN);
	hvctl_set_building(ctx, guard_building, NULL);
	catch_interrupts(ctx);
	ret = hvctl_create(ctx, config, paused ? HVCTL_CREATE_PAUSED : 0, &domid);
	block_interrupts(SIG_BLOCK);
	catch_interrupts(NULL);
	if (ret) {
		block_interrupts(SIG_UNBLOCK);
		if (isatty(2) && !quiet)
			fprintf(stderr, "\r\033[K");
		hvctl_config_free(config);
		return cli_failed(ctx);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (!quiet)
		printf("%s: domain %u created in %.1f ms\n", config->name, domid,
		       (double)(to.tv_sec - from.tv_sec) * 1e3 +
		       (double)(to.tv_nsec - from.tv_nsec) / 1e6);
	ret = minder ? start_minder(ctx, config, domid) : CLI_OK;
	block_interrupts(SIG_UNBLOCK);
	signal(SIGPIPE, SIG_DFL);
	hvctl_config_free(config);
	return attach ? cli_attach(ctx, domid) : ret;
}

const struct command cmd_create = {
	.name = "create",
	.usage = "[-p] [-c] [-q] [-n] [-e] FILE [KEY=VALUE...]",
	.summary = "Create a domain from a configuration file",
	.help = "FILE is in xl.cfg syntax, see hvctl.cfg(5); KEY=VALUE replaces what it says. If "
		"anything fails,\n"
		"or it is interrupted or killed, nothing is left behind. A process in the "
		"background minds the domain\n"
		"until it is gone (its log: " LOG_DIR "/NAME.log).\n\n"
		"  -p, --paused     do not start it yet (hvctl unpause does)\n"
		"  -c, --console    attach to its console\n"
		"  -q, --quiet      say nothing if it goes well\n"
		"  -n, --dry-run    only check the configuration\n"
		"  -e, --no-minder  leave nobody to mind it: destroy it yourself when it has "
		"stopped\n",
	.run = run,
};
