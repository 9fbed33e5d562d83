// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_device *list;
	size_t count, i;
	uint32_t domid;
	char set[8];
	int first = cli_options(cmd, argc, argv, "j", set);

	if (first < 0)
		return CLI_USAGE;
	if (argc - first != 1)
		return cli_usage(cmd, "one domain is needed");
	if (!cli_domain(ctx, argv[first], &domid))
		return CLI_FAILED;
	if (hvctl_vifs(ctx, domid, &list, &count))
		return cli_failed(ctx);
	if (cli_has(set, 'j')) {
		json_t *array = json_array();

		for (i = 0; i < count; i++)
			json_array_append_new(array,
					      json_pack("{s:I s:s s:s s:b}", "index",
							(json_int_t)list[i].number, "mac",
							list[i].name, "bridge", list[i].target,
							"connected", list[i].state == 4));
		free(list);
		return cli_print_json(array);
	}
	printf("%-5s %-18s %-10s %s\n", "INDEX", "MAC", "STATE", "BRIDGE");
	for (i = 0; i < count; i++)
		printf("%-5u %-18s %-10s %s\n", list[i].number, list[i].name,
		       list[i].state == 4 ? "connected" : "waiting", list[i].target);
	free(list);
	return CLI_OK;
}

const struct command cmd_network_list = {
	.name = "network-list",
	.usage = "[--json] DOMAIN",
	.summary = "List a domain's network interfaces",
	.help = "  --json  for programs\n",
	.run = run,
};
