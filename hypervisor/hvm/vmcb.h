/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_VMCB_H
#define ANNULUS_HVM_VMCB_H

#include "lib/types.h"

/* The virtual machine control block: AMD APM vol. 2, appendix B. Fields that are not used have no
 * name. */
struct vmcb_segment {
	u16 selector, attributes; /* descriptor bits 40-47 and 52-55, together (15.5.1) */
	u32 limit;
	u64 base;
} __packed;

struct vmcb {
	u16 cr_reads, cr_writes, dr_reads, dr_writes;	/* 0x000 */
	u32 exceptions, intercept1, intercept2;		/* 0x008 */
	u8 pad014[0x040 - 0x014];
	u64 iopm, msrpm, tsc_offset;			/* 0x040 */
	u32 asid;					/* 0x058 */
	u8 tlb_control, pad05d[3];
	u64 vintr;					/* 0x060 */
	u64 interrupt_shadow;				/* 0x068 */
	u64 exit_code, exit_info1, exit_info2;		/* 0x070 */
	u64 exit_int_info;				/* 0x088 */
	u64 np_enable;					/* 0x090 */
	u8 pad098[0x0a8 - 0x098];
	u64 event_inject;				/* 0x0a8 */
	u64 n_cr3;					/* 0x0b0 */
	u64 lbr;					/* 0x0b8 */
	u32 clean, pad0c4;				/* 0x0c0 */
	u64 next_rip;					/* 0x0c8 */
	u8 pad0d0[0x400 - 0x0d0];
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 0x400 */
	u8 pad4a0[0x4cb - 0x4a0];
	u8 cpl;						/* 0x4cb */
	u32 pad4cc;
	u64 efer;					/* 0x4d0 */
	u8 pad4d8[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;	/* 0x548 */
	u8 pad580[0x5d8 - 0x580];
	u64 rsp;					/* 0x5d8 */
	u8 pad5e0[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base; /* 0x5f8 */
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2; /* 0x628 */
	u8 pad648[0x668 - 0x648];
	u64 g_pat;					/* 0x668 */
	u8 pad670[0x1000 - 0x670];
} __packed;
_Static_assert(offsetof(struct vmcb, iopm) == 0x40 && offsetof(struct vmcb, asid) == 0x58 &&
	       offsetof(struct vmcb, exit_code) == 0x70 && offsetof(struct vmcb, n_cr3) == 0xb0 &&
	       offsetof(struct vmcb, next_rip) == 0xc8 && offsetof(struct vmcb, es) == 0x400 &&
	       offsetof(struct vmcb, cpl) == 0x4cb && offsetof(struct vmcb, efer) == 0x4d0 &&
	       offsetof(struct vmcb, cr4) == 0x548 && offsetof(struct vmcb, rip) == 0x578 &&
	       offsetof(struct vmcb, rsp) == 0x5d8 && offsetof(struct vmcb, rax) == 0x5f8 &&
	       offsetof(struct vmcb, cr2) == 0x640 && offsetof(struct vmcb, g_pat) == 0x668 &&
	       sizeof(struct vmcb) == 0x1000, "as the manual has it");

#endif
