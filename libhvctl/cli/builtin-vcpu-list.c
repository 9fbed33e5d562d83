// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

/* Which of the host's CPUs there are, to say "all" for. */
struct cpus {
	uint64_t all[2];
};

static int host_cpus(struct hvctl_ctx *ctx, struct cpus *cpus)
{
	struct hvctl_host host;
	int error = hvctl_host(ctx, &host);

	*cpus = (struct cpus){ 0 };
	for (unsigned int i = 0; !error && i < host.cpus && i < 128; i++)
		cpus->all[i / 64] |= 1ull << i % 64;
	return error;
}

static void cpus_text(const struct cpus *cpus, const uint64_t set[2], char *to, size_t size)
{
	if ((set[0] & cpus->all[0]) == cpus->all[0] && (set[1] & cpus->all[1]) == cpus->all[1])
		snprintf(to, size, "all");
	else
		hvctl_cpus_text(set, to, size);
}

static const char *state(const struct hvctl_vcpu *v)
{
	return !v->online ? "offline" : v->running ? "running" : v->blocked ? "blocked" : "waiting";
}

static json_t *to_json(const struct hvctl_domain *d, const struct hvctl_vcpu *v)
{
	char hard[512], soft[512];

	hvctl_cpus_text(v->cpus, hard, sizeof(hard));
	hvctl_cpus_text(v->cpus_soft, soft, sizeof(soft));
	return json_pack("{s:o s:I s:i s:s s:i s:f s:s s:s}", "name", cli_json_text(d->name),
			 "domid", (json_int_t)d->domid, "vcpu", (int)v->number, "state", state(v),
			 "cpu", (int)v->cpu, "cpu_seconds", (double)v->cpu_time_ns / 1e9, "cpus",
			 hard, "cpus_soft", soft);
}

static void print(const struct cpus *cpus, const struct hvctl_domain *d, const struct hvctl_vcpu *v)
{
	char hard[512], soft[512], cpu[16] = "-";

	cpus_text(cpus, v->cpus, hard, sizeof(hard));
	cpus_text(cpus, v->cpus_soft, soft, sizeof(soft));
	if (v->online)
		snprintf(cpu, sizeof(cpu), "%u", v->cpu);
	printf("%-24s %5u %4u %3s %-8s %9.1f  %s / %s\n", d->name, d->domid, v->number, cpu,
	       state(v), (double)v->cpu_time_ns / 1e9, hard, soft);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_domain *list;
	struct cpus cpus;
	json_t *array = NULL;
	size_t count, i;
	char set[8];
	int first = cli_options(cmd, argc, argv, "j", set), ret;
	bool json;

	if (first < 0)
		return CLI_USAGE;
	ret = cli_domains(ctx, cmd, argc, argv, first, &list, &count);
	if (ret)
		return ret;
	json = cli_has(set, 'j');
	if (host_cpus(ctx, &cpus)) {
		free(list);
		return cli_failed(ctx);
	}
	if (json)
		array = json_array();
	else
		printf("%-24s %5s %4s %3s %-8s %9s  %s\n", "NAME", "ID", "VCPU", "CPU", "STATE",
		       "TIME/s", "MAY / RATHER RUN ON");
	for (i = 0; i < count; i++) {
		struct hvctl_vcpu *vcpus;
		size_t nr;

		if (hvctl_vcpus(ctx, list[i].domid, &vcpus, &nr)) {
			/* One of several may have gone meanwhile. */
			if (argc > first) {
				free(list);
				json_decref(array);
				return cli_failed(ctx);
			}
			continue;
		}
		for (size_t j = 0; j < nr; j++) {
			if (json)
				cli_json_add(&array, to_json(&list[i], &vcpus[j]));
			else
				print(&cpus, &list[i], &vcpus[j]);
		}
		free(vcpus);
	}
	free(list);
	return json ? cli_print_json(array) : CLI_OK;
}

const struct command cmd_vcpu_list = {
	.name = "vcpu-list",
	.usage = "[--json] [DOMAIN]",
	.summary = "List vCPUs and the CPUs that they run on",
	.help = "  --json  for programs\n",
	.run = run,
};
