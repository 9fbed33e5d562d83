// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/mitigation_choose.c hypervisor/cpu/alternative_code.c
// sources: tests/unit/mitigation_sites.S
// libs: -no-pie
//
// Which mitigations a CPU gets, over what real CPUs say of themselves, with 32-bit guests allowed
// and not, and the code that comes of it; and the words of spec-ctrl=.

#include "suite.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/alternative.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/mitigation.h"
#include "lib/nospec.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))
#define IBRS_STIBP (SPEC_CTRL_IBRS | SPEC_CTRL_STIBP)

/* What a CPU says, and what it gets with pv32=0; with pv32=1 that is so but for the two below. */
static const struct row {
	const char *name;
	struct cpuid_facts c;
	struct mitigations m;
	enum thunk ring1_thunk;
	u64 ring1_spec_ctrl;
} rows[] = {
	{ "VIA Nano", { .vendor = CPU_VENDOR_OTHER, .family = 6, .model = 15 },
	  { .thunk = THUNK_JMP }, THUNK_JMP, 0 },
	{ "AMD K8, QEMU's qemu64", { .vendor = CPU_VENDOR_AMD, .family = 15, .model = 107 },
	  { .spectre_v2 = true, .thunk = THUNK_LFENCE, .rsb_switch = true }, THUNK_LFENCE, 0 },
	{ "AMD K10 (Phenom II)", { .vendor = CPU_VENDOR_AMD, .family = 16, .model = 4 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Piledriver (Bulldozer's second), microcode with IBPB: no SMEP",
	  { .vendor = CPU_VENDOR_AMD, .family = 21, .model = 2, .l7_ebx = 0x8, .x8_ebx = 0x1000 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Zen 1, EPYC 7601, microcode with IBPB",
	  { .vendor = CPU_VENDOR_AMD, .family = 23, .model = 1, .smep = true,
	    .l7_ebx = 0x209c01a9, .x8_ebx = 0x1007 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Zen 2, EPYC 7742: Same Mode IBRS, not for good",
	  { .vendor = CPU_VENDOR_AMD, .family = 23, .model = 49, .smep = true,
	    .l7_ebx = 0x219c91a9, .x8_ebx = 0x18cf757 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Zen 3, EPYC 7763",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 1, .smep = true,
	    .l7_ebx = 0x219c95a9, .x8_ebx = 0x111ef657 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Zen 3, IBRS for good",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 1, .smep = true,
	    .l7_ebx = 0x219c95a9, .x8_ebx = 0x111ef657 | BIT(16) },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_JMP, IBRS_STIBP },
	{ "AMD Zen 3 as a guest may see it: IBRS for good, Same Mode hidden",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 1, .smep = true,
	    .l7_ebx = 0x219c95a9, .x8_ebx = (0x111ef657 | BIT(16)) & ~BIT(19) },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "AMD Zen 4, EPYC 9654, its Automatic IBRS hidden",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257, .x21_eax = 0x62ecf },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Zen 4, EPYC 9654: Automatic and Same Mode IBRS",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257, .x21_eax = 0x62fcf },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_JMP, IBRS_STIBP },
	{ "AMD Zen 4 as a guest may see it: Automatic IBRS, Same Mode hidden",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257 & ~BIT(19), .x21_eax = 0x62fcf },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "AMD Zen 3, microcode with VERW_CLEAR: TSA",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 1, .smep = true,
	    .l7_ebx = 0x219c95a9, .x8_ebx = 0x111ef657, .x21_eax = 0x20 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true,
	    .tsa = true, .verw = true }, THUNK_RETPOLINE, 0 },
	{ "AMD Zen 4, microcode with VERW_CLEAR, its Automatic IBRS hidden",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257, .x21_eax = 0x62eef },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true,
	    .tsa = true, .verw = true }, THUNK_RETPOLINE, 0 },
	{ "The same, immune in the L1 only",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257, .x21_eax = 0x62eef, .x21_ecx = 0x4 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true,
	    .tsa = true, .verw = true }, THUNK_RETPOLINE, 0 },
	{ "The same, immune: TSA_SQ_NO and TSA_L1_NO",
	  { .vendor = CPU_VENDOR_AMD, .family = 25, .model = 17, .smep = true,
	    .l7_ebx = 0xf1bf97a9, .x8_ebx = 0x791ef257, .x21_eax = 0x62eef, .x21_ecx = 0x6 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true },
	  THUNK_RETPOLINE, 0 },
	{ "Intel Nehalem, old microcode", { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 26 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_entry = true, .rsb_64bit = true,
	    .rsb_switch = true,
	    .l1tf_entries = true }, THUNK_RETPOLINE, 0 },
	{ "Intel Sandy Bridge, last microcode: no SMEP",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 42, .l7_edx = 0x9c000400 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_entry = true, .rsb_64bit = true,
	    .rsb_switch = true, .ibpb = true,
	    .verw = true, .l1tf_entries = true }, THUNK_RETPOLINE, 0 },
	{ "Intel Haswell, last microcode",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 60, .smep = true,
	    .l7_ebx = 0x27ab, .l7_edx = 0x9c000400 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true, .verw = true,
	    .l1tf_entries = true }, THUNK_RETPOLINE, 0 },
	{ "Intel Skylake, Core i7-6700K",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 94, .smep = true,
	    .l7_ebx = 0x29c67af, .l7_edx = 0x9c002400 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true, .verw = true,
	    .l1tf_entries = true }, THUNK_RETPOLINE, 0 },
	{ "Intel Skylake server, last microcode: IBRS that must be set again on each entry",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 85, .smep = true,
	    .l7_ebx = 0xd39ffffb, .l7_edx = 0xbc000c00, .arch_caps = 0x0 },
	  { .meltdown = true, .spectre_v2 = true, .mds = true, .l1tf = true, .unmapped = true,
	    .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true, .verw = true,
	    .l1tf_entries = true }, THUNK_RETPOLINE, 0 },
	{ "Intel Cascade Lake: RDCL_NO, IBRS_ALL, SKIP_L1DFL, MDS_NO, with TSX",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 85, .smep = true,
	    .l7_ebx = 0xd39ffffb, .l7_edx = 0xbc000c00, .arch_caps = 0x2b },
	  { .spectre_v2 = true, .mds = true, .thunk = THUNK_JMP, .rsb_switch = true,
	    .ibpb = true, .verw = true, .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "Intel Cascade Lake, TSX switched off",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 85, .smep = true,
	    .l7_ebx = 0xd39ff7eb, .l7_edx = 0xbc000c00, .arch_caps = 0xab },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "Intel Ice Lake server: TAA_NO too",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 106, .smep = true,
	    .l7_ebx = 0xf3bfa7eb, .l7_edx = 0xfc100510, .arch_caps = 0x16b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "Intel Alder Lake: RRSBA, with its switch",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 151, .smep = true,
	    .l7_ebx = 0x239c27eb, .l7_edx = 0xfc1cc410, .l7_2_edx = 0x17, .arch_caps = 0x8fd6b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP | SPEC_CTRL_RRSBA_DIS_S },
	{ "Intel Ice Lake server, microcode with FB_CLEAR: MMIO stale data",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 106, .smep = true,
	    .l7_ebx = 0xf3bfa7eb, .l7_edx = 0xfc100510, .arch_caps = 0x2016b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .mmio = true, .verw = true, .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "Intel, FB_CLEAR and one of the three ways of MMIO stale data left",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 106, .smep = true,
	    .l7_ebx = 0xf3bfa7eb, .l7_edx = 0xfc100510, .arch_caps = 0x2c16b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .mmio = true, .verw = true, .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "Intel, FB_CLEAR and immune to all three",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 106, .smep = true,
	    .l7_ebx = 0xf3bfa7eb, .l7_edx = 0xfc100510, .arch_caps = 0x2e16b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP },
	{ "Intel Alder Lake-N: RDCL_NO, MDS_NO, TAA_NO, RFDS_CLEAR",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 190, .smep = true,
	    .l7_ebx = 0x239c27eb, .l7_edx = 0xfc1cc410, .l7_2_edx = 0x17,
	    .arch_caps = 0x1008fd6b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .rfds = true, .verw = true, .spec_ctrl = IBRS_STIBP },
	  THUNK_RETPOLINE, IBRS_STIBP | SPEC_CTRL_RRSBA_DIS_S },
	{ "Intel Sapphire Rapids",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 143, .smep = true,
	    .l7_ebx = 0xf3bfbfef, .l7_edx = 0xffdd4432, .l7_2_edx = 0x17, .arch_caps = 0x8016b },
	  { .spectre_v2 = true, .thunk = THUNK_JMP, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = IBRS_STIBP }, THUNK_RETPOLINE, IBRS_STIBP | SPEC_CTRL_RRSBA_DIS_S },
	{ "Intel Sapphire Rapids, its IBRS hidden by a host: a retpoline's RET all the same",
	  { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 143, .smep = true,
	    .l7_ebx = 0xf3bfbfef, .l7_edx = 0xffdd4432, .l7_2_edx = 0x17, .arch_caps = 0x80169 },
	  { .spectre_v2 = true, .thunk = THUNK_RETPOLINE, .rsb_switch = true, .ibpb = true,
	    .spec_ctrl = SPEC_CTRL_RRSBA_DIS_S }, THUNK_RETPOLINE, SPEC_CTRL_RRSBA_DIS_S },
};

static const struct row *row_of(const char *name)
{
	for (size_t i = 0; i < ARRAY(rows); i++)
		if (!strncmp(rows[i].name, name, strlen(name)))
			return &rows[i];
	abort();
}

static bool same(const struct mitigations *a, const struct mitigations *b)
{
	return a->ring1 == b->ring1 && a->meltdown == b->meltdown &&
	       a->spectre_v2 == b->spectre_v2 && a->mds == b->mds && a->l1tf == b->l1tf &&
	       a->rfds == b->rfds && a->mmio == b->mmio && a->tsa == b->tsa &&
	       a->unmapped == b->unmapped && a->thunk == b->thunk && a->rsb_entry == b->rsb_entry &&
	       a->rsb_64bit == b->rsb_64bit && a->rsb_switch == b->rsb_switch &&
	       a->ibpb == b->ibpb && a->verw == b->verw && a->l1tf_entries == b->l1tf_entries &&
	       a->spec_ctrl == b->spec_ctrl;
}

static struct mitigations expected(const struct row *r, bool ring1)
{
	struct mitigations m = r->m;

	if (ring1) {
		m.ring1 = m.rsb_entry = m.rsb_switch = true;
		m.thunk = r->ring1_thunk;
		m.spec_ctrl = r->ring1_spec_ctrl;
	}
	return m;
}

TEST(test_real_cpus, "real CPUs")
{
	for (size_t i = 0; i < 2 * ARRAY(rows); i++) {
		const struct row *r = &rows[i / 2];
		const struct mitigation_options o = { .ring1 = i & 1 };
		struct mitigations m, e = expected(r, o.ring1);

		mitigation_choose(&r->c, &o, &m);
		CU_ASSERT_TRUE(same(&m, &e));
		if (!same(&m, &e))
			fprintf(stderr,
				"%s, pv32=%u: thunk %u, spec_ctrl %lx, verw %u, rsb %u %u %u\n",
				r->name, o.ring1, m.thunk, m.spec_ctrl, m.verw, m.rsb_entry,
				m.rsb_64bit, m.rsb_switch);
	}
}

/*
 * Said once more without the table: a kernel in ring 1 may train whatever predicts supervisors'
 * branches, so that none of ours may ask it, and its return addresses go on entry.
 */
TEST(test_ring1_is_supervisor, "ring 1 is supervisor")
{
	const struct mitigation_options o = { .ring1 = true };
	const unsigned same_mode_bit = 19, rrsba_ctrl = 2;

	for (size_t i = 0; i < ARRAY(rows); i++) {
		const struct cpuid_facts *c = &rows[i].c;
		bool same_mode = c->vendor == CPU_VENDOR_AMD && (c->x8_ebx & BIT(same_mode_bit));
		struct mitigations m;

		mitigation_choose(c, &o, &m);
		CU_ASSERT_TRUE(m.ring1 && m.rsb_entry && m.rsb_switch);
		CU_ASSERT_TRUE(m.thunk != THUNK_JMP || !m.spectre_v2 ||
			       (same_mode && (m.spec_ctrl & SPEC_CTRL_IBRS)));
		CU_ASSERT_EQUAL(c->vendor == CPU_VENDOR_INTEL && (c->l7_2_edx & BIT(rrsba_ctrl)),
				!!(m.spec_ctrl & SPEC_CTRL_RRSBA_DIS_S));
	}
}

TEST(test_no_means_none, "no means none")
{
	for (size_t i = 0; i < ARRAY(rows); i++) {
		struct mitigation_options o = { .ring1 = i & 1 };
		struct mitigations m;

		CU_ASSERT_PTR_NULL(spec_ctrl_parse("no", &o));
		mitigation_choose(&rows[i].c, &o, &m);
		CU_ASSERT_EQUAL(m.thunk, THUNK_JMP);
		CU_ASSERT_FALSE(m.unmapped || m.rsb_entry || m.rsb_64bit || m.rsb_switch ||
				m.ibpb || m.verw || m.l1tf_entries || m.spec_ctrl);
		/* What the CPU has is said all the same. */
		CU_ASSERT_EQUAL(m.spectre_v2, rows[i].m.spectre_v2);
		CU_ASSERT_EQUAL(m.mds, rows[i].m.mds);
		CU_ASSERT_EQUAL(m.rfds, rows[i].m.rfds);
		CU_ASSERT_EQUAL(m.mmio, rows[i].m.mmio);
		CU_ASSERT_EQUAL(m.tsa, rows[i].m.tsa);
	}
}

TEST(test_words, "words of spec-ctrl")
{
	const struct cpuid_facts *haswell = &row_of("Intel Haswell")->c,
				 *nehalem = &row_of("Intel Nehalem")->c;
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
	/* Whatever VERW would be for. */
	for (size_t i = 0; i < ARRAY(rows); i++) {
		struct mitigation_options none = { 0 };

		CU_ASSERT_PTR_NULL(spec_ctrl_parse("no-md-clear", &none));
		mitigation_choose(&rows[i].c, &none, &m);
		CU_ASSERT_FALSE(m.verw);
	}
	/* Later words win, `no` forgets what came before it. */
	CU_ASSERT_PTR_NULL(spec_ctrl_parse("no,md-clear=yes,stibp=0", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_TRUE(m.verw);
	CU_ASSERT_FALSE(m.ibpb || m.unmapped || m.rsb_switch);
	CU_ASSERT_EQUAL(m.spec_ctrl, 0);
	CU_ASSERT_PTR_NULL(spec_ctrl_parse("auto", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_TRUE(same(&m, &row_of("Intel Haswell")->m));
	/* A bad word changes nothing. */
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("no-ibpb,what", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("ibpbx", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("bti-thunk=", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("bti-thunk=ret", &o));
	CU_ASSERT_PTR_NOT_NULL(spec_ctrl_parse("ibrs=maybe", &o));
	mitigation_choose(haswell, &o, &m);
	CU_ASSERT_TRUE(same(&m, &row_of("Intel Haswell")->m));
}

TEST(test_index, "masked indices")
{
	CU_ASSERT_EQUAL(index_nospec(0, 1), 0);
	CU_ASSERT_EQUAL(index_nospec(4, 5), 4);
	CU_ASSERT_EQUAL(index_nospec(5, 5), 0);
	CU_ASSERT_EQUAL(index_nospec(~0ULL, 5), 0);
	CU_ASSERT_EQUAL(index_nospec(1ULL << 63, (1ULL << 63) + 1), 1ULL << 63);
	CU_ASSERT_EQUAL(index_nospec(7, 0), 0);
}

/*
 * The code itself: real records (mitigation_sites.S) of each kind of place, written over as for
 * each CPU and setting, read, and run.
 */
extern const struct alternative site_records[], site_records_end[];
extern u8 sites[], sites_end[], site_entry[], site_64bit[], site_exit[], site_sysret[];
extern u8 __x86_indirect_thunk_rax[], __x86_indirect_thunk_r15[], verw_selector[], verw_sysret[];
u64 site_call(u64 (*fn)(void));
u64 site_enter(void);

static u64 fortytwo(void)
{
	return 42;
}

/* The target of a 5-byte CALL or JMP. */
static const u8 *target(const u8 *p)
{
	s32 offset;

	memcpy(&offset, p + 1, 4);
	return p + 5 + offset;
}

static bool is_thunk(const u8 *p, enum thunk t, u8 rex, u8 modrm)
{
	static const u8 lfence[] = { 0x0f, 0xae, 0xe8 };

	if (t == THUNK_RETPOLINE)
		return p[0] == 0xe8; /* CALL: what is behind it is what a prediction leads to */
	if (t == THUNK_LFENCE) {
		if (memcmp(p, lfence, sizeof(lfence)))
			return false;
		p += sizeof(lfence);
	}
	if (rex && *p++ != rex)
		return false;
	return p[0] == 0xff && p[1] == modrm;
}

static void check_fill(const u8 *p, bool fills)
{
	if (fills)
		CU_ASSERT_TRUE(p[0] == 0xe8 && target(p) == (const u8 *)rsb_stuff);
	CU_ASSERT_EQUAL(fills, memcmp(p, "\x0f\x1f\x44\0\0", 5) != 0);
}

TEST(test_code, "the code that is written")
{
	const size_t page = 4096, size = (size_t)(sites_end - sites);
	u8 *first = (u8 *)((uintptr_t)sites & -page), *pristine = malloc(size);
	size_t pages = ((uintptr_t)sites_end - (uintptr_t)first + page - 1) & -page;

	if (!pristine || mprotect(first, pages, PROT_READ | PROT_WRITE | PROT_EXEC))
		abort();
	memcpy(pristine, sites, size);
	for (size_t i = 0; i < 2 * ARRAY(rows); i++) {
		struct mitigations m;
		const struct mitigation_options o = { .ring1 = i & 1 };
		unsigned all, n;
		u32 on;

		mitigation_choose(&rows[i / 2].c, &o, &m);
		on = mitigation_alternatives(&m);
		memcpy(sites, pristine, size);
		alternatives_write(site_records, site_records_end, on);
		CU_ASSERT_TRUE(is_thunk(__x86_indirect_thunk_rax, m.thunk, 0, 0xe0));
		CU_ASSERT_TRUE(is_thunk(__x86_indirect_thunk_r15, m.thunk, 0x41, 0xe7));
		CU_ASSERT_EQUAL(site_call(fortytwo), 42);
		/* The way in ends in a CALL of rsb_stuff or stays a NOP, and comes back. */
		check_fill(site_entry, m.rsb_entry);
		check_fill(site_64bit, m.rsb_64bit);
		CU_ASSERT_EQUAL(site_enter(), 7);
		if (m.verw) {
			CU_ASSERT_EQUAL(memcmp(site_exit, "\x0f\0\x2d", 3), 0);
			CU_ASSERT_PTR_EQUAL(target(site_exit + 2), verw_selector);
			CU_ASSERT_EQUAL(site_sysret[0], 0xe9);
			CU_ASSERT_PTR_EQUAL(target(site_sysret), verw_sysret);
		}
		CU_ASSERT_EQUAL(m.verw, memcmp(site_exit, "\x0f\x1f\x80", 3) != 0);
		CU_ASSERT_EQUAL(m.verw, memcmp(site_sysret, "\x48\x0f\x07", 3) != 0);
		/* And as the boot log counts them. */
		n = alternatives_count(site_records, site_records_end, ALT_RETPOLINE, &all);
		CU_ASSERT_TRUE(all == 15 && n == (m.thunk == THUNK_RETPOLINE ? 15 : 0));
		n = alternatives_count(site_records, site_records_end, ALT_LFENCE, &all);
		CU_ASSERT_TRUE(all == 15 && n == (m.thunk == THUNK_LFENCE ? 15 : 0));
		n = alternatives_count(site_records, site_records_end, ALT_RSB_ENTRY, &all);
		CU_ASSERT_TRUE(all == 1 && n == m.rsb_entry);
		n = alternatives_count(site_records, site_records_end, ALT_RSB_64BIT, &all);
		CU_ASSERT_TRUE(all == 1 && n == m.rsb_64bit);
		n = alternatives_count(site_records, site_records_end, ALT_VERW, &all);
		CU_ASSERT_TRUE(all == 2 && n == 2U * m.verw);
	}
	free(pristine);
}

TEST(test_ring1_64bit, "64-bit kernels in ring 1")
{
	struct cpuid_facts intel = { .vendor = CPU_VENDOR_INTEL, .family = 6, .model = 0x55 };
	struct cpuid_facts amd = { .vendor = CPU_VENDOR_AMD, .family = 0x17 };
	struct mitigations m;

	for (int pv32 = 0; pv32 < 2; pv32++)
		for (enum choice c = CHOICE_AUTO; c <= CHOICE_ON; c++) {
			const struct mitigation_options o = { .ring1 = pv32, .ring1_64bit = c };

			intel.arch_caps = 0;
			mitigation_choose(&intel, &o, &m);
			CU_ASSERT_TRUE(m.meltdown);
			CU_ASSERT_EQUAL(m.ring1_64bit, pv32 && c == CHOICE_ON);
			intel.arch_caps = ARCH_CAPS_RDCL_NO;
			mitigation_choose(&intel, &o, &m);
			CU_ASSERT_EQUAL(m.ring1_64bit, pv32 && c != CHOICE_OFF);
			mitigation_choose(&amd, &o, &m);
			CU_ASSERT_EQUAL(m.ring1_64bit, pv32 && c != CHOICE_OFF);
		}
}

TEST(test_smap, "SMAP, where it is left off")
{
	static const u32 nobody[3] = { 0 };
	u32 tcg[3], kvm[3];

	memcpy(tcg, "TCGTCGTCGTCG", 12);
	memcpy(kvm, "KVMKVMKVM\0\0\0", 12);
	CU_ASSERT_TRUE(smap_wanted(-1, nobody) && smap_wanted(-1, kvm));
	CU_ASSERT_FALSE(smap_wanted(-1, tcg));
	CU_ASSERT_TRUE(smap_wanted(1, tcg) && smap_wanted(1, nobody));
	CU_ASSERT_FALSE(smap_wanted(0, tcg) || smap_wanted(0, nobody));
}

SUITE("mitigation")
