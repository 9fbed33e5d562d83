/* SPDX-License-Identifier: MIT */
/*
 * What the x86 part of the PV ABI is for a 32-bit (PAE) guest, whose kernel runs in ring 1.
 * Included by arch-x86.h.
 */
#ifndef PV_ABI_ARCH_X86_32_H
#define PV_ABI_ARCH_X86_32_H

/* Flat selectors in the reserved part of every GDT. */
#define FLAT_RING1_CS		0xe019
#define FLAT_RING1_DS		0xe021
#define FLAT_RING1_SS		0xe021
#define FLAT_RING3_CS		0xe02b
#define FLAT_RING3_DS		0xe033
#define FLAT_RING3_SS		0xe033

#define FLAT_KERNEL_CS		FLAT_RING1_CS
#define FLAT_KERNEL_DS		FLAT_RING1_DS
#define FLAT_KERNEL_SS		FLAT_RING1_SS
#define FLAT_USER_CS		FLAT_RING3_CS
#define FLAT_USER_DS		FLAT_RING3_DS
#define FLAT_USER_SS		FLAT_RING3_SS

/* From here to 4 GiB the address space is the hypervisor's. */
#define __HYPERVISOR_VIRT_START	0xF5800000
#define HYPERVISOR_VIRT_START	xen_mk_ulong(__HYPERVISOR_VIRT_START)

/* The machine-to-pseudo-physical table, for the kernel to read, 4 bytes per mfn. */
#define __MACH2PHYS_VIRT_START	0xF5800000
#define __MACH2PHYS_VIRT_END	0xF6800000
#define MACH2PHYS_VIRT_START	xen_mk_ulong(__MACH2PHYS_VIRT_START)
#define MACH2PHYS_VIRT_END	xen_mk_ulong(__MACH2PHYS_VIRT_END)
#define MACH2PHYS_NR_ENTRIES	((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 2)

#ifndef __ASSEMBLER__

#define PRI_xen_pfn	"lx"
#define PRIu_xen_pfn	"lu"
#define PRI_xen_ulong	"lx"

/* A root above 4 GiB does not fit into CR3: its upper bits travel in the lower ones. */
#define xen_pfn_to_cr3(pfn)	((uint32_t)(pfn) << 12 | (uint32_t)(pfn) >> 20)
#define xen_cr3_to_pfn(cr3)	((uint32_t)(cr3) >> 12 | (uint32_t)(cr3) << 20)

/* A guest's entry point. */
typedef struct xen_callback {
	xen_ulong_t cs, eip;
} xen_callback_t;

/*
 * What __HYPERVISOR_iret finds on the guest kernel's stack, eax at the lowest address. The last
 * two words are there only for a return to another ring.
 */
struct iret_context {
	uint32_t eax, eip, cs, eflags, esp, ss;
};

struct cpu_user_regs {
	uint32_t ebx, ecx, edx, esi, edi, ebp, eax;
	uint16_t error_code, entry_vector;
	uint32_t eip;
	uint16_t cs;
	uint8_t saved_upcall_mask;	/* evtchn_upcall_mask at the time of the trap */
	uint8_t _pad0;
	uint32_t eflags;
	uint32_t esp;
	uint16_t ss, _pad1;
	uint16_t es, _pad2;
	uint16_t ds, _pad3;
	uint16_t fs, _pad4;
	uint16_t gs, _pad5;
};

struct arch_vcpu_info {
	xen_ulong_t cr2;		/* address of the last page fault */
	xen_ulong_t pad[5];
};

#endif /* !__ASSEMBLER__ */
#endif /* PV_ABI_ARCH_X86_32_H */
