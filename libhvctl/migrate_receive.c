// SPDX-License-Identifier: LGPL-2.1-or-later
/* Migrating a guest: the end that it comes to, and what is to be done again for one that left. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "create.h"
#include "device.h"
#include "domain.h"
#include "migrate.h"
#include "removal.h"
#include "save/parts.h"
#include "save/pages.h"
#include "save/restore.h"
#include "save/settings.h"
#include "xs.h"

/* Behind the name of a guest that comes to the host that it leaves, until the other has gone. */
#define COMING_SUFFIX "--coming"

struct coming {
	struct hvctl_ctx *ctx;
	int in, out;
	char token[HANDOVER_TOKEN_LEN + 1];
	char name[HVCTL_NAME_MAX]; /* that it is to have */
	struct image image;
	struct migrate_host host;
	struct hvctl_config *config;
	bool recorded;
};

static int accepted(struct image *i)
{
	struct coming *c = i->data;

	return migrate_write_line(c->out, "%s", MIGRATE_ACCEPTED)
		       ? hvctl_fail(c->ctx, EPIPE, "the link to the other host broke")
		       : 0;
}

static int fill_from_stream(void *data, uint32_t domid, struct domain_rings *rings)
{
	struct coming *c = data;
	int error = own_fill(&c->image, domid, rings);

	/* The domain that is about to be taken down has frames that only we hold. */
	if (error) {
		fill_end(&c->image.fill);
		c->image.fill = (struct fill){ 0 };
	}
	return error;
}

static int read_head(struct coming *c)
{
	uint8_t head[IMAGE_HEAD];
	int error;

	if (read_whole(c->in, head, sizeof(head)) != (long)sizeof(head))
		return hvctl_fail(c->ctx, EPIPE, "the link to the other host broke");
	c->image = (struct image){
		.ctx = c->ctx, .fd = c->in, .name = "what comes", .accepted = accepted, .data = c
	};
	error = own_config(&c->image, head, &c->config);
	if (!error && !stream_is_live(c->image.in))
		error = hvctl_fail(c->ctx, EINVAL, "what comes is not a guest that runs");
	return error;
}

/* All that can be found wrong while the guest runs elsewhere. */
static int check(struct coming *c)
{
	struct hvctl_config *g = c->config;
	unsigned int flags = HVCTL_CREATE_PAUSED | DOMAIN_NO_DEVICES;
	uint32_t domid;
	int error;

	if (hypercall_open(c->ctx))
		return -ENODEV;
	snprintf(c->name, sizeof(c->name), "%s", g->name);
	/*
	 * To the host that it leaves: there both are for a while, and what is the guest's own is
	 * the other's until that has gone.
	 */
	if (g->uuid_given && !domain_by_uuid(c->ctx, g->uuid, &domid)) {
		g->uuid_given = false;
		snprintf(g->name, sizeof(g->name), "%.*s%s",
			 (int)(sizeof(g->name) - sizeof(COMING_SUFFIX)), c->name, COMING_SUFFIX);
	} else {
		error = devices_check_sharing(c->ctx, g);
		if (error)
			return error;
	}
	error = domain_check_for(c->ctx, g, flags);
	return error ? error : devices_check_there(c->ctx, g);
}

static int begin(struct coming *c)
{
	struct handover_record r;
	int error = handover_record_open(&r, c->host.host.dir, c->token);

	if (!error) {
		memcpy(r.uuid, c->config->uuid, sizeof(r.uuid));
		snprintf(r.name, sizeof(r.name), "%s", c->name);
		error = handover_begin(&r, HANDOVER_RECEIVING);
		handover_record_close(&r);
	}
	c->recorded = !error;
	return error ? hvctl_fail(c->ctx, -error, "cannot write a record in /run/hvctl: %s",
				  strerror(-error))
		     : 0;
}

static void tell(struct coming *c, bool under_way)
{
	if (c->ctx->migrating)
		c->ctx->migrating(c->ctx->migrating_data, c->token, false, -1, under_way);
}

/* Until it is whole, verified and written down as such. */
static int take_it(struct coming *c, struct handover_link *link)
{
	uint32_t domid;
	int error = domain_make(c->ctx, c->config, HVCTL_CREATE_PAUSED | DOMAIN_NO_DEVICES,
				fill_from_stream, c, &domid);

	if (error)
		return error;
	/* Nobody has its memory mapped any more when it is run. */
	fill_end(&c->image.fill);
	c->image.fill = (struct fill){ 0 };
	/* What it is called is what it will be called when somebody looks for it later. */
	error = handover_ready(&c->host.host, c->token, link);
	return error ? hvctl_fail(c->ctx, -error, "cannot write a record in /run/hvctl: %s",
				  strerror(-error))
		     : 0;
}

static int take(struct coming *c)
{
	struct handover_link link = { .in = c->in,
				      .out = c->out,
				      .patience = -1,
				      .running_patience = MIGRATE_PATIENCE_MS };
	char why[sizeof(c->ctx->error)];
	int error = read_head(c);

	if (!error)
		error = check(c);
	if (!error)
		error = begin(c);
	if (!error) {
		c->image.fill.ctx = c->ctx;
		c->image.fill.name = c->image.name;
		c->image.fill.config = c->config;
		c->host.config = c->config;
		tell(c, true);
		error = take_it(c, &link);
		if (!error) {
			error = handover_converse(&c->host.host, c->token, &link);
			tell(c, false);
			return error;
		}
		memcpy(why, c->ctx->error, sizeof(why));
		handover_take_up(&c->host.host, c->token, NULL);
		memcpy(c->ctx->error, why, sizeof(why));
		tell(c, false);
	}
	migrate_write_line(c->out, "%s%s", MIGRATE_REFUSED, c->ctx->error);
	return error;
}

static int settle(struct coming *c)
{
	struct handover_link link = { .in = c->in, .out = c->out, .patience = MIGRATE_PATIENCE_MS };

	c->host.fresh = true;
	return handover_converse(&c->host.host, c->token, &link);
}

static int receive(struct coming *c)
{
	char line[128], order[16];
	int n = -1, ret;

	if (migrate_write_line(c->out, "%s", MIGRATE_GREETING))
		return hvctl_fail(c->ctx, EPIPE,
				  "nobody hears this: it is hvctl migrate that runs it");
	ret = migrate_read_line(c->in, line, sizeof(line), MIGRATE_PATIENCE_MS);
	if (ret || sscanf(line, MIGRATE_GREETING " %15s %32s%n", order, c->token, &n) != 2 ||
	    n != (int)strlen(line) || !handover_token_valid(c->token))
		return hvctl_fail(c->ctx, EPROTO, "no hvctl migrate speaks to this one");
	ret = migrate_host_open(c->ctx, MIGRATE_COMING, &c->host);
	if (ret)
		return ret;
	if (!strcmp(order, MIGRATE_TAKE))
		ret = take(c);
	else if (!strcmp(order, MIGRATE_SETTLE))
		ret = settle(c);
	else
		return hvctl_fail(c->ctx, EPROTO, "no hvctl migrate speaks to this one");
	if (ret == -EAGAIN && !c->host.runs)
		return hvctl_fail(c->ctx, EAGAIN,
				  "the link to the other host broke; the guest of migration %s is "
				  "here and waits to hear from it",
				  c->token);
	return ret == -EAGAIN ? 0 : ret;
}

int hvctl_migrate_receive(struct hvctl_ctx *ctx, int in, int out, struct hvctl_config **config,
			  uint32_t *domid)
{
	struct coming c = { .ctx = ctx, .in = in, .out = out, .host.host.dir = -1 };
	int ret = receive(&c);

	*config = NULL;
	if (c.host.runs) {
		*domid = c.host.runs;
		*config = c.host.config;
		if (c.name[0])
			snprintf((*config)->name, sizeof((*config)->name), "%s", c.name);
	} else {
		hvctl_config_free(c.config ? c.config : c.host.config);
	}
	fill_end(&c.image.fill);
	stream_in_free(c.image.in);
	migrate_host_close(&c.host);
	ctx->cancelled = 0;
	return ret;
}

/* ---- a guest that has to stay although its devices were closed ---- */

/* The old domain's image, into a pipe; in a process of its own. */
static void write_image(uint32_t domid, const struct hvctl_config *config, int fd)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct saving s = { .ctx = ctx, .domid = domid };
	struct pages_stored stored;
	char *settings = settings_text(config);
	int error = ctx && settings ? guest_look(ctx, domid, &s.g) : -ENOMEM;

	if (!error)
		error = stream_create(ctx, fd, "a pipe", 0, &s.out);
	if (!error)
		error = save_head(&s, settings);
	if (!error)
		error = save_one(&s, RECORD_P2M, s.g.list, s.g.nr_list * sizeof(*s.g.list));
	if (!error)
		error = pages_save(&s.g, s.out, &stored);
	if (!error)
		error = save_tail(&s);
	if (!error)
		error = stream_finish(s.out);
	_exit(error ? 1 : 0);
}

static int fill_from_image(void *data, uint32_t domid, struct domain_rings *rings)
{
	struct image *i = data;
	int error = own_fill(i, domid, rings);

	if (error) {
		fill_end(&i->fill);
		i->fill = (struct fill){ 0 };
	}
	return error;
}

static int read_image(struct hvctl_ctx *ctx, int fd, struct hvctl_config **config, uint32_t *domid)
{
	struct image i = { .ctx = ctx, .fd = fd, .name = "a pipe" };
	uint8_t head[IMAGE_HEAD];
	int error;

	if (read_whole(fd, head, sizeof(head)) != (long)sizeof(head))
		return hvctl_fail(ctx, EPIPE, "the guest's memory cannot be read");
	error = own_config(&i, head, config);
	if (!error)
		error = domain_check(ctx, *config);
	i.fill.ctx = ctx;
	i.fill.name = i.name;
	i.fill.config = *config;
	if (!error)
		error = domain_make(ctx, *config, 0, fill_from_image, &i, domid);
	fill_end(&i.fill);
	stream_in_free(i.in);
	return error;
}

/* Give name and uuid to domain @domid, which has others: one of two that are the same guest. */
static int call_it(struct hvctl_ctx *ctx, uint32_t domid, const char *name, const uint8_t uuid[16],
		   const char *vm)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setdomainhandle, .domain = (domid_t)domid };
	char path[64];
	int error;

	memcpy(op.u.setdomainhandle.handle, uuid, 16);
	error = do_domctl(ctx, &op);
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	if (!error)
		error = xs_write(ctx->xs, 0, path, "%s", name);
	/* Nothing below it goes with this domain when the other has it. */
	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	if (!error)
		error = xs_write(ctx->xs, 0, path, "%s", vm);
	return error ? hvctl_fail(ctx, -error, "domain %u cannot be called '%s': %s", domid, name,
				  strerror(-error))
		     : 0;
}

static int go_on_anew(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *config,
		      uint32_t *again)
{
	struct hvctl_config *copy = NULL;
	int fd[2], error;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return hvctl_fail(ctx, errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(fd[0]);
		write_image(domid, config, fd[1]);
	}
	close(fd[1]);
	error = pid < 0 ? hvctl_fail(ctx, errno, "cannot fork: %s", strerror(errno))
			: read_image(ctx, fd[0], &copy, again);
	close(fd[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	hvctl_config_free(copy);
	return error;
}

int migrate_go_on(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *config,
		  uint32_t *again)
{
	char name[HVCTL_NAME_MAX], vm[64] = "/vm/", why[sizeof(ctx->error)];
	uint8_t uuid[16];
	int error = hvctl_random(ctx, uuid, sizeof(uuid));

	if (!error) {
		/* A backend that has not let go of its device by now is not asked any more. */
		devices_remove(ctx, domid);
		snprintf(name, sizeof(name), "%.*s--left", (int)sizeof(name) - 7, config->name);
		hvctl_uuid_text(config->uuid, vm + strlen(vm));
		error = call_it(ctx, domid, name, uuid, "");
	}
	if (!error) {
		error = go_on_anew(ctx, domid, config, again);
		if (!error) {
			domain_remove(ctx, domid);
		} else {
			memcpy(why, ctx->error, sizeof(why));
			call_it(ctx, domid, config->name, config->uuid, vm);
			hvctl_fail(ctx, -error,
				   "the guest's devices were closed, and it cannot go on here: "
				   "%.400s",
				   why);
		}
	}
	return error;
}
