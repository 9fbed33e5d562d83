// SPDX-License-Identifier: GPL-2.0-or-later
/* What the verbs that list devices have in common. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

int cli_devices(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv,
		const struct device_listing *listing)
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
	if (listing->get(ctx, domid, &list, &count))
		return cli_failed(ctx);
	if (cli_has(set, 'j')) {
		json_t *array = json_array();

		for (i = 0; i < count; i++)
			cli_json_add(&array, listing->to_json(&list[i], list[i].state == 4));
		free(list);
		return cli_print_json(array);
	}
	puts(listing->heading);
	for (i = 0; i < count; i++)
		listing->print(&list[i], list[i].state == 4 ? "connected" : "waiting");
	free(list);
	return CLI_OK;
}
