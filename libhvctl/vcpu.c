// SPDX-License-Identifier: LGPL-2.1-or-later
#include "vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "hypercall.h"

/* The hypervisor is told where two such sets are, hard and soft. */
#define MAPS_SIZE	(4 * sizeof(uint64_t))

int vcpu_share(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_share *share, bool put)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_scheduler_op, .domain = (domid_t)domid };
	int error;

	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.u.scheduler_op.cmd = put ? XEN_DOMCTL_SCHEDOP_putinfo : XEN_DOMCTL_SCHEDOP_getinfo;
	if (put) {
		op.u.scheduler_op.u.credit2.weight = (uint16_t)share->weight;
		op.u.scheduler_op.u.credit2.cap = (uint16_t)share->cap;
	}
	error = do_domctl(ctx, &op);
	if (!error && !put) {
		share->weight = op.u.scheduler_op.u.credit2.weight;
		share->cap = op.u.scheduler_op.u.credit2.cap;
	}
	return error;
}

static bool any(const uint64_t set[2])
{
	return set && (set[0] | set[1]);
}

/* @op about one vCPU's sets, which are at @map. */
static int affinity(struct hvctl_ctx *ctx, struct xen_domctl *op, uint64_t *map)
{
	op->u.vcpuaffinity.cpumap_hard.bitmap = (uint64_t)(uintptr_t)map;
	op->u.vcpuaffinity.cpumap_hard.nr_bits = 128;
	op->u.vcpuaffinity.cpumap_soft.bitmap = (uint64_t)(uintptr_t)(map + 2);
	op->u.vcpuaffinity.cpumap_soft.nr_bits = 128;
	return do_domctl(ctx, op);
}

int vcpu_pin(struct hvctl_ctx *ctx, uint32_t domid, uint32_t vcpu, const uint64_t hard[2],
	      const uint64_t soft[2])
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = (domid_t)domid };
	uint64_t *map;
	int error;

	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = (any(hard) ? XEN_VCPUAFFINITY_HARD : 0) |
				  (any(soft) ? XEN_VCPUAFFINITY_SOFT : 0);
	if (!op.u.vcpuaffinity.flags)
		return 0;
	map = hypercall_alloc(ctx, MAPS_SIZE);
	if (!map)
		return -ENOMEM;
	if (any(hard))
		memcpy(map, hard, 2 * sizeof(*map));
	if (any(soft))
		memcpy(map + 2, soft, 2 * sizeof(*map));
	error = affinity(ctx, &op, map);
	hypercall_free(ctx, map, MAPS_SIZE);
	return error;
}

/* One vCPU, with @map for the hypervisor to write to. */
static int describe(struct hvctl_ctx *ctx, uint32_t domid, uint64_t *map, struct hvctl_vcpu *v)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuinfo, .domain = (domid_t)domid };
	int error;

	op.u.getvcpuinfo.vcpu = v->number;
	error = do_domctl(ctx, &op);
	if (error)
		return error;
	v->online = op.u.getvcpuinfo.online;
	v->blocked = op.u.getvcpuinfo.blocked;
	v->running = op.u.getvcpuinfo.running;
	v->cpu = op.u.getvcpuinfo.cpu;
	v->cpu_time_ns = op.u.getvcpuinfo.cpu_time;
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_getvcpuaffinity, .domain = (domid_t)domid };
	op.u.vcpuaffinity.vcpu = v->number;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	memset(map, 0, MAPS_SIZE);
	error = affinity(ctx, &op, map);
	memcpy(v->cpus, map, sizeof(v->cpus));
	memcpy(v->cpus_soft, map + 2, sizeof(v->cpus_soft));
	return error;
}

int hvctl_vcpus(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_vcpu **list, size_t *count)
{
	struct xen_domctl_getdomaininfo info;
	uint32_t nr;
	uint64_t *map;
	int error = domain_need(ctx, domid, &info);

	*list = NULL;
	*count = 0;
	if (error)
		return error;
	/* One that is being built has none yet: the highest number is the one below 0. */
	nr = info.max_vcpu_id + 1;
	map = hypercall_alloc(ctx, MAPS_SIZE);
	*list = calloc(nr + 1, sizeof(**list));
	if (!map || !*list)
		error = -ENOMEM;
	for (uint32_t i = 0; !error && i < nr; i++) {
		(*list)[*count].number = i;
		error = describe(ctx, domid, map, &(*list)[*count]);
		/* One that is not there leaves a gap in the numbers. */
		if (error == -EINVAL || error == -ENOENT)
			error = 0;
		else
			*count += !error;
	}
	if (map)
		hypercall_free(ctx, map, MAPS_SIZE);
	if (!error)
		return 0;
	free(*list);
	*list = NULL;
	*count = 0;
	return error == -ENOMEM ? hvctl_no_memory(ctx) :
	       hvctl_fail(ctx, -error, "the hypervisor does not describe domain %u's vCPUs: %s",
			  domid, strerror(-error));
}

int hvctl_pin(struct hvctl_ctx *ctx, uint32_t domid, unsigned int vcpu, const uint64_t hard[2],
	      const uint64_t soft[2])
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (vcpu >= info.max_vcpu_id + 1)
		return hvctl_fail(ctx, EINVAL, "domain %u has vCPUs 0 to %u, and no %u; see "
				  "hvctl vcpu-list", domid, info.max_vcpu_id, vcpu);
	error = vcpu_pin(ctx, domid, vcpu, hard, soft);
	if (error == -ENOMEM)
		return hvctl_no_memory(ctx);
	if (error)
		return hvctl_fail(ctx, -error,
				  "the hypervisor refuses the CPUs of vCPU %u of domain %u: %s; "
				  "give some that are there (hvctl info tells how many)",
				  vcpu, domid, strerror(-error));
	return 0;
}

static int share_failed(struct hvctl_ctx *ctx, uint32_t domid, int error)
{
	return hvctl_fail(ctx, -error, "the hypervisor does not %s domain %u: %s",
			  error == -EINVAL ? "take that for" : "answer for", domid,
			  strerror(-error));
}

int hvctl_share(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_share *share)
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	error = vcpu_share(ctx, domid, share, false);
	return error ? share_failed(ctx, domid, error) : 0;
}

int hvctl_set_share(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_share *share)
{
	struct xen_domctl_getdomaininfo info;
	struct hvctl_share s = *share;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (!s.weight || s.weight > 65535 || s.cap > 65535)
		return hvctl_fail(ctx, EINVAL,
				  "a weight is 1 to 65535 and a cap 0 to 65535 percent "
				  "of a CPU, not %u and %u", s.weight, s.cap);
	error = vcpu_share(ctx, domid, &s, true);
	return error ? share_failed(ctx, domid, error) : 0;
}
