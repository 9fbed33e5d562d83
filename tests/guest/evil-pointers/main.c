// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every hypercall that takes an address is given bad ones in every place: absent, in the
 * hypervisor's part (M2P, entry region, direct map, image), non-canonical, at the very top where
 * the range would wrap, at the edge of an absent page, unaligned, null. The answer is an errno;
 * nothing of the hypervisor is read or written, no page of the guest's is damaged, and the guest
 * goes on. The unaligned ones may succeed. (A 32-bit kernel may read its M2P, so that it is no bad
 * address.)
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "evil-pointers";

static uint8_t edge[2][PAGE_SIZE] __attribute__((aligned(4096)));
static xen_ulong_t saved[64];

#ifdef __i386__
static const unsigned long bad[] = {
	0, 8, 0x1000, 0x10000, 0x7ffffffc, 0x80000000, 0xf57ffffc, 0xf6800000, 0xf6800001,
	0xf7fffff8, 0xff000000, 0xfffff000, 0xffffff00, 0xfffffff0, 0xfffffff8, 0xfffffffc,
	0xffffffff, (uintptr_t)edge[1] - 1,
};
#else
static const unsigned long bad[] = {
	0, 8, 0x1000, 0x10000, 0x7ffffffffff8, 0x7fffffffffff, 0x800000000000, 0x8000000000000000,
	0xfffeffffffffffff, 0xffff7fffffffffff, 0xffff7ffffffffff8, 0xffff800000000000,
	0xffff800000000001, 0xffff808000000000, 0xffff810000000000, 0xffff828000000000,
	0xffff82d080000000, 0xffff82e000000000, 0xffff830000000000, 0xffff830000100000,
	0xffff87fffffffff8, 0xffff87ffffffffff, 0xffff880000000000, 0xffffffff7ffffff8,
	0xfffffffffffff000, 0xfffffffffffffff0, 0xfffffffffffffff8, 0xfffffffffffffffc,
	0xffffffffffffffff, (uintptr_t)edge[1] - 1,
};
#endif
#define NBAD (sizeof(bad) / sizeof(bad[0]))

static void expect_error(long r, const char *what, unsigned long a)
{
	if (r >= 0)
		fail("%s with the address %p was not refused but %ld", what, (void *)a, r);
	if (r < -1000)
		fail("%s with the address %p: %ld is no errno", what, (void *)a, r);
}

/* The argument itself. */
static void direct(unsigned long a)
{
	for (long cmd = XENVER_extraversion; cmd <= XENVER_get_features; cmd++)
		expect_error(hypercall(xen_version, cmd, a), "xen_version", a);
	expect_error(hypercall(xen_version, (long)XENVER_guest_handle, a), "xen_version", a);
	expect_error(hypercall(mmu_update, a, 1L, 0L, (long)DOMID_SELF), "mmu_update", a);
	expect_error(mmuext_ops((void *)a, 1), "mmuext_op", a);
	expect_error(hypercall(set_gdt, a, 512L), "set_gdt", a);
	expect_error(hypercall(multicall, a, 1L), "multicall", a);
	if (a)
		expect_error(hypercall(set_trap_table, a), "set_trap_table", a);
	expect_error(hypercall(console_io, (long)CONSOLEIO_write, 64L, a), "console_io", a);
	for (long cmd = 0; cmd <= EVTCHNOP_set_priority; cmd++)
		expect_error(evtchn_op(cmd, (void *)a), "event_channel_op", a);
	for (long cmd = 0; cmd <= GNTTABOP_cache_flush; cmd++) {
		long r = hypercall(grant_table_op, cmd, a, 1L);
		if (r >= 0)
			fail("grant_table_op %ld with the address %p was not refused but %ld", cmd,
			     (void *)a, r);
	}
	for (long cmd = 0; cmd <= XENMEM_acquire_resource; cmd++) {
		long r = hypercall(memory_op, cmd, a);

		/* Some have no argument; decrease and populate say how far they came. */
		if (cmd == XENMEM_maximum_ram_page || cmd == XENMEM_get_sharing_freed_pages ||
		    cmd == XENMEM_get_sharing_shared_pages)
			continue;
		if (r > 0)
			fail("memory_op %ld with the address %p: %ld", cmd, (void *)a, r);
	}
	expect_error(hypercall(vcpu_op, (long)VCPUOP_initialise, 1L, a), "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_get_runstate_info, 0L, a), "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_register_runstate_memory_area, 0L, a),
		     "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_set_periodic_timer, 0L, a), "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_set_singleshot_timer, 0L, a), "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_register_vcpu_info, 0L, a), "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_get_physid, 0L, a), "vcpu_op", a);
	expect_error(hypercall(vcpu_op, (long)VCPUOP_register_vcpu_time_memory_area, 0L, a),
		     "vcpu_op", a);
	expect_error(hypercall(sched_op, (long)SCHEDOP_shutdown, a), "sched_op", a);
	expect_error(hypercall(sched_op, (long)SCHEDOP_poll, a), "sched_op", a);
	expect_error(hypercall(sched_op, (long)SCHEDOP_remote_shutdown, a), "sched_op", a);
	expect_error(hypercall(sched_op, (long)SCHEDOP_shutdown_code, a), "sched_op", a);
	expect_error(hypercall(sched_op, (long)SCHEDOP_watchdog, a), "sched_op", a);
	expect_error(hypercall(callback_op, (long)CALLBACKOP_register, a), "callback_op", a);
	expect_error(hypercall(callback_op, (long)CALLBACKOP_unregister, a), "callback_op", a);
	expect_error(hypercall(nmi_op, (long)XENNMI_register_callback, a), "nmi_op", a);
	for (long cmd = 0; cmd < 40; cmd++)
		if (cmd != PHYSDEVOP_free_irq_vector)
			expect_error(hypercall(physdev_op, cmd, a), "physdev_op", a);
	expect_error(hypercall(domctl, a), "domctl", a);
	expect_error(hypercall(sysctl, a), "sysctl", a);
	expect_error(hypercall(platform_op, a), "platform_op", a);
}

/* Addresses inside structures, and outputs. */
static void nested(unsigned long a)
{
	struct mmu_update u = { virt_to_mfn(edge[0]) << 12, 0 };
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };
	struct sched_poll poll = { .ports = a, .nr_ports = 1, .timeout = 1 };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list = a };
	struct xen_memory_reservation r = { .extent_start = a,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	xen_ulong_t list[1] = { virt_to_mfn(edge[0]) };
	struct xen_memory_exchange e = {
		.in = { .extent_start = (uintptr_t)list, .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .extent_start = a, .nr_extents = 1, .domid = DOMID_SELF },
	};
	struct xen_machphys_mfn_list l = { .max_extents = 4, .extent_start = a };
	struct multicall_entry m = { .op = __HYPERVISOR_xen_version,
				     .args = { XENVER_capabilities, a } };
	struct vcpu_register_runstate_memory_area area = { .addr.v = a };
	struct gnttab_map_grant_ref map = {
		.host_addr = a, .flags = GNTMAP_host_map, .ref = 3, .dom = DOMID_SELF
	};
	struct gnttab_map_grant_ref map_pte = { .host_addr = a,
						.flags = GNTMAP_host_map | GNTMAP_contains_pte,
						.ref = 3 };

	if (a) {
		expect_error(hypercall(mmu_update, &u, 1L, a, (long)DOMID_SELF),
			     "mmu_update's count", a);
		expect_error(hypercall(mmuext_op, &op, 1L, a, (long)DOMID_SELF),
			     "mmuext_op's count", a);
	}
	op.cmd = MMUEXT_TLB_FLUSH_MULTI;
	op.arg2.vcpumask = a;
	if ((a & 0xfff) != 0xfff)
		expect_error(mmuext_ops(&op, 1), "a vcpu mask", a);
	op = (struct mmuext_op){ .cmd = MMUEXT_SET_LDT,
				 .arg1.linear_addr = a,
				 .arg2.nr_ents = 512 };
	expect_error(mmuext_ops(&op, 1), "an LDT", a);
	op = (struct mmuext_op){ .cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = a };
	mmuext_ops(&op, 1);
	op.cmd = MMUEXT_INVLPG_LOCAL;
	mmuext_ops(&op, 1);
	expect_error(hypercall(sched_op, (long)SCHEDOP_poll, &poll), "poll's ports", a);
	if (hypercall(grant_table_op, (long)GNTTABOP_setup_table, &setup, 1L) == 0 &&
	    setup.status >= 0)
		fail("setup_table with a list at %p was not refused", (void *)a);
	for (int cmd = 0; cmd < 2; cmd++)
		if (hypercall(memory_op,
			      (long)(cmd ? XENMEM_decrease_reservation : XENMEM_populate_physmap),
			      &r) > 0)
			fail("memory_op with a list at %p was not refused", (void *)a);
	expect_error(hypercall(memory_op, (long)XENMEM_exchange, &e), "an exchange's outputs", a);
	expect_error(hypercall(memory_op, (long)XENMEM_machphys_mfn_list, &l), "machphys_mfn_list",
		     a);
	check_eq(hypercall(multicall, &m, 1L), 0);
	expect_error(m.result, "a hypercall in a multicall", a);
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_map_grant_ref, &map, 1L), 0);
	check(map.status < 0);
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_map_grant_ref, &map_pte, 1L), 0);
	check(map_pte.status < 0);
	if (a < (uintptr_t)edge || a >= (uintptr_t)edge + sizeof(edge))
		expect_error(map_page((void *)a, 0, 0), "update_va_mapping", a);
	if ((a & ~7UL) && (a & 0xfff) < 0xff8)
		expect_error(hypercall(update_va_mapping, edge[0],
				       LEAF(virt_to_mfn(edge[0]), PTE_KERNEL),
				       (a & ~7UL) | UVMF_INVLPG),
			     "a flush mask", a & ~7UL);
	/* Areas that the hypervisor writes later: refused, or never written. */
	hypercall(vcpu_op, (long)VCPUOP_register_runstate_memory_area, 0L, &area);
	hypercall(vcpu_op, (long)VCPUOP_register_vcpu_time_memory_area, 0L, &area);
	yield();
}

static bool plausible(unsigned long a)
{
	/* Addresses that may be ours in this image, or are none: nothing can be said of reading
	 * there. */
#ifdef __i386__
	return a < HYPERVISOR_VIRT_START;
#else
	return a < 0x7fff00000000UL || a >= 0xffff880000000000UL ||
	       (a >> 47 != 0 && a >> 47 != 0x1ffff);
#endif
}

void test_main(void)
{
	struct vcpu_register_runstate_memory_area area;
	static struct vcpu_runstate_info runstate;

	/* An L1 is there, the page is not. */
	check_eq(map_page(edge[1], 0, 0), 0);
	for (int i = 0; i < 64; i++)
		saved[i] = m2p[i];
	for (size_t i = 0; i < NBAD; i++) {
		unsigned long a = bad[i];

		direct(a);
		nested(a);
		/* Nothing of the hypervisor's became writable or readable on the way. */
		if (!plausible(a) && !(a >= MACH2PHYS_VIRT_START && a < MACH2PHYS_VIRT_END))
			check_eq(probe_read((void *)a), 14);
	}
	for (int i = 0; i < 64; i++)
		check_eq(m2p[i], saved[i]);
	/* Unaligned but ours: they work. */
	{
		uint8_t raw[64];
		struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF,
							.remote_dom = DOMID_SELF };

		memcpy(raw + 1, &unbound, sizeof(unbound));
		check_eq(evtchn_op(EVTCHNOP_alloc_unbound, raw + 1), 0);
		area.addr.v = (uintptr_t)&runstate;
		check_eq(hypercall(vcpu_op, (long)VCPUOP_register_runstate_memory_area, 0L, &area),
			 0);
	}
}
