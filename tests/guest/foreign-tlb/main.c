// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
// driven: yes
/*
 * A frame that another domain had mapped writable becomes a page table, and no flush but the type
 * change's own stands between. dom0 maps a page of domain 2's and writes through it without pause
 * on one vcpu; the other takes the mapping away by plain mmu_update, with INVLPG for its own CPU or
 * with nothing, and tells the owner, who pins the page as an L1 at once. From the moment that the
 * pin has succeeded no write of dom0's may reach the page. One binary is both: dom0 and the owner.
 * They meet in words of the owner's shared page that only guests use (masks of ports that are not
 * there).
 */
#include "dom0.h"

const char test_name[] = "foreign-tlb";

#define OWNER  2
#define ROUNDS 40
#define TRIES  200
/* Present, and a frame that does not exist: no entry of a table. */
#define JUNK LEAF(1ULL << 38, PTE_KERNEL)

enum { MFN = 50, OWNERS_STEP, DOM0S_STEP, DONE };
static volatile xen_ulong_t *meeting;
static volatile uint64_t window[PAGE_SIZE / 8] __attribute__((aligned(4096)));
static volatile uint64_t meeting_page[PAGE_SIZE / 8] __attribute__((aligned(4096)));
static volatile uint64_t writes;

static void writer(void)
{
	for (;;) {
		touch_store(window + 5, JUNK);
		writes++;
	}
}

/* The owner: a page that dom0 had is a table, and stays what it is. */
static void owner(void)
{
	volatile uint64_t *page = page_alloc();
	uint64_t mfn = virt_to_mfn((void *)page);

	meeting = shared_info->evtchn_mask;
	meeting[MFN] = mfn;
	for (uint64_t step = 1; step < 2 * ROUNDS; step += 2) {
		struct mmuext_op ops[2] = { { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn },
					    { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn } };
		unsigned tries = 0;
		long r;

		check_eq(make_readonly((void *)page), 0);
		meeting[OWNERS_STEP] = step;
		wait_for(meeting + DOM0S_STEP, step, "dom0");
		/* What a write from before the flush left makes it no table: once more. */
		do {
			r = mmuext_ops(ops, 2);
		} while (r < 0 && page[5] && ++tries < TRIES);
		if (r < 0 && page[5])
			fail("dom0 writes on into what shall become a table");
		check_eq(r, 0);
		/* dom0's vcpu tries on for a while. */
		meeting[OWNERS_STEP] = step + 1;
		wait_for(meeting + DOM0S_STEP, step + 1, "dom0");
		if (page[5])
			fail("a page table was written through another domain's stale "
			     "translation: %#llx",
			     (unsigned long long)page[5]);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
		check_eq(make_writable((void *)page), 0);
	}
	meeting[DONE] = 1;
}

static void map_foreign(const volatile void *va, uint64_t mfn)
{
	struct mmu_update u = { .ptr = pte_maddr((void *)va), .val = LEAF(mfn, PTE_KERNEL) };

	check_eq(hypercall(mmu_update, &u, 1L, 0L, (long)OWNER), 0);
}

static uint64_t shared_frame(void)
{
	check(flags_of(OWNER) >= 0);
	return op.u.getdomaininfo.shared_info_frame;
}

static void mapper(void)
{
	uint64_t own = virt_to_mfn((void *)window), meetings = virt_to_mfn((void *)meeting_page);

	map_foreign(meeting_page, shared_frame());
	meeting = ((struct shared_info *)meeting_page)->evtchn_mask;
	trap_hook = skip_touch;
	vcpu_start(1, writer);
	for (uint64_t step = 1; step < 2 * ROUNDS; step += 2) {
		wait_for(meeting + OWNERS_STEP, step, "the owner");
		map_foreign(window, meeting[MFN]);
		/* The writer may have a #PF behind it that it has not come back from. */
		wait_for(&writes, writes + 5, "the writer");
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		wait_for(&writes, writes + 5, "the writer");
		check_eq(window[5], JUNK);
		check_eq(mmu_update(pte_maddr((void *)window), 0), 0);
		if (step & 2) {
			struct mmuext_op op = { .cmd = MMUEXT_INVLPG_LOCAL,
						.arg1.linear_addr = (uintptr_t)window };

			check_eq(mmuext_ops(&op, 1), 0);
		}
		meeting[DOM0S_STEP] = step;
		wait_for(meeting + OWNERS_STEP, step + 1, "the owner");
		wait_for(&writes, writes + 20, "the writer");
		meeting[DOM0S_STEP] = step + 1;
	}
	wait_for(meeting + DONE, 1, "the owner");
	vcpu_down(1);
	check_eq(map_page((void *)window, own, PTE_KERNEL), 0);
	check_eq(map_page((void *)meeting_page, meetings, PTE_KERNEL), 0);
}

void test_main(void)
{
	if (start_info->flags & SIF_INITDOMAIN)
		mapper();
	else
		owner();
}
