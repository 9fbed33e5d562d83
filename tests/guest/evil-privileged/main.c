// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control operations from an unprivileged guest: every domctl, sysctl, platform and physdev
 * operation, unknown hypercalls. They answer with an error, give no information in the argument,
 * and change nothing: no port opens, no interrupt binds.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "evil-privileged";

static uint32_t buffer[1024];

static void fill(uint32_t first, uint32_t second, uint32_t seed)
{
	for (int i = 0; i < 1024; i++)
		buffer[i] = seed;
	buffer[0] = first;
	buffer[1] = second;
}

/* The argument comes back as it was: an error tells nothing else. */
static void untouched(uint32_t first, uint32_t second, uint32_t seed, const char *what)
{
	check_eq(buffer[0], first);
	check_eq(buffer[1], second);
	for (int i = 2; i < 1024; i++)
		if (buffer[i] != seed)
			fail("%s %u left %#x in word %d", what, first, buffer[i], i);
}

void test_main(void)
{
	static const uint32_t versions[] = { 0x15, 0x14, 0x13, 0, 0xffffffff };
	static const uint32_t seeds[] = { 0, 1, 0x7ff0, 0xffffffff };

	for (uint32_t cmd = 0; cmd < 100; cmd++)
		for (int v = 0; v < 5; v++)
			for (int s = 0; s < 4; s++) {
				fill(cmd, versions[v], seeds[s]);
				check_refused(hypercall(domctl, buffer));
				untouched(cmd, versions[v], seeds[s], "domctl");
				fill(cmd, versions[v], seeds[s]);
				check_refused(hypercall(sysctl, buffer));
				untouched(cmd, versions[v], seeds[s], "sysctl");
			}
	for (uint32_t cmd = 0; cmd < 100; cmd++) {
		fill(cmd, 0x03000001, 0);
		check_refused(hypercall(platform_op, buffer));
		untouched(cmd, 0x03000001, 0, "platform_op");
		fill(cmd, 0x03000001, 1);
		check_refused(hypercall(platform_op, buffer));
	}
	/* A guest may ask about its interrupts and set its virtual I/O privilege: that touches
	 * nothing real. */
	for (long cmd = 0; cmd < 64; cmd++)
		for (int s = 0; s < 4; s++) {
			if (cmd == PHYSDEVOP_set_iopl || cmd == PHYSDEVOP_set_iobitmap ||
			    cmd == PHYSDEVOP_eoi || cmd == PHYSDEVOP_irq_status_query ||
			    cmd == PHYSDEVOP_free_irq_vector || cmd == PHYSDEVOP_get_free_pirq)
				continue;
			fill(seeds[s], seeds[s], seeds[s]);
			if (hypercall(physdev_op, cmd, buffer) >= 0)
				fail("physdev operation %ld with arguments of %#x was not refused",
				     cmd, seeds[s]);
		}
	/* arch_0: machine checks are dom0's business. */
	for (long cmd = 38; cmd < 64; cmd++)
		check_eq(guest_hypercall(cmd, buffer, 1L, 2L, 3L, 4L),
			 cmd == __HYPERVISOR_arch_0 ? -EPERM : -ENOSYS);
	for (long cmd = 64; cmd < 4096; cmd++)
		check_eq(guest_hypercall(cmd, 0L, 0L, 0L, 0L, 0L), -ENOSYS);
	check_eq(guest_hypercall(-1L, 0L), -ENOSYS);
	if (sizeof(long) == 8)
		check_eq(guest_hypercall((long)(1ULL << 32 | __HYPERVISOR_xen_version), 0L),
			 -ENOSYS);
	check_eq(guest_hypercall((long)(~0UL >> 1), 0L), -ENOSYS);
	/* Other domains' business, by number; our own is the one whose ports we may look at. */
	struct evtchn_alloc_unbound own = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

	check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &own), 0);
	for (long id = 0; id < 40; id++) {
		xen_ulong_t list[1] = { pfn_to_mfn(start_info->nr_pages - 1) };
		struct evtchn_status st = { .dom = id, .port = own.port };
		struct evtchn_reset reset = { .dom = id };
		struct gnttab_setup_table t = { .dom = id,
						.nr_frames = 1,
						.frame_list = (uintptr_t)buffer };
		struct xen_memory_reservation r = { .extent_start = (uintptr_t)list,
						    .nr_extents = 1,
						    .domid = id };

		if (evtchn_op(EVTCHNOP_status, &st) == 0)
			continue;
		check_refused(hypercall(memory_op, (long)XENMEM_current_reservation, &r.domid));
		check_refused(hypercall(memory_op, (long)XENMEM_maximum_reservation, &r.domid));
		check_refused(hypercall(memory_op, (long)XENMEM_decrease_reservation, &r));
		check_refused(hypercall(memory_op, (long)XENMEM_populate_physmap, &r));
		check_refused(evtchn_op(EVTCHNOP_reset, &reset));
		check_eq(hypercall(grant_table_op, (long)GNTTABOP_setup_table, &t, 1L), 0);
		check(t.status < 0);
	}
}
