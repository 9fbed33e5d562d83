// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * multicall: a list of hypercalls, each with its own result. One that fails does not stop the
 * others; a list inside a list is an error of that entry; a long list is interrupted and continued
 * without the guest's noticing.
 * bits: 64 32
 */
#include "guest.h"

/* An entry of a page table as an argument: one word, or two. */
#ifdef __i386__
#define ENTRY(e) (uint32_t)(e), (e) >> 32
#else
#define ENTRY(e) (e)
#endif
#define NO_FRAME (1ULL << 46 | PTE_KERNEL)

const char test_name[] = "multicall";

static uint8_t a[PAGE_SIZE] __attribute__((aligned(4096)));

void test_main(void)
{
	uint64_t own = LEAF(virt_to_mfn(a), PTE_KERNEL);
	struct mmu_update good = { pte_maddr(a), own },
			  bad = { pte_maddr(a), NO_FRAME };
	uint32_t done = 9;
	struct multicall_entry inner = { .op = __HYPERVISOR_xen_version };
	struct multicall_entry m[] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
		{ .op = __HYPERVISOR_update_va_mapping,
		  .args = { (uintptr_t)a, ENTRY(NO_FRAME), 0 } },
		{ .op = 63 },
		{ .op = __HYPERVISOR_mmu_update,
		  .args = { (uintptr_t)&bad, 1, (uintptr_t)&done, DOMID_SELF } },
		{ .op = __HYPERVISOR_multicall, .args = { (uintptr_t)&inner, 1 } },
		{ .op = ~0UL },
		{ .op = __HYPERVISOR_mmu_update,
		  .args = { (uintptr_t)&good, 1, (uintptr_t)&done, DOMID_SELF } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
	};
	struct multicall_entry *list = page_alloc();
	int n = PAGE_SIZE / sizeof(*list);

	for (int i = 0; i < 8; i++)
		m[i].result = 0x1111;
	check_eq(hypercall(multicall, m, 8L), 0);
	check_eq(m[0].result, 4 << 16 | 17);
	check((long)m[1].result < 0);
	check_eq(m[2].result, -ENOSYS);
	check((long)m[3].result < 0);
	check((long)m[4].result < 0);
	check_eq(m[5].result, -ENOSYS);
	check_eq(m[6].result, 0);
	check_eq(done, 1);
	check_eq(m[7].result, 4 << 16 | 17);
	check_eq(hypercall(multicall, m, 0L), 0);
	check_eq(hypercall(multicall, (void *)0x10000, 1L), -EFAULT);
	check_eq(hypercall(multicall, (void *)(HYPERVISOR_VIRT_START + 0x2000000), 1L), -EFAULT);

	/* The last entry lies on a page that is not there: the ones before it are done. */
	check_eq(map_page(a, 0, 0), 0);
	check_eq(probe_read(a), 14);
	check_eq(map_page(a, virt_to_mfn(a), PTE_KERNEL), 0);

	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < n; i++) {
			uint64_t to = i & 1 ? own : own & ~(uint64_t)PTE_RW;

			list[i] = (struct multicall_entry){
				.op = __HYPERVISOR_update_va_mapping,
				.result = 5,
				.args = { (uintptr_t)a, ENTRY(to), UVMF_INVLPG | UVMF_ALL },
			};
		}
		check_eq(hypercall(multicall, list, (long)n), 0);
		for (int i = 0; i < n; i++)
			check_eq(list[i].result, 0);
		check(!!(*pte_of(a) & PTE_RW) == !((n - 1) % 2 == 0));
	}
}
