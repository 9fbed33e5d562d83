// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPU policies: what there is, what of it a PV guest can have, and what becomes of a toolstack's
 * wish. Bits by the names of the Intel SDM vol. 2A (CPUID) and the AMD APM vol. 3, appendix E.
 */
#include "cpu/cpu_policy.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "lib/nospec.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv-abi/xen.h"

#define BASIC_LAST	0xdU
#define EXTENDED_FIRST	0x80000000U
#define EXTENDED_LAST	0x80000021U
#define HYPERVISOR_LEAF 0x40000000U
#define VIRIDIAN_LEAF	0x40000100U
#define LIMIT_HIGHEST	0xffU

/* Highest leaves of a PV guest: XSAVE's, and the sizes of addresses. */
#define PV_BASIC_LAST	 0xdU
#define PV_EXTENDED_LAST 0x80000008U

struct cpu_policy cpu_policies[CPU_POLICY_KINDS];

/* ---- places ---- */

/* In the order in which policies are serialised; subleaves 0: the leaf has none. */
static const struct span {
	u32 first, last, subleaves;
} spans[] = {
	{ 0, 3, 0 }, { 4, 4, 6 }, { 5, 6, 0 }, { 7, 7, 3 }, { 8, 0xa, 0 }, { 0xb, 0xb, 2 },
	{ 0xc, 0xc, 0 }, { 0xd, 0xd, 63 }, { HYPERVISOR_LEAF, HYPERVISOR_LEAF, 0 },
	{ VIRIDIAN_LEAF, VIRIDIAN_LEAF, 0 }, { EXTENDED_FIRST, EXTENDED_LAST, 0 },
};

static u32 span_places(const struct span *s)
{
	return s->subleaves ? s->subleaves : s->last - s->first + 1;
}

static const struct span *span_of(u32 leaf, u32 *before)
{
	*before = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(spans); i++) {
		if (leaf >= spans[i].first && leaf <= spans[i].last)
			return &spans[i];
		*before += span_places(&spans[i]);
	}
	return NULL;
}

int cpu_policy_place(u32 leaf, u32 subleaf)
{
	u32 before;
	const struct span *s = span_of(leaf, &before);

	if (!s || (s->subleaves && subleaf >= s->subleaves))
		return -1;
	return (int)index_nospec(before + (s->subleaves ? subleaf : leaf - s->first),
				 CPU_POLICY_LEAVES);
}

static struct cpuid_regs *at(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	return &p->leaf[cpu_policy_place(leaf, subleaf)];
}

struct cpuid_regs cpu_policy_leaf(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	int place = cpu_policy_place(leaf, subleaf);

	return place < 0 ? (struct cpuid_regs){ 0 } : p->leaf[place];
}

/* How many of its places from `s` on the policy uses, by its own limits. */
static u32 places_used(const struct cpu_policy *p, const struct span *s)
{
	const struct cpuid_regs *r = &p->leaf[cpu_policy_place(s->first, 0)];
	u32 last, n;
	u64 states;

	switch (s->first) {
	case HYPERVISOR_LEAF:
	case VIRIDIAN_LEAF:
		return 1;
	case EXTENDED_FIRST:
		/* A CPU without any answers with something else. */
		last = r->a >> 16 == EXTENDED_FIRST >> 16 ? min(r->a, s->last) : EXTENDED_FIRST;
		return last - s->first + 1;
	}
	last = p->leaf[0].a;
	if (s->first > last)
		return 0;
	switch (s->first) {
	case 4: /* the last has cache type 0 */
		for (n = 0; n < s->subleaves && r[n].a & 0x1f; n++)
			;
		return min(n + 1, s->subleaves);
	case 7:
		return min(r->a, s->subleaves - 1) + 1;
	case 0xb: /* the last has level type 0 */
		for (n = 0; n < s->subleaves && r[n].c & 0xff00; n++)
			;
		return min(n + 1, s->subleaves);
	case 0xd:
		states = (r[0].a | (u64)r[0].d << 32 | r[1].c | (u64)r[1].d << 32) & ~BIT(63);
		return states >> 2 ? 64 - (u32)__builtin_clzll(states) : 2;
	}
	return min(last, s->last) - s->first + 1;
}

static void drop_unused(struct cpu_policy *p)
{
	u32 place = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(spans); i++) {
		u32 n = span_places(&spans[i]), used = places_used(p, &spans[i]);

		memset(&p->leaf[place + used], 0, (n - used) * sizeof(p->leaf[0]));
		place += n;
	}
}

/* ---- serialised ---- */

u32 cpu_policy_to_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *l)
{
	u32 n = 0, place = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(spans); i++) {
		const struct span *s = &spans[i];
		u32 used = places_used(p, s);

		for (u32 k = 0; k < used; k++) {
			const struct cpuid_regs *r = &p->leaf[place + k];

			l[n++] = (struct xen_cpuid_leaf){
				.leaf = s->subleaves ? s->first : s->first + k,
				.subleaf = s->subleaves ? k : XEN_CPUID_NO_SUBLEAF,
				.a = r->a, .b = r->b, .c = r->c, .d = r->d,
			};
		}
		place += span_places(s);
	}
	return n;
}

u32 cpu_policy_to_msrs(const struct cpu_policy *p, struct xen_msr_entry *m)
{
	m[0] = (struct xen_msr_entry){ .idx = MSR_PLATFORM_INFO, .val = p->platform_info };
	m[1] = (struct xen_msr_entry){ .idx = MSR_ARCH_CAPS, .val = p->arch_caps };
	return CPU_POLICY_MSRS;
}

static int refuse(struct cpu_policy_error *err, u32 leaf, u32 subleaf, int code)
{
	err->leaf = leaf;
	err->subleaf = subleaf;
	return code;
}

int cpu_policy_from_leaves(struct cpu_policy *p, const struct xen_cpuid_leaf *l, u32 n,
			   struct cpu_policy_error *err)
{
	for (u32 i = 0; i < n; i++) {
		int place = cpu_policy_place(l[i].leaf, l[i].subleaf);
		u32 before;
		const struct span *s = span_of(l[i].leaf, &before);

		if (place < 0 || (!s->subleaves && l[i].subleaf != XEN_CPUID_NO_SUBLEAF))
			return refuse(err, l[i].leaf, l[i].subleaf, -ERANGE);
		p->leaf[place] = (struct cpuid_regs){ l[i].a, l[i].b, l[i].c, l[i].d };
	}
	return 0;
}

int cpu_policy_from_msrs(struct cpu_policy *p, const struct xen_msr_entry *m, u32 n,
			 struct cpu_policy_error *err)
{
	for (u32 i = 0; i < n; i++) {
		err->msr = m[i].idx;
		if (m[i].flags)
			return -EINVAL;
		switch (m[i].idx) {
		case MSR_PLATFORM_INFO:
			if (m[i].val >> 32)
				return -EOVERFLOW;
			p->platform_info = m[i].val;
			break;
		case MSR_ARCH_CAPS:
			p->arch_caps = m[i].val;
			break;
		default:
			return -ERANGE;
		}
	}
	err->msr = ~0U;
	return 0;
}

/* ---- features ---- */

enum { A, B, C, D };

static u32 *word_of(struct cpuid_regs *r, unsigned reg)
{
	switch (reg) {
	case A:
		return &r->a;
	case B:
		return &r->b;
	case C:
		return &r->c;
	default:
		return &r->d;
	}
}

/*
 * The feature words, but for those of MSR_ARCH_CAPS (16, 17), and what a PV guest can have of them:
 * instructions, and facts about the CPU that ask for nothing. Not what needs an MSR, a control
 * register or a page-table bit that guests do not have, and not what is unknown here.
 */
static const struct word {
	u32 leaf, subleaf, reg, pv;
} words[CPU_POLICY_FEATURES] = {
	/*
	 * FPU DE TSC MSR PAE CX8 APIC CMOV PAT CLFSH MMX FXSR SSE SSE2 SS, and HTT: tools say it of
	 * PV guests as the host does. SEP: where it leads to us
	 */
	[0] = { 1, 0, D, BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(11) |
			 BIT(15) | BIT(16) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26) |
			 BIT(27) | BIT(28) },
	/* SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AESNI XSAVE OSXSAVE AVX F16C
	 * RDRAND, hypervisor */
	[1] = { 1, 0, C, BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) |
			 BIT(22) | BIT(23) | BIT(25) | BIT(26) | BIT(27) | BIT(28) | BIT(29) |
			 BIT(30) | BIT(31) },
	/* SYSCALL NX MMXEXT LM 3DNOWEXT 3DNOW; AMD repeats leaf 1. No RDTSCP: TSC_AUX is not
	 * switched */
	[2] = { 0x80000001, 0, D, BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) |
				  BIT(11) | BIT(15) | BIT(16) | BIT(20) | BIT(22) | BIT(23) |
				  BIT(24) | BIT(29) | BIT(30) | BIT(31) },
	/* LAHF CMP_LEGACY (as HTT) ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM */
	[3] = { 0x80000001, 0, C, BIT(0) | BIT(1) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) |
				  BIT(16) | BIT(21) },
	/* XSAVEOPT XSAVEC XGETBV1 */
	[4] = { 0xd, 1, A, BIT(0) | BIT(1) | BIT(2) },
	/* FSGSBASE BMI1 HLE AVX2 FDP_EXCP_ONLY BMI2 ERMS RTM NO_FPU_SEL AVX512F AVX512DQ RDSEED ADX
	 * AVX512_IFMA CLFLUSHOPT CLWB AVX512PF AVX512ER AVX512CD SHA AVX512BW AVX512VL */
	[5] = { 7, 0, B, BIT(0) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(11) |
			 BIT(13) | BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(21) | BIT(23) |
			 BIT(24) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30) | BIT(31) },
	/* PREFETCHWT1 AVX512_VBMI AVX512_VBMI2 GFNI VAES VPCLMULQDQ AVX512_VNNI AVX512_BITALG
	 * AVX512_VPOPCNTDQ CLDEMOTE MOVDIRI MOVDIR64B */
	[6] = { 7, 0, C, BIT(0) | BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) |
			 BIT(14) | BIT(25) | BIT(27) | BIT(28) },
	/* invariant TSC */
	[7] = { 0x80000007, 0, D, BIT(8) },
	[8] = { 0x80000008, 0, B, 0 },
	/* FSRM MD_CLEAR SERIALIZE: the rest needs MSRs */
	[9] = { 7, 0, D, BIT(4) | BIT(10) | BIT(14) },
	[10] = { 7, 1, A, 0 },
	[11] = { 0x80000021, 0, A, 0 },
	[12] = { 7, 1, B, 0 },
	[13] = { 7, 2, D, 0 },
	[14] = { 7, 1, C, 0 },
	[15] = { 7, 1, D, 0 },
	[18] = { 0x80000021, 0, C, 0 },
};
#define WORD_ARCH_CAPS 16

static bool is_cpuid_word(unsigned w)
{
	return w != WORD_ARCH_CAPS && w != WORD_ARCH_CAPS + 1;
}

void cpu_policy_features(const struct cpu_policy *p, u32 out[CPU_POLICY_FEATURES])
{
	for (unsigned w = 0; w < CPU_POLICY_FEATURES; w++) {
		struct cpuid_regs r = cpu_policy_leaf(p, words[w].leaf, words[w].subleaf);

		out[w] = *word_of(&r, words[w].reg);
	}
	out[WORD_ARCH_CAPS] = (u32)p->arch_caps;
	out[WORD_ARCH_CAPS + 1] = (u32)(p->arch_caps >> 32);
}

#define F(word, bit) ((word) * 32 + (bit))
enum {
	F_MMX = F(0, 23), F_FXSR = F(0, 24), F_SSE = F(0, 25), F_SSE2 = F(0, 26),
	F_SSE3 = F(1, 0), F_PCLMULQDQ = F(1, 1), F_SSSE3 = F(1, 9), F_FMA = F(1, 12),
	F_SSE41 = F(1, 19), F_SSE42 = F(1, 20), F_AESNI = F(1, 25),
	F_XSAVE = F(1, 26), F_OSXSAVE = F(1, 27), F_AVX = F(1, 28), F_F16C = F(1, 29),
	F_MMXEXT = F(2, 22), F_LM = F(2, 29), F_3DNOWEXT = F(2, 30), F_3DNOW = F(2, 31),
	F_SSE4A = F(3, 6), F_MISALIGNSSE = F(3, 7), F_XOP = F(3, 11),
	F_FMA4 = F(3, 16),
	F_XSAVEOPT = F(4, 0), F_XSAVEC = F(4, 1), F_XGETBV1 = F(4, 2),
	F_AVX2 = F(5, 5), F_AVX512F = F(5, 16), F_AVX512DQ = F(5, 17), F_AVX512IFMA = F(5, 21),
	F_AVX512PF = F(5, 26), F_AVX512ER = F(5, 27), F_AVX512CD = F(5, 28), F_SHA = F(5, 29),
	F_AVX512BW = F(5, 30), F_AVX512VL = F(5, 31),
	F_AVX512VBMI = F(6, 1), F_AVX512VBMI2 = F(6, 6), F_GFNI = F(6, 8), F_VAES = F(6, 9),
	F_VPCLMULQDQ = F(6, 10), F_AVX512VNNI = F(6, 11), F_AVX512BITALG = F(6, 12),
	F_AVX512VPOPCNTDQ = F(6, 14), F_ITSC = F(7, 8),
};

/* Who has the first has the second. In such an order that one pass is enough. */
static const struct needs {
	u16 feature, needs;
} needs[] = {
	{ F_MMXEXT, F_MMX }, { F_3DNOW, F_MMX }, { F_3DNOWEXT, F_3DNOW },
	{ F_SSE, F_FXSR }, { F_MISALIGNSSE, F_SSE }, { F_SSE2, F_SSE }, { F_LM, F_SSE2 },
	{ F_SSE3, F_SSE2 }, { F_PCLMULQDQ, F_SSE2 },
	{ F_AESNI, F_SSE2 }, { F_SHA, F_SSE2 }, { F_GFNI, F_SSE2 }, { F_SSE4A, F_SSE3 },
	{ F_SSSE3, F_SSE3 }, { F_SSE41, F_SSSE3 }, { F_SSE42, F_SSE41 },
	{ F_OSXSAVE, F_XSAVE }, { F_XSAVEOPT, F_XSAVE }, { F_XSAVEC, F_XSAVE },
	{ F_XGETBV1, F_XSAVE }, { F_AVX, F_XSAVE }, { F_AVX, F_SSE2 },
	{ F_FMA, F_AVX }, { F_F16C, F_AVX }, { F_XOP, F_AVX }, { F_FMA4, F_AVX },
	{ F_AVX2, F_AVX }, { F_VAES, F_AVX }, { F_VAES, F_AESNI }, { F_VPCLMULQDQ, F_AVX },
	{ F_VPCLMULQDQ, F_PCLMULQDQ }, { F_AVX512F, F_AVX2 },
	{ F_AVX512DQ, F_AVX512F }, { F_AVX512IFMA, F_AVX512F }, { F_AVX512PF, F_AVX512F },
	{ F_AVX512ER, F_AVX512F }, { F_AVX512CD, F_AVX512F }, { F_AVX512BW, F_AVX512F },
	{ F_AVX512VL, F_AVX512F }, { F_AVX512VNNI, F_AVX512F },
	{ F_AVX512VPOPCNTDQ, F_AVX512F }, { F_AVX512VBMI, F_AVX512BW },
	{ F_AVX512VBMI2, F_AVX512BW }, { F_AVX512BITALG, F_AVX512BW },
};

bool cpu_policy_fsgsbase(const struct cpu_policy *p)
{
	return cpu_policy_leaf(p, 7, 0).b & BIT(0);
}

static u32 *feature_word(struct cpu_policy *p, unsigned feature)
{
	const struct word *w = &words[feature / 32];

	return word_of(at(p, w->leaf, w->subleaf), w->reg);
}

static bool has(const struct cpu_policy *p, unsigned feature)
{
	const struct word *w = &words[feature / 32];
	struct cpuid_regs r = cpu_policy_leaf(p, w->leaf, w->subleaf);

	return *word_of(&r, w->reg) & BIT(feature % 32);
}

static void remove_feature(struct cpu_policy *p, unsigned feature)
{
	*feature_word(p, feature) &= ~(u32)BIT(feature % 32);
}

static void remove_dependents(struct cpu_policy *p)
{
	for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
		if (!has(p, needs[i].needs))
			remove_feature(p, needs[i].feature);
}

/* ---- extended states ---- */

/* Bits of XCR0: x87 and SSE, AVX, AVX-512 (opmask, both halves of ZMM) */
#define XCR0_BASE   3
#define XCR0_AVX    4
#define XCR0_AVX512 0xe0
#define XSAVE_BASE_SIZE 576 /* FXSAVE's image and the header */

u64 cpu_policy_xcr0(const struct cpu_policy *p)
{
	struct cpuid_regs r = cpu_policy_leaf(p, 0xd, 0);

	return r.a | (u64)r.d << 32;
}

u32 cpu_policy_xsave_size(const struct cpu_policy *p, u64 xcr0, bool compacted)
{
	u32 size = XSAVE_BASE_SIZE;

	for (u32 i = 2; i < 63; i++) {
		struct cpuid_regs r = cpu_policy_leaf(p, 0xd, i);

		if (!(xcr0 & BIT(i)))
			continue;
		if (!compacted)
			size = max(size, r.a + r.b);
		else /* ECX bit 1: starts at a multiple of 64 */
			size = (r.c & 2 ? ALIGN_UP(size, 64) : size) + r.a;
	}
	return size;
}

/* Leaf 0xd after the features; where its states lie is the machine's business: `host` says. */
static void derive_states(struct cpu_policy *p, const struct cpu_policy *host)
{
	u64 states = 0;

	if (has(p, F_XSAVE))
		states = XCR0_BASE | (has(p, F_AVX) ? XCR0_AVX : 0) |
			 (has(p, F_AVX512F) ? XCR0_AVX512 : 0);
	states &= cpu_policy_xcr0(host);
	*at(p, 0xd, 0) = (struct cpuid_regs){ 0 };
	*at(p, 0xd, 1) = (struct cpuid_regs){ .a = states ? at(p, 0xd, 1)->a : 0 };
	for (u32 i = 2; i < 63; i++) {
		struct cpuid_regs r = cpu_policy_leaf(host, 0xd, i);

		*at(p, 0xd, i) = states & BIT(i) ? (struct cpuid_regs){ r.a, r.b, r.c & 2, 0 }
						 : (struct cpuid_regs){ 0 };
	}
	if (states)
		*at(p, 0xd, 0) = (struct cpuid_regs){
			(u32)states, 0, cpu_policy_xsave_size(p, states, false), states >> 32
		};
}

/* ---- what there is ---- */

static void read_leaf(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	struct cpuid_regs *r = at(p, leaf, subleaf);

	cpuid(leaf, subleaf, &r->a, &r->b, &r->c, &r->d);
}

static void __init read_raw(struct cpu_policy *p)
{
	/* Leaves past the end are answered with the last one's values: those are not read. */
	read_leaf(p, 0, 0);
	read_leaf(p, EXTENDED_FIRST, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(spans); i++) {
		const struct span *s = &spans[i];

		if (s->first >= HYPERVISOR_LEAF && s->first < EXTENDED_FIRST)
			continue;
		for (u32 k = 0; k < span_places(s); k++)
			if (s->subleaves) {
				if (s->first <= p->leaf[0].a)
					read_leaf(p, s->first, k);
			} else if (s->first + k <= (s->first < EXTENDED_FIRST ?
						     p->leaf[0].a : at(p, EXTENDED_FIRST, 0)->a)) {
				read_leaf(p, s->first + k, 0);
			}
	}
	drop_unused(p);
	if (!rdmsr_safe(MSR_PLATFORM_INFO, &p->platform_info))
		p->platform_info &= PLATFORM_CPUID_FAULTING;
	else
		p->platform_info = 0;
	if (!(at(p, 7, 0)->d & BIT(29)) || rdmsr_safe(MSR_ARCH_CAPS, &p->arch_caps))
		p->arch_caps = 0;
}

static void __init make_host(struct cpu_policy *p)
{
	struct cpuid_regs *limit = at(p, EXTENDED_FIRST, 0);

	p->leaf[0].a = min(p->leaf[0].a, BASIC_LAST);
	at(p, 7, 0)->a = min(at(p, 7, 0)->a, 2U);
	limit->a = min(limit->a, EXTENDED_LAST);
	if (!cpu_features.xsave)
		remove_feature(p, F_XSAVE);
	if (!cpu_features.smep)
		at(p, 7, 0)->b &= ~(u32)BIT(7);
	if (!cpu_features.smap)
		at(p, 7, 0)->b &= ~(u32)BIT(20);
	remove_dependents(p);
	at(p, 0xd, 0)->a = (u32)cpu_features.xcr0;
	at(p, 0xd, 0)->d = cpu_features.xcr0 >> 32;
	at(p, 0xd, 1)->c = at(p, 0xd, 1)->d = 0;
	drop_unused(p);
}

/* What of a leaf is nobody's to choose, or no guest's to have. */
static void trim_leaves(struct cpu_policy *p, const struct cpu_policy *host)
{
	static const u32 none[] = { 3, 5, 6, 8, 9, 0xa, 0xc };

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
		*at(p, none[i], 0) = (struct cpuid_regs){ 0 };
	/* Topology and who is asked: pv/cpuid.h. A virtual CPU is nobody's sibling. */
	at(p, 1, 0)->b &= 0xffff;
	for (u32 i = 0; i < 6; i++)
		at(p, 4, i)->a &= 0x3fff;
	for (u32 i = 0; i < 2; i++)
		*at(p, 0xb, i) = (struct cpuid_regs){ 0 };
	*at(p, 0x80000007, 0) = (struct cpuid_regs){ .d = at(p, 0x80000007, 0)->d };
	/* How wide machine addresses are is a fact: a PV guest has them in its page tables. */
	*at(p, 0x80000008, 0) = (struct cpuid_regs){ cpu_policy_leaf(host, 0x80000008, 0).a,
						     at(p, 0x80000008, 0)->b, 0, 0 };
}

static void __init make_pv_max(struct cpu_policy *p)
{
	struct cpuid_regs *limit = at(p, EXTENDED_FIRST, 0);

	p->leaf[0].a = min(p->leaf[0].a, PV_BASIC_LAST);
	at(p, 7, 0)->a = 0;
	if (limit->a > PV_EXTENDED_LAST)
		limit->a = PV_EXTENDED_LAST;
	for (unsigned w = 0; w < CPU_POLICY_FEATURES; w++)
		if (is_cpuid_word(w))
			*feature_word(p, w * 32) &= words[w].pv;
	at(p, 1, 0)->c |= BIT(31); /* there is a hypervisor */
	if (!cpu_features.sysenter)
		at(p, 1, 0)->d &= ~(u32)BIT(11);
	if (has(p, F_XSAVE))
		at(p, 1, 0)->c |= BIT(27);
	if (!(cpu_features.xcr0 & XCR0_AVX))
		remove_feature(p, F_AVX);
	if (!(cpu_features.xcr0 & XCR0_AVX512))
		remove_feature(p, F_AVX512F);
	if (cpu_features.vendor != CPU_VENDOR_AMD)
		at(p, 0x80000001, 0)->d &= BIT(11) | BIT(20) | BIT(29);
	p->platform_info = p->arch_caps = 0;
	trim_leaves(p, &cpu_policies[CPU_POLICY_HOST]);
	remove_dependents(p);
	derive_states(p, &cpu_policies[CPU_POLICY_HOST]);
	drop_unused(p);
}

void __init cpu_policies_init(void)
{
	struct cpu_policy *p = cpu_policies;

	memset(p, 0, sizeof(cpu_policies));
	read_raw(&p[CPU_POLICY_RAW]);
	p[CPU_POLICY_HOST] = p[CPU_POLICY_RAW];
	make_host(&p[CPU_POLICY_HOST]);
	p[CPU_POLICY_PV_MAX] = p[CPU_POLICY_HOST];
	make_pv_max(&p[CPU_POLICY_PV_MAX]);
	p[CPU_POLICY_PV_DEFAULT] = p[CPU_POLICY_PV_MAX];
	/* HTT and CmpLegacy would say that there are siblings. */
	at(&p[CPU_POLICY_PV_DEFAULT], 1, 0)->d &= ~(u32)BIT(28);
	at(&p[CPU_POLICY_PV_DEFAULT], 0x80000001, 0)->c &= ~(u32)BIT(1);
}

/* ---- what a toolstack wants ---- */

static bool any(struct cpuid_regs r)
{
	return r.a | r.b | r.c | r.d;
}

static int check_limits(const struct cpu_policy *p, const struct cpu_policy *most,
			struct cpu_policy_error *err)
{
	const struct cpuid_regs *have = &most->leaf[0], *want = &p->leaf[0];
	u32 extended = cpu_policy_leaf(p, EXTENDED_FIRST, 0).a;

	/* Another vendor's guest would take this vendor's ways in for what they are not. */
	if (want->a > have->a || want->b != have->b || want->c != have->c || want->d != have->d)
		return refuse(err, 0, XEN_CPUID_NO_SUBLEAF, -EINVAL);
	if (want->a >= 7 && cpu_policy_leaf(p, 7, 0).a > cpu_policy_leaf(most, 7, 0).a)
		return refuse(err, 7, 0, -EINVAL);
	if (extended > cpu_policy_leaf(most, EXTENDED_FIRST, 0).a)
		return refuse(err, EXTENDED_FIRST, XEN_CPUID_NO_SUBLEAF, -EINVAL);
	if (cpu_policy_leaf(p, HYPERVISOR_LEAF, 0).a > LIMIT_HIGHEST)
		return refuse(err, HYPERVISOR_LEAF, XEN_CPUID_NO_SUBLEAF, -EINVAL);
	if (any(cpu_policy_leaf(p, VIRIDIAN_LEAF, 0)))
		return refuse(err, VIRIDIAN_LEAF, XEN_CPUID_NO_SUBLEAF, -EINVAL);
	return 0;
}

static int check_features(const struct cpu_policy *p, const struct cpu_policy *most,
			  struct cpu_policy_error *err)
{
	u32 want[CPU_POLICY_FEATURES], have[CPU_POLICY_FEATURES];

	cpu_policy_features(p, want);
	cpu_policy_features(most, have);
	for (unsigned w = 0; w < CPU_POLICY_FEATURES; w++) {
		const struct word *at = &words[w];
		u32 before;

		if (is_cpuid_word(w) && want[w] & ~have[w])
			return refuse(err, at->leaf, span_of(at->leaf, &before)->subleaves ?
				      at->subleaf : XEN_CPUID_NO_SUBLEAF, -EINVAL);
	}
	return 0;
}

static int check_rest(const struct cpu_policy *p, const struct cpu_policy *most,
		      struct cpu_policy_error *err)
{
	static const u32 none[] = { 3, 5, 6, 8, 9, 0xa, 0xc };

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
		if (any(cpu_policy_leaf(p, none[i], 0)))
			return refuse(err, none[i], XEN_CPUID_NO_SUBLEAF, -EINVAL);
	if (cpu_policy_xcr0(p) & ~cpu_policy_xcr0(most))
		return refuse(err, 0xd, 0, -EINVAL);
	/* States of the supervisor's, by IA32_XSS */
	if (cpu_policy_leaf(p, 0xd, 1).c | cpu_policy_leaf(p, 0xd, 1).d)
		return refuse(err, 0xd, 1, -EINVAL);
	err->msr = MSR_PLATFORM_INFO;
	if (p->platform_info & ~most->platform_info)
		return -EINVAL;
	err->msr = MSR_ARCH_CAPS;
	if (p->arch_caps & ~most->arch_caps)
		return -EINVAL;
	err->msr = ~0U;
	return 0;
}

int cpu_policy_settle(struct cpu_policy *p, struct cpu_policy_error *err)
{
	const struct cpu_policy *most = &cpu_policies[CPU_POLICY_PV_MAX];
	int ret = check_limits(p, most, err);

	if (ret)
		return ret;
	drop_unused(p);
	/*
	 * Tools ask for it by what else the guest was configured as (`nomigrate`), not by what the
	 * machine has.
	 */
	if (!has(most, F_ITSC))
		remove_feature(p, F_ITSC);
	ret = check_features(p, most, err);
	if (!ret)
		ret = check_rest(p, most, err);
	if (ret)
		return ret;
	trim_leaves(p, most);
	/* Who is not told of leaf 0xd cannot use XSAVE. */
	if (at(p, 0, 0)->a && at(p, 0, 0)->a < 0xd)
		remove_feature(p, F_XSAVE);
	remove_dependents(p);
	derive_states(p, most);
	drop_unused(p);
	return 0;
}
