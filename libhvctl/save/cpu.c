// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/cpu.h"

#include <errno.h>
#include <stdlib.h>

#include "hypercall.h"
#include "internal.h"

#define NAMES 240u

/* This machine's CPU: what a PV guest can be shown of it, and what programs find. */
struct machine {
	struct hvctl_cpuid_leaf *most, *raw;
	size_t nr_most, nr_raw;
};

static int refuse(struct hvctl_ctx *ctx, const char *name, const struct cpu_wanted *w,
		  const struct machine *m)
{
	char lacks[NAMES];

	if (cpuid_lacking(w->policy, w->nr_policy, m->most, m->nr_most, false, lacks,
			  sizeof(lacks)))
		return hvctl_fail(ctx, EINVAL,
				  "this machine's CPU lacks what the guest in %s was shown: %s; "
				  "choose one that has it, or --force-cpu",
				  name, lacks);
	if (cpuid_lacking(w->seen, w->nr_seen, m->raw, m->nr_raw, true, lacks, sizeof(lacks)))
		return hvctl_fail(ctx, EINVAL,
				  "this machine's CPU lacks what programs of the guest in %s may "
				  "use, for the CPU told them: %s; choose one that has it, or "
				  "--force-cpu",
				  name, lacks);
	return 0;
}

static int go_on(struct hvctl_ctx *ctx, const char *name, struct cpu_wanted *w,
		 const struct machine *m)
{
	char lacks[NAMES];
	uint64_t states = cpuid_states(w->policy, w->nr_policy) &
			  ~cpuid_states(m->most, m->nr_most);

	if (states)
		return hvctl_fail(ctx, EINVAL,
				  "the guest in %s may have something in registers that this "
				  "machine's CPU does not have (XCR0 %#llx); --force-cpu is no "
				  "help for that",
				  name, (unsigned long long)states);
	if (cpuid_lacking(w->policy, w->nr_policy, m->most, m->nr_most, false, lacks,
			  sizeof(lacks)))
		hvctl_warn(ctx,
			   "the guest in %s goes on on a CPU that lacks what it was shown: %s; if "
			   "it uses that, it fails",
			   name, lacks);
	if (cpuid_lacking(w->seen, w->nr_seen, m->raw, m->nr_raw, true, lacks, sizeof(lacks)))
		hvctl_warn(ctx,
			   "the guest in %s goes on on a CPU that lacks what its programs may have "
			   "found: %s; those that use it fail",
			   name, lacks);
	cpuid_limit(w->policy, w->nr_policy, m->most, m->nr_most);
	return 0;
}

int cpu_fits(struct hvctl_ctx *ctx, const char *name, struct cpu_wanted *w, bool force)
{
	struct machine m = { 0 };
	int error = cpuid_of_host(ctx, XEN_SYSCTL_cpu_policy_pv_max, &m.most, &m.nr_most);

	if (!error)
		error = cpuid_of_host(ctx, XEN_SYSCTL_cpu_policy_raw, &m.raw, &m.nr_raw);
	if (!error)
		error = force ? go_on(ctx, name, w, &m) : refuse(ctx, name, w, &m);
	free(m.most);
	free(m.raw);
	return error;
}
