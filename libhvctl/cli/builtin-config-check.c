// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static unsigned int warnings;

static void count_warning(void *data, const char *line)
{
	(void)data;
	warnings++;
	fprintf(stderr, "hvctl: warning: %s\n", line);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_config *config;
	char set[8];
	int i = cli_options(cmd, argc, argv, "W", set);

	if (i < 0)
		return CLI_USAGE;
	if (i >= argc)
		return cli_usage(cmd, "a configuration is needed");
	hvctl_set_warning(ctx, count_warning, NULL);
	if (hvctl_config_load(ctx, argv[i], (const char *const *)argv + i + 1, &config))
		return cli_failed(ctx);
	printf("%s: '%s', %llu MiB, %u vCPUs, %u disks, %u vifs", argv[i], config->name,
	       (unsigned long long)config->memory_mib, config->vcpus, config->nr_disks,
	       config->nr_vifs);
	if (warnings)
		printf("; %u warning%s", warnings, warnings == 1 ? "" : "s");
	putchar('\n');
	hvctl_config_free(config);
	return warnings && cli_has(set, 'W') ? CLI_FAILED : CLI_OK;
}

const struct command cmd_config_check = {
	.name = "config-check",
	.usage = "[-W] FILE [KEY=VALUE...]",
	.summary = "Read a configuration file and say what is wrong with it",
	.help = "Only the text is judged, not whether its files are there. It needs no "
		"hypervisor.\n\n"
		"  -W  a warning is a failure, too\n",
	.run = run,
};
