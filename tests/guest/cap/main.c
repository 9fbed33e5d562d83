// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine of its own, which gives itself a cap and works without a pause: it gets what
 * the cap says, and the rest of the time it is runnable and does not run. Without a cap it has its
 * CPU again. What is refused leaves the cap as it was. The machine below may rest, which no share
 * of a moment survives, but not each time.
 * bits: 64
 */
#include "dom0.h"

const char test_name[] = "cap";

#define MS 1000000UL

static long put(unsigned cap, unsigned weight)
{
	memset(&op, 0, sizeof(op));
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	op.u.scheduler_op.u.credit2.weight = weight;
	op.u.scheduler_op.u.credit2.cap = cap;
	return domctl(XEN_DOMCTL_scheduler_op, 0);
}

static unsigned get(void)
{
	memset(&op, 0, sizeof(op));
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	check_eq(domctl(XEN_DOMCTL_scheduler_op, 0), 0);
	return op.u.scheduler_op.u.credit2.cap;
}

/* Percent of the time that it runs, over `periods` of 10 ms or more, which it spends working. */
static unsigned share(unsigned periods)
{
	struct vcpu_runstate_info before = { 0 }, after = { 0 };
	uint64_t begin, end, ran;

	check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &before), 0);
	begin = system_time();
	while (system_time() < begin + periods * 10 * MS)
		;
	check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &after), 0);
	end = system_time();
	ran = after.time[RUNSTATE_running] - before.time[RUNSTATE_running];
	return (unsigned)(ran * 100 / (end - begin));
}

static void expect(unsigned least, unsigned most)
{
	unsigned got = 0, tries = 0;

	do
		got = share(40);
	while ((got < least || got > most) && ++tries < 20);
	check(got >= least);
	check(got <= most);
}

void test_main(void)
{
	check_eq(get(), 0);
	expect(95, 100);
	check_eq(put(50, 256), 0);
	check_eq(get(), 50);
	expect(45, 52);
	check_refused(put(20, 0));
	check_eq(get(), 50);
	check_eq(put(20, 256), 0);
	expect(16, 22);
	audit();
	check_eq(put(0, 256), 0);
	expect(95, 100);
}
