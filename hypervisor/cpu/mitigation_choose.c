// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The deciding part of mitigations, which tests/unit/mitigation_test.c goes through with the CPUID
 * values of real CPUs. Sources: Intel SDM vol. 4 (IA32_ARCH_CAPABILITIES, IA32_SPEC_CTRL), AMD's
 * "Software techniques for managing speculation", APM vol. 2, 3.1.7 and 3.2.9, and vol. 3, appendix
 * E.
 *
 * To predictors there are two sides: supervisor and user. Intel's IBRS separates CPL 3 from CPL 0
 * to 2, and so does AMD's: "a lesser privileged prediction mode is defined as CPL 3 or Guest mode,
 * and a more privileged prediction mode is defined as CPL 0-2 or Host mode" (APM vol. 2, 3.2.9),
 * which is also what Automatic IBRS gives CPL 0 (3.1.7). A guest's kernel in ring 1 is on our side
 * of that line. What holds against it is code that asks no predictor which it could have trained,
 * and one thing of AMD's: Same Mode IBRS, by which predictions are not influenced by earlier
 * branches "regardless of mode (CPL and guest/host)" (3.2.9).
 */
#include "cpu/alternative.h"
#include "cpu/cpu.h"
#include "cpu/mitigation.h"
#include "lib/string.h"

/* Leaf 7. */
#define EBX_RTM        BIT(11)
#define EDX_MD_CLEAR   BIT(10)
#define EDX_IBRSB      BIT(26) /* SPEC_CTRL.IBRS and PRED_CMD */
#define EDX_STIBP      BIT(27)
#define EDX_SSBD       BIT(31)
/* Leaf 7, subleaf 2. */
#define EDX_RRSBA_CTRL BIT(2)  /* SPEC_CTRL.RRSBA_DIS_S and _U */
/* Leaf 0x80000008 EBX. */
#define EBX_IBPB       BIT(12)
#define EBX_IBRS       BIT(14)
#define EBX_STIBP      BIT(15)
#define EBX_IBRS_ALWAYS BIT(16) /* set it once, it costs nothing and covers ring changes */
#define EBX_IBRS_SAME_MODE BIT(19) /* while IBRS is set no earlier branch counts, at whatever CPL */
#define EBX_SSBD       BIT(24)
/* Leaf 0x80000021 EAX: EFER.AIBRSE exists. We set IBRS itself: the CPUs have IBRS_SAME_MODE too. */
#define EAX_AUTO_IBRS  BIT(8)
/* The same leaf, "Transient scheduler attacks" (AMD-SB-7008): VERW helps, and who needs no help. */
#define EAX_VERW_CLEAR BIT(5)
#define ECX_TSA_NO     (BIT(1) | BIT(2)) /* TSA_SQ_NO, TSA_L1_NO */

static bool wanted(enum choice c, bool by_default)
{
	return c == CHOICE_AUTO ? by_default : c == CHOICE_ON;
}

/* AMD's families 0fh and 11h: always so. Later ones have newer ways, or retpolines. */
static bool lfence_serialises(const struct cpuid_facts *c)
{
	return c->vendor == CPU_VENDOR_AMD && (c->family == 0xf || c->family == 0x11);
}

void mitigation_choose(const struct cpuid_facts *c, const struct mitigation_options *o,
		       struct mitigations *m)
{
	bool intel = c->vendor == CPU_VENDOR_INTEL, amd = c->vendor == CPU_VENDOR_AMD;
	bool can_ibrs = intel ? c->l7_edx & EDX_IBRSB : amd && (c->x8_ebx & EBX_IBRS);
	bool can_stibp = intel ? c->l7_edx & EDX_STIBP : amd && (c->x8_ebx & EBX_STIBP);
	bool can_ssbd = intel ? c->l7_edx & EDX_SSBD : amd && (c->x8_ebx & EBX_SSBD);
	bool can_ibpb = intel ? c->l7_edx & EDX_IBRSB : amd && (c->x8_ebx & EBX_IBPB);
	bool same_mode = amd && (c->x8_ebx & EBX_IBRS_SAME_MODE);
	/* An IBRS that is set once and holds in ring 0 whatever ring 3 trained. */
	bool lasting = intel ? c->arch_caps & ARCH_CAPS_IBRS_ALL :
		       amd && (c->x8_ebx & EBX_IBRS_ALWAYS ||
			       (same_mode && c->x21_eax & EAX_AUTO_IBRS));
	bool ibrs, ibrs_is_enough;

	memset(m, 0, sizeof(*m));
	m->meltdown = intel && !(c->arch_caps & ARCH_CAPS_RDCL_NO);
	m->l1tf = m->meltdown;
	m->spectre_v2 = intel || amd;
	/* TSX asynchronous abort reads the same buffers, on CPUs that say MDS_NO too. */
	m->mds = intel && (!(c->arch_caps & ARCH_CAPS_MDS_NO) ||
			   (!(c->arch_caps & ARCH_CAPS_TAA_NO) && (c->l7_ebx & EBX_RTM)));

	/* These CPUs, or their microcode, say themselves that VERW is for them. */
	m->rfds = intel && (c->arch_caps & ARCH_CAPS_RFDS_CLEAR);
	m->mmio = intel && (c->arch_caps & ARCH_CAPS_FB_CLEAR) &&
		  (c->arch_caps & ARCH_CAPS_MMIO_NO) != ARCH_CAPS_MMIO_NO;
	m->tsa = amd && (c->x21_eax & EAX_VERW_CLEAR) && (c->x21_ecx & ECX_TSA_NO) != ECX_TSA_NO;

	m->ring1 = o->ring1;
	/* One page table for a kernel and its processes, which could read it there. */
	m->ring1_64bit = m->ring1 && wanted(o->ring1_64bit, !m->meltdown);
	m->unmapped = wanted(o->unmapped, m->meltdown);
	ibrs = can_ibrs && wanted(o->ibrs, lasting);
	ibrs_is_enough = ibrs && lasting && (!m->ring1 || same_mode);
	if (o->thunk_set == CHOICE_ON)
		m->thunk = o->thunk;
	else
		m->thunk = !m->spectre_v2 || ibrs_is_enough ? THUNK_JMP :
			   lfence_serialises(c) ? THUNK_LFENCE : THUNK_RETPOLINE;
	/*
	 * A guest's return addresses lead to user pages, which SMEP keeps from being executed even
	 * in speculation; and as our calls and returns are balanced, they are looked at only where
	 * an empty return stack is made up for by the branch predictor: on Intel's CPUs. Between
	 * domains there is no such fence. Nor is there one against a kernel in ring 1: SMEP is off
	 * while a 32-bit one runs and knows of no ring below 3, and AMD lets the filling go "if
	 * SMEP is enabled" only (APM vol. 2, 3.2.9). On the ways in that are for 64-bit kernels in
	 * ring 3 alone whoever comes is another domain, and the return stack was filled before.
	 * 64-bit kernels in ring 1 have ways in of their own, where it is filled as on those of
	 * 32-bit ones.
	 */
	m->rsb_64bit = wanted(o->rsb, intel && !c->smep);
	m->rsb_entry = wanted(o->rsb, m->ring1 || m->rsb_64bit);
	m->rsb_switch = wanted(o->rsb, m->ring1 || m->spectre_v2);
	m->ibpb = can_ibpb && wanted(o->ibpb, true);
	/* Without MD_CLEAR the instruction is there and overwrites nothing. */
	m->verw = wanted(o->verw, (m->mds && (c->l7_edx & EDX_MD_CLEAR)) || m->rfds || m->mmio ||
				  m->tsa);
	m->l1tf_entries = wanted(o->l1tf, m->l1tf);
	if (ibrs)
		m->spec_ctrl |= SPEC_CTRL_IBRS;
	if (can_stibp && wanted(o->stibp, ibrs))
		m->spec_ctrl |= SPEC_CTRL_STIBP;
	if (can_ssbd && wanted(o->ssbd, false))
		m->spec_ctrl |= SPEC_CTRL_SSBD;
	/* A retpoline is its RET, which must ask the return stack and nothing else. */
	if (intel && m->thunk == THUNK_RETPOLINE && (c->l7_2_edx & EDX_RRSBA_CTRL))
		m->spec_ctrl |= SPEC_CTRL_RRSBA_DIS_S;
}

u32 mitigation_alternatives(const struct mitigations *m)
{
	return (m->verw ? ALT_VERW : 0) | (m->rsb_entry ? ALT_RSB_ENTRY : 0) |
	       (m->rsb_64bit ? ALT_RSB_64BIT : 0) |
	       (m->thunk == THUNK_RETPOLINE ? ALT_RETPOLINE : 0) |
	       (m->thunk == THUNK_LFENCE ? ALT_LFENCE : 0);
}

static void all(struct mitigation_options *o, enum choice c)
{
	o->ibrs = o->stibp = o->ssbd = o->ibpb = o->rsb = o->verw = o->l1tf = o->unmapped = c;
	o->thunk_set = c == CHOICE_OFF ? CHOICE_ON : CHOICE_AUTO;
	o->thunk = THUNK_JMP;
}

static bool word_is(const char *w, size_t n, const char *name)
{
	return strlen(name) == n && !memcmp(w, name, n);
}

static bool one_word(const char *w, size_t n, struct mitigation_options *o)
{
	const struct {
		const char *name;
		enum choice *c;
	} words[] = {
		{ "ibrs", &o->ibrs }, { "stibp", &o->stibp }, { "ssbd", &o->ssbd },
		{ "ibpb", &o->ibpb }, { "rsb", &o->rsb }, { "md-clear", &o->verw },
	};
	bool on = true;

	if (word_is(w, n, "no") || word_is(w, n, "off") || word_is(w, n, "false")) {
		all(o, CHOICE_OFF);
		return true;
	}
	if (word_is(w, n, "auto") || word_is(w, n, "yes") || word_is(w, n, "on") || !n) {
		all(o, CHOICE_AUTO);
		return true;
	}
	if (n > 10 && !memcmp(w, "bti-thunk=", 10)) {
		w += 10;
		n -= 10;
		o->thunk_set = CHOICE_ON;
		if (word_is(w, n, "retpoline"))
			o->thunk = THUNK_RETPOLINE;
		else if (word_is(w, n, "lfence"))
			o->thunk = THUNK_LFENCE;
		else if (word_is(w, n, "jmp"))
			o->thunk = THUNK_JMP;
		else
			return false;
		return true;
	}
	if (n > 3 && !memcmp(w, "no-", 3)) {
		on = false;
		w += 3;
		n -= 3;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i].name);

		if (n < len || memcmp(w, words[i].name, len))
			continue;
		if (word_is(w + len, n - len, "=off") || word_is(w + len, n - len, "=no") ||
		    word_is(w + len, n - len, "=0"))
			on = false;
		else if (n != len && !word_is(w + len, n - len, "=on") &&
			 !word_is(w + len, n - len, "=yes") && !word_is(w + len, n - len, "=1"))
			continue;
		*words[i].c = on ? CHOICE_ON : CHOICE_OFF;
		return true;
	}
	return false;
}

const char *spec_ctrl_parse(const char *value, struct mitigation_options *o)
{
	struct mitigation_options parsed = *o;

	for (;;) {
		size_t n = 0;

		while (value[n] && value[n] != ',')
			n++;
		if (!one_word(value, n, &parsed))
			return "not no, auto, bti-thunk=, ibrs, stibp, ssbd, ibpb, rsb or md-clear";
		if (!value[n])
			break;
		value += n + 1;
	}
	*o = parsed;
	return NULL;
}
