// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/errata.c
//
// Which CPUs need mending before guests run on them, and that it is done, once.

#include "suite.h"

#include "cpu/cpu.h"
#include "cpu/errata.h"
#include "cpu/msr.h"
#include "lib/printk.h"

struct cpu_features cpu_features;
struct cpu cpus[NR_CPUS];
__thread struct cpu *sim_cpu = &cpus[0];

static u64 ls_cfg;
static bool locked;
static unsigned writes, warnings;

int rdmsr_safe(u32 msr, u64 *v)
{
	CU_ASSERT_EQUAL(msr, MSR_LS_CFG);
	*v = ls_cfg;
	return 0;
}

int wrmsr_safe(u32 msr, u64 v)
{
	CU_ASSERT_EQUAL(msr, MSR_LS_CFG);
	writes++;
	if (locked)
		return -14;
	ls_cfg = v;
	return 0;
}

void printk(const char *fmt, ...)
{
	(void)fmt;
	warnings++;
}

TEST(test_who, "whose stores and locked instructions stop each other")
{
	for (u32 family = 0xf; family <= 0x1a; family++)
		for (u32 model = 0; model < 0x40; model++) {
			bool bad = family == 0x16 && model < 0x10;

			CU_ASSERT_EQUAL(errata_ls_cfg(CPU_VENDOR_AMD, family, model),
					bad ? 0x8000 : 0);
			CU_ASSERT_EQUAL(errata_ls_cfg(CPU_VENDOR_INTEL, family, model), 0);
			CU_ASSERT_EQUAL(errata_ls_cfg(CPU_VENDOR_OTHER, family, model), 0);
		}
}

TEST(test_set, "the bit is added to what there is, if it is not there")
{
	cpu_features.vendor = CPU_VENDOR_AMD;
	cpu_features.family = 0x16;
	cpu_features.model = 0;
	ls_cfg = 0x10000000012345;
	writes = warnings = 0;
	errata_init_cpu();
	CU_ASSERT_EQUAL(ls_cfg, 0x1000000001a345);
	CU_ASSERT_EQUAL(writes, 1);
	errata_init_cpu();
	CU_ASSERT_EQUAL(writes, 1);
	CU_ASSERT_EQUAL(warnings, 0);
	ls_cfg = 0;
	locked = true;
	errata_init_cpu();
	CU_ASSERT_EQUAL(ls_cfg, 0);
	CU_ASSERT_EQUAL(warnings, 1);
	locked = false;
	cpu_features.model = 0x30;
	errata_init_cpu();
	CU_ASSERT_EQUAL(ls_cfg, 0);
}

SUITE("errata")
