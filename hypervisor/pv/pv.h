/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_PV_H
#define ANNULUS_PV_PV_H

#include "cpu/regs.h"
#include "lib/types.h"
#include "pv-abi/xen.h"

struct vcpu;
struct domain;

struct pv_domain {
	/* PAE guest in compatibility mode, kernel in ring 1; set before it has memory */
	bool is_32bit;
};

/*
 * What a compat hypercall hands to the 64-bit handler: its translated argument lies here, and
 * copy_from_guest() and friends accept addresses in it. See pv/compat.h.
 */
struct compat_window {
	void *data;             /* NULL: no translated argument */
	u32 size;
	u32 guest;              /* address of the guest's own structure */
	bool written;           /* the handler answered */
};

/*
 * What the ABI lets a guest kernel set up on a vCPU. Changed by the vCPU itself, or while it is
 * paused.
 */
struct pv_vcpu {
	/* which of the two roots is in use; 32-bit: in ring 1 when it last entered */
	bool kernel_mode;
	u8 iopl;                        /* virtual IOPL 0..3 */
	bool ts;                        /* virtual CR0.TS */
	u64 kernel_sp, kernel_ss;
	/* kernel_sp, aligned, if a frame below it is in the guest's part; else 0 */
	u64 bounce_sp;
	u64 event_callback, failsafe_callback, syscall_callback;
	u64 syscall32_callback, sysenter_callback;
	u16 event_cs, failsafe_cs, nmi_cs, syscall32_cs, sysenter_cs; /* 32-bit guests' */
	/* VGCF_*_disables_events */
	bool failsafe_masks, syscall_masks, syscall32_masks, sysenter_masks;
	struct trap_info traps[256];    /* .address 0: none */
	/* kernel root: type reference held (root_type()); INVALID_MFN when none */
	mfn_t guest_table;
	mfn_t guest_table_user;         /* user root or INVALID_MFN */
	/* table whose references are still to be dropped (pv/mmu.h), 0 for none */
	mfn_t old_table;
	u64 gdt_frames[14];             /* FT_SEGDESC references held */
	unsigned gdt_entries;
	/* FT_SEGDESC references held; as many as ldt_entries need */
	u64 ldt_frames[16];
	u64 ldt_base;
	unsigned ldt_entries;
	u64 fs_base, gs_base_kernel, gs_base_user;
	u16 ds, es, fs, gs;             /* while not running */
	u64 cr0, cr2, cr4;              /* what the guest believes */
	u64 dr[8];                      /* dr[4..5] unused */
	u64 iobitmap;                   /* PHYSDEVOP_set_iobitmap: guest address, 0 for none */
	u32 iobitmap_ports;
	u32 pci_cf8;                    /* latched write to port 0xcf8 */
	u64 nmi_callback;
	/* 32-bit: L4 of ours, its slot 0 leads to guest_table; else NULL */
	u64 *root32;
	struct compat_window window;
};

/*
 * root_load() - load the vCPU's current root (guest_table or, in user mode, guest_table_user) on
 * this CPU, which runs v. If it has none, the idle root (see pv/root.h).
 * root_fill() - put the hypervisor's slots into a top-level table being validated.
 * root_fill_compat() - the same for the L2 of a 32-bit guest's last GiB.
 * root_create_compat() - the L4 that a 32-bit guest's vCPU runs on: 0 or -ENOMEM; nothing to do for
 * a vCPU that has one. root_destroy_compat() undoes it.
 * root_set_compat() - a 32-bit guest's vCPU has a new guest_table (or none); not loaded yet.
 */
void root_load(struct vcpu *v);
void root_fill(u64 *l4);
void root_fill_compat(u64 *l2);
int root_create_compat(struct vcpu *v);
void root_destroy_compat(struct vcpu *v);
void root_set_compat(struct vcpu *v);
/* Slots 256-271 as every root has them. */
bool root_slot_is_ours(unsigned slot);

/* The stack that the kernel is entered on from user mode. Any value is fine until it is used. */
void pv_set_kernel_stack(struct pv_vcpu *pv, u64 ss, u64 sp);

/*
 * pv_inject_trap() - make the running vCPU enter its own handler for `vector` at the next return to
 * it: bounce frame with `error_code` if the vector has one. pv_inject_pf() also sets CR2 for it.
 */
void pv_inject_trap(unsigned vector, u32 error_code);
void pv_inject_pf(vaddr_t cr2, u32 error_code);

#endif
