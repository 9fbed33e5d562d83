/* SPDX-License-Identifier: MIT */
/*
 * Feature bits: XENVER_get_features reports them to a guest, and a kernel's ELF notes state
 * which it needs ("!writable_page_tables" and so on use these names without the prefix).
 */
#ifndef PV_ABI_FEATURES_H
#define PV_ABI_FEATURES_H

/* The guest may leave its page tables mapped writable; stores are trapped and validated. */
#define XENFEAT_writable_page_tables		0
/* Likewise for frames that hold a GDT or an LDT. */
#define XENFEAT_writable_descriptor_tables	1
/* Page tables hold guest frame numbers and somebody else translates (never for our PV). */
#define XENFEAT_auto_translated_physmap		2
/* The kernel runs in ring 0 (PVH dom0; for a PV guest always clear). */
#define XENFEAT_supervisor_mode_kernel		3
/* A 32-bit guest's PAE root may lie above 4 GiB. */
#define XENFEAT_pae_pgdir_above_4gb		4
/* MMU_PT_UPDATE_PRESERVE_AD exists. */
#define XENFEAT_mmu_pt_update_preserve_ad	5
/* Clear-page and copy-page on high memory exist for 32-bit guests. */
#define XENFEAT_highmem_assist			6
/* A grant mapping may set the software-available PTE bits (GNTMAP_guest_avail0 up). */
#define XENFEAT_gnttab_map_avail_bits		7
/* HVM: event upcalls may come through an IDT vector. */
#define XENFEAT_hvm_callback_vector		8
/* HVM: the PV clock is safe to use. */
#define XENFEAT_hvm_safe_pvclock		9
/* HVM: physical interrupts may be bound to event channels. */
#define XENFEAT_hvm_pirqs			10
/* This domain is dom0. */
#define XENFEAT_dom0				11
/* memory_op takes virtual NUMA nodes. */
#define XENFEAT_memory_op_vnode_supported	13
/* Arm only: SMC calling convention. */
#define XENFEAT_ARM_SMCCC_supported		14
/* The kernel tolerates an RSDP anywhere (PVH Linux). */
#define XENFEAT_linux_rsdp_unrestricted		15
/* Arm only in practice: whether gfn equals mfn. */
#define XENFEAT_not_direct_mapped		16
#define XENFEAT_direct_mapped			17

/* Number of 32-bit words of feature bits. */
#define XENFEAT_NR_SUBMAPS			1

#endif /* PV_ABI_FEATURES_H */
