// SPDX-License-Identifier: GPL-2.0-or-later
/* What mitigation_choose() decided, done: options, MSRs and the patched places. */
#include "cpu/mitigation.h"
#include "cpu/alternative.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "lib/cmdline.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/string.h"

struct mitigations mitigations;

static struct mitigation_options options __initdata;
static bool opt_pv32 = true;
OPTION_BOOL("pv32", opt_pv32);

static const char *__init option_spec_ctrl(const char *value)
{
	return spec_ctrl_parse(value, &options);
}

static const char *__init on_off_auto(const char *value, enum choice *c)
{
	if (!strcmp(value, "auto"))
		*c = CHOICE_AUTO;
	else if (!strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "1") ||
		 !strcmp(value, "true"))
		*c = CHOICE_ON;
	else if (!strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "0") ||
		 !strcmp(value, "false"))
		*c = CHOICE_OFF;
	else
		return "neither auto, on nor off";
	return NULL;
}

static const char *__init option_xpti(const char *value)
{
	return on_off_auto(value, &options.unmapped);
}

static const char *__init option_pv_l1tf(const char *value)
{
	return on_off_auto(value, &options.l1tf);
}
/* Not "on": who offers it where it shows a kernel to its processes has to say so. */
static const char *__init option_ring1(const char *value)
{
	if (!strcmp(value, "unsafe")) {
		options.ring1_64bit = CHOICE_ON;
		return NULL;
	}
	if (on_off_auto(value, &options.ring1_64bit))
		return "neither auto, off nor unsafe";
	if (options.ring1_64bit == CHOICE_ON)
		options.ring1_64bit = CHOICE_AUTO;
	return NULL;
}
OPTION_FN("ring1", option_ring1);
OPTION_FN("spec-ctrl", option_spec_ctrl);
OPTION_FN("xpti", option_xpti);
OPTION_FN("pv-l1tf", option_pv_l1tf);

void __init mitigation_init(u32 max_leaf, u32 max_ext)
{
	struct cpuid_facts c = {
		.vendor = cpu_features.vendor, .family = cpu_features.family,
		.model = cpu_features.model, .smep = cpu_features.smep,
	};
	u32 eax, ebx, ecx, edx;

	if (max_leaf >= 7) {
		u32 last, unused;

		cpuid(7, 0, &last, &c.l7_ebx, &ecx, &c.l7_edx);
		if (last >= 2)
			cpuid(7, 2, &eax, &unused, &ecx, &c.l7_2_edx);
		if ((c.l7_edx & BIT(29)) && rdmsr_safe(MSR_ARCH_CAPS, &c.arch_caps))
			c.arch_caps = 0;
	}
	if (max_ext >= 0x80000008)
		cpuid(0x80000008, 0, &eax, &c.x8_ebx, &ecx, &edx);
	if (max_ext >= 0x80000021)
		cpuid(0x80000021, 0, &c.x21_eax, &ebx, &c.x21_ecx, &edx);
	options.ring1 = opt_pv32;
	mitigation_choose(&c, &options, &mitigations);
}

bool ring1_guests_allowed(void)
{
	return mitigations.ring1;
}

bool ring1_64bit_allowed(void)
{
	return mitigations.ring1_64bit;
}

/* Boot CPU, before other CPUs run and before the system-call stubs are copied; then each CPU. */
void mitigation_init_cpu(void)
{
	static bool patched;
	const struct mitigations *m = &mitigations;

	if (!patched) {
		patched = true;
		alternatives_apply(mitigation_alternatives(m) | (cpu_features.smap ? ALT_SMAP : 0) |
				   (latency_wanted() ? ALT_LATENCY : 0));
	}
	if (m->spec_ctrl && wrmsr_safe(MSR_SPEC_CTRL, m->spec_ctrl))
		printk(LOG_WARN "cpu%u: SPEC_CTRL cannot be written\n", cpu_id());
}

void mitigation_domain_switch(void)
{
	if (mitigations.ibpb)
		(void)wrmsr_safe(MSR_PRED_CMD, 1);
	if (mitigations.rsb_switch)
		rsb_stuff();
}

void __init mitigation_report(void)
{
	static const char *const thunks[] = { "plain jumps", "LFENCE", "retpolines" };
	static const struct {
		u32 feature;
		const char *name;
	} places[] = { { ALT_RETPOLINE, "retpolines" }, { ALT_LFENCE, "LFENCE" },
		       { ALT_RSB_ENTRY, "return stack" },
		       { ALT_RSB_64BIT, "return stack of 64-bit" }, { ALT_VERW, "VERW" } };
	char text[160] = "";
	const struct mitigations *m = &mitigations;

	printk(LOG_INFO "mitigations: vulnerable to:%s%s%s%s%s%s%s%s\n",
	       m->meltdown ? " meltdown" : "",
	       m->spectre_v2 ? " spectre-v2" : "", m->mds ? " mds/taa" : "",
	       m->l1tf ? " l1tf" : "", m->rfds ? " rfds" : "", m->mmio ? " mmio-stale-data" : "",
	       m->tsa ? " tsa" : "",
	       m->meltdown || m->spectre_v2 || m->mds || m->l1tf || m->rfds || m->mmio || m->tsa ?
			"" : " nothing known");
	printk(LOG_INFO "mitigations: kernels in ring 1 are %s\n",
	       m->ring1 ? "allowed (pv32=1)" : "refused (pv32=0)");
	printk(m->ring1_64bit && m->meltdown ? LOG_WARN "%s%s%s\n" : LOG_INFO "%s%s%s\n",
	       "mitigations: 64-bit kernels in ring 1 are ",
	       m->ring1_64bit ? "offered" : "not offered",
	       !m->meltdown ? "" : m->ring1_64bit ?
	       " (ring1=unsafe): their processes can read them (Meltdown)" :
	       " (Meltdown; ring1=unsafe does)");
	printk(LOG_INFO "mitigations: hypervisor %s while guests run, branches by %s%s%s%s%s\n",
	       m->unmapped ? "unmapped" : "mapped", thunks[m->thunk],
	       m->spec_ctrl & SPEC_CTRL_IBRS ? ", IBRS" : "",
	       m->spec_ctrl & SPEC_CTRL_STIBP ? ", STIBP" : "",
	       m->spec_ctrl & SPEC_CTRL_SSBD ? ", SSBD" : "",
	       m->spec_ctrl & SPEC_CTRL_RRSBA_DIS_S ? ", RRSBA off" : "");
	printk(LOG_INFO "mitigations: on entry: registers cleared%s; on exit: %s\n",
	       m->rsb_64bit ? ", return stack filled" :
	       m->rsb_entry ? ", return stack filled (32-bit guests')" : "",
	       m->verw ? "buffers cleared" : m->mds ? "nothing (no MD_CLEAR)" : "nothing");
	printk(LOG_INFO "mitigations: between domains: eager FPU switch%s%s\n",
	       m->ibpb ? ", IBPB" : "", m->rsb_switch ? ", return stack filled" : "");
	printk(LOG_INFO "mitigations: masked indices; %s\n",
	       m->l1tf_entries ? "not-present entries that name RAM are refused (L1TF)" :
				 "not-present entries as they are");
	/* What the code really says now. */
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		unsigned all, n = alternatives_count(_alternatives_start, _alternatives_end,
						     places[i].feature, &all);
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s %u of %u", i ? ", " : "",
			 places[i].name, n, all);
	}
	printk(LOG_INFO "mitigations: places in the code: %s\n", text);
}
