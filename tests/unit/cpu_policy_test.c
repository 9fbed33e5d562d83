// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c hypervisor/machine/timescale.c
// sources: hypervisor/control/domctl_hvm.c hypervisor/hvm/context.c
// sources: hypervisor/cpu/cpu_policy.c hypervisor/control/cpu_policy.c hypervisor/pv/cpuid.c
// sources: hypervisor/control/domctl.c hypervisor/control/domctl_vcpu.c
// sources: hypervisor/control/domctl_state.c
// sources: hypervisor/control/domctl_access.c hypervisor/control/common.c
// sources: hypervisor/control/sysctl.c hypervisor/domain/permission.c hypervisor/memory/range_set.c
// sources: hypervisor/domain/fpu_image.c hypervisor/pv/compat_context.c tests/unit/sim/sim.c
// sources: tests/unit/cpu_policy_xen.c
// libs: -lxenguest -lxenctrl
//
// CPU policies of several machines: what of them is for PV guests, what a toolstack may make of
// that, and that 4.17's own library reads and writes what we write and read.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "control_rooms.h"
#include "cpu/cpu_policy.h"
#include "cpu/msr.h"
#include "cpu_policy_xen.h"
#include "pv/cpuid.h"
#include "suite.h"

static struct xen_domctl op;
static struct xen_sysctl sys;
static struct xen_cpuid_leaf leaves[400];
static struct xen_msr_entry msrs[40];

/* ---- machines ---- */

struct machine {
	const char *name;
	u8 vendor;
	u64 xcr0;
	u64 arch_caps;
	struct {
		u32 leaf, sub, a, b, c, d;
	} l[24];
};

#define NONE ((u32)~0)

static const struct machine machines[] = {
	{ "all ones", CPU_VENDOR_INTEL, 0xe7, ~0ULL, { { 0 } } },
	{ "a server of Intel's", CPU_VENDOR_INTEL, 0xe7, 0x2b,
	  { { 0, NONE, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69 },
	    { 1, NONE, 0x50654, 0x20800, 0x7ffefbff, 0xbfebfbff },
	    { 2, NONE, 0x76036301, 0xf0b5ff, 0, 0xc30000 },
	    { 4, 0, 0x7c004121, 0x1c0003f, 0x3f, 0 }, { 4, 1, 0x7c004122, 0x1c0003f, 0x3f, 0 },
	    { 4, 2, 0x7c004143, 0x3c0003f, 0x3ff, 0 }, { 4, 3, 0x7c07c163, 0x280003f, 0x9fff, 4 },
	    { 7, 0, 0, 0xd39ffffb, 0x8, 0xbc000400 },
	    { 0xb, 0, 1, 2, 0x100, 0 }, { 0xb, 1, 5, 32, 0x201, 0 },
	    { 0xd, 0, 0x2ff, 2696, 2696, 0 }, { 0xd, 1, 0xf, 2568, 0x100, 0 },
	    { 0xd, 2, 256, 576, 0, 0 }, { 0xd, 3, 64, 960, 0, 0 }, { 0xd, 4, 64, 1024, 0, 0 },
	    { 0xd, 5, 64, 1088, 0, 0 }, { 0xd, 6, 512, 1152, 0, 0 },
	    { 0xd, 7, 1024, 1664, 0, 0 }, { 0xd, 9, 8, 2688, 0, 0 },
	    { 0x80000000, NONE, 0x80000008, 0, 0, 0 },
	    { 0x80000001, NONE, 0, 0, 0x121, 0x2c100800 },
	    { 0x80000007, NONE, 0, 0, 0, 0x100 }, { 0x80000008, NONE, 0x302e, 0, 0, 0 } } },
	{ "one of AMD's", CPU_VENDOR_AMD, 7, 0,
	  { { 0, NONE, 0xd, 0x68747541, 0x444d4163, 0x69746e65 },
	    { 1, NONE, 0x830f10, 0x100800, 0x7ed8320b, 0x178bfbff },
	    { 7, 0, 0, 0x219c91a9, 0x400004, 0 },
	    { 0xd, 0, 7, 832, 832, 0 }, { 0xd, 1, 0xf, 832, 0x1800, 0 },
	    { 0xd, 2, 256, 576, 0, 0 },
	    { 0x80000000, NONE, 0x80000020, 0x68747541, 0x444d4163, 0x69746e65 },
	    { 0x80000001, NONE, 0x830f10, 0x40000000, 0x75c237ff, 0x2fd3fbff },
	    { 0x80000002, NONE, 0x20444d41, 0x43595045, 0x37203233, 0 },
	    { 0x80000007, NONE, 0, 0, 0, 0x6599 },
	    { 0x80000008, NONE, 0x3030, 0x111ef657, 0x703f, 0 },
	    { 0x80000021, NONE, 0x4f, 0, 0, 0 } } },
	{ "one from before XSAVE", CPU_VENDOR_OTHER, 0, 0,
	  { { 0, NONE, 2, 0x746e6543, 0x736c7561, 0x48727561 },
	    { 1, NONE, 0x6f0, 0x10800, 0x2201, 0x178bfbff },
	    { 0x80000000, NONE, 0x80000001, 0, 0, 0 },
	    { 0x80000001, NONE, 0, 0, 1, 0x20100800 } } },
};
static const struct machine *machine;

void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a = *b = *c = *d = machine->l[0].b ? 0 : ~0U;
	for (unsigned i = 0; i < ARRAY_SIZE(machine->l); i++) {
		if (machine->l[i].leaf != leaf || !(machine->l[i].sub == NONE ||
						    machine->l[i].sub == sub))
			continue;
		*a = machine->l[i].a;
		*b = machine->l[i].b;
		*c = machine->l[i].c;
		*d = machine->l[i].d;
		return;
	}
}

static u32 word(u32 leaf, u32 sub, char reg)
{
	u32 r[4];

	cpuid(leaf, sub, &r[0], &r[1], &r[2], &r[3]);
	return r[reg - 'a'];
}

static void boot(const struct machine *of)
{
	machine = of;
	cpu_features.vendor = of->vendor;
	cpu_features.xcr0 = of->xcr0;
	cpu_features.xsave = of->xcr0;
	cpu_features.smep = cpu_features.smap = true;
	cpu_features.sysenter = of->vendor == CPU_VENDOR_INTEL;
	wrmsr(MSR_ARCH_CAPS, of->arch_caps);
	wrmsr(0xce, 0x80000000ff00ULL);
	cpu_policies_init();
}

static void begin(void)
{
	sim_reset();
	memset(&m, 0, sizeof(m));
	memset(&op, 0, sizeof(op));
	memset(&sys, 0, sizeof(sys));
	memset(leaves, 0, sizeof(leaves));
	memset(msrs, 0, sizeof(msrs));
	dom0 = sim_domain(0, 2, true);
	guest = sim_domain(5, 2, false);
	permissions_init(&dom0->perms);
	permissions_init(&guest->perms);
	sim_current = dom0->vcpu[0];
	sim_cpu = &cpus[0];
	cpus_online = 0xf;
	boot(&machines[1]);
}

static void end(void)
{
	zfree(guest->cpu_policy);
	guest->cpu_policy = NULL;
	permissions_destroy(&dom0->perms);
	permissions_destroy(&guest->perms);
	CU_ASSERT_EQUAL(sim.objects, 0);
	CU_ASSERT_PTR_NULL(dom0->cpu_policy);
	cpus_online = 1;
	memset(&cpu_features, 0, sizeof(cpu_features));
	sim_reset();
}

/* ---- what PV guests are shown ---- */

/*
 * What a guest may be told of a feature word, from 4.17's public list and from what this hypervisor
 * does not do; written apart from the tables in the code, as a list of numbers.
 */
static bool allowed(unsigned w, unsigned bit, bool amd)
{
	static const s8 pv[CPU_POLICY_FEATURES][34] = {
		[0] = { 0, 2, 4, 5, 6, 8, 9, 11, 15, 16, 19, 23, 24, 25, 26, 27, 28, -1 },
		[1] = { 0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 27, 28, 29, 30, 31, -1 },
		[2] = { 11, 20, 22, 29, 30, 31, -1 },
		[3] = { 0, 1, 5, 6, 7, 8, 11, 16, 21, -1 },
		[4] = { 0, 1, 2, -1 },
		[5] = { 0, 3, 4, 5, 6, 8, 9, 11, 13, 16, 17, 18, 19, 21, 23, 24, 26, 27, 28, 29,
			30, 31, -1 },
		[6] = { 0, 1, 6, 8, 9, 10, 11, 12, 14, 25, 27, 28, -1 },
		[7] = { 8, -1 }, [8] = { -1 }, [9] = { 4, 10, 14, -1 }, [10] = { -1 },
		[11] = { -1 }, [12] = { -1 }, [13] = { -1 }, [14] = { -1 }, [15] = { -1 },
		[16] = { -1 }, [17] = { -1 }, [18] = { -1 },
	};
	static const s8 repeated[] = { 0, 2, 4, 5, 6, 8, 9, 15, 16, 23, 24, -1 };

	for (const s8 *p = pv[w]; *p >= 0; p++)
		if ((unsigned)*p == bit)
			return true;
	for (const s8 *p = repeated; w == 2 && amd && *p >= 0; p++)
		if ((unsigned)*p == bit)
			return true;
	return false;
}

TEST(test_pv_features, "a PV guest has no feature that it cannot use, and every other one")
{
	for (unsigned i = 1; i < ARRAY_SIZE(machines); i++) {
		u32 host[CPU_POLICY_FEATURES], most[CPU_POLICY_FEATURES],
		    usual[CPU_POLICY_FEATURES];

		boot(&machines[i]);
		cpu_policy_features(&cpu_policies[CPU_POLICY_HOST], host);
		cpu_policy_features(&cpu_policies[CPU_POLICY_PV_MAX], most);
		cpu_policy_features(&cpu_policies[CPU_POLICY_PV_DEFAULT], usual);
		for (unsigned b = 0; b < 32 * CPU_POLICY_FEATURES; b++) {
			unsigned w = b / 32, bit = b % 32;
			bool want = (host[w] & BIT(bit)) &&
				    allowed(w, bit, machine->vendor == CPU_VENDOR_AMD);

			if (w == 1 && bit == 31)
				want = true;
			if (w == 1 && bit == 27)
				want = cpu_features.xsave;
			if (w == 0 && bit == 11)
				want = cpu_features.sysenter;
			if (!!(most[w] & BIT(bit)) != want)
				fprintf(stderr, "%s: word %u bit %u\n", machine->name, w, bit);
			CU_ASSERT_EQUAL(!!(most[w] & BIT(bit)), want);
			/* By default without what speaks of siblings */
			if ((w == 0 && bit == 28) || (w == 3 && bit == 1))
				want = false;
			CU_ASSERT_EQUAL(!!(usual[w] & BIT(bit)), want);
		}
	}
}

TEST(test_host, "raw is what CPUID says, host is without what is off")
{
	const struct cpu_policy *raw = &cpu_policies[CPU_POLICY_RAW],
				*host = &cpu_policies[CPU_POLICY_HOST];

	CU_ASSERT_EQUAL(cpu_policy_leaf(raw, 0, 0).a, 0x16);
	CU_ASSERT_EQUAL(cpu_policy_leaf(host, 0, 0).a, 0xd);
	CU_ASSERT_EQUAL(cpu_policy_leaf(raw, 1, 0).c, 0x7ffefbff);
	CU_ASSERT_EQUAL(cpu_policy_leaf(host, 7, 0).b, 0xd39ffffb);
	CU_ASSERT_EQUAL(cpu_policy_leaf(raw, 0xd, 9).b, 2688);
	CU_ASSERT_EQUAL(cpu_policy_xcr0(raw), 0x2ff);
	CU_ASSERT_EQUAL(cpu_policy_xcr0(host), 0xe7);
	CU_ASSERT_EQUAL(cpu_policy_leaf(host, 0xd, 9).b, 0);
	CU_ASSERT_EQUAL(raw->arch_caps, 0x2b);
	CU_ASSERT_EQUAL(raw->platform_info, 0); /* no faulting: bit 47 is another one's */
	cpu_features.smep = cpu_features.smap = cpu_features.xsave = false;
	cpu_features.xcr0 = 0;
	cpu_policies_init();
	CU_ASSERT_EQUAL(cpu_policy_leaf(host, 7, 0).b,
			0xd39ffffb & ~(BIT(7) | BIT(20) | 0xd0230020));
	CU_ASSERT_EQUAL(cpu_policy_leaf(host, 1, 0).c & (BIT(26) | BIT(27) | BIT(28) | BIT(12)), 0);
	CU_ASSERT_EQUAL(cpu_policy_xcr0(host), 0);
	/* A machine whose last leaf is 2 has nothing of the others'. */
	boot(&machines[3]);
	for (u32 leaf = 3; leaf <= 0xd; leaf++)
		for (u32 sub = 0; sub < 63; sub++) {
			struct cpuid_regs r = cpu_policy_leaf(raw, leaf, sub);

			CU_ASSERT_FALSE(r.a | r.b | r.c | r.d);
		}
}

TEST(test_library, "4.17's library reads every policy, and writes the same")
{
	static struct xen_cpuid_leaf again[400];
	static struct xen_msr_entry msrs_again[400];

	CU_ASSERT_EQUAL(xen_nr_features(), CPU_POLICY_FEATURES);
	for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
		boot(&machines[i]);
		for (unsigned k = 0; k < CPU_POLICY_KINDS; k++) {
			u32 n, n_msrs, have, have_msrs;

			n = have = cpu_policy_to_leaves(&cpu_policies[k], leaves);
			n_msrs = have_msrs = cpu_policy_to_msrs(&cpu_policies[k], msrs);
			CU_ASSERT_TRUE(n <= CPU_POLICY_LEAVES && n_msrs <= CPU_POLICY_MSRS);
			memset(again, 0, sizeof(again));
			memset(msrs_again, 0, sizeof(msrs_again));
			CU_ASSERT_EQUAL(xen_reads(leaves, &n, msrs, &n_msrs, again, msrs_again), 0);
			/* A limit of all ones is nobody's: what it means is not compared. */
			if (!i && k == CPU_POLICY_RAW)
				continue;
			if (n != have || memcmp(again, leaves, n * sizeof(again[0])))
				fprintf(stderr, "%s, policy %u: %u of %u\n", machine->name, k, n,
					have);
			CU_ASSERT_EQUAL(n, have);
			CU_ASSERT_EQUAL(n_msrs, have_msrs);
			CU_ASSERT_EQUAL(memcmp(again, leaves, n * sizeof(again[0])), 0);
			CU_ASSERT_EQUAL(memcmp(msrs_again, msrs, n_msrs * sizeof(msrs[0])), 0);
		}
	}
}

TEST(test_round_trip, "what is written is read again")
{
	for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
		boot(&machines[i]);
		for (unsigned k = CPU_POLICY_HOST; k < CPU_POLICY_KINDS; k++) {
			struct cpu_policy_error err = { 1, 2, 3 };
			struct cpu_policy p;
			u32 n = cpu_policy_to_leaves(&cpu_policies[k], leaves),
			    n_msrs = cpu_policy_to_msrs(&cpu_policies[k], msrs);

			memset(&p, 0, sizeof(p));
			CU_ASSERT_EQUAL(cpu_policy_from_leaves(&p, leaves, n, &err), 0);
			CU_ASSERT_EQUAL(cpu_policy_from_msrs(&p, msrs, n_msrs, &err), 0);
			CU_ASSERT_EQUAL(memcmp(&p, &cpu_policies[k], sizeof(p)), 0);
			/* And what is for PV guests is as it should be. */
			if (k < CPU_POLICY_PV_MAX)
				continue;
			CU_ASSERT_EQUAL(cpu_policy_settle(&p, &err), 0);
			CU_ASSERT_EQUAL(memcmp(&p, &cpu_policies[k], sizeof(p)), 0);
		}
	}
}

TEST(test_sizes, "sizes of XSAVE areas")
{
	static struct cpu_policy p; /* states as no CPU has them, so that each rule shows */

	p.leaf[cpu_policy_place(0xd, 2)] = (struct cpuid_regs){ 256, 576, 0, 0 };
	p.leaf[cpu_policy_place(0xd, 3)] = (struct cpuid_regs){ 8, 1000, 0, 0 };
	p.leaf[cpu_policy_place(0xd, 4)] = (struct cpuid_regs){ 64, 832, 2, 0 };
	p.leaf[cpu_policy_place(0xd, 62)] = (struct cpuid_regs){ 16, 4096, 2, 0 };
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, 0, false), 576);
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, 3, true), 576);
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, 7, false), 832);
	/* By where they lie, not by their order */
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, 0x1b, false), 1008);
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, 0xf, true), 840);
	/* 584, then at a multiple of 64 */
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, 0x1b, true), 704);
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, BIT(62) | 3, false), 4112);
	CU_ASSERT_EQUAL(cpu_policy_xsave_size(&p, BIT(62) | 0xb, true), 656);
}

/* ---- the hypercalls ---- */

static s64 domctl(u32 cmd, domid_t id)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = id;
	return do_domctl((u64)&op);
}

static s64 sysctl(u32 cmd)
{
	sys.cmd = cmd;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return do_sysctl((u64)&sys);
}

static s64 ask_policy(u32 index, u32 nr_leaves, u32 nr_msrs)
{
	sys.u.cpu_policy = (struct xen_sysctl_cpu_policy){
		index, nr_leaves, nr_msrs, 0, nr_leaves ? (u64)leaves : 0, nr_msrs ? (u64)msrs : 0
	};
	return sysctl(XEN_SYSCTL_get_cpu_policy);
}

static s64 get(domid_t id, u32 nr_leaves, u32 nr_msrs)
{
	op.u.cpu_policy = (struct xen_domctl_cpu_policy){
		.nr_leaves = nr_leaves, .nr_msrs = nr_msrs, .leaves = nr_leaves ? (u64)leaves : 0,
		.msrs = nr_msrs ? (u64)msrs : 0,
	};
	return domctl(XEN_DOMCTL_get_cpu_policy, id);
}

static s64 set(domid_t id, u32 nr_leaves, u32 nr_msrs)
{
	op.u.cpu_policy = (struct xen_domctl_cpu_policy){
		.nr_leaves = nr_leaves, .nr_msrs = nr_msrs, .leaves = nr_leaves ? (u64)leaves : 0,
		.msrs = nr_msrs ? (u64)msrs : 0, .err_leaf = 1, .err_subleaf = 1, .err_msr = 1,
	};
	return domctl(XEN_DOMCTL_set_cpu_policy, id);
}

TEST(test_ask, "the machine's policies, as tools ask for them")
{
	static const struct {
		u32 index;
		enum cpu_policy_kind kind;
	} rows[] = { { XEN_SYSCTL_cpu_policy_raw, CPU_POLICY_RAW },
		     { XEN_SYSCTL_cpu_policy_host, CPU_POLICY_HOST },
		     { XEN_SYSCTL_cpu_policy_pv_max, CPU_POLICY_PV_MAX },
		     { XEN_SYSCTL_cpu_policy_pv_default, CPU_POLICY_PV_DEFAULT } };

	/* First how much room, then the lists. */
	CU_ASSERT_EQUAL(ask_policy(XEN_SYSCTL_cpu_policy_host, 0, 0), 0);
	CU_ASSERT_EQUAL(sys.u.cpu_policy.nr_leaves, 120);
	CU_ASSERT_EQUAL(sys.u.cpu_policy.nr_msrs, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct xen_cpuid_leaf want[CPU_POLICY_LEAVES];
		u32 n = cpu_policy_to_leaves(&cpu_policies[rows[i].kind], want);

		CU_ASSERT_EQUAL(ask_policy(rows[i].index, 120, 0), 0);
		CU_ASSERT_EQUAL(sys.u.cpu_policy.nr_leaves, n);
		CU_ASSERT_EQUAL(sys.u.cpu_policy.nr_msrs, 2);
		CU_ASSERT_EQUAL(memcmp(leaves, want, n * sizeof(want[0])), 0);
		CU_ASSERT_EQUAL(leaves[n].leaf | leaves[n].a, 0);
		CU_ASSERT_EQUAL(ask_policy(rows[i].index, n, 2), 0);
		CU_ASSERT_EQUAL(ask_policy(rows[i].index, n - 1, 2), -ENOBUFS);
		CU_ASSERT_EQUAL(ask_policy(rows[i].index, n, 1), -ENOBUFS);
		memset(leaves, 0, sizeof(leaves));
	}
	CU_ASSERT_EQUAL(ask_policy(XEN_SYSCTL_cpu_policy_hvm_max, 120, 2), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(ask_policy(XEN_SYSCTL_cpu_policy_hvm_default, 0, 0), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(ask_policy(6, 120, 2), -EINVAL);
	sys.u.cpu_policy.index = 0;
	sys.u.cpu_policy._rsvd = 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_policy), -EINVAL);
	sim.bad = leaves + 3;
	sim.bad_end = leaves + 10;
	CU_ASSERT_EQUAL(ask_policy(0, 120, 2), -EFAULT);
	sim.bad = msrs;
	sim.bad_end = msrs + 2;
	CU_ASSERT_EQUAL(ask_policy(0, 120, 2), -EFAULT);
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(ask_policy(0, 0, 0), -EPERM);
}

TEST(test_featuresets, "the machine's feature sets")
{
	static const u32 index[] = { XEN_SYSCTL_cpu_featureset_raw, XEN_SYSCTL_cpu_featureset_host,
				     XEN_SYSCTL_cpu_featureset_pv_max,
				     XEN_SYSCTL_cpu_featureset_pv };
	struct xen_sysctl_cpu_featureset *f = &sys.u.cpu_featureset;
	u32 words[CPU_POLICY_FEATURES + 1], want[CPU_POLICY_FEATURES];

	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
	CU_ASSERT_EQUAL(f->nr_features, CPU_POLICY_FEATURES);
	for (unsigned i = 0; i < ARRAY_SIZE(index); i++) {
		memset(words, 0x5a, sizeof(words));
		*f = (struct xen_sysctl_cpu_featureset){ index[i], ARRAY_SIZE(words), (u64)words };
		CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
		CU_ASSERT_EQUAL(f->nr_features, CPU_POLICY_FEATURES);
		cpu_policy_features(&cpu_policies[i], want);
		CU_ASSERT_EQUAL(memcmp(words, want, sizeof(want)), 0);
		CU_ASSERT_EQUAL(words[CPU_POLICY_FEATURES], 0x5a5a5a5a);
	}
	/* Raw, word by word */
	*f = (struct xen_sysctl_cpu_featureset){ 0, ARRAY_SIZE(words), (u64)words };
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
	CU_ASSERT_EQUAL(words[0], word(1, 0, 'd'));
	CU_ASSERT_EQUAL(words[1], word(1, 0, 'c'));
	CU_ASSERT_EQUAL(words[2], word(0x80000001, 0, 'd'));
	CU_ASSERT_EQUAL(words[3], word(0x80000001, 0, 'c'));
	CU_ASSERT_EQUAL(words[4], word(0xd, 1, 'a'));
	CU_ASSERT_EQUAL(words[5], word(7, 0, 'b'));
	CU_ASSERT_EQUAL(words[7], word(0x80000007, 0, 'd'));
	CU_ASSERT_EQUAL(words[9], word(7, 0, 'd'));
	CU_ASSERT_EQUAL(words[16], 0x2b);
	/* Too little room: what there is room for, and the error says that there is more. */
	memset(words, 0x5a, sizeof(words));
	*f = (struct xen_sysctl_cpu_featureset){ 1, 4, (u64)words };
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), -ENOBUFS);
	CU_ASSERT_EQUAL(f->nr_features, 4);
	CU_ASSERT_TRUE(words[3] != 0x5a5a5a5a && words[4] == 0x5a5a5a5a);
	*f = (struct xen_sysctl_cpu_featureset){ 3, 20, (u64)words };
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), -EOPNOTSUPP);
	f->index = 5;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), -EOPNOTSUPP);
	f->index = 6;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), -EINVAL);
	*f = (struct xen_sysctl_cpu_featureset){ 0, 20, (u64)words };
	sim.bad = words;
	sim.bad_end = words + 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_featureset), -EFAULT);
}

/* The entry of the list that says this of this leaf. */
static struct xen_cpuid_leaf *find(u32 leaf, u32 sub)
{
	for (unsigned i = 0; i < op.u.cpu_policy.nr_leaves; i++)
		if (leaves[i].leaf == leaf && leaves[i].subleaf == sub)
			return &leaves[i];
	CU_FAIL_FATAL("no such leaf");
	return NULL;
}

TEST(test_give, "a toolstack takes a feature away, and what hangs on it goes, too")
{
	struct cpu_policy p;
	struct vcpu *v = guest->vcpu[1];
	u32 n;

	CU_ASSERT_EQUAL(get(5, 0, 0), 0);
	CU_ASSERT_TRUE(op.u.cpu_policy.nr_leaves == 120 && op.u.cpu_policy.nr_msrs == 2);
	CU_ASSERT_EQUAL(get(5, 120, 2), 0);
	n = op.u.cpu_policy.nr_leaves;
	pv_cpu_policy(guest, &p);
	CU_ASSERT_EQUAL(memcmp(&p, &cpu_policies[CPU_POLICY_PV_DEFAULT], sizeof(p)), 0);
	CU_ASSERT_EQUAL(find(0xd, 0)->a, 0xe7);
	/* AVX, and a name of its own */
	find(1, NONE)->c &= ~(u32)BIT(28);
	find(1, NONE)->a = 0x306a9;
	CU_ASSERT_EQUAL(set(5, n, 2), 0);
	CU_ASSERT_TRUE(op.u.cpu_policy.err_leaf == NONE && op.u.cpu_policy.err_subleaf == NONE &&
		       op.u.cpu_policy.err_msr == NONE);
	sim_current = v;
	v->xcr0 = 3;
	CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).a, 0x306a9);
	/* F16C and FMA are AVX's; XSAVE stays */
	CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).c & (BIT(12) | BIT(26) | BIT(28) | BIT(29)), BIT(26));
	CU_ASSERT_EQUAL(pv_cpuid(v, 7, 0).b & (BIT(5) | BIT(16) | BIT(31) | BIT(3)), BIT(3));
	CU_ASSERT_EQUAL(pv_cpuid(v, 0xd, 0).a, 3);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0xd, 0).b, 576);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0xd, 0).c, 576);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0xd, 2).a, 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).b >> 24, 1);
	/* What it may set follows. */
	CU_ASSERT_TRUE(pv_xcr0_valid(v, 3) && pv_xcr0_valid(v, 1));
	CU_ASSERT_FALSE(pv_xcr0_valid(v, 7));
	CU_ASSERT_FALSE(pv_xcr0_valid(v, 0));
	CU_ASSERT_TRUE(pv_xcr0_valid(dom0->vcpu[0], 7) && pv_xcr0_valid(dom0->vcpu[0], 0xe7));
	/* Nobody else's is another one. */
	CU_ASSERT_TRUE(pv_cpuid(dom0->vcpu[0], 1, 0).c & BIT(28));
	sim_current = dom0->vcpu[0];
	/* Again, with XSAVE gone: what is not named stays as it is. */
	CU_ASSERT_EQUAL(get(5, 120, 2), 0);
	leaves[0] = *find(1, NONE);
	leaves[0].c &= ~(u32)BIT(26);
	CU_ASSERT_EQUAL(set(5, 1, 0), 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).a, 0x306a9);
	CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).c & (BIT(26) | BIT(27)), 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0xd, 0).a | pv_cpuid(v, 0xd, 0).b | pv_cpuid(v, 0xd, 1).a, 0);
	CU_ASSERT_FALSE(pv_xcr0_valid(v, 1));
}

TEST(test_fewer_leaves, "lower limits")
{
	struct vcpu *v = guest->vcpu[0];

	/* A context came first, with CR4.FSGSBASE, which is of leaf 7. */
	v->pv.cr4 = BIT(5) | BIT(16);
	CU_ASSERT_EQUAL(get(5, 120, 0), 0);
	leaves[0].a = 4;
	leaves[1] = *find(0x80000000, NONE);
	leaves[1].a = 0x80000001;
	leaves[2] = (struct xen_cpuid_leaf){ 0x40000000, NONE, .a = 2 };
	CU_ASSERT_EQUAL(set(5, 3, 0), 0);
	sim_current = v;
	v->xcr0 = 1;
	CU_ASSERT_EQUAL(pv_cpuid(v, 0, 0).a, 4);
	CU_ASSERT_EQUAL(pv_cpuid(v, 7, 0).b, 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).c & (BIT(26) | BIT(27) | BIT(28)), 0);
	CU_ASSERT_EQUAL(v->pv.cr4, BIT(5));
	CU_ASSERT_EQUAL(pv_cpuid(v, 0xd, 0).a | pv_cpuid(v, 0xd, 0).c | pv_cpuid(v, 0xd, 0).b, 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x80000000, 0).a, 0x80000001);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x80000008, 0).a, 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x40000000, 0).a, 0x40000002);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x40000005, 0).b, 0);
	CU_ASSERT_TRUE(pv_cpuid(v, 0x40000001, 0).a);
	sim_current = dom0->vcpu[0];
	CU_ASSERT_EQUAL(get(5, 120, 0), 0);
	CU_ASSERT_TRUE(op.u.cpu_policy.nr_leaves < 16);
	/* Below that the hypervisor's leaves do not go, and no further than they are. */
	leaves[0] = (struct xen_cpuid_leaf){ 0x40000000, NONE, .a = 1 };
	CU_ASSERT_EQUAL(set(5, 1, 0), 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x40000000, 0).a, 0x40000002);
	leaves[0].a = 0xff;
	CU_ASSERT_EQUAL(set(5, 1, 0), 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x40000000, 0).a, 0x40000005);
}

/* One entry that is refused, and nothing has changed. */
static void refused(s64 error, struct xen_cpuid_leaf l)
{
	struct cpu_policy before, after;

	pv_cpu_policy(guest, &before);
	leaves[0] = (struct xen_cpuid_leaf){ 2, NONE, .a = 0x12345678 };
	leaves[1] = l;
	CU_ASSERT_EQUAL(set(5, 2, 0), error);
	if (op.u.cpu_policy.err_leaf != l.leaf || op.u.cpu_policy.err_subleaf != l.subleaf)
		fprintf(stderr, "leaf %#x.%#x: blamed is %#x.%#x\n", l.leaf, l.subleaf,
			op.u.cpu_policy.err_leaf, op.u.cpu_policy.err_subleaf);
	CU_ASSERT_EQUAL(op.u.cpu_policy.err_leaf, l.leaf);
	CU_ASSERT_EQUAL(op.u.cpu_policy.err_subleaf, l.subleaf);
	CU_ASSERT_EQUAL(op.u.cpu_policy.err_msr, NONE);
	pv_cpu_policy(guest, &after);
	CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
	CU_ASSERT_PTR_NULL(guest->cpu_policy);
}

static struct xen_cpuid_leaf usual(u32 leaf, u32 sub)
{
	struct cpuid_regs r = cpu_policy_leaf(&cpu_policies[CPU_POLICY_PV_DEFAULT], leaf, sub);

	return (struct xen_cpuid_leaf){ leaf, sub, r.a, r.b, r.c, r.d };
}

TEST(test_no_such_leaf, "leaves that no policy has")
{
	static const u32 none[][2] = {
		{ 0xe, NONE }, { 0x1f, 0 }, { 0x40000001, NONE }, { 0x40000101, NONE },
		{ 0x80000022, NONE }, { 0xc0000000, NONE }, { NONE, NONE }, { 4, 6 }, { 4, NONE },
		{ 7, 3 }, { 0xb, 2 }, { 0xd, 63 }, { 0xd, NONE }, { 1, 0 }, { 0, 1 },
		{ 0x80000000, 0 }, { 0x40000000, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
		refused(-ERANGE, (struct xen_cpuid_leaf){ none[i][0], none[i][1], .a = 0 });
}

TEST(test_too_much, "what a PV guest cannot have")
{
	struct xen_cpuid_leaf l;

#define TOO_MUCH(leaf, sub, reg, value)       \
	do {                                  \
		l = usual(leaf, sub);         \
		l.reg = (value);              \
		refused(-EINVAL, l);          \
	} while (0)
	/* Limits, and another vendor */
	TOO_MUCH(0, NONE, a, 0xe);
	TOO_MUCH(0, NONE, b, 0x68747541);
	TOO_MUCH(0, NONE, d, 0);
	TOO_MUCH(7, 0, a, 1);
	TOO_MUCH(0x80000000, NONE, a, 0x80000009);
	TOO_MUCH(0x40000000, NONE, a, 0x100);
	TOO_MUCH(0x40000100, NONE, a, 1);
	/* Every feature that it cannot have, one at a time */
	for (unsigned w = 0; w < 32; w++) {
		static const struct {
			u32 leaf, sub;
			char reg;
		} words[] = { { 1, NONE, 'd' }, { 1, NONE, 'c' }, { 0x80000001, NONE, 'd' },
			      { 0x80000001, NONE, 'c' }, { 0xd, 1, 'a' }, { 7, 0, 'b' },
			      { 7, 0, 'c' }, { 0x80000007, NONE, 'd' }, { 0x80000008, NONE, 'b' },
			      { 7, 0, 'd' } };
		u32 most[CPU_POLICY_FEATURES];

		cpu_policy_features(&cpu_policies[CPU_POLICY_PV_MAX], most);
		for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
			if (most[i] & BIT(w) || (i == 7 && w == 8))
				continue;
			l = usual(words[i].leaf, words[i].sub);
			*(words[i].reg == 'a' ? &l.a : words[i].reg == 'b' ? &l.b :
			  words[i].reg == 'c' ? &l.c : &l.d) |= BIT(w);
			refused(-EINVAL, l);
		}
	}
	/* Leaves that are no guest's: monitor, power, counters, cache partitions ... */
	TOO_MUCH(3, NONE, a, 1);
	TOO_MUCH(5, NONE, b, 0x40);
	TOO_MUCH(6, NONE, a, 4);
	TOO_MUCH(8, NONE, a, 1);
	TOO_MUCH(9, NONE, a, 1);
	TOO_MUCH(0xa, NONE, d, 3);
	TOO_MUCH(0xc, NONE, c, 1);
	/* States */
	TOO_MUCH(0xd, 0, a, 0x2e7);
	TOO_MUCH(0xd, 0, d, 1);
	TOO_MUCH(0xd, 1, c, 0x100);
	TOO_MUCH(0xd, 1, d, 1);
#undef TOO_MUCH
}

TEST(test_msrs, "MSRs of a policy")
{
	static const struct {
		struct xen_msr_entry m;
		s64 error;
	} rows[] = {
		{ { 0xcf, 0, 0 }, -ERANGE }, { { 0x10b, 0, 0 }, -ERANGE },
		{ { 0xce, 1, 0 }, -EINVAL }, { { 0xce, 0, 1ULL << 32 }, -EOVERFLOW },
		{ { 0xce, 0, 1U << 31 }, -EINVAL }, { { 0x10a, 0, 1 }, -EINVAL },
		{ { 0x10a, 0, 1ULL << 62 }, -EINVAL },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		msrs[0] = (struct xen_msr_entry){ 0xce, 0, 0 };
		msrs[1] = rows[i].m;
		CU_ASSERT_EQUAL(set(5, 0, 2), rows[i].error);
		CU_ASSERT_EQUAL(op.u.cpu_policy.err_msr, rows[i].m.idx);
		CU_ASSERT_EQUAL(op.u.cpu_policy.err_leaf, NONE);
		CU_ASSERT_PTR_NULL(guest->cpu_policy);
	}
	msrs[1] = (struct xen_msr_entry){ 0x10a, 0, 0 };
	CU_ASSERT_EQUAL(set(5, 0, 2), 0);
}

TEST(test_as_xl, "what 4.17's xl asks for")
{
	struct vcpu *v = guest->vcpu[0];
	u32 n;

	/*
	 * The default, with HTT and CmpLegacy as the host has them; an invariant TSC if the guest
	 * may not migrate, whatever the machine has.
	 */
	for (unsigned i = 1; i < ARRAY_SIZE(machines); i++) {
		u32 was;

		boot(&machines[i]);
		CU_ASSERT_EQUAL(ask_policy(XEN_SYSCTL_cpu_policy_pv_default, 120, 0), 0);
		op.u.cpu_policy.nr_leaves = n = sys.u.cpu_policy.nr_leaves;
		was = find(1, NONE)->d;
		find(1, NONE)->d |= word(1, 0, 'd') & BIT(28);
		find(0x80000001, NONE)->c |= word(0x80000001, 0, 'c') & BIT(1);
		if (n > 20)
			find(0x80000007, NONE)->d |= BIT(8);
		CU_ASSERT_EQUAL(set(5, n, 0), 0);
		CU_ASSERT_EQUAL(op.u.cpu_policy.err_leaf, NONE);
		CU_ASSERT_EQUAL(pv_cpuid(v, 1, 0).d, was | (word(1, 0, 'd') & BIT(28)));
		CU_ASSERT_EQUAL(pv_cpuid(v, 0x80000007, 0).d & BIT(8),
				word(0x80000007, 0, 'd') & BIT(8));
		zfree(guest->cpu_policy);
		guest->cpu_policy = NULL;
	}
}

TEST(test_when, "once the guest ran it is too late; nobody's own; too long")
{
	struct cpu_policy before;

	leaves[0] = usual(2, NONE);
	CU_ASSERT_EQUAL(set(0, 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(set(DOMID_SELF, 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(set(5, 121, 0), -E2BIG);
	CU_ASSERT_EQUAL(set(5, 0, 3), -E2BIG);
	CU_ASSERT_EQUAL(set(77, 1, 0), -ESRCH);
	sim.bad = leaves + 1;
	sim.bad_end = leaves + 2;
	CU_ASSERT_EQUAL(set(5, 2, 0), -EFAULT);
	sim.bad = sim.bad_end = NULL;
	CU_ASSERT_PTR_NULL(guest->cpu_policy);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(set(5, 1, 0), -ENOMEM);
	sim.allocs_left = 1;
	CU_ASSERT_EQUAL(set(5, 1, 0), -ENOMEM);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(get(5, 120, 2), -ENOMEM);
	sim.allocs_left = -1;
	CU_ASSERT_PTR_NULL(guest->cpu_policy);
	CU_ASSERT_EQUAL(set(5, 1, 0), 0);
	pv_cpu_policy(guest, &before);
	guest->started = true;
	leaves[0].a = 0x33;
	CU_ASSERT_EQUAL(set(5, 1, 0), -EEXIST);
	CU_ASSERT_EQUAL(memcmp(guest->cpu_policy, &before, sizeof(before)), 0);
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(set(5, 1, 0), -EPERM);
	CU_ASSERT_EQUAL(get(5, 0, 0), -EPERM);
}

TEST(test_narrow, "a 32-bit guest's policy has no long mode")
{
	struct vcpu *v = guest->vcpu[0];

	guest->is_32bit = true;
	CU_ASSERT_EQUAL(get(5, 120, 2), 0);
	CU_ASSERT_EQUAL(find(0x80000001, NONE)->d & (BIT(29) | BIT(11)), 0);
	/* Not by giving it, either. */
	find(0x80000001, NONE)->d |= BIT(29) | BIT(11);
	CU_ASSERT_EQUAL(set(5, op.u.cpu_policy.nr_leaves, 0), 0);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x80000001, 0).d & (BIT(29) | BIT(11)), 0);
	CU_ASSERT_EQUAL(get(5, 120, 2), 0);
	CU_ASSERT_EQUAL(find(0x80000001, NONE)->d & (BIT(29) | BIT(11)), 0);
	boot(&machines[2]);
	CU_ASSERT_EQUAL(pv_cpuid(v, 0x80000001, 0).d & BIT(29), 0);
}

SUITE("CPU policies", .begin = begin, .end = end)
