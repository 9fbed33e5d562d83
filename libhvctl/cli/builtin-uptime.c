// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_domain *list;
	json_t *array = NULL;
	size_t count, i;
	char set[8];
	int first = cli_options(cmd, argc, argv, "j", set), ret;

	if (first < 0)
		return CLI_USAGE;
	ret = cli_domains(ctx, cmd, argc, argv, first, &list, &count);
	if (ret)
		return ret;
	if (cli_has(set, 'j'))
		array = json_array();
	else
		printf("%-24s %5s %s\n", "NAME", "ID", "UPTIME");
	for (i = 0; i < count; i++) {
		uint64_t s;

		if (hvctl_uptime(ctx, list[i].domid, &s)) {
			ret = cli_failed(ctx);
			continue;
		}
		if (cli_has(set, 'j'))
			cli_json_add(&array, json_pack("{s:I s:o s:I}", "domid",
						       (json_int_t)list[i].domid, "name",
						       cli_json_text(list[i].name), "seconds",
						       (json_int_t)s));
		else
			printf("%-24s %5u %llu days %02u:%02u:%02u\n", list[i].name, list[i].domid,
			       (unsigned long long)s / 86400, (unsigned int)(s / 3600 % 24),
			       (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
	}
	free(list);
	if (cli_has(set, 'j') && cli_print_json(array))
		ret = CLI_FAILED;
	return ret;
}

const struct command cmd_uptime = {
	.name = "uptime",
	.usage = "[--json] [DOMAIN]",
	.summary = "Print how long domains have existed",
	.help = "  --json  for programs\n",
	.run = run,
};
