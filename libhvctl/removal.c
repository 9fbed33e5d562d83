// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a domain: itself, its devices, its store entries. Calls domain.c and device_close.c,
 * neither of which calls back.
 */
#include "removal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "domain.h"
#include "kept.h"
#include "overlay.h"
#include "save/outcome.h"
#include "xs.h"

#define REMOVE_TIMEOUT_MS 15000

/* What the store has of a domain outside of its devices. */
static void remove_entries(struct hvctl_ctx *ctx, uint32_t domid)
{
	char path[96], *vm = xs_readf(ctx->xs, 0, "/local/domain/%u/vm", domid);

	/*
	 * The path comes from the store, where the guest cannot write it; still, only a /vm/ is
	 * removed.
	 */
	if (vm && !strncmp(vm, "/vm/", 4) && vm[4])
		xs_remove(ctx->xs, 0, vm);
	free(vm);
	xs_prune(ctx->xs, "/vm");
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	xs_remove(ctx->xs, 0, path);
}

int domain_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct xen_domctl_getdomaininfo info;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = (domid_t)domid };
	int error = 0, tries;
	unsigned int waited;

	/* A large domain is taken apart in pieces; the hypervisor may ask to be called again. */
	for (tries = 0; tries < 10000; tries++) {
		error = do_domctl(ctx, &op);
		if (error != -EAGAIN && error != -EBUSY && error != -ERESTART)
			break;
		if (tries > 100)
			hvctl_nap(1);
	}
	if (error && error != -ESRCH)
		hvctl_fail(
			ctx, -error,
			"the hypervisor does not destroy domain %u: %s; see its log (hvctl dmesg)",
			domid, strerror(-error));
	else
		error = 0;
	devices_remove(ctx, domid);
	if (ctx->xs) {
		xs_release(ctx->xs, domid);
		remove_entries(ctx, domid);
	}
	/* What dom0's drivers and daemons had mapped comes back when they have noticed. */
	for (waited = 0; !error && waited < REMOVE_TIMEOUT_MS; waited += 10) {
		if (domain_record(ctx, domid, &info))
			return 0;
		hvctl_nap(10);
	}
	if (!error)
		hvctl_warn(ctx,
			   "domain %u is dead, but something in dom0 still holds %llu frames of it",
			   domid, (unsigned long long)info.tot_pages);
	return error;
}

int hvctl_destroy(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct xen_domctl_getdomaininfo info;
	int saved, error = domain_not_dom0(ctx, domid, "destroy");

	if (!error)
		error = domain_need(ctx, domid, &info);
	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	/* Disks that an image may need stay, as after hvctl save. The mark goes with the domain. */
	saved = outcome_marked(ctx, domid);
	error = domain_remove(ctx, domid);
	/* Of one that is dead already whoever killed it has decided. */
	if (!error && !saved && !(info.flags & XEN_DOMINF_dying)) {
		overlays_remove(ctx, info.handle);
		kept_remove(info.handle);
	}
	return error;
}

int hvctl_destroy_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16])
{
	uint32_t domid = 0;
	char text[37];
	int error = domain_by_uuid(ctx, uuid, &domid);

	if (error && error != -ESRCH)
		return error;
	if (domid)
		error = domain_remove(ctx, domid);
	/* Also of one that there was no domain for yet. */
	if (!domid || !error)
		overlays_undo(ctx, uuid);
	if (domid)
		return error;
	hvctl_uuid_text(uuid, text);
	return hvctl_fail(ctx, ESRCH, "there is no domain of the uuid %s", text);
}
