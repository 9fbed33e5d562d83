// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *to_json(const struct hvctl_domain *d, const struct hvctl_share *s)
{
	return json_pack("{s:o s:I s:i s:i}", "name", cli_json_text(d->name), "domid",
			 (json_int_t)d->domid, "weight", (int)s->weight, "cap", (int)s->cap);
}

static int show(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv, int first,
		bool json)
{
	struct hvctl_domain *list;
	json_t *array = NULL;
	size_t count;
	int ret = cli_domains(ctx, cmd, argc, argv, first, &list, &count);

	if (ret)
		return ret;
	if (json)
		array = json_array();
	else
		printf("%-24s %5s %6s %5s\n", "NAME", "ID", "WEIGHT", "CAP/%");
	for (size_t i = 0; i < count; i++) {
		struct hvctl_share share;

		if (hvctl_share(ctx, list[i].domid, &share)) {
			if (argc > first) {
				free(list);
				json_decref(array);
				return cli_failed(ctx);
			}
			continue;
		}
		if (json)
			cli_json_add(&array, to_json(&list[i], &share));
		else
			printf("%-24s %5u %6u %5u\n", list[i].name, list[i].domid, share.weight,
			       share.cap);
	}
	free(list);
	return json ? cli_print_json(array) : CLI_OK;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t weight = 0, cap = 0;
	bool has_weight = false, has_cap = false, json = false;
	struct hvctl_share share;
	uint32_t domid;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strncmp(argv[i], "--weight=", 9) && cli_number(argv[i] + 9, &weight) &&
			 weight && weight <= 65535)
			has_weight = true;
		else if (!strncmp(argv[i], "--cap=", 6) && cli_number(argv[i] + 6, &cap) &&
			 cap <= 65535)
			has_cap = true;
		else if (!strncmp(argv[i], "--weight=", 9))
			return cli_usage(cmd, "a weight is 1 to 65535, not '%s'", argv[i] + 9);
		else if (!strncmp(argv[i], "--cap=", 6))
			return cli_usage(cmd, "a cap is 0 to 65535 percent, not '%s'", argv[i] + 6);
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (!has_weight && !has_cap)
		return show(ctx, cmd, argc, argv, i, json);
	if (argc - i != 1)
		return cli_usage(cmd, "one domain is needed");
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	if (hvctl_share(ctx, domid, &share))
		return cli_failed(ctx);
	if (has_weight)
		share.weight = (unsigned int)weight;
	if (has_cap)
		share.cap = (unsigned int)cap;
	return hvctl_set_share(ctx, domid, &share) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_sched = {
	.name = "sched",
	.usage = "[--json] [DOMAIN] | [--weight=N] [--cap=PERCENT] DOMAIN",
	.summary = "Show or set the share of the CPUs that a domain gets",
	.help = "  --weight=N     its part when CPUs are scarce, beside the others'; usual: 256\n"
		"  --cap=PERCENT  of one CPU, for all its vCPUs, at most; 0: no limit\n"
		"  --json         for programs\n\n"
		"It holds until the domain is gone or restarts; 'cpu_weight' and 'cap' of its "
		"configuration are\nfor good.\n",
	.run = run,
};
