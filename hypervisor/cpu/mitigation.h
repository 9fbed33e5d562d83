/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_MITIGATION_H
#define ANNULUS_CPU_MITIGATION_H

#include "lib/types.h"

/*
 * Which answers to speculative execution a CPU needs. mitigation_choose() is a pure function of
 * what CPUID and IA32_ARCH_CAPABILITIES say and of the command line; everything optional is then
 * patched in (cpu/alternative.h), so that a CPU which does not need it executes nothing for it.
 */
struct cpuid_facts {
	u8 vendor;      /* CPU_VENDOR_* */
	u32 family, model;
	u32 l7_ebx, l7_edx; /* leaf 7, 0 when there is none */
	u32 l7_2_edx;   /* leaf 7, subleaf 2; 0 when there is none */
	u32 x8_ebx;     /* leaf 0x80000008 */
	u32 x21_eax, x21_ecx; /* leaf 0x80000021 */
	u64 arch_caps;  /* IA32_ARCH_CAPABILITIES; 0 without it */
	bool smep;      /* there, and not switched off */
};

/* How a branch through a register is made. */
enum thunk { THUNK_JMP, THUNK_LFENCE, THUNK_RETPOLINE };

/* What a command-line option says: nothing, or no or yes whatever the CPU is. */
enum choice { CHOICE_AUTO, CHOICE_OFF, CHOICE_ON };

struct mitigation_options {
	/*
	 * pv32=: guests whose kernels run in ring 1 may be started, so that a kernel may be on the
	 * predictors' supervisor side, with us.
	 */
	bool ring1;
	enum choice ring1_64bit;          /* ring1=: OFF; ON: whatever it shows to processes */
	enum choice unmapped;             /* xpti= */
	enum choice thunk_set;            /* ON: `thunk` is the thunk */
	enum thunk thunk;
	enum choice ibrs, stibp, ssbd, ibpb, rsb, verw; /* spec-ctrl= */
	enum choice l1tf;                 /* pv-l1tf= */
};

struct mitigations {
	bool meltdown, spectre_v2, mds, l1tf; /* what the CPU has */
	bool rfds, mmio, tsa; /* and says that VERW helps against */
	bool ring1;        /* all this holds against kernels in ring 1, so they may be started */
	bool ring1_64bit;  /* also 64-bit ones (pv-abi/ring1.h) */
	bool unmapped;     /* the hypervisor is not mapped while guests run */
	enum thunk thunk;
	bool rsb_entry;    /* fill the return stack on entry from a guest, */
	bool rsb_64bit;    /* also where 64-bit guests alone can come */
	bool rsb_switch;   /* and when another domain's vCPU is switched to */
	bool ibpb;         /* forget branch targets when another domain's vCPU is switched to */
	bool verw;         /* overwrite the CPU's buffers before a guest goes on */
	bool l1tf_entries; /* refuse not-present entries that name RAM */
	u64 spec_ctrl;     /* IA32_SPEC_CTRL's value, for good; 0: left alone */
};

#define SPEC_CTRL_IBRS  BIT(0)
#define SPEC_CTRL_STIBP BIT(1)
#define SPEC_CTRL_SSBD  BIT(2)
/* In rings 0 to 2 a RET is predicted by the return stack or not at all. Intel. */
#define SPEC_CTRL_RRSBA_DIS_S BIT(6)

#define ARCH_CAPS_RDCL_NO  BIT(0)
#define ARCH_CAPS_IBRS_ALL BIT(1)
#define ARCH_CAPS_MDS_NO   BIT(5)
#define ARCH_CAPS_TAA_NO   BIT(8)
/* SBDR and SSDP, FBSDP, PSDP: the three ways of MMIO stale data. */
#define ARCH_CAPS_MMIO_NO  (BIT(13) | BIT(14) | BIT(15))
#define ARCH_CAPS_FB_CLEAR BIT(17)   /* VERW overwrites fill buffers, also with MDS_NO */
#define ARCH_CAPS_RFDS_CLEAR BIT(28) /* VERW overwrites register files, also with MDS_NO */

void mitigation_choose(const struct cpuid_facts *c, const struct mitigation_options *o,
		       struct mitigations *m);

/* The places (ALT_*, cpu/alternative.h) that are written over for `m`; SMAP's is not among them. */
u32 mitigation_alternatives(const struct mitigations *m);

/* The options as the command line's words change them: NULL, or what is wrong with `value`. */
const char *spec_ctrl_parse(const char *value, struct mitigation_options *o);

/*
 * May a domain be created whose kernel runs in ring 1? Whatever kind of guest that is has to ask,
 * since what was patched in at boot does not hold against it otherwise. The same from boot to the
 * end.
 */
bool ring1_guests_allowed(void);
/* The same for 64-bit domains. */
bool ring1_64bit_allowed(void);

#ifndef ANNULUS_UNIT
extern struct mitigations mitigations;
/* Choose for this machine; boot CPU. `max_leaf`: CPUID's highest. */
void mitigation_init(u32 max_leaf, u32 max_ext);
/* This CPU's IA32_SPEC_CTRL. */
void mitigation_init_cpu(void);
/* The boot log's lines. */
void mitigation_report(void);
/* Before a vCPU of another domain than the last one's runs on this CPU. */
void mitigation_domain_switch(void);
#endif

#endif
