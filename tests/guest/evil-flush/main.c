// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * Flush storms, and calls that hold a lock for long: what makes other CPUs flush or the heap
 * search, over and over. Types of a frame that change, transfers that are refused, frames given
 * back and taken again, address widths that no frame has. A system test counts how often a CPU was
 * asked to flush that runs none of this, and how long the locks were held. Every call is answered.
 * bits: 64
 */
#include "guest.h"

const char test_name[] = "evil-flush";

#define ROUNDS 2000

static void storm(void)
{
	void *page = page_alloc();
	uint64_t mfn = virt_to_mfn(page), pfn = pfn_alloc(), spare = pfn_to_mfn(pfn);
	unsigned refused = 0;

	/* A frame is a table and writable by turns. */
	for (int i = 0; i < ROUNDS; i++) {
		check_eq(make_readonly(page), 0);
		check_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
		check_eq(make_writable(page), 0);
	}
	/* A transfer that the receiver never asked for. */
	for (int i = 0; i < ROUNDS; i++) {
		struct gnttab_transfer t = { .mfn = spare, .domid = 1, .ref = 100 };

		check_eq(hypercall(grant_table_op, (long)GNTTABOP_transfer, &t, 1L), 0);
		refused += t.status != GNTST_okay;
	}
	check_eq(refused, ROUNDS);
	/* A frame below 4 KiB, then 8 MiB, after one was given back: there is none; there is one */
	for (int i = 0; i < ROUNDS; i++) {
		xen_ulong_t frame = spare;

		check_eq(reservation(XENMEM_decrease_reservation, &frame, 1, 0, 0), 1);
		check_eq(reservation(XENMEM_increase_reservation, &frame, 1, 0, 12), 0);
		check_eq(reservation(XENMEM_increase_reservation, &frame, 1, 0, 13), 0);
		check_eq(reservation(XENMEM_increase_reservation, &frame, 1, 0, 0), 1);
		spare = frame;
	}
}

/* The neighbour, which has nothing to do for longer than the storm lasts. */
static void idle(void)
{
	struct sched_poll poll = { .timeout = system_time() + 2000000000UL };

	check_eq(hypercall(sched_op, (long)SCHEDOP_poll, &poll), 0);
}

void test_main(void)
{
	if (start_info->cmd_line[0] == 'i') {
		idle();
		return;
	}
	storm();
}
