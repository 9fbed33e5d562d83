// SPDX-License-Identifier: GPL-2.0-or-later
#include "pass.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines that guests and failures may cause, a minute; what is left out is counted. */
static const struct budget_rate rate = { 20, 60000 };

struct pass_domain {
	uint32_t domid;
	uint8_t uuid[16];
	bool here;		/* in this pass */
	bool known;		/* its floor is */
	uint64_t floor;		/* MiB, 0: it is left alone */
	struct figure figure;
	struct share_guest guest;
	bool stands;		/* it has stopped and follows no target */
	bool takes_part;	/* in this pass */
	uint64_t said;		/* the goal that the log has, in a dry run */
	char name[HVCTL_NAME_MAX];
};

__attribute__((format(printf, 3, 4)))
static void say(struct pass *p, uint64_t now, const char *format, ...)
{
	char text[600], line[700];
	uint64_t before;
	va_list args;

	if (!line_budget_take(&p->lines, &rate, now, &before))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hvctl_one_line(line, sizeof(line), text);
	p->say(line);
	if (before) {
		snprintf(line, sizeof(line), "%llu lines were left out before that",
			 (unsigned long long)before);
		p->say(line);
	}
}

/* ---- the store ---- */

/* One node, not what may be below it. */
static int take_value(void *data, const char *path, const char *value)
{
	char **to = data;

	(void)path;
	*to = strdup(value);
	return 1;
}

/* *@value: to be freed, NULL: there is none. 0, or -errno. */
static int read_value(struct pass *p, uint32_t domid, const char *key, char **value)
{
	char path[64];
	int error;

	*value = NULL;
	snprintf(path, sizeof(path), "/local/domain/%u/memory/%s", domid, key);
	error = hvctl_store(p->ctx, path, take_value, value);
	if (error == 1)
		return *value ? 0 : -ENOMEM;
	/* It has gone meanwhile, or another tool made it. */
	return error == -ENOENT ? 0 : error;
}

/* The toolstack's number of KiB as MiB; @other if there is none. */
static int read_mib(struct pass *p, uint32_t domid, const char *key, bool up, uint64_t other,
		    uint64_t *mib)
{
	char *text;
	int error = read_value(p, domid, key, &text);
	uint64_t kib = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	if (kib > HVCTL_MIB_MAX << 10)
		kib = HVCTL_MIB_MAX << 10;
	*mib = kib ? (kib + (up ? 1023 : 0)) >> 10 : other;
	return error;
}

/* ---- the domains ---- */

/* What is known of one, kept as long as it is the same. NULL: no memory. */
static struct pass_domain *record(struct pass *p, const struct hvctl_domain *d)
{
	struct pass_domain *more;

	for (size_t i = 0; i < p->count; i++)
		if (p->domains[i].domid == d->domid &&
		    !memcmp(p->domains[i].uuid, d->uuid, sizeof(d->uuid)))
			return &p->domains[i];
	more = realloc(p->domains, (p->count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->domains = more;
	more = &p->domains[p->count++];
	*more = (struct pass_domain){ .domid = d->domid };
	memcpy(more->uuid, d->uuid, sizeof(more->uuid));
	return more;
}

static void drop_gone(struct pass *p)
{
	size_t left = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->domains[i].here)
			p->domains[left++] = p->domains[i];
	p->count = left;
}

/* Its configuration has it, which does not change; another tool's domain has none. */
static int read_floor(struct pass *p, struct pass_domain *d)
{
	struct hvctl_config *c = NULL;
	int error;

	if (d->known || !d->domid)
		return 0;
	error = hvctl_config_of(p->ctx, d->domid, &c);
	/* None: another tool's, or it is being made, and will have one. */
	if (error)
		return error == -EINVAL ? 0 : error;
	d->floor = c->min_memory_mib;
	d->known = true;
	hvctl_config_free(c);
	return 0;
}

static int look_at(struct pass *p, const struct hvctl_domain *from, uint64_t now)
{
	struct pass_domain *d = record(p, from);
	struct share_guest *g = d ? &d->guest : NULL;
	char *text = NULL;
	int error;

	if (!d)
		return -ENOMEM;
	d->here = true;
	snprintf(d->name, sizeof(d->name), "%s", from->name);
	g->has = (from->memory_kib + 1023) >> 10;
	error = read_floor(p, d);
	if (!error)
		error = read_mib(p, d->domid, "target", true, g->has, &g->target);
	/* One that stands still does nothing about it. */
	d->stands = from->state != HVCTL_RUNNING && from->state != HVCTL_BLOCKED &&
		    from->state != HVCTL_PAUSED;
	d->takes_part = d->floor &&
			(from->state == HVCTL_RUNNING || from->state == HVCTL_BLOCKED);
	if (error || !d->takes_part)
		return error;
	error = read_mib(p, d->domid, "static-max", false, from->max_memory_kib >> 10, &g->most);
	if (!error)
		error = read_value(p, d->domid, "meminfo", &text);
	g->floor = d->floor < g->most ? d->floor : g->most;
	/* More than there can be is the same as what there can be. */
	g->wants = share_wants(figure_take(&d->figure, text, now, g->most));
	free(text);
	return error;
}

static int look(struct pass *p, uint64_t now, struct share_host *host)
{
	struct hvctl_domain *list = NULL;
	struct hvctl_host h;
	size_t count = 0;
	uint64_t free_kib;
	int error = hvctl_host(p->ctx, &h);

	for (size_t i = 0; i < p->count; i++)
		p->domains[i].here = false;
	if (!error)
		error = hvctl_list(p->ctx, &list, &count);
	for (size_t i = 0; !error && i < count; i++)
		error = look_at(p, &list[i], now);
	free(list);
	if (error)
		return error;
	drop_gone(p);
	free_kib = h.free_kib + h.scrub_kib;
	*host = (struct share_host){
		.free = free_kib > h.claimed_kib ? (free_kib - h.claimed_kib) >> 10 : 0,
		.reserve = p->reserve,
	};
	for (size_t i = 0; i < p->count; i++) {
		const struct share_guest *g = &p->domains[i].guest;

		if (!p->domains[i].takes_part && !p->domains[i].stands && g->target > g->has)
			host->owed += g->target - g->has;
	}
	return 0;
}

/* ---- telling them ---- */

static void tell(struct pass *p, struct pass_domain *d, uint64_t now)
{
	const struct share_guest *g = &d->guest;
	const char *why = g->past.waited >= SHARE_PATIENCE ? ", which it does not follow" : "";

	if (g->goal == g->target) {
		d->said = 0;
		return;
	}
	if (!p->dry && hvctl_set_memory(p->ctx, d->domid, g->goal)) {
		say(p, now, "domain %u (%s): cannot be told to have %llu MiB: %s", d->domid,
		    d->name, (unsigned long long)g->goal, hvctl_error(p->ctx));
		return;
	}
	if (d->said == g->goal)
		return;
	d->said = p->dry ? g->goal : 0;
	say(p, now, "domain %u (%s): %s%llu MiB instead of %llu%s; it has %llu and wants %llu",
	    d->domid, d->name, p->dry ? "would be told to have " : "",
	    (unsigned long long)g->goal, (unsigned long long)g->target, why,
	    (unsigned long long)g->has, (unsigned long long)g->wants);
}

static int share(struct pass *p, uint64_t now, const struct share_host *host)
{
	struct share_guest *guests = calloc(p->count + 1, sizeof(*guests));
	size_t n = 0;

	if (!guests)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		if (p->domains[i].takes_part)
			guests[n++] = p->domains[i].guest;
	share_pass(guests, n, host);
	n = 0;
	for (size_t i = 0; i < p->count; i++) {
		if (!p->domains[i].takes_part)
			continue;
		p->domains[i].guest = guests[n++];
		tell(p, &p->domains[i], now);
	}
	free(guests);
	return 0;
}

int pass_run(struct pass *p, uint64_t now)
{
	struct share_host host;
	int error = look(p, now, &host);

	if (!error)
		error = share(p, now, &host);
	if (error == -ENOMEM)
		say(p, now, "not enough memory to look at the domains; will try again");
	else if (error && !p->failed)
		say(p, now, "%s; will try again", hvctl_error(p->ctx));
	p->failed = error;
	return error;
}

void pass_end(struct pass *p)
{
	free(p->domains);
	p->domains = NULL;
	p->count = 0;
}
