// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Start of day. The first instruction finds what the ABI promises: start info whose every field is
 * true, page tables that map kernel, P2M, start info, tables and boot stack one after the other and
 * at least 512 KiB behind them, tables that are mapped read-only and typed as what they are, a P2M
 * and an M2P that agree, events masked, a running clock. Guests trust all of this blindly, long
 * before they could report anything.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "start-info";

void test_main(void)
{
	const struct start_info *si = start_info;
	const char *first = (const char *)si->pt_base, *page;
	uint64_t sum = 0;
	bool privileged = si->flags & SIF_INITDOMAIN;

	check(!memcmp(si->magic, "xen-3.", 6));
	check(si->nr_pages >= 2048);
	check_eq(si->shared_info & 0xfff, 0);
	check_eq(si->pt_base & 0xfff, 0);
	check_eq((uintptr_t)si & 0xfff, 0);
	check_eq(si->flags & SIF_PRIVILEGED ? 1 : 0, privileged);
	check_eq(si->mod_len, 0);
	if (!privileged) {
		check_eq(si->flags, 0);
		check_eq(si->mod_start, 0);
	}
	for (size_t i = 0; i < sizeof(si->cmd_line); i++)
		sum += si->cmd_line[i] == 0;
	check(sum > 0);

	/* The order of the ABI: P2M, start info, page tables, boot stack. */
	check(si->mfn_list < (uintptr_t)si && (uintptr_t)si < si->pt_base);
	check(si->nr_pt_frames >= 4 && si->nr_pt_frames < 64);
	for (uint64_t i = 0; i < si->nr_pt_frames; i++) {
		page = first + i * PAGE_SIZE;
		check(*pte_of(page) & PTE_P);
		check(!(*pte_of(page) & PTE_RW));
		check_eq((*pte_of(page) & PTE_ADDR) >> 12, virt_to_mfn(page));
	}
	check_eq(probe_write((void *)first), 14);
	check_eq(probe_error, 3);
	/* Boot stack and 512 KiB behind it: writable. */
	for (uint64_t i = 0; i < 128; i++) {
		page = first + (si->nr_pt_frames + i) * PAGE_SIZE;
		check((*pte_of(page) & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW));
	}
	/* The hypervisor's slots are filled: the M2P can be read; nothing else above is the
	 * guest's. */
#ifdef __i386__
	check_eq(*entry_of((void *)0xfff00000UL, 2), 0);
	check(*entry_of((void *)MACH2PHYS_VIRT_START, 2) & PTE_P);
	check_eq(si->pt_base, (uintptr_t)entry_of(NULL, 3));
#else
	check_eq(*entry_of((void *)0xffff880000000000UL, 4), 0);
	check(*entry_of((void *)MACH2PHYS_VIRT_START, 4) & PTE_P);
#endif
	check_eq(probe_read(m2p), -1);

	for (uint64_t pfn = 0; pfn < si->nr_pages; pfn++)
		if (m2p[pfn_to_mfn(pfn)] != pfn)
			fail("pfn %#lx is mfn %#lx, but that is pfn %#lx", (unsigned long)pfn,
			     (unsigned long)pfn_to_mfn(pfn), m2p[pfn_to_mfn(pfn)]);

	for (int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		check_eq(shared_info->vcpu_info[i].evtchn_upcall_mask, 1);
	check_eq(vcpu_info()->evtchn_pending_sel, 0);
	for (size_t i = 0; i < sizeof(shared_info->evtchn_pending) / sizeof(xen_ulong_t); i++)
		check_eq(shared_info->evtchn_pending[i], 0);
	check(vcpu_info()->time.tsc_to_system_mul);
	check_eq(vcpu_info()->time.version & 1, 0);
	/* 2020 to 2100, and no fraction above one. */
	check(shared_info->wc_sec > 1577836800U && shared_info->wc_nsec < 1000000000U);
#ifndef __i386__
	check_eq(shared_info->wc_sec_hi, 0);
#endif
}
