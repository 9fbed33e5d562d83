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

/* Written before the first device is closed: from then on it cannot go on as it was. */
#define CLOSED_MARK "/local/domain/%u/hvctl-devices-closed"

static bool devices_closed(struct hvctl_ctx *ctx, uint32_t domid)
{
	char *mark = hvctl_xs(ctx) ? xs_readf(ctx->xs, 0, CLOSED_MARK, domid) : NULL;
	bool closed = mark;

	free(mark);
	return closed;
}

static bool leaving_present(void *data, const struct handover_record *r)
{
	struct migrate_host *h = data;
	struct xen_domctl_getdomaininfo info;

	return !domain_record(h->ctx, r->domid, &info) &&
	       !memcmp(info.handle, r->uuid, sizeof(r->uuid));
}

static int leaving_run(struct migrate_host *h, const struct handover_record *r)
{
	uint32_t again;
	int ret;

	log_off(h->ctx, r->domid);
	ret = guest_suspended(h->ctx, r->domid);
	/* It has come to its end: whoever minds it sees to that. */
	if (ret == -ECANCELED)
		return 0;
	if (ret == 1 && devices_closed(h->ctx, r->domid)) {
		ret = h->config ? 0 : save_read_settings(h->ctx, r->domid, &h->config);
		if (!ret)
			ret = migrate_go_on(h->ctx, r->domid, h->config, &again);
		if (!ret) {
			h->runs = again;
			h->again = true;
		}
		return ret;
	}
	if (ret == 1)
		return guest_resume(h->ctx, r->domid);
	/* A process that lives has seen to it itself. */
	return ret || !h->fresh ? ret : guest_let_go(h->ctx, r->domid);
}

static int leaving_act(void *data, const struct handover_record *r, enum handover_act act)
{
	struct migrate_host *h = data;

	if (act == HANDOVER_DESTROY && !h->left_ms)
		h->left_ms = monotonic_ms();
	if (!leaving_present(h, r))
		return 0;
	if (!hvctl_xs(h->ctx))
		return -ECONNREFUSED;
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
	snprintf(path, sizeof(path), CLOSED_MARK, r->domid);
	error = xs_write(h->ctx->xs, 0, path, "1");
	if (error)
		return hvctl_fail(h->ctx, -error, "the store refuses %s: %s", path,
				  strerror(-error));
	return devices_close(h->ctx, r->domid);
}

/* ---- a coming guest ---- */

static bool coming_present(void *data, const struct handover_record *r)
{
	struct migrate_host *h = data;
	struct xen_domctl_getdomaininfo info;
	uint32_t domid;

	return !domain_by_uuid(h->ctx, r->uuid, &domid) && !domain_record(h->ctx, domid, &info) &&
	       !(info.flags & XEN_DOMINF_dying);
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

static int coming_run(struct migrate_host *h, const struct handover_record *r, uint32_t domid)
{
	struct xen_domctl_getdomaininfo info;
	char *name;
	int error = domain_need(h->ctx, domid, &info);

	if (!error && info.flags & XEN_DOMINF_paused) {
		error = connect_devices(h, domid, r->name);
		if (!error)
			error = domain_simple(h->ctx, domid, XEN_DOMCTL_unpausedomain, "start");
		if (!error)
			h->runs = domid;
	}
	if (error)
		return error;
	/* Within its host it can have its name only when the one that left has gone. */
	name = xs_readf(h->ctx->xs, 0, "/local/domain/%u/name", domid);
	if (name && strcmp(name, r->name))
		hvctl_rename(h->ctx, domid, r->name);
	free(name);
	return 0;
}

static int coming_act(void *data, const struct handover_record *r, enum handover_act act)
{
	struct migrate_host *h = data;
	uint32_t domid;
	int error = domain_by_uuid(h->ctx, r->uuid, &domid);

	if (error == -ESRCH)
		return 0;
	if (error)
		return error;
	if (!hvctl_xs(h->ctx))
		return -ECONNREFUSED;
	return act == HANDOVER_DESTROY ? domain_remove(h->ctx, domid) : coming_run(h, r, domid);
}

/* ---- both ---- */

static void report(void *data, const struct handover_record *r, const char *line)
{
	struct migrate_host *h = data;

	hvctl_warn(h->ctx, "migration %s of '%s': %s", r->token, r->name, line);
}

int migrate_host_open(struct hvctl_ctx *ctx, enum migrate_side side, struct migrate_host *h)
{
	const char *dir = side == MIGRATE_LEAVING ? "/run/hvctl/leaving" : "/run/hvctl/coming";
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
	int dir;
	enum migrate_side side;
	uint32_t domid;
	uint8_t uuid[16];
	char *token;
};

static int is_it(void *data, const char *token)
{
	struct search *s = data;
	struct handover_record r;
	bool found;

	if (handover_record_open(&r, s->dir, token))
		return 0;
	found = r.state != HANDOVER_NONE && !memcmp(r.uuid, s->uuid, sizeof(r.uuid)) &&
		(s->side == MIGRATE_COMING ? r.state != HANDOVER_RUNNING : r.domid == s->domid);
	handover_record_close(&r);
	if (found)
		snprintf(s->token, HANDOVER_TOKEN_LEN + 1, "%s", token);
	return found;
}

bool migrate_holds(struct hvctl_ctx *ctx, enum migrate_side side, uint32_t domid,
		   char token[HANDOVER_TOKEN_LEN + 1])
{
	struct search s = { .side = side, .domid = domid, .token = token };
	struct xen_domctl_getdomaininfo info;
	struct migrate_host h;
	bool held;

	if (domain_record(ctx, domid, &info) || migrate_host_open(ctx, side, &h))
		return false;
	memcpy(s.uuid, info.handle, sizeof(s.uuid));
	s.dir = h.host.dir;
	held = handover_record_each(h.host.dir, is_it, &s) == 1;
	migrate_host_close(&h);
	return held;
}

/* Here, because whether it may be done is known here. */
int hvctl_unpause(struct hvctl_ctx *ctx, uint32_t domid)
{
	int error = domain_not_dom0(ctx, domid, "unpause");
	char token[HANDOVER_TOKEN_LEN + 1];

	if (!error && migrate_holds(ctx, MIGRATE_COMING, domid, token))
		error = hvctl_fail(ctx, EBUSY,
				   "domain %u comes from another host, and may run there: it goes "
				   "on when that says so; if it is lost: hvctl migrate --resolve "
				   "%s --here",
				   domid, token);
	return error ? error : domain_simple(ctx, domid, XEN_DOMCTL_unpausedomain, "unpause");
}
