/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_PV_STATE_H
#define ANNULUS_DOMAIN_PV_STATE_H

#include "lib/types.h"
#include "pv-abi/xen.h"

/* What struct vcpu embeds for pv/. */

/*
 * What a compat hypercall hands to the 64-bit handler: its translated argument lies here, and
 * copy_from_guest() and friends accept addresses in it. See entry/compat_hypercall.c.
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
	/*
	 * What CR3 gets for these two: the same, or shadows of them (pv/shadow.h). Who writes one
	 * of those calls roots_changed().
	 */
	mfn_t cr3_kernel, cr3_user;
	/* table whose references are still to be dropped (pv/mmu.h), 0 for none */
	mfn_t old_table;
	u64 gdt_frames[14];             /* FT_SEGDESC references held */
	unsigned gdt_entries;
	/* FT_SEGDESC references held; as many as ldt_entries need */
	u64 ldt_frames[16];
	u64 ldt_base;
	unsigned ldt_entries;
	u64 fs_base, gs_base_kernel, gs_base_user;
	/* domain->ring1: the base in GS while it does not run; where its kernel goes back */
	u64 gs_base_now, return_start, return_end;
	/*
	 * domain->ring1: the page of the CPU that it runs on says how its processes' SYSCALLs are
	 * bounced without C (ring1_short_way()). Who changes what that takes makes it false.
	 */
	bool short_way;
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

#endif
