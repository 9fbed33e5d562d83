// SPDX-License-Identifier: GPL-2.0-or-later
// seconds: 120
// quick: first
/*
 * Every frame of the machine that is not this domain's (other domains', the hypervisor's, the M2P,
 * the frame table, the free ones, device memory) is tried in every operation that takes a frame:
 * mapped read-only and writable, pinned as a table, as a GDT, as a root, as grant and event memory,
 * copied from and to, given back, exchanged, its M2P entry changed. None may succeed, and no word
 * of it may be read.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-frames";

static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096))),
	scratch[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t own[1 << 17]; /* a bit for each of a million frames */
static uint64_t tried;

static bool is_own(uint64_t mfn)
{
	return mfn / 8 < sizeof(own) && own[mfn / 8] >> mfn % 8 & 1;
}

static void refuse(long r, const char *what, uint64_t mfn)
{
	if (r >= 0)
		fail("%s of frame %#lx was not refused but %ld", what, (unsigned long)mfn, r);
}

static void attack(uint64_t mfn, bool thorough)
{
	struct gnttab_copy grant = {
		.source = { .u.gmfn = mfn, .domid = DOMID_SELF },
		.dest = { .u.gmfn = virt_to_mfn(scratch), .domid = DOMID_SELF },
		.len = 64,
	};
	uint64_t list[2] = { mfn, 0 }, out = virt_to_pfn(scratch);
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct xen_memory_exchange e = {
		.in = r,
		.out = { .extent_start = (uintptr_t)&out, .nr_extents = 1, .domid = DOMID_SELF },
	};
	struct evtchn_expand_array expand = { .array_gfn = mfn };
	struct evtchn_init_control control = { .control_gfn = mfn };
	struct vcpu_register_vcpu_info info = { .mfn = mfn };

	tried++;
	refuse(map_page(window, mfn, PTE_P | PTE_AD), "a read-only mapping", mfn);
	refuse(map_page(window, mfn, PTE_KERNEL), "a writable mapping", mfn);
	if (!thorough)
		return;
	refuse(mmu_update(pte_maddr(window), LEAF(mfn, PTE_P | PTE_US)), "mmu_update", mfn);
	refuse(mmu_update(pte_maddr(window) | MMU_PT_UPDATE_NO_TRANSLATE, LEAF(mfn, PTE_KERNEL)),
	       "mmu_update", mfn);
	refuse(mmu_update(mfn << 12, 0x1234), "a write by mmu_update", mfn);
	refuse(mmu_update(mfn << 12 | MMU_MACHPHYS_UPDATE, 1), "a change of the M2P", mfn);
	refuse(mmu_update(entry_maddr(window, 2) ^ 8, LEAF(mfn, PTE_P | PTE_US)), "a table entry",
	       mfn);
	for (unsigned cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_NEW_BASEPTR; cmd++)
		refuse(mmuext(cmd, mfn), "pinning, unpinning or loading", mfn);
	if (mfn)
		refuse(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn), "a user root", mfn);
	refuse(mmuext(MMUEXT_CLEAR_PAGE, mfn), "clearing", mfn);
	refuse(copy_page(virt_to_mfn(scratch), mfn), "copying from", mfn);
	refuse(copy_page(mfn, virt_to_mfn(scratch)), "copying to", mfn);
	refuse(hypercall(set_gdt, &mfn, 512L), "a GDT", mfn);
	refuse(hypercall(update_descriptor, mfn << 12, 0L), "a descriptor", mfn);
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_copy, &grant, 1L), 0);
	refuse(grant.status, "a grant copy from", mfn);
	grant.dest.u.gmfn = mfn;
	grant.source.u.gmfn = virt_to_mfn(scratch);
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_copy, &grant, 1L), 0);
	refuse(grant.status, "a grant copy to", mfn);
	if (hypercall(memory_op, (long)XENMEM_decrease_reservation, &r) > 0)
		fail("frame %#lx could be given back", (unsigned long)mfn);
	refuse(hypercall(memory_op, (long)XENMEM_exchange, &e), "an exchange", mfn);
	refuse(evtchn_op(EVTCHNOP_expand_array, &expand), "event words", mfn);
	refuse(evtchn_op(EVTCHNOP_init_control, &control), "an event control block", mfn);
	refuse(vcpu_op(VCPUOP_register_vcpu_info, 0, &info), "a vcpu_info", mfn);
}

void test_main(void)
{
	static const uint64_t others[] = {
		0xa0, 0xb8, 0xc0, 0xf0, 0xff, 0xe0000, 0xf0000, 0xfebf0, 0xfec00, 0xfed00, 0xfee00,
		0xfffc0, 0xfffff, 0x100000, 0x100001, 1UL << 22, 1UL << 28, 1ULL << 34, 1ULL << 36,
		1ULL << 39, (1ULL << 40) - 1, 1ULL << 40, 0x7ffffffffffff, 0xfffffffffffff, ~0UL,
		~0UL >> 1,
	};
	uint64_t max = hypercall(memory_op, (long)XENMEM_maximum_ram_page, 0L),
		 shared = start_info->shared_info >> 12;

	/* What the domain shares with the hypervisor besides: its grant table. */
	xen_pfn_t grants[64] = { 0 };

	grant_table_frames(grants, 64);
	for (int i = 0; i < 64; i++)
		own[grants[i] / 8] |= 1 << grants[i] % 8;
	check(max > start_info->nr_pages && max < sizeof(own) * 8);
	for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
		uint64_t mfn = pfn_to_mfn(pfn);

		own[mfn / 8] |= 1 << mfn % 8;
	}
	for (uint64_t mfn = 0; mfn < max; mfn++)
		if (!is_own(mfn) && mfn != shared)
			attack(mfn, mfn % 97 == 0 || mfn < 1024);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!is_own(others[i]))
			attack(others[i], others[i] < 1ULL << 52);
	/* The M2P's own frames may be asked for; having their numbers gives nothing. */
	{
		uint64_t list[16];
		struct xen_machphys_mfn_list l = { .max_extents = 16,
						   .extent_start = (uintptr_t)list };

		if (hypercall(memory_op, (long)XENMEM_machphys_mfn_list, &l) == 0)
			for (unsigned i = 0; i < l.nr_extents; i++)
				attack(list[i], true);
	}
	/* What refers to the M2P and the roots by address instead. */
	check_refused(
		hypercall(update_va_mapping, m2p, LEAF(virt_to_mfn(scratch), PTE_KERNEL), 0L));
	check_eq(probe_write((void *)m2p), 14);
	check(tried > 1000);
	check_eq(*pte_of(window) & PTE_ADDR, virt_to_mfn(window) << 12);
	print("evil-frames: %lu frames tried\n", (unsigned long)tried);
}
