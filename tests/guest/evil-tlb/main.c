// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * Stale translations: one vcpu writes through an address without pause while the other takes the
 * mapping away, without asking for a flush, and makes the page a table, a descriptor page, or gives
 * it back. From the moment that such a call has succeeded no write through the old translation may
 * reach the frame, and with a flush that was asked for none may be missed. An emulator that empties
 * TLBs too often hides the error on one CPU, not on two.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-tlb";

#define ROUNDS 40
/* Present, and a frame that does not exist: what the emulation of page-table writes refuses. In one
 * word of the guest's. */
#ifdef __i386__
#define JUNK LEAF(0xfffff, PTE_KERNEL)
#else
#define JUNK LEAF(1ULL << 38, PTE_KERNEL)
#endif

static volatile uint64_t window[PAGE_SIZE / 8] __attribute__((aligned(4096)));
static volatile uint64_t writes, reads;
static volatile uint64_t last_read;
static volatile bool writing = true;

static void toucher(void)
{
	for (;;) {
		if (writing) {
			touch_store(window + 5, JUNK);
			writes++;
		} else {
			last_read = touch_load(window + 5);
			reads++;
		}
	}
}

static void check_untouched(const volatile uint64_t *p, const char *what)
{
	wait_for(&writes, writes + 20, "the other vcpu");
	if (p[5] != 0)
		fail("%s was written through a stale translation: %#llx", what,
		     (unsigned long long)p[5]);
}

void test_main(void)
{
	volatile uint64_t *page = page_alloc(), *second = page_alloc();
	uint64_t own = virt_to_mfn((void *)window), mfn = virt_to_mfn((void *)page),
		 other = virt_to_mfn((void *)second);
	uint64_t ptr = pte_maddr((void *)window), pfn = pfn_alloc();

	trap_hook = skip_touch;
	vcpu_start(1, toucher);
	for (int i = 0; i < ROUNDS; i++) {
		/* A table. */
		check_eq(mmu_update(ptr, LEAF(mfn, PTE_KERNEL)), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		wait_for(&writes, writes + 3, "the other vcpu");
		check_eq(page[5], JUNK);
		check_eq(make_readonly((void *)page), 0);
		check_eq(mmu_update(ptr, i & 1 ? 0 : LEAF(mfn, PTE_P | PTE_AD)), 0);
		{
			/* No entry may be JUNK when it becomes a table: cleared by the hypervisor,
			 * while the other writes on. */
			struct mmuext_op ops[2] = { { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn },
						    { .cmd = MMUEXT_PIN_L1_TABLE,
						      .arg1.mfn = mfn } };
			long r;

			do {
				r = mmuext_ops(ops, 2);
			} while (r < 0 && page[5]);
			check_eq(r, 0);
		}
		check_untouched(page, "a page table");
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
		check_eq(make_writable((void *)page), 0);

		/* A descriptor page. */
		check_eq(mmu_update(ptr, LEAF(other, PTE_KERNEL)), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		wait_for(&writes, writes + 3, "the other vcpu");
		check_eq(mmu_update(ptr, 0), 0);
		second[5] = 0;
		check_eq(make_readonly((void *)second), 0);
		{
			xen_ulong_t table = other;
			long r = hypercall(set_gdt, &table, 512L);

			/* The junk may have come again before: it is no descriptor of ours to
			 * judge. */
			if (!r) {
				uint64_t v = second[5];

				wait_for(&writes, writes + 20, "the other vcpu");
				check_eq(second[5], v);
				check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
			}
		}
		check_eq(make_writable((void *)second), 0);
		second[5] = 0;

		/* A frame that is given back, and one that is taken: mostly the same. */
		xen_ulong_t list[1] = { pfn_to_mfn(pfn) };

		check_eq(mmu_update(ptr, LEAF(list[0], PTE_KERNEL)), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		wait_for(&writes, writes + 3, "the other vcpu");
		check_eq(mmu_update(ptr, 0), 0);
		check_eq(reservation(XENMEM_decrease_reservation, list, 1, 0, 0), 1);
		list[0] = pfn;
		check_eq(reservation(XENMEM_populate_physmap, list, 1, 0, 0), 1);
		((xen_ulong_t *)start_info->mfn_list)[pfn] = list[0];
		static volatile uint64_t view[512] __attribute__((aligned(4096)));

		check_eq(map_page((void *)view, list[0], PTE_KERNEL), 0);
		check_untouched(view, "a new frame");
		check_eq(map_page((void *)view, virt_to_mfn((void *)view), PTE_KERNEL), 0);
	}
	/* Flushes that were asked for: the reader sees the other page at once. */
	writing = false;
	/* Its last store may be on its way until then. */
	wait_for(&reads, reads + 1, "the other vcpu");
	page[5] = 1;
	second[5] = 2;
	check_eq(mmu_update(ptr, LEAF(mfn, PTE_KERNEL)), 0);
	wait_for(&reads, reads + 3, "the other vcpu");
	for (int i = 0; i < ROUNDS; i++)
		for (int kind = 0; kind < 4; kind++) {
			uint64_t to = kind & 1 ? other : mfn, mask = 2;
			struct mmuext_op op = { .cmd = MMUEXT_INVLPG_MULTI,
						.arg1.linear_addr = (uintptr_t)window,
						.arg2.vcpumask = (uintptr_t)&mask };

			if (kind == 0) {
				check_eq(hypercall(update_va_mapping, window, LEAF(to, PTE_KERNEL),
						   (long)(UVMF_INVLPG | UVMF_ALL)),
					 0);
			} else if (kind == 1) {
				check_eq(mmu_update(ptr, LEAF(to, PTE_KERNEL)), 0);
				check_eq(mmuext_ops(&op, 1), 0);
			} else if (kind == 2) {
				check_eq(hypercall(update_va_mapping, window, LEAF(to, PTE_KERNEL),
						   (uintptr_t)&mask | UVMF_TLB_FLUSH | UVMF_MULTI),
					 0);
			} else {
				check_eq(mmu_update(ptr, LEAF(to, PTE_KERNEL)), 0);
				check_eq(mmuext(MMUEXT_INVLPG_ALL, (uintptr_t)window), 0);
			}
			/* A read that was on its way is allowed; the second is not. */
			wait_for(&reads, reads + 3, "the other vcpu");
			check_eq(last_read, kind & 1 ? 2 : 1);
		}
	vcpu_down(1);
	check_eq(mmu_update(ptr, LEAF(own, PTE_KERNEL)), 0);
}
