// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * CPUID as the ABI's prefix answers it is the domain's policy: the same on every vcpu but for the
 * APIC id, nothing past its own limits, no feature that the CPU does not have, and none that asks
 * for what a PV guest cannot do. The extended states that it names can be enabled, each as the
 * architecture has it, and no other; the sizes that it tells follow what is enabled.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "cpuid";

struct four {
	uint32_t r[4];
};
enum { A, B, C, D };

static __attribute__((noinline)) struct four forced(uint32_t leaf, uint32_t sub)
{
	struct four f = { { leaf, 0, sub, 0 } };

	__asm__ volatile(XEN_CPUID : "+a"(f.r[A]), "=b"(f.r[B]), "+c"(f.r[C]), "=d"(f.r[D]));
	return f;
}

static __attribute__((noinline)) struct four native(uint32_t leaf, uint32_t sub)
{
	struct four f = { { leaf, 0, sub, 0 } };

	__asm__ volatile("cpuid" : "+a"(f.r[A]), "=b"(f.r[B]), "+c"(f.r[C]), "=d"(f.r[D]));
	return f;
}

static bool none(struct four f)
{
	return !(f.r[A] | f.r[B] | f.r[C] | f.r[D]);
}

/* ---- on both vcpus ---- */

/* Every leaf and subleaf that there can be, and some beyond. */
#define BASIC	 0x20
#define EXTENDED 0x28
#define SUBS	 10
static struct four seen[2][BASIC + EXTENDED + 8][SUBS];

static void look(void)
{
	for (unsigned i = 0; i < BASIC + EXTENDED + 8; i++)
		for (uint32_t sub = 0; sub < SUBS; sub++)
			seen[vcpu_id()][i][sub] =
				forced(i < BASIC	    ? i :
				       i < BASIC + EXTENDED ? 0x80000000 + i - BASIC :
							      0x40000000 + i - BASIC - EXTENDED,
				       sub);
}

static void check_same(void)
{
	race(2, look);
	for (unsigned i = 0; i < BASIC + EXTENDED + 8; i++)
		for (uint32_t sub = 0; sub < SUBS; sub++) {
			struct four *a = &seen[0][i][sub], *b = &seen[1][i][sub];

			if (i == 1) {
				check_eq(a->r[B] >> 24, 0);
				check_eq(b->r[B] >> 24, 1);
				a->r[B] = b->r[B] = 0;
			}
			if (memcmp(a, b, sizeof(*a)))
				fail("leaf %u.%u is another one on the other vcpu", i, sub);
		}
}

static void check_limits(void)
{
	uint32_t basic = forced(0, 0).r[A], extended = forced(0x80000000, 0).r[A],
		 ours = forced(0x40000000, 0).r[A];

	check(basic >= 1 && basic <= 0xd);
	check(extended >= 0x80000001 && extended <= 0x80000008);
	check(ours >= 0x40000002 && ours <= 0x40000005);
	for (uint32_t i = 1; i < 0x30; i++) {
		check(none(forced(basic + i, 0)));
		check(none(forced(extended + i, 0)));
		check(none(forced(ours + i, 0)));
	}
	check(none(forced(0x40000100, 0)) && none(forced(0xc0000000, 0)) &&
	      none(forced(0xffffffff, 0)) && none(forced(0x7fffffff, 0)));
}

/* ---- features ---- */

static void check_features(void)
{
	static const struct {
		uint32_t leaf, sub, reg, never;
	} words[] = {
		/* VME PSE MCE MTRR PGE MCA PSE-36 DS ACPI TM PBE */
		{ 1, 0, D, 0x8a | 7u << 12 | 1u << 17 | 3u << 21 | 1u << 29 | 1u << 31 },
		/* DTES64 MONITOR DS-CPL VMX SMX EIST TM2 SDBG PDCM PCID DCA x2APIC TSC-deadline */
		{ 1, 0, C, 0x1fc | 1u << 11 | 1u << 15 | 3u << 17 | 1u << 21 | 1u << 24 },
		/* TSC_ADJUST SGX SMEP INVPCID MPX SMAP PT */
		{ 7, 0, B, 6 | 1u << 7 | 1u << 10 | 1u << 14 | 1u << 20 | 1u << 25 },
		/* UMIP PKU OSPKE WAITPKG CET_SS LA57 RDPID KL bus locks ENQCMD SGX_LC PKS */
		{ 7, 0, C, 0xbc | 1u << 16 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 29 | 1u << 30 |
			   1u << 31 },
		/* CET_IBT AMX, and what needs MSRs */
		{ 7, 0, D, 1u << 20 | 1u << 22 | 1u << 24 | 1u << 25 | 0xfc000000 },
		/* XSAVES and beyond */
		{ 0xd, 1, A, ~7u },
		/* SVM EXTAPIC OSVW IBS SKINIT WDT LWP TOPOEXT PERFCTR* DBEXT MWAITX */
		{ 0x80000001, 0, C, 0xc | 0x600 | 0xb000 | 1u << 22 | 1u << 23 | 1u << 24 |
				    1u << 26 | 1u << 28 | 1u << 29 },
		/* FFXSR, 1 GiB pages, RDTSCP */
		{ 0x80000001, 0, D, 1u << 25 | 1u << 26 | 1u << 27 },
	};
	struct four top = native(0, 0);

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint32_t want = forced(words[i].leaf, words[i].sub).r[words[i].reg], have;

		if (words[i].leaf < 0x80000000 && words[i].leaf > top.r[A]) {
			check_eq(want, 0);
			continue;
		}
		have = native(words[i].leaf, words[i].sub).r[words[i].reg];
		/* The hypervisor is one, also where the CPU does not say so. */
		if (words[i].leaf == 1 && words[i].reg == C) {
			check(want & 1u << 31);
			have |= 1u << 31;
		}
		if (want & ~have)
			fail("leaf %#x: %#x is not what the CPU has", words[i].leaf, want & ~have);
		if (want & words[i].never)
			fail("leaf %#x: %#x is nothing for a PV guest", words[i].leaf,
			     want & words[i].never);
	}
	/* As many in its package as it says: one. */
	check_eq(forced(1, 0).r[B] >> 16 & 0xff, 1);
	check_eq(forced(4, 0).r[A] >> 14, 0);
#ifdef __i386__
	check(!(forced(0x80000001, 0).r[D] & 1u << 29));
#else
	check(forced(0x80000001, 0).r[D] & 1u << 29);
#endif
}

/* ---- extended states ---- */

static void set_xcr0(void *arg)
{
	uint64_t v = *(uint64_t *)arg;

	__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static bool can_set(uint64_t v)
{
	return probe(set_xcr0, &v) == -1;
}

static bool architectural(uint64_t v)
{
	return (v & 1) && (!(v & 4) || (v & 2)) && (!(v & 0xe0) || (v & 0xe6) == 0xe6) &&
	       (v >> 3 & 3) % 3 == 0;
}

static void check_states(void)
{
	struct four d0 = forced(0xd, 0);
	uint64_t states = d0.r[A] | (uint64_t)d0.r[D] << 32;
	bool compacted = forced(0xd, 1).r[A] & 2;

	if (!(forced(1, 0).r[C] & 1u << 26)) {
		check(!states && none(forced(0xd, 1)));
		check(!can_set(1) && !can_set(3));
		return;
	}
	check(architectural(states));
	check(!(states & ~0xe7ULL));
	/* AVX is there if and only if its registers can be. */
	check_eq(!!(forced(1, 0).r[C] & 1u << 28), !!(states & 4));
	check_eq(!!(forced(7, 0).r[B] & 1u << 16), !!(states & 0x80));
	for (uint64_t v = 0; v < 0x400; v++) {
		uint32_t size = 576, packed = 576;

		check_eq(can_set(v), architectural(v) && !(v & ~states));
		if (!architectural(v) || v & ~states)
			continue;
		for (uint32_t i = 2; i < 63; i++) {
			struct four s = forced(0xd, i);

			if (!(states >> i & 1)) {
				check(none(s));
				continue;
			}
			if (!(v >> i & 1))
				continue;
			if (s.r[A] + s.r[B] > size)
				size = s.r[A] + s.r[B];
			packed = (s.r[C] & 2 ? (packed + 63) & ~63u : packed) + s.r[A];
		}
		check_eq(forced(0xd, 0).r[B], size);
		check_eq(forced(0xd, 1).r[B], compacted ? packed : 0);
		if (v == states)
			check_eq(d0.r[C], size);
	}
	check(!can_set(1ULL << 32 | 1) && !can_set(1ULL << 63 | 3) && !can_set(1ULL << 62 | 3));
	check(can_set(states));
}

void test_main(void)
{
	check_same();
	check_limits();
	check_features();
	check_states();
}
