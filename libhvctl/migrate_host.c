// SPDX-License-Identifier: LGPL-2.1-or-later
#include "migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "device.h"
#include "domain.h"
#include "kept.h"
#include "removal.h"
#include "save/parts.h"
#include "save/suspend.h"
#include "xs.h"

/* ---- lines ---- */

int migrate_read_line(int fd, char *line, size_t size, int patience_ms)
{
	uint64_t until = monotonic_ms() + (uint64_t)patience_ms;
	size_t have = 0;

	while (have < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (int64_t)(until - monotonic_ms());
		int n = poll(&p, 1, patience_ms < 0 ? -1 : left > 0 ? (int)left : 0);
		ssize_t got;

		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			return -ETIMEDOUT;
		got = n < 0 ? -1 : read(fd, line + have, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EPIPE;
		if (line[have] == '\n') {
			line[have] = 0;
			return 0;
		}
		have++;
	}
	return -EPROTO;
}

int migrate_read_bytes(int fd, void *data, size_t len, int patience_ms)
{
	uint64_t until = monotonic_ms() + (uint64_t)patience_ms;
	uint8_t *p = data;

	while (len) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = (int64_t)(until - monotonic_ms());
		int n = poll(&ready, 1, left > 0 ? (int)left : 0);
		ssize_t got;

		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			return -ETIMEDOUT;
		got = n < 0 ? -1 : read(fd, p, len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EPIPE;
		p += got;
		len -= (size_t)got;
	}
	return 0;
}

int migrate_write_line(int fd, const char *format, ...)
{
	char line[768];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len < 0 || len >= (int)sizeof(line) - 1)
		len = (int)sizeof(line) - 2;
	line[len++] = '\n';
	return write(fd, line, (size_t)len) == len ? 0 : -EPIPE;
}

/* ---- a leaving guest ---- */

static void log_off(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = (domid_t)domid };

	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_OFF;
	do_domctl(ctx, &op);
}

/*
 * Whether the record's domain is there: 1, 0, -errno. One that is to go on as another has another
 * uuid for a while, and is known by its mark.
 */
static int leaving_there(struct hvctl_ctx *ctx, const struct handover_record *r)
{
	struct xen_domctl_getdomaininfo info;
	char by[GUEST_CLOSED_BY];
	int ret = domain_record(ctx, r->domid, &info);

	if (ret)
		return ret == -ESRCH ? 0 : ret;
	if (!memcmp(info.handle, r->uuid, sizeof(r->uuid)))
		return 1;
	ret = guest_closed(ctx, r->domid, by);
	return ret == 1 ? !strcmp(by, r->token) : ret;
}

static bool leaving_present(void *data, const struct handover_record *r)
{
	struct migrate_host *h = data;

	/* What is not known is found out by whoever acts upon it. */
	return leaving_there(h->ctx, r) != 0;
}

static int closed_by_another(struct hvctl_ctx *ctx, uint32_t domid, const char *token)
{
	return hvctl_fail(ctx, EBUSY,
			  "domain %u was given away in another migration; hvctl migrate "
			  "--resolve %s",
			  domid, token);
}

/* With its devices closed. */
static int leaving_go_on(struct migrate_host *h, const struct handover_record *r)
{
	uint32_t again;
	int ret = h->config ? 0 : save_read_settings(h->ctx, r->domid, &h->config);

	if (ret)
		return ret;
	/* It may be called something else by now. */
	snprintf(h->config->name, sizeof(h->config->name), "%s", r->name);
	memcpy(h->config->uuid, r->uuid, sizeof(r->uuid));
	h->config->uuid_given = true;
	ret = migrate_go_on(h->ctx, r->domid, h->config, &again);
	if (!ret) {
		h->runs = again;
		h->again = true;
	}
	return ret;
}

static int leaving_run(struct migrate_host *h, const struct handover_record *r)
{
	struct handover_record other;
	char by[GUEST_CLOSED_BY];
	int ret;

	log_off(h->ctx, r->domid);
	ret = guest_suspended(h->ctx, r->domid);
	/* It has come to its end: whoever minds it sees to that. */
	if (ret == -ECANCELED)
		return 0;
	/* A process that lives has seen to it itself. */
	if (ret != 1)
		return ret || !h->fresh ? ret : guest_let_go(h->ctx, r->domid);
	/* This record may be an old one: what a newer one gave away does not run. */
	ret = migrate_holds(h->ctx, MIGRATE_LEAVING, r->domid, &other);
	if (ret == 1 && other.state == HANDOVER_THERE && strcmp(other.token, r->token))
		return closed_by_another(h->ctx, r->domid, other.token);
	if (ret >= 0)
		ret = guest_closed(h->ctx, r->domid, by);
	if (ret == 1 && strcmp(by, r->token))
		return closed_by_another(h->ctx, r->domid, by);
	if (ret == 1)
		return leaving_go_on(h, r);
	return ret ? ret : guest_resume(h->ctx, r->domid);
}

static int leaving_act(void *data, const struct handover_record *r, enum handover_act act)
{
	struct migrate_host *h = data;
	int there;

	if (act == HANDOVER_DESTROY && !h->left_ms)
		h->left_ms = monotonic_ms();
	there = leaving_there(h->ctx, r);
	if (there != 1)
		return there;
	if (!hvctl_xs(h->ctx))
		return -ECONNREFUSED;
	if (act == HANDOVER_DESTROY && h->before_gone)
		h->before_gone(h, r);
	return act == HANDOVER_DESTROY ? domain_remove(h->ctx, r->domid) : leaving_run(h, r);
}

static int leaving_release(void *data, const struct handover_record *r)
{
	struct migrate_host *h = data;
	char path[64];
	int error;

	if (!hvctl_xs(h->ctx))
		return -ECONNREFUSED;
	/* Somebody may have let it go on: then it was not one guest that was sent. */
	if (guest_suspended(h->ctx, r->domid) != 1)
		return hvctl_fail(h->ctx, ECANCELED,
				  "domain %u did not stand still while it was sent", r->domid);
	snprintf(path, sizeof(path), GUEST_CLOSED, r->domid);
	error = xs_write(h->ctx->xs, 0, path, "%s", r->token);
	if (error)
		return hvctl_fail(h->ctx, -error, "the store refuses %s: %s", path,
				  strerror(-error));
	return devices_close(h->ctx, r->domid);
}

/* ---- a coming guest ---- */

/* By whom it was let run: before that it has never run here. */
#define CAME_MARK "/local/domain/%u/hvctl-came"

/*
 * The record's domain: 0, -ESRCH, -errno. By its number: somebody else may have made one of that
 * uuid before ours was made, or after it was destroyed.
 */
static int coming_domain(struct hvctl_ctx *ctx, const struct handover_record *r,
			 struct xen_domctl_getdomaininfo *info)
{
	int error = r->domid ? domain_record(ctx, r->domid, info) : -ESRCH;

	return !error && memcmp(info->handle, r->uuid, sizeof(r->uuid)) ? -ESRCH : error;
}

static bool coming_present(void *data, const struct handover_record *r)
{
	struct migrate_host *h = data;
	struct xen_domctl_getdomaininfo info;

	return !coming_domain(h->ctx, r, &info) && !(info.flags & XEN_DOMINF_dying);
}

/* Whether it has run here: 1, 0, -errno. A person may have paused it since. */
static int coming_has_run(struct hvctl_ctx *ctx, const struct handover_record *r)
{
	struct xen_domctl_getdomaininfo info;
	char *mark;
	int error = coming_domain(ctx, r, &info);

	if (error)
		return error;
	if (!(info.flags & XEN_DOMINF_paused))
		return 1;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	mark = xs_readf(ctx->xs, 0, CAME_MARK, r->domid);
	if (!mark && errno != ENOENT)
		return hvctl_fail(ctx, errno, "the store does not tell of domain %u: %s", r->domid,
				  strerror(errno));
	free(mark);
	return mark ? 1 : 0;
}

static bool coming_ran(void *data, const struct handover_record *r)
{
	struct migrate_host *h = data;

	/* What cannot be found out is not taken back. */
	return coming_has_run(h->ctx, r) != 0;
}

/* All that a person and its devices see of it: what it could not have while it was elsewhere. */
static int connect_devices(struct migrate_host *h, uint32_t domid, const char *name)
{
	struct hvctl_config *config = h->config;
	int error = 0;

	if (!config)
		error = save_read_settings(h->ctx, domid, &config);
	/* Somebody may have died in the middle of it. */
	if (!error)
		devices_remove(h->ctx, domid);
	if (!error)
		error = devices_check_sharing(h->ctx, config);
	if (!error)
		error = devices_add(h->ctx, config, domid);
	if (!error && !h->config) {
		snprintf(config->name, sizeof(config->name), "%s", name);
		h->config = config;
	} else if (config != h->config) {
		hvctl_config_free(config);
	}
	return error;
}

/* Connected and let run, once. */
static int coming_start(struct migrate_host *h, const struct handover_record *r)
{
	char path[64];
	int error = coming_has_run(h->ctx, r);

	if (error == 1)
		return 0;
	if (!error)
		error = connect_devices(h, r->domid, r->name);
	if (!error)
		error = domain_simple(h->ctx, r->domid, XEN_DOMCTL_unpausedomain, "start");
	if (error)
		return error;
	h->runs = r->domid;
	/* What was kept of it is what it was before. */
	kept_remove(r->uuid);
	snprintf(path, sizeof(path), CAME_MARK, r->domid);
	error = xs_write(h->ctx->xs, 0, path, "%ld", (long)getpid());
	return error ? hvctl_fail(h->ctx, -error, "the store refuses %s: %s", path,
				  strerror(-error))
		     : 0;
}

/* Whoever let it run was killed before it could start somebody to mind it. */
static int coming_adopt(struct migrate_host *h, const struct handover_record *r)
{
	char *mark = xs_readf(h->ctx->xs, 0, CAME_MARK, r->domid);
	int error = 0;

	if (mark && strtol(mark, NULL, 10) == (long)h->dead) {
		error = h->config ? 0 : save_read_settings(h->ctx, r->domid, &h->config);
		if (!error)
			h->runs = r->domid;
	}
	free(mark);
	return error;
}

static int coming_run(struct migrate_host *h, const struct handover_record *r)
{
	char *name;
	int error = coming_start(h, r);

	if (!error && h->dead && !h->runs)
		error = coming_adopt(h, r);
	if (error)
		return error;
	/* Within its host it can have its name only when the one that left has gone. */
	name = xs_readf(h->ctx->xs, 0, "/local/domain/%u/name", r->domid);
	if (name && strcmp(name, r->name))
		hvctl_rename(h->ctx, r->domid, r->name);
	free(name);
	return 0;
}

static int coming_act(void *data, const struct handover_record *r, enum handover_act act)
{
	struct migrate_host *h = data;
	struct xen_domctl_getdomaininfo info;
	int error = coming_domain(h->ctx, r, &info);

	if (error)
		return error == -ESRCH ? 0 : error;
	if (!hvctl_xs(h->ctx))
		return -ECONNREFUSED;
	return act == HANDOVER_DESTROY ? domain_remove(h->ctx, r->domid) : coming_run(h, r);
}

int migrate_still_comes(struct migrate_host *h, const char *token)
{
	struct handover_record r;
	int error = handover_record_peek(&r, h->host.dir, token);

	if (error)
		return hvctl_fail(h->ctx, -error, "the record of the migration: %s",
				  strerror(-error));
	return r.state == HANDOVER_RECEIVING && coming_present(h, &r)
		       ? 0
		       : hvctl_fail(h->ctx, ECANCELED, "somebody took down what was here of it");
}

struct halves {
	struct migrate_host *h;
	const uint8_t *uuid;
	const char *token;
};

static bool is_half(const struct halves *s, const struct handover_record *r)
{
	return r->state == HANDOVER_RECEIVING && !memcmp(r->uuid, s->uuid, sizeof(r->uuid)) &&
	       strcmp(r->token, s->token);
}

/* Whoever fills it notices, and lets go of its memory. */
static int drop_half(void *data, const char *token)
{
	struct halves *s = data;
	struct handover_record r;
	struct handover_step step;
	int error = handover_record_peek(&r, s->h->host.dir, token);

	/* One that cannot be read is nobody's half. */
	if (error || !is_half(s, &r))
		return 0;
	error = handover_record_open(&r, s->h->host.dir, token);
	if (!error && is_half(s, &r)) {
		step = handover_hear(r.state, HANDOVER_BACK);
		error = handover_perform(&s->h->host, &r, &step, NULL);
	}
	handover_record_close(&r);
	return error ? hvctl_fail(s->h->ctx, -error,
				  "what came of it earlier, under the token %s, cannot be taken "
				  "down: %s",
				  token, strerror(-error))
		     : 0;
}

int migrate_drop_halves(struct migrate_host *h, const uint8_t uuid[16], const char *token)
{
	struct halves s = { h, uuid, token };

	return handover_record_each(h->host.dir, drop_half, &s);
}

/* ---- both ---- */

static void report(void *data, const struct handover_record *r, const char *line)
{
	struct migrate_host *h = data;

	hvctl_warn(h->ctx, "migration %s of '%s': %s", r->token, r->name, line);
}

int migrate_host_open(struct hvctl_ctx *ctx, enum migrate_side side, struct migrate_host *h)
{
	const char *dir = side == MIGRATE_LEAVING ? MIGRATE_LEAVING_DIR : MIGRATE_COMING_DIR;
	int error = hvctl_run_dir(ctx);

	*h = (struct migrate_host){ .ctx = ctx, .host.dir = -1 };
	if (error)
		return error;
	error = hypercall_open(ctx);
	if (error)
		return error;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return hvctl_fail(ctx, errno, "cannot create %s: %s", dir, strerror(errno));
	h->host = (struct handover_host){ .dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
					  .report = report };
	if (h->host.dir < 0)
		return hvctl_fail(ctx, errno, "cannot open %s: %s", dir, strerror(errno));
	h->host.data = h;
	if (side == MIGRATE_LEAVING) {
		h->host.present = leaving_present;
		h->host.act = leaving_act;
		h->host.release = leaving_release;
	} else {
		h->host.present = coming_present;
		h->host.ran = coming_ran;
		h->host.act = coming_act;
	}
	return 0;
}

void migrate_host_close(struct migrate_host *h)
{
	if (h->host.dir >= 0)
		close(h->host.dir);
	h->host.dir = -1;
}

struct search {
	struct hvctl_ctx *ctx;
	int dir;
	enum migrate_side side;
	uint32_t domid;
	uint8_t uuid[16];
	struct handover_record *found; /* HANDOVER_NONE: none yet */
};

/* Whether a record holds the domain: 1, 0, -errno. */
static int holds(const struct search *s, const struct handover_record *r)
{
	int ret;

	if (r->state == HANDOVER_NONE || r->domid != s->domid)
		return 0;
	if (s->side == MIGRATE_LEAVING)
		return leaving_there(s->ctx, r);
	if (memcmp(r->uuid, s->uuid, sizeof(r->uuid)))
		return 0;
	ret = r->state == HANDOVER_RUNNING ? coming_has_run(s->ctx, r) : 0;
	return ret < 0 ? ret : !ret;
}

/* All of them are looked at: one that gives it away counts more than what is older. */
static int look_at(void *data, const char *token)
{
	struct search *s = data;
	struct handover_record r;
	int ret = handover_record_peek(&r, s->dir, token);

	if (ret)
		return hvctl_fail(s->ctx, -ret, "the record of the migration %s: %s", token,
				  strerror(-ret));
	ret = holds(s, &r);
	if (ret == 1 && (s->found->state == HANDOVER_NONE || r.state == HANDOVER_THERE))
		*s->found = r;
	return ret < 0 ? ret : 0;
}

int migrate_holds(struct hvctl_ctx *ctx, enum migrate_side side, uint32_t domid,
		  struct handover_record *r)
{
	struct search s = { .ctx = ctx, .side = side, .domid = domid, .found = r };
	struct xen_domctl_getdomaininfo info;
	struct migrate_host h;
	int ret = domain_need(ctx, domid, &info);

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	if (!ret)
		ret = migrate_host_open(ctx, side, &h);
	if (ret)
		return ret;
	memcpy(s.uuid, info.handle, sizeof(s.uuid));
	s.dir = h.host.dir;
	ret = handover_record_each(h.host.dir, look_at, &s);
	migrate_host_close(&h);
	return ret ? ret : r->state != HANDOVER_NONE;
}

/* Here, because whether it may be done is known here. */
int hvctl_unpause(struct hvctl_ctx *ctx, uint32_t domid)
{
	int error = domain_not_dom0(ctx, domid, "unpause");
	struct handover_record r;

	if (!error)
		error = migrate_holds(ctx, MIGRATE_COMING, domid, &r);
	if (error == 1)
		error = hvctl_fail(ctx, EBUSY,
				   "domain %u comes from another host, and may run there: it goes "
				   "on when that says so; if it is lost: hvctl migrate --resolve "
				   "%s --here",
				   domid, r.token);
	return error ? error : domain_simple(ctx, domid, XEN_DOMCTL_unpausedomain, "unpause");
}
