/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of the PV ABI: selectors, the address hole, trap tables, a vcpu's
 * register state, and what a domain is made of on this architecture.
 */
/* Outside the guard: whichever of the two is included first, xen.h's basic types come first. */
#include "xen.h"

#ifndef PV_ABI_ARCH_X86_H
#define PV_ABI_ARCH_X86_H

#define XEN_HAVE_PV_GUEST_ENTRY		1
#define XEN_HAVE_PV_UPCALL_MASK		1

#ifdef __i386__
#include "arch-x86_32.h"
#else
/*
 * Flat selectors the hypervisor keeps in the reserved part of every GDT. A 64-bit guest's
 * kernel runs in ring 3 like its user processes, hence one set for both.
 */
#define FLAT_RING3_CS32			0xe023
#define FLAT_RING3_CS64			0xe033
#define FLAT_RING3_DS32			0xe02b
#define FLAT_RING3_DS64			0x0000
#define FLAT_RING3_SS32			0xe02b
#define FLAT_RING3_SS64			0xe02b

#define FLAT_KERNEL_CS32		FLAT_RING3_CS32
#define FLAT_KERNEL_CS64		FLAT_RING3_CS64
#define FLAT_KERNEL_CS			FLAT_KERNEL_CS64
#define FLAT_KERNEL_DS32		FLAT_RING3_DS32
#define FLAT_KERNEL_DS64		FLAT_RING3_DS64
#define FLAT_KERNEL_DS			FLAT_KERNEL_DS64
#define FLAT_KERNEL_SS32		FLAT_RING3_SS32
#define FLAT_KERNEL_SS64		FLAT_RING3_SS64
#define FLAT_KERNEL_SS			FLAT_KERNEL_SS64

#define FLAT_USER_CS32			FLAT_RING3_CS32
#define FLAT_USER_CS64			FLAT_RING3_CS64
#define FLAT_USER_CS			FLAT_USER_CS64
#define FLAT_USER_DS32			FLAT_RING3_DS32
#define FLAT_USER_DS64			FLAT_RING3_DS64
#define FLAT_USER_DS			FLAT_USER_DS64
#define FLAT_USER_SS32			FLAT_RING3_SS32
#define FLAT_USER_SS64			FLAT_RING3_SS64
#define FLAT_USER_SS			FLAT_USER_SS64
#endif /* !__i386__ */

/* A guest owns GDT pages 0 to 13; from page 14 on the table is the hypervisor's. */
#define FIRST_RESERVED_GDT_PAGE		14
#define FIRST_RESERVED_GDT_BYTE		(FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY	(FIRST_RESERVED_GDT_BYTE / 8)

#ifndef __i386__
/* Upper-half addresses a guest must leave alone: root slots 256 to 271. */
#define __HYPERVISOR_VIRT_START		0xFFFF800000000000
#define __HYPERVISOR_VIRT_END		0xFFFF880000000000
#define HYPERVISOR_VIRT_START		xen_mk_ulong(__HYPERVISOR_VIRT_START)
#define HYPERVISOR_VIRT_END		xen_mk_ulong(__HYPERVISOR_VIRT_END)

/* The machine-to-pseudo-physical table, read-only to guests, 8 bytes per mfn. */
#define __MACH2PHYS_VIRT_START		0xFFFF800000000000
#define __MACH2PHYS_VIRT_END		0xFFFF804000000000
#define MACH2PHYS_VIRT_START		xen_mk_ulong(__MACH2PHYS_VIRT_START)
#define MACH2PHYS_VIRT_END		xen_mk_ulong(__MACH2PHYS_VIRT_END)
#define MACH2PHYS_NR_ENTRIES		((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)
#endif

/* First argument of set_segment_base. */
#define SEGBASE_FS			0
#define SEGBASE_GS_USER			1
#define SEGBASE_GS_KERNEL		2
#define SEGBASE_GS_USER_SEL		3	/* loads a selector instead of a base */

/* Bits of vcpu_guest_context.flags; VGCF_in_syscall is also the bit of iret_context.flags. */
#define _VGCF_i387_valid		0
#define _VGCF_in_kernel			2
#define _VGCF_failsafe_disables_events	3
#define _VGCF_syscall_disables_events	4
#define _VGCF_online			5
#define _VGCF_in_syscall		8
#define VGCF_i387_valid			(1 << _VGCF_i387_valid)
#define VGCF_in_kernel			(1 << _VGCF_in_kernel)
#define VGCF_failsafe_disables_events	(1 << _VGCF_failsafe_disables_events)
#define VGCF_syscall_disables_events	(1 << _VGCF_syscall_disables_events)
#define VGCF_online			(1 << _VGCF_online)
#define VGCF_in_syscall			(1 << _VGCF_in_syscall)
#define VGCF_I387_VALID			VGCF_i387_valid
#define VGCF_IN_KERNEL			VGCF_in_kernel
#define VGCF_IN_SYSCALL			VGCF_in_syscall

/* vcpus whose vcpu_info has a place in the shared info page. */
#define XEN_LEGACY_MAX_VCPUS		32

/* ud2a; "xen": makes the cpuid that follows report the hypervisor's view. */
#ifdef __ASSEMBLER__
#define XEN_EMULATE_PREFIX		.byte 0x0f, 0x0b, 0x78, 0x65, 0x6e;
#define XEN_CPUID			XEN_EMULATE_PREFIX cpuid
#else
#define XEN_EMULATE_PREFIX		".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; "
#define XEN_CPUID			XEN_EMULATE_PREFIX "cpuid"
#endif

/* xen_arch_domainconfig.emulation_flags: emulated devices; a PV guest has PIT at most. */
#define _XEN_X86_EMU_LAPIC		0
#define _XEN_X86_EMU_HPET		1
#define _XEN_X86_EMU_PM			2
#define _XEN_X86_EMU_RTC		3
#define _XEN_X86_EMU_IOAPIC		4
#define _XEN_X86_EMU_PIC		5
#define _XEN_X86_EMU_VGA		6
#define _XEN_X86_EMU_IOMMU		7
#define _XEN_X86_EMU_PIT		8
#define _XEN_X86_EMU_USE_PIRQ		9
#define _XEN_X86_EMU_VPCI		10
#define XEN_X86_EMU_LAPIC		(1 << _XEN_X86_EMU_LAPIC)
#define XEN_X86_EMU_HPET		(1 << _XEN_X86_EMU_HPET)
#define XEN_X86_EMU_PM			(1 << _XEN_X86_EMU_PM)
#define XEN_X86_EMU_RTC			(1 << _XEN_X86_EMU_RTC)
#define XEN_X86_EMU_IOAPIC		(1 << _XEN_X86_EMU_IOAPIC)
#define XEN_X86_EMU_PIC			(1 << _XEN_X86_EMU_PIC)
#define XEN_X86_EMU_VGA			(1 << _XEN_X86_EMU_VGA)
#define XEN_X86_EMU_IOMMU		(1 << _XEN_X86_EMU_IOMMU)
#define XEN_X86_EMU_PIT			(1 << _XEN_X86_EMU_PIT)
#define XEN_X86_EMU_USE_PIRQ		(1 << _XEN_X86_EMU_USE_PIRQ)
#define XEN_X86_EMU_VPCI		(1 << _XEN_X86_EMU_VPCI)
#define XEN_X86_EMU_ALL			((2 << _XEN_X86_EMU_VPCI) - 1)

/* xen_arch_domainconfig.misc_flags: unknown MSRs read as they do on the host. */
#define XEN_X86_MSR_RELAXED		(1 << 0)
#define XEN_X86_MISC_FLAGS_MAX		XEN_X86_MSR_RELAXED

/* xen_cpuid_leaf.subleaf of a leaf that has none. */
#define XEN_CPUID_NO_SUBLEAF		0xffffffff

#define XEN_HVM_DEBUGCONS_IOPORT	0xe9

#ifndef __ASSEMBLER__

typedef xen_ulong_t xen_pfn_t;
typedef uint64_t tsc_timestamp_t;

#define machine_to_phys_mapping	((xen_ulong_t *)MACH2PHYS_VIRT_START)

#ifndef __i386__
typedef uint64_t xen_callback_t;	/* address of a guest's entry point */

#define PRI_xen_pfn	"lx"
#define PRIu_xen_pfn	"lu"
#define PRI_xen_ulong	"lx"

#define xen_pfn_to_cr3(pfn)	((uint64_t)(pfn) << 12)
#define xen_cr3_to_pfn(cr3)	((uint64_t)(cr3) >> 12)
#endif

/* One row of a guest's virtual IDT; set_trap_table's list ends at address 0. */
struct trap_info {
	uint8_t vector;
	uint8_t flags;		/* 0-3: ring that may "int" here; 4: entry masks events */
	uint16_t cs;
	xen_ulong_t address;
};

#define TI_GET_DPL(ti)		((ti)->flags & 3)
#define TI_GET_IF(ti)		((ti)->flags & 4)
#define TI_SET_DPL(ti, dpl)	((ti)->flags |= (dpl))
#define TI_SET_IF(ti, mask)	((ti)->flags |= ((!!(mask)) << 2))

#ifndef __i386__
/* What __HYPERVISOR_iret finds on the guest kernel's stack, rax at the lowest address. */
struct iret_context {
	uint64_t rax, r11, rcx;
	uint64_t flags;		/* VGCF_in_syscall: rcx and r11 need not be restored */
	uint64_t rip, cs, rflags, rsp, ss;
};

struct cpu_user_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code;
	uint32_t entry_vector;
	uint64_t rip;
	uint16_t cs, _pad0[1];
	uint8_t saved_upcall_mask;	/* evtchn_upcall_mask at the time of the trap */
	uint8_t _pad1[3];
	uint64_t rflags;
	uint64_t rsp;
	uint16_t ss, _pad2[3];
	uint16_t es, _pad3[3];
	uint16_t ds, _pad4[3];
	uint16_t fs, _pad5[3];
	uint16_t gs, _pad6[3];
};
#endif

/* Complete state of a vcpu, for VCPUOP_initialise and XEN_DOMCTL_{get,set}vcpucontext. */
struct vcpu_guest_context {
	struct { char x[512]; } fpu_ctxt;	/* FXSAVE image */
	xen_ulong_t flags;			/* VGCF_* */
	struct cpu_user_regs user_regs;
	struct trap_info trap_ctxt[256];	/* indexed by vector */
	xen_ulong_t ldt_base, ldt_ents;		/* linear address, number of descriptors */
	xen_ulong_t gdt_frames[16], gdt_ents;	/* mfns, number of descriptors */
	xen_ulong_t kernel_ss, kernel_sp;
	xen_ulong_t ctrlreg[8];			/* 3 kernel root, 1 user root (xen_pfn_to_cr3) */
	xen_ulong_t debugreg[8];
#ifdef __i386__
	xen_ulong_t event_callback_cs, event_callback_eip;
	xen_ulong_t failsafe_callback_cs, failsafe_callback_eip;
#else
	xen_ulong_t event_callback_eip;
	xen_ulong_t failsafe_callback_eip;
	xen_ulong_t syscall_callback_eip;
#endif
	xen_ulong_t vm_assist;			/* bit VMASST_TYPE_x */
#ifndef __i386__
	uint64_t fs_base;
	uint64_t gs_base_kernel;
	uint64_t gs_base_user;
#endif
};

struct arch_shared_info {
	xen_ulong_t max_pfn;			/* entries in the guest's P2M */
	xen_pfn_t pfn_to_mfn_frame_list_list;	/* mfn; all ones: p2m_vaddr is used */
	xen_ulong_t nmi_reason;			/* XEN_NMIREASON_* */
	xen_ulong_t p2m_cr3;			/* root that maps p2m_vaddr; 0: no linear P2M */
	xen_ulong_t p2m_vaddr;
	xen_ulong_t p2m_generation;		/* odd while the guest changes its P2M */
#ifdef __i386__
	/* of struct shared_info, which has no room for it */
	uint32_t wc_sec_hi;
#endif
};

#ifndef __i386__
struct arch_vcpu_info {
	uint64_t cr2;				/* address of the last page fault */
	uint64_t pad;
};
#endif

struct xen_arch_domainconfig {
	uint32_t emulation_flags;		/* XEN_X86_EMU_* */
	uint32_t misc_flags;			/* XEN_X86_MSR_RELAXED */
};

struct xen_cpuid_leaf {
	uint32_t leaf, subleaf;
	uint32_t a, b, c, d;
};

struct xen_msr_entry {
	uint32_t idx;
	uint32_t flags;				/* must be 0 */
	uint64_t val;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_ARCH_X86_H */
