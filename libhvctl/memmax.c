// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How much memory a running domain may have at most: the hypervisor's limit, what the store says
 * that mem-set goes by, and its configuration there, by which it is saved and moved.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "create.h"
#include "domain.h"
#include "xs.h"

static int limit(struct hvctl_ctx *ctx, uint32_t domid, uint64_t kib)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = (domid_t)domid };

	op.u.max_mem.max_memkb = kib;
	return do_domctl(ctx, &op);
}

/* What the domain has, and what it was asked to have: to lower a limit takes nothing from it. */
static int check(struct hvctl_ctx *ctx, uint32_t domid, const struct xen_domctl_getdomaininfo *info,
		 uint64_t mib)
{
	char *text = xs_readf(ctx->xs, 0, "/local/domain/%u/memory/target", domid);
	uint64_t target = text ? strtoull(text, NULL, 10) : 0, has = (info->tot_pages + 255) >> 8;

	free(text);
	if (mib < has)
		return hvctl_fail(ctx, EINVAL, "domain %u has %" PRIu64 " MiB, and a limit takes "
				  "none away; lower that first (hvctl mem-set)", domid, has);
	if (mib < (target + 1023) >> 10)
		return hvctl_fail(ctx, EINVAL, "domain %u was asked to have %" PRIu64 " MiB; ask "
				  "for less first (hvctl mem-set)", domid, (target + 1023) >> 10);
	return 0;
}

/* In the store. @c: what it has of the domain's configuration, NULL if that is another tool's. */
static int tell(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c, uint64_t mib)
{
	const uint64_t max = c ? c->max_memory_mib : 0, memory = c ? c->memory_mib : 0;
	const uint64_t min = c ? c->min_memory_mib : 0;
	char path[64], why[sizeof(ctx->error)];
	int error = 0;

	if (c) {
		c->max_memory_mib = mib;
		if (memory > mib)
			c->memory_mib = mib;
		if (min > mib)
			c->min_memory_mib = mib;
		error = domain_replace_settings(ctx, domid, c);
	}
	if (error)
		return error;
	snprintf(path, sizeof(path), "/local/domain/%u/memory/static-max", domid);
	error = xs_write(ctx->xs, 0, path, "%" PRIu64, mib << 10);
	if (!error)
		return 0;
	hvctl_fail(ctx, -error, "the store refuses %s: %s", path, strerror(-error));
	if (c) {
		memcpy(why, ctx->error, sizeof(why));
		c->max_memory_mib = max;
		c->memory_mib = memory;
		c->min_memory_mib = min;
		domain_replace_settings(ctx, domid, c);
		memcpy(ctx->error, why, sizeof(why));
	}
	return error;
}

static int set(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib)
{
	struct xen_domctl_getdomaininfo info;
	struct hvctl_config *c = NULL;
	int error = domain_need(ctx, domid, &info);

	if (!error)
		error = check(ctx, domid, &info, mib);
	if (error)
		return error;
	/* Another tool's domain has no configuration of ours. */
	error = hvctl_config_of(ctx, domid, &c);
	if (error && error != -EINVAL)
		return error;
	error = limit(ctx, domid, mib << 10);
	if (error) {
		hvctl_fail(ctx, -error,
			   "the hypervisor refuses a limit of %" PRIu64 " MiB for domain %u: %s",
			   mib, domid, strerror(-error));
	} else {
		error = tell(ctx, domid, c, mib);
		if (error)
			limit(ctx, domid, info.max_pages << 2);
	}
	hvctl_config_free(c);
	return error;
}

int hvctl_set_max_memory(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib)
{
	int saving, error = domain_not_dom0(ctx, domid, "limit the memory of");

	if (error)
		return error;
	if (!mib || mib > HVCTL_MIB_MAX)
		return hvctl_fail(ctx, EINVAL, "a limit is 1 to %llu MiB, not %" PRIu64,
				  HVCTL_MIB_MAX, mib);
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	saving = hvctl_lock_saving(ctx, domid);
	if (saving < 0)
		return saving;
	error = set(ctx, domid, mib);
	close(saving);
	return error;
}
