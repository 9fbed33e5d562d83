// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/suspend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "domain.h"
#include "pv-abi/compat.h"
#include "pv-abi/sched.h"
#include "pv-abi/wide.h"
#include "xs.h"

#define LOOK_MS 100
/* A guest that has begun gets this time once more: in the middle nobody can take it back. */
#define GRACE_S 30

static const char wish[] = "suspend", token[] = "hvctl-save";

int guest_suspended(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (!(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
		return 0;
	if (!(info.flags & XEN_DOMINF_dying) &&
	    (info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_suspend)
		return 1;
	return hvctl_fail(ctx, ECANCELED,
			  "domain %u ended when it was asked to suspend; look at its "
			  "console's log",
			  domid);
}

/* Who waits, and may be called off. */
struct waiter {
	suspend_meanwhile meanwhile;
	void *data;
};

static int called_off(struct hvctl_ctx *ctx, const struct waiter *w)
{
	int error = hvctl_cancelled(ctx);

	return !error && w->meanwhile ? w->meanwhile(w->data) : error;
}

/* Until it has suspended, or the time is over (0). @w NULL: whatever else happens. */
static int await(struct hvctl_ctx *ctx, uint32_t domid, unsigned int seconds,
		 const struct waiter *w)
{
	uint64_t end = monotonic_ms() + seconds * 1000ull;
	char path[128];
	int ret;

	for (;;) {
		ret = guest_suspended(ctx, domid);
		if (ret || monotonic_ms() >= end)
			return ret;
		ret = w ? called_off(ctx, w) : 0;
		if (ret)
			return ret;
		/* The store tells of a domain that stops; looking is for a daemon that does not. */
		if (!ctx->xs || xs_wait(ctx->xs, LOOK_MS, path, sizeof(path)) < 0)
			hvctl_nap(LOOK_MS);
	}
}

/* Put the empty word in the place of ours, if it is still there: then the guest has not seen it. */
static bool take_back(struct hvctl_ctx *ctx, const char *path)
{
	for (int tries = 0; tries < 50; tries++) {
		uint32_t tx;
		char *word;
		bool ours;

		if (xs_begin(ctx->xs, &tx))
			return false;
		word = xs_read(ctx->xs, tx, path);
		ours = word && !strcmp(word, wish);
		free(word);
		if (!ours || xs_write(ctx->xs, tx, path, "%s", "")) {
			xs_abort(ctx->xs, tx);
			return false;
		}
		switch (xs_commit(ctx->xs, tx)) {
		case 0:
			return true;
		case -EAGAIN:
		case -ECONNRESET:	/* ours may be gone already: then the guest is waited for */
			continue;
		default:
			return false;
		}
	}
	return false;
}

static void wish_path(uint32_t domid, char path[64])
{
	snprintf(path, 64, "/local/domain/%u/control/shutdown", domid);
}

int guest_let_go(struct hvctl_ctx *ctx, uint32_t domid)
{
	int ret = guest_suspended(ctx, domid);
	char path[64];

	wish_path(domid, path);
	if (!ret && hvctl_xs(ctx) && take_back(ctx, path))
		return 0;
	if (!ret)
		ret = await(ctx, domid, GRACE_S, NULL);
	return ret == 1 ? guest_resume(ctx, domid) : ret;
}

static int ask(struct hvctl_ctx *ctx, uint32_t domid, unsigned int seconds, const struct waiter *w)
{
	char path[64], why[sizeof(ctx->error)];
	int ret;

	wish_path(domid, path);
	ret = xs_write(ctx->xs, XS_ONCE, path, "%s", wish);
	/* If it is not there, the guest may have taken it: then it is let go, below. */
	if (ret == -ECONNRESET) {
		char *there = xs_readf(ctx->xs, 0, "%s", path);

		ret = there && !strcmp(there, wish) ? 0 : ret;
		free(there);
	}
	if (ret) {
		ret = hvctl_fail(ctx, -ret, "the store refuses %s: %s; see the store daemon's log",
				 path, strerror(-ret));
	} else {
		hvctl_step(ctx, "waiting for it to suspend", 2);
		ret = await(ctx, domid, seconds, w);
		/* A guest that has not cleared it would suspend itself again later. */
		if (ret == 1) {
			take_back(ctx, path);
			return 0;
		}
	}
	if (!ret)
		ret = hvctl_fail(ctx, ETIMEDOUT,
				 "domain %u did not suspend within %u s and runs on; "
				 "look at its console",
				 domid, seconds);
	memcpy(why, ctx->error, sizeof(why));
	guest_let_go(ctx, domid);
	memcpy(ctx->error, why, sizeof(why));
	return ret;
}

int guest_suspend(struct hvctl_ctx *ctx, uint32_t domid, unsigned int seconds,
		  suspend_meanwhile meanwhile, void *data)
{
	const struct waiter w = { meanwhile, data };
	struct xen_domctl_getdomaininfo info;
	char *can;
	bool able;
	int ret = domain_not_dom0(ctx, domid, "save");

	if (!ret)
		ret = domain_need(ctx, domid, &info);
	if (ret)
		return ret;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	if (info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))
		return hvctl_fail(ctx, ECANCELED, "domain %u has stopped and cannot be saved",
				  domid);
	if (info.flags & XEN_DOMINF_paused)
		return hvctl_fail(ctx, EBUSY,
				  "domain %u is paused and cannot suspend itself; let it "
				  "run (hvctl unpause)",
				  domid);
	can = xs_readf(ctx->xs, 0, "/local/domain/%u/control/feature-suspend", domid);
	able = can && !strcmp(can, "1");
	free(can);
	if (!able)
		return hvctl_fail(ctx, EOPNOTSUPP,
				  "the kernel of domain %u does not say that it can "
				  "suspend (control/feature-suspend); wait until it is up, or take "
				  "one that can",
				  domid);
	xs_watch(ctx->xs, "@releaseDomain", token);
	ret = ask(ctx, domid, seconds, &w);
	xs_unwatch(ctx->xs, "@releaseDomain", token);
	return ret;
}

/* ---- going on ---- */

union context {
	struct wide_vcpu_guest_context wide;
	struct compat_vcpu_guest_context narrow;
};

/* The hypercall's result, which says whether the guest is a new one. */
static int set_result(struct hvctl_ctx *ctx, uint32_t domid, union context *c)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_address_size, .domain = (domid_t)domid };
	int error = do_domctl(ctx, &op);
	bool narrow = op.u.address_size.size == 32;

	if (error)
		return error;
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_getvcpucontext, .domain = (domid_t)domid };
	op.u.vcpucontext.ctxt = (uint64_t)(uintptr_t)c;
	error = do_domctl(ctx, &op);
	if (error)
		return error;
	if (narrow)
		c->narrow.user_regs.eax = 1;
	else
		c->wide.user_regs.rax = 1;
	/*
	 * The context has no place for all of the FPU's state: what the vCPU has stays, and so do
	 * its callbacks.
	 */
	if (narrow)
		c->narrow.flags &= ~(uint32_t)VGCF_i387_valid;
	else
		c->wide.flags &= ~(uint64_t)VGCF_i387_valid;
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_setvcpucontext, .domain = (domid_t)domid };
	op.u.vcpucontext.ctxt = (uint64_t)(uintptr_t)c;
	return do_domctl(ctx, &op);
}

int guest_closed(struct hvctl_ctx *ctx, uint32_t domid, char by[GUEST_CLOSED_BY])
{
	char *mark;

	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	mark = xs_readf(ctx->xs, 0, GUEST_CLOSED, domid);
	if (!mark)
		return errno == ENOENT
			       ? 0
			       : hvctl_fail(ctx, errno,
					    "the store does not tell whether the devices of domain "
					    "%u are closed: %s",
					    domid, strerror(errno));
	snprintf(by, GUEST_CLOSED_BY, "%s", mark);
	free(mark);
	return 1;
}

int guest_resume(struct hvctl_ctx *ctx, uint32_t domid)
{
	char by[GUEST_CLOSED_BY];
	union context *c;
	int error = guest_suspended(ctx, domid);

	if (!error)
		return hvctl_fail(ctx, ECANCELED, "domain %u is not suspended", domid);
	if (error < 0)
		return error;
	/* Without a store there are the records of migrations, which the caller knows. */
	if (guest_closed(ctx, domid, by) == 1)
		return hvctl_fail(ctx, EBUSY,
				  "the devices of domain %u were closed by the migration %s; hvctl "
				  "migrate --resolve %s",
				  domid, by, by);
	c = hypercall_alloc(ctx, sizeof(*c));
	if (!c)
		return -ENOMEM;
	error = set_result(ctx, domid, c);
	hypercall_free(ctx, c, sizeof(*c));
	if (error)
		return hvctl_fail(ctx, -error,
				  "the hypervisor does not let domain %u go on: %s; see "
				  "its log (hvctl dmesg)",
				  domid, strerror(-error));
	error = domain_simple(ctx, domid, XEN_DOMCTL_resumedomain, "resume");
	/* The store daemon would not see it stop again; without one the guest runs all the same. */
	if (!error && hvctl_xs(ctx))
		xs_resume(ctx->xs, domid);
	return error;
}
