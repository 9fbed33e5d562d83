/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUID leaves: a host's, and compared. */
#ifndef HVCTL_CPUID_H
#define HVCTL_CPUID_H

#include <stdbool.h>
#include <stddef.h>

#include "include/hvctl.h"

/*
 * What a program is told by the CPU itself that is not in @policy: the leaves of @machine that are
 * not the same in it, as the machine has them. Registers that say what a kernel has enabled, or
 * where the program runs, are compared like all others, but for the sizes in leaf 0xd, which no
 * policy has. @beyond has room for @nr_machine leaves. Returns how many there are.
 */
size_t cpuid_beyond(const struct hvctl_cpuid_leaf *policy, size_t nr_policy,
		    const struct hvctl_cpuid_leaf *machine, size_t nr_machine,
		    struct hvctl_cpuid_leaf *beyond);

/*
 * The leaves that a CPU has and @machine, of @nr leaves, does not: no policy knows them, and
 * programs see them all the same. @read is the instruction. They are added behind the others, while
 * there are not @room; of those with subleaves the first, which says that they are there. Returns
 * how many there are then.
 */
size_t cpuid_rest(void (*read)(uint32_t leaf, uint32_t reg[4]), struct hvctl_cpuid_leaf *machine,
		  size_t nr, size_t room);

/*
 * The features of @want that @have lacks: their names to @text, as many as it has room for. With
 * @programs only those that a program can use that asks the CPU; else also another vendor. Returns
 * how many there are.
 */
size_t cpuid_lacking(const struct hvctl_cpuid_leaf *want, size_t nr_want,
		     const struct hvctl_cpuid_leaf *have, size_t nr_have, bool programs,
		     char *text, size_t size);

/* Make of @want, a policy, one without what @have lacks of it, for a CPU of @have's vendor. */
void cpuid_limit(struct hvctl_cpuid_leaf *want, size_t nr_want,
		 const struct hvctl_cpuid_leaf *have, size_t nr_have);

/* The states of a policy that XCR0 may have (leaf 0xd). */
uint64_t cpuid_states(const struct hvctl_cpuid_leaf *policy, size_t nr);

/*
 * The leaves of the host's policy XEN_SYSCTL_cpu_policy_@index, to be freed. 0 or -errno with the
 * context's message set.
 */
int cpuid_of_host(struct hvctl_ctx *ctx, uint32_t index, struct hvctl_cpuid_leaf **list,
		  size_t *count);

#endif
