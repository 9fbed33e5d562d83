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
//
// Every field of a vCPU's state through its odd values, 64 and 32 bits: refused, and nothing has
// changed, or taken, and the processor can load all that came of it (tests/unit/context_world.h).

#include "context_world.h"
#include "suite.h"

#include "pv-abi/domctl.h"

#define IN(field) offsetof(struct vcpu_guest_context, field), \
	sizeof(((struct vcpu_guest_context *)0)->field)

enum { REFUSED, TAKEN };

/* Up to as many values as there are; the rest of the state is a good one. */
struct odd {
	const char *what;
	size_t at, size;
	int in_64, in_32;
	unsigned n;
	u64 values[12];
};

#define N(...) sizeof((u64[]){ __VA_ARGS__ }) / 8, { __VA_ARGS__ }
#define NO_ENTRY N(BIT(47), 0xffff7fffffffffff, HV_VIRT_START, HV_VIRT_START + 1, HV_VIRT_END - 1, \
		   BIT(63), BIT(62), 0x8000000000001000)
#define NO_BASE	 N(BIT(47), 0xffff7fffffffffff, BIT(62), BIT(63), 0x7fffffffffffffff)
#define SELECTORS N(0, 1, 3, 4, 7, 0xe008, 0xe009, 0xe00b, 0xe010, 0xe019, 0xe040, 0xffff)

/* Fields whose oddity does not depend on the frames there are. */
static const struct odd odds[] = {
	{ "flags", IN(flags), TAKEN, TAKEN,
	  N(VGCF_in_kernel | ~7UL, ~0UL, VGCF_in_kernel | VGCF_online, VGCF_in_kernel | BIT(63)) },
	/* User mode without a user root; a 32-bit guest's mode is its selector's */
	{ "flags", IN(flags), REFUSED, TAKEN, N(0, ~(u64)VGCF_in_kernel, VGCF_online) },
	{ "rip", IN(user_regs.rip), REFUSED, REFUSED, NO_ENTRY },
	{ "rip", IN(user_regs.rip), TAKEN, TAKEN, N(0, 1, 0xfff, 0x7fffffff) },
	{ "rip", IN(user_regs.rip), TAKEN, -1,
	  N(0x00007fffffffffff, HV_VIRT_END, ~0UL) },
	{ "rsp", IN(user_regs.rsp), TAKEN, TAKEN, N(0, 7, 0xffffffff) },
	{ "rsp", IN(user_regs.rsp), TAKEN, -1, N(BIT(47), HV_VIRT_START, BIT(63), ~0UL) },
	{ "rflags", IN(user_regs.rflags), TAKEN, TAKEN,
	  N(0, 0xffffffff, RFLAGS_TF, RFLAGS_IOPL, RFLAGS_NT, RFLAGS_VM, RFLAGS_RF, RFLAGS_AC,
	    RFLAGS_DF, BIT(19), BIT(20), BIT(21)) },
	{ "rflags", IN(user_regs.rflags), TAKEN, -1,
	  N(~0UL, BIT(32), BIT(63), 0xffffffff00000000) },
	{ "cs", IN(user_regs.cs), TAKEN, TAKEN, SELECTORS },
	{ "ss", IN(user_regs.ss), TAKEN, TAKEN, SELECTORS },
	{ "ds", IN(user_regs.ds), TAKEN, TAKEN, SELECTORS },
	{ "es", IN(user_regs.es), TAKEN, TAKEN, SELECTORS },
	{ "fs", IN(user_regs.fs), TAKEN, TAKEN, SELECTORS },
	{ "gs", IN(user_regs.gs), TAKEN, TAKEN, SELECTORS },
	{ "trap address", IN(trap_ctxt[0].address), REFUSED, REFUSED, NO_ENTRY },
	{ "trap address", IN(trap_ctxt[255].address), REFUSED, REFUSED, NO_ENTRY },
	{ "trap address", IN(trap_ctxt[14].address), TAKEN, TAKEN, N(0, 1, 0xfffffff0) },
	{ "trap cs", IN(trap_ctxt[14].cs), TAKEN, TAKEN, SELECTORS },
	{ "trap cs", IN(trap_ctxt[128].cs), TAKEN, TAKEN, SELECTORS },
	{ "trap flags", IN(trap_ctxt[128].flags), TAKEN, TAKEN, N(1, 3, 4, 0xff) },
	{ "trap vector", IN(trap_ctxt[3].vector), TAKEN, TAKEN, N(0, 2, 0x80, 0xff) },
	{ "ldt_base", IN(ldt_base), REFUSED, REFUSED,
	  N(0, 1, WORLD_VA32 + 8, WORLD_VA64 + 1, WORLD_VA64 + 0xfff, ~0xfffUL, HV_VIRT_START,
	    BIT(47), 0xffff7ffffffff000, BIT(63), 0xfff00000, 0xf5800000) },
	{ "ldt_ents", IN(ldt_ents), REFUSED, REFUSED,
	  N(8193, 0x10000, BIT(32), BIT(32) + 1, BIT(63), ~0UL) },
	/* The third page is writable, the fourth is not there */
	{ "ldt_ents", IN(ldt_ents), REFUSED, REFUSED, N(1025, 1537, 8192) },
	{ "ldt_ents", IN(ldt_ents), TAKEN, TAKEN, N(0, 1, 512, 1024) },
	{ "gdt_ents", IN(gdt_ents), REFUSED, REFUSED,
	  N(0x1c01, 0x2000, BIT(32), BIT(32) + 600, BIT(63), ~0UL) },
	/* There is no third frame */
	{ "gdt_ents", IN(gdt_ents), REFUSED, REFUSED, N(1025, 0x1c00) },
	{ "gdt_ents", IN(gdt_ents), TAKEN, TAKEN, N(0, 1, 511, 1024) },
	{ "gdt frame", IN(gdt_frames[1]), REFUSED, REFUSED,
	  N(0, SIM_FRAMES, SIM_FRAMES - 1, BIT(32), BIT(40), BIT(52), BIT(63), ~0UL) },
	{ "gdt frame", IN(gdt_frames[2]), TAKEN, TAKEN, N(~0UL, 1) }, /* not asked for */
	{ "kernel_ss", IN(kernel_ss), TAKEN, TAKEN,
	  N(0, 1, 7, 0xe010, 0xe019, 0xffff, 0x1e021, 0xffffffff) },
	{ "kernel_ss", IN(kernel_ss), TAKEN, -1, N(BIT(32), ~0UL) },
	{ "kernel_sp", IN(kernel_sp), TAKEN, TAKEN,
	  N(0, 1, 16, 64, 65, 127, 128, 129, 0xffffffff, 0xfffffff0) },
	{ "kernel_sp", IN(kernel_sp), TAKEN, -1,
	  N(BIT(47), BIT(47) + 64, HV_VIRT_START, HV_VIRT_START + 64, HV_VIRT_END,
	    HV_VIRT_END + 64, HV_VIRT_END + 128, BIT(63), ~0UL, 0xffff7fffffffff80) },
	{ "ctrlreg[0]", IN(ctrlreg[0]), TAKEN, TAKEN, N(0, 8, 0xffffffff) },
	{ "ctrlreg[2]", IN(ctrlreg[2]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "ctrlreg[4]", IN(ctrlreg[4]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "ctrlreg[5]", IN(ctrlreg[5]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "ctrlreg[6]", IN(ctrlreg[6]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "ctrlreg[7]", IN(ctrlreg[7]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "ctrlreg[1]", IN(ctrlreg[1]), TAKEN, TAKEN, N(0, 1, 8, 0xfff) },
	{ "ctrlreg[1]", IN(ctrlreg[1]), REFUSED, -1,
	  N(BIT(12), (u64)SIM_FRAMES << 12, BIT(52), BIT(63), ~0UL) },
	{ "ctrlreg[3]", IN(ctrlreg[3]), REFUSED, REFUSED,
	  N(0, 1, 0xfff, BIT(12), (u64)SIM_FRAMES << 12, (u64)(SIM_FRAMES - 1) << 12, BIT(40),
	    BIT(52), BIT(63), ~0UL) },
	{ "debugreg[0]", IN(debugreg[0]), REFUSED, REFUSED, NO_ENTRY },
	{ "debugreg[3]", IN(debugreg[3]), REFUSED, REFUSED, NO_ENTRY },
	{ "debugreg[1]", IN(debugreg[1]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "debugreg[4]", IN(debugreg[4]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "debugreg[5]", IN(debugreg[5]), TAKEN, TAKEN, N(1, 0xffffffff) },
	{ "debugreg[6]", IN(debugreg[6]), TAKEN, TAKEN, N(0, 1, 0xffffffff, ~0UL) },
	{ "debugreg[7]", IN(debugreg[7]), REFUSED, REFUSED,
	  N(0x20001, 0x20002, 0x200004, 0xe0000080, 0xaaaaaaaa | 1, BIT(32), BIT(63), ~0UL) },
	{ "debugreg[7]", IN(debugreg[7]), TAKEN, TAKEN,
	  N(0, 0x2000, 0xf800, 0xffff, 0x20000, 0xffffffff, 0xdddd00ff, 0x800) },
	{ "event callback", IN(event_callback_eip), REFUSED, REFUSED, NO_ENTRY },
	{ "failsafe callback", IN(failsafe_callback_eip), REFUSED, REFUSED, NO_ENTRY },
	{ "syscall callback", IN(syscall_callback_eip), REFUSED, REFUSED, NO_ENTRY },
	{ "event callback", IN(event_callback_eip), TAKEN, TAKEN, N(0, 1, 0xffffffff) },
	{ "failsafe callback", IN(failsafe_callback_eip), TAKEN, TAKEN, N(0, 1, 0xffffffff) },
	{ "syscall callback", IN(syscall_callback_eip), TAKEN, -1, N(0, 1, ~0UL, HV_VIRT_END) },
	/* The domain's, and asked of its first vCPU only */
	{ "vm_assist", IN(vm_assist), TAKEN, TAKEN, N(1, 0x80, 0xffffffff) },
	{ "fs_base", IN(fs_base), REFUSED, REFUSED, NO_BASE },
	{ "gs_base_kernel", IN(gs_base_kernel), REFUSED, REFUSED, NO_BASE },
	{ "gs_base_user", IN(gs_base_user), REFUSED, REFUSED, NO_BASE },
	{ "fs_base", IN(fs_base), TAKEN, -1, N(0x7fffffffffff, HV_VIRT_START, HV_VIRT_END, ~0UL) },
	{ "gs_base_user", IN(gs_base_user), TAKEN, -1, N(0x7fffffffffff, HV_VIRT_START, ~0UL) },
};

static struct vcpu_guest_context c;
static struct compat_callback_selectors sel;
static struct vcpu *v;
static struct context_snapshot before, after;

static void begin(bool is_32bit)
{
	context_begin(is_32bit);
	v = guest->vcpu[1];
	context_good(&c, &sel);
}

/* One state: what came of it is as it must be. The vCPU is as it was again. */
static void one(const char *what, u64 value, int want)
{
	const char *wrong = NULL;
	int r;

	context_look(v, &before);
	r = context_set(v, &c, &sel);
	context_look(v, &after);
	if (r) {
		wrong = want == TAKEN ? "it is refused" : context_differs(&before, &after);
	} else {
		wrong = want == REFUSED ? "it is taken" : context_wrong(v);
		vcpu_reset(v);
		v->pv = before.v.pv;
		v->regs = before.v.regs;
		fpu_reset(v);
		v->pause_flags = VPF_DOWN;
	}
	if (!r && want == REFUSED && context_wrong(v))
		wrong = "it is taken, and wrong";
	if (wrong)
		printf("\n%s %#llx (%d bits): %s, result %d", what, (unsigned long long)value,
		       guest->is_32bit ? 32 : 64, wrong, r);
	CU_ASSERT_PTR_NULL(wrong);
}

static void every_field(bool is_32bit)
{
	begin(is_32bit);
	one("a good state", 0, TAKEN);
	for (unsigned i = 0; i < ARRAY_SIZE(odds); i++) {
		const struct odd *o = &odds[i];
		int want = is_32bit ? o->in_32 : o->in_64;

		/* Not a number of 32 bits: no such field. */
		for (unsigned n = 0; want >= 0 && n < o->n; n++) {
			u64 value = o->values[n];

			context_good(&c, &sel);
			if (!strcmp(o->what, "debugreg[7]") || !strcmp(o->what, "debugreg[6]"))
				c.debugreg[0] = 0x1000;
			memcpy((u8 *)&c + o->at, &value, o->size);
			one(o->what, value, want);
		}
	}
	context_end();
}

TEST(test_every_field_64, "every field, 64 bits")
{
	every_field(false);
}

TEST(test_every_field_32, "every field, 32 bits")
{
	every_field(true);
}

/* Frames of every kind in each place for one, with and without flags beside their numbers. */
static void frames(bool is_32bit)
{
	static const unsigned roots[] = { W_ROOT, W_ROOT2, W_FOREIGN };
	/* Nothing that is in use as something else by this very state, nor with a gate in it. */
	bool for_gdt[W_FRAMES] = {
		[W_GDT] = true, [W_GDT2] = true, [W_LDT] = true, [W_LDT_LAST] = true,
		[W_NOT_MAPPED] = true, [W_ROOT2] = true, [W_L3] = is_32bit,
		[W_LAST_L2] = !is_32bit,
	};

	begin(is_32bit);
	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++)
		for (unsigned low = 0; low < 0x1000; low += 0x555) {
			int want = roots[i] == W_FOREIGN ? REFUSED : TAKEN;

			context_good(&c, &sel);
			c.ctrlreg[3] = xen_pfn_to_cr3(world[roots[i]]) | low;
			one("root", roots[i] << 12 | low, want);
			context_good(&c, &sel);
			c.ctrlreg[1] = xen_pfn_to_cr3(world[roots[i]]) | low;
			one("user root", roots[i] << 12 | low, is_32bit ? REFUSED : want);
			c.flags = 0;
			one("user mode", roots[i] << 12 | low, is_32bit ? REFUSED : want);
		}
	for (unsigned i = 0; i < W_FRAMES; i++) {
		context_good(&c, &sel);
		c.gdt_frames[0] = world[i];
		one("gdt frame", i, for_gdt[i] ? TAKEN : REFUSED);
	}
	context_end();
}

TEST(test_frames_64, "frames, 64 bits")
{
	frames(false);
}

TEST(test_frames_32, "frames, 32 bits")
{
	frames(true);
}

/* User mode: what is asked for is a frame. With one, any flags beside its number are nothing. */
TEST(test_user_mode, "user mode")
{
	begin(false);
	for (u64 cr3 = 0; cr3 < 0x1000; cr3++) {
		context_good(&c, &sel);
		c.flags = 0;
		c.ctrlreg[1] = cr3;
		if (cr3 < 64 || !(cr3 & (cr3 - 1)) || !((cr3 + 1) & cr3))
			one("ctrlreg[1] in user mode", cr3, REFUSED);
	}
	for (u64 cr3 = 0; cr3 < 0x1000; cr3 = cr3 * 2 + 1) {
		context_good(&c, &sel);
		c.flags = 0;
		c.ctrlreg[1] = xen_pfn_to_cr3(world[W_ROOT2]) | cr3;
		one("ctrlreg[1] with a frame", cr3, TAKEN);
		c.ctrlreg[1] = xen_pfn_to_cr3(world[W_ROOT]) | cr3;
		one("one root for both", cr3, TAKEN);
	}
	context_end();
}

/* By the toolstack, on a vCPU that has its tables: a mode that they do not serve is refused. */
TEST(test_again, "given again")
{
	begin(false);
	CU_ASSERT_EQUAL(context_set(v, &c, &sel), 0);
	sim_current = dom0->vcpu[0];
	for (u64 cr3 = 0; cr3 < 0x1000; cr3 = cr3 * 2 + 1) {
		context_look(v, &before);
		c.flags = 0;
		c.ctrlreg[1] = cr3;
		CU_ASSERT_EQUAL(context_set(v, &c, &sel), -EINVAL);
		context_look(v, &after);
		CU_ASSERT_PTR_NULL(context_differs(&before, &after));
		c.flags = VGCF_in_kernel;
		CU_ASSERT_EQUAL(context_set(v, &c, &sel), 0);
		CU_ASSERT_PTR_NULL(context_wrong(v));
	}
	context_end();
}

/* Entry points that are in no context: only where a guest can be entered. */
TEST(test_more_entries, "more entry points")
{
	static const u64 no_entry[] = { BIT(47), HV_VIRT_START, HV_VIRT_END - 1, BIT(63) };

	for (unsigned is_32bit = 0; is_32bit < 2; is_32bit++) {
		struct xen_domctl_ext_vcpucontext x = {
			.syscall32_callback_eip = 0x1000, .sysenter_callback_eip = 0x2000,
			.syscall32_callback_cs = 0xe008, .sysenter_callback_cs = 0x10,
			.sysenter_disables_events = 1,
		}, y;

		begin(is_32bit);
		v->pv.nmi_callback = 0x3000;
		v->pv.nmi_cs = 0xe019;
		CU_ASSERT_EQUAL(vcpu_set_ext_context(v, &x), 0);
		vcpu_get_ext_context(v, &y);
		CU_ASSERT_TRUE(y.size == sizeof(y) && y.vcpu == 1);
		CU_ASSERT_EQUAL(y.syscall32_callback_eip, 0x1000);
		CU_ASSERT_EQUAL(y.sysenter_callback_eip, 0x2000);
		CU_ASSERT_TRUE(!y.syscall32_disables_events && y.sysenter_disables_events);
		CU_ASSERT_EQUAL(y.syscall32_callback_cs, is_32bit ? 0xe009 : 0);
		CU_ASSERT_EQUAL(y.sysenter_callback_cs, is_32bit ? 0x11 : 0);
		for (unsigned i = 0; i < ARRAY_SIZE(no_entry); i++) {
			y = x;
			y.syscall32_callback_eip = no_entry[i];
			CU_ASSERT_EQUAL(vcpu_set_ext_context(v, &y), -EINVAL);
			y = x;
			y.sysenter_callback_eip = no_entry[i];
			CU_ASSERT_EQUAL(vcpu_set_ext_context(v, &y), -EINVAL);
		}
		CU_ASSERT_EQUAL(v->pv.syscall32_callback, 0x1000);
		CU_ASSERT_EQUAL(v->pv.sysenter_callback, 0x2000);
		/* The NMI's handler is where the ABI has it. */
		vcpu_get_context(v, &c);
		CU_ASSERT_EQUAL(c.trap_ctxt[2].address, 0x3000);
		if (is_32bit)
			CU_ASSERT_EQUAL(c.trap_ctxt[2].cs, 0xe019);
		v->pv.nmi_callback = 0;
		context_end();
	}
}

/*
 * An NMI callback is told as the handler of its vector. Given back as it was told it does not
 * become that: whoever takes the callback away later has the handler of before.
 */
TEST(test_nmi_callback, "the NMI's callback and its handler")
{
	for (unsigned is_32bit = 0; is_32bit < 2; is_32bit++) {
		begin(is_32bit);
		v->pv.nmi_callback = 0x3000;
		v->pv.nmi_cs = 0xe019;
		v->pv.traps[2].address = 0x4000;
		for (u8 i = 2; i < 4; i++)
			c.trap_ctxt[i] = (struct trap_info){
				.vector = i, .cs = 0xe019, .address = 0x3000,
			};
		CU_ASSERT_EQUAL(context_set(v, &c, &sel), 0);
		CU_ASSERT_EQUAL(v->pv.nmi_callback, 0x3000);
		CU_ASSERT_EQUAL(v->pv.traps[2].address, 0x4000);
		CU_ASSERT_EQUAL(v->pv.traps[3].address, 0x3000);
		/* Another handler is one. */
		vcpu_reset(v);
		v->pv.nmi_callback = 0x3000;
		c.trap_ctxt[2].address = 0x5000;
		CU_ASSERT_EQUAL(context_set(v, &c, &sel), 0);
		CU_ASSERT_EQUAL(v->pv.traps[2].address, 0x5000);
		vcpu_reset(v);
		v->pv.nmi_callback = 0;
		context_end();
	}
}

/* The FPU's image, byte by byte. */
TEST(test_fpu, "FPU")
{
	static const u32 masks[] = { 0xffbf, 0xffff, 0x2ffff };

	for (unsigned is_32bit = 0; is_32bit < 2; is_32bit++) {
		begin(is_32bit);
		for (unsigned m = 0; m < ARRAY_SIZE(masks); m++) {
			cpu_features.mxcsr_mask = masks[m];
			for (unsigned i = 0; i < 512; i++) {
				context_good(&c, &sel);
				c.flags |= VGCF_i387_valid;
				c.fpu_ctxt.x[i] = (char)0xff;
				one("FPU", i, TAKEN);
			}
			context_good(&c, &sel);
			c.flags |= VGCF_i387_valid;
			memset(&c.fpu_ctxt, 0xff, sizeof(c.fpu_ctxt));
			CU_ASSERT_EQUAL(context_set(v, &c, &sel), 0);
			CU_ASSERT_PTR_NULL(context_wrong(v));
			/* All that the CPU has is the guest's, and the mask is not. */
			CU_ASSERT_EQUAL(*(u32 *)((u8 *)v->fpu + 24), masks[m]);
			CU_ASSERT_EQUAL(((u8 *)v->fpu)[463], 0xff);
			CU_ASSERT_EQUAL(((u8 *)v->fpu)[464], 0);
			vcpu_reset(v);
		}
		/* Without it the state is that of a reset. */
		context_good(&c, &sel);
		memset(&c.fpu_ctxt, 0xff, sizeof(c.fpu_ctxt));
		fpu_reset(v);
		CU_ASSERT_EQUAL(context_set(v, &c, &sel), 0);
		CU_ASSERT_EQUAL(*(u32 *)((u8 *)v->fpu + 24), 0x1f80);
		context_end();
	}
}

/*
 * The first vCPU's assists are the domain's: known ones only, and the marks of 32 bits and of
 * shadows are ours, neither taken away nor shown.
 */
TEST(test_assists, "assists")
{
	for (unsigned is_32bit = 0; is_32bit < 2; is_32bit++) {
		begin(is_32bit);
		v = guest->vcpu[0];
		v->initialised = false;
		v->pause_flags = VPF_DOWN;
		sim_current = guest->vcpu[1];
		for (unsigned bit = 0; bit < 64; bit++) {
			bool known = bit < 6 || bit == VMASST_TYPE_m2p_strict;
			u64 ours = (is_32bit ? VM_ASSIST_COMPAT : 0) |
				   (bit & 1 ? VM_ASSIST_SHADOWED : 0);

			guest->vm_assist = ours;
			context_good(&c, &sel);
			c.vm_assist = BIT(bit);
			context_look(v, &before);
			CU_ASSERT_EQUAL(context_set(v, &c, &sel), known ? 0 : -EINVAL);
			context_look(v, &after);
			if (!known) {
				CU_ASSERT_PTR_NULL(context_differs(&before, &after));
				continue;
			}
			CU_ASSERT_EQUAL(guest->vm_assist, BIT(bit) | ours);
			vcpu_get_context(v, &c);
			CU_ASSERT_EQUAL(c.vm_assist, BIT(bit));
			vcpu_reset(v);
		}
		context_end();
	}
}

/* A 32-bit guest's callbacks have selectors, of which none may be ring 0's. */
TEST(test_callback_selectors, "callbacks' selectors")
{
	static const u16 values[] = { 0, 1, 3, 4, 7, 0xe008, 0xe010, 0xe019, 0xe033, 0xffff };

	begin(true);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		context_good(&c, &sel);
		sel.event = values[i];
		one("event cs", values[i], TAKEN);
		context_good(&c, &sel);
		sel.failsafe = values[i];
		one("failsafe cs", values[i], TAKEN);
	}
	context_end();
}

/* An attempt that is interrupted wherever it can be ends as one that was not. */
TEST(test_interrupted, "interrupted")
{
	for (unsigned after_n = 1; after_n < 40; after_n++)
		for (unsigned is_32bit = 0; is_32bit < 2; is_32bit++) {
			int r, tries = 0;

			begin(is_32bit);
			c.ctrlreg[1] = is_32bit ? 0 : xen_pfn_to_cr3(world[W_ROOT2]);
			c.gdt_frames[1] = world[W_FOREIGN];
			sim.preempt_after = after_n;
			do {
				r = context_set(v, &c, &sel);
				CU_ASSERT_FALSE(v->initialised || v->context_busy);
			} while (r == -ERESTART && tries++ < 100);
			CU_ASSERT_EQUAL(r, -EINVAL);
			c.gdt_frames[1] = world[W_GDT2];
			sim.preempt_after = after_n;
			do {
				r = context_set(v, &c, &sel);
			} while (r == -ERESTART && tries++ < 100);
			CU_ASSERT_EQUAL(r, 0);
			CU_ASSERT_PTR_NULL(context_wrong(v));
			sim.preempt_after = after_n;
			do {
				r = vcpu_reset(v);
				CU_ASSERT_FALSE(v->initialised);
			} while (r == -ERESTART && tries++ < 100);
			CU_ASSERT_EQUAL(r, 0);
			context_end();
		}
}

SUITE("context", .init = fixture_init)
