// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_domain domain;
	bool wait = true;
	uint64_t mib;
	uint32_t domid;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-n") && strcmp(argv[i], "--no-wait"))
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
		wait = false;
	}
	if (argc - i != 2)
		return cli_usage(cmd, "a domain and a size are needed");
	if (!cli_number(argv[i + 1], &mib))
		return cli_usage(cmd, "'%s' is not a number of MiB", argv[i + 1]);
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	if (hvctl_set_memory(ctx, domid, mib))
		return cli_failed(ctx);
	if (!wait)
		return CLI_OK;
	if (isatty(2))
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	if (hvctl_wait_memory(ctx, domid, mib) || hvctl_get(ctx, domid, &domain))
		return cli_failed(ctx);
	printf("%s: %llu MiB\n", domain.name, ((unsigned long long)domain.memory_kib + 512) >> 10);
	return CLI_OK;
}

const struct command cmd_mem_set = {
	.name = "mem-set",
	.usage = "[-n] DOMAIN MIB",
	.summary = "Give a domain more or less memory",
	.help = "The guest's balloon driver does it, at its own pace; the limit is maxmem of its "
		"configuration.\n"
		"It is waited for as long as it gets on. When it rests for 35 s before it is "
		"there, that is a failure,\n"
		"and what was reached is said; the guest stays asked for it.\n\n"
		"  -n, --no-wait  only ask\n",
	.run = run,
};
