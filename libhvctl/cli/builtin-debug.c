// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int audit(struct hvctl_ctx *ctx)
{
	if (hvctl_audit(ctx))
		return cli_failed(ctx);
	printf("audit clean\n");
	return CLI_OK;
}

static int heap(struct hvctl_ctx *ctx, bool as_json)
{
	struct hvctl_heap_class *list;
	struct hvctl_host h;
	size_t count, i;
	int ret = CLI_OK;

	if (hvctl_host(ctx, &h) || hvctl_heap(ctx, &list, &count))
		return cli_failed(ctx);
	if (as_json) {
		json_t *classes = json_object();

		for (i = 0; i < count; i++)
			json_object_set_new(classes, list[i].name, json_pack("{s:I s:I}", "bytes",
				(json_int_t)list[i].bytes, "objects", (json_int_t)list[i].objects));
		ret = cli_print_json(json_pack("{s:I s:o}", "free_frames",
					       (json_int_t)h.free_frames, "classes", classes));
	} else {
		printf("%-16s %12s %10s\n", "CLASS", "BYTES", "OBJECTS");
		for (i = 0; i < count; i++)
			printf("%-16s %12llu %10llu\n", list[i].name,
			       (unsigned long long)list[i].bytes,
			       (unsigned long long)list[i].objects);
		printf("free frames: %llu\n", (unsigned long long)h.free_frames);
	}
	free(list);
	return ret;
}

static int grants(struct hvctl_ctx *ctx, bool as_json)
{
	struct hvctl_grants *list;
	size_t count, i;
	bool judged;
	int ret = CLI_OK;

	if (hvctl_grants(ctx, &list, &count, &judged))
		return cli_failed(ctx);
	if (as_json) {
		json_t *domains = json_array();

		for (i = 0; i < count; i++)
			json_array_append_new(domains, json_pack(
				"{s:i s:I s:I s:I s:I s:I s:I s:I}", "domid", (int)list[i].domid,
				"mapped", (json_int_t)list[i].mapped,
				"unmapped", (json_int_t)list[i].unmapped,
				"untouched", (json_int_t)list[i].untouched,
				"copied", (json_int_t)list[i].copied,
				"copied_bytes", (json_int_t)list[i].copied_bytes,
				"flushes", (json_int_t)list[i].flushes,
				"flushes_avoided", (json_int_t)list[i].flushes_avoided));
		ret = cli_print_json(json_pack("{s:b s:o}", "untouched_known", (int)judged,
					       "domains", domains));
	} else {
		printf("%5s %10s %10s %10s %10s %14s %10s %10s\n", "ID", "MAPPED", "UNMAPPED",
		       "UNTOUCHED", "COPIED", "BYTES", "FLUSHES", "AVOIDED");
		for (i = 0; i < count; i++)
			printf("%5u %10llu %10llu %10llu %10llu %14llu %10llu %10llu\n",
			       (unsigned int)list[i].domid, (unsigned long long)list[i].mapped,
			       (unsigned long long)list[i].unmapped,
			       (unsigned long long)list[i].untouched,
			       (unsigned long long)list[i].copied,
			       (unsigned long long)list[i].copied_bytes,
			       (unsigned long long)list[i].flushes,
			       (unsigned long long)list[i].flushes_avoided);
		if (!judged)
			printf("every unmapping flushes on this machine\n");
	}
	free(list);
	return ret;
}

/* Values are any bytes; what is not printable ASCII is shown by its number. */
static int print_node(void *data, const char *path, const char *value)
{
	const unsigned char *c;

	(void)data;
	printf("%s = \"", path);
	for (c = (const unsigned char *)value; *c; c++) {
		if (*c < ' ' || *c > '~')
			printf("\\x%02x", *c);
		else if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else
			putchar(*c);
	}
	printf("\"\n");
	return 0;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "audit"))
		return audit(ctx);
	if (argc == 2 && !strcmp(argv[1], "heap"))
		return heap(ctx, false);
	if (argc == 3 && !strcmp(argv[1], "heap") && !strcmp(argv[2], "--json"))
		return heap(ctx, true);
	if (argc == 2 && !strcmp(argv[1], "grants"))
		return grants(ctx, false);
	if (argc == 3 && !strcmp(argv[1], "grants") && !strcmp(argv[2], "--json"))
		return grants(ctx, true);
	if ((argc == 2 || argc == 3) && !strcmp(argv[1], "store"))
		return hvctl_store(ctx, argc == 3 ? argv[2] : "/", print_node, NULL)
			       ? cli_failed(ctx)
			       : CLI_OK;
	if (argc == 2 && !strcmp(argv[1], "latency"))
		return hvctl_debug_keys(ctx, "l") ? cli_failed(ctx) : CLI_OK;
	if (argc == 3 && !strcmp(argv[1], "keys"))
		return hvctl_debug_keys(ctx, argv[2]) ? cli_failed(ctx) : CLI_OK;
	return cli_usage(cmd, "say what");
}

const struct command cmd_debug = {
	.name = "debug",
	.usage = "audit | grants [--json] | heap [--json] | latency | store [PATH] | keys KEYS",
	.summary = "Look into the hypervisor and the store",
	.help = "  audit      let the hypervisor check its invariants; exit status 1 if one is "
		"violated\n"
		"             (hvctl dmesg tells which)\n"
		"  grants     what each domain mapped, unmapped and copied of others' pages, how\n"
		"             many of these no CPU had come to, TLB flushes done and avoided\n"
		"  heap       its allocations by class, and the free frames of the host\n"
		"  store      the store's nodes, all or those at and below PATH, and values\n"
		"  latency    the longest holds of locks, in hvctl dmesg (latency=1 at boot)\n"
		"  keys KEYS  press debug keys; what they print is in hvctl dmesg (h lists them)\n",
	.run = run,
};
