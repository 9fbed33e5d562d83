/* SPDX-License-Identifier: MIT */
/*
 * Types of the ELF notes with owner name "Xen" by which a kernel image describes itself to
 * the domain builder. Numbers are 4 or 8 bytes wide (the descriptor's size tells); strings
 * end with NUL. VIRT_BASE, ENTRY, HYPERCALL_PAGE and INIT_P2M are virtual addresses.
 */
#ifndef PV_ABI_ELFNOTE_H
#define PV_ABI_ELFNOTE_H

#define XEN_ELFNOTE_INFO		0	/* free text */
#define XEN_ELFNOTE_ENTRY		1	/* number: first rip */
#define XEN_ELFNOTE_HYPERCALL_PAGE	2	/* number: page to fill with hypercall stubs */
#define XEN_ELFNOTE_VIRT_BASE		3	/* number: virtual address of pfn 0's mapping */
#define XEN_ELFNOTE_PADDR_OFFSET	4	/* number: subtracted from p_paddr to get the pfn */
#define XEN_ELFNOTE_XEN_VERSION		5	/* string, "xen-3.0" */
#define XEN_ELFNOTE_GUEST_OS		6	/* string, "linux" */
#define XEN_ELFNOTE_GUEST_VERSION	7	/* string */
#define XEN_ELFNOTE_LOADER		8	/* string, "generic" */
#define XEN_ELFNOTE_PAE_MODE		9	/* string, "yes", "no" or "bimodal" */
#define XEN_ELFNOTE_FEATURES		10	/* string: names joined by '|', '!' is required */
#define XEN_ELFNOTE_BSD_SYMTAB		11	/* string: "yes" loads the symbol table too */
#define XEN_ELFNOTE_HV_START_LOW	12	/* number: lowest address the hypervisor may use */
#define XEN_ELFNOTE_L1_MFN_VALID	13	/* pairs (mask, value): a PTE with a usable mfn */
#define XEN_ELFNOTE_SUSPEND_CANCEL	14	/* number: non-zero if suspend may be cancelled */
#define XEN_ELFNOTE_INIT_P2M		15	/* number: where the guest wants its P2M mapped */
#define XEN_ELFNOTE_MOD_START_PFN	16	/* number: non-zero takes a pfn as mod_start */
#define XEN_ELFNOTE_SUPPORTED_FEATURES	17	/* number: bitmap of XENFEAT_ numbers */
#define XEN_ELFNOTE_PHYS32_ENTRY	18	/* number: 32-bit physical entry (PVH) */
#define XEN_ELFNOTE_MAX			XEN_ELFNOTE_PHYS32_ENTRY

/* Notes of crash dumps and of domain core files. */
#define XEN_ELFNOTE_CRASH_INFO			0x1000001
#define XEN_ELFNOTE_CRASH_REGS			0x1000002
#define XEN_ELFNOTE_DUMPCORE_NONE		0x2000000
#define XEN_ELFNOTE_DUMPCORE_HEADER		0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION	0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION	0x2000003

#endif /* PV_ABI_ELFNOTE_H */
