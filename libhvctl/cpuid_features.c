// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of CPU features, as /proc/cpuinfo and the manuals have them (Intel SDM vol. 2A, CPUID; AMD
 * APM vol. 3, appendix E), and policies compared.
 */
#include "cpuid.h"

#include <stdio.h>
#include <string.h>

enum { A, B, C, D };

/* "": nothing that has a name. */
static const struct word {
	uint32_t leaf, subleaf;
	unsigned int reg;
	const char *name[32];
	/* What a program can use that asks the CPU itself: instructions, and no others' matter. */
	uint32_t programs;
} words[] = {
	{ 1, HVCTL_NO_SUBLEAF, D,
	  { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr",
	    "pge", "mca", "cmov", "pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx",
	    "fxsr", "sse", "sse2", "ss", "htt", "tm", "ia64", "pbe" },
	  0x07888111 },
	{ 1, HVCTL_NO_SUBLEAF, C,
	  { "sse3", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2",
	    "ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm", "", "pcid", "dca", "sse4_1",
	    "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline", "aes", "xsave", "osxsave",
	    "avx", "f16c", "rdrand", "hypervisor" },
	  0x72d83203 },
	{ 0x80000001, HVCTL_NO_SUBLEAF, D,
	  { [11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt",
	    [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm", [30] = "3dnowext",
	    [31] = "3dnow" },
	  0xca400000 },
	{ 0x80000001, HVCTL_NO_SUBLEAF, C,
	  { "lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a",
	    "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", "", "lwp",
	    "fma4", "tce", "", "nodeid_msr", "", "tbm", "topoext", "perfctr_core",
	    "perfctr_nb", "", "bpext", "ptsc", "perfctr_llc", "mwaitx", "", "" },
	  0x202189e1 },
	{ 0xd, 1, A, { "xsaveopt", "xsavec", "xgetbv1", "xsaves" },
	  0x00000007 },
	{ 7, 0, B,
	  { "fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2", "fdp_excptn_only", "smep",
	    "bmi2", "erms", "invpcid", "rtm", "cqm", "zero_fcs_fds", "mpx", "rdt_a", "avx512f",
	    "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "", "clflushopt", "clwb",
	    "intel_pt", "avx512pf", "avx512er", "avx512cd", "sha_ni", "avx512bw",
	    "avx512vl" },
	  0xfdaf4939 },
	{ 7, 0, C,
	  { "prefetchwt1", "avx512vbmi", "umip", "pku", "ospke", "waitpkg", "avx512_vbmi2",
	    "shstk", "gfni", "vaes", "vpclmulqdq", "avx512_vnni", "avx512_bitalg", "tme",
	    "avx512_vpopcntdq", "", "la57", "", "", "", "", "", "rdpid", "kl",
	    "bus_lock_detect", "cldemote", "", "movdiri", "movdir64b", "enqcmd", "sgx_lc",
	    "pks" },
	  0x3ac05f6b },
	{ 0x80000007, HVCTL_NO_SUBLEAF, D,
	  { [7] = "hw_pstate", [8] = "invariant_tsc", [9] = "cpb", [10] = "aperfmperf_ro" },
	  0 },
	{ 0x80000008, HVCTL_NO_SUBLEAF, B,
	  { [0] = "clzero", [1] = "irperf", [2] = "xsaveerptr", [4] = "rdpru", [9] = "wbnoinvd",
	    [12] = "amd_ibpb", [14] = "amd_ibrs", [15] = "amd_stibp", [23] = "amd_ppin",
	    [24] = "amd_ssbd", [25] = "virt_ssbd", [26] = "amd_ssb_no", [28] = "amd_psfd",
	    [29] = "btc_no" },
	  0x00000011 },
	{ 7, 0, D,
	  { [2] = "avx512_4vnniw", [3] = "avx512_4fmaps", [4] = "fsrm",
	    [8] = "avx512_vp2intersect", [9] = "srbds_ctrl", [10] = "md_clear",
	    [11] = "rtm_always_abort", [13] = "tsx_force_abort", [14] = "serialize",
	    [15] = "hybrid_cpu", [16] = "tsxldtrk", [18] = "pconfig", [19] = "arch_lbr",
	    [20] = "ibt", [22] = "amx_bf16", [23] = "avx512_fp16", [24] = "amx_tile",
	    [25] = "amx_int8", [26] = "ibrs_ibpb", [27] = "stibp", [28] = "flush_l1d",
	    [29] = "arch_capabilities", [30] = "core_capabilities", [31] = "ssbd" },
	  0x03c1410c },
	{ 7, 1, A,
	  { [4] = "avx_vnni", [5] = "avx512_bf16", [10] = "fzrm", [11] = "fsrs",
	    [12] = "fsrcs" },
	  0x00000030 },
	{ 7, 2, D,
	  { [0] = "intel_psfd", [1] = "ipred_ctrl", [2] = "rrsba_ctrl", [4] = "bhi_ctrl",
	    [5] = "mcdt_no" },
	  0 },
	{ 0x80000021, HVCTL_NO_SUBLEAF, A,
	  { [2] = "lfence_dispatch", [6] = "nscb", [8] = "autoibrs", [17] = "cpuid_user_dis" },
	  0 },
};

#define NR_WORDS	(sizeof(words) / sizeof(words[0]))

const char *hvctl_cpuid_feature(uint32_t leaf, uint32_t subleaf, unsigned int reg, unsigned int bit)
{
	size_t i;

	for (i = 0; i < NR_WORDS && bit < 32; i++) {
		const char *name = words[i].name[bit];

		if (words[i].leaf == leaf && words[i].subleaf == subleaf && words[i].reg == reg)
			return name && *name ? name : NULL;
	}
	return NULL;
}

/* The same leaf in another list; all zeroes if it is not there. */
static struct hvctl_cpuid_leaf find(const struct hvctl_cpuid_leaf *list, size_t n, uint32_t leaf,
				    uint32_t subleaf)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i].leaf == leaf && list[i].subleaf == subleaf)
			return list[i];
	return (struct hvctl_cpuid_leaf){ .leaf = leaf, .subleaf = subleaf };
}

size_t cpuid_beyond(const struct hvctl_cpuid_leaf *policy, size_t nr_policy,
		    const struct hvctl_cpuid_leaf *machine, size_t nr_machine,
		    struct hvctl_cpuid_leaf *beyond)
{
	size_t i, n = 0;

	for (i = 0; i < nr_machine; i++) {
		struct hvctl_cpuid_leaf m = machine[i],
					p = find(policy, nr_policy, m.leaf, m.subleaf);

		if (m.leaf == 0xd && m.subleaf < 2)
			m.reg[B] = p.reg[B];
		/* Limits of the policy's own, not a leaf of a CPU. */
		if (m.leaf >= 0x40000000 && m.leaf < 0x80000000)
			continue;
		if (memcmp(m.reg, p.reg, sizeof(m.reg)))
			beyond[n++] = m;
	}
	return n;
}

static bool has_leaf(const struct hvctl_cpuid_leaf *list, size_t nr, uint32_t leaf)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (list[i].leaf == leaf)
			return true;
	return false;
}

size_t cpuid_rest(void (*read)(uint32_t leaf, uint32_t reg[4]), struct hvctl_cpuid_leaf *machine,
		  size_t nr, size_t room)
{
	static const uint32_t first[] = { 0, 0x80000000 };
	size_t k;

	for (k = 0; k < sizeof(first) / sizeof(first[0]); k++) {
		uint32_t limit[4], leaf;

		read(first[k], limit);
		for (leaf = first[k]; leaf <= limit[A] && leaf - first[k] < 0x100; leaf++) {
			struct hvctl_cpuid_leaf m = { .leaf = leaf, .subleaf = HVCTL_NO_SUBLEAF };

			read(leaf, m.reg);
			if (nr < room && !has_leaf(machine, nr, leaf) &&
			    (m.reg[A] | m.reg[B] | m.reg[C] | m.reg[D]))
				machine[nr++] = m;
		}
	}
	return nr;
}

/* ---- what one has and the other has not ---- */

struct names {
	char *text;
	size_t size, count;
};

static void add_name(struct names *n, const char *name)
{
	size_t len = strlen(n->text);
	/* "..." ends a list that is longer; nothing follows it. */
	bool full = len >= 3 && !strcmp(n->text + len - 3, "...");

	n->count++;
	if (full || len + 2 + strlen(name) + 5 >= n->size)
		snprintf(n->text + len, n->size - len, "%s", full ? "" : "...");
	else
		snprintf(n->text + len, n->size - len, "%s%s", len ? ", " : "", name);
}

static void add_bits(struct names *n, const struct word *w, uint32_t bits)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *name = w->name[bit];
		char number[48];

		if (!(bits >> bit & 1))
			continue;
		snprintf(number, sizeof(number), "bit %u of %s in leaf %#x", bit,
			 (const char *const[]){ "EAX", "EBX", "ECX", "EDX" }[w->reg], w->leaf);
		add_name(n, name && *name ? name : number);
	}
}

static uint32_t lacks(const struct word *w, const struct hvctl_cpuid_leaf *want, size_t nr_want,
		      const struct hvctl_cpuid_leaf *have, size_t nr_have)
{
	return find(want, nr_want, w->leaf, w->subleaf).reg[w->reg] &
	       ~find(have, nr_have, w->leaf, w->subleaf).reg[w->reg];
}

size_t cpuid_lacking(const struct hvctl_cpuid_leaf *want, size_t nr_want,
		     const struct hvctl_cpuid_leaf *have, size_t nr_have, bool programs,
		     char *text, size_t size)
{
	struct names n = { text, size, 0 };
	struct hvctl_cpuid_leaf w = find(want, nr_want, 0, HVCTL_NO_SUBLEAF),
				h = find(have, nr_have, 0, HVCTL_NO_SUBLEAF);

	*text = 0;
	if (!programs && memcmp(&w.reg[B], &h.reg[B], 3 * sizeof(w.reg[0])))
		add_name(&n, "its vendor");
	for (size_t i = 0; i < NR_WORDS; i++)
		add_bits(&n, &words[i],
			 lacks(&words[i], want, nr_want, have, nr_have) &
				 (programs ? words[i].programs : ~0u));
	return n.count;
}

void cpuid_limit(struct hvctl_cpuid_leaf *want, size_t nr_want,
		 const struct hvctl_cpuid_leaf *have, size_t nr_have)
{
	for (size_t i = 0; i < nr_want; i++) {
		struct hvctl_cpuid_leaf *l = &want[i], h = find(have, nr_have, l->leaf, l->subleaf);

		for (size_t k = 0; k < NR_WORDS; k++)
			if (words[k].leaf == l->leaf && words[k].subleaf == l->subleaf)
				l->reg[words[k].reg] &= h.reg[words[k].reg];
		/* The highest leaf or subleaf that there is. */
		if ((!l->leaf || l->leaf == 0x80000000 || (l->leaf == 7 && !l->subleaf)) &&
		    l->reg[A] > h.reg[A])
			l->reg[A] = h.reg[A];
		if (!l->leaf)
			memcpy(&l->reg[B], &h.reg[B], 3 * sizeof(l->reg[0]));
	}
}

uint64_t cpuid_states(const struct hvctl_cpuid_leaf *policy, size_t nr)
{
	struct hvctl_cpuid_leaf l = find(policy, nr, 0xd, 0);

	return (uint64_t)l.reg[D] << 32 | l.reg[A];
}
