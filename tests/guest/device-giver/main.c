// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine in which domains 1 and 2 are given devices (tests/system/test_assigned.py): the
 * CMOS clock with its line, the screen's memory below 1 MiB and 16 pages of its frame buffer, to
 * both. Then it has the hypervisor audit itself until they have ended, takes the line away and
 * gives it back meanwhile, and takes the machine down.
 */
#include "guest.h"
#include "pv-abi/domctl.h"
#include "pv-abi/physdev.h"
#include "pv-abi/sysctl.h"

const char test_name[] = "device-giver";

#define LINE 8

static struct xen_domctl op;

static void audit(void)
{
	static const char key[] = "A";
	struct xen_sysctl s = {
		.cmd = XEN_SYSCTL_debug_keys,
		.interface_version = XEN_SYSCTL_INTERFACE_VERSION,
		.u.debug_keys = { .keys = (uint64_t)key, .nr_keys = 1 },
	};

	check_eq(hypercall(sysctl, &s), 0);
}

static long domctl(unsigned cmd, unsigned domain)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = domain;
	return hypercall(domctl, &op);
}

static void give_line(unsigned domain, bool allow)
{
	memset(&op, 0, sizeof(op));
	op.u.irq_permission.pirq = LINE;
	op.u.irq_permission.allow_access = allow;
	check_eq(domctl(XEN_DOMCTL_irq_permission, domain), 0);
}

static void give_memory(unsigned domain, uint64_t mfn)
{
	memset(&op, 0, sizeof(op));
	op.u.iomem_permission.first_mfn = mfn;
	op.u.iomem_permission.nr_mfns = 16;
	op.u.iomem_permission.allow_access = 1;
	check_eq(domctl(XEN_DOMCTL_iomem_permission, domain), 0);
}

static void give(unsigned domain)
{
	give_line(domain, true);
	memset(&op, 0, sizeof(op));
	op.u.ioport_permission.first_port = 0x70;
	op.u.ioport_permission.nr_ports = 2;
	op.u.ioport_permission.allow_access = 1;
	check_eq(domctl(XEN_DOMCTL_ioport_permission, domain), 0);
	give_memory(domain, 0xa0);
	/* What they wait for. */
	give_memory(domain, 0xfd000);
}

static bool ended(unsigned domain)
{
	memset(&op, 0, sizeof(op));
	return domctl(XEN_DOMCTL_getdomaininfo, domain) || op.domain != domain ||
	       (op.u.getdomaininfo.flags & XEN_DOMINF_shutdown);
}

void test_main(void)
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI,
					.index = LINE, .pirq = LINE };
	unsigned audits = 0;

	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_map_pirq, &map), 0);
	for (unsigned d = 1; d <= 2; d++)
		give(d);
	while (!ended(1) || !ended(2)) {
		struct sched_poll p = { .timeout = system_time() + 50000000 };

		give_line(1 + audits % 2, audits / 2 % 2);
		audit();
		audits++;
		hypercall(sched_op, (long)SCHEDOP_poll, &p);
	}
	for (unsigned d = 1; d <= 2; d++)
		check_eq(domctl(XEN_DOMCTL_destroydomain, d), 0);
	audit();
	print("device-giver: %u audits\n", audits);
}
