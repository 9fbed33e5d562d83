// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "guard.h"
#include "minder.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 1000u

struct clones {
	struct hvctl_ctx *ctx;
	struct timespec from;
	bool minder;
};

/* It runs, and somebody minds it before the next one is made. */
static void cloned(void *data, struct hvctl_config *config, uint32_t domid)
{
	struct clones *c = data;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%s: domain %u cloned after %lld ms\n", config->name, domid,
	       (now.tv_sec - c->from.tv_sec) * 1000ll +
		       (now.tv_nsec - c->from.tv_nsec) / 1000000);
	fflush(stdout);
	block_interrupts(SIG_BLOCK);
	catch_interrupts(NULL);
	if (c->minder)
		start_minder(c->ctx, config, domid);
	catch_interrupts(c->ctx);
	block_interrupts(SIG_UNBLOCK);
	hvctl_config_free(config);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct clones c = { .ctx = ctx, .minder = true };
	const char *name = NULL, *count_text = "1", *file = NULL;
	unsigned int flags = 0;
	uint64_t count;
	int i, ret;

	/* The file is what one thinks of first: options may follow it. */
	for (i = 1; i < argc; i++) {
		if ((argv[i][0] != '-' || !argv[i][1]) && !file)
			file = argv[i];
		else if (!strcmp(argv[i], "-p") || !strcmp(argv[i], "--paused"))
			flags |= HVCTL_CREATE_PAUSED;
		else if (!strcmp(argv[i], "-e") || !strcmp(argv[i], "--no-minder"))
			c.minder = false;
		else if (!strncmp(argv[i], "--name=", 7))
			name = argv[i] + 7;
		else if (!strcmp(argv[i], "--force-cpu"))
			flags |= HVCTL_FORCE_CPU;
		else if (!strcmp(argv[i], "--name") && i + 1 < argc)
			name = argv[++i];
		else if (!strncmp(argv[i], "--count=", 8))
			count_text = argv[i] + 8;
		else if (!strcmp(argv[i], "--count") && i + 1 < argc)
			count_text = argv[++i];
		else if (argv[i][0] != '-' || !argv[i][1])
			return cli_usage(cmd, "one file is needed");
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (!cli_number(count_text, &count) || !count || count > COUNT_MAX)
		return cli_usage(cmd, "'%s': 1 to %u clones", count_text, COUNT_MAX);
	if (!file)
		return cli_usage(cmd, "one file is needed");
	if (isatty(2))
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	clock_gettime(CLOCK_MONOTONIC, &c.from);
	signal(SIGPIPE, SIG_IGN);
	hvctl_set_building(ctx, guard_building, NULL);
	catch_interrupts(ctx);
	ret = hvctl_clone(ctx, file, (unsigned int)count, name, flags, cloned, &c);
	catch_interrupts(NULL);
	if (ret && isatty(2))
		fprintf(stderr, "\r\033[K");
	return ret ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_clone = {
	.name = "clone",
	.usage = "FILE [--count=N] [--name=PREFIX] [-p] [-e] [--force-cpu]",
	.summary = "Make guests that go on from one saved guest",
	.help = "FILE is what hvctl save wrote; - is standard input. The clones are PREFIX-1, "
		"PREFIX-2 and so on, each with\n"
		"a uuid, MAC addresses, a console and a generation (platform/generation-id in the "
		"store) of its own, and for\n"
		"each disk that is written an image over it: what a clone writes is in\n"
		"/var/lib/annulus/clones/UUID, and goes when it is destroyed or shuts down. Nobody "
		"may write to the disks\n"
		"below meanwhile. If one cannot be made, those before it run.\n\n"
		"  --count=N        so many (1)\n"
		"  --name=PREFIX    of their names (the saved guest's)\n"
		"  -p, --paused     do not start them yet (hvctl unpause does)\n"
		"  -e, --no-minder  leave nobody to mind them\n"
		"  --force-cpu      also if this machine's CPU lacks what the guest was shown\n",
	.run = run,
};
