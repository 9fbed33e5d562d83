// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static int shut_down_all(struct hvctl_ctx *ctx, bool wait, unsigned int seconds)
{
	struct hvctl_domain *list;
	size_t count, i;
	int ret = CLI_OK;

	if (hvctl_list(ctx, &list, &count))
		return cli_failed(ctx);
	for (i = 0; i < count; i++)
		if (list[i].domid && hvctl_shutdown(ctx, list[i].domid))
			ret = cli_failed(ctx);
	for (i = 0; wait && i < count; i++)
		if (list[i].domid && hvctl_wait_gone(ctx, list[i].domid, seconds))
			ret = cli_failed(ctx);
	free(list);
	return ret;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	bool wait = false, all = false;
	uint64_t seconds = 0;
	uint32_t domid;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-w") || !strcmp(argv[i], "--wait")) {
			wait = true;
		} else if (!strcmp(argv[i], "-a") || !strcmp(argv[i], "--all")) {
			all = true;
		} else if (!strncmp(argv[i], "--timeout=", 10)) {
			if (!cli_number(argv[i] + 10, &seconds) || seconds > 1000000)
				return cli_usage(cmd, "'%s' is not a number of seconds",
						 argv[i] + 10);
			wait = true;
		} else {
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
		}
	}
	if (argc - i != !all)
		return cli_usage(cmd, all ? "--all goes without a domain" : "one domain is needed");
	if (all)
		return shut_down_all(ctx, wait, (unsigned int)seconds);
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	if (hvctl_shutdown(ctx, domid))
		return cli_failed(ctx);
	return wait && hvctl_wait_gone(ctx, domid, (unsigned int)seconds) ? cli_failed(ctx)
									  : CLI_OK;
}

const struct command cmd_shutdown = {
	.name = "shutdown",
	.usage = "[-w] [--timeout=SECONDS] DOMAIN | -a [-w]",
	.summary = "Ask a domain to power itself off",
	.help = "  -w, --wait         return when it is gone\n"
		"  --timeout=SECONDS  wait, but not longer than this\n"
		"  -a, --all          all domains but domain 0\n",
	.run = run,
};
