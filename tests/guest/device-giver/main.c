// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine in which domains 1 and 2 are given devices (tests/system/test_assigned.py): the
 * CMOS clock with its line, the screen's memory below 1 MiB and 16 pages of its frame buffer, to
 * both. Then it has the hypervisor audit itself until they have ended, takes the line away and
 * gives it back meanwhile, and takes the machine down.
 */
#include "dom0.h"
#include "pv-abi/physdev.h"

const char test_name[] = "device-giver";

#define LINE 8

static void give_line(unsigned domain, bool allow)
{
	op.u.irq_permission = (struct xen_domctl_irq_permission){ .pirq = LINE,
								  .allow_access = allow };
	check_eq(domctl(XEN_DOMCTL_irq_permission, domain), 0);
}

static void give_memory(unsigned domain, uint64_t mfn)
{
	op.u.iomem_permission = (struct xen_domctl_iomem_permission){
		.first_mfn = mfn, .nr_mfns = 16, .allow_access = 1,
	};
	check_eq(domctl(XEN_DOMCTL_iomem_permission, domain), 0);
}

static void give(unsigned domain)
{
	give_line(domain, true);
	op.u.ioport_permission = (struct xen_domctl_ioport_permission){
		.first_port = 0x70, .nr_ports = 2, .allow_access = 1,
	};
	check_eq(domctl(XEN_DOMCTL_ioport_permission, domain), 0);
	give_memory(domain, 0xa0);
	/* What they wait for. */
	give_memory(domain, 0xfd000);
}

static bool ended(unsigned domain)
{
	long flags = flags_of(domain);

	return flags < 0 || (flags & XEN_DOMINF_shutdown);
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
		give_line(1 + audits % 2, audits / 2 % 2);
		audit();
		audits++;
		sleep_ns(50000000);
	}
	for (unsigned d = 1; d <= 2; d++)
		check_eq(domctl(XEN_DOMCTL_destroydomain, d), 0);
	audit();
	print("device-giver: %u audits\n", audits);
}
