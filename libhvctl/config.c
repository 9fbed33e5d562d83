// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the keys of a configuration mean. The syntax is cfgfile.c's. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cfgfile.h"
#include "image/pvh_acpi.h"
#include "internal.h"

#define MAX_DEVICES	64
#define MAX_MEMORY_MIB	(1ull << 30)

static const char command_line[] = "command line";

/* Every message begins with where: file, line, column of the item at fault. */
__attribute__((format(printf, 5, 6)))
static int bad(struct hvctl_ctx *ctx, const struct cfg_entry *e, unsigned int line,
	       unsigned int column, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return hvctl_fail(ctx, EINVAL, "%s:%u:%u: %s", e->file, line, column, text);
}

#define BAD(ctx, e, ...) bad(ctx, e, (e)->items ? (e)->items[0].line : (e)->line, \
			     (e)->items ? (e)->items[0].column : (e)->column, __VA_ARGS__)

static int want_text(struct hvctl_ctx *ctx, const struct cfg_entry *e, const char **text)
{
	*text = "";
	if (e->list)
		return bad(ctx, e, e->line, e->column,
			   "'%s' is one text, not a list; write %s = \"...\"", e->key, e->key);
	*text = e->items[0].text;
	return 0;
}

static int want_number(struct hvctl_ctx *ctx, const struct cfg_entry *e, long long min,
		       long long max, long long *number)
{
	const char *text;
	char *end;
	int error = want_text(ctx, e, &text);

	*number = 0;
	if (error)
		return error;
	errno = 0;
	*number = strtoll(text, &end, 0);
	if (!*text || *end || errno)
		return BAD(ctx, e, "'%s' is a number, not \"%s\"; write %s = 1 (or another)",
			   e->key, text, e->key);
	if (*number < min || *number > max)
		return BAD(ctx, e, "'%s' is %lld, and has to be between %lld and %lld; correct it",
			   e->key, *number, min, max);
	return 0;
}

static int take_path(struct hvctl_ctx *ctx, const struct cfg_entry *e, char **to)
{
	const char *text;
	int error = want_text(ctx, e, &text);

	if (error)
		return error;
	if (!*text)
		return BAD(ctx, e, "'%s' is empty; give a file name or remove the line", e->key);
	*to = strdup(text);
	return *to ? 0 : hvctl_no_memory(ctx);
}

/*
 * The words that 4.17 knows. What is not done here comes as near as a domain that has stopped can.
 */
static const struct {
	const char *word;
	enum hvctl_action action;
	const char *instead;	/* NULL: done as it says */
} actions[] = {
	{ "destroy", HVCTL_ACTION_DESTROY, NULL },
	{ "restart", HVCTL_ACTION_RESTART, NULL },
	{ "preserve", HVCTL_ACTION_PRESERVE, NULL },
	{ "coredump-destroy", HVCTL_ACTION_COREDUMP_DESTROY, NULL },
	{ "coredump-restart", HVCTL_ACTION_COREDUMP_RESTART, NULL },
	{ "rename-restart", HVCTL_ACTION_RENAME_RESTART, NULL },
	{ "soft-reset", HVCTL_ACTION_RESTART, "restart" },
};

static int take_action(struct hvctl_ctx *ctx, const struct cfg_entry *e, enum hvctl_action *to)
{
	const char *text;
	int error = want_text(ctx, e, &text);
	size_t i;

	if (error)
		return error;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(text, actions[i].word))
			continue;
		*to = actions[i].action;
		if (actions[i].instead)
			hvctl_warn(ctx,
				   "%s:%u:%u: '%s' cannot be \"%s\" here and is taken as \"%s\"; "
				   "write that",
				   e->file, e->items[0].line, e->items[0].column, e->key, text,
				   actions[i].instead);
		return 0;
	}
	return BAD(ctx, e, "'%s' cannot be \"%s\"; write destroy, restart, preserve, "
		   "rename-restart, coredump-destroy or coredump-restart", e->key, text);
}

/* One text is for all vCPUs, a list has one for each; those behind its end may run anywhere. */
static int take_cpus(struct hvctl_ctx *ctx, const struct cfg_entry *e,
		     uint64_t cpus[HVCTL_MAX_VCPUS][2])
{
	size_t i;

	memset(cpus, 0, HVCTL_MAX_VCPUS * sizeof(cpus[0]));
	for (i = 0; i < HVCTL_MAX_VCPUS && (i < e->nr_items || !e->list); i++) {
		const struct cfg_item *item = &e->items[e->list ? i : 0];
		int error = hvctl_cpus_parse(item->text, cpus[i]);

		if (error == -ENOENT)
			return bad(ctx, e, item->line, item->column,
				   "no CPU is left in \"%s\" of '%s'; begin with what is allowed, "
				   "like \"all,^0\"",
				   item->text, e->key);
		if (error)
			return bad(ctx, e, item->line, item->column,
				   "'%s' is a set of CPUs, not \"%s\"; write it like "
				   "\"0-3,^2\", numbers below 128",
				   e->key, item->text);
	}
	return 0;
}

/* One part of a comma-separated specification, blanks around it cut off; false at the end. */
static bool next_part(char **rest, char **part)
{
	char *end;

	if (!*rest)
		return false;
	*part = *rest + strspn(*rest, " \t\n");
	*rest = strchr(*part, ',');
	if (*rest)
		*(*rest)++ = 0;
	for (end = *part + strlen(*part); end > *part && isspace((unsigned char)end[-1]); end--)
		end[-1] = 0;
	return true;
}

/*
 * The number that stands for a virtual disk in the store (blkif's documentation): major and minor
 * of what it imitates, or for xvd disks and partitions beyond 16 an extended form. 0: not a name.
 */
static uint32_t vdev_number(const char *vdev)
{
	unsigned long disk = 0, part = 0;
	const char *p;
	char *end;

	if (strncmp(vdev, "xvd", 3) && strncmp(vdev, "sd", 2) && strncmp(vdev, "hd", 2))
		return 0;
	p = vdev + (*vdev == 'x' ? 3 : 2);
	if (*p < 'a' || *p > 'z')
		return 0;
	/* Bijective base 26: a..z, aa, ab ... */
	for (; *p >= 'a' && *p <= 'z'; p++) {
		disk = disk * 26 + (unsigned long)(*p - 'a') + 1;
		if (disk > 1u << 20)
			return 0;
	}
	disk--;
	if (*p) {
		if (!isdigit((unsigned char)*p) || *p == '0')
			return 0;
		part = strtoul(p, &end, 10);
		if (*end || part > 255)
			return 0;
	}
	if (*vdev == 'x') {
		if (disk < 16 && part < 16)
			return (uint32_t)(202 << 8 | disk << 4 | part);
		return disk < 1u << 20 ? (uint32_t)(1u << 28 | disk << 8 | part) : 0;
	}
	if (*vdev == 's')
		return disk < 16 && part < 16 ? (uint32_t)(8 << 8 | disk << 4 | part) : 0;
	if (disk < 4 && part < 64)
		return (uint32_t)((disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | part);
	return 0;
}

/* '!' behind it: whoever else uses the disk. */
static bool is_access(const char *text, bool *writable, bool *forced)
{
	static const char *const modes[] = { "r", "ro", "w", "rw" };
	size_t i, len = strlen(text);

	*forced = len && text[len - 1] == '!';
	len -= *forced;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (len == strlen(modes[i]) && !memcmp(text, modes[i], len)) {
			*writable = i >= 2;
			return true;
		}
	return false;
}

static bool is_format(const char *text)
{
	static const char *const formats[] = {
		"", "raw", "qcow", "qcow2", "vhd", "vhdx", "vmdk", "qed",
	};
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(text, formats[i]))
			return true;
	return false;
}

struct disk_spec {
	const char *target, *format, *vdev, *access, *backend;
	const char *type, *data_mode, *iops, *bps, *overlay;
	bool cdrom;
};

/*
 * Positions first (target, format, vdev, access), then or instead key=value; target= takes the
 * rest.
 */
static int split_disk(struct hvctl_ctx *ctx, const struct cfg_entry *e, const struct cfg_item *item,
		      char *rest, struct disk_spec *s)
{
	unsigned int position = 0;
	char *part;

	*s = (struct disk_spec){ 0 };
	while (rest) {
		char *lead = rest + strspn(rest, " \t\n");
		char *value;
		bool writable, forced;

		if (!strncmp(lead, "target=", 7)) {
			s->target = lead + 7;
			break;
		}
		next_part(&rest, &part);
		value = strchr(part, '=');
		if (value && position == 0 && (*part == '/' || disk_is_nbd(part)))
			value = NULL;		/* a path may have a '=' in it */
		if (value) {
			*value++ = 0;
			if (!strcmp(part, "format"))
				s->format = value;
			else if (!strcmp(part, "vdev"))
				s->vdev = value;
			else if (!strcmp(part, "access"))
				s->access = value;
			else if (!strcmp(part, "backend"))
				s->backend = value;
			else if (!strcmp(part, "devtype"))
				s->cdrom = !strcmp(value, "cdrom");
			else if (!strcmp(part, "backendtype"))
				s->type = value;
			else if (!strcmp(part, "data-mode"))
				s->data_mode = value;
			else if (!strcmp(part, "iops"))
				s->iops = value;
			else if (!strcmp(part, "bps"))
				s->bps = value;
			else if (!strcmp(part, "overlay"))
				s->overlay = value;
			else if (strcmp(part, "discard"))
				hvctl_warn(
					ctx,
					"%s:%u:%u: unknown option '%s' of a disk is ignored; see "
					"hvctl.cfg(5)",
					e->file, item->line, item->column, part);
			position = 9;
		} else if (!strcmp(part, "cdrom")) {
			s->cdrom = true;
		} else if (!strcmp(part, "discard") || !strcmp(part, "no-discard") ||
			   !strcmp(part, "direct-io-safe")) {
			continue;		/* the backend negotiates that with the device */
		} else if (!s->target) {
			s->target = part;
			position = 1;
		} else if (!s->format && !s->vdev && is_format(part)) {
			s->format = part;
		} else if (!s->vdev) {
			/* "xvda:cdrom" is the oldest way to say cdrom */
			char *colon = strchr(part, ':');

			if (colon) {
				*colon = 0;
				s->cdrom |= !strcmp(colon + 1, "cdrom");
			}
			/* Where a format may stand, nobody knows which of the two was meant. */
			if (!s->format && !vdev_number(part))
				return bad(ctx, e, item->line, item->column,
					   "\"%s\" is neither a format nor a vdev; write raw for "
					   "the first, and xvda, xvdb1, sda, hda ... for the "
					   "second",
					   part);
			s->vdev = part;
		} else if (!s->access && is_access(part, &writable, &forced)) {
			s->access = part;
		} else {
			return bad(ctx, e, item->line, item->column,
				   "'%s': too many parts in a disk; write "
				   "\"format=raw,vdev=xvda,access=rw,target=/path\"",
				   part);
		}
	}
	return 0;
}

#define RATE_MAX	(1ull << 62)	/* what an image may have, too */

/* "500", "20K", "100M", "1G": a power of 1024. */
static bool parse_rate(const char *text, uint64_t *rate)
{
	static const char units[] = "KMG";
	unsigned long long n;
	const char *unit;
	int shift = 0;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || errno || !n)
		return false;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		end++;
	}
	if (*end || n > RATE_MAX >> shift)
		return false;
	*rate = n << shift;
	return true;
}

/* Who serves the disk, and what only hvblkd can do for it. */
static int take_backend(struct hvctl_ctx *ctx, const struct cfg_entry *e,
			const struct cfg_item *item, const struct disk_spec *s,
			struct hvctl_disk *d)
{
	bool nbd = disk_is_nbd(disk_without_prefix(s->target)), raw = !s->format || !*s->format ||
		   !strcmp(s->format, "raw");
	const char *type = s->type ? s->type : "", *alone;

	if (strcmp(type, "hvblkd") && strcmp(type, "phy") && strcmp(type, "tap") &&
	    strcmp(type, "qdisk") && *type)
		return bad(ctx, e, item->line, item->column,
			   "backendtype \"%s\" of %s is none; write hvblkd, or phy for dom0's "
			   "kernel", type, s->target);
	if (nbd && !raw)
		return bad(ctx, e, item->line, item->column,
			   "the NBD server %s gives raw bytes, not format \"%s\"; remove format=",
			   s->target, s->format);
	strcpy(d->format, nbd ? "nbd" : raw ? "raw" : s->format);
	/* What dom0's kernel cannot serve is hvblkd's, asked for or not. */
	if (!strcmp(type, "hvblkd") || (strcmp(type, "phy") && (nbd || !raw || s->overlay)))
		d->backend = HVCTL_DISK_HVBLKD;
	alone = nbd || !raw ? d->format : s->data_mode ? "data-mode=" : s->iops ? "iops=" :
		s->bps ? "bps=" : NULL;
	if (alone && d->backend != HVCTL_DISK_HVBLKD)
		return bad(ctx, e, item->line, item->column,
			   "%s of %s is not for dom0's kernel; write backendtype=hvblkd", alone,
			   s->target);
	if (s->data_mode && strcmp(s->data_mode, "persistent") && strcmp(s->data_mode, "window"))
		return bad(ctx, e, item->line, item->column,
			   "data-mode \"%s\" of %s is none; write persistent or window",
			   s->data_mode, s->target);
	snprintf(d->data_mode, sizeof(d->data_mode), "%s", s->data_mode ? s->data_mode : "");
	if (s->iops && !parse_rate(s->iops, &d->iops))
		return bad(ctx, e, item->line, item->column,
			   "iops \"%s\" of %s is no limit; write operations a second, like 500",
			   s->iops, s->target);
	if (s->bps && !parse_rate(s->bps, &d->bps))
		return bad(ctx, e, item->line, item->column,
			   "bps \"%s\" of %s is no limit; write bytes a second, like 100M",
			   s->bps, s->target);
	return 0;
}

/* What is written goes to an image of its own: the target is only what lies below. */
static int take_overlay(struct hvctl_ctx *ctx, const struct cfg_entry *e,
			const struct cfg_item *item, const struct disk_spec *s,
			struct hvctl_disk *d)
{
	if (*s->overlay != '/')
		return bad(ctx, e, item->line, item->column,
			   "the overlay \"%s\" over %s is no whole path; write "
			   "overlay=/var/lib/annulus/images/NAME.qcow2", s->overlay, s->target);
	if (d->cdrom || !d->writable)
		return bad(ctx, e, item->line, item->column,
			   "%s is not written, and needs no overlay; remove overlay=, or write "
			   "access=rw", s->target);
	if (s->type && !strcmp(s->type, "phy"))
		return bad(ctx, e, item->line, item->column,
			   "overlay= of %s is not for dom0's kernel; write backendtype=hvblkd",
			   s->target);
	if (strcmp(d->format, "raw") && strcmp(d->format, "qcow2"))
		return bad(ctx, e, item->line, item->column,
			   "an overlay cannot lie over %s, which is %s; convert that with qemu-img "
			   "convert -O qcow2", s->target, d->format);
	strcpy(d->base_format, d->format);
	strcpy(d->format, "qcow2");
	d->backend = HVCTL_DISK_HVBLKD;
	d->backing = d->target;
	d->target = strdup(s->overlay);
	return d->target ? 0 : hvctl_no_memory(ctx);
}

static int take_disk(struct hvctl_ctx *ctx, const struct cfg_entry *e, const struct cfg_item *item,
		     char *text, struct hvctl_config *c)
{
	struct hvctl_disk *d = &c->disks[c->nr_disks];
	struct disk_spec s;
	unsigned int i;
	int error = split_disk(ctx, e, item, text, &s);

	if (error)
		return error;
	/* A drive may be empty. */
	if (!s.target && s.cdrom)
		s.target = "";
	if (!s.target || (!*disk_without_prefix(s.target) && !s.cdrom))
		return bad(ctx, e, item->line, item->column, "a disk has no target; write "
			   "\"format=raw,vdev=xvda,access=rw,target=/path\"");
	if (s.format && !is_format(s.format))
		return bad(ctx, e, item->line, item->column,
			   "format \"%s\" of %s is unknown; write raw, qcow2, vhd, vhdx or vmdk, "
			   "and convert other images with qemu-img convert -O qcow2",
			   s.format, s.target);
	if (!s.vdev)
		return bad(ctx, e, item->line, item->column,
			   "the disk %s has no vdev; add vdev=xvda", s.target);
	d->number = vdev_number(s.vdev);
	if (!d->number || strlen(s.vdev) >= sizeof(d->vdev))
		return bad(ctx, e, item->line, item->column,
			   "\"%s\" is not a vdev; write xvda, xvdb1, sda, hda ...", s.vdev);
	if (s.format && (!strcmp(s.format, "qcow") || !strcmp(s.format, "qed")))
		return bad(ctx, e, item->line, item->column,
			   "format \"%s\" of %s cannot be used; convert it with "
			   "qemu-img convert -O qcow2",
			   s.format, s.target);
	error = take_backend(ctx, e, item, &s, d);
	if (error)
		return error;
	if (s.backend && strcmp(s.backend, "0") && strcmp(s.backend, "Domain-0"))
		return bad(ctx, e, item->line, item->column,
			   "the disk %s has its backend in \"%s\"; only dom0 has "
			   "backends, remove backend=",
			   s.target, s.backend);
	if (s.access && !is_access(s.access, &d->writable, &d->forced))
		return bad(ctx, e, item->line, item->column,
			   "access \"%s\" of %s is none; write r or rw", s.access, s.target);
	if (!s.access)
		d->writable = !s.cdrom;
	if (s.cdrom)
		d->writable = false;
	d->cdrom = s.cdrom;
	for (i = 0; i < c->nr_disks; i++)
		if (c->disks[i].number == d->number)
			return bad(ctx, e, item->line, item->column,
				   "two disks are %s; give one another vdev", s.vdev);
	strcpy(d->vdev, s.vdev);
	d->target = strdup(disk_without_prefix(s.target));
	if (!d->target)
		return hvctl_no_memory(ctx);
	/* From here on it is the configuration's, and goes with it. */
	c->nr_disks++;
	return s.overlay ? take_overlay(ctx, e, item, &s, d) : 0;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int m[6], i;
	int used = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &used) != 6 ||
	    text[used])
		return false;
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return !(mac[0] & 1);
}

static bool good_interface(const char *name)
{
	return *name && strlen(name) < 16 && !strpbrk(name, "/: \t\n") && strcmp(name, ".") &&
	       strcmp(name, "..");
}

static int take_vif(struct hvctl_ctx *ctx, const struct cfg_entry *e, const struct cfg_item *item,
		    char *rest, struct hvctl_config *c)
{
	struct hvctl_vif *v = &c->vifs[c->nr_vifs++];
	char *part;

	strcpy(v->bridge, "xenbr0");
	while (next_part(&rest, &part)) {
		char *value = strchr(part, '=');

		if (!*part)
			continue;
		if (!value)
			return bad(ctx, e, item->line, item->column,
				   "'%s' in a vif has no value; write "
				   "\"mac=00:16:3e:xx:xx:xx,bridge=xenbr0\"",
				   part);
		*value++ = 0;
		if (!strcmp(part, "mac")) {
			if (!parse_mac(value, v->mac))
				return bad(ctx, e, item->line, item->column,
					   "\"%s\" is not the MAC address of a "
					   "station; write 00:16:3e:xx:xx:xx",
					   value);
			v->mac_given = true;
		} else if (!strcmp(part, "bridge") || !strcmp(part, "vifname")) {
			if (!good_interface(value))
				return bad(ctx, e, item->line, item->column,
					   "%s \"%s\" is not the name of an "
					   "interface; write 1 to 15 letters and digits",
					   part, value);
			strcpy(*part == 'b' ? v->bridge : v->vifname, value);
		} else if (!strcmp(part, "backendtype")) {
			v->hvnetd = !strcmp(value, "hvnetd");
			if (!v->hvnetd && strcmp(value, "netback"))
				return bad(ctx, e, item->line, item->column,
					   "backendtype \"%s\" of a vif is none; write hvnetd, or "
					   "netback for dom0's kernel", value);
		} else if (!strcmp(part, "bps")) {
			if (!parse_rate(value, &v->bps))
				return bad(ctx, e, item->line, item->column,
					   "bps \"%s\" of a vif is no limit; write bytes a second, "
					   "like 100M", value);
		} else if (!strcmp(part, "ip")) {
			/* What is taken here is taken back when the guest is restored. */
			if (strlen(value) >= VIF_IP_MAX)
				return bad(ctx, e, item->line, item->column,
					   "ip of a vif is too long; write 16 addresses at most");
			free(v->ip);
			v->ip = strdup(value);
			if (!v->ip)
				return hvctl_no_memory(ctx);
		} else if (!strcmp(part, "model") || !strcmp(part, "type") ||
			   !strcmp(part, "script") || !strcmp(part, "rate") ||
			   !strcmp(part, "gatewaydev")) {
			hvctl_warn(ctx,
				   "%s:%u:%u: '%s' of a vif means nothing here and is ignored; "
				   "remove it",
				   e->file, item->line, item->column, part);
		} else if (!strcmp(part, "backend")) {
			if (strcmp(value, "0") && strcmp(value, "Domain-0"))
				return bad(ctx, e, item->line, item->column,
					   "a vif has its backend in \"%s\"; only "
					   "dom0 has backends, remove backend=",
					   value);
		} else {
			hvctl_warn(ctx,
				   "%s:%u:%u: unknown option '%s' of a vif is ignored; see "
				   "hvctl.cfg(5)",
				   e->file, item->line, item->column, part);
		}
	}
	/* It makes one port for all that are on a bridge. */
	if (v->hvnetd && v->vifname[0])
		return bad(ctx, e, item->line, item->column,
			   "vifname= has nothing to name with backendtype=hvnetd; remove it");
	if (!v->hvnetd && v->bps)
		return bad(ctx, e, item->line, item->column,
			   "bps= of a vif is not for dom0's kernel; write backendtype=hvnetd");
	return 0;
}

typedef int (*take_device)(struct hvctl_ctx *ctx, const struct cfg_entry *e,
			   const struct cfg_item *item, char *text, struct hvctl_config *c);

static int take_devices(struct hvctl_ctx *ctx, const struct cfg_entry *e, take_device take,
			size_t size, void *array, struct hvctl_config *c)
{
	size_t i;

	if (!e->list)
		return BAD(ctx, e, "'%s' is a list; write %s = [ \"...\" ]", e->key, e->key);
	if (e->nr_items > MAX_DEVICES)
		return BAD(ctx, e, "more than %u devices in '%s'; remove some", MAX_DEVICES,
			   e->key);
	*(void **)array = calloc(e->nr_items + 1, size);
	if (!*(void **)array)
		return hvctl_no_memory(ctx);
	for (i = 0; i < e->nr_items; i++) {
		char *text = strdup(e->items[i].text);
		int error;

		if (!text)
			return hvctl_no_memory(ctx);
		error = take(ctx, e, &e->items[i], text, c);
		free(text);
		if (error)
			return error;
	}
	return 0;
}

/* Keys that a file of another toolstack may have and that mean nothing for a PV domain of ours. */
static const char *const ignored[] = {
	"bios", "boot", "bootloader", "bootloader_args", "claim_mode", "console", "cpuid",
	"device_model_version", "driver_domain", "firmware", "hap", "keymap",
	"max_event_channels", "max_grant_frames", "max_maptrack_frames", "maxcpus", "nomigrate",
	"nestedhvm", "pae", "acpi", "apic", "parallel", "pci", "pool", "sdl", "serial", "soundhw",
	"spice", "stdvga", "tsc_mode", "usb", "usbdevice", "vfb", "vga", "videoram", "viridian",
	"vnc", "vnclisten", "vncpasswd", "vtpm", "xen_platform_pci", "on_watchdog",
	"on_soft_reset", "seclabel", "timer_mode", "extra_args",
};

static int take_entry(struct hvctl_ctx *ctx, const struct cfg_entry *e, struct hvctl_config *c)
{
	long long number;
	const char *text;
	size_t i;
	int error;

	if (!strcmp(e->key, "name")) {
		error = want_text(ctx, e, &text);
		if (error)
			return error;
		if (!hvctl_good_name(text))
			return BAD(ctx, e,
				   "\"%s\" is not a name for a domain; use 1 to 63 letters, "
				   "digits, - _ . + "
				   "and not digits alone",
				   text);
		strcpy(c->name, text);
	} else if (!strcmp(e->key, "type") || !strcmp(e->key, "builder")) {
		error = want_text(ctx, e, &text);
		if (error)
			return error;
		/* 'builder' is the older word, for kinds that there are no others of. */
		if (!strcmp(e->key, "type"))
			c->pvh = !strcmp(text, "pvh");
		if ((strcmp(text, "pvh") || strcmp(e->key, "type")) && strcmp(text, "pv") &&
		    strcmp(text, "generic") && strcmp(text, "linux"))
			return BAD(ctx, e,
				   "'%s' is \"%s\", and only PV and PVH domains can be created; "
				   "write type = \"pv\" or \"pvh\"",
				   e->key, text);
	} else if (!strcmp(e->key, "pvh")) {
		/* Older files say it so. check_kind() compares it with the type. */
		return want_number(ctx, e, 0, 1, &number);
	} else if (!strcmp(e->key, "uuid")) {
		error = want_text(ctx, e, &text);
		if (error)
			return error;
		if (!hvctl_uuid_parse(text, c->uuid))
			return BAD(ctx, e,
				   "\"%s\" is not a UUID; write 32 hexadecimal digits or remove "
				   "the line",
				   text);
		c->uuid_given = true;
	} else if (!strcmp(e->key, "kernel")) {
		return take_path(ctx, e, &c->kernel);
	} else if (!strcmp(e->key, "ramdisk")) {
		return take_path(ctx, e, &c->ramdisk);
	} else if (!strcmp(e->key, "memory")) {
		error = want_number(ctx, e, 1, MAX_MEMORY_MIB, &number);
		c->memory_mib = (uint64_t)number;
		return error;
	} else if (!strcmp(e->key, "maxmem")) {
		error = want_number(ctx, e, 1, MAX_MEMORY_MIB, &number);
		c->max_memory_mib = (uint64_t)number;
		return error;
	} else if (!strcmp(e->key, "memory_min")) {
		error = want_number(ctx, e, 1, MAX_MEMORY_MIB, &number);
		c->min_memory_mib = (uint64_t)number;
		return error;
	} else if (!strcmp(e->key, "vcpus")) {
		error = want_number(ctx, e, 1, HVCTL_MAX_VCPUS, &number);
		c->vcpus = (unsigned int)number;
		return error;
	} else if (!strcmp(e->key, "maxvcpus")) {
		error = want_number(ctx, e, 1, HVCTL_MAX_VCPUS, &number);
		c->max_vcpus = (unsigned int)number;
		return error;
	} else if (!strcmp(e->key, "cpus")) {
		return take_cpus(ctx, e, c->cpus);
	} else if (!strcmp(e->key, "cpus_soft")) {
		return take_cpus(ctx, e, c->cpus_soft);
	} else if (!strcmp(e->key, "cpu_weight")) {
		error = want_number(ctx, e, 1, 65535, &number);
		c->cpu_weight = (unsigned int)number;
		return error;
	} else if (!strcmp(e->key, "cap")) {
		error = want_number(ctx, e, 0, 65535, &number);
		c->cap = (unsigned int)number;
		return error;
	} else if (!strcmp(e->key, "localtime")) {
		error = want_number(ctx, e, 0, 1, &number);
		c->localtime = number == 1;
		return error;
	} else if (!strcmp(e->key, "rtc_timeoffset")) {
		error = want_number(ctx, e, INT_MIN, INT_MAX, &number);
		c->rtc_offset = (int32_t)number;
		return error;
	} else if (!strcmp(e->key, "on_poweroff")) {
		return take_action(ctx, e, &c->on_poweroff);
	} else if (!strcmp(e->key, "on_reboot")) {
		return take_action(ctx, e, &c->on_reboot);
	} else if (!strcmp(e->key, "on_crash")) {
		return take_action(ctx, e, &c->on_crash);
	} else if (!strcmp(e->key, "disk")) {
		return take_devices(ctx, e, take_disk, sizeof(*c->disks), &c->disks, c);
	} else if (!strcmp(e->key, "vif")) {
		return take_devices(ctx, e, take_vif, sizeof(*c->vifs), &c->vifs, c);
	} else if (!strcmp(e->key, "cmdline") || !strcmp(e->key, "extra") ||
		   !strcmp(e->key, "root")) {
		return want_text(ctx, e, &text);
	} else {
		for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
			if (!strcmp(e->key, ignored[i])) {
				hvctl_warn(ctx,
					   "%s:%u:%u: '%s' means nothing here and is ignored; "
					   "remove it",
					   e->file, e->line, e->column, e->key);
				return 0;
			}
		hvctl_warn(ctx,
			   "%s:%u:%u: unknown key '%s' is ignored; see hvctl.cfg(5) for the keys",
			   e->file, e->line, e->column, e->key);
	}
	return 0;
}

/* cmdline wins; else root= and extra one behind the other. */
static int make_cmdline(struct hvctl_ctx *ctx, const struct cfg *cfg, struct hvctl_config *c)
{
	const struct cfg_entry *cmdline = cfg_find(cfg, "cmdline"), *root = cfg_find(cfg, "root"),
			       *extra = cfg_find(cfg, "extra");
	int n;

	if (cmdline) {
		if (root || extra)
			hvctl_warn(ctx,
				   "%s:%u:%u: 'cmdline' is given, so 'root' and 'extra' are "
				   "ignored; keep one",
				   cmdline->file, cmdline->line, cmdline->column);
		c->cmdline = strdup(cmdline->items[0].text);
		return c->cmdline ? 0 : hvctl_no_memory(ctx);
	}
	n = asprintf(&c->cmdline, "%s%s%s%s", root ? "root=" : "", root ? root->items[0].text : "",
		     root && extra ? " " : "", extra ? extra->items[0].text : "");
	if (n < 0) {
		c->cmdline = NULL;
		return hvctl_no_memory(ctx);
	}
	return 0;
}

/* PV or PVH, and what the latter cannot have yet. */
static int check_kind(struct hvctl_ctx *ctx, const struct cfg *cfg, struct hvctl_config *c)
{
	const struct cfg_entry *type = cfg_find(cfg, "type"), *pvh = cfg_find(cfg, "pvh"), *e;

	if (pvh && (strtol(pvh->items[0].text, NULL, 0) == 1) != c->pvh) {
		if (type)
			return BAD(ctx, pvh,
				   "'pvh' and 'type' contradict each other; keep type = \"pv\" or "
				   "type = \"pvh\" alone");
		c->pvh = !c->pvh;
	}
	if (!c->pvh)
		return 0;
	if (c->max_vcpus > PVH_MAX_VCPUS) {
		e = cfg_find(cfg, "maxvcpus") ? cfg_find(cfg, "maxvcpus") : cfg_find(cfg, "vcpus");
		return BAD(ctx, e, "a PVH domain has up to %u vCPUs here, not %u; lower it, or "
				   "write type = \"pv\"", PVH_MAX_VCPUS, c->max_vcpus);
	}
	if (c->max_memory_mib > c->memory_mib)
		return BAD(ctx, cfg_find(cfg, "maxmem"),
			   "a PVH domain starts with all of its memory; raise 'memory' to %llu, or "
			   "remove 'maxmem'", (unsigned long long)c->max_memory_mib);
	return 0;
}

static int check_whole(struct hvctl_ctx *ctx, const char *name, const struct cfg *cfg,
		       struct hvctl_config *c)
{
	const struct cfg_entry *e;
	int error;

	if (!c->name[0])
		return hvctl_fail(ctx, EINVAL, "%s: 'name' is missing; add name = \"...\"", name);
	if (!c->kernel)
		return hvctl_fail(ctx, EINVAL,
				  "%s: 'kernel' is missing; add kernel = \"/path/to/vmlinuz\"",
				  name);
	if (!c->max_memory_mib)
		c->max_memory_mib = c->memory_mib;
	if (c->max_memory_mib < c->memory_mib) {
		e = cfg_find(cfg, "maxmem");
		return BAD(ctx, e,
			   "'maxmem' (%llu) is less than 'memory' (%llu); raise it or remove it",
			   (unsigned long long)c->max_memory_mib,
			   (unsigned long long)c->memory_mib);
	}
	if (c->min_memory_mib > c->memory_mib)
		return BAD(ctx, cfg_find(cfg, "memory_min"),
			   "'memory_min' (%llu) is more than 'memory' (%llu); lower it or remove "
			   "it",
			   (unsigned long long)c->min_memory_mib,
			   (unsigned long long)c->memory_mib);
	if (!c->max_vcpus)
		c->max_vcpus = c->vcpus;
	if (!cfg_find(cfg, "vcpus"))
		c->vcpus = c->max_vcpus;
	if (c->max_vcpus < c->vcpus) {
		e = cfg_find(cfg, "maxvcpus");
		return BAD(ctx, e,
			   "'maxvcpus' (%u) is less than 'vcpus' (%u); raise it or remove it",
			   c->max_vcpus, c->vcpus);
	}
	e = cfg_find(cfg, "cpus");
	if (e && e->list && e->nr_items > c->max_vcpus)
		hvctl_warn(ctx,
			   "%s:%u:%u: 'cpus' has a set for each of %zu vCPUs and there are %u; the "
			   "rest is ignored",
			   e->file, e->line, e->column, e->nr_items, c->max_vcpus);
	error = check_kind(ctx, cfg, c);
	return error ? error : make_cmdline(ctx, cfg, c);
}

int hvctl_config_parse(struct hvctl_ctx *ctx, const char *name, const char *text, size_t len,
		       const char *const *overrides, struct hvctl_config **config)
{
	struct hvctl_config *c = calloc(1, sizeof(*c));
	struct cfg cfg = { 0 };
	char line[400];
	size_t i;
	int error;

	*config = NULL;
	if (!c)
		return hvctl_no_memory(ctx);
	c->memory_mib = 128;
	c->vcpus = 1;
	c->on_poweroff = HVCTL_ACTION_DESTROY;
	c->on_reboot = HVCTL_ACTION_RESTART;
	c->on_crash = HVCTL_ACTION_DESTROY;

	error = cfg_parse(&cfg, name, text, len, line, sizeof(line));
	for (i = 0; !error && overrides && overrides[i]; i++)
		error = cfg_parse(&cfg, command_line, overrides[i], strlen(overrides[i]), line,
				  sizeof(line));
	if (error) {
		hvctl_fail(ctx, -error, "%s", line);
		goto out;
	}
	for (i = 0; !error && i < cfg.nr_entries; i++)
		error = take_entry(ctx, &cfg.entries[i], c);
	if (!error)
		error = check_whole(ctx, name, &cfg, c);
out:
	cfg_release(&cfg);
	if (error)
		hvctl_config_free(c);
	else
		*config = c;
	return error;
}

int hvctl_config_load(struct hvctl_ctx *ctx, const char *path, const char *const *overrides,
		      struct hvctl_config **config)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	char *text;
	size_t len;
	int error;

	*config = NULL;
	if (!f)
		return hvctl_fail(ctx, errno,
				  "cannot open the configuration %s: %s; check the path", path,
				  strerror(errno));
	if (fstat(fileno(f), &st) || S_ISDIR(st.st_mode)) {
		fclose(f);
		return hvctl_fail(ctx, EISDIR, "the configuration %s is a directory; give a file",
				  path);
	}
	/* One byte over the parser's limit is enough for it to refuse. */
	text = malloc((1u << 20) + 1);
	if (!text) {
		fclose(f);
		return hvctl_no_memory(ctx);
	}
	len = fread(text, 1, (1u << 20) + 1, f);
	error = ferror(f) ? hvctl_fail(ctx, EIO, "cannot read the configuration %s; check the disk",
				       path)
			  : hvctl_config_parse(ctx, path, text, len, overrides, config);
	fclose(f);
	free(text);
	return error;
}

void hvctl_config_free(struct hvctl_config *c)
{
	unsigned int i;

	if (!c)
		return;
	/* A half-parsed array is zero behind its last element; free() takes NULL. */
	for (i = 0; i < c->nr_disks; i++) {
		free(c->disks[i].target);
		free(c->disks[i].backing);
	}
	for (i = 0; i < c->nr_vifs; i++)
		free(c->vifs[i].ip);
	free(c->disks);
	free(c->vifs);
	free(c->kernel);
	free(c->ramdisk);
	free(c->cmdline);
	free(c);
}
