// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console/client.h"

#define REPLAY_BYTES	16384

static int attach(struct hvctl_ctx *ctx, uint32_t domid, int replay)
{
	struct hvctl_domain d;
	char path[128];
	int ret;

	if (hvctl_get(ctx, domid, &d))
		return cli_failed(ctx);
	if (isatty(0))
		fprintf(stderr, "console of %s (domain %u); Ctrl-] leaves it\n", d.name, domid);
	ret = hvconsole_attach((unsigned int)domid, replay);
	if (ret == -ENOENT || ret == -ECONNREFUSED) {
		/* Perhaps another daemon serves it, as a terminal. */
		if (hvctl_console_path(ctx, domid, path, sizeof(path)))
			return cli_failed(ctx);
		ret = hvconsole_attach_path(path, replay);
	}
	if (ret < 0) {
		fprintf(stderr,
			"hvctl: cannot attach to the console of %s: %s; see that hvconsoled runs\n",
			d.name, strerror(-ret));
		return CLI_FAILED;
	}
	if (isatty(0))
		fprintf(stderr, "\n%s\n",
			ret == HVCONSOLE_ENDED ? "the console was closed" : "left the console");
	return CLI_OK;
}

int cli_attach(struct hvctl_ctx *ctx, uint32_t domid)
{
	return attach(ctx, domid, REPLAY_BYTES);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	int replay = REPLAY_BYTES, i;
	uint64_t number;
	uint32_t domid;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strncmp(argv[i], "--replay=", 9))
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
		if (!cli_number(argv[i] + 9, &number) || number > 1 << 30)
			return cli_usage(cmd, "'%s' is not a number of bytes", argv[i] + 9);
		replay = (int)number;
	}
	if (argc - i != 1)
		return cli_usage(cmd, "one domain is needed");
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	return attach(ctx, domid, replay);
}

const struct command cmd_console = {
	.name = "console",
	.usage = "[--replay=BYTES] DOMAIN",
	.summary = "Attach to a domain's console; Ctrl-] leaves it",
	.help = "  --replay=BYTES  how much of what it printed before is shown first (16384)\n",
	.run = run,
};
