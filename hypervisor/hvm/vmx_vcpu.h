/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_VMX_VCPU_H
#define ANNULUS_HVM_VMX_VCPU_H

#include "hvm/vmx.h"

/* What vmx_detect() found, the same on every CPU. */
struct vmx_machine {
	struct vmx_controls controls;
	u32 revision;
	bool flush_l1; /* before each entry */
	u8 pad[3];     /* compared as bytes */
};
extern struct vmx_machine vmx_machine;

/* SYSCALL's MSRs and KERNEL_GS_BASE, which no VM entry loads. */
enum { VMX_STAR, VMX_LSTAR, VMX_CSTAR, VMX_SFMASK, VMX_KERNEL_GS, VMX_MSRS };

/* Of a vCPU; what the CPU has instead while it is current is said. */
struct vmx_vcpu {
	u32 *vmcs;
	bool launched;        /* since it was loaded */
	bool refused;         /* the last entry did not take place */
	u64 msrs[VMX_MSRS];   /* on the CPU while it is current */
	u64 cr2, dr6;         /* dr6: the same */
	/* What is in the VMCS, to save writes. */
	u64 efer, pat;
	u32 proc, shadow;
	/* Of the last exit. */
	u32 reason;
	u32 event_length;     /* of the INT n in `now->event` */
};

#endif
