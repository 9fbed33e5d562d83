// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cdrom.h"

#define DEVICES_MAX 64u
#define MIB_MAX	    HVCTL_MIB_MAX

#define RATE_MAX    (1ull << 62)

static const char *const actions[] = { "destroy", "restart", "preserve", "coredump-destroy",
				       "coredump-restart", "rename-restart" };
static const char *const backends[] = { "kernel", "hvblkd" };
static const char *const vif_backends[] = { "kernel", "hvnetd" };
/* The first of each is all that dom0's kernel serves. */
static const char *const formats[] = { "raw", "qcow2", "vhd", "vhdx", "vmdk", "nbd" };
static const char *const modes[] = { "", "persistent", "window" };

/* ---- to text ---- */

static void add_text(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_stringn_nocheck(text, strlen(text)));
}

static void add_number(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

/* A mask per vCPU, as far as any has one. */
static void add_masks(json_t *o, const char *key, const uint64_t (*mask)[2], unsigned int n)
{
	json_t *list = json_array();
	bool any = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		char text[34];

		snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)mask[i][1],
			 (unsigned long long)mask[i][0]);
		json_array_append_new(list, json_string(text));
		any |= mask[i][0] || mask[i][1];
	}
	if (any)
		json_object_set(o, key, list);
	json_decref(list);
}

static void add_devices(json_t *o, const struct hvctl_config *c)
{
	json_t *disks = json_array(), *vifs = json_array();
	unsigned int i;

	for (i = 0; i < c->nr_disks; i++) {
		const struct hvctl_disk *d = &c->disks[i];
		json_t *e = json_object();

		add_text(e, "target", d->target);
		add_text(e, "backing", d->backing);
		if (*d->base_format)
			add_text(e, "base_format", d->base_format);
		add_text(e, "vdev", d->vdev);
		add_number(e, "number", d->number);
		json_object_set_new(e, "writable", json_boolean(d->writable));
		json_object_set_new(e, "forced", json_boolean(d->forced));
		json_object_set_new(e, "cdrom", json_boolean(d->cdrom));
		add_text(e, "backend", backends[d->backend]);
		add_text(e, "format", *d->format ? d->format : formats[0]);
		add_text(e, "data_mode", d->data_mode);
		add_number(e, "iops", d->iops);
		add_number(e, "bps", d->bps);
		json_array_append_new(disks, e);
	}
	for (i = 0; i < c->nr_vifs; i++) {
		const struct hvctl_vif *v = &c->vifs[i];
		json_t *e = json_object();
		char mac[18];

		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1],
			 v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
		add_text(e, "mac", mac);
		add_text(e, "bridge", v->bridge);
		add_text(e, "ip", v->ip);
		add_text(e, "vifname", v->vifname);
		add_text(e, "backend", vif_backends[v->hvnetd]);
		add_number(e, "bps", v->bps);
		json_array_append_new(vifs, e);
	}
	json_object_set_new(o, "disks", disks);
	json_object_set_new(o, "vifs", vifs);
}

char *settings_text(const struct hvctl_config *c)
{
	json_t *o = json_object();
	char uuid[37], *text;

	hvctl_uuid_text(c->uuid, uuid);
	add_text(o, "name", c->name);
	add_text(o, "uuid", uuid);
	/* Only where it is: who does not know the word has PV domains alone. */
	if (c->pvh)
		add_text(o, "type", "pvh");
	add_text(o, "kernel", c->kernel);
	add_text(o, "ramdisk", c->ramdisk);
	add_text(o, "cmdline", c->cmdline);
	add_number(o, "memory", c->memory_mib);
	add_number(o, "maxmem", c->max_memory_mib);
	if (c->min_memory_mib)
		add_number(o, "memory_min", c->min_memory_mib);
	add_number(o, "vcpus", c->vcpus);
	add_number(o, "maxvcpus", c->max_vcpus);
	add_masks(o, "cpus", c->cpus, c->max_vcpus);
	add_masks(o, "cpus_soft", c->cpus_soft, c->max_vcpus);
	add_number(o, "cpu_weight", c->cpu_weight);
	add_number(o, "cap", c->cap);
	json_object_set_new(o, "localtime", json_boolean(c->localtime));
	json_object_set_new(o, "rtc_offset", json_integer(c->rtc_offset));
	add_text(o, "on_poweroff", actions[c->on_poweroff]);
	add_text(o, "on_reboot", actions[c->on_reboot]);
	add_text(o, "on_crash", actions[c->on_crash]);
	add_devices(o, c);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return text;
}

/* ---- from text ---- */

/* What is wrong: the first key that is. */
struct taker {
	const char *wrong;
	bool no_memory;
};

static void blame(struct taker *t, const char *key)
{
	if (!t->wrong)
		t->wrong = key;
}

/* Text of 1 to @max - 1 characters; absent is NULL. */
static const char *text_of(struct taker *t, const json_t *o, const char *key, size_t max)
{
	const json_t *v = json_object_get(o, key);
	const char *text = json_string_value(v);

	if (!v)
		return NULL;
	if (!text || json_string_length(v) >= max) {
		blame(t, key);
		return NULL;
	}
	return text;
}

static char *copy_of(struct taker *t, const json_t *o, const char *key, size_t max)
{
	const char *text = text_of(t, o, key, max);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		t->no_memory = true;
	return copy;
}

static void name_of(struct taker *t, const json_t *o, const char *key, char *to, size_t size)
{
	const char *text = text_of(t, o, key, size);

	snprintf(to, size, "%s", text ? text : "");
}

static uint64_t number_of(struct taker *t, const json_t *o, const char *key, uint64_t from,
			  uint64_t to)
{
	const json_t *v = json_object_get(o, key);
	json_int_t n = json_integer_value(v);

	if (json_is_integer(v) && n >= 0 && (uint64_t)n >= from && (uint64_t)n <= to)
		return (uint64_t)n;
	blame(t, key);
	return from;
}

/* Which of the @n texts it is. */
static unsigned int choice_of(struct taker *t, const json_t *o, const char *key,
			      const char *const *choice, unsigned int n)
{
	const char *text = text_of(t, o, key, 20);
	unsigned int i;

	for (i = 0; text && i < n; i++)
		if (!strcmp(text, choice[i]))
			return i;
	blame(t, key);
	return 0;
}

static enum hvctl_action action_of(struct taker *t, const json_t *o, const char *key)
{
	/* The first is to destroy it. */
	return (enum hvctl_action)choice_of(t, o, key, actions,
					    sizeof(actions) / sizeof(actions[0]));
}

static void type_of(struct taker *t, const json_t *o, struct hvctl_config *c)
{
	const json_t *type = json_object_get(o, "type");
	const char *text = json_string_value(type);

	if (!type)
		return;
	c->pvh = text && !strcmp(text, "pvh");
	if (!c->pvh)
		blame(t, "type");
}

static void masks_of(struct taker *t, const json_t *o, const char *key, uint64_t (*mask)[2],
		     unsigned int n)
{
	const json_t *list = json_object_get(o, key);
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		unsigned long long hi, lo;
		char end;

		if (i >= n || !text || strlen(text) != 32 ||
		    sscanf(text, "%16llx%16llx%c", &hi, &lo, &end) != 2) {
			blame(t, key);
			return;
		}
		mask[i][0] = lo;
		mask[i][1] = hi;
	}
}

static void disks_of(struct taker *t, const json_t *o, struct hvctl_config *c)
{
	const json_t *list = json_object_get(o, "disks");
	size_t i, n = json_array_size(list);

	if (n > DEVICES_MAX) {
		blame(t, "disks");
		return;
	}
	c->disks = calloc(n + 1, sizeof(*c->disks));
	if (!c->disks)
		t->no_memory = true;
	for (i = 0; c->disks && i < n; i++) {
		const json_t *e = json_array_get(list, i);
		struct hvctl_disk *d = &c->disks[c->nr_disks++];
		unsigned int format, mode, base;

		d->cdrom = json_is_true(json_object_get(e, "cdrom"));
		d->target = copy_of(t, e, "target", 4096);
		if (!d->target || (!*d->target && !d->cdrom))
			blame(t, "target");
		d->backing = copy_of(t, e, "backing", 4096);
		/* Those of clones and of images from before there was the key have none. */
		if (json_object_get(e, "base_format")) {
			base = choice_of(t, e, "base_format", formats, 2);
			snprintf(d->base_format, sizeof(d->base_format), "%s", formats[base]);
			if (!d->backing)
				blame(t, "base_format");
		}
		name_of(t, e, "vdev", d->vdev, sizeof(d->vdev));
		d->number = (uint32_t)number_of(t, e, "number", 0, UINT32_MAX >> 1);
		d->writable = json_is_true(json_object_get(e, "writable"));
		d->forced = json_is_true(json_object_get(e, "forced"));
		d->backend = (enum hvctl_disk_backend)choice_of(t, e, "backend", backends, 2);
		format = choice_of(t, e, "format", formats, sizeof(formats) / sizeof(formats[0]));
		snprintf(d->format, sizeof(d->format), "%s", formats[format]);
		if (format && d->backend != HVCTL_DISK_HVBLKD)
			blame(t, "format");
		mode = choice_of(t, e, "data_mode", modes, sizeof(modes) / sizeof(modes[0]));
		snprintf(d->data_mode, sizeof(d->data_mode), "%s", modes[mode]);
		d->iops = number_of(t, e, "iops", 0, RATE_MAX);
		d->bps = number_of(t, e, "bps", 0, RATE_MAX);
	}
}

/* A name of an interface goes into paths and to the kernel. */
static bool good_interface(const char *name)
{
	return !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static void vifs_of(struct taker *t, const json_t *o, struct hvctl_config *c)
{
	const json_t *list = json_object_get(o, "vifs");
	size_t i, n = json_array_size(list);

	if (n > DEVICES_MAX) {
		blame(t, "vifs");
		return;
	}
	c->vifs = calloc(n + 1, sizeof(*c->vifs));
	if (!c->vifs)
		t->no_memory = true;
	for (i = 0; c->vifs && i < n; i++) {
		const json_t *e = json_array_get(list, i);
		struct hvctl_vif *v = &c->vifs[c->nr_vifs++];
		const char *mac = text_of(t, e, "mac", 18);
		uint8_t *m = v->mac;
		char end;

		if (!mac ||
		    sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &m[0], &m[1], &m[2], &m[3],
			   &m[4], &m[5], &end) != 6 ||
		    (m[0] & 1))
			blame(t, "mac");
		v->mac_given = true;
		name_of(t, e, "bridge", v->bridge, sizeof(v->bridge));
		name_of(t, e, "vifname", v->vifname, sizeof(v->vifname));
		if (!*v->bridge || !good_interface(v->bridge) || !good_interface(v->vifname))
			blame(t, "bridge");
		v->ip = copy_of(t, e, "ip", VIF_IP_MAX);
		/* Images from before there was a choice say nothing of it. */
		if (json_object_get(e, "backend"))
			v->hvnetd = choice_of(t, e, "backend", vif_backends, 2) == 1;
		if (json_object_get(e, "bps"))
			v->bps = number_of(t, e, "bps", 0, RATE_MAX);
	}
}

static void take(struct taker *t, const json_t *o, struct hvctl_config *c)
{
	const char *uuid = text_of(t, o, "uuid", 37);
	const json_t *offset = json_object_get(o, "rtc_offset");

	name_of(t, o, "name", c->name, sizeof(c->name));
	if (!hvctl_good_name(c->name))
		blame(t, "name");
	c->uuid_given = uuid && hvctl_uuid_parse(uuid, c->uuid);
	if (!c->uuid_given)
		blame(t, "uuid");
	c->kernel = copy_of(t, o, "kernel", 4096);
	if (!c->kernel)
		blame(t, "kernel");
	c->ramdisk = copy_of(t, o, "ramdisk", 4096);
	c->cmdline = copy_of(t, o, "cmdline", 4096);
	if (!c->cmdline && !t->wrong) {
		c->cmdline = strdup("");
		t->no_memory |= !c->cmdline;
	}
	c->max_memory_mib = number_of(t, o, "maxmem", 1, MIB_MAX);
	c->memory_mib = number_of(t, o, "memory", 1, c->max_memory_mib);
	/* Not there: who wrote it did not know the word, or it is left alone. */
	if (json_object_get(o, "memory_min"))
		c->min_memory_mib = number_of(t, o, "memory_min", 1, c->max_memory_mib);
	c->max_vcpus = (unsigned int)number_of(t, o, "maxvcpus", 1, HVCTL_MAX_VCPUS);
	c->vcpus = (unsigned int)number_of(t, o, "vcpus", 1, c->max_vcpus);
	type_of(t, o, c);
	masks_of(t, o, "cpus", c->cpus, c->max_vcpus);
	masks_of(t, o, "cpus_soft", c->cpus_soft, c->max_vcpus);
	c->cpu_weight = (unsigned int)number_of(t, o, "cpu_weight", 0, 65535);
	c->cap = (unsigned int)number_of(t, o, "cap", 0, 65535);
	c->localtime = json_is_true(json_object_get(o, "localtime"));
	if (!json_is_integer(offset) || json_integer_value(offset) < INT32_MIN ||
	    json_integer_value(offset) > INT32_MAX)
		blame(t, "rtc_offset");
	else
		c->rtc_offset = (int32_t)json_integer_value(offset);
	c->on_poweroff = action_of(t, o, "on_poweroff");
	c->on_reboot = action_of(t, o, "on_reboot");
	c->on_crash = action_of(t, o, "on_crash");
	disks_of(t, o, c);
	vifs_of(t, o, c);
}

int settings_parse(struct hvctl_ctx *ctx, const char *where, const char *text, size_t len,
		   struct hvctl_config **config)
{
	struct hvctl_config *c = calloc(1, sizeof(*c));
	struct taker t = { NULL, !c };
	json_error_t why;
	json_t *o;

	*config = NULL;
	if (len > SETTINGS_MAX) {
		free(c);
		return hvctl_fail(ctx, EINVAL, "%s: the configuration is too long", where);
	}
	/* It nests no deeper than a few levels whatever the text does: jansson bounds it. */
	o = json_loadb(text, len, 0, &why);
	if (!o) {
		free(c);
		return hvctl_fail(ctx, EINVAL, "%s: the configuration is no JSON: %s", where,
				  why.text);
	}
	if (c)
		take(&t, o, c);
	json_decref(o);
	if (!t.no_memory && !t.wrong) {
		*config = c;
		return 0;
	}
	hvctl_config_free(c);
	return t.no_memory ? hvctl_no_memory(ctx)
			   : hvctl_fail(ctx, EINVAL, "%s: the configuration has no usable '%s'",
					where, t.wrong);
}
