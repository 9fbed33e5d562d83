// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_config *config;
	uint32_t domid;
	char *text;
	int ret = cli_one_domain(ctx, cmd, argc, argv, &domid);

	if (ret)
		return ret;
	if (hvctl_config_of(ctx, domid, &config))
		return cli_failed(ctx);
	text = hvctl_config_text(config);
	hvctl_config_free(config);
	if (!text) {
		fprintf(stderr, "hvctl: cannot write the configuration: %s\n", strerror(errno));
		return CLI_FAILED;
	}
	fputs(text, stdout);
	free(text);
	return CLI_OK;
}

const struct command cmd_dump_config = {
	.name = "dump-config",
	.usage = "DOMAIN",
	.summary = "Print the configuration that a domain was created from",
	.help = "With the uuid and the addresses that were chosen for it and the name that it has "
		"now; hvctl create\nreads it.\n",
	.run = run,
};
