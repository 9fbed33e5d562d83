// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine of its own, which maps both M2Ps as DOMID_XEN's frames, as a toolstack does to
 * save a domain. Every frame of each extent, which is 2 MiB without a gap, can be mapped read-only
 * and says what the hypervisor's own mapping says; none can be mapped writable, be a table, or be
 * mapped as anybody else's, and what is mapped read-only does not become writable afterwards.
 * bits: 64
 */
#include "dom0.h"
#include "pv-abi/memory.h"

const char test_name[] = "m2p";

#define EXTENTS 8
#define FRAMES  512

static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t extents[EXTENTS];

static long map_as(uint64_t mfn, uint64_t flags, unsigned domid)
{
	return hypercall(update_va_mapping_otherdomain, window, LEAF(mfn, flags), (long)UVMF_INVLPG,
			 (long)domid);
}

static unsigned list(long cmd)
{
	struct xen_machphys_mfn_list l = { .max_extents = EXTENTS,
					   .extent_start = (uint64_t)extents };

	check_eq(hypercall(memory_op, cmd, &l), 0);
	return l.nr_extents;
}

/* Is it refused in every way that would let it be written? */
static void try_to_write(uint64_t mfn)
{
	static const unsigned pins[] = { MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
					 MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE };
	struct mmuext_op op = { .arg1.mfn = mfn };

	struct mmu_update u = { .ptr = pte_maddr(window), .val = LEAF(mfn, PTE_KERNEL) };

	check_refused(map_as(mfn, PTE_KERNEL, DOMID_XEN));
	check_refused(hypercall(mmu_update, &u, 1L, 0L, (long)DOMID_XEN));
	u.ptr |= MMU_PT_UPDATE_PRESERVE_AD;
	check_refused(hypercall(mmu_update, &u, 1L, 0L, (long)DOMID_XEN));
	for (unsigned i = 0; i < 4; i++) {
		op.cmd = pins[i];
		check_refused(hypercall(mmuext_op, &op, 1L, 0L, (long)DOMID_XEN));
	}
	op.cmd = MMUEXT_CLEAR_PAGE;
	check_refused(hypercall(mmuext_op, &op, 1L, 0L, (long)DOMID_XEN));
}

void test_main(void)
{
	uint64_t own = virt_to_mfn(window);
	unsigned n = list(XENMEM_machphys_mfn_list);

	check(n >= 1);
	for (unsigned e = 0; e < n; e++) {
		check_eq(extents[e] % FRAMES, 0);
		for (unsigned i = 0; i < FRAMES; i++) {
			const volatile uint64_t *seen = (volatile uint64_t *)window;

			check_eq(map_as(extents[e] + i, PTE_P | PTE_AD, DOMID_XEN), 0);
			check_eq(seen[i % 512], m2p[(e * FRAMES + i) * 512 + i % 512]);
		}
		/* It is mapped: the way over an entry that is there is no other. */
		check_refused(map_as(extents[e] + FRAMES - 1, PTE_KERNEL, DOMID_XEN));
		check_eq(probe_write(window), 14);
		try_to_write(extents[e]);
		try_to_write(extents[e] + FRAMES - 1);
	}
	n = list(XENMEM_machphys_compat_mfn_list);
	check(n >= 1);
	for (unsigned e = 0; e < n; e++) {
		check_eq(extents[e] % FRAMES, 0);
		check_eq(map_as(extents[e] + e, PTE_P | PTE_AD, DOMID_XEN), 0);
		/* Of frames beyond the end there are 2 MiB in one piece, too. */
		check_eq(map_as(extents[e] + FRAMES - 1, PTE_P | PTE_AD, DOMID_XEN), 0);
		try_to_write(extents[e] + e);
	}
	check_eq(map_as(extents[0], PTE_P | PTE_AD, DOMID_XEN), 0);
	check_eq(((volatile uint32_t *)window)[own % 512], m2p[own % 512] & 0xffffffff);
	audit();
	check_eq(map_as(own, PTE_KERNEL, DOMID_SELF), 0);
	audit();
}
