/* SPDX-License-Identifier: MIT */
/*
 * The 32-bit guest's view of the ABI, for 64-bit code that serves such guests: a hypervisor, or a
 * toolstack that builds them. Names are those of the other headers with compat_ before them; what
 * is not here has the same layout in both. In an i386 structure 64-bit integers are aligned to 4.
 */
#ifndef PV_ABI_COMPAT_H
#define PV_ABI_COMPAT_H

#include "callback.h"
#include "event_channel.h"
#include "grant_table.h"
#include "memory.h"
#include "nmi.h"
#include "physdev.h"
#include "platform.h"
#include "sched.h"
#include "vcpu.h"
#include "version.h"
#include "xen.h"

#define FLAT_COMPAT_RING1_CS	0xe019
#define FLAT_COMPAT_RING1_DS	0xe021
#define FLAT_COMPAT_RING1_SS	0xe021
#define FLAT_COMPAT_RING3_CS	0xe02b
#define FLAT_COMPAT_RING3_DS	0xe033
#define FLAT_COMPAT_RING3_SS	0xe033
#define FLAT_COMPAT_KERNEL_CS	FLAT_COMPAT_RING1_CS
#define FLAT_COMPAT_KERNEL_DS	FLAT_COMPAT_RING1_DS
#define FLAT_COMPAT_KERNEL_SS	FLAT_COMPAT_RING1_SS
#define FLAT_COMPAT_USER_CS	FLAT_COMPAT_RING3_CS
#define FLAT_COMPAT_USER_DS	FLAT_COMPAT_RING3_DS
#define FLAT_COMPAT_USER_SS	FLAT_COMPAT_RING3_SS

/*
 * The hypervisor's part of a 32-bit guest's address space, up to 4 GiB; the M2P is its beginning.
 */
#define COMPAT_HYPERVISOR_VIRT_START	0xf5800000UL
#define COMPAT_MACH2PHYS_VIRT_START	0xf5800000UL
#define COMPAT_MACH2PHYS_VIRT_END	0xf6800000UL
#define COMPAT_MACH2PHYS_NR_ENTRIES \
	((COMPAT_MACH2PHYS_VIRT_END - COMPAT_MACH2PHYS_VIRT_START) / sizeof(uint32_t))

#define COMPAT_EVTCHN_2L_NR_CHANNELS	1024

typedef uint64_t compat_u64 __attribute__((aligned(4)));
typedef uint32_t compat_ulong_t, compat_pfn_t, compat_handle_t;

/* A root above 4 GiB does not fit into CR3: its upper bits travel in the lower ones. */
#define compat_pfn_to_cr3(pfn)	((uint32_t)(pfn) << 12 | (uint32_t)(pfn) >> 20)
#define compat_cr3_to_pfn(cr3)	((uint32_t)(cr3) >> 12 | (uint32_t)(cr3) << 20)

struct compat_mmuext_op {
	uint32_t cmd;
	union {
		compat_pfn_t mfn;
		uint32_t linear_addr;
	} arg1;
	union {
		uint32_t nr_ents;
		compat_handle_t vcpumask;
		compat_pfn_t src_mfn;
	} arg2;
};

struct compat_multicall_entry {
	uint32_t op, result, args[6];
};

struct compat_arch_vcpu_info {
	uint32_t cr2, pad[5];
};

struct compat_vcpu_info {
	uint8_t evtchn_upcall_pending;
	uint8_t evtchn_upcall_mask;
	uint32_t evtchn_pending_sel;
	struct compat_arch_vcpu_info arch;
	struct vcpu_time_info time;
};

struct compat_arch_shared_info {
	uint32_t max_pfn;
	compat_pfn_t pfn_to_mfn_frame_list_list;
	uint32_t nmi_reason;
	uint32_t p2m_cr3;
	uint32_t p2m_vaddr;
	uint32_t p2m_generation;
	uint32_t wc_sec_hi;
};

struct compat_shared_info {
	struct compat_vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	uint32_t evtchn_pending[32];
	uint32_t evtchn_mask[32];
	uint32_t wc_version;
	uint32_t wc_sec;
	uint32_t wc_nsec;
	struct compat_arch_shared_info arch;
};

struct compat_start_info {
	char magic[32];
	uint32_t nr_pages;
	uint32_t shared_info;
	uint32_t flags;
	compat_pfn_t store_mfn;
	uint32_t store_evtchn;
	union {
		struct {
			compat_pfn_t mfn;
			uint32_t evtchn;
		} domU;
		struct {
			uint32_t info_off;
			uint32_t info_size;
		} dom0;
	} console;
	uint32_t pt_base;
	uint32_t nr_pt_frames;
	uint32_t mfn_list;
	uint32_t mod_start;
	uint32_t mod_len;
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	uint32_t first_p2m_pfn;
	uint32_t nr_p2m_frames;
};

struct compat_trap_info {
	uint8_t vector;
	uint8_t flags;
	uint16_t cs;
	uint32_t address;
};

/* The last two words are there only for a return to another ring. */
struct compat_iret_context {
	uint32_t eax, eip, cs, eflags, esp, ss;
};

struct compat_cpu_user_regs {
	uint32_t ebx, ecx, edx, esi, edi, ebp, eax;
	uint16_t error_code, entry_vector;
	uint32_t eip;
	uint16_t cs;
	uint8_t saved_upcall_mask;
	uint8_t _pad0;
	uint32_t eflags;
	uint32_t esp;
	uint16_t ss, _pad1;
	uint16_t es, _pad2;
	uint16_t ds, _pad3;
	uint16_t fs, _pad4;
	uint16_t gs, _pad5;
};

struct compat_vcpu_guest_context {
	struct { char x[512]; } fpu_ctxt;
	uint32_t flags;
	struct compat_cpu_user_regs user_regs;
	struct compat_trap_info trap_ctxt[256];
	uint32_t ldt_base, ldt_ents;
	uint32_t gdt_frames[16], gdt_ents;
	uint32_t kernel_ss, kernel_sp;
	uint32_t ctrlreg[8];
	uint32_t debugreg[8];
	uint32_t event_callback_cs, event_callback_eip;
	uint32_t failsafe_callback_cs, failsafe_callback_eip;
	uint32_t vm_assist;
};

struct compat_xen_callback {
	uint32_t cs, eip;
};

struct compat_callback_register {
	uint16_t type;
	uint16_t flags;
	struct compat_xen_callback address;
};

struct compat_xennmi_callback {
	uint32_t handler_address;
	uint32_t pad;
};

struct compat_sched_poll {
	compat_handle_t ports;
	uint32_t nr_ports;
	compat_u64 timeout;
};

struct compat_vcpu_runstate_info {
	int32_t state;
	compat_u64 state_entry_time;
	compat_u64 time[4];
};

struct compat_vcpu_set_singleshot_timer {
	compat_u64 timeout_abs_ns;
	uint32_t flags;
};

struct compat_xen_platform_parameters {
	uint32_t virt_start;
};

struct compat_xen_memory_reservation {
	compat_handle_t extent_start;
	uint32_t nr_extents;
	uint32_t extent_order;
	uint32_t mem_flags;
	domid_t domid;
};

struct compat_xen_memory_exchange {
	struct compat_xen_memory_reservation in;
	struct compat_xen_memory_reservation out;
	uint32_t nr_exchanged;
};

struct compat_xen_machphys_mfn_list {
	uint32_t max_extents;
	compat_handle_t extent_start;
	uint32_t nr_extents;
};

struct compat_xen_machphys_mapping {
	uint32_t v_start, v_end, max_mfn;
};

struct compat_xen_memory_map {
	uint32_t nr_entries;
	compat_handle_t buffer;
};

struct compat_xen_foreign_memory_map {
	domid_t domid;
	struct compat_xen_memory_map map;
};

struct compat_xen_reserved_device_memory_map {
	uint32_t flags;
	uint32_t nr_entries;
	compat_handle_t buffer;
	union {
		struct physdev_pci_device pci;
	} dev;
};

struct compat_xen_mem_acquire_resource {
	domid_t domid;
	uint16_t type;
	uint32_t id;
	uint32_t nr_frames;
	uint32_t pad;
	compat_u64 frame;
	compat_handle_t frame_list;
};

struct compat_gnttab_setup_table {
	domid_t dom;
	uint32_t nr_frames;
	int16_t status;
	compat_handle_t frame_list;
};

struct compat_gnttab_transfer {
	compat_pfn_t mfn;
	domid_t domid;
	grant_ref_t ref;
	int16_t status;
};

struct compat_gnttab_copy_ptr {
	union {
		grant_ref_t ref;
		compat_pfn_t gmfn;
	} u;
	domid_t domid;
	uint16_t offset;
};

struct compat_gnttab_copy {
	struct compat_gnttab_copy_ptr source, dest;
	uint16_t len;
	uint16_t flags;
	int16_t status;
};

struct compat_gnttab_get_status_frames {
	uint32_t nr_frames;
	domid_t dom;
	int16_t status;
	compat_handle_t frame_list;
};

struct compat_physdev_pirq_eoi_gmfn {
	compat_pfn_t gmfn;
};

struct compat_physdev_set_iobitmap {
	compat_handle_t bitmap;
	uint32_t nr_ports;
};

struct compat_physdev_apic {
	uint32_t apic_physbase;
	uint32_t reg;
	uint32_t value;
};

struct compat_physdev_op {
	uint32_t cmd;
	union {
		struct compat_physdev_set_iobitmap set_iobitmap;
		struct compat_physdev_apic apic_op;
	} u;
};

struct compat_physdev_map_pirq {
	domid_t domid;
	int32_t type;
	int32_t index;
	int32_t pirq;
	int32_t bus;
	int32_t devfn;
	int32_t entry_nr;
	compat_u64 table_base;
};

struct compat_xenpf_getidletime {
	compat_handle_t cpumap_bitmap;
	uint32_t cpumap_nr_cpus;
	compat_handle_t idletime;
	compat_u64 now;
};

struct compat_xenpf_symdata {
	uint32_t namelen, symnum;
	compat_handle_t name;
	compat_u64 address;
	char type;
};

/* Of xen_mc_physcpuinfo's list: what is behind mc_nmsrvals follows at once. */
#define COMPAT_MC_MSRVALUES 172
#define COMPAT_MC_CPU_SIZE  300

#endif /* PV_ABI_COMPAT_H */
