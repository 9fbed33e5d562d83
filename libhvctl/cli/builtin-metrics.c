// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define TYPE	"application/openmetrics-text; version=1.0.0; charset=utf-8"

static void label(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", f);
		else
			fprintf(f, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	}
}

static void head(FILE *f, const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(f, "# TYPE annulus_%s %s\n", name, type);
	if (*unit)
		fprintf(f, "# UNIT annulus_%s %s\n", name, unit);
	fprintf(f, "# HELP annulus_%s %s\n", name, help);
}

static void of(FILE *f, const char *name, const struct hvctl_domain *d)
{
	fprintf(f, "annulus_%s{domid=\"%u\",name=\"", name, d->domid);
	label(f, d->name);
	fprintf(f, "\"} ");
}

static void host_metrics(FILE *f, const struct hvctl_host *h)
{
	head(f, "host_cpus", "gauge", "", "CPUs of the host.");
	fprintf(f, "annulus_host_cpus %u\n", h->cpus);
	head(f, "host_memory_bytes", "gauge", "bytes", "Memory of the host.");
	fprintf(f, "annulus_host_memory_bytes %" PRIu64 "\n", h->total_kib << 10);
	head(f, "host_memory_free_bytes", "gauge", "bytes", "Memory that no domain has.");
	fprintf(f, "annulus_host_memory_free_bytes %" PRIu64 "\n", h->free_kib << 10);
}

static void domain_metrics(FILE *f, const struct hvctl_domain *list, size_t count)
{
	head(f, "domain_cpu_seconds", "counter", "seconds", "CPU time that its vCPUs had.");
	for (size_t i = 0; i < count; i++) {
		of(f, "domain_cpu_seconds_total", &list[i]);
		fprintf(f, "%.9f\n", (double)list[i].cpu_time_ns / 1e9);
	}
	head(f, "domain_memory_bytes", "gauge", "bytes", "Memory that it has.");
	for (size_t i = 0; i < count; i++) {
		of(f, "domain_memory_bytes", &list[i]);
		fprintf(f, "%" PRIu64 "\n", list[i].memory_kib << 10);
	}
	head(f, "domain_memory_limit_bytes", "gauge", "bytes", "Memory that it may have.");
	for (size_t i = 0; i < count; i++) {
		of(f, "domain_memory_limit_bytes", &list[i]);
		fprintf(f, "%" PRIu64 "\n", list[i].max_memory_kib << 10);
	}
	head(f, "domain_vcpus", "gauge", "", "vCPUs that are on line.");
	for (size_t i = 0; i < count; i++) {
		of(f, "domain_vcpus", &list[i]);
		fprintf(f, "%u\n", list[i].vcpus);
	}
	head(f, "domain_up", "gauge", "", "1: it has not stopped.");
	for (size_t i = 0; i < count; i++) {
		of(f, "domain_up", &list[i]);
		fprintf(f, "%d\n", list[i].state == HVCTL_RUNNING ||
				   list[i].state == HVCTL_BLOCKED ||
				   list[i].state == HVCTL_PAUSED);
	}
}

static void grant_metrics(FILE *f, const struct hvctl_grants *list, size_t count)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} counters[] = {
		{ "domain_grants_mapped", "Grants of others that it mapped.",
		  offsetof(struct hvctl_grants, mapped) },
		{ "domain_grants_copied", "Copies between grants that it asked for.",
		  offsetof(struct hvctl_grants, copied) },
		{ "domain_grant_copied_bytes", "What was copied by them.",
		  offsetof(struct hvctl_grants, copied_bytes) },
		{ "domain_grant_flushes", "Flushes for unmapping grants.",
		  offsetof(struct hvctl_grants, flushes) },
	};

	for (size_t c = 0; c < sizeof(counters) / sizeof(counters[0]); c++) {
		head(f, counters[c].name, "counter",
		     strstr(counters[c].name, "bytes") ? "bytes" : "", counters[c].help);
		for (size_t i = 0; i < count; i++) {
			uint64_t value;

			memcpy(&value, (const char *)&list[i] + counters[c].at, sizeof(value));
			fprintf(f, "annulus_%s_total{domid=\"%u\"} %" PRIu64 "\n", counters[c].name,
				list[i].domid, value);
		}
	}
}

static char *text(void *data)
{
	struct hvctl_ctx *ctx = data;
	struct hvctl_domain *list = NULL;
	struct hvctl_grants *grants = NULL;
	struct hvctl_host host;
	size_t count = 0, nr_grants = 0, len;
	char *text = NULL;
	bool failed;
	FILE *f;

	if (hvctl_host(ctx, &host) || hvctl_list(ctx, &list, &count))
		return NULL;
	f = open_memstream(&text, &len);
	if (!f) {
		free(list);
		return NULL;
	}
	host_metrics(f, &host);
	domain_metrics(f, list, count);
	/* Another hypervisor does not count them. */
	if (!hvctl_grants(ctx, &grants, &nr_grants, NULL))
		grant_metrics(f, grants, nr_grants);
	fprintf(f, "# EOF\n");
	free(list);
	free(grants);
	failed = ferror(f);
	if (!fclose(f) && !failed)
		return text;
	free(text);
	return NULL;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	const char *where = NULL;
	char *all;
	int error;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--listen=", 9) || !argv[i][9])
			return cli_usage(cmd, argv[i][0] == '-' ? "unknown option '%s'" :
					 "no argument is needed, and not '%s'", argv[i]);
		where = argv[i] + 9;
	}
	if (where) {
		error = serve(where, TYPE, text, ctx);
		if (error == -EINVAL)
			return cli_usage(cmd, "'%s' is neither a path nor HOST:PORT in numbers",
					 where);
		if (error)
			fprintf(stderr, "hvctl: cannot listen at %s: %s\n", where,
				strerror(-error));
		return error ? CLI_FAILED : CLI_OK;
	}
	all = text(ctx);
	if (!all)
		return cli_failed(ctx);
	fputs(all, stdout);
	free(all);
	return CLI_OK;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.usage = "[--listen=ADDRESS]",
	.summary = "Print what host and domains use, for monitoring (OpenMetrics)",
	.help = "  --listen=ADDRESS  answer HTTP there instead, until interrupted: a path of a "
		"Unix socket, or\n"
		"                    HOST:PORT in numbers; :PORT is for this machine alone\n",
	.run = run,
};
