/* SPDX-License-Identifier: MIT */
/*
 * The 64-bit guest's view of the ABI, for code of either width that builds or inspects such guests:
 * the other way round from compat.h. Names are those of the other headers with wide_ before them.
 * In 64-bit code they are the very same structures.
 */
#ifndef PV_ABI_WIDE_H
#define PV_ABI_WIDE_H

#include "xen.h"

#define FLAT_WIDE_KERNEL_CS	0xe033
#define FLAT_WIDE_KERNEL_DS	0x0000
#define FLAT_WIDE_KERNEL_SS	0xe02b

#define wide_pfn_to_cr3(pfn)	((uint64_t)(pfn) << 12)

#ifdef __i386__

struct wide_start_info {
	char magic[32];
	uint64_aligned_t nr_pages;
	uint64_aligned_t shared_info;
	uint32_t flags;
	uint64_aligned_t store_mfn;
	uint32_t store_evtchn;
	union {
		struct {
			uint64_aligned_t mfn;
			uint32_t evtchn;
		} domU;
		struct {
			uint32_t info_off;
			uint32_t info_size;
		} dom0;
	} console;
	uint64_aligned_t pt_base;
	uint64_aligned_t nr_pt_frames;
	uint64_aligned_t mfn_list;
	uint64_aligned_t mod_start;
	uint64_aligned_t mod_len;
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	uint64_aligned_t first_p2m_pfn;
	uint64_aligned_t nr_p2m_frames;
};

struct wide_trap_info {
	uint8_t vector;
	uint8_t flags;
	uint16_t cs;
	uint64_aligned_t address;
};

struct wide_cpu_user_regs {
	uint64_aligned_t r15, r14, r13, r12, rbp, rbx;
	uint64_aligned_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code;
	uint32_t entry_vector;
	uint64_aligned_t rip;
	uint16_t cs, _pad0[1];
	uint8_t saved_upcall_mask;
	uint8_t _pad1[3];
	uint64_aligned_t rflags;
	uint64_aligned_t rsp;
	uint16_t ss, _pad2[3];
	uint16_t es, _pad3[3];
	uint16_t ds, _pad4[3];
	uint16_t fs, _pad5[3];
	uint16_t gs, _pad6[3];
};

struct wide_vcpu_guest_context {
	struct { char x[512]; } fpu_ctxt;
	uint64_aligned_t flags;
	struct wide_cpu_user_regs user_regs;
	struct wide_trap_info trap_ctxt[256];
	uint64_aligned_t ldt_base, ldt_ents;
	uint64_aligned_t gdt_frames[16], gdt_ents;
	uint64_aligned_t kernel_ss, kernel_sp;
	uint64_aligned_t ctrlreg[8];
	uint64_aligned_t debugreg[8];
	uint64_aligned_t event_callback_eip;
	uint64_aligned_t failsafe_callback_eip;
	uint64_aligned_t syscall_callback_eip;
	uint64_aligned_t vm_assist;
	uint64_aligned_t fs_base;
	uint64_aligned_t gs_base_kernel;
	uint64_aligned_t gs_base_user;
};

#else

#define wide_start_info		start_info
#define wide_trap_info		trap_info
#define wide_cpu_user_regs	cpu_user_regs
#define wide_vcpu_guest_context	vcpu_guest_context

#endif /* !__i386__ */

#endif /* PV_ABI_WIDE_H */
