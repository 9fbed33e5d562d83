/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_VMX_H
#define ANNULUS_HVM_VMX_H

#include "hvm/guest_walk.h"
#include "hvm/hvm.h"
#include "lib/types.h"

/* Intel's way: SDM vol. 3C, chapters 23 to 30. */
extern const struct hvm_ops vmx_ops;
const char *vmx_detect(struct hvm_caps *caps);

/* What a CPU says of its VT-x; SDM vol. 3D, appendix A. */
struct vmx_facts {
	u32 features;         /* CPUID 1 ECX */
	u32 structured;       /* CPUID 7 ECX, 0 if there is no such leaf */
	u64 feature_control;  /* MSR IA32_FEATURE_CONTROL; all that follows is 0 without VMX */
	u64 basic;
	/* Which bits of the controls must be 1 (low half) and may be 1 (high half). */
	u64 pin, proc, proc2, exit, entry;
	u64 cr0_must, cr4_must;
	u64 ept_vpid;
	/* The CPU gives what is in its L1 cache to a guest that asks by a wrong table (L1TF). */
	bool l1tf, l1_flush;
	bool unsafe;          /* hvm-unsafe: that is no reason */
	/* Code in large pages can stop the machine when its entry is changed (iTLB multihit). */
	bool multihit;
};
#define FEATURE_VMX	BIT(5)
#define CONTROL_LOCKED	BIT(0)
#define CONTROL_VMX	BIT(2) /* outside of SMX */
#define BASIC_TRUE	BIT(55)

/* Controls: SDM vol. 3C, 24.6 to 24.8. */
#define PIN_INTERRUPTS	BIT(0)
#define PIN_NMI		BIT(3)
#define PIN_VIRTUAL_NMI BIT(5)
#define PROC_WINDOW	BIT(2)
#define PROC_HLT	BIT(7)
#define PROC_MWAIT	BIT(10)
#define PROC_RDPMC	BIT(11)
#define PROC_CR3_LOAD	BIT(15)
#define PROC_CR3_STORE	BIT(16)
#define PROC_CR8_LOAD	BIT(19)
#define PROC_CR8_STORE	BIT(20)
#define PROC_NMI_WINDOW BIT(22)
#define PROC_IO		BIT(24)
#define PROC_MSR_BITMAP BIT(28)
#define PROC_MONITOR	BIT(29)
#define PROC_SECONDARY	BIT(31)
#define PROC2_EPT	BIT(1)
#define PROC2_VPID	BIT(5)
#define PROC2_WBINVD	BIT(6)
#define PROC2_REAL_MODE BIT(7) /* "unrestricted guest" */
#define EXIT_DEBUG	BIT(2)
#define EXIT_HOST64	BIT(9)
#define EXIT_SAVE_PAT	BIT(18)
#define EXIT_LOAD_PAT	BIT(19)
#define EXIT_SAVE_EFER	BIT(20)
#define EXIT_LOAD_EFER	BIT(21)
#define ENTRY_DEBUG	BIT(2)
#define ENTRY_LONG	BIT(9)
#define ENTRY_LOAD_PAT	BIT(14)
#define ENTRY_LOAD_EFER BIT(15)

#define EPT_LEVELS_4	BIT(6)
#define EPT_WRITE_BACK	BIT(14)
#define EPT_2M		BIT(16)
#define EPT_INVEPT	BIT(20)
#define EPT_INVEPT_ALL	BIT(26)

struct vmx_controls {
	u32 pin, proc, proc2, exit, entry;
	u32 large; /* bool: may a guest have pages of 2 MiB? */
};

/*
 * vmx_choose() - with which controls guests are run on a CPU that says this, in *c; or why it
 * cannot be used, in words for the boot log.
 */
const char *vmx_choose(const struct vmx_facts *f, struct vmx_controls *c);

/* ---- What an exit says: SDM vol. 3C, 27.2.1 ---- */

struct vmx_cr_access {
	u8 cr;
	enum { VMX_CR_WRITE, VMX_CR_READ, VMX_CR_CLTS, VMX_CR_LMSW } what;
	u8 gpr; /* 0: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to 15: r15 */
};
struct vmx_cr_access vmx_cr_access(u64 qualification);

struct vmx_io {
	u8 size;
	bool in, string;
};
struct vmx_io vmx_io(u64 qualification);

/* Attributes of a segment as the VMCS has them, from the ABI's record, and back. */
u32 vmx_attributes(u32 arbytes);
u32 vmx_arbytes(u32 attributes);

/*
 * MOV to CR0, one that the CPU does not do by itself: what it means for *p (EFER.LMA with it), or
 * false: #GP, and *p is as it was. `code64`: its CS is for 64-bit code.
 */
bool vmx_write_cr0(u64 value, bool code64, struct guest_paging *p);
/* The bits of it that the guest does not have: always on, or always off. */
#define VMX_CR0_ON  CR0_NE
#define VMX_CR0_OFF (BIT(29) | BIT(30))

/*
 * The event as VM entry takes it (24.8.3): in real mode exceptions have no error code. 0: none.
 */
u32 vmx_entry_event(u32 event, u64 cr0);

#endif
