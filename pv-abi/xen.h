/* SPDX-License-Identifier: MIT */
/*
 * Core of the PV guest ABI: hypercall numbers, virtual interrupts, page-table operations,
 * and the structures a domain shares with the hypervisor from its first instruction.
 *
 * A 64-bit guest calls through its hypercall page: number in rax, arguments in rdi, rsi,
 * rdx, r10, r8, r9, result in rax. rcx and r11 are lost. A 32-bit guest: number in eax, arguments
 * in ebx, ecx, edx, esi, edi, result in eax; a 64-bit argument takes two registers, low half
 * first.
 *
 * Compiled for i386 these headers describe what a 32-bit guest sees; compat.h has the same
 * structures for a 64-bit hypervisor or tool.
 */
#ifndef PV_ABI_XEN_H
#define PV_ABI_XEN_H

/* Version of the guest ABI these headers describe. */
#define __XEN_LATEST_INTERFACE_VERSION__	0x00040e00

#ifdef __ASSEMBLER__
#define xen_mk_uint(x)		x
#define xen_mk_ulong(x)		x
#define xen_mk_ullong(x)	x
#else
#include <stdint.h>
#define __xen_mk_uint(x)	x ## U
#define __xen_mk_ulong(x)	x ## UL
#define __xen_mk_ullong(x)	x ## ULL
#define xen_mk_uint(x)		__xen_mk_uint(x)
#define xen_mk_ulong(x)		__xen_mk_ulong(x)
#define xen_mk_ullong(x)	__xen_mk_ullong(x)

/*
 * A guest handle is the virtual address of guest memory, as wide as the guest's pointers (the
 * control ABI's _64 ones always have 64 bits). The pointee's type is only documentation; nobody
 * may dereference it without copying in.
 */
#define XEN_GUEST_HANDLE(type)		xen_ulong_t
#define XEN_GUEST_HANDLE_64(type)	uint64_aligned_t
#define XEN_GUEST_HANDLE_PARAM(type)	xen_ulong_t
#define set_xen_guest_handle_raw(hnd, val)	do { (hnd) = (uintptr_t)(val); } while (0)
#define set_xen_guest_handle(hnd, val)		set_xen_guest_handle_raw(hnd, val)

/* The control ABI is the same for guests of both kinds. */
typedef uint64_t uint64_aligned_t __attribute__((aligned(8)));
typedef int64_t int64_aligned_t __attribute__((aligned(8)));

/* The guest's word. */
#ifdef __i386__
typedef unsigned long xen_ulong_t;
#else
typedef uint64_t xen_ulong_t;
#endif

typedef uint16_t domid_t;
#endif /* __ASSEMBLER__ */

/* Hypercall numbers. */
#define __HYPERVISOR_set_trap_table			0
#define __HYPERVISOR_mmu_update				1
#define __HYPERVISOR_set_gdt				2
#define __HYPERVISOR_stack_switch			3
#define __HYPERVISOR_set_callbacks			4
#define __HYPERVISOR_fpu_taskswitch			5
#define __HYPERVISOR_sched_op_compat			6
#define __HYPERVISOR_platform_op			7
#define __HYPERVISOR_set_debugreg			8
#define __HYPERVISOR_get_debugreg			9
#define __HYPERVISOR_update_descriptor			10
#define __HYPERVISOR_memory_op				12
#define __HYPERVISOR_multicall				13
#define __HYPERVISOR_update_va_mapping			14
#define __HYPERVISOR_set_timer_op			15
#define __HYPERVISOR_event_channel_op_compat		16
#define __HYPERVISOR_xen_version			17
#define __HYPERVISOR_console_io				18
#define __HYPERVISOR_physdev_op_compat			19
#define __HYPERVISOR_grant_table_op			20
#define __HYPERVISOR_vm_assist				21
#define __HYPERVISOR_update_va_mapping_otherdomain	22
#define __HYPERVISOR_iret				23
#define __HYPERVISOR_vcpu_op				24
#define __HYPERVISOR_set_segment_base			25
#define __HYPERVISOR_mmuext_op				26
#define __HYPERVISOR_xsm_op				27
#define __HYPERVISOR_nmi_op				28
#define __HYPERVISOR_sched_op				29
#define __HYPERVISOR_callback_op			30
#define __HYPERVISOR_xenoprof_op			31
#define __HYPERVISOR_event_channel_op			32
#define __HYPERVISOR_physdev_op				33
#define __HYPERVISOR_hvm_op				34
#define __HYPERVISOR_sysctl				35
#define __HYPERVISOR_domctl				36
#define __HYPERVISOR_kexec_op				37
#define __HYPERVISOR_tmem_op				38
#define __HYPERVISOR_argo_op				39
#define __HYPERVISOR_xenpmu_op				40
#define __HYPERVISOR_dm_op				41
#define __HYPERVISOR_hypfs_op				42
#define __HYPERVISOR_arch_0				48	/* x86: mca */
#define __HYPERVISOR_arch_1				49	/* x86: paging domctl, continued */
#define __HYPERVISOR_arch_2				50
#define __HYPERVISOR_arch_3				51
#define __HYPERVISOR_arch_4				52
#define __HYPERVISOR_arch_5				53
#define __HYPERVISOR_arch_6				54
#define __HYPERVISOR_arch_7				55

/* Virtual interrupts. Per vcpu: TIMER, DEBUG, XENOPROF, XENPMU; the rest one per host. */
#define VIRQ_TIMER		0	/* timer of the vcpu ran out */
#define VIRQ_DEBUG		1	/* guest should dump its state */
#define VIRQ_CONSOLE		2	/* dom0: bytes wait on the emergency console */
#define VIRQ_DOM_EXC		3	/* store: some domain died or shut down */
#define VIRQ_TBUF		4	/* trace buffers have records */
#define VIRQ_DEBUGGER		6	/* a domain paused for debugging */
#define VIRQ_XENOPROF		7
#define VIRQ_CON_RING		8	/* hypervisor console ring has new text */
#define VIRQ_PCPU_STATE		9	/* a host CPU came or went */
#define VIRQ_MEM_EVENT		10
#define VIRQ_ARGO		11
#define VIRQ_ENOMEM		12	/* little free memory is left */
#define VIRQ_XENPMU		13
#define VIRQ_ARCH_0		16	/* x86: machine check */
#define VIRQ_ARCH_1		17
#define VIRQ_ARCH_2		18
#define VIRQ_ARCH_3		19
#define VIRQ_ARCH_4		20
#define VIRQ_ARCH_5		21
#define VIRQ_ARCH_6		22
#define VIRQ_ARCH_7		23
#define NR_VIRQS		24

/* Low two bits of mmu_update.ptr. */
#define MMU_NORMAL_PT_UPDATE		0	/* store a page-table entry */
#define MMU_MACHPHYS_UPDATE		1	/* set the M2P entry of the frame */
#define MMU_PT_UPDATE_PRESERVE_AD	2	/* as 0, keeping accessed and dirty bits */
#define MMU_PT_UPDATE_NO_TRANSLATE	3	/* as 0, val holds an mfn in any mode */

#define MMUEXT_PIN_L1_TABLE		0	/* arg1.mfn */
#define MMUEXT_PIN_L2_TABLE		1	/* arg1.mfn */
#define MMUEXT_PIN_L3_TABLE		2	/* arg1.mfn */
#define MMUEXT_PIN_L4_TABLE		3	/* arg1.mfn */
#define MMUEXT_UNPIN_TABLE		4	/* arg1.mfn */
#define MMUEXT_NEW_BASEPTR		5	/* arg1.mfn: kernel root */
#define MMUEXT_TLB_FLUSH_LOCAL		6
#define MMUEXT_INVLPG_LOCAL		7	/* arg1.linear_addr */
#define MMUEXT_TLB_FLUSH_MULTI		8	/* arg2.vcpumask */
#define MMUEXT_INVLPG_MULTI		9	/* arg1.linear_addr, arg2.vcpumask */
#define MMUEXT_TLB_FLUSH_ALL		10
#define MMUEXT_INVLPG_ALL		11	/* arg1.linear_addr */
#define MMUEXT_FLUSH_CACHE		12	/* writes back the local CPU's caches */
#define MMUEXT_SET_LDT			13	/* arg1.linear_addr, arg2.nr_ents */
#define MMUEXT_NEW_USER_BASEPTR		15	/* arg1.mfn: user root, 0 for none */
#define MMUEXT_CLEAR_PAGE		16	/* arg1.mfn */
#define MMUEXT_COPY_PAGE		17	/* arg1.mfn to, arg2.src_mfn from */
#define MMUEXT_FLUSH_CACHE_GLOBAL	18
#define MMUEXT_MARK_SUPER		19	/* arg1.mfn */
#define MMUEXT_UNMARK_SUPER		20	/* arg1.mfn */

/* Flags of update_va_mapping; above the two type bits may sit a vcpu mask's address. */
#define UVMF_NONE		(xen_mk_ulong(0) << 0)
#define UVMF_TLB_FLUSH		(xen_mk_ulong(1) << 0)
#define UVMF_INVLPG		(xen_mk_ulong(2) << 0)
#define UVMF_FLUSHTYPE_MASK	(xen_mk_ulong(3) << 0)
#define UVMF_MULTI		(xen_mk_ulong(0) << 2)	/* or in the mask's address */
#define UVMF_LOCAL		(xen_mk_ulong(0) << 2)
#define UVMF_ALL		(xen_mk_ulong(1) << 2)

/* console_io(cmd, count, buffer) */
#define CONSOLEIO_write		0
#define CONSOLEIO_read		1	/* returns the number of bytes read */

/* vm_assist(cmd, type) */
#define VMASST_CMD_enable			0
#define VMASST_CMD_disable			1
#define VMASST_TYPE_4gb_segments		0
#define VMASST_TYPE_4gb_segments_notify		1
#define VMASST_TYPE_writable_pagetables		2
#define VMASST_TYPE_pae_extended_cr3		3
#define VMASST_TYPE_architectural_iopl		4	/* IOPL lives in the guest's rflags */
#define VMASST_TYPE_runstate_update_flag	5	/* XEN_RUNSTATE_UPDATE is maintained */
#define VMASST_TYPE_m2p_strict			32	/* no M2P in user mode */

/* Domain numbers with a meaning of their own. */
#define DOMID_FIRST_RESERVED	xen_mk_uint(0x7FF0)
#define DOMID_SELF		xen_mk_uint(0x7FF0)
#define DOMID_IO		xen_mk_uint(0x7FF1)	/* owner of device memory */
#define DOMID_XEN		xen_mk_uint(0x7FF2)	/* owner of hypervisor frames */
#define DOMID_COW		xen_mk_uint(0x7FF3)
#define DOMID_INVALID		xen_mk_uint(0x7FF4)
#define DOMID_IDLE		xen_mk_uint(0x7FFF)
#define DOMID_MASK		xen_mk_uint(0x7FFF)

/* start_info.flags */
#define SIF_PRIVILEGED		(1 << 0)
#define SIF_INITDOMAIN		(1 << 1)
#define SIF_MULTIBOOT_MOD	(1 << 2)	/* mod_start is a xen_multiboot_mod_list */
#define SIF_MOD_START_PFN	(1 << 3)	/* mod_start is a pfn */
#define SIF_VIRT_P2M_4TOOLS	(1 << 4)	/* tools understand a linear P2M */
#define SIF_PM_MASK		(0xFF << 8)	/* power management done by the hypervisor */

#define MAX_GUEST_CMDLINE	1024

/* vcpu_time_info.flags */
#define XEN_PVCLOCK_TSC_STABLE_BIT	(1 << 0)	/* monotonic across vcpus */
#define XEN_PVCLOCK_GUEST_STOPPED	(1 << 1)	/* guest was paused by a tool */

/* dom0_vga_console_info.video_type */
#define XEN_VGATYPE_TEXT_MODE_3		0x03
#define XEN_VGATYPE_VESA_LFB		0x23
#define XEN_VGATYPE_EFI_LFB		0x70

#include "arch-x86.h"

#ifndef __ASSEMBLER__

struct mmu_update {
	uint64_t ptr;		/* machine address of the entry | MMU_* */
	uint64_t val;		/* new entry, or a pfn for MMU_MACHPHYS_UPDATE */
};

struct mmuext_op {
	uint32_t cmd;		/* MMUEXT_* */
	union {
		xen_pfn_t mfn;
		xen_ulong_t linear_addr;
	} arg1;
	union {
		uint32_t nr_ents;
		XEN_GUEST_HANDLE(uint8) vcpumask;	/* a bitmap */
		xen_pfn_t src_mfn;
	} arg2;
};

struct multicall_entry {
	xen_ulong_t op;		/* __HYPERVISOR_* */
	xen_ulong_t result;	/* OUT */
	xen_ulong_t args[6];
};

/*
 * The clock: ns = system_time + (((tsc - tsc_timestamp) << tsc_shift) * mul >> 32); a
 * negative shift goes right. Valid if version was even and did not change meanwhile.
 */
struct vcpu_time_info {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;		/* ns since the host's boot */
	uint32_t tsc_to_system_mul;	/* 0.32 fixed point */
	int8_t tsc_shift;
	uint8_t flags;			/* XEN_PVCLOCK_* */
	uint8_t pad1[2];
};

struct vcpu_info {
	uint8_t evtchn_upcall_pending;	/* set by the hypervisor, cleared by the guest */
	uint8_t evtchn_upcall_mask;	/* the guest's interrupt flag, inverted */
	xen_ulong_t evtchn_pending_sel;	/* bit per word of shared_info.evtchn_pending */
	struct arch_vcpu_info arch;
	struct vcpu_time_info time;
};

struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
	xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
	/* Wall clock (UTC) at system time 0; same odd/even rule as vcpu_time_info. */
	uint32_t wc_version;
	uint32_t wc_sec;
	uint32_t wc_nsec;
#ifndef __i386__
	uint32_t wc_sec_hi;
#endif
	struct arch_shared_info arch;
};

#ifdef __i386__
#define xen_wc_sec_hi arch.wc_sec_hi
#else
#define xen_wc_sec_hi wc_sec_hi
#endif

/* Handed to the first vcpu in rsi. */
struct start_info {
	char magic[32];			/* "xen-3.0-x86_64", "xen-3.0-x86_32p" */
	xen_ulong_t nr_pages;
	xen_ulong_t shared_info;	/* machine address */
	uint32_t flags;			/* SIF_* */
	xen_pfn_t store_mfn;		/* domU: the store ring */
	uint32_t store_evtchn;
	union {
		struct {
			xen_pfn_t mfn;	/* the console ring */
			uint32_t evtchn;
		} domU;
		struct {
			uint32_t info_off;	/* dom0_vga_console_info in this page */
			uint32_t info_size;	/* 0: none */
		} dom0;
	} console;
	xen_ulong_t pt_base;		/* virtual address of the root table */
	xen_ulong_t nr_pt_frames;	/* frames of page tables from pt_base on */
	xen_ulong_t mfn_list;		/* virtual address of the P2M */
	xen_ulong_t mod_start;		/* initrd: virtual address, or pfn (SIF_MOD_START_PFN) */
	xen_ulong_t mod_len;		/* bytes */
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	xen_ulong_t first_p2m_pfn;	/* P2M's own frames, if outside the initial mapping */
	xen_ulong_t nr_p2m_frames;
};

/* One module of a SIF_MULTIBOOT_MOD list; the list ends at mod_start 0. */
struct xen_multiboot_mod_list {
	uint32_t mod_start;
	uint32_t mod_end;		/* exclusive */
	uint32_t cmdline;
	uint32_t pad;			/* 0 */
};

struct dom0_vga_console_info {
	uint8_t video_type;		/* XEN_VGATYPE_* */
	union {
		struct {
			uint16_t font_height;
			uint16_t cursor_x, cursor_y;
			uint16_t rows, columns;
		} text_mode_3;
		struct {
			uint16_t width, height;	/* pixels */
			uint16_t bytes_per_line;
			uint16_t bits_per_pixel;
			uint32_t lfb_base;	/* machine address, low half */
			uint32_t lfb_size;	/* 64 KiB units */
			uint8_t red_pos, red_size;
			uint8_t green_pos, green_size;
			uint8_t blue_pos, blue_size;
			uint8_t rsvd_pos, rsvd_size;
			uint32_t gbl_caps;	/* VBE capabilities */
			uint16_t mode_attrs;	/* VBE mode attributes */
			uint16_t pad;
			uint32_t ext_lfb_base;	/* high half */
		} vesa_lfb;
	} u;
};

#define xen_vga_console_info dom0_vga_console_info

typedef uint8_t xen_domain_handle_t[16];	/* a domain's UUID */

typedef struct {
	uint8_t a[16];
} xen_uuid_t;

/* A bitmap in the caller's memory; bit n is bit n % 8 of byte n / 8. */
struct xenctl_bitmap {
	XEN_GUEST_HANDLE_64(uint8) bitmap;
	uint32_t nr_bits;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_XEN_H */
