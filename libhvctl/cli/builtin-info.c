// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_host h;
	char set[8];
	int first = cli_options(cmd, argc, argv, "j", set);

	if (first < 0)
		return CLI_USAGE;
	if (argc != first)
		return cli_usage(cmd, "no argument is needed (hvctl list DOMAIN shows one domain)");
	if (hvctl_host(ctx, &h))
		return cli_failed(ctx);
	if (cli_has(set, 'j'))
		return cli_print_json(json_pack(
			"{s:s s:s s:s s:s s:s s:i s:i s:i s:I s:I s:I s:I}", "version", h.version,
			"changeset", h.changeset, "compiler", h.compiler, "capabilities",
			h.capabilities, "cmdline", h.cmdline, "cpus", (int)h.cpus,
			"cores_per_socket", (int)h.cores_per_socket, "threads_per_core",
			(int)h.threads_per_core, "cpu_khz", (json_int_t)h.cpu_khz, "total_kib",
			(json_int_t)h.total_kib, "free_kib", (json_int_t)h.free_kib, "free_frames",
			(json_int_t)h.free_frames));
	printf("hypervisor       %s (%s)\n", h.version, h.compiler);
	printf("changeset        %s\n", h.changeset);
	printf("guest types      %s\n", h.capabilities);
	printf("command line     %s\n", h.cmdline);
	printf("hypervisor area  from %#llx\n", (unsigned long long)h.virt_start);
	printf("CPUs             %u (%u threads in a core, %u cores in a socket), %u MHz\n", h.cpus,
	       h.threads_per_core, h.cores_per_socket, h.cpu_khz / 1000);
	printf("memory           %llu MiB, %llu MiB of it free (%llu frames)\n",
	       (unsigned long long)h.total_kib >> 10, (unsigned long long)h.free_kib >> 10,
	       (unsigned long long)h.free_frames);
	return CLI_OK;
}

const struct command cmd_info = {
	.name = "info",
	.usage = "[--json]",
	.summary = "Describe this host and its hypervisor",
	.help = "  --json  for programs\n",
	.run = run,
};
