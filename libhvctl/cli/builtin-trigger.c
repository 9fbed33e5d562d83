// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <string.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	uint64_t vcpu = 0;
	uint32_t domid;

	if (argc < 3 || argc > 4)
		return cli_usage(cmd, "a domain and what to send are needed");
	if (strcmp(argv[2], "nmi"))
		return cli_usage(cmd, "a PV domain has no '%s', only nmi (hvctl reboot, "
				 "hvctl shutdown)", argv[2]);
	if (argc == 4 && (!cli_number(argv[3], &vcpu) || vcpu > 100000))
		return cli_usage(cmd, "'%s' is not the number of a vCPU", argv[3]);
	if (!cli_domain(ctx, argv[1], &domid))
		return CLI_FAILED;
	return hvctl_nmi(ctx, domid, (unsigned int)vcpu) ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_trigger = {
	.name = "trigger",
	.usage = "DOMAIN nmi [VCPU]",
	.summary = "Send an NMI to a vCPU, 0 if none is named",
	.help = "What the guest's kernel does then is its own affair: Linux says so, and panics\n"
		"with unknown_nmi_panic.\n",
	.run = run,
};
