// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>

static const char *const registers[] = { "eax", "ebx", "ecx", "edx" };

static void print_leaf(const struct hvctl_cpuid_leaf *l)
{
	char subleaf[12] = "-";

	if (l->subleaf != HVCTL_NO_SUBLEAF)
		snprintf(subleaf, sizeof(subleaf), "%x", l->subleaf);
	printf("%08x  %3s  %08x  %08x  %08x  %08x\n", l->leaf, subleaf, l->reg[0], l->reg[1],
	       l->reg[2], l->reg[3]);
}

static json_t *leaves_json(const struct hvctl_cpuid_leaf *l, size_t n)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++) {
		json_t *one = json_pack("{s:I s:I s:I s:I s:I}", "leaf", (json_int_t)l[i].leaf,
					registers[0], (json_int_t)l[i].reg[0], registers[1],
					(json_int_t)l[i].reg[1], registers[2],
					(json_int_t)l[i].reg[2], registers[3],
					(json_int_t)l[i].reg[3]);

		if (one && l[i].subleaf != HVCTL_NO_SUBLEAF &&
		    json_object_set_new(one, "subleaf", json_integer(l[i].subleaf))) {
			json_decref(one);
			one = NULL;
		}
		cli_json_add(&array, one);
	}
	return array;
}

/* The same leaf of the policy. */
static const struct hvctl_cpuid_leaf *in_policy(const struct hvctl_cpuid *c,
						const struct hvctl_cpuid_leaf *l)
{
	static const struct hvctl_cpuid_leaf none;
	size_t i;

	for (i = 0; i < c->nr_policy; i++)
		if (c->policy[i].leaf == l->leaf && c->policy[i].subleaf == l->subleaf)
			return &c->policy[i];
	return &none;
}

/* The names of the features that programs see and the policy does not have. */
static json_t *features_beyond(const struct hvctl_cpuid *c)
{
	json_t *array = json_array();
	unsigned int reg, bit;
	size_t i;

	for (i = 0; i < c->nr_beyond; i++) {
		const struct hvctl_cpuid_leaf *l = &c->beyond[i], *p = in_policy(c, l);

		for (reg = 0; reg < 4; reg++)
			for (bit = 0; bit < 32; bit++) {
				const char *name = hvctl_cpuid_feature(l->leaf, l->subleaf, reg,
								       bit);

				if (name && (l->reg[reg] & ~p->reg[reg]) >> bit & 1)
					cli_json_add(&array, json_string(name));
			}
	}
	return array;
}

static void print_text(const struct hvctl_cpuid *c)
{
	json_t *features = features_beyond(c), *name;
	size_t i, column = 80;

	printf("leaf      sub  eax       ebx       ecx       edx\n");
	for (i = 0; i < c->nr_policy; i++)
		print_leaf(&c->policy[i]);
	if (c->faulting)
		printf("\nIts programs are told the same: CPUID faults.\n");
	else
		printf("\nIts programs are told what the CPU says. Leaves that differ:\n");
	for (i = 0; i < c->nr_beyond; i++)
		print_leaf(&c->beyond[i]);
	if (json_array_size(features))
		printf("\nFeatures in them that are not in the policy:");
	json_array_foreach(features, i, name) {
		const char *text = json_string_value(name);
		int n = (int)json_string_length(name) + 1;

		if (column + (size_t)n > 79) {
			printf("\n ");
			column = 1;
		}
		printf(" %s", text);
		column += (size_t)n;
	}
	if (json_array_size(features))
		putchar('\n');
	json_decref(features);
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_cpuid c;
	uint32_t domid;
	char set[8];
	int first = cli_options(cmd, argc, argv, "j", set), ret = CLI_OK;

	if (first < 0)
		return CLI_USAGE;
	if (argc - first != 1)
		return cli_usage(cmd, "one domain is needed");
	if (!cli_domain(ctx, argv[first], &domid))
		return CLI_FAILED;
	if (hvctl_cpuid(ctx, domid, &c))
		return cli_failed(ctx);
	if (cli_has(set, 'j'))
		ret = cli_print_json(json_pack("{s:i s:o s:b s:o s:o}", "domid", (int)domid,
					       "policy", leaves_json(c.policy, c.nr_policy),
					       "faulting", (int)c.faulting, "beyond",
					       leaves_json(c.beyond, c.nr_beyond),
					       "features_beyond", features_beyond(&c)));
	else
		print_text(&c);
	hvctl_cpuid_free(&c);
	return ret;
}

const struct command cmd_cpuid = {
	.name = "cpuid",
	.usage = "[--json] DOMAIN",
	.summary = "Show which CPU a domain's kernel is told that it has",
	.help = "The leaves of CPUID that are the domain's policy; its kernel is told these. Then\n"
		"what its programs, which ask the CPU itself, are told otherwise.\n"
		"  --json  for programs\n",
	.run = run,
};
