/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUID leaves compared; no hypercalls. */
#ifndef HVCTL_CPUID_H
#define HVCTL_CPUID_H

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

#endif
