/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_CONTEXT_WORLD_H
#define ANNULUS_TESTS_UNIT_CONTEXT_WORLD_H

/*
 * vCPU states (pv/context.c) with the real page types, descriptor pages, debug registers and FPU
 * images under them, and an oracle: what a processor would take of a vCPU's state, said from the
 * manuals once more. Included once, by a test's or a fuzzer's only file, after "cflags" and
 * CONTEXT_SOURCES as tests/unit/context_test.c has them.
 *
 * The caller is the guest's vCPU 0, the state is vCPU 1's.
 */
#include "mmu_fixture.h"

#include "cpu/entry_area.h"
#include "cpu/raw.h"
#include "domain/fpu.h"
#include "pv/compat.h"
#include "pv/pv.h"
#include "pv-abi/vcpu.h"

/* ---- what is not there ---- */

u8 unmapped_mode;
static u8 fpu_areas[4][4096] __aligned(64);
static u64 compat_roots[4][PT_ENTRIES];

void vcpu_wake(struct vcpu *v) { }
void vcpu_sleep_nosync(struct vcpu *v) { }
void vcpu_sleep_sync(struct vcpu *v) { }
int load_ds(u16 sel) { return sel != 0; }
int load_es(u16 sel) { return sel != 0; }
int load_fs(u16 sel) { return sel != 0; }
int load_gs(u16 sel) { return sel != 0; }
int load_gs_user(u16 sel) { return sel != 0; }
void fpu_set_ts(bool ts) { }
void root_load_mfn(mfn_t mfn) { sim_cpu->cr3_mfn = mfn; }
void domain_crash(struct domain *d, const char *fmt, ...) { }
void compat_inject_trap(unsigned vector, u32 error_code) { }
void compat_bounce_event(struct regs *r) { }
void compat_bounce_bad_frame(struct regs *r, u32 error_code) { }
void compat_bounce_nmi(struct regs *r) { }
void compat_bounce_callback(struct regs *r, u16 cs, u32 eip, bool mask_events) { }

/* ---- the world ---- */

/* Frames by what they are good for. */
enum {
	W_ROOT, W_ROOT2, W_L3, W_L2, W_L1,	 /* two roots with the same tables below */
	W_LDT, W_LDT_LAST = W_LDT + 1,		 /* mapped read-only at WORLD_VA, one page each */
	W_DATA,					 /* mapped writable behind them */
	W_GDT, W_GDT2, W_LAST_L2, W_NOT_MAPPED,
	W_BAD_GDT,				 /* has a call gate in it */
	W_FOREIGN,				 /* the other domain's */
	W_FRAMES
};
static mfn_t world[W_FRAMES];

#define WORLD_VA64 0x0000008040201000ULL /* slot 1 at every level */
#define WORLD_VA32 0x40201000ULL
#define WORLD_VA   (guest->is_32bit ? WORLD_VA32 : WORLD_VA64)
#define RO_FLAGS   (TABLE_FLAGS & ~PTE_RW)
/* A root's entries of a PAE guest have no such bits. */
#define PAE_FLAGS  PTE_P

static void context_begin(bool is_32bit)
{
	struct vcpu *v;

	fixture_begin();
	cpu_features.mxcsr_mask = 0xffff;
	cpu_features.xsave = true;
	cpu_features.xsave_size = 832;
	for (unsigned i = 0; i < W_FOREIGN; i++)
		world[i] = new_frame(guest);
	world[W_FOREIGN] = new_frame(other);
	for (unsigned i = 0; i < 2; i++)
		table_of(world[W_ROOT + i])[1] =
			is_32bit ? pte_make(world[W_L2], PAE_FLAGS) :
				   pte_make(world[W_L3], TABLE_FLAGS);
	if (is_32bit)
		for (unsigned i = 0; i < 2; i++)
			table_of(world[W_ROOT + i])[3] = pte_make(world[W_LAST_L2], PAE_FLAGS);
	else
		table_of(world[W_L3])[1] = pte_make(world[W_L2], TABLE_FLAGS);
	table_of(world[W_L2])[1] = pte_make(world[W_L1], TABLE_FLAGS);
	table_of(world[W_L1])[1] = pte_make(world[W_LDT], RO_FLAGS);
	table_of(world[W_L1])[2] = pte_make(world[W_LDT_LAST], RO_FLAGS);
	table_of(world[W_L1])[3] = pte_make(world[W_DATA], DATA_FLAGS);
	table_of(world[W_BAD_GDT])[100] = 0x00008c00e0080000; /* to ring 0's code */
	guest->is_32bit = is_32bit;
	for_each_vcpu(guest, v) {
		v->fpu = fpu_areas[v->id];
		fpu_reset(v);
		v->pause_flags = v->id ? VPF_DOWN : 0;
		memset(compat_roots[v->id], 0, sizeof(compat_roots[v->id]));
		root_fill(compat_roots[v->id]);
		if (is_32bit)
			v->pv.root32 = compat_roots[v->id];
	}
	if (is_32bit)
		guest->vm_assist = VM_ASSIST_COMPAT;
	guest->vcpu[0]->initialised = true;
}

static void context_end(void)
{
	struct vcpu *v;

	cpu_features.xsave = false;
	for_each_vcpu(guest, v)
		v->fpu = NULL;
	fixture_end();
	cpu_features.mxcsr_mask = 0;
}

/* A state that is fine: in kernel mode, with a GDT of two frames and an LDT of one and a bit. */
static void context_good(struct vcpu_guest_context *c, struct compat_callback_selectors *sel)
{
	bool is_32bit = guest->is_32bit;

	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = is_32bit ? 0xc0100000 : 0xffffffff81000000;
	c->user_regs.rsp = is_32bit ? 0xc0200000 : 0xffffffff82000000;
	c->user_regs.rflags = 0x202;
	c->user_regs.cs = is_32bit ? 0xe019 : 0xe033;
	c->user_regs.ss = is_32bit ? 0xe021 : 0xe02b;
	c->kernel_ss = c->user_regs.ss;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(world[W_ROOT]);
	c->gdt_frames[0] = world[W_GDT];
	c->gdt_frames[1] = world[W_GDT2];
	c->gdt_ents = 600;
	c->ldt_base = WORLD_VA;
	c->ldt_ents = 513;
	c->event_callback_eip = c->failsafe_callback_eip = c->user_regs.rip;
	for (unsigned i = 0; i < 20; i++)
		c->trap_ctxt[i] = (struct trap_info){ (u8)i, 0, c->user_regs.cs,
						      c->user_regs.rip + i };
	sel->event = sel->failsafe = c->user_regs.cs;
}

static int context_set(struct vcpu *v, const struct vcpu_guest_context *c,
		       const struct compat_callback_selectors *sel)
{
	return guest->is_32bit ? vcpu_set_context_compat(v, c, sel) : vcpu_set_context(v, c);
}

/* ---- the oracle: what a processor takes ---- */

/* Intel SDM vol. 1, 3.3.7.1; and not in the ABI's hole of the hypervisor (slots 256 to 271). */
static bool address_ok(u64 a)
{
	return a < 0x0000800000000000ULL || a >= 0xffff880000000000ULL;
}

static bool canonical(u64 a)
{
	return a < 0x0000800000000000ULL || a >= 0xffff800000000000ULL;
}

/* In use as what it is taken for, by who owns it. */
static bool frame_is(const struct domain *d, mfn_t mfn, u64 type)
{
	const struct frame *f;

	if (!mfn || mfn >= SIM_FRAMES)
		return false;
	f = mfn_to_frame(mfn);
	return frame_owner(f) == d && (f->type & FT_TYPE_MASK) == type &&
	       (f->type & FT_COUNT_MASK) && (f->type & FT_VALIDATED) && (f->count & FC_COUNT_MASK);
}

/* Selectors of ours (0xe000 on) with a ring that our own descriptors are refused to. */
static bool selector_ok(unsigned sel, unsigned ring)
{
	return sel <= 0xffff && ((sel & 4) || sel < 0xe000 || (sel & 3) >= ring);
}

#define SAY(ok, what)        \
	do {                 \
		if (!(ok))   \
			return what; \
	} while (0)

static const char *tables_wrong(const struct vcpu *v)
{
	const struct pv_vcpu *pv = &v->pv;
	const struct domain *d = v->domain;
	bool is_32bit = d->is_32bit;
	u64 root = is_32bit ? FT_L3 : FT_L4;

	SAY(frame_is(d, pv->guest_table, root), "kernel root");
	SAY(pv->guest_table_user == INVALID_MFN ||
	    (!is_32bit && frame_is(d, pv->guest_table_user, root)), "user root");
	SAY(is_32bit || pv->kernel_mode || pv->guest_table_user != INVALID_MFN,
	    "user mode without a root");
	if (is_32bit)
		SAY(pv->root32 && (pv->root32[0] & 0x000ffffffffff000ULL) >> 12 == pv->guest_table,
		    "what it runs on");
	else
		SAY(!memcmp(table_of(pv->guest_table) + 256, idle_l4 + 256, 16 * sizeof(u64)),
		    "slots of the hypervisor");
	SAY(pv->gdt_entries <= 0xe000 / 8, "GDT entries");
	for (unsigned i = 0; i < (pv->gdt_entries + 511) / 512; i++)
		SAY(frame_is(d, pv->gdt_frames[i], FT_SEGDESC), "GDT frame");
	SAY(pv->ldt_entries <= 8192, "LDT entries");
	SAY(!pv->ldt_entries || !(pv->ldt_base & 0xfff), "LDT base");
	for (unsigned i = 0; i < (pv->ldt_entries + 511) / 512; i++)
		SAY(frame_is(d, pv->ldt_frames[i], FT_SEGDESC), "LDT frame");
	return NULL;
}

static const char *regs_wrong(const struct vcpu *v)
{
	const struct regs *r = &v->regs;
	const struct pv_vcpu *pv = &v->pv;
	bool is_32bit = v->domain->is_32bit;
	unsigned ring = is_32bit ? 1 : 3;

	SAY(address_ok(r->rip) && (!is_32bit || r->rip <= 0xffffffff), "rip");
	SAY(r->cs <= 0xffff && (r->cs & 3) >= ring, "cs");
	SAY(r->ss <= 0xffff && (r->ss & 3) >= ring, "ss");
	/* Vol. 1, 3.4.3: fixed bits; IF; neither IOPL, NT, VM, VIF nor VIP. */
	SAY((r->rflags & 0x202) == 0x202 && !(r->rflags & ~0x250fd7ULL), "rflags");
	/* It leaves by IRET, whose faults are expected. */
	SAY(!r->vector, "the way out");
	SAY(selector_ok(pv->ds, ring) && selector_ok(pv->es, ring) && selector_ok(pv->fs, ring) &&
	    selector_ok(pv->gs, ring), "data selectors");
	SAY(canonical(pv->fs_base) && canonical(pv->gs_base_kernel) &&
	    canonical(pv->gs_base_user), "bases");
	SAY(!is_32bit || !(pv->fs_base | pv->gs_base_kernel | pv->gs_base_user), "32-bit bases");
	SAY(pv->iopl <= 3, "virtual IOPL");
	SAY(!is_32bit || pv->kernel_mode == ((r->cs & 3) == 1), "mode");
	return NULL;
}

static const char *entries_wrong(const struct vcpu *v)
{
	const struct pv_vcpu *pv = &v->pv;
	bool is_32bit = v->domain->is_32bit;
	unsigned ring = is_32bit ? 1 : 3;

	SAY(address_ok(pv->event_callback) && address_ok(pv->failsafe_callback) &&
	    address_ok(pv->syscall_callback), "callbacks");
	for (unsigned i = 0; i < 256; i++) {
		SAY(address_ok(pv->traps[i].address), "a trap's handler");
		SAY(pv->traps[i].vector == i, "a trap's number");
		SAY((pv->traps[i].cs & 3) >= ring, "a trap's selector");
		SAY(!is_32bit || pv->traps[i].address <= 0xffffffff, "a trap's 32-bit handler");
	}
	SAY((pv->kernel_ss & 3) >= ring && pv->kernel_ss <= 0xffff, "kernel ss");
	if (is_32bit) {
		SAY((pv->event_cs & 3) && (pv->failsafe_cs & 3), "callbacks' selectors");
		SAY(pv->kernel_sp <= 0xffffffff && pv->bounce_sp <= 0xffffffff, "32-bit stack");
		/* Of a segment that is not flat nobody knows the base here. */
		SAY(!pv->bounce_sp || pv->kernel_ss == 0xe021, "quick stack's segment");
		SAY(!pv->bounce_sp || pv->bounce_sp > 20, "quick stack");
	} else {
		/* The quick ways write some 100 bytes below it without a look. */
		u64 last = pv->bounce_sp - 1, first = pv->bounce_sp - 104;

		SAY(!(pv->bounce_sp & 15) &&
		    (!pv->bounce_sp || (pv->bounce_sp > 104 && address_ok(last) &&
					address_ok(first) && first >> 47 == last >> 47)),
		    "quick stack");
	}
	return NULL;
}

static const char *debug_wrong(const struct vcpu *v)
{
	const u64 *dr = v->pv.dr;

	for (unsigned i = 0; i < 4; i++)
		SAY(address_ok(dr[i]), "a breakpoint's address");
	/* Vol. 3B, 17.2.4: upper half, GD and reserved bits; bit 10 is one. A port's breakpoint
	 * (R/W 2) is nobody's. 0: never written. */
	if (!dr[7])
		return NULL;
	SAY(!(dr[7] >> 32) && !(dr[7] & 0xf800) && (dr[7] & 0x400), "DR7");
	for (unsigned i = 0; i < 4; i++)
		SAY(!(dr[7] >> (2 * i) & 3) || (dr[7] >> (16 + 4 * i) & 3) != 2, "I/O breakpoint");
	return NULL;
}

static const char *fpu_wrong(const struct vcpu *v)
{
	static u8 own[512] __aligned(16);
	const u8 *area = v->fpu;
	u32 mxcsr;
	u64 word;

	memcpy(&mxcsr, area + 24, 4);
	/* Vol. 1, 11.6.6. */
	SAY(!(mxcsr & ~cpu_features.mxcsr_mask), "MXCSR");
	if (!cpu_features.xsave)
		return NULL;
	/* Vol. 1, 13.4.2 and 13.8.1: the header of the standard form. */
	for (unsigned i = 0; i < 8; i++) {
		memcpy(&word, area + 512 + 8 * i, 8);
		SAY(word == (i ? 0 : 3), "XSAVE header");
	}
	/* And the processor itself, if it has all that the simulated one has. */
	__asm__ volatile("fxsave64 %0" : "=m"(own));
	memcpy(&mxcsr, own + 28, 4);
	if (!(cpu_features.mxcsr_mask & ~mxcsr))
		__asm__ volatile("fxrstor64 %0; fxrstor64 %1" ::"m"(*(const u8(*)[512])area),
				 "m"(own) : "memory");
	return NULL;
}

/* NULL, or what is wrong with the state of a vCPU that may be brought up. */
static const char *context_wrong(const struct vcpu *v)
{
	const char *(*const parts[])(const struct vcpu *) = {
		tables_wrong, regs_wrong, entries_wrong, debug_wrong, fpu_wrong,
	};
	const char *wrong = v->initialised && !v->context_busy ? NULL : "not initialised";

	for (unsigned i = 0; !wrong && i < sizeof(parts) / sizeof(parts[0]); i++)
		wrong = parts[i](v);
	return wrong;
}

/* ---- refused means unchanged ---- */

struct context_snapshot {
	struct vcpu v;
	u8 fpu[4096];
	u64 assists;
};

static void context_look(const struct vcpu *v, struct context_snapshot *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(&s->v, v, sizeof(s->v));
	memcpy(s->fpu, v->fpu, sizeof(s->fpu));
	s->assists = guest->vm_assist;
	/* What no count says is there is not looked at. */
	memset(s->v.pv.gdt_frames + (s->v.pv.gdt_entries + 511) / 512, 0,
	       sizeof(s->v.pv.gdt_frames) - (s->v.pv.gdt_entries + 511) / 512 * sizeof(u64));
	memset(s->v.pv.ldt_frames + (s->v.pv.ldt_entries + 511) / 512, 0,
	       sizeof(s->v.pv.ldt_frames) - (s->v.pv.ldt_entries + 511) / 512 * sizeof(u64));
	if (!s->v.pv.ldt_entries)
		s->v.pv.ldt_base = 0;
}

/* What an attempt that will be continued has taken already is no state of anybody's yet. */
static __attribute__((unused)) void context_forget_tables(struct context_snapshot *s)
{
	s->v.pv.guest_table = s->v.pv.guest_table_user = INVALID_MFN;
	s->v.pv.cr3_kernel = s->v.pv.cr3_user = INVALID_MFN;
	s->v.pv.old_table = 0;
	s->v.pv.gdt_entries = s->v.pv.ldt_entries = 0;
	s->v.pv.ldt_base = 0;
	memset(s->v.pv.gdt_frames, 0, sizeof(s->v.pv.gdt_frames));
	memset(s->v.pv.ldt_frames, 0, sizeof(s->v.pv.ldt_frames));
}

/* NULL, or what differs. */
static const char *context_differs(const struct context_snapshot *a,
				   const struct context_snapshot *b)
{
	SAY(!memcmp(&a->v.regs, &b->v.regs, sizeof(a->v.regs)), "registers");
	SAY(!memcmp(&a->v.pv, &b->v.pv, sizeof(a->v.pv)), "what the kernel set up");
	SAY(!memcmp(a->fpu, b->fpu, sizeof(a->fpu)), "FPU");
	SAY(!memcmp(&a->v, &b->v, sizeof(a->v)), "the vCPU");
	SAY(a->assists == b->assists, "assists");
	return NULL;
}

#endif
