/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_VMCS_H
#define ANNULUS_HVM_VMCS_H

/* Fields of the virtual machine control structure that are made use of: SDM vol. 3D, appendix B. */
#define VMCS_VPID	       0x0000
/* Segment registers are in the same order everywhere: field of ES + 2 * number. */
#ifndef __ASSEMBLER__
enum { VMX_ES, VMX_CS, VMX_SS, VMX_DS, VMX_FS, VMX_GS, VMX_LDTR, VMX_TR };
#endif
#define VMCS_SELECTOR(n)       (0x0800U + 2 * (n))
#define VMCS_LIMIT(n)	       (0x4800U + 2 * (n))
#define VMCS_ATTRIBUTES(n)     (0x4814U + 2 * (n))
#define VMCS_BASE(n)	       (0x6806U + 2 * (n))
#define VMCS_HOST_ES	       0x0c00
#define VMCS_HOST_CS	       0x0c02
#define VMCS_HOST_SS	       0x0c04
#define VMCS_HOST_DS	       0x0c06
#define VMCS_HOST_FS	       0x0c08
#define VMCS_HOST_GS	       0x0c0a
#define VMCS_HOST_TR	       0x0c0c
#define VMCS_MSR_BITMAP	       0x2004
#define VMCS_TSC_OFFSET	       0x2010
#define VMCS_EPTP	       0x201a
#define VMCS_GUEST_PHYSICAL    0x2400
#define VMCS_LINK	       0x2800
#define VMCS_DEBUGCTL	       0x2802
#define VMCS_PAT	       0x2804
#define VMCS_EFER	       0x2806
#define VMCS_PDPTE(n)	       (0x280aU + 2 * (n))
#define VMCS_HOST_PAT	       0x2c00
#define VMCS_HOST_EFER	       0x2c02
#define VMCS_PIN_CONTROLS      0x4000
#define VMCS_PROC_CONTROLS     0x4002
#define VMCS_EXCEPTIONS	       0x4004
#define VMCS_PF_MASK	       0x4006
#define VMCS_PF_MATCH	       0x4008
#define VMCS_CR3_TARGETS       0x400a
#define VMCS_EXIT_CONTROLS     0x400c
#define VMCS_EXIT_STORES       0x400e
#define VMCS_EXIT_LOADS	       0x4010
#define VMCS_ENTRY_CONTROLS    0x4012
#define VMCS_ENTRY_LOADS       0x4014
#define VMCS_ENTRY_EVENT       0x4016
#define VMCS_ENTRY_ERROR       0x4018
#define VMCS_ENTRY_LENGTH      0x401a
#define VMCS_PROC2_CONTROLS    0x401e
#define VMCS_INSN_ERROR	       0x4400
#define VMCS_REASON	       0x4402
#define VMCS_EXIT_EVENT	       0x4404
#define VMCS_VECTORING	       0x4408
#define VMCS_VECTORING_ERROR   0x440a
#define VMCS_LENGTH	       0x440c
#define VMCS_GDTR_LIMIT	       0x4810
#define VMCS_IDTR_LIMIT	       0x4812
#define VMCS_SHADOW	       0x4824 /* interruptibility */
#define VMCS_ACTIVITY	       0x4826
#define VMCS_SYSENTER_CS       0x482a
#define VMCS_HOST_SYSENTER_CS  0x4c00
#define VMCS_CR0_MASK	       0x6000
#define VMCS_CR4_MASK	       0x6002
#define VMCS_CR0_SHOWN	       0x6004
#define VMCS_CR4_SHOWN	       0x6006
#define VMCS_QUALIFICATION     0x6400
#define VMCS_CR0	       0x6800
#define VMCS_CR3	       0x6802
#define VMCS_CR4	       0x6804
#define VMCS_GDTR_BASE	       0x6816
#define VMCS_IDTR_BASE	       0x6818
#define VMCS_DR7	       0x681a
#define VMCS_RSP	       0x681c
#define VMCS_RIP	       0x681e
#define VMCS_RFLAGS	       0x6820
#define VMCS_PENDING_DEBUG     0x6822
#define VMCS_SYSENTER_ESP      0x6824
#define VMCS_SYSENTER_EIP      0x6826
#define VMCS_HOST_CR0	       0x6c00
#define VMCS_HOST_CR3	       0x6c02
#define VMCS_HOST_CR4	       0x6c04
#define VMCS_HOST_FS_BASE      0x6c06
#define VMCS_HOST_GS_BASE      0x6c08
#define VMCS_HOST_TR_BASE      0x6c0a
#define VMCS_HOST_GDTR_BASE    0x6c0c
#define VMCS_HOST_IDTR_BASE    0x6c0e
#define VMCS_HOST_SYSENTER_ESP 0x6c10
#define VMCS_HOST_SYSENTER_EIP 0x6c12
#define VMCS_HOST_RSP	       0x6c14
#define VMCS_HOST_RIP	       0x6c16

#endif
