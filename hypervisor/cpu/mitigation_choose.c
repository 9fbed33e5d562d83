// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The deciding part of mitigations, which tests/unit/mitigation_test.c goes through with the CPUID
 * values of real CPUs. Sources: Intel SDM vol. 4 (IA32_ARCH_CAPABILITIES, IA32_SPEC_CTRL), AMD's
 * "Software techniques for managing speculation" and APM vol. 3, appendix E.
 */
#include "cpu/cpu.h"
#include "cpu/mitigation.h"
#include "lib/string.h"

/* Leaf 7. */
#define EBX_RTM        BIT(11)
#define EDX_MD_CLEAR   BIT(10)
#define EDX_IBRSB      BIT(26) /* SPEC_CTRL.IBRS and PRED_CMD */
#define EDX_STIBP      BIT(27)
#define EDX_SSBD       BIT(31)
/* Leaf 0x80000008 EBX. */
#define EBX_IBPB       BIT(12)
#define EBX_IBRS       BIT(14)
#define EBX_STIBP      BIT(15)
#define EBX_IBRS_ALWAYS BIT(16) /* set it once, it costs nothing and covers ring changes */
#define EBX_SSBD       BIT(24)
/* Leaf 0x80000021 EAX: EFER.AIBRSE exists; such CPUs have IBRS_ALWAYS too. */
#define EAX_AUTO_IBRS  BIT(8)

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
	/* An IBRS that is set once and holds in ring 0 whatever ring 3 trained. */
	bool lasting = intel ? c->arch_caps & ARCH_CAPS_IBRS_ALL :
		       amd && (c->x8_ebx & EBX_IBRS_ALWAYS || c->x21_eax & EAX_AUTO_IBRS);
	bool ibrs;

	memset(m, 0, sizeof(*m));
	m->meltdown = intel && !(c->arch_caps & ARCH_CAPS_RDCL_NO);
	m->l1tf = m->meltdown;
	m->spectre_v2 = intel || amd;
	/* TSX asynchronous abort reads the same buffers, on CPUs that say MDS_NO too. */
	m->mds = intel && (!(c->arch_caps & ARCH_CAPS_MDS_NO) ||
			   (!(c->arch_caps & ARCH_CAPS_TAA_NO) && (c->l7_ebx & EBX_RTM)));

	m->unmapped = wanted(o->unmapped, m->meltdown);
	ibrs = can_ibrs && wanted(o->ibrs, lasting);
	if (o->thunk_set == CHOICE_ON)
		m->thunk = o->thunk;
	else
		m->thunk = !m->spectre_v2 || (ibrs && lasting) ? THUNK_JMP :
			   lfence_serialises(c) ? THUNK_LFENCE : THUNK_RETPOLINE;
	/*
	 * A guest's return addresses lead to user pages, which SMEP keeps from being executed even
	 * in speculation; and as our calls and returns are balanced, they are looked at only where
	 * an empty return stack is made up for by the branch predictor: on Intel's CPUs. Between
	 * domains there is no such fence.
	 */
	m->rsb_entry = wanted(o->rsb, intel && !c->smep);
	m->rsb_switch = wanted(o->rsb, m->spectre_v2);
	m->ibpb = can_ibpb && wanted(o->ibpb, true);
	/* Without MD_CLEAR the instruction is there and overwrites nothing. */
	m->verw = wanted(o->verw, m->mds && (c->l7_edx & EDX_MD_CLEAR));
	m->l1tf_entries = wanted(o->l1tf, m->l1tf);
	if (ibrs)
		m->spec_ctrl |= SPEC_CTRL_IBRS;
	if (can_stibp && wanted(o->stibp, ibrs))
		m->spec_ctrl |= SPEC_CTRL_STIBP;
	if (can_ssbd && wanted(o->ssbd, false))
		m->spec_ctrl |= SPEC_CTRL_SSBD;
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
