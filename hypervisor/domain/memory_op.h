/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_MEMORY_OP_H
#define ANNULUS_DOMAIN_MEMORY_OP_H

#include "lib/types.h"

struct domain;

/* One line of a memory map as the ABI has it: 20 bytes. */
struct memory_range {
	u64 start, size;
	u32 type;
} __packed;

#define MEMORY_MAP_MAX 128

/* What XENMEM_memory_map tells a domain. */
struct memory_map {
	u32 n;
	struct memory_range range[];
};

/*
 * memory_map_set() - give `d` a map of n <= MEMORY_MAP_MAX ranges, copied; replaces an earlier one.
 * 0, -EINVAL, -ENOMEM.
 */
int memory_map_set(struct domain *d, const struct memory_range *ranges, u32 n);

/*
 * __HYPERVISOR_memory_op: `cmd` is XENMEM_* and, from bit 6 up, the progress of a continued call.
 */
s64 do_memory_op(u64 cmd, u64 arg);

/*
 * domain_get_controlled() - the domain that a control argument names, referenced, if the caller may
 * act on it: itself, or any for dom0. 0, -EPERM, -ESRCH.
 */
int domain_get_controlled(domid_t id, struct domain **d);

#endif
