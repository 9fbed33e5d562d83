// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/refusal.c tests/unit/sim/sim.c
//
// What is refused is told: all of it to who may pull the levers, of others' a few lines.

#include "suite.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "domain/refusal.h"
#include "lib/printk.h"
#include "pv-abi/errno.h"

static u64 now;
static unsigned lines;
static char last[200];

u64 system_time(void) { return now; }

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last, sizeof(last), fmt, ap);
	va_end(ap);
	lines++;
}

static void begin(void)
{
	sim_reset();
	now = 5000;
	lines = 0;
	sim_current = sim_domain(3, 2, false)->vcpu[1];
}

TEST(test_privileged, "the privileged domain's")
{
	sim_current->domain->privileged = true;
	CU_ASSERT_EQUAL(refused("sysctl", 27, -ENOSYS), -ENOSYS);
	CU_ASSERT_STRING_EQUAL(last, LOG_DEBUG "d3v1: sysctl 27 refused: error 38\n");
	for (unsigned i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(refused("domctl", 10, -EOPNOTSUPP), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(lines, 1001);
}

TEST(test_others, "others'")
{
	struct domain *other = sim_domain(4, 1, false);

	for (unsigned i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(refused("memory_op", 99, -ENOSYS), -ENOSYS);
	CU_ASSERT_EQUAL(lines, REFUSAL_BURST);
	CU_ASSERT_STRING_EQUAL(last, LOG_GUEST "d3v1: memory_op 99 refused: error 38\n");
	now += REFUSAL_NS - 1;
	refused("memory_op", 99, -ENOSYS);
	CU_ASSERT_EQUAL(lines, REFUSAL_BURST);
	now++;
	/* Not each call looks at the clock. */
	for (unsigned i = 0; i < 5000; i++)
		refused("memory_op", 99, -ENOSYS);
	CU_ASSERT_EQUAL(lines, REFUSAL_BURST + 1);
	/* Another domain has its own; and a long silence saves up no more than the burst. */
	sim_current = other->vcpu[0];
	refused("memory_op", 99, -ENOSYS);
	CU_ASSERT_EQUAL(lines, REFUSAL_BURST + 2);
	now += 1000 * REFUSAL_NS;
	for (unsigned i = 0; i < 100000; i++)
		refused("memory_op", 99, -ENOSYS);
	CU_ASSERT_EQUAL(lines, 2 * REFUSAL_BURST + 2);
}

SUITE("refusal", .begin = begin, .end = sim_reset)
