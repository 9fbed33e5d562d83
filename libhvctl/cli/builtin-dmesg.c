// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The hypervisor does not tell of new lines; it is asked so often. */
#define LOOK_MS	300

static int follow(struct hvctl_ctx *ctx)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
	uint32_t index = 0;

	cli_stop_on_signals();
	while (!cli_stopped) {
		char *text;
		size_t len;

		if (hvctl_dmesg_more(ctx, &index, &text, &len))
			return cli_failed(ctx);
		fwrite(text, 1, len, stdout);
		free(text);
		if (fflush(stdout))
			break;
		nanosleep(&pause, NULL);
	}
	return CLI_OK;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	bool clear = false, more = false;
	char *text;
	size_t len;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-c") || !strcmp(argv[i], "--clear"))
			clear = true;
		else if (!strcmp(argv[i], "-f") || !strcmp(argv[i], "--follow"))
			more = true;
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (argc != i)
		return cli_usage(cmd, "no argument is needed");
	if (clear && more)
		return cli_usage(cmd, "what is followed is not emptied");
	if (more)
		return follow(ctx);
	if (hvctl_dmesg(ctx, clear, &text, &len))
		return cli_failed(ctx);
	fwrite(text, 1, len, stdout);
	free(text);
	return CLI_OK;
}

const struct command cmd_dmesg = {
	.name = "dmesg",
	.usage = "[-c] [-f]",
	.summary = "Print the hypervisor's log",
	.help = "  -c, --clear   empty it afterwards\n"
		"  -f, --follow  go on with what is added, until interrupted\n",
	.run = run,
};
