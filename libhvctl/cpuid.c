// SPDX-License-Identifier: LGPL-2.1-or-later
/* The CPU that a domain is shown. */
#include "cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall.h"
#include "internal.h"

/* More than any policy has; the hypervisor says how many there are. */
#define LEAVES	256u
#define MSRS	16u

struct lists {
	struct xen_cpuid_leaf leaves[LEAVES];
	struct xen_msr_entry msrs[MSRS];
};

static int copy_leaves(struct hvctl_ctx *ctx, const struct xen_cpuid_leaf *from, uint32_t n,
		       struct hvctl_cpuid_leaf **list, size_t *count)
{
	uint32_t i;

	if (n > LEAVES)
		n = LEAVES;
	*list = calloc(LEAVES, sizeof(**list));
	if (!*list)
		return hvctl_no_memory(ctx);
	for (i = 0; i < n; i++)
		(*list)[i] = (struct hvctl_cpuid_leaf){
			.leaf = from[i].leaf, .subleaf = from[i].subleaf,
			.reg = { from[i].a, from[i].b, from[i].c, from[i].d },
		};
	*count = n;
	return 0;
}

static int get_policy(struct hvctl_ctx *ctx, uint32_t domid, struct lists *l, struct hvctl_cpuid *c)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_cpu_policy, .domain = (domid_t)domid };
	int error;

	op.u.cpu_policy.nr_leaves = LEAVES;
	op.u.cpu_policy.leaves = (uint64_t)(uintptr_t)l->leaves;
	op.u.cpu_policy.nr_msrs = MSRS;
	op.u.cpu_policy.msrs = (uint64_t)(uintptr_t)l->msrs;
	error = domid < DOMID_FIRST_RESERVED ? do_domctl(ctx, &op) : -ESRCH;
	if (error == -ESRCH)
		return hvctl_fail(ctx, ESRCH, "there is no domain %u; see hvctl list", domid);
	if (error)
		return ctx->privcmd < 0 ? error :
			hvctl_fail(ctx, -error,
				   "the hypervisor does not tell domain %u's CPU policy: %s", domid,
				   strerror(-error));
	return copy_leaves(ctx, l->leaves, op.u.cpu_policy.nr_leaves, &c->policy, &c->nr_policy);
}

static int get_host(struct hvctl_ctx *ctx, struct lists *l, uint32_t index,
		    struct hvctl_cpuid_leaf **list, size_t *count)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_policy };
	int error;

	op.u.cpu_policy.index = index;
	op.u.cpu_policy.nr_leaves = LEAVES;
	op.u.cpu_policy.leaves = (uint64_t)(uintptr_t)l->leaves;
	op.u.cpu_policy.nr_msrs = MSRS;
	op.u.cpu_policy.msrs = (uint64_t)(uintptr_t)l->msrs;
	error = do_sysctl(ctx, &op);
	if (error)
		return hvctl_fail(ctx, -error, "the hypervisor does not describe the CPUs: %s",
				  strerror(-error));
	return copy_leaves(ctx, l->leaves, op.u.cpu_policy.nr_leaves, list, count);
}

int cpuid_of_host(struct hvctl_ctx *ctx, uint32_t index, struct hvctl_cpuid_leaf **list,
		  size_t *count)
{
	struct lists *l = hypercall_alloc(ctx, sizeof(*l));
	int error;

	*list = NULL;
	if (!l)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	error = get_host(ctx, l, index, list, count);
	hypercall_free(ctx, l, sizeof(*l));
	return error;
}

static int get_faulting(struct hvctl_ctx *ctx, bool *faulting)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_levelling_caps };
	int error = do_sysctl(ctx, &op);

	if (error)
		return hvctl_fail(ctx, -error,
				  "the hypervisor does not tell what CPUID can be made to do: %s",
				  strerror(-error));
	*faulting = op.u.cpu_levelling_caps.caps & XEN_SYSCTL_CPU_LEVELCAP_faulting;
	return 0;
}

/* As every program of dom0 may. */
static void read_leaf(uint32_t leaf, uint32_t reg[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
			 : "a"(leaf), "c"(0));
}

static int fill(struct hvctl_ctx *ctx, uint32_t domid, struct lists *l, struct hvctl_cpuid *c)
{
	struct hvctl_cpuid_leaf *machine = NULL;
	size_t nr_machine;
	int error;

	error = get_policy(ctx, domid, l, c);
	if (!error)
		error = get_faulting(ctx, &c->faulting);
	/* The control domain's programs see the machine in any case. */
	if (!error && !domid)
		c->faulting = false;
	if (error || c->faulting)
		return error;
	error = get_host(ctx, l, XEN_SYSCTL_cpu_policy_raw, &machine, &nr_machine);
	if (!error) {
		nr_machine = cpuid_rest(read_leaf, machine, nr_machine, LEAVES);
		c->beyond = calloc(nr_machine + 1, sizeof(*c->beyond));
		if (c->beyond)
			c->nr_beyond = cpuid_beyond(c->policy, c->nr_policy, machine, nr_machine,
						    c->beyond);
		else
			error = hvctl_no_memory(ctx);
	}
	free(machine);
	return error;
}

int hvctl_cpuid(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_cpuid *c)
{
	struct lists *l = hypercall_alloc(ctx, sizeof(*l));
	int error;

	*c = (struct hvctl_cpuid){ 0 };
	if (!l)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	error = fill(ctx, domid, l, c);
	hypercall_free(ctx, l, sizeof(*l));
	if (error)
		hvctl_cpuid_free(c);
	return error;
}

void hvctl_cpuid_free(struct hvctl_cpuid *c)
{
	free(c->policy);
	free(c->beyond);
	*c = (struct hvctl_cpuid){ 0 };
}
