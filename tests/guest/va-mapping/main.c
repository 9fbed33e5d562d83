// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * update_va_mapping: one leaf entry by the address that it maps, with the flush that goes with it.
 * What is set is what the CPU then does: read-only, absent, no execution, another frame. An address
 * that has no L1, that is ours, or that is none at all is refused. Page faults carry the error code
 * that bare hardware would give a ring-0 kernel.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "va-mapping";

static uint8_t page[PAGE_SIZE] __attribute__((aligned(4096)));

static void run(void *code)
{
	((void (*)(void))code)();
}

void test_main(void)
{
	uint64_t mfn = virt_to_mfn(page), own = LEAF(mfn, PTE_KERNEL), mask = 1;
	uint8_t *other = page_alloc();

	page[0] = 0xc3; /* ret */
	check_eq(probe(run, page), -1);

	check_eq(map_page(page, mfn, PTE_P | PTE_AD), 0);
	check_eq(probe_read(page), -1);
	check_eq(probe_write(page), 14);
	check_eq(probe_error, 3);
	check_eq(probe_cr2, (uintptr_t)page);

	check_eq(map_page(page, mfn, PTE_KERNEL | PTE_NX), 0);
	check_eq(probe_write(page + 1), -1);
	check_eq(probe(run, page), 14);
	check_eq(probe_error, 0x11);

	check_eq(map_page(page, 0, 0), 0);
	check_eq(probe_read(page + 5), 14);
	check_eq(probe_error, 0);
	check_eq(probe_cr2, (uintptr_t)page + 5);
	check_eq(probe_write(page + 6), 14);
	check_eq(probe_error, 2);

	other[0] = 0x77;
	check_eq(hypercall(update_va_mapping, page, LEAF(virt_to_mfn(other), PTE_KERNEL),
			   (long)(UVMF_INVLPG | UVMF_ALL)),
		 0);
	check_eq(*(volatile uint8_t *)page, 0x77);
	check_eq(hypercall(update_va_mapping, page, own, (long)(UVMF_TLB_FLUSH | UVMF_ALL)), 0);
	check_eq(*(volatile uint8_t *)page, 0xc3);
	check_eq(hypercall(update_va_mapping, page, LEAF(virt_to_mfn(other), PTE_KERNEL),
			   (uintptr_t)&mask | UVMF_INVLPG | UVMF_MULTI),
		 0);
	check_eq(*(volatile uint8_t *)page, 0x77);
	check_eq(hypercall(update_va_mapping, page, own, (long)UVMF_TLB_FLUSH), 0);
	check_eq(*(volatile uint8_t *)page, 0xc3);
	check_eq(hypercall(update_va_mapping_otherdomain, page, own, (long)UVMF_INVLPG,
			   (long)DOMID_SELF),
		 0);

	/* No tables there, ours, and no address at all. */
	check_refused(hypercall(update_va_mapping, 0x7f0000000000UL, own, (long)UVMF_INVLPG));
	check_refused(hypercall(update_va_mapping, 0xffff900000000000UL, own, (long)UVMF_INVLPG));
	for (uint64_t va = 0xffff800000000000UL; va < 0xffff880000000000UL; va += 1ULL << 38)
		check_refused(hypercall(update_va_mapping, va, own, (long)UVMF_INVLPG));
#ifndef __i386__
	check_refused(hypercall(update_va_mapping, 0x0000800000000000UL, own, 0L));
	check_refused(hypercall(update_va_mapping, (uintptr_t)page & 0x7fffffffffffffffUL, 0L, 0L));
#endif
	check_refused(hypercall(update_va_mapping, page, LEAF(1ULL << 36, PTE_KERNEL),
				(long)UVMF_INVLPG));
	check_eq(map_page(page, mfn, PTE_KERNEL), 0);
	check_eq(*(volatile uint8_t *)page, 0xc3);
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		uint64_t leaf = LEAF(virt_to_mfn(other), PTE_KERNEL);

		check_refused(
			hypercall(update_va_mapping_otherdomain, page, leaf, 0L, (long)DOMID_XEN));
		check_refused(hypercall(update_va_mapping_otherdomain, page, leaf, 0L, 0L));
		check_refused(hypercall(update_va_mapping_otherdomain, page, leaf, 0L, 12345L));
		/* Its frames are not device memory. */
		check_refused(
			hypercall(update_va_mapping_otherdomain, page, leaf, 0L, (long)DOMID_IO));
	}
}
