// SPDX-License-Identifier: MIT
/* The balloon follows memory/target; each page that comes back is tried out (memory.c). */
#include "frontends/minimal/kernel.h"

#define PAGES_OUT 65536u

static struct balloon balloon;
static xen_pfn_t out[PAGES_OUT];
static bool open, moving;
static uint64_t again;	/* when to try once more, or 0 */

/* What nothing here uses is not used; who shares memory by it is to have something to share by. */
static bool report(void)
{
	int error = settings.uses_mib ? balloon_report(&balloon, settings.uses_mib * 1024ull) : 0;

	if (error)
		fail("balloon: memory/meminfo: %d", error);
	return !error;
}

bool balloon_job(void)
{
	int error = balloon_open(&balloon, &store, &balloon_ops, start_info->nr_pages, out,
				 PAGES_OUT);

	if (error) {
		fail("balloon: %d", error);
		return false;
	}
	open = true;
	print("balloon: %lu pages, %lu of them can be given away\n",
	      (unsigned long)start_info->nr_pages, (unsigned long)memory_spare());
	return report();
}

void balloon_serve(void)
{
	int more;

	if (!open || (again && time_now(NULL) < again))
		return;
	again = 0;
	if (balloon.now == balloon.target)
		return;
	if (!moving)
		print("balloon: %lu pages, target %lu\n", (unsigned long)balloon.now,
		      (unsigned long)balloon.target);
	moving = true;
	do
		more = balloon_step(&balloon);
	while (more > 0);
	if (!more) {
		moving = false;
		print("balloon: reached %lu pages\n", (unsigned long)balloon.now);
	} else if (more == -ENOMEM) {
		again = time_now(NULL) + SECOND;
	} else {
		open = false;
		fail("balloon: %d at %lu pages", more, (unsigned long)balloon.now);
	}
}

uint64_t balloon_deadline(void)
{
	return again;
}

bool balloon_restored(void)
{
	int error = open ? balloon_resume(&balloon) : 0;

	if (error)
		fail("balloon: %d", error);
	return !error && (!open || report());
}
