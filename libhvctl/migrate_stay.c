// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A guest that has to stay although its devices were closed goes on as a restored one, in a new
 * domain. Any process in it may be killed: what it had come to is in the old domain's part of the
 * store, and whoever takes it up goes on from there. The old one keeps its configuration all along.
 */
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

/* Of the old domain: as which it goes on, and whether that is whole and the one. */
#define AGAIN "/local/domain/%u/hvctl-again"

static int note_again(struct hvctl_ctx *ctx, uint32_t domid, uint32_t again, bool whole)
{
	char path[64];
	int error;

	snprintf(path, sizeof(path), AGAIN, domid);
	error = xs_write(ctx->xs, 0, path, "%u%s", again, whole ? " whole" : "");
	return error ? hvctl_fail(ctx, -error, "the store refuses %s: %s", path, strerror(-error))
		     : 0;
}

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

struct anew {
	struct image image;
	uint32_t old;
};

static int fill_from_image(void *data, uint32_t domid, struct domain_rings *rings)
{
	struct anew *a = data;
	struct image *i = &a->image;
	int error = note_again(i->ctx, a->old, domid, false);

	if (!error)
		error = own_fill(i, domid, rings);
	if (error) {
		fill_end(&i->fill);
		i->fill = (struct fill){ 0 };
	}
	return error;
}

/* Paused: it runs when it is written down that it is the one. */
static int read_image(struct hvctl_ctx *ctx, uint32_t old, int fd, struct hvctl_config **config,
		      uint32_t *domid)
{
	struct anew a = { .image = { .ctx = ctx, .fd = fd, .name = "a pipe" }, .old = old };
	struct image *i = &a.image;
	uint8_t head[IMAGE_HEAD];
	int error;

	if (read_whole(fd, head, sizeof(head)) != (long)sizeof(head))
		return hvctl_fail(ctx, EPIPE, "the guest's memory cannot be read");
	error = own_config(i, head, config);
	if (!error)
		error = domain_check(ctx, *config);
	i->fill.ctx = ctx;
	i->fill.name = i->name;
	i->fill.config = *config;
	if (!error)
		error = domain_make(ctx, *config, HVCTL_CREATE_PAUSED, fill_from_image, &a, domid);
	fill_end(&i->fill);
	stream_in_free(i->in);
	return error;
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
			: read_image(ctx, domid, fd[0], &copy, again);
	close(fd[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	hvctl_config_free(copy);
	return error;
}

int migrate_call_it(struct hvctl_ctx *ctx, uint32_t domid, const char *name,
		    const uint8_t uuid[16], const struct hvctl_config *config)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setdomainhandle, .domain = (domid_t)domid };
	char path[64], text[37], vm[48], *before;
	int error;

	hvctl_uuid_text(uuid, text);
	snprintf(vm, sizeof(vm), "/vm/%s", text);
	before = xs_readf(ctx->xs, 0, "/local/domain/%u/vm", domid);
	if (!before || strcmp(before, vm))
		xs_remove(ctx->xs, 0, vm);
	error = before && !strcmp(before, vm) ? 0 : domain_put_settings(ctx, text, config);
	memcpy(op.u.setdomainhandle.handle, uuid, 16);
	if (!error) {
		error = do_domctl(ctx, &op);
		snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
		if (!error)
			error = xs_write(ctx->xs, 0, path, "%s", name);
		snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
		if (!error)
			error = xs_write(ctx->xs, 0, path, "%s", vm);
		if (error)
			hvctl_fail(ctx, -error, "domain %u cannot be called '%s': %s", domid, name,
				   strerror(-error));
	}
	if (!error && before && !strncmp(before, "/vm/", 4) && before[4] && strcmp(before, vm))
		xs_remove(ctx->xs, 0, before);
	free(before);
	return error;
}

/* The new one is whole. It runs, and the old one goes. */
static int take_its_place(struct hvctl_ctx *ctx, uint32_t domid, uint32_t again)
{
	int error = domain_simple(ctx, again, XEN_DOMCTL_unpausedomain, "start");

	return error ? error : domain_remove(ctx, domid);
}

/*
 * A domain of the guest's uuid whose maker was killed before it could be noted: all who make one
 * have the lock until it has a name.
 */
static int remove_nameless(struct hvctl_ctx *ctx, uint32_t old, const uint8_t uuid[16])
{
	int error = 0, lock = hvctl_lock(ctx);
	uint32_t domid;
	char *name;

	if (lock < 0)
		return lock;
	if (!domain_by_uuid(ctx, uuid, &domid) && domid != old) {
		name = xs_readf(ctx->xs, 0, "/local/domain/%u/name", domid);
		if (!name && errno == ENOENT)
			error = domain_remove(ctx, domid);
		free(name);
	}
	close(lock);
	return error;
}

/*
 * What somebody had come to who was killed: 1, it goes on as *again; 0, nothing of it is there any
 * more; -errno.
 */
static int end_earlier(struct hvctl_ctx *ctx, uint32_t domid, const uint8_t uuid[16],
		       uint32_t *again)
{
	struct xen_domctl_getdomaininfo info;
	char *text = xs_readf(ctx->xs, 0, AGAIN, domid), *end;
	bool whole;
	int error;

	if (!text)
		return errno == ENOENT ? 0
				       : hvctl_fail(ctx, errno, "the store does not tell of domain "
								"%u: %s",
						    domid, strerror(errno));
	*again = (uint32_t)strtoul(text, &end, 10);
	whole = !strcmp(end, " whole");
	free(text);
	error = domain_record(ctx, *again, &info);
	if (error == -ESRCH || (!error && memcmp(info.handle, uuid, sizeof(info.handle))))
		return 0;
	if (error)
		return error;
	error = whole ? take_its_place(ctx, domid, *again) : domain_remove(ctx, *again);
	return error ? error : whole;
}

int migrate_go_on(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *config,
		  uint32_t *again)
{
	char name[HVCTL_NAME_MAX], why[sizeof(ctx->error)];
	uint8_t uuid[16];
	int error = end_earlier(ctx, domid, config->uuid, again);

	if (error)
		return error < 0 ? error : 0;
	error = remove_nameless(ctx, domid, config->uuid);
	if (!error)
		error = hvctl_random(ctx, uuid, sizeof(uuid));
	if (error)
		return error;
	/* A backend that has not let go of its device by now is not asked any more. */
	devices_remove(ctx, domid);
	snprintf(name, sizeof(name), "%.*s--left", (int)sizeof(name) - 7, config->name);
	error = migrate_call_it(ctx, domid, name, uuid, config);
	if (!error) {
		error = go_on_anew(ctx, domid, config, again);
		if (!error) {
			error = note_again(ctx, domid, *again, true);
			if (!error)
				return take_its_place(ctx, domid, *again);
			domain_remove(ctx, *again);
		}
	}
	memcpy(why, ctx->error, sizeof(why));
	migrate_call_it(ctx, domid, config->name, config->uuid, config);
	return hvctl_fail(ctx, -error,
			  "the guest's devices were closed, and it cannot go on here: %.400s", why);
}
