// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/context.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/regs.h"
#include "hvm/x2apic.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv-abi/hvm_save.h"

#define CR0_ET	   BIT(4)
#define CR0_NW	   BIT(29)
#define CR0_CD	   BIT(30)
#define CR0_KNOWN  (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | \
		    CR0_NW | CR0_CD | CR0_PG)
/* CF to IOPL and NT without what is reserved, RF, AC, ID: no virtual-8086 mode. */
#define FLAGS_KNOWN 0x257fd7ULL
#define FLAG_FIXED  BIT(1)

/* Of a segment's attributes. */
#define AR_TYPE	  0x1fU /* with S */
#define AR_READ	  BIT(1) /* of code; of data: may be written */
#define AR_CONFORMING BIT(2)
#define AR_P	  BIT(7)
#define AR_L	  BIT(9)
#define AR_DB	  BIT(10)
#define AR_G	  BIT(11)
#define AR_DPL(ar) ((ar) >> 5 & 3)
#define AR_KNOWN  0xfffU
#define TYPE_CODE 0x18U /* S and the bit that code has */
#define TYPE_DATA 0x10U
#define TYPE_TSS16 0x03U /* busy, both */
#define TYPE_TSS   0x0bU
#define TYPE_LDT   0x02U

u64 hvm_cr4_known(void)
{
	u64 known = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
		    CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	return known | (cpu_features.xsave ? CR4_OSXSAVE : 0) |
	       (cpu_features.fsgsbase ? CR4_FSGSBASE : 0) | (cpu_features.smep ? CR4_SMEP : 0) |
	       (cpu_features.smap ? CR4_SMAP : 0);
}

static bool control_good(const struct hvm_hw_cpu *c)
{
	const u64 efer_known = EFER_SCE | EFER_LME | EFER_LMA | (cpu_features.nx ? EFER_NX : 0);
	bool lma = (c->msr_efer & EFER_LME) && (c->cr0 & CR0_PG);

	if ((c->cr0 & ~CR0_KNOWN) || !(c->cr0 & CR0_ET) ||
	    ((c->cr0 & CR0_NW) && !(c->cr0 & CR0_CD)) ||
	    ((c->cr0 & CR0_PG) && !(c->cr0 & CR0_PE)))
		return false;
	if ((c->cr4 & ~hvm_cr4_known()) || (c->cr3 >> cpu_features.phys_bits))
		return false;
	if ((c->msr_efer & ~efer_known) || lma != !!(c->msr_efer & EFER_LMA))
		return false;
	if (lma && (!(c->cr4 & CR4_PAE) || (c->cs_arbytes & (AR_L | AR_DB)) == (AR_L | AR_DB)))
		return false;
	if ((c->dr6 | c->dr7) >> 32)
		return false;
	return (c->rflags & FLAG_FIXED) && !(c->rflags & ~FLAGS_KNOWN) &&
	       (lma && (c->cs_arbytes & AR_L) ? is_canonical(c->rip) : !(c->rip >> 32));
}

/* A descriptor counts bytes up to 1 MiB, or whole pages. */
static bool limit_good(u32 ar, u32 limit)
{
	return ar & AR_G ? (limit & 0xfff) == 0xfff : !(limit >> 20);
}

/* Not there, or a segment that the register can have: data, or code that can be read. */
static bool data_good(u32 selector, u32 ar, u32 limit, u64 base, bool wide)
{
	if (selector >> 16 || (ar & ~AR_KNOWN) || !(wide ? is_canonical(base) : !(base >> 32)))
		return false;
	return !(ar & AR_P) || ((ar & TYPE_DATA) && limit_good(ar, limit) &&
				((ar & TYPE_CODE) != TYPE_CODE || (ar & AR_READ)));
}

/* Those of the system's, which no table but the global one has. */
static bool system_good(u32 selector, u32 ar, u32 limit, u64 base)
{
	return !(selector >> 16) && !(selector & 4) && !(ar & ~AR_KNOWN) && is_canonical(base) &&
	       limit_good(ar, limit);
}

/* What the CPU runs by: there has to be one. SS's level is the CPU's, and CS's goes with it. */
static bool code_good(const struct hvm_hw_cpu *c)
{
	u32 level = AR_DPL(c->ss_arbytes), dpl = AR_DPL(c->cs_arbytes);

	if (c->cs_sel >> 16 || (c->cs_arbytes & ~AR_KNOWN) || c->cs_base >> 32 ||
	    !(c->cs_arbytes & AR_P) || (c->cs_arbytes & TYPE_CODE) != TYPE_CODE ||
	    !limit_good(c->cs_arbytes, c->cs_limit))
		return false;
	if (!(c->cr0 & CR0_PE) && level)
		return false;
	return c->cs_arbytes & AR_CONFORMING ? dpl <= level : dpl == level;
}

static bool segments_good(const struct hvm_hw_cpu *c)
{
	u32 tss = c->tr_arbytes & AR_TYPE;

	if (!code_good(c))
		return false;
	if (!data_good(c->ss_sel, c->ss_arbytes, c->ss_limit, c->ss_base, false) ||
	    ((c->ss_arbytes & AR_P) &&
	     (c->ss_arbytes & (TYPE_CODE | AR_READ)) != (TYPE_DATA | AR_READ)))
		return false;
	if (!data_good(c->ds_sel, c->ds_arbytes, c->ds_limit, c->ds_base, false) ||
	    !data_good(c->es_sel, c->es_arbytes, c->es_limit, c->es_base, false) ||
	    !data_good(c->fs_sel, c->fs_arbytes, c->fs_limit, c->fs_base, true) ||
	    !data_good(c->gs_sel, c->gs_arbytes, c->gs_limit, c->gs_base, true))
		return false;
	if (!system_good(c->tr_sel, c->tr_arbytes, c->tr_limit, c->tr_base) ||
	    !(c->tr_arbytes & AR_P) ||
	    (tss != TYPE_TSS && (tss != TYPE_TSS16 || (c->msr_efer & EFER_LMA))))
		return false;
	if (c->ldtr_arbytes & AR_P) {
		if (!system_good(c->ldtr_sel, c->ldtr_arbytes, c->ldtr_limit, c->ldtr_base) ||
		    (c->ldtr_arbytes & AR_TYPE) != TYPE_LDT)
			return false;
	} else if (c->ldtr_sel >> 16 || (c->ldtr_arbytes & ~AR_KNOWN) ||
		   !is_canonical(c->ldtr_base)) {
		return false;
	}
	return is_canonical(c->gdtr_base) && is_canonical(c->idtr_base) &&
	       !(c->gdtr_limit >> 16) && !(c->idtr_limit >> 16);
}

static bool msrs_good(const struct hvm_hw_cpu *c)
{
	return is_canonical(c->msr_lstar) && is_canonical(c->msr_cstar) &&
	       is_canonical(c->shadow_gs) && is_canonical(c->sysenter_esp) &&
	       is_canonical(c->sysenter_eip) && !(c->msr_syscall_mask >> 32) &&
	       !(c->sysenter_cs >> 32) && !c->msr_tsc_aux;
}

static bool cpu_good(const struct hvm_hw_cpu *c)
{
	return control_good(c) && segments_good(c) && msrs_good(c) && !c->pending_event &&
	       !(c->flags & ~XEN_X86_FPU_INITIALISED) && !c->pad0;
}

static int check_header(const u8 *at, u32 length)
{
	struct hvm_save_header h;

	if (length != sizeof(h))
		return -EINVAL;
	memcpy(&h, at, sizeof(h));
	return h.magic == HVM_FILE_MAGIC && h.version == HVM_FILE_VERSION ? 0 : -EINVAL;
}

#define MTRR_ALL_WB 0x806ULL /* enabled, and what no other says is write-back */
#define APIC_DIVIDE (0x3e0 / 4) /* among the registers, by words */

/* Bits 0, 1 and 3 of the divide register; 7 is the clock itself. */
static u32 divisor(u32 divide)
{
	return 1U << (((divide & 3) + (divide >> 1 & 4) + 1) & 7);
}

/* The divisor goes by the registers: divisors_good(). */
static bool apic_good(const struct hvm_hw_lapic *a, unsigned id)
{
	return a->apic_base_msr == x2apic_base(id) && !a->disabled && !a->tdt_msr;
}

static bool regs_good(const struct hvm_hw_lapic_regs *r, unsigned id)
{
	struct x2apic a;

	return x2apic_import(&a, id, 0, r->data);
}

/* There are no MTRRs: all memory is write-back, and PAT alone is the vCPU's. */
static struct hvm_hw_mtrr memory_types(u64 pat)
{
	return (struct hvm_hw_mtrr){ .msr_pat_cr = pat, .msr_mtrr_def_type = MTRR_ALL_WB };
}

/* The seven memory types that there are: APM vol. 2, 7.8.1. */
bool hvm_pat_valid(u64 pat)
{
	for (unsigned i = 0; i < 64; i += 8) {
		u8 type = (u8)(pat >> i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool mtrr_good(const struct hvm_hw_mtrr *m)
{
	const struct hvm_hw_mtrr want = memory_types(m->msr_pat_cr);

	return hvm_pat_valid(m->msr_pat_cr) && !memcmp(m, &want, sizeof(want));
}

/* The records that a vCPU has, at most one of each. */
enum { CPU, APIC, APIC_REGS, MTRR, KINDS };
static const struct {
	u16 code;
	u32 length;
} kinds[KINDS] = {
	[CPU] = { HVM_SAVE_CODE_CPU, sizeof(struct hvm_hw_cpu) },
	[APIC] = { HVM_SAVE_CODE_LAPIC, sizeof(struct hvm_hw_lapic) },
	[APIC_REGS] = { HVM_SAVE_CODE_LAPIC_REGS, sizeof(struct hvm_hw_lapic_regs) },
	[MTRR] = { HVM_SAVE_CODE_MTRR, sizeof(struct hvm_hw_mtrr) },
};

/* `from` need not be aligned. */
static bool record_good(unsigned kind, const u8 *from, unsigned id)
{
	union {
		struct hvm_hw_cpu cpu;
		struct hvm_hw_lapic apic;
		struct hvm_hw_lapic_regs regs;
		struct hvm_hw_mtrr mtrr;
	} u;

	memcpy(&u, from, kinds[kind].length);
	switch (kind) {
	case CPU:
		return cpu_good(&u.cpu);
	case APIC:
		return apic_good(&u.apic, id);
	case APIC_REGS:
		return regs_good(&u.regs, id);
	default:
		return mtrr_good(&u.mtrr);
	}
}

static unsigned kind_of(u16 code)
{
	unsigned kind = 0;

	while (kind < KINDS && kinds[kind].code != code)
		kind++;
	return kind;
}

/* The record of this kind that vCPU `id` has in a context whose records are good, to its end. */
static bool find(const u8 *buf, unsigned kind, unsigned id, void *to)
{
	struct hvm_save_descriptor d;

	for (u32 at = 0;; at += (u32)sizeof(d) + d.length) {
		memcpy(&d, buf + at, sizeof(d));
		if (d.typecode == HVM_SAVE_CODE_END)
			return false;
		if (d.typecode != kinds[kind].code || d.instance != id)
			continue;
		memcpy(to, buf + at + sizeof(d), kinds[kind].length);
		return true;
	}
}

/* Of each APIC: what its registers say, or what those of reset do where none come along. */
static bool divisors_good(const u8 *buf, u64 apics)
{
	struct hvm_hw_lapic_regs regs;
	struct hvm_hw_lapic apic;

	for (unsigned id = 0; id < MAX_VCPUS; id++) {
		if (!(apics & BIT(id)) || !find(buf, APIC, id, &apic))
			continue;
		if (!find(buf, APIC_REGS, id, &regs))
			regs.data[APIC_DIVIDE] = 0;
		if (apic.timer_divisor != divisor(regs.data[APIC_DIVIDE]))
			return false;
	}
	return true;
}

int hvm_context_check(const u8 *buf, u32 size, unsigned vcpus)
{
	struct hvm_save_descriptor d;
	u64 seen[KINDS] = { 0 };
	unsigned kind;
	u32 at = 0;

	_Static_assert(MAX_VCPUS <= 64, "a bit for each");
	for (bool first = true;; first = false) {
		if (size - at < sizeof(d))
			return -EINVAL;
		memcpy(&d, buf + at, sizeof(d));
		at += (u32)sizeof(d);
		if (d.length > size - at || first != (d.typecode == HVM_SAVE_CODE_HEADER))
			return -EINVAL;
		switch (d.typecode) {
		case HVM_SAVE_CODE_END:
			if (d.length || at != size || !divisors_good(buf, seen[APIC]))
				return -EINVAL;
			return 0;
		case HVM_SAVE_CODE_HEADER:
			if (d.instance || check_header(buf + at, d.length))
				return -EINVAL;
			break;
		default:
			kind = kind_of(d.typecode);
			if (kind == KINDS)
				return -EOPNOTSUPP;
			if (d.length != kinds[kind].length || d.instance >= vcpus ||
			    (seen[kind] & BIT(d.instance)))
				return -EINVAL;
			seen[kind] |= BIT(d.instance);
			if (!record_good(kind, buf + at, d.instance))
				return -EINVAL;
			break;
		}
		at += d.length;
	}
}

bool hvm_context_cpu(const u8 *buf, unsigned id, struct hvm_hw_cpu *cpu)
{
	return find(buf, CPU, id, cpu);
}

bool hvm_context_apic(const u8 *buf, unsigned id, struct hvm_hw_lapic_regs *regs)
{
	return find(buf, APIC_REGS, id, regs);
}

bool hvm_context_pat(const u8 *buf, unsigned id, u64 *pat)
{
	struct hvm_hw_mtrr m;

	if (!find(buf, MTRR, id, &m))
		return false;
	*pat = m.msr_pat_cr;
	return true;
}

static u32 add(u8 *buf, u32 at, u16 code, u16 instance, const void *from, u32 length)
{
	struct hvm_save_descriptor d = { code, instance, length };

	memcpy(buf + at, &d, sizeof(d));
	if (length)
		memcpy(buf + at + sizeof(d), from, length);
	return at + (u32)sizeof(d) + length;
}

u32 hvm_context_begin(u8 *buf, u32 cpuid_eax, u32 tsc_khz)
{
	struct hvm_save_header h = { HVM_FILE_MAGIC, HVM_FILE_VERSION, ~0ULL, cpuid_eax, tsc_khz };

	return add(buf, 0, HVM_SAVE_CODE_HEADER, 0, &h, sizeof(h));
}

u32 hvm_context_add_cpu(u8 *buf, u32 at, unsigned id, const struct hvm_hw_cpu *cpu)
{
	return add(buf, at, HVM_SAVE_CODE_CPU, (u16)id, cpu, sizeof(*cpu));
}

u32 hvm_context_add_apic(u8 *buf, u32 at, unsigned id, u64 base,
			 const struct hvm_hw_lapic_regs *regs)
{
	struct hvm_hw_lapic apic = {
		.apic_base_msr = base,
		.timer_divisor = divisor(regs->data[APIC_DIVIDE]),
	};

	at = add(buf, at, HVM_SAVE_CODE_LAPIC, (u16)id, &apic, sizeof(apic));
	return add(buf, at, HVM_SAVE_CODE_LAPIC_REGS, (u16)id, regs, sizeof(*regs));
}

u32 hvm_context_add_pat(u8 *buf, u32 at, unsigned id, u64 pat)
{
	struct hvm_hw_mtrr m = memory_types(pat);

	return add(buf, at, HVM_SAVE_CODE_MTRR, (u16)id, &m, sizeof(m));
}

u32 hvm_context_end(u8 *buf, u32 at)
{
	return add(buf, at, HVM_SAVE_CODE_END, 0, NULL, 0);
}

/* Header and end, and a record of each kind for each vCPU. */
u32 hvm_context_size(unsigned vcpus)
{
	const u32 d = sizeof(struct hvm_save_descriptor);
	u32 each = 0;

	for (unsigned i = 0; i < KINDS; i++)
		each += d + kinds[i].length;
	return d + (u32)sizeof(struct hvm_save_header) + vcpus * each + d;
}
