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
#include "kept.h"
#include "migrate.h"
#include "removal.h"
#include "save/parts.h"
#include "save/pages.h"
#include "save/restore.h"
#include "save/settings.h"
#include "write_all.h"
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
	bool recorded, force_cpu;
	struct kept kept; /* what is here of what it had */
};

/* The other end takes no more digests than its guest has pages. */
static bool tell_kept(const struct known *k, int fd, uint64_t most)
{
	uint64_t n = k->nr < most ? k->nr : most;

	return !migrate_write_line(fd, MIGRATE_KEPT "%llu", (unsigned long long)n) &&
	       !write_all(fd, k->key, sizeof(k->key)) &&
	       !write_all(fd, k->digest, (size_t)n * sizeof(*k->digest));
}

static int accepted(struct image *i)
{
	struct coming *c = i->data;
	bool said = c->kept.known.nr
			    ? tell_kept(&c->kept.known, c->out, i->nr_pages)
			    : !migrate_write_line(c->out, "%s", MIGRATE_ACCEPTED);

	return said ? 0 : hvctl_fail(c->ctx, EPIPE, "the link to the other host broke");
}

/* A page that the other end did not send, because it was told that it is here. */
static int known(struct image *i, const struct digest *d, void *page)
{
	struct coming *c = i->data;
	int error = kept_read(&c->kept, d, page);

	if (!error)
		return 0;
	/* The next time it is sent. */
	if (error != -ENOENT)
		kept_remove(c->config->uuid);
	return hvctl_fail(c->ctx, -error, "%s",
			  error == -ENOENT
				  ? "the other host counts on a page that is not here"
				  : "what is kept of it here is damaged, and goes: try again");
}

/* Whoever takes it down, if we are killed, knows which it is. */
static int note_domain(struct coming *c, uint32_t domid)
{
	struct handover_record r;
	int error = handover_record_open(&r, c->host.host.dir, c->token);

	if (!error) {
		r.domid = domid;
		/* Somebody may have heard meanwhile that the guest stays where it was. */
		error = r.state == HANDOVER_RECEIVING ? handover_record_write(&r) : -ECANCELED;
		handover_record_close(&r);
	}
	return error ? hvctl_fail(c->ctx, -error, "the record of the migration: %s",
				  strerror(-error))
		     : 0;
}

static int still_comes(void *data)
{
	struct coming *c = data;

	return migrate_still_comes(&c->host, c->token);
}

static int fill_from_stream(void *data, uint32_t domid, struct domain_rings *rings)
{
	struct coming *c = data;
	int error = note_domain(c, domid);

	if (!error) {
		stream_watch(c->image.in, still_comes, c);
		error = own_fill(&c->image, domid, rings);
	}
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
	int error = stream_await(c->ctx, c->in, "what comes", MIGRATE_PATIENCE_MS);

	if (error)
		return error;
	if (read_whole(c->in, head, sizeof(head)) != (long)sizeof(head))
		return hvctl_fail(c->ctx, EPIPE, "the link to the other host broke");
	c->image = (struct image){
		.ctx = c->ctx, .fd = c->in, .name = "what comes", .accepted = accepted,
		.known = known, .data = c,
		.force_cpu = c->force_cpu,
	};
	error = own_config(&c->image, head, &c->config);
	if (!error && !stream_is_live(c->image.in))
		error = hvctl_fail(c->ctx, EINVAL, "what comes is not a guest that runs");
	return error;
}

/*
 * Whether it comes to the host that it leaves, by this migration: 1, 0, -errno. A domain of its
 * uuid may be something else: what an earlier one left here.
 */
static int comes_home(struct coming *c)
{
	struct hvctl_config *g = c->config;
	struct handover_record r;
	struct migrate_host h;
	uint32_t domid;
	int ret;

	if (!g->uuid_given || domain_by_uuid(c->ctx, g->uuid, &domid))
		return 0;
	ret = migrate_host_open(c->ctx, MIGRATE_LEAVING, &h);
	if (ret)
		return ret;
	ret = handover_record_peek(&r, h.host.dir, c->token);
	migrate_host_close(&h);
	if (ret)
		return hvctl_fail(c->ctx, -ret, "the record of the migration: %s", strerror(-ret));
	if (r.state == HANDOVER_SENDING && r.domid == domid)
		return 1;
	ret = migrate_holds(c->ctx, MIGRATE_COMING, domid, &r);
	return ret == 1 ? hvctl_fail(c->ctx, EEXIST,
				     "a copy of it from the migration %s waits here as domain %u; "
				     "hvctl migrate --resolve %s",
				     r.token, domid, r.token)
			: ret;
}

/* All that can be found wrong while the guest runs elsewhere. */
static int check(struct coming *c)
{
	struct hvctl_config *g = c->config;
	unsigned int flags = HVCTL_CREATE_PAUSED | DOMAIN_NO_DEVICES;
	int home, error;

	if (hypercall_open(c->ctx))
		return -ENODEV;
	if (!hvctl_xs(c->ctx))
		return -ECONNREFUSED;
	snprintf(c->name, sizeof(c->name), "%s", g->name);
	/* Before anybody finds it in the way. */
	error = g->uuid_given ? migrate_drop_halves(&c->host, g->uuid, c->token) : 0;
	if (error)
		return error;
	home = comes_home(c);
	if (home < 0)
		return home;
	/*
	 * To the host that it leaves: there both are for a while, and what is the guest's own is
	 * the other's until that has gone.
	 */
	if (home) {
		g->uuid_given = false;
		snprintf(g->name, sizeof(g->name), "%.*s%s",
			 (int)(sizeof(g->name) - sizeof(COMING_SUFFIX)), c->name, COMING_SUFFIX);
	} else {
		error = devices_check_sharing(c->ctx, g);
		if (error)
			return error;
		if (g->uuid_given)
			kept_open(&c->kept, g->uuid);
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
	kept_close(&c->kept);
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
	c->force_cpu = !strcmp(order, MIGRATE_FORCE);
	if (c->force_cpu || !strcmp(order, MIGRATE_TAKE))
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
	struct coming c = {
		.ctx = ctx, .in = in, .out = out, .host.host.dir = -1, .kept.fd = -1,
	};
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
	kept_close(&c.kept);
	stream_in_free(c.image.in);
	migrate_host_close(&c.host);
	ctx->cancelled = 0;
	return ret;
}
