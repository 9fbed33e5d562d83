/* SPDX-License-Identifier: MIT */
#ifndef PV_ABI_HVM_SAVE_H
#define PV_ABI_HVM_SAVE_H

#include "xen.h"

/*
 * The state of an HVM domain's virtual hardware (XEN_DOMCTL_gethvmcontext, sethvmcontext): records,
 * each behind a descriptor. The first is a header, the last is empty.
 */
struct hvm_save_descriptor {
	uint16_t typecode;		/* HVM_SAVE_CODE_* */
	uint16_t instance;		/* of a vCPU's: its number */
	uint32_t length;		/* bytes that follow */
};

#define HVM_SAVE_CODE_END		0
#define HVM_SAVE_CODE_HEADER		1	/* hvm_save_header */
#define HVM_SAVE_CODE_CPU		2	/* hvm_hw_cpu */
#define HVM_SAVE_CODE_LAPIC		5	/* hvm_hw_lapic */
#define HVM_SAVE_CODE_LAPIC_REGS	6	/* hvm_hw_lapic_regs */
#define HVM_SAVE_CODE_MTRR		14	/* hvm_hw_mtrr */

#define HVM_FILE_MAGIC			0x54381286
#define HVM_FILE_VERSION		0x00000001

struct hvm_save_header {
	uint32_t magic;			/* HVM_FILE_MAGIC */
	uint32_t version;		/* HVM_FILE_VERSION */
	uint64_t changeset;		/* of the hypervisor that saved it, or ~0 */
	uint32_t cpuid;			/* EAX of leaf 1 where it was saved */
	uint32_t gtsc_khz;		/* the guest's TSC */
};

/*
 * One vCPU. A segment's arbytes are bits 40-47 and 52-55 of its descriptor, side by side: type and
 * S, DPL, P, AVL, L, D/B, G.
 */
struct hvm_hw_cpu {
	uint8_t fpu_regs[512];		/* as FXSAVE has it */
	uint64_t rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t cr0, cr2, cr3, cr4;
	uint64_t dr0, dr1, dr2, dr3, dr6, dr7;
	uint32_t cs_sel, ds_sel, es_sel, fs_sel, gs_sel, ss_sel, tr_sel, ldtr_sel;
	uint32_t cs_limit, ds_limit, es_limit, fs_limit, gs_limit, ss_limit, tr_limit, ldtr_limit,
		idtr_limit, gdtr_limit;
	uint64_t cs_base, ds_base, es_base, fs_base, gs_base, ss_base, tr_base, ldtr_base,
		idtr_base, gdtr_base;
	uint32_t cs_arbytes, ds_arbytes, es_arbytes, fs_arbytes, gs_arbytes, ss_arbytes, tr_arbytes,
		ldtr_arbytes;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t shadow_gs;		/* MSR KERNEL_GS_BASE */
	uint64_t msr_flags;		/* means nothing */
	uint64_t msr_lstar, msr_star, msr_cstar, msr_syscall_mask, msr_efer, msr_tsc_aux;
	uint64_t tsc;
	uint32_t pending_event;		/* to be delivered first, as VMCB and VMCS encode it */
	uint32_t error_code;		/* of that */
	uint32_t flags;			/* XEN_X86_FPU_INITIALISED */
	uint32_t pad0;
};
#define XEN_X86_FPU_INITIALISED		1U

/* A vCPU's local APIC: what is not among its registers, and these as they lie in memory. */
struct hvm_hw_lapic {
	uint64_t apic_base_msr;
	uint32_t disabled;		/* 1: by the MSR, 2: by the spurious vector's register */
	uint32_t timer_divisor;		/* 1 to 128 */
	uint64_t tdt_msr;		/* TSC deadline */
};
struct hvm_hw_lapic_regs {
	uint32_t data[256];		/* 32 bits every 16 bytes */
};

/* A vCPU's memory types. */
struct hvm_hw_mtrr {
	uint64_t msr_pat_cr;
	uint64_t msr_mtrr_var[16];
	uint64_t msr_mtrr_fixed[11];
	uint64_t msr_mtrr_cap;
	uint64_t msr_mtrr_def_type;
};

#endif
