// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
// driven: yes
/*
 * A bit that says "no CPU has come here", and a guest that clears it. A granted page whose entry
 * has A clear is unmapped without a flush. Domain 2 maps a page of dom0's; its other vcpu, on
 * another CPU, writes to it without pause, so that the translation is in that CPU's TLB; then it
 * clears A in each way that a guest can write an entry, and unmaps. From the moment that this has
 * succeeded no write of domain 2's may reach the page: not while dom0 uses it as memory, and not
 * when it has become a page table. A stays set, whatever was written. An entry that nobody came to
 * is there with A clear, or none of this would be a test. One binary is both: dom0 and domain 2.
 * They meet in words of domain 2's shared page that only guests use (masks of ports that are not
 * there).
 */
#include "dom0.h"

const char test_name[] = "evil-accessed";

#define MAPPER 2
#define REF    8
#define PTE_A  0x20UL
/* Present, and a frame that does not exist: no entry of a table. */
#define JUNK   LEAF(1ULL << 38, PTE_KERNEL)
#define ROUNDS (2 * WAYS)

enum { GRANTERS_STEP = 50, MAPPERS_STEP, WRITES, DONE };
static volatile xen_ulong_t *meeting;
static volatile uint64_t window[PAGE_SIZE / 8] __attribute__((aligned(4096)));
static volatile uint64_t meeting_page[PAGE_SIZE / 8] __attribute__((aligned(4096)));

static void writer(void)
{
	for (;;) {
		touch_store(window + 5, JUNK);
		meeting[WRITES]++;
	}
}

static void wait_for_writes(uint64_t n)
{
	wait_for((const volatile uint64_t *)meeting + WRITES, meeting[WRITES] + n, "the writer");
}

/* ---- domain 2 ---- */

static volatile uint64_t *entry; /* the window's, mapped read-only as all tables are */

static void two_updates(void)
{
	struct mmu_update u[2] = { { pte_maddr((void *)window), *entry & ~PTE_A },
				   { pte_maddr((void *)window), *entry & ~PTE_A } };

	check_eq(hypercall(mmu_update, u, 2L, 0L, (long)DOMID_SELF), 0);
}

static void by_multicall(void)
{
	struct mmu_update u = { pte_maddr((void *)window), *entry & ~PTE_A };
	struct multicall_entry m = { .op = __HYPERVISOR_mmu_update,
				     .args = { (uintptr_t)&u, 1, 0, DOMID_SELF } };

	check_eq(hypercall(multicall, &m, 1L), 0);
	check_eq(m.result, 0);
}

#define WAYS 12
static void clear_a(unsigned way)
{
	uint64_t at = pte_maddr((void *)window), old = *entry;

	switch (way) {
	case 0: /* not at all */
		break;
	case 1:
		check_eq(mmu_update(at, old & ~PTE_A), 0);
		break;
	case 2:
		check_eq(mmu_update(at | MMU_PT_UPDATE_PRESERVE_AD, old & ~PTE_AD), 0);
		break;
	case 3:
		two_updates();
		break;
	case 4:
		by_multicall();
		break;
	case 5:
		check_eq(map_page((void *)window, (old & PTE_ADDR) >> 12,
				  old & ~PTE_ADDR & ~PTE_A), 0);
		break;
	case 6:
		*entry = old & ~PTE_A;
		break;
	case 7:
		__atomic_exchange_n(entry, old & ~PTE_A, __ATOMIC_SEQ_CST);
		break;
	case 8:
		__atomic_and_fetch((volatile uint8_t *)entry, (uint8_t)~PTE_A, __ATOMIC_SEQ_CST);
		break;
	case 9:
		__asm__ volatile("lock btrq $5, %0" : "+m"(*entry));
		break;
	case 10:
		__sync_bool_compare_and_swap(entry, old, old & ~PTE_A);
		break;
	default: /* with another bit, and with less rights and again what it was */
		check_eq(mmu_update(at, (old ^ PTE_NX) & ~PTE_AD), 0);
		check_eq(mmu_update(at, old & ~PTE_AD), 0);
	}
}

static void map(uint64_t at, uint32_t flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = at, .flags = GNTMAP_host_map | flags, .ref = REF, .dom = 0
	};

	check_eq(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
	check_eq(m.status, GNTST_okay);
	*handle = m.handle;
}

static void unmap(uint64_t at, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = at, .handle = handle };

	check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	check_eq(u.status, GNTST_okay);
}

static void mapper(void)
{
	uint64_t step = 1;

	meeting = shared_info->evtchn_mask;
	entry = pte_of((void *)window);
	check_eq(map_page((void *)window, 0, 0), 0);
	wait_for((const volatile uint64_t *)meeting + GRANTERS_STEP, step, "dom0");
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = i ? pte_maddr((void *)window) : (uintptr_t)window;
		grant_handle_t h;

		map(at, i ? GNTMAP_contains_pte : 0, &h);
		if (*entry & PTE_A)
			skip("A means nothing on this processor");
		unmap(at, h);
	}
	trap_hook = skip_touch;
	vcpu_start(1, writer);
	for (unsigned round = 0; round < ROUNDS; round++, step += 2) {
		bool by_entry = round & 1;
		uint64_t at = by_entry ? pte_maddr((void *)window) : (uintptr_t)window;
		grant_handle_t h;

		wait_for((const volatile uint64_t *)meeting + GRANTERS_STEP, step, "dom0");
		map(at, by_entry ? GNTMAP_contains_pte : 0, &h);
		/* The writer may have a #PF behind it that it has not come back from. */
		wait_for_writes(5);
		check_eq(window[5], JUNK);
		check(*entry & PTE_A);
		clear_a(round / 2);
		if (!(*entry & PTE_A))
			fail("A was cleared in the way of number %u", round / 2);
		unmap(at, h);
		meeting[MAPPERS_STEP] = step;
		wait_for((const volatile uint64_t *)meeting + GRANTERS_STEP, step + 1, "dom0");
	}
	vcpu_down(1);
	meeting[DONE] = 1;
}

/* ---- dom0 ---- */

static void look(const volatile uint64_t *page, const char *as)
{
	wait_for_writes(20);
	if (page[5])
		fail("what was unmapped is written to, now that it is %s: %#llx", as,
		     (unsigned long long)page[5]);
}

static void granter(void)
{
	volatile struct grant_entry_v1 *table = grant_table_map();
	volatile uint64_t *page = page_alloc();
	uint64_t mfn = virt_to_mfn((void *)page), meetings = virt_to_mfn((void *)meeting_page);
	struct mmu_update u = { .ptr = pte_maddr((void *)meeting_page) };

	check(flags_of(MAPPER) >= 0);
	u.val = LEAF(op.u.getdomaininfo.shared_info_frame, PTE_KERNEL);
	check_eq(hypercall(mmu_update, &u, 1L, 0L, (long)MAPPER), 0);
	meeting = ((struct shared_info *)meeting_page)->evtchn_mask;
	table[REF].domid = MAPPER;
	table[REF].frame = (uint32_t)mfn;
	__atomic_store_n(&table[REF].flags, GTF_permit_access, __ATOMIC_SEQ_CST);
	for (uint64_t step = 1; step < 2 * ROUNDS; step += 2) {
		meeting[GRANTERS_STEP] = step;
		wait_for((const volatile uint64_t *)meeting + MAPPERS_STEP, step, "domain 2");
		check_eq(table[REF].flags, GTF_permit_access);
		page[5] = 0;
		look(page, "memory again");
		check_eq(make_readonly((void *)page), 0);
		check_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
		look(page, "a page table");
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
		check_eq(make_writable((void *)page), 0);
		meeting[GRANTERS_STEP] = step + 1;
	}
	wait_for((const volatile uint64_t *)meeting + DONE, 1, "domain 2");
	check_eq(map_page((void *)meeting_page, meetings, PTE_KERNEL), 0);
}

void test_main(void)
{
	if (start_info->flags & SIF_INITDOMAIN)
		granter();
	else
		mapper();
}
