// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/ring1.c tests/unit/sim/sim.c
//
// Entering and leaving a 64-bit kernel in ring 1: frames, GS, masks, the stretch before IRETQ, what
// iret takes (pv-abi/ring1.h); what the stub that bounces without C is told.

#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "domain/domain.h"
#include "pv-abi/errno.h"
#include "pv-abi/ring1.h"
#include "pv/ring1.h"
#include "suite.h"

#define HANDLER	    0xffffffff81000000
#define KERNEL_GS   0xffff888000001000
#define PROCESS_GS  0x7f0000001000
#define USER_RFLAGS 0x10f02 /* RF, OF, DF, IF, TF: what a handler gets none of, and what it keeps */

static struct domain *d;
static struct vcpu *v;
static struct regs *r;
static u64 gs_base;
static unsigned crashes;
static _Alignas(16) u64 stack[64], inner[64];
static struct vcpu_info info;

void domain_crash(struct domain *of, const char *fmt, ...)
{
	CU_ASSERT_PTR_EQUAL(of, d);
	crashes++;
}

u64 rdmsr(u32 msr)
{
	CU_ASSERT_EQUAL(msr, MSR_GS_BASE);
	return gs_base;
}

void wrmsr(u32 msr, u64 value)
{
	CU_ASSERT_EQUAL(msr, MSR_GS_BASE);
	gs_base = value;
}

static void begin(void)
{
	sim_reset();
	crashes = 0;
	d = sim_domain(1, 1, false);
	d->ring1 = true;
	v = d->vcpu[0];
	sim_current = v;
	r = guest_regs();
	memset(r, 0, sizeof(*r));
	memset(&info, 0, sizeof(info));
	memset(stack, 0xaa, sizeof(stack));
	memset(inner, 0xaa, sizeof(inner));
	v->info = &info;
	v->pv.short_way = false;
	v->pv.kernel_sp = (u64)(stack + 64) - 8; /* not aligned */
	v->pv.gs_base_kernel = KERNEL_GS;
	v->pv.traps[6] = (struct trap_info){ 6, 0, 0, HANDLER };
	v->pv.traps[14] = (struct trap_info){ 14, 4, 0, HANDLER + 14 };
	v->pv.syscall_callback = HANDLER + 100;
	v->pv.event_callback = HANDLER + 200;
	v->pv.return_start = HANDLER + 0x1000;
	v->pv.return_end = HANDLER + 0x1010;
}

static void in_process(void)
{
	r->rip = 0x400000;
	r->cs = 0xe033;
	r->ss = 0xe02b;
	r->rsp = 0x7ffffff0;
	r->rflags = USER_RFLAGS;
	v->pv.kernel_mode = false;
	gs_base = PROCESS_GS;
}

static void in_kernel(u64 rip)
{
	r->rip = rip;
	r->cs = ANNULUS_KERNEL_CS;
	r->ss = ANNULUS_KERNEL_SS;
	r->rsp = (u64)(inner + 32) + 8;
	r->rflags = 0x202;
	v->pv.kernel_mode = true;
}

static void entered(u64 where, u64 sp)
{
	CU_ASSERT_EQUAL(r->rip, where);
	CU_ASSERT_EQUAL(r->rsp, sp);
	CU_ASSERT_EQUAL(r->cs, ANNULUS_KERNEL_CS);
	CU_ASSERT_EQUAL(r->ss, ANNULUS_KERNEL_SS);
	CU_ASSERT_EQUAL(r->rflags & (RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_IOPL |
				     RFLAGS_IF), RFLAGS_IF);
	CU_ASSERT_EQUAL(gs_base, KERNEL_GS);
	CU_ASSERT_TRUE(v->pv.kernel_mode);
}

TEST(test_from_process, "from a process")
{
	const u64 end = v->pv.kernel_sp & ~15ULL;
	const struct annulus_user_frame *f = (void *)(end - sizeof(*f));

	in_process();
	ring1_inject_trap(6, 77);
	entered(HANDLER, (u64)f);
	CU_ASSERT_TRUE(f->rip == 0x400000 && f->cs == 0xe033 && f->rsp == 0x7ffffff0 &&
		       f->ss == 0xe02b && f->gs_base == PROCESS_GS && f->reserved == 0);
	CU_ASSERT_EQUAL(f->rflags, USER_RFLAGS);
	CU_ASSERT_EQUAL(info.evtchn_upcall_mask, 0);
	CU_ASSERT_EQUAL(((u64 *)f)[-1], 0xaaaaaaaaaaaaaaaa);
	/* With an error code below it, and a gate that masks; the mask that was is in the frame. */
	in_process();
	ring1_inject_trap(14, 7);
	entered(HANDLER + 14, (u64)f - 8);
	CU_ASSERT_EQUAL(((u64 *)f)[-1], 7);
	CU_ASSERT_EQUAL(f->cs, 0xe033);
	CU_ASSERT_EQUAL(info.evtchn_upcall_mask, 1);
	in_process();
	ring1_bounce_event(r);
	entered(HANDLER + 200, (u64)f);
	CU_ASSERT_EQUAL(f->cs, 0xe033 | 1ULL << ANNULUS_FRAME_MASK_SHIFT);
	CU_ASSERT_EQUAL(f->rflags, USER_RFLAGS & ~RFLAGS_IF);
	/* A rip in the stretch means nothing there; DF is SYSCALL's to clear. */
	in_process();
	r->rip = v->pv.return_start;
	ring1_bounce_syscall(r);
	entered(HANDLER + 100, (u64)f);
	CU_ASSERT_EQUAL(f->cs & ANNULUS_FRAME_RETURNING, 0);
	CU_ASSERT_EQUAL(r->rflags & RFLAGS_DF, 0);
	CU_ASSERT_TRUE(f->rflags & RFLAGS_DF);
}

TEST(test_from_kernel, "from the kernel")
{
	const struct annulus_frame *f = (void *)(inner + 32 - 5);
	const struct {
		u64 rip;
		bool returning;
	} at[] = {
		{ HANDLER + 0x500, false }, { HANDLER + 0xfff, false }, { HANDLER + 0x1000, true },
		{ HANDLER + 0x100f, true }, { HANDLER + 0x1010, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		in_kernel(at[i].rip);
		/* What the kernel made of GS outside of the stretch is its own affair. */
		gs_base = at[i].returning ? PROCESS_GS : KERNEL_GS;
		info.evtchn_upcall_mask = 0;
		ring1_inject_trap(6, 0);
		entered(HANDLER, (u64)f);
		CU_ASSERT_EQUAL(f->rip, at[i].rip);
		CU_ASSERT_EQUAL(f->cs, ANNULUS_KERNEL_CS |
				(at[i].returning ? ANNULUS_FRAME_RETURNING : 0));
		CU_ASSERT_TRUE(f->ss == ANNULUS_KERNEL_SS && f->rsp == (u64)(inner + 32) + 8);
		CU_ASSERT_EQUAL(inner[32], 0xaaaaaaaaaaaaaaaa);
	}
}

static void context(struct annulus_iret_context *c, u16 cs, u64 gs)
{
	*c = (struct annulus_iret_context){
		.rax = 1, .r11 = 2, .rcx = 3,
		.frame = { 0x400000, cs, 0x37202, 0x1000, 0xe028, gs, ~0ULL },
	};
	in_kernel(HANDLER);
	r->rsp = (u64)c;
	gs_base = KERNEL_GS;
	v->nmi_masked = true;
	info.evtchn_upcall_mask = 1;
}

TEST(test_iret, "iret")
{
	struct annulus_iret_context c;

	context(&c, 0xe033, PROCESS_GS);
	v->pv.short_way = true;
	CU_ASSERT_EQUAL(ring1_iret(), 1);
	/* There is one again after an NMI. */
	CU_ASSERT_FALSE(v->pv.short_way);
	CU_ASSERT_TRUE(r->r11 == 2 && r->rcx == 3 && r->rip == 0x400000 && r->rsp == 0x1000);
	CU_ASSERT_EQUAL(gs_base, PROCESS_GS);
	CU_ASSERT_EQUAL(r->rflags & (RFLAGS_IOPL | RFLAGS_VM), 0);
	CU_ASSERT_TRUE(!v->pv.kernel_mode && !v->nmi_masked && !info.evtchn_upcall_mask);
	/* Into ring 1 GS stays, and ring 0 is not to be had. */
	context(&c, 0xe018, PROCESS_GS);
	c.frame.rflags = 2;
	v->nmi_masked = false;
	v->pv.short_way = true;
	CU_ASSERT_EQUAL(ring1_iret(), 1);
	CU_ASSERT_TRUE(v->pv.short_way);
	CU_ASSERT_EQUAL(r->cs, 0xe019);
	CU_ASSERT_EQUAL(r->ss, 0xe029);
	CU_ASSERT_EQUAL(gs_base, KERNEL_GS);
	CU_ASSERT_TRUE(v->pv.kernel_mode && info.evtchn_upcall_mask == 1);
	CU_ASSERT_TRUE(r->rflags & RFLAGS_IF);
	/* A base that is no address would be a fault of ours. */
	context(&c, 0xe033, BIT(47));
	(void)ring1_iret();
	CU_ASSERT_EQUAL(gs_base, KERNEL_GS);
	CU_ASSERT_EQUAL(crashes, 1);
}

TEST(test_no_way_in, "no way in")
{
	in_process();
	ring1_inject_trap(13, 0); /* no handler */
	CU_ASSERT_EQUAL(crashes, 1);
	in_process();
	v->pv.kernel_sp = 0x200; /* not there */
	ring1_inject_trap(6, 0);
	CU_ASSERT_EQUAL(crashes, 2);
	CU_ASSERT_EQUAL(gs_base, PROCESS_GS);
	CU_ASSERT_EQUAL(r->rip, 0x400000);
}

TEST(test_set, "a domain becomes one")
{
	d->ring1 = false;
	d->tot_pages = 1;
	CU_ASSERT_EQUAL(domain_set_ring1(d), -EBUSY);
	d->tot_pages = 0;
	d->is_32bit = true;
	CU_ASSERT_EQUAL(domain_set_ring1(d), -EBUSY);
	d->is_32bit = false;
	d->log_dirty = true;
	CU_ASSERT_EQUAL(domain_set_ring1(d), -EBUSY);
	d->log_dirty = false;
	v->initialised = true;
	CU_ASSERT_EQUAL(domain_set_ring1(d), -EBUSY);
	v->initialised = false;
	CU_ASSERT_FALSE(d->ring1);
	CU_ASSERT_EQUAL(domain_set_ring1(d), 0);
	CU_ASSERT_TRUE(d->ring1);
	CU_ASSERT_EQUAL(domain_set_ring1(d), 0);
}

#define INFO_FRAME 77

static struct entry_info page;
static u64 view[PT_ENTRIES];
static u64 none; /* where the stub finds that there is no short way */

static void expect_short_way(bool there)
{
	ring1_short_way(v);
	/* Asked and answered, either way. */
	CU_ASSERT_TRUE(v->pv.short_way);
	CU_ASSERT_EQUAL(page.short_info == none, !there);
	CU_ASSERT_EQUAL(view[EA_VCPU_INFO] != 0, there);
	/* The page can be read by whoever is there next. */
	if (!there)
		CU_ASSERT_TRUE(!page.short_frame && !page.short_handler && !page.short_gs &&
			       !page.short_masks && !page.short_fsgsbase && !page.short_pf &&
			       !page.short_pf_masks && !page.short_stretch &&
			       !page.short_stretch_end);
}

TEST(test_short_way, "the short way")
{
	static struct vcpu_info spare[MAX_VCPUS];
	struct vcpu_info *registered;

	memset(&page, 0, sizeof(page));
	memset(view, 0, sizeof(view));
	sim_cpu = &cpus[3];
	sim_cpu->id = 3;
	sim_cpu->entry_info = &page;
	sim_cpu->area_view[VIEW_RING1] = view;
	none = entry_area_page(3, EA_INFO) + offsetof(struct entry_info, guest_view);
	v->info = (struct vcpu_info *)((char *)mfn_to_va(INFO_FRAME) + 0x140);
	v->pv.bounce_sp = v->pv.kernel_sp & ~15ULL;
	v->pv.syscall_masks = true;
	sim_cpu->cr4 = CR4_FSGSBASE;

	CU_ASSERT_FALSE(v->pv.short_way);
	expect_short_way(true);
	CU_ASSERT_EQUAL(page.short_info, entry_area_page(3, EA_VCPU_INFO) + 0x140);
	CU_ASSERT_EQUAL(page.short_frame,
			(v->pv.kernel_sp & ~15ULL) - sizeof(struct annulus_user_frame));
	CU_ASSERT_EQUAL(page.short_handler, HANDLER + 100);
	CU_ASSERT_EQUAL(page.short_gs, KERNEL_GS);
	CU_ASSERT_TRUE(page.short_masks == 1 && page.short_fsgsbase == 1);
	CU_ASSERT_TRUE(page.short_pf == HANDLER + 14 && page.short_pf_masks == 1);
	CU_ASSERT_TRUE(page.short_stretch == v->pv.return_start &&
		       page.short_stretch_end == v->pv.return_end);
	CU_ASSERT_EQUAL(view[EA_VCPU_INFO] & ~PTE_NX,
			pte_make(INFO_FRAME, PTE_P | PTE_RW | PTE_A | PTE_D));
	v->pv.syscall_masks = false;
	sim_cpu->cr4 = 0;
	expect_short_way(true);
	CU_ASSERT_TRUE(page.short_masks == 0 && page.short_fsgsbase == 0);

	/* Page faults are C's by themselves: it has something to say where there is no handler. */
	for (unsigned i = 0; i < 4; i++) {
		static const u64 bad[] = { 0, BIT(47), HV_VIRT_START, HV_VIRT_END - 1 };

		v->pv.traps[14] = (struct trap_info){ 14, 0, 0, bad[i] };
		expect_short_way(true);
		CU_ASSERT_TRUE(!page.short_pf && !page.short_pf_masks);
		v->pv.traps[14].address = HV_VIRT_END;
		expect_short_way(true);
		CU_ASSERT_EQUAL(page.short_pf, HV_VIRT_END);
	}

	/* What C alone does, or refuses. */
	d->vm_assist = BIT(VMASST_TYPE_architectural_iopl);
	expect_short_way(false);
	d->vm_assist = BIT(VMASST_TYPE_writable_pagetables);
	expect_short_way(true);
	/* The end of an NMI has to be seen. */
	v->nmi_masked = true;
	expect_short_way(false);
	v->nmi_masked = false;
	v->pv.bounce_sp = 0;
	expect_short_way(false);
	v->pv.bounce_sp = v->pv.kernel_sp & ~15ULL;
	for (unsigned i = 0; i < 4; i++) {
		static const u64 bad[] = { 0, BIT(47), HV_VIRT_START, HV_VIRT_END - 1 };

		v->pv.syscall_callback = bad[i];
		expect_short_way(false);
		v->pv.syscall_callback = HV_VIRT_END;
		expect_short_way(true);
	}
	/* One of the later vCPUs has its vcpu_info among ours until it registers a place. */
	registered = v->info;
	d->spare_info = spare;
	v->info = &spare[MAX_VCPUS - 1];
	expect_short_way(false);
	/* It is not registered before that is where it is. */
	v->info_frame = (struct frame *)&page;
	expect_short_way(false);
	v->info = registered;
	expect_short_way(true);
	v->info_frame = NULL;
	d->spare_info = NULL;

	expect_short_way(true);
	ring1_no_short_way(sim_cpu);
	CU_ASSERT_EQUAL(page.short_info, none);
	CU_ASSERT_EQUAL(view[EA_VCPU_INFO], 0);
	/* Before there is a view. */
	sim_cpu->area_view[VIEW_RING1] = NULL;
	ring1_no_short_way(sim_cpu);
}

static void end(void)
{
	sim_reset();
}

SUITE("ring1", .begin = begin, .end = end)
