// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/machine_check.c
//
// After which machine checks the interrupted code may go on.

#include "suite.h"

#include "cpu/machine_check.h"

#define RIPV 0x1ULL
#define EIPV 0x2ULL
#define MCIP 0x4ULL
#define VAL  0x8000000000000000ULL
#define UC   0x2000000000000000ULL
#define REST 0x5fffffffffffffffULL /* all bits of a bank but these two */

static const struct row {
	const char *name;
	u64 status, banks[4];
	unsigned n;
	bool survivable;
} rows[] = {
	{ "restartable, no bank", RIPV | MCIP, { 0 }, 0, true },
	{ "restartable, all empty", RIPV | MCIP, { 0 }, 4, true },
	{ "restartable, and where it happened is known", RIPV | EIPV | MCIP, { 0 }, 4, true },
	{ "not restartable", MCIP, { 0 }, 4, false },
	{ "not restartable, but known where", EIPV | MCIP, { 0 }, 4, false },
	{ "nothing said", 0, { 0 }, 0, false },
	{ "corrected", RIPV | MCIP, { 0, VAL, 0, 0 }, 4, true },
	{ "corrected, all else set", RIPV | MCIP, { VAL | REST }, 4, true },
	{ "not corrected", RIPV | MCIP, { VAL | UC, 0, 0, 0 }, 4, false },
	{ "not corrected, in the last bank", RIPV | MCIP, { VAL, 0, 0, VAL | UC }, 4, false },
	{ "what an empty bank says", RIPV | MCIP, { UC | REST, UC, 0, 0 }, 4, true },
	{ "one bank in two, the other not asked", RIPV | MCIP, { 0, VAL | UC }, 1, true },
	{ "not corrected and not restartable", MCIP, { VAL | UC }, 1, false },
};

TEST(test_table, "who may go on")
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		bool survivable = machine_check_survivable(r->status, r->banks, r->n);

		CU_ASSERT_EQUAL(survivable, r->survivable);
		if (survivable != r->survivable)
			fprintf(stderr, "%s: %d\n", r->name, survivable);
	}
}

TEST(test_begun, "one that an HVM guest with CR4.MCE clear did not get")
{
	CU_ASSERT_TRUE(machine_check_begun(MCIP));
	CU_ASSERT_TRUE(machine_check_begun(RIPV | EIPV | MCIP));
	/* Else it was the guest's own triple fault, whatever is left in the registers. */
	CU_ASSERT_FALSE(machine_check_begun(0));
	CU_ASSERT_FALSE(machine_check_begun(~(u64)MCIP));
}

SUITE("machine check")
