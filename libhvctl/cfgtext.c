// SPDX-License-Identifier: LGPL-2.1-or-later
/* A configuration as the text that it could have been read from. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* A string in quotes, with what cfgfile.c reads as an escape. */
static void put_text(FILE *f, const char *text)
{
	static const char from[] = "\a\b\f\n\r\t\v", to[] = "abfnrtv";

	for (; *text; text++) {
		const char *found = strchr(from, *text);

		if (found)
			fprintf(f, "\\%c", to[found - from]);
		else
			fprintf(f, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	}
}

static void put_key(FILE *f, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	fprintf(f, "%s = \"", key);
	put_text(f, text);
	fprintf(f, "\"\n");
}

/* A set for each vCPU as far as any has one; without it has all. */
static void put_cpus(FILE *f, const char *key, const uint64_t (*sets)[2], unsigned int nr)
{
	while (nr && !(sets[nr - 1][0] | sets[nr - 1][1]))
		nr--;
	if (!nr)
		return;
	fprintf(f, "%s = [ ", key);
	for (unsigned int i = 0; i < nr; i++) {
		char text[512];

		hvctl_cpus_text(sets[i], text, sizeof(text));
		fprintf(f, "%s\"%s\"", i ? ", " : "", *text ? text : "all");
	}
	fprintf(f, " ]\n");
}

static const char *action(enum hvctl_action a)
{
	switch (a) {
	case HVCTL_ACTION_PRESERVE:
		return "preserve";
	case HVCTL_ACTION_RESTART:
		return "restart";
	case HVCTL_ACTION_COREDUMP_DESTROY:
		return "coredump-destroy";
	case HVCTL_ACTION_COREDUMP_RESTART:
		return "coredump-restart";
	case HVCTL_ACTION_RENAME_RESTART:
		return "rename-restart";
	default:
		return "destroy";
	}
}

/* The target comes last: it may hold commas. */
static void put_disk(FILE *f, const struct hvctl_disk *d)
{
	bool keyed = d->backing && *d->base_format;
	const char *target = keyed ? d->backing : d->target;

	if (d->backing && !keyed) {
		fprintf(f, "\t# over ");
		put_text(f, d->backing);
		fprintf(f, "\n");
	}
	fprintf(f, "\t\"");
	if (*d->format && strcmp(d->format, "nbd"))
		fprintf(f, "format=%s, ", keyed ? d->base_format : d->format);
	fprintf(f, "vdev=%s, access=%s%s, ", d->vdev, d->writable ? "rw" : "ro",
		d->forced ? "!" : "");
	if (d->cdrom)
		fprintf(f, "devtype=cdrom, ");
	if (d->backend == HVCTL_DISK_HVBLKD)
		fprintf(f, "backendtype=hvblkd, ");
	if (*d->data_mode)
		fprintf(f, "data-mode=%s, ", d->data_mode);
	if (d->iops)
		fprintf(f, "iops=%" PRIu64 ", ", d->iops);
	if (d->bps)
		fprintf(f, "bps=%" PRIu64 ", ", d->bps);
	if (keyed) {
		fprintf(f, "overlay=");
		put_text(f, d->target);
		fprintf(f, ", ");
	}
	fprintf(f, "target=");
	put_text(f, target ? target : "");
	fprintf(f, "\",\n");
}

static void put_vif(FILE *f, const struct hvctl_vif *v)
{
	fprintf(f, "\t\"mac=%02x:%02x:%02x:%02x:%02x:%02x, bridge=", v->mac[0], v->mac[1],
		v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
	put_text(f, v->bridge);
	if (v->ip) {
		fprintf(f, ", ip=");
		put_text(f, v->ip);
	}
	if (*v->vifname) {
		fprintf(f, ", vifname=");
		put_text(f, v->vifname);
	}
	if (v->hvnetd)
		fprintf(f, ", backendtype=hvnetd");
	if (v->bps)
		fprintf(f, ", bps=%" PRIu64, v->bps);
	fprintf(f, "\",\n");
}

static void put(FILE *f, const struct hvctl_config *c)
{
	char uuid[37];

	hvctl_uuid_text(c->uuid, uuid);
	put_key(f, "name", c->name);
	put_key(f, "uuid", uuid);
	put_key(f, "type", c->pvh ? "pvh" : "pv");
	put_key(f, "kernel", c->kernel);
	put_key(f, "ramdisk", c->ramdisk);
	put_key(f, "cmdline", c->cmdline);
	fprintf(f, "memory = %" PRIu64 "\nmaxmem = %" PRIu64 "\nvcpus = %u\nmaxvcpus = %u\n",
		c->memory_mib, c->max_memory_mib, c->vcpus, c->max_vcpus);
	/* A domain that was saved may have less by now, and keeps its floor (settings.c). */
	if (c->min_memory_mib)
		fprintf(f, "memory_min = %" PRIu64 "\n", c->min_memory_mib < c->memory_mib
								 ? c->min_memory_mib
								 : c->memory_mib);
	put_cpus(f, "cpus", c->cpus, c->max_vcpus);
	put_cpus(f, "cpus_soft", c->cpus_soft, c->max_vcpus);
	if (c->cpu_weight)
		fprintf(f, "cpu_weight = %u\n", c->cpu_weight);
	if (c->cap)
		fprintf(f, "cap = %u\n", c->cap);
	if (c->localtime)
		fprintf(f, "localtime = 1\n");
	if (c->rtc_offset)
		fprintf(f, "rtc_timeoffset = %d\n", c->rtc_offset);
	put_key(f, "on_poweroff", action(c->on_poweroff));
	put_key(f, "on_reboot", action(c->on_reboot));
	put_key(f, "on_crash", action(c->on_crash));
	if (c->nr_disks)
		fprintf(f, "disk = [\n");
	for (unsigned int i = 0; i < c->nr_disks; i++)
		put_disk(f, &c->disks[i]);
	fprintf(f, "%s", c->nr_disks ? "]\n" : "");
	if (c->nr_vifs)
		fprintf(f, "vif = [\n");
	for (unsigned int i = 0; i < c->nr_vifs; i++)
		put_vif(f, &c->vifs[i]);
	fprintf(f, "%s", c->nr_vifs ? "]\n" : "");
}

char *hvctl_config_text(const struct hvctl_config *config)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool failed;

	if (!f)
		return NULL;
	put(f, config);
	failed = ferror(f);
	if (!fclose(f) && !failed)
		return text;
	free(text);
	return NULL;
}
