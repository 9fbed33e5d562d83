// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/sched/policy.c tests/unit/sim/sim.c
//
// The scheduler's decisions by themselves.

#include "suite.h"

#include "sim.h"
#include "sched/cap.h"
#include "sched/policy.h"

#define MS 1000000ULL

TEST(policy, "policy")
{
	u16 load[NR_CPUS] = { 2, 1, 1, 3 };

	CU_ASSERT_EQUAL(policy_charge(1000, 256), 1000);
	CU_ASSERT_EQUAL(policy_charge(1000, 512), 500);
	CU_ASSERT_EQUAL(policy_charge(1000, 128), 2000);
	CU_ASSERT_EQUAL(policy_charge(~0ULL, 1), BIT(48) * 256);
	CU_ASSERT_EQUAL(policy_charge(1, 0), 256);

	/* A sleeper's credit is bounded; a debt stays. */
	CU_ASSERT_EQUAL(policy_wake(0, 1000 * MS), 1000 * MS - SCHED_CREDIT_NS);
	CU_ASSERT_EQUAL(policy_wake(1001 * MS, 1000 * MS), 1001 * MS);
	CU_ASSERT_EQUAL(policy_wake(999 * MS, 1000 * MS), 999 * MS);

	CU_ASSERT_TRUE(policy_preempts(0, 10 * MS));
	CU_ASSERT_FALSE(policy_preempts(10 * MS, 10 * MS));
	CU_ASSERT_FALSE(policy_preempts(10 * MS - 1, 10 * MS));
	CU_ASSERT_TRUE(policy_preempts(~0ULL - 10 * MS, 0)); /* around the wrap */

	CU_ASSERT_TRUE(policy_keeps(100, 100 - 1, false, false));
	CU_ASSERT_FALSE(policy_keeps(100, 100 - 1, true, false));
	CU_ASSERT_FALSE(policy_keeps(100, 100, true, false));
	CU_ASSERT_TRUE(policy_keeps(100, 101, true, false));
	CU_ASSERT_FALSE(policy_keeps(100, 101, false, true));

	/* Where it was, if that is idle; an idle one; else stay, unless it is worth it. */
	CU_ASSERT_EQUAL(policy_pick_cpu(0xf, 0x6, 2, load, false), 2);
	CU_ASSERT_EQUAL(policy_pick_cpu(0xf, 0x6, 0, load, false), 1);
	CU_ASSERT_EQUAL(policy_pick_cpu(0xd, 0x2, 0, load, false), 0);
	CU_ASSERT_EQUAL(policy_pick_cpu(0xf, 0, 0, load, false), 0);
	CU_ASSERT_EQUAL(policy_pick_cpu(0xf, 0, 3, load, false), 1);
	CU_ASSERT_EQUAL(policy_pick_cpu(0x9, 0, 3, load, false), 3);
	CU_ASSERT_EQUAL(policy_pick_cpu(0x9, 0, 1, load, false), 0);
	CU_ASSERT_EQUAL(policy_pick_cpu(0x8, 0, 1, load, false), 3);
	/* Round. */
	CU_ASSERT_EQUAL(policy_pick_cpu(0xf, 0, 1, load, true), 2);
	CU_ASSERT_EQUAL(policy_pick_cpu(0xf, 0, 2, load, true), 1);
	CU_ASSERT_EQUAL(policy_pick_cpu(0x5, 0, 2, load, true), 2);
	CU_ASSERT_EQUAL(policy_pick_cpu(1ULL << 63, 0, 63, load, true), 63);
}

TEST(cap_policy, "caps: policy")
{
	const u64 q = policy_cap_quota(50);

	CU_ASSERT_EQUAL(q, CAP_PERIOD_NS / 2);
	CU_ASSERT_EQUAL(policy_cap_quota(65535), CAP_PERIOD_NS / 100 * 65535);
	/* Nothing is saved up, debts are paid to the end. */
	CU_ASSERT_EQUAL(policy_cap_refill((s64)q, q, 7), (s64)q);
	CU_ASSERT_EQUAL(policy_cap_refill(0, q, 1), (s64)q);
	CU_ASSERT_EQUAL(policy_cap_refill(-3, q, 1), (s64)q - 3);
	CU_ASSERT_EQUAL(policy_cap_refill(-3, q, 2), (s64)q);
	CU_ASSERT_EQUAL(policy_cap_refill(-(s64)q, q, 1), 0);
	CU_ASSERT_EQUAL(policy_cap_refill(-(s64)(2 * q + 7), q, 1), -(s64)(q + 7));
	CU_ASSERT_EQUAL(policy_cap_refill(-(s64)(2 * q + 7), q, 3), (s64)q - 7);
	CU_ASSERT_EQUAL(policy_cap_refill(-(s64)(2 * q + 7), q, ~0ULL), (s64)q);
	CU_ASSERT_EQUAL(policy_cap_part(0, q, 1), 0);
	CU_ASSERT_EQUAL(policy_cap_part(-5, q, 1), 0);
	CU_ASSERT_EQUAL(policy_cap_part(5, q, 1), 5);
	CU_ASSERT_EQUAL(policy_cap_part((s64)q, q, 1), (s64)q);
	CU_ASSERT_EQUAL(policy_cap_part((s64)q, q, 10), (s64)q / 10);
	CU_ASSERT_EQUAL(policy_cap_part((s64)q, q, 64), 200000);

	/* Soft affinity: these, unless they are busy and another one idles. */
	CU_ASSERT_EQUAL(policy_prefer(0xf, 0x3, 0x2), 0x3);
	CU_ASSERT_EQUAL(policy_prefer(0xf, 0x3, 0), 0x3);
	CU_ASSERT_EQUAL(policy_prefer(0xf, 0x3, 0xc), 0xf);
	CU_ASSERT_EQUAL(policy_prefer(0xe, 0x3, 0), 0x2);
	CU_ASSERT_EQUAL(policy_prefer(0xc, 0x3, 0), 0xc);
	CU_ASSERT_EQUAL(policy_prefer(0xf, ~0ULL, 0), 0xf);
}

SUITE("sched_policy")
