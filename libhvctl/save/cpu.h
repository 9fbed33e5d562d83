/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a guest that ran on another CPU can go on on this one. */
#ifndef HVCTL_SAVE_CPU_H
#define HVCTL_SAVE_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "cpuid.h"

/*
 * A guest's policy, and what its programs may have found beside it, where the CPU told them itself:
 * both as they came with it.
 */
struct cpu_wanted {
	struct hvctl_cpuid_leaf *policy, *seen;
	size_t nr_policy, nr_seen;
};

/*
 * cpu_fits - whether this machine has all of that. @name: what it came in, for messages. With
 * @force, what the machine lacks is taken out of the policy and warned of, but for registers that
 * the guest may have something in.
 *     0
 *     -EINVAL  it lacks what the message names
 *     -errno   the hypervisor does not tell, with its message
 */
int cpu_fits(struct hvctl_ctx *ctx, const char *name, struct cpu_wanted *w, bool force);

#endif
