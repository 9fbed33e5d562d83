// SPDX-License-Identifier: LGPL-2.1-or-later
/* Minding a running domain: what happens when it stops. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "aside.h"
#include "budget.h"
#include "cdrom.h"
#include "clock.h"
#include "create.h"
#include "domain.h"
#include "dump.h"
#include "overlay.h"
#include "migrate.h"
#include "pv-abi/sched.h"
#include "removal.h"
#include "save/outcome.h"
#include "save/suspend.h"
#include "xs.h"

/*
 * The store tells of a domain that stopped; this only covers a daemon that was restarted meanwhile.
 */
#define LOOK_MS		5000

/* A domain that crashes as soon as it runs shall not keep the host busy with building it. */
#define MIN_LIFE_S	5

/* A guest can ask for it as often as it likes, and each costs dom0 the building of a domain. */
static const struct budget_rate restarts = { .burst = 10, .period = 10 * 60 * 1000 };

static const char token[] = "hvctl-monitor";

/* How often what is in the way of building it again is looked for: less and less. */
#define AGAIN_MS	500
#define AGAIN_MAX_MS	60000

/* How long one that suspended itself without anybody's wish waits: it can do so again at once. */
#define SUSPENDED_MS	1000

/* Beside what outcome_of() says. */
enum { TOLD_MOVING = 1000, TOLD_STANDS };

/*
 * It has stopped to be saved, and whoever saves it goes on with it. If there is nobody, or nobody
 * any more, it was too late, or nobody had asked: it goes on; but not if it may have been moved, or
 * what was saved of it may count. *@told: which reason for that was said already, 0: none.
 */
static void wake(struct hvctl_ctx *ctx, uint32_t *domid, int *told)
{
	int moving, saved = 0, why, lock = hvctl_lock_saving(ctx, *domid);
	struct handover_record r;

	if (lock < 0)
		return;
	moving = migrate_holds(ctx, MIGRATE_LEAVING, *domid, &r);
	/* It may run elsewhere: what was not decided is decided now, and it stays or goes on. */
	if (moving == 1) {
		struct hvctl_config *config = NULL;
		uint32_t again = *domid;

		hvctl_migrate_undo(ctx, r.token, true, 0, &config, &again);
		/* As another domain, of the same configuration: that is minded from now on. */
		if (config)
			*domid = again;
		hvctl_config_free(config);
		close(lock);
		return;
	}
	if (!moving)
		saved = outcome_of(ctx, *domid);
	if (saved == OUTCOME_WHOLE) {
		hvctl_warn(ctx, "domain %u is in its image, and whoever saved it was killed: it is "
			   "destroyed", *domid);
		domain_remove(ctx, *domid);
		close(lock);
		return;
	}
	if (!moving && !saved)
		hvctl_nap(SUSPENDED_MS);
	/* If it is not known whether it was given away, it stands still. */
	why = moving ? TOLD_MOVING : saved ? saved : TOLD_STANDS;
	if (moving || saved || guest_resume(ctx, *domid)) {
		if (*told != why)
			hvctl_warn(ctx, "%s", ctx->error);
		*told = why;
	} else {
		*told = 0;
		hvctl_warn(ctx, "domain %u suspended itself and nobody saves it: it goes on",
			   *domid);
	}
	close(lock);
}

/* Errors of a moment without memory or descriptors: a guest is not gone for them. */
static bool is_moment(int error)
{
	return error == -ENOMEM || error == -EAGAIN || error == -EBUSY || error == -EMFILE ||
	       error == -ENFILE;
}

/*
 * Wait until the domain, which may become another one, has stopped: 1, or has gone altogether: 0.
 * -errno.
 */
static int wait_stopped(struct hvctl_ctx *ctx, uint32_t *domid, unsigned int *reason)
{
	struct xen_domctl_getdomaininfo info;
	int told = 0;
	char path[128];

	for (;;) {
		int error;

		if (hvctl_xs(ctx) && !ctx->monitoring)
			ctx->monitoring = !xs_watch(ctx->xs, "@releaseDomain", token);
		error = domain_record(ctx, *domid, &info);
		if (error == -ESRCH)
			return 0;
		if (is_moment(error)) {
			hvctl_nap(LOOK_MS);
			continue;
		}
		if (error)
			return error;
		if (info.flags & XEN_DOMINF_shutdown && !(info.flags & XEN_DOMINF_dying)) {
			*reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
			if (*reason != SHUTDOWN_suspend)
				return 1;
			wake(ctx, domid, &told);
		} else {
			told = 0;
		}
		if (!ctx->xs) {
			hvctl_nap(LOOK_MS);
			continue;
		}
		error = xs_wait(ctx->xs, LOOK_MS, path, sizeof(path));
		if (error < 0) {
			/* The store daemon went; it may come back. */
			xs_close(ctx->xs);
			ctx->xs = NULL;
		}
	}
}

static enum hvctl_action action_for(const struct hvctl_config *c, unsigned int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		return c->on_poweroff;
	case SHUTDOWN_reboot:
		return c->on_reboot;
	default:
		return c->on_crash;
	}
}

static const char *reason_name(unsigned int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		return "powered off";
	case SHUTDOWN_reboot:
		return "asked for a reboot";
	case SHUTDOWN_crash:
		return "crashed";
	case SHUTDOWN_watchdog:
		return "was stopped by its watchdog";
	default:
		return "stopped";
	}
}

const char *dump_dir = DUMP_DIR;

#define BUSY_S	60

/* For its core without holes, and a tenth of all that there is: guests do not fill dom0's disk. */
static bool has_room(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct xen_domctl_getdomaininfo info;
	struct statvfs s;

	/* Some file systems do not say. */
	if (domain_record(ctx, domid, &info) || statvfs(dump_dir, &s) || !s.f_blocks)
		return true;
	return (uint64_t)s.f_bavail * s.f_frsize >= info.tot_pages * 4096 +
	       (uint64_t)s.f_blocks / 10 * s.f_frsize;
}

/*
 * Its core, and one before is kept: a guest can crash as often as it likes. What cannot be written
 * is told, and it goes on without.
 */
static void dump_core(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	char path[160], before[162];
	unsigned int waited;
	int error;

	if (!strcmp(dump_dir, DUMP_DIR))
		mkdir("/var/lib/annulus", 0755);
	mkdir(dump_dir, 0700);
	snprintf(path, sizeof(path), "%s/%s.core", dump_dir, c->name);
	snprintf(before, sizeof(before), "%s.1", path);
	if (!has_room(ctx, domid)) {
		hvctl_warn(ctx, "'%s' (domain %u) has no core: there is no room for it in %s, of "
			   "which a tenth is kept free", c->name, domid, dump_dir);
		return;
	}
	rename(path, before);
	/* Somebody who wanted to save it, or a person with a core of his own. */
	error = hvctl_crash_dump(ctx, domid, path);
	for (waited = 0; error == -EBUSY && waited < BUSY_S; waited++) {
		hvctl_nap(1000);
		error = hvctl_crash_dump(ctx, domid, path);
	}
	if (error)
		hvctl_warn(ctx, "'%s' (domain %u) has no core: %s", c->name, domid, ctx->error);
	else
		hvctl_warn(ctx, "the core of '%s' (domain %u) is %s", c->name, domid, path);
}

/* What is left to do when its core was written, if there is to be one. */
static enum hvctl_action after_core(enum hvctl_action action)
{
	switch (action) {
	case HVCTL_ACTION_COREDUMP_DESTROY:
		return HVCTL_ACTION_DESTROY;
	case HVCTL_ACTION_COREDUMP_RESTART:
		return HVCTL_ACTION_RESTART;
	default:
		return action;
	}
}

/*
 * Let the stopped domain @domid wait until it may be started again. Returns whether it is still
 * there: somebody may have had enough of it.
 */
static bool wait_turn(struct hvctl_ctx *ctx, uint32_t domid, uint64_t until)
{
	struct xen_domctl_getdomaininfo info;

	/* Once at least: a core takes its time to be written. */
	for (;;) {
		int error = domain_record(ctx, domid, &info);

		if (!is_moment(error)) {
			if (error || info.flags & XEN_DOMINF_dying)
				return false;
			if (monotonic_ms() >= until)
				return true;
		}
		hvctl_nap(500);
	}
}

/* Whether the domain is built again, and what was is not needed for that any more. */
static bool builds_again(enum hvctl_action action)
{
	return action == HVCTL_ACTION_RESTART || action == HVCTL_ACTION_RENAME_RESTART;
}

/* Whether it may be built with less memory than it is to have, and whether it was. */
enum smaller { MAY_BE_SMALLER, IS_SMALLER, NOT_SMALLER };

/*
 * With less memory, if it has a least: hvballoond may have given others what it had. It is given
 * more when it wants that; a PVH domain's map of memory ends where it begins with.
 */
static int build_smaller(struct hvctl_ctx *ctx, struct hvctl_config *c, uint32_t *domid)
{
	struct hvctl_config less = *c;
	uint64_t room = domain_memory_room(ctx);

	if (c->pvh || !c->min_memory_mib || room < c->min_memory_mib || room >= c->memory_mib)
		return -ENOSPC;
	less.memory_mib = room;
	if (!less.max_memory_mib)
		less.max_memory_mib = c->memory_mib;
	return hvctl_create(ctx, &less, DOMAIN_AGAIN, domid);
}

/* Build it again; if there is no memory for it beside the one that is kept, without that one. */
static int build_again(struct hvctl_ctx *ctx, struct hvctl_config *c, struct aside *aside,
		       enum smaller *smaller, uint32_t *domid)
{
	int error = hvctl_create(ctx, c, DOMAIN_AGAIN, domid);

	if (error == -ENOSPC && domain_drop_aside(ctx, aside)) {
		hvctl_warn(ctx, "there is no memory for '%s' beside what was kept of it, which "
			   "goes", c->name);
		error = hvctl_create(ctx, c, DOMAIN_AGAIN, domid);
	}
	if (error == -ENOSPC && *smaller != NOT_SMALLER) {
		error = build_smaller(ctx, c, domid);
		*smaller = error ? MAY_BE_SMALLER : IS_SMALLER;
	} else if (!error) {
		*smaller = MAY_BE_SMALLER;
	}
	return error;
}

static unsigned int longer(unsigned int ms)
{
	return ms * 2 < AGAIN_MAX_MS ? ms * 2 : AGAIN_MAX_MS;
}

/* Remove it. If it is built @again it has to be gone: what it leaves in dom0 has its uuid. */
static int remove_it(struct hvctl_ctx *ctx, uint32_t domid, bool again)
{
	struct xen_domctl_getdomaininfo info;
	unsigned int ms = AGAIN_MS;
	int error;

	for (; is_moment(error = domain_remove(ctx, domid)); ms = longer(ms))
		hvctl_nap(ms);
	for (ms = AGAIN_MS; again && (!error || is_moment(error)); ms = longer(ms)) {
		error = domain_record(ctx, domid, &info);
		if (!error || is_moment(error))
			hvctl_nap(ms);
	}
	return error == -ESRCH ? 0 : error;
}

/* The same for one that is kept under another name. */
static int set_aside(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c,
		     struct aside *aside)
{
	unsigned int ms;
	int error;

	for (ms = AGAIN_MS; (error = domain_set_aside(ctx, domid, c, aside)); ms = longer(ms)) {
		/* The store comes back. */
		if (!is_moment(error) && error != -ECONNREFUSED && error != -ECONNRESET &&
		    error != -EPIPE && error != -ETIMEDOUT)
			break;
		hvctl_nap(ms);
	}
	return error;
}

/* Whether waiting mends it: memory, descriptors, daemons that are late. */
static bool may_pass(int error)
{
	return error != -EEXIST && error != -EOPNOTSUPP && error != -ENOSYS;
}

/*
 * Build it again, and again if that fails: it would be gone for good for what may pass. Who starts
 * it himself meanwhile ends that.
 */
static int start_again(struct hvctl_ctx *ctx, struct hvctl_config *c, struct aside *aside,
		       enum smaller *smaller, uint32_t *domid)
{
	char said[sizeof(ctx->error)] = "";
	unsigned int ms = AGAIN_MS;
	int error;

	while ((error = build_again(ctx, c, aside, smaller, domid)) && may_pass(error)) {
		if (strcmp(said, ctx->error))
			hvctl_warn(ctx, "'%s' cannot be started again, and is tried again and "
				   "again (kill %d ends that): %s", c->name, (int)getpid(),
				   ctx->error);
		memcpy(said, ctx->error, sizeof(said));
		hvctl_nap(ms);
		ms = longer(ms);
	}
	return error;
}

int hvctl_monitor(struct hvctl_ctx *ctx, struct hvctl_config *c, uint32_t *domid)
{
	struct budget budget = { 0 };
	struct aside aside = { { 0 } };
	enum smaller smaller = MAY_BE_SMALLER;

	hvctl_cache_kernel(ctx);
	for (;;) {
		enum hvctl_action action;
		unsigned int reason = 0;
		time_t start = time(NULL);
		int ret = wait_stopped(ctx, domid, &reason);
		/* Before anything is done that takes long: how long it has lived. */
		time_t age = time(NULL) - start;
		bool at_once; /* after it began it failed */

		if (ret < 0)
			return hvctl_fail(ctx, -ret,
					  "the hypervisor does not tell about domain %u: %s",
					  *domid, strerror(-ret));
		if (!ret)
			action = HVCTL_ACTION_DESTROY; /* somebody destroyed it and tidies up */
		else
			action = action_for(c, reason);
		if (action != after_core(action))
			dump_core(ctx, c, *domid);
		action = after_core(action);
		at_once = builds_again(action) && reason != SHUTDOWN_reboot &&
			  reason != SHUTDOWN_poweroff && age < MIN_LIFE_S;
		if (at_once && smaller == IS_SMALLER) {
			hvctl_warn(ctx, "'%s' %s within %d s of its start with less memory than "
				   "it is to have: it waits for all of that", c->name,
				   reason_name(reason), MIN_LIFE_S);
			smaller = NOT_SMALLER;
		} else if (at_once) {
			hvctl_warn(ctx, "'%s' %s within %d s of its start and is not started again",
				   c->name, reason_name(reason), MIN_LIFE_S);
			/* Kept it is in any case, if that was wanted. */
			action = action == HVCTL_ACTION_RESTART ? HVCTL_ACTION_DESTROY
								: HVCTL_ACTION_PRESERVE;
		}
		if (ret)
			hvctl_warn(ctx, "'%s' (domain %u) %s: %s", c->name, *domid,
				   reason_name(reason),
				   action == HVCTL_ACTION_PRESERVE  ? "preserving it"
				   : builds_again(action) ? "starting it again"
							  : "destroying it");
		hvctl_drop_held(ctx);
		if (action == HVCTL_ACTION_PRESERVE)
			return 0;
		if (!ret)
			return 0;
		if (builds_again(action)) {
			uint64_t now = monotonic_ms();
			uint64_t wait = budget_spend(&budget, &restarts, 1, now);

			if (wait)
				hvctl_warn(ctx,
					   "'%s' has been started too often: it waits for %llu s",
					   c->name, (unsigned long long)(wait + 999) / 1000);
			if (!wait_turn(ctx, *domid, now + wait))
				return 0;
		}
		/* It stays as it is, stopped, if it could not have what it had. */
		if (builds_again(action)) {
			ret = overlay_files_there(ctx, c);
			if (ret)
				return ret;
			cdroms_keep(ctx, *domid, c);
		}
		ret = action == HVCTL_ACTION_RENAME_RESTART
			      ? set_aside(ctx, *domid, c, &aside)
			      : remove_it(ctx, *domid, action == HVCTL_ACTION_RESTART);
		/* One that is started again has the disks that it had. */
		if (!ret && action == HVCTL_ACTION_DESTROY)
			overlays_remove(ctx, c->uuid);
		if (ret || action == HVCTL_ACTION_DESTROY)
			return ret;
		ret = start_again(ctx, c, &aside, &smaller, domid);
		if (ret)
			return ret;
		hvctl_cache_kernel(ctx);
	}
}
