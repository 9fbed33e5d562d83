// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A set as an argument, or "-": as it is. Returns false after having complained. */
static bool take_set(const struct command *cmd, const char *text, uint64_t set[2], bool *given)
{
	int error;

	*given = strcmp(text, "-") != 0;
	error = *given ? hvctl_cpus_parse(text, set) : 0;
	if (!error)
		return true;
	if (error == -ENOENT)
		cli_usage(cmd, "no CPU is left in '%s'", text);
	else
		cli_usage(cmd, "'%s' is not a set of CPUs like 0-3,^2", text);
	return false;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t hard[2], soft[2], number = 0;
	bool has_hard, has_soft = false, all;
	struct hvctl_vcpu *list;
	int ret = CLI_OK;
	size_t count;
	uint32_t domid;

	if (argc < 4 || argc > 5)
		return cli_usage(cmd, "a domain, a vCPU and its CPUs are needed");
	all = !strcmp(argv[2], "all");
	if (!all && (!cli_number(argv[2], &number) || number > 100000))
		return cli_usage(cmd, "'%s' is not the number of a vCPU, nor 'all'", argv[2]);
	if (!take_set(cmd, argv[3], hard, &has_hard) ||
	    (argc == 5 && !take_set(cmd, argv[4], soft, &has_soft)))
		return CLI_USAGE;
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	if (!all)
		return hvctl_pin(ctx, domid, (unsigned int)number, has_hard ? hard : NULL,
				 has_soft ? soft : NULL) ? cli_failed(ctx) : CLI_OK;
	if (hvctl_vcpus(ctx, domid, &list, &count))
		return cli_failed(ctx);
	for (size_t i = 0; i < count && ret == CLI_OK; i++)
		if (hvctl_pin(ctx, domid, list[i].number, has_hard ? hard : NULL,
			      has_soft ? soft : NULL))
			ret = cli_failed(ctx);
	free(list);
	return ret;
}

const struct command cmd_vcpu_pin = {
	.name = "vcpu-pin",
	.usage = "DOMAIN VCPU|all CPUS|- [CPUS|-]",
	.summary = "Say on which CPUs a vCPU may run",
	.help = "CPUS is like 0-3,^2 or all. The first set is where it may run, the second where "
		"it had rather\n"
		"run; '-' leaves that as it is. It holds until the domain is gone or restarts; "
		"'cpus' and\n"
		"'cpus_soft' of its configuration are for good.\n",
	.run = run,
};
