// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
// alone: yes
// seconds: 120
// options: tlb-clock=6000
// quick: bochs.cpus2
/*
 * Stale translations where the TLB clock's low half wraps, which is all that a frame keeps of a
 * time. This machine's clock starts 6000 ticks before; every full flush is a tick. Round by round
 * one vcpu writes through an address without pause, and its CPU does not flush, while the other
 * drives the clock on for 500 ticks, takes the mapping away, drives it on or not, and pins the page
 * as a table. From then on no write may reach it: the CPU of the writer must have been asked to
 * flush, on whichever side of the wrap it did so last and the page lost its type. More ticks follow
 * than led there.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-clock";

#define BEFORE 6000 /* ticks from boot to the wrap */
#define STEP   500  /* in a round, before the mapping goes */
#define ROUNDS 28
/* Of the same kind as what the writer writes, but not among it. */
#define NOT_HIS 0x800

static volatile uint64_t window[PAGE_SIZE / 8] __attribute__((aligned(4096)));
static volatile uint64_t writes;
static unsigned long ticks;

/* Another value each time, and each an entry that a table may have: not present, of no frame. */
static void writer(void)
{
	for (;;) {
		touch_store(window + 5, (writes & 0x3ff) << 1);
		writes++;
	}
}

static void tick(unsigned n)
{
	while (n--) {
		check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
		ticks++;
	}
}

void test_main(void)
{
	static const unsigned after[] = { 0, 1, 2, 30 };
	volatile uint64_t *page = page_alloc();
	uint64_t own = virt_to_mfn((void *)window), mfn = virt_to_mfn((void *)page), v;
	uint64_t ptr = pte_maddr((void *)window);

	trap_hook = skip_touch;
	vcpu_start(1, writer);
	for (int i = 0; i < ROUNDS; i++) {
		check_eq(mmu_update(ptr, LEAF(mfn, PTE_KERNEL)), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		page[5] = NOT_HIS;
		wait_for(&writes, writes + 3, "the writer");
		check(page[5] != NOT_HIS);
		tick(STEP);
		check_eq(make_readonly((void *)page), 0);
		check_eq(mmu_update(ptr, 0), 0);
		tick(after[i % 4]);
		check_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
		v = page[5];
		wait_for(&writes, writes + 20, "the writer");
		if (page[5] != v)
			fail("after %lu ticks a table was written through a stale translation",
			     ticks);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
		check_eq(make_writable((void *)page), 0);
	}
	check(ticks >= 2 * BEFORE);
	vcpu_down(1);
	check_eq(mmu_update(ptr, LEAF(own, PTE_KERNEL)), 0);
}
