// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/mitigation_choose.c
//
// Which mitigations a CPU gets, over what real CPUs say of themselves; and the words of spec-ctrl=.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/mitigation.h"
#include "lib/nospec.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define IBRS_STIBP (SPEC_CTRL_IBRS | SPEC_CTRL_STIBP)

static const struct row {
	const char *name;
	struct cpuid_facts c;
	struct mitigations m;
} rows[] = {
	{ "VIA Nano", { .vendor = CPU_VENDOR_OTHER, .family = 6, .model = 15 },
	  { .thunk = THUNK_JMP } },
	{ "AMD K8, QEMU's qemu64", { .vendor = CPU_VENDOR_AMD, .family = 15, .model = 107 },
	  { .spectre_v2 = true, .thunk = THUNK_LFENCE, .rsb_switch = true } },
	{ "AMD K10 (Phenom II)", { .vendor = CPU_VENDOR_AMD, .family = 16, .model = 4 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true } },
	{ "AMD Zen 1, EPYC 7601, microcode with IBPB",
	  { .vendor = CPU_VENDOR_AMD, .family = 23, .model = 1, .smep = true,
	    .l7_ebx = 0x209c01a9, .x8_ebx = 0x1007 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true } },
	{ "AMD Zen 2, EPYC 7742",
	  { .vendor = CPU_VENDOR_AMD, .family = 23, .model = 49, .smep = true,
	    .l7_ebx = 0x219c91a9, .x8_ebx = 0x18cf757 & ~BIT(16) },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true } },
	{ "AMD Zen 3, EPYC 7763: IBRS for good",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 1, .smep = true,
	    .l7_ebx = 0x219c95a9, .x8_ebx = 0x111ef657 | BIT(16) },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP } },
	{ "AMD Zen 4, EPYC 9654: automatic IBRS",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257, .x21_eax = 0x62fcf },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP } },
	{ "Intel Nehalem, old microcode", { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 26 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_entry = true, .rsb_switch = true,
	    .l1tf_entries = true } },
	{ "Intel Haswell, last microcode",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 60, .smep = true,
	    .l7_ebx = 0x27ab, .l7_edx = 0x9c000400 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true, .verw = true,
	    .l1tf_entries = true } },
	{ "Intel Skylake server, last microcode: IBRS that must be set again on each entry",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 85, .smep = true,
	    .l7_ebx = 0xd39ffffb, .l7_edx = 0xbc000c00, .arch_caps = 0x0 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true, .verw = true,
	    .l1tf_entries = true } },
	{ "Intel Cascade Lake: RDCL_NO, IBRS_ALL, SKIP_L1DFL, MDS_NO, with TSX",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 85, .smep = true,
	    .l7_ebx = 0xd39ffffb, .l7_edx = 0xbc000c00, .arch_caps = 0x2b },
	  { .spectre_v2 = true, .mds = true, .thunk = THUNK_JMP, .rsb_switch = true,
	    .ibpb = true, .verw = true, .spec_ctrl = IBRS_STIBP } },
	{ "Intel Cascade Lake, TSX switched off",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 85, .smep = true,
	    .l7_ebx = 0xd39ff7eb, .l7_edx = 0xbc000c00, .arch_caps = 0xab },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP } },
	{ "Intel Ice Lake server: TAA_NO too",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 106, .smep = true,
	    .l7_ebx = 0xf3bfa7eb, .l7_edx = 0xfc100510, .arch_caps = 0x16b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP } },
	{ "Intel Sapphire Rapids",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 143, .smep = true,
	    .l7_ebx = 0xf3bfbfef, .l7_edx = 0xffdd4432, .arch_caps = 0x16b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP } },
};

static bool same(const struct mitigations *a, const struct mitigations *b)
{
	return a->meltdown == b->meltdown && a->spectre_v2 == b->spectre_v2 && a->mds == b->mds &&
	       a->l1tf == b->l1tf && a->unmapped == b->unmapped && a->thunk == b->thunk &&
	       a->rsb_entry == b->rsb_entry && a->rsb_switch == b->rsb_switch &&
	       a->ibpb == b->ibpb && a->verw == b->verw && a->l1tf_entries == b->l1tf_entries &&
	       a->spec_ctrl == b->spec_ctrl;
}

static void test_real_cpus(void)
{
	const struct mitigation_options none = { 0 };

	for (size_t i = 0; i < ARRAY(rows); i++) {
		struct mitigations m;

		mitigation_choose(&rows[i].c, &none, &m);
		CU_ASSERT_TRUE(same(&m, &rows[i].m));
		if (!same(&m, &rows[i].m))
			fprintf(stderr, "%s: thunk %u, spec_ctrl %lx, verw %u, rsb %u %u\n",
				rows[i].name, m.thunk, m.spec_ctrl, m.verw, m.rsb_entry,
				m.rsb_switch);
	}
}

static void test_no_means_none(void)
{
	for (size_t i = 0; i < ARRAY(rows); i++) {
		struct mitigation_options o = { 0 };
		struct mitigations m;

		CU_ASSERT_PTR_NULL(spec_ctrl_parse("no", &o));
		mitigation_choose(&rows[i].c, &o, &m);
		CU_ASSERT_EQUAL(m.thunk, THUNK_JMP);
		CU_ASSERT_FALSE(m.unmapped || m.rsb_entry || m.rsb_switch || m.ibpb || m.verw ||
				m.l1tf_entries || m.spec_ctrl);
		/* What the CPU has is said all the same. */
		CU_ASSERT_EQUAL(m.spectre_v2, rows[i].m.spectre_v2);
		CU_ASSERT_EQUAL(m.mds, rows[i].m.mds);
	}
}

static void test_words(void)
{
	const struct cpuid_facts *haswell = &rows[8].c, *nehalem = &rows[7].c;
	struct mitigation_options o = { 0 };
	struct mitigations m;

	CU_ASSERT_PTR_NULL(spec_ctrl_parse("bti-thunk=lfence,no-rsb,ibrs=on,ssbd", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_EQUAL(m.thunk, THUNK_LFENCE);
	CU_ASSERT_FALSE(m.rsb_switch);
	CU_ASSERT_TRUE(m.verw && m.ibpb && m.unmapped);
	CU_ASSERT_EQUAL(m.spec_ctrl, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD);
	/* What the CPU cannot is not made so by asking. */
	mitigation_choose(nehalem, &o, &m);
	CU_ASSERT_EQUAL(m.spec_ctrl, 0);
	CU_ASSERT_FALSE(m.ibpb);
	/* Later words win, `no` forgets what came before it. */
	CU_ASSERT_PTR_NULL(spec_ctrl_parse("no,md-clear=yes,stibp=0", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_TRUE(m.verw);
	CU_ASSERT_FALSE(m.ibpb || m.unmapped || m.rsb_switch);
	CU_ASSERT_EQUAL(m.spec_ctrl, 0);
	CU_ASSERT_PTR_NULL(spec_ctrl_parse("auto", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_TRUE(same(&m, &rows[8].m));
	/* A bad word changes nothing. */
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("no-ibpb,what", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("ibpbx", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("bti-thunk=", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("bti-thunk=ret", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("ibrs=maybe", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_TRUE(same(&m, &rows[8].m));
}

static void test_index(void)
{
	CU_ASSERT_EQUAL(index_nospec(0, 1), 0);
	CU_ASSERT_EQUAL(index_nospec(4, 5), 4);
	CU_ASSERT_EQUAL(index_nospec(5, 5), 0);
	CU_ASSERT_EQUAL(index_nospec(~0ULL, 5), 0);
	CU_ASSERT_EQUAL(index_nospec(1ULL << 63, (1ULL << 63) + 1), 1ULL << 63);
	CU_ASSERT_EQUAL(index_nospec(7, 0), 0);
}

int main(void)
{
	CU_pSuite s;
	unsigned failed;

	CU_initialize_registry();
	s = CU_add_suite("mitigation", NULL, NULL);
	CU_add_test(s, "real CPUs", test_real_cpus);
	CU_add_test(s, "no means none", test_no_means_none);
	CU_add_test(s, "words of spec-ctrl", test_words);
	CU_add_test(s, "masked indices", test_index);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
