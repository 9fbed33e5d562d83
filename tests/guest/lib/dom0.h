/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TINY_GUEST_DOM0_H
#define TINY_GUEST_DOM0_H

/* What a tiny guest that is dom0 does to others and to the machine. */
#include "guest.h"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"

/* The operands of domctl(), and what it answers. */
static struct xen_domctl op;

static inline long domctl(unsigned cmd, unsigned domain)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = domain;
	return hypercall(domctl, &op);
}

/* The domain's flags, or -1 if it is gone; getdomaininfo finds the next one then. */
static inline long flags_of(unsigned domain)
{
	memset(&op, 0, sizeof(op));
	if (domctl(XEN_DOMCTL_getdomaininfo, domain) || op.domain != domain)
		return -1;
	return op.u.getdomaininfo.flags;
}

/* The hypervisor audits itself, as when `A` is typed on its console. */
static inline void audit(void)
{
	static const char key[] = "A";
	struct xen_sysctl s = {
		.cmd = XEN_SYSCTL_debug_keys,
		.interface_version = XEN_SYSCTL_INTERFACE_VERSION,
		.u.debug_keys = { .keys = (uintptr_t)key, .nr_keys = 1 },
	};

	check_eq(hypercall(sysctl, &s), 0);
}

#endif
