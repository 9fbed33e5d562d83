/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ENTRY_AREA_H
#define ANNULUS_CPU_ENTRY_AREA_H

/*
 * The entry region: what a CPU needs at hand before it could switch page tables. Slot 257 holds one
 * 1 GiB window per CPU; the first 2 MiB of each are backed by one L1 table, page by page:
 *
 *   0-15   GDT window: 14 pages of the guest's, then ours (page 14)
 *   16-31  LDT window: the guest's
 *   32     TSS, read-only would do but for its busy bit's sake it is not
 *   33     system-call stub, executable, a copy of one of entry/entry.S' templates
 *   34     struct entry_info: what the stub and the unmapped entry read
 *   35     entry stack; its lowest words are scratch
 *   36-38  unmapped mode: stacks that #DF, NMI and #MC enter on
 *   39     the stack that #DB enters on
 *   40-47  the main stack region (STACK_SIZE), not present in the unmapped view
 *   48-52  unmapped mode: the frames that the unmapped view has at 35-39; not present there
 *   53     in ring 1's view alone: the frame with vcpu_info of the vCPU that runs, which is its
 *          domain's to write anyway
 *
 * At 34-39 the unmapped view has frames of its own: what is pushed while ring 0 runs never lies on
 * a page that is mapped while a guest does. So whoever came in on one of these stacks and has
 * loaded the full root finds his words EA_GUEST_STACKS_AWAY further up.
 */
#define ENTRY_SHARED_PAGES 0
#define EA_GDT         0
#define EA_GDT_OURS    14
#define EA_LDT         16
#define EA_TSS         32
#define EA_STUB        33
#define EA_INFO        34
#define EA_STACK       35
#define EA_IST         36
#define EA_MAIN_STACK  40
#define EA_GUEST_STACKS 48
#define EA_NR_STACKS   5 /* from EA_STACK on */
#define EA_VCPU_INFO   53
#define EA_PAGES       54
#define EA_GUEST_STACKS_AWAY ((EA_GUEST_STACKS - EA_STACK) * 4096)

/* Offsets in struct entry_info, for assembly. */
#define EI_STACK_TOP  0
#define EI_TARGET     8
#define EI_HV_CR3     16
#define EI_TARGET32   24
#define EI_GUEST_VIEW 32
#define EI_TARGET_RING1 40
#define EI_SHORT_INFO 48
#define EI_SHORT_FRAME 56
#define EI_SHORT_HANDLER 64
#define EI_SHORT_GS   72
#define EI_SHORT_MASKS 80
#define EI_SHORT_FSGSBASE 81
#define EI_VERW       82
#define EI_SHORT_PF_MASKS 84
#define EI_SHORT_PF   88
#define EI_SHORT_STRETCH 96
#define EI_SHORT_STRETCH_END 104
/* In the stub page, from which SYSCALL's ways in are executed. */
#define STUB32_OFFSET 512
#define STUB_RING1_OFFSET 1024
#define STUB32_RING1_OFFSET 2048
/* At the bottom of the entry stack: what the stubs put down, from rsp and rax on. */
#define SCRATCH_SIZE 32

/* SFMASK, the flags that SYSCALL clears: TF, IF, DF, IOPL, NT, RF, AC. */
#define SYSCALL_CLEARS 0x57700

#ifndef __ASSEMBLER__
#include "cpu/cpu.h"
#include "cpu/layout.h"

static inline vaddr_t entry_area(unsigned cpu)
{
	return ENTRY_VIRT_START + ((u64)(cpu + 1) << 30);
}
static inline vaddr_t entry_area_page(unsigned cpu, unsigned page)
{
	return entry_area(cpu) + page * PAGE_SIZE;
}

struct entry_info {
	u64 stack_top; /* where the guest's ss goes, downwards */
	u64 target;    /* syscall_entry */
	u64 hv_cr3;    /* unmapped mode: the guest's root with everything of ours mapped */
	u64 target32;  /* syscall32_entry */
	/* 1: on the page that the unmapped views have, 0: on the full root's */
	u64 guest_view;
	u64 target_ring1; /* syscall_entry_ring1 */
	/*
	 * The short way of a process's SYSCALL to its kernel in ring 1, as ring1_short_way() has
	 * set it. `info`: where the stub finds vcpu_info, or two bytes that are not both 0.
	 */
	u64 short_info, short_frame, short_handler, short_gs;
	u8 short_masks, short_fsgsbase;
	u16 verw; /* what VERW reads in the stubs: a writable data segment */
	/*
	 * The same for page faults, by pf_entry_ring1. `pf`: the handler, 0 if C alone takes them;
	 * what comes from within the stretch before the kernel's IRETQ is C's as well.
	 */
	u8 short_pf_masks;
	u64 short_pf, short_stretch, short_stretch_end;
};
_Static_assert(offsetof(struct entry_info, stack_top) == EI_STACK_TOP &&
	       offsetof(struct entry_info, target) == EI_TARGET &&
	       offsetof(struct entry_info, hv_cr3) == EI_HV_CR3 &&
	       offsetof(struct entry_info, target32) == EI_TARGET32 &&
	       offsetof(struct entry_info, guest_view) == EI_GUEST_VIEW &&
	       offsetof(struct entry_info, target_ring1) == EI_TARGET_RING1 &&
	       offsetof(struct entry_info, short_info) == EI_SHORT_INFO &&
	       offsetof(struct entry_info, short_frame) == EI_SHORT_FRAME &&
	       offsetof(struct entry_info, short_handler) == EI_SHORT_HANDLER &&
	       offsetof(struct entry_info, short_gs) == EI_SHORT_GS &&
	       offsetof(struct entry_info, short_masks) == EI_SHORT_MASKS &&
	       offsetof(struct entry_info, short_fsgsbase) == EI_SHORT_FSGSBASE &&
	       offsetof(struct entry_info, verw) == EI_VERW &&
	       offsetof(struct entry_info, short_pf_masks) == EI_SHORT_PF_MASKS &&
	       offsetof(struct entry_info, short_pf) == EI_SHORT_PF &&
	       offsetof(struct entry_info, short_stretch) == EI_SHORT_STRETCH &&
	       offsetof(struct entry_info, short_stretch_end) == EI_SHORT_STRETCH_END,
	       "as the stubs know them");

#endif
#endif
