// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/pv/context.c hypervisor/pv/compat_context.c hypervisor/pv/callback.c
// sources: hypervisor/cpu/cpu_policy.c
// sources: hypervisor/pv/cpu_ops.c hypervisor/pv/bounce.c hypervisor/pv/ring1.c
// sources: hypervisor/domain/fpu_image.c
// sources: hypervisor/domain/permission.c hypervisor/lib/printf.c tests/unit/sim/sim.c
// sources: hypervisor/memory/range_set.c
// cflags: -DSIM_FRAMES=256 -DHEAP_FIRST=160ULL
// clang: -fno-sanitize-coverage=trace-cmp
// options: -max_len=640
//
// States of vCPUs, 64 and 32 bits: good ones in which some words, bits, bytes of the FPU's image or
// frames are others, given by the domain itself or by dom0, to vCPUs that have a state or none,
// interrupted anywhere and carried on with another state or by a reset. Refused means unchanged.
// Taken means that a processor can load all of it, as tests/unit/context_world.h says from the
// manuals; that what is read back is taken again and changes nothing; and that the tables' types
// and counts are as the audit wants them. Nobody but that vCPU changes.

#include "tests/fuzz/fuzz.h"
#include "context_world.h"

#define VCPUS 4

static struct vcpu_guest_context wide;
static struct compat_vcpu_guest_context narrow;
static struct compat_callback_selectors sel;
static struct context_snapshot before[VCPUS], after[VCPUS];
/* An attempt was interrupted: some of the tables are the vCPU's already. */
static bool half_way[VCPUS];

/* A frame: mostly one of the world's. */
static u64 frame(struct fuzz_in *in)
{
	u8 c = fuzz_u8(in);

	if (c < 0xc0)
		return world[c % W_FRAMES];
	return c < 0xe0 ? c : fuzz_number(in);
}

/* A word: a number, an edge of the address space, a frame in the form of a register, a selector. */
static u64 word(struct fuzz_in *in)
{
	static const u64 edges[] = {
		0x00007fffffffffff, 0x0000800000000000, 0xffff7fffffffffff, 0xffff800000000000,
		0xffff87ffffffffff, 0xffff880000000000, 0xffff830000000000, 0xffffffff80000000,
	};
	u8 c = fuzz_u8(in);

	if (c < 0x50)
		return fuzz_number(in);
	if (c < 0x80)
		return edges[c % ARRAY_SIZE(edges)] + (u64)(s64)(s8)fuzz_u8(in);
	if (c < 0xa0)
		return frame(in) << PAGE_SHIFT | (c & 1 ? fuzz_u16(in) & 0xfff : 0);
	if (c < 0xc0)
		return 0xe000 + (c & 31) * 8 + (fuzz_u8(in) & 7);
	if (c < 0xd0)
		return WORLD_VA + (c & 7) * PAGE_SIZE + (c & 8 ? fuzz_u8(in) : 0);
	return fuzz_u64(in);
}

/* Where a state's parts begin, in words of eight bytes or four. */
struct parts {
	size_t flags, ctrlreg, debugreg, gdt_frames, user_regs, nr_user_regs, all;
};
#define WORD_OF(state, type, field) (offsetof(__typeof__(state), field) / sizeof(type))
#define PARTS(s, type)                                                                        \
	(struct parts) {                                                                      \
		WORD_OF(s, type, flags), WORD_OF(s, type, ctrlreg), WORD_OF(s, type, debugreg), \
		WORD_OF(s, type, gdt_frames), WORD_OF(s, type, user_regs),                    \
		sizeof((s).user_regs) / sizeof(type), sizeof(s) / sizeof(type)                \
	}

/* A word of a state that is none of the FPU's; those at the end are asked for most often. */
static size_t pick_word(struct fuzz_in *in, struct parts p)
{
	size_t any = p.flags + fuzz_u16(in) % (p.all - p.flags);
	u8 c = fuzz_u8(in);

	return c < 0x20 ? p.ctrlreg + (c & 7) :
	       c < 0x40 ? p.debugreg + (c & 7) :
	       c < 0x50 ? p.gdt_frames + (c & 15) :
	       c < 0x70 ? p.all - 1 - c % 8 :
	       c < 0x90 ? p.user_regs + c % p.nr_user_regs : any;
}

static void change_wide(struct fuzz_in *in)
{
	u64 *at = (u64 *)&wide + pick_word(in, PARTS(wide, u64));

	switch (fuzz_u8(in) & 7) {
	case 0: *at ^= BIT(fuzz_u8(in) & 63); break;
	case 1: *at = frame(in); break;
	case 2: *at = xen_pfn_to_cr3(frame(in)) | (fuzz_u16(in) & 0xfff); break;
	case 3: wide.flags ^= fuzz_u8(in); break;
	default: *at = word(in);
	}
}

static void change_narrow(struct fuzz_in *in)
{
	u32 *at = (u32 *)&narrow + pick_word(in, PARTS(narrow, u32));

	switch (fuzz_u8(in) & 7) {
	case 0: *at ^= 1U << (fuzz_u8(in) & 31); break;
	case 1: *at = (u32)frame(in); break;
	case 2: *at = compat_pfn_to_cr3(frame(in)); break;
	default: *at = (u32)word(in);
	}
}

static void change(struct fuzz_in *in)
{
	char *fpu = guest->is_32bit ? (char *)&narrow.fpu_ctxt : (char *)&wide.fpu_ctxt;

	if (fuzz_u8(in) < 0x18) {
		u8 c = fuzz_u8(in);

		fpu[c < 0x80 ? 24 + c % 8 : fuzz_u16(in) % 512] ^= (char)fuzz_u8(in);
	} else if (guest->is_32bit) {
		change_narrow(in);
	} else {
		change_wide(in);
	}
}

static void look(struct context_snapshot *all)
{
	for (unsigned i = 0; i < VCPUS; i++)
		context_look(guest->vcpu[i], &all[i]);
}

/* Nobody's state but that of `mine` is another one. */
static void check_others(unsigned mine)
{
	const char *what;

	for (unsigned i = 0; i < VCPUS; i++) {
		if (i == mine)
			continue;
		before[i].assists = after[i].assists;
		what = context_differs(&before[i], &after[i]);
		FUZZ_CHECK(!what, "vCPU %u: %s changed, of another one", i, what);
	}
}

static void check_refused(unsigned id, int r)
{
	const struct pv_vcpu *pv = &guest->vcpu[id]->pv;
	const char *what;

	if (half_way[id] || r == -ERESTART) {
		context_forget_tables(&before[id]);
		context_forget_tables(&after[id]);
	}
	/* A state that is refused at a glance leaves them for the next attempt. */
	half_way[id] = r == -ERESTART ||
		       (half_way[id] && (pv->guest_table != INVALID_MFN || pv->old_table));
	what = context_differs(&before[id], &after[id]);
	FUZZ_CHECK(!what, "vCPU %u: refused (%d), and it changed: %s", id, r, what);
}

/* What it says of itself is taken, and is what it was. */
static void check_read_back(struct vcpu *v)
{
	struct vcpu *caller = current;
	const char *what;
	int r;

	if (guest->is_32bit) {
		vcpu_get_context_compat(v, &wide, &sel);
		compat_context_narrow(&narrow, &wide, &sel);
		compat_context_widen(&wide, &sel, &narrow);
	} else {
		vcpu_get_context(v, &wide);
	}
	sim_current = dom0->vcpu[0];
	r = context_set(v, &wide, &sel);
	sim_current = caller;
	FUZZ_CHECK(!r, "vCPU %u: what was read back is refused (%d)", v->id, r);
	look(before);
	what = context_differs(&before[v->id], &after[v->id]);
	FUZZ_CHECK(!what, "vCPU %u: read back and set, it changed: %s", v->id, what);
}

static void op_set(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);
	unsigned id = how & 3;
	struct vcpu *v = guest->vcpu[id];
	const char *wrong;
	int r;

	context_good(&wide, &sel);
	if (how & 4)
		wide.flags |= VGCF_i387_valid;
	if (how & 8)
		wide.ctrlreg[1] = guest->is_32bit ? 0 : xen_pfn_to_cr3(world[W_ROOT2]);
	if (how & 16)
		wide.flags &= ~(u64)VGCF_in_kernel;
	if (guest->is_32bit)
		compat_context_narrow(&narrow, &wide, &sel);
	for (unsigned i = 0, n = 1 + fuzz_below(in, 6); i < n; i++)
		change(in);
	if (guest->is_32bit)
		compat_context_widen(&wide, &sel, &narrow);
	/* dom0, or the first other vCPU of its own. */
	sim_current = how & 0xe0 ? guest->vcpu[!id] : dom0->vcpu[0];
	sim.preempt_after = fuzz_u8(in) & 1 ? fuzz_u8(in) & 31 : 0;
	look(before);
	r = context_set(v, &wide, &sel);
	sim.preempt_after = 0;
	look(after);
	fuzz_say("vCPU %u by domain %u: %d\n", id, current->domain->id, r);
	check_others(id);
	if (r) {
		check_refused(id, r);
		return;
	}
	half_way[id] = false;
	FUZZ_CHECK(!before[id].v.initialised || current->domain != guest,
		   "vCPU %u of the caller's domain gets a second state", id);
	wrong = context_wrong(v);
	FUZZ_CHECK(!wrong, "vCPU %u cannot be loaded: %s", id, wrong);
	FUZZ_CHECK(!(guest->vm_assist & VM_ASSIST_COMPAT) == !guest->is_32bit,
		   "assists %lx", guest->vm_assist);
	check_read_back(v);
}

/* By dom0, which has paused the domain. */
static void op_reset(struct fuzz_in *in)
{
	unsigned id = fuzz_u8(in) & 3;
	struct vcpu *v = guest->vcpu[id];
	int r;

	sim_current = dom0->vcpu[0];
	sim.preempt_after = fuzz_u8(in) & 31;
	look(before);
	r = vcpu_reset(v);
	sim.preempt_after = 0;
	look(after);
	fuzz_say("reset of vCPU %u: %d\n", id, r);
	check_others(id);
	FUZZ_CHECK(!r || r == -ERESTART, "reset: %d", r);
	FUZZ_CHECK(!v->initialised && (v->pause_flags & VPF_DOWN),
		   "vCPU %u may be brought up, its reset said %d", id, r);
	half_way[id] = r;
	if (!r)
		FUZZ_CHECK(v->pv.guest_table == INVALID_MFN && !v->pv.gdt_entries &&
				   v->pv.guest_table_user == INVALID_MFN && !v->pv.ldt_entries &&
				   !v->pv.old_table,
			   "vCPU %u keeps tables", id);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fixture_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u32 masks[] = { 0xffff, 0xffbf, 0x2ffff, 0xffff };
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);

	context_begin(how & 1);
	cpu_features.mxcsr_mask = masks[how >> 1 & 3];
	cpu_features.xsave = how & 8;
	for (unsigned i = 0; i < VCPUS; i++)
		fpu_reset(guest->vcpu[i]);
	memset(half_way, 0, sizeof(half_way));
	for (unsigned n = 0; n < 24 && fuzz_more(&in); n++) {
		if (fuzz_u8(&in) < 0xd0)
			op_set(&in);
		else
			op_reset(&in);
		FUZZ_CHECK(!audit(), "the audit");
	}
	context_end();
	return 0;
}
