// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *to_json(const struct hvctl_domain *d)
{
	char uuid[37];

	cli_uuid(d->uuid, uuid);
	return json_pack("{s:I s:o s:s s:s s:I s:I s:I s:i s:i s:f}", "domid", (json_int_t)d->domid,
			 "name", cli_json_text(d->name), "uuid", uuid, "state",
			 hvctl_state_name(d->state), "shutdown_reason",
			 (json_int_t)d->shutdown_reason, "memory_kib", (json_int_t)d->memory_kib,
			 "max_memory_kib", (json_int_t)d->max_memory_kib,
			 "vcpus", (int)d->vcpus, "max_vcpus", (int)d->max_vcpus, "cpu_seconds",
			 (double)d->cpu_time_ns / 1e9);
}

static void print_line(const struct hvctl_domain *d, bool verbose)
{
	printf("%-24s %5u %7llu %5u %-9s %9.1f", d->name, d->domid,
	       (unsigned long long)d->memory_kib >> 10, d->vcpus, hvctl_state_name(d->state),
	       (double)d->cpu_time_ns / 1e9);
	if (verbose) {
		char uuid[37];

		cli_uuid(d->uuid, uuid);
		printf(" %7llu %5u  %s", (unsigned long long)d->max_memory_kib >> 10, d->max_vcpus,
		       uuid);
	}
	putchar('\n');
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_domain *list;
	size_t count, i;
	char set[8];
	int first = cli_options(cmd, argc, argv, "jv", set), ret;

	if (first < 0)
		return CLI_USAGE;
	ret = cli_domains(ctx, cmd, argc, argv, first, &list, &count);
	if (ret)
		return ret;
	if (cli_has(set, 'j')) {
		json_t *array = json_array();

		for (i = 0; i < count; i++)
			cli_json_add(&array, to_json(&list[i]));
		free(list);
		return cli_print_json(array);
	}
	printf("%-24s %5s %7s %5s %-9s %9s%s\n", "NAME", "ID", "MEM/MiB", "VCPUS", "STATE",
	       "TIME/s", cli_has(set, 'v') ? " MAX/MiB MAXVC  UUID" : "");
	for (i = 0; i < count; i++)
		print_line(&list[i], cli_has(set, 'v'));
	free(list);
	return CLI_OK;
}

const struct command cmd_list = {
	.name = "list",
	.usage = "[-v] [--json] [DOMAIN]",
	.summary = "List the domains of this host",
	.help = "  -v      limits and UUIDs, too\n  --json  for programs\n",
	.run = run,
};
