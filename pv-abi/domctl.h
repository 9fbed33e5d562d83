/* SPDX-License-Identifier: MIT */
/*
 * Control of one domain: __HYPERVISOR_domctl(struct xen_domctl). Only for the control
 * domain; not a stable ABI, so each call carries the version it was written for and another
 * one gets -EACCES.
 */
#ifndef PV_ABI_DOMCTL_H
#define PV_ABI_DOMCTL_H

#include "xen.h"
#include "event_channel.h"
#include "grant_table.h"
#include "memory.h"

#define XEN_DOMCTL_INTERFACE_VERSION		0x00000015

#define XEN_DOMCTL_createdomain			1
#define XEN_DOMCTL_destroydomain		2
#define XEN_DOMCTL_pausedomain			3
#define XEN_DOMCTL_unpausedomain		4
#define XEN_DOMCTL_getdomaininfo		5	/* of this domain or the next one up */
#define XEN_DOMCTL_setvcpuaffinity		9
#define XEN_DOMCTL_shadow_op			10
#define XEN_DOMCTL_max_mem			11
#define XEN_DOMCTL_setvcpucontext		12
#define XEN_DOMCTL_getvcpucontext		13
#define XEN_DOMCTL_getvcpuinfo			14
#define XEN_DOMCTL_max_vcpus			15
#define XEN_DOMCTL_scheduler_op			16
#define XEN_DOMCTL_setdomainhandle		17
#define XEN_DOMCTL_setdebugging			18
#define XEN_DOMCTL_irq_permission		19
#define XEN_DOMCTL_iomem_permission		20
#define XEN_DOMCTL_ioport_permission		21
#define XEN_DOMCTL_hypercall_init		22
#define XEN_DOMCTL_settimeoffset		24
#define XEN_DOMCTL_getvcpuaffinity		25
#define XEN_DOMCTL_real_mode_area		26
#define XEN_DOMCTL_resumedomain			27
#define XEN_DOMCTL_sendtrigger			28
#define XEN_DOMCTL_subscribe			29
#define XEN_DOMCTL_gethvmcontext		33
#define XEN_DOMCTL_sethvmcontext		34
#define XEN_DOMCTL_set_address_size		35
#define XEN_DOMCTL_get_address_size		36
#define XEN_DOMCTL_assign_device		37
#define XEN_DOMCTL_bind_pt_irq			38
#define XEN_DOMCTL_memory_mapping		39
#define XEN_DOMCTL_ioport_mapping		40
#define XEN_DOMCTL_set_ext_vcpucontext		42
#define XEN_DOMCTL_get_ext_vcpucontext		43
#define XEN_DOMCTL_set_opt_feature		44
#define XEN_DOMCTL_test_assign_device		45
#define XEN_DOMCTL_set_target			46
#define XEN_DOMCTL_deassign_device		47
#define XEN_DOMCTL_unbind_pt_irq		48
#define XEN_DOMCTL_get_device_group		50
#define XEN_DOMCTL_debug_op			54
#define XEN_DOMCTL_gethvmcontext_partial	55
#define XEN_DOMCTL_vm_event_op			56
#define XEN_DOMCTL_mem_sharing_op		57
#define XEN_DOMCTL_gettscinfo			59
#define XEN_DOMCTL_settscinfo			60
#define XEN_DOMCTL_getpageframeinfo3		61
#define XEN_DOMCTL_setvcpuextstate		62
#define XEN_DOMCTL_getvcpuextstate		63
#define XEN_DOMCTL_set_access_required		64
#define XEN_DOMCTL_audit_p2m			65
#define XEN_DOMCTL_set_virq_handler		66
#define XEN_DOMCTL_set_broken_page_p2m		67
#define XEN_DOMCTL_setnodeaffinity		68
#define XEN_DOMCTL_getnodeaffinity		69
#define XEN_DOMCTL_cacheflush			71
#define XEN_DOMCTL_get_vcpu_msrs		72
#define XEN_DOMCTL_set_vcpu_msrs		73
#define XEN_DOMCTL_setvnumainfo			74
#define XEN_DOMCTL_psr_cmt_op			75
#define XEN_DOMCTL_monitor_op			77
#define XEN_DOMCTL_psr_alloc			78
#define XEN_DOMCTL_soft_reset			79
#define XEN_DOMCTL_vuart_op			81
#define XEN_DOMCTL_get_cpu_policy		82
#define XEN_DOMCTL_set_cpu_policy		83
#define XEN_DOMCTL_vmtrace_op			84
#define XEN_DOMCTL_get_paging_mempool_size	85
#define XEN_DOMCTL_set_paging_mempool_size	86
#define XEN_DOMCTL_gdbsx_guestmemio		1000
#define XEN_DOMCTL_gdbsx_pausevcpu		1001
#define XEN_DOMCTL_gdbsx_unpausevcpu		1002
#define XEN_DOMCTL_gdbsx_domstatus		1003

/* createdomain.flags */
#define _XEN_DOMCTL_CDF_hvm			0
#define _XEN_DOMCTL_CDF_hap			1
#define _XEN_DOMCTL_CDF_s3_integrity		2
#define _XEN_DOMCTL_CDF_oos_off			3
#define _XEN_DOMCTL_CDF_xs_domain		4	/* runs the store */
#define _XEN_DOMCTL_CDF_iommu			5
#define _XEN_DOMCTL_CDF_nested_virt		6
#define XEN_DOMCTL_CDF_hvm			(1 << _XEN_DOMCTL_CDF_hvm)
#define XEN_DOMCTL_CDF_hap			(1 << _XEN_DOMCTL_CDF_hap)
#define XEN_DOMCTL_CDF_s3_integrity		(1 << _XEN_DOMCTL_CDF_s3_integrity)
#define XEN_DOMCTL_CDF_oos_off			(1 << _XEN_DOMCTL_CDF_oos_off)
#define XEN_DOMCTL_CDF_xs_domain		(1 << _XEN_DOMCTL_CDF_xs_domain)
#define XEN_DOMCTL_CDF_iommu			(1 << _XEN_DOMCTL_CDF_iommu)
#define XEN_DOMCTL_CDF_nested_virt		(1 << _XEN_DOMCTL_CDF_nested_virt)
#define XEN_DOMCTL_CDF_vpmu			(1 << 7)
#define XEN_DOMCTL_CDF_MAX			XEN_DOMCTL_CDF_vpmu

/* createdomain.iommu_opts */
#define _XEN_DOMCTL_IOMMU_no_sharept		0
#define XEN_DOMCTL_IOMMU_no_sharept		(1 << _XEN_DOMCTL_IOMMU_no_sharept)
#define XEN_DOMCTL_IOMMU_MAX			XEN_DOMCTL_IOMMU_no_sharept

/* createdomain.grant_opts: highest grant table version the domain may choose. */
#define XEN_DOMCTL_GRANT_version_mask		0xf
#define XEN_DOMCTL_GRANT_version(v)		((v) & XEN_DOMCTL_GRANT_version_mask)

/* getdomaininfo.flags */
#define _XEN_DOMINF_dying			0	/* destroyed, not all frames freed yet */
#define _XEN_DOMINF_hvm_guest			1
#define _XEN_DOMINF_shutdown			2
#define _XEN_DOMINF_paused			3	/* by a tool */
#define _XEN_DOMINF_blocked			4	/* every vcpu waits */
#define _XEN_DOMINF_running			5	/* some vcpu runs now */
#define _XEN_DOMINF_debugged			6
#define _XEN_DOMINF_xs_domain			7
#define _XEN_DOMINF_hap				8
#define XEN_DOMINF_dying			(1 << _XEN_DOMINF_dying)
#define XEN_DOMINF_hvm_guest			(1 << _XEN_DOMINF_hvm_guest)
#define XEN_DOMINF_shutdown			(1 << _XEN_DOMINF_shutdown)
#define XEN_DOMINF_paused			(1 << _XEN_DOMINF_paused)
#define XEN_DOMINF_blocked			(1 << _XEN_DOMINF_blocked)
#define XEN_DOMINF_running			(1 << _XEN_DOMINF_running)
#define XEN_DOMINF_debugged			(1 << _XEN_DOMINF_debugged)
#define XEN_DOMINF_xs_domain			(1 << _XEN_DOMINF_xs_domain)
#define XEN_DOMINF_hap				(1 << _XEN_DOMINF_hap)
/* The SHUTDOWN_* reason sits in bits 16 to 23. */
#define XEN_DOMINF_shutdownmask			255
#define XEN_DOMINF_shutdownshift		16

#define XEN_INVALID_MAX_VCPU_ID			(~xen_mk_uint(0))

/* getpageframeinfo3: what replaces a pfn in the array. */
#define XEN_DOMCTL_PFINFO_LTAB_SHIFT		28
#define XEN_DOMCTL_PFINFO_NOTAB			(xen_mk_uint(0x0) << 28)
#define XEN_DOMCTL_PFINFO_L1TAB			(xen_mk_uint(0x1) << 28)
#define XEN_DOMCTL_PFINFO_L2TAB			(xen_mk_uint(0x2) << 28)
#define XEN_DOMCTL_PFINFO_L3TAB			(xen_mk_uint(0x3) << 28)
#define XEN_DOMCTL_PFINFO_L4TAB			(xen_mk_uint(0x4) << 28)
#define XEN_DOMCTL_PFINFO_LTABTYPE_MASK		(xen_mk_uint(0x7) << 28)
#define XEN_DOMCTL_PFINFO_LPINTAB		(xen_mk_uint(0x1) << 31)	/* pinned */
#define XEN_DOMCTL_PFINFO_XTAB			(xen_mk_uint(0xf) << 28)	/* no frame */
#define XEN_DOMCTL_PFINFO_XALLOC		(xen_mk_uint(0xe) << 28)	/* allocate only */
#define XEN_DOMCTL_PFINFO_BROKEN		(xen_mk_uint(0xd) << 28)
#define XEN_DOMCTL_PFINFO_LTAB_MASK		(xen_mk_uint(0xf) << 28)

/* shadow_op.op */
#define XEN_DOMCTL_SHADOW_OP_OFF		0
#define XEN_DOMCTL_SHADOW_OP_ENABLE_TEST	1
#define XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY	2
#define XEN_DOMCTL_SHADOW_OP_CLEAN		11	/* fetch the bitmap and clear it */
#define XEN_DOMCTL_SHADOW_OP_PEEK		12	/* fetch only */
#define XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION	30
#define XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION	31
#define XEN_DOMCTL_SHADOW_OP_ENABLE		32
/* shadow_op.mode of OP_ENABLE, and of CLEAN and PEEK */
#define XEN_DOMCTL_SHADOW_ENABLE_REFCOUNT	(1 << 1)
#define XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY	(1 << 2)
#define XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE	(1 << 3)
#define XEN_DOMCTL_SHADOW_ENABLE_EXTERNAL	(1 << 4)
#define XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL	(1 << 0)

/* vcpuaffinity.flags */
#define _XEN_VCPUAFFINITY_HARD			0
#define XEN_VCPUAFFINITY_HARD			(1 << _XEN_VCPUAFFINITY_HARD)
#define _XEN_VCPUAFFINITY_SOFT			1
#define XEN_VCPUAFFINITY_SOFT			(1 << _XEN_VCPUAFFINITY_SOFT)
#define _XEN_VCPUAFFINITY_FORCE			2
#define XEN_VCPUAFFINITY_FORCE			(1 << _XEN_VCPUAFFINITY_FORCE)

#define XEN_SCHEDULER_CREDIT			5
#define XEN_SCHEDULER_CREDIT2			6
#define XEN_SCHEDULER_ARINC653			7
#define XEN_SCHEDULER_RTDS			8
#define XEN_SCHEDULER_NULL			9

/* scheduler_op.cmd */
#define XEN_DOMCTL_SCHEDOP_putinfo		0
#define XEN_DOMCTL_SCHEDOP_getinfo		1
#define XEN_DOMCTL_SCHEDOP_putvcpuinfo		2
#define XEN_DOMCTL_SCHEDOP_getvcpuinfo		3

#define _XEN_DOMCTL_SCHEDRT_extra		0
#define XEN_DOMCTL_SCHEDRT_extra		(1 << _XEN_DOMCTL_SCHEDRT_extra)

/* sendtrigger.trigger */
#define XEN_DOMCTL_SENDTRIGGER_NMI		0
#define XEN_DOMCTL_SENDTRIGGER_RESET		1
#define XEN_DOMCTL_SENDTRIGGER_INIT		2
#define XEN_DOMCTL_SENDTRIGGER_POWER		3
#define XEN_DOMCTL_SENDTRIGGER_SLEEP		4

/* assign_device.dev and .flags */
#define XEN_DOMCTL_DEV_PCI			0
#define XEN_DOMCTL_DEV_DT			1
#define XEN_DOMCTL_DEV_RDM_RELAXED		1

/* bind_pt_irq.u.msi.gflags */
#define XEN_DOMCTL_VMSI_X86_DEST_ID_MASK	0x0000ff
#define XEN_DOMCTL_VMSI_X86_RH_MASK		0x000100
#define XEN_DOMCTL_VMSI_X86_DM_MASK		0x000200
#define XEN_DOMCTL_VMSI_X86_DELIV_MASK		0x007000
#define XEN_DOMCTL_VMSI_X86_TRIG_MASK		0x008000
#define XEN_DOMCTL_VMSI_X86_UNMASKED		0x010000

/* memory_mapping.add_mapping, ioport_mapping.add_mapping */
#define DPCI_ADD_MAPPING			1
#define DPCI_REMOVE_MAPPING			0

#define XEN_DOMCTL_MEM_CACHEATTR_UC		0
#define XEN_DOMCTL_MEM_CACHEATTR_WC		1
#define XEN_DOMCTL_MEM_CACHEATTR_WT		4
#define XEN_DOMCTL_MEM_CACHEATTR_WP		5
#define XEN_DOMCTL_MEM_CACHEATTR_WB		6
#define XEN_DOMCTL_MEM_CACHEATTR_UCM		7
#define XEN_DOMCTL_DELETE_MEM_CACHEATTR		(~xen_mk_uint(0))

#define XEN_CPUID_INPUT_UNUSED			0xFFFFFFFF

#define XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF	0
#define XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON	1

/* vm_event_op.op and .mode */
#define XEN_VM_EVENT_ENABLE			0
#define XEN_VM_EVENT_DISABLE			1
#define XEN_VM_EVENT_RESUME			2
#define XEN_VM_EVENT_GET_VERSION		3
#define XEN_DOMCTL_VM_EVENT_OP_PAGING		1
#define XEN_DOMCTL_VM_EVENT_OP_MONITOR		2
#define XEN_DOMCTL_VM_EVENT_OP_SHARING		3

#define XEN_DOMCTL_MEM_SHARING_CONTROL		0

#define XEN_DOMCTL_PSR_CMT_OP_DETACH		0
#define XEN_DOMCTL_PSR_CMT_OP_ATTACH		1
#define XEN_DOMCTL_PSR_CMT_OP_QUERY_RMID	2

/* monitor_op.op and .event */
#define XEN_DOMCTL_MONITOR_OP_ENABLE		0
#define XEN_DOMCTL_MONITOR_OP_DISABLE		1
#define XEN_DOMCTL_MONITOR_OP_GET_CAPABILITIES	2
#define XEN_DOMCTL_MONITOR_OP_EMULATE_EACH_REP	3
#define XEN_DOMCTL_MONITOR_OP_CONTROL_REGISTERS	4
#define XEN_DOMCTL_MONITOR_EVENT_WRITE_CTRLREG		0
#define XEN_DOMCTL_MONITOR_EVENT_MOV_TO_MSR		1
#define XEN_DOMCTL_MONITOR_EVENT_SINGLESTEP		2
#define XEN_DOMCTL_MONITOR_EVENT_SOFTWARE_BREAKPOINT	3
#define XEN_DOMCTL_MONITOR_EVENT_GUEST_REQUEST		4
#define XEN_DOMCTL_MONITOR_EVENT_DEBUG_EXCEPTION	5
#define XEN_DOMCTL_MONITOR_EVENT_CPUID			6
#define XEN_DOMCTL_MONITOR_EVENT_PRIVILEGED_CALL	7
#define XEN_DOMCTL_MONITOR_EVENT_INTERRUPT		8
#define XEN_DOMCTL_MONITOR_EVENT_DESC_ACCESS		9
#define XEN_DOMCTL_MONITOR_EVENT_EMUL_UNIMPLEMENTED	10
#define XEN_DOMCTL_MONITOR_EVENT_INGUEST_PAGEFAULT	11
#define XEN_DOMCTL_MONITOR_EVENT_VMEXIT			12

/* psr_alloc.cmd */
#define XEN_DOMCTL_PSR_SET_L3_CBM		0
#define XEN_DOMCTL_PSR_GET_L3_CBM		1
#define XEN_DOMCTL_PSR_SET_L3_CODE		2
#define XEN_DOMCTL_PSR_SET_L3_DATA		3
#define XEN_DOMCTL_PSR_GET_L3_CODE		4
#define XEN_DOMCTL_PSR_GET_L3_DATA		5
#define XEN_DOMCTL_PSR_SET_L2_CBM		6
#define XEN_DOMCTL_PSR_GET_L2_CBM		7
#define XEN_DOMCTL_PSR_SET_MBA_THRTL		8
#define XEN_DOMCTL_PSR_GET_MBA_THRTL		9

#define XEN_DOMCTL_VUART_OP_INIT		0
#define XEN_DOMCTL_VUART_TYPE_VPL011		0

/* vmtrace_op.cmd */
#define XEN_DOMCTL_vmtrace_enable		1
#define XEN_DOMCTL_vmtrace_disable		2
#define XEN_DOMCTL_vmtrace_reset_and_enable	3
#define XEN_DOMCTL_vmtrace_output_position	4
#define XEN_DOMCTL_vmtrace_get_option		5
#define XEN_DOMCTL_vmtrace_set_option		6

#ifndef __ASSEMBLER__

struct xen_domctl_createdomain {
	uint32_t ssidref;
	xen_domain_handle_t handle;	/* UUID */
	uint32_t flags;			/* XEN_DOMCTL_CDF_* */
	uint32_t iommu_opts;		/* XEN_DOMCTL_IOMMU_* */
	uint32_t max_vcpus;
	uint32_t max_evtchn_port;	/* highest port number the domain may use */
	int32_t max_grant_frames;	/* negative: the host's default */
	int32_t max_maptrack_frames;	/* negative: the host's default */
	uint32_t grant_opts;		/* XEN_DOMCTL_GRANT_version() */
	uint32_t vmtrace_size;		/* bytes per vcpu, 0: none */
	uint32_t cpupool_id;
	struct xen_arch_domainconfig arch;
};

struct xen_domctl_getdomaininfo {
	domid_t domain;			/* OUT: like every field; may be above the one asked */
	uint16_t pad1;
	uint32_t flags;			/* XEN_DOMINF_* */
	uint64_aligned_t tot_pages;	/* frames owned */
	uint64_aligned_t max_pages;	/* frames it may own */
	uint64_aligned_t outstanding_pages;	/* claimed, not yet allocated */
	uint64_aligned_t shr_pages;
	uint64_aligned_t paged_pages;
	uint64_aligned_t shared_info_frame;	/* mfn */
	uint64_aligned_t cpu_time;	/* ns, all vcpus */
	uint32_t nr_online_vcpus;
	uint32_t max_vcpu_id;		/* XEN_INVALID_MAX_VCPU_ID: no vcpu yet */
	uint32_t ssidref;
	xen_domain_handle_t handle;
	uint32_t cpupool;
	uint8_t gpaddr_bits;		/* width of a guest-physical address */
	uint8_t pad2[7];
	struct xen_arch_domainconfig arch_config;
};

struct xen_domctl_getpageframeinfo3 {
	uint64_aligned_t num;
	XEN_GUEST_HANDLE_64(xen_pfn_t) array;	/* IN: mfns or pfns; OUT: PFINFO_* */
};

struct xen_domctl_shadow_op_stats {
	uint32_t fault_count;
	uint32_t dirty_count;		/* frames found dirty */
};

struct xen_domctl_shadow_op {
	uint32_t op;			/* XEN_DOMCTL_SHADOW_OP_* */
	uint32_t mode;
	uint32_t mb;			/* IN or OUT: MiB, *_ALLOCATION */
	XEN_GUEST_HANDLE_64(uint8) dirty_bitmap;	/* a bit per pfn */
	uint64_aligned_t pages;		/* IN: bits of room; OUT: bits written */
	struct xen_domctl_shadow_op_stats stats;	/* OUT */
};

struct xen_domctl_max_mem {
	uint64_aligned_t max_memkb;	/* KiB */
};

struct xen_domctl_vcpucontext {
	uint32_t vcpu;
	XEN_GUEST_HANDLE_64(vcpu_guest_context_t) ctxt;	/* 0 in a set resets the vcpu */
};

struct xen_domctl_getvcpuinfo {
	uint32_t vcpu;			/* IN */
	uint8_t online;			/* OUT, as all below */
	uint8_t blocked;
	uint8_t running;
	uint64_aligned_t cpu_time;	/* ns */
	uint32_t cpu;			/* where it runs or ran last */
};

struct xen_domctl_nodeaffinity {
	struct xenctl_bitmap nodemap;
};

struct xen_domctl_vcpuaffinity {
	uint32_t vcpu;
	uint32_t flags;			/* XEN_VCPUAFFINITY_*: which maps are meant */
	struct xenctl_bitmap cpumap_hard;
	struct xenctl_bitmap cpumap_soft;
};

struct xen_domctl_max_vcpus {
	uint32_t max;			/* makes vcpus 0 to max - 1 */
};

struct xen_domctl_sched_credit {
	uint16_t weight;		/* 256 is normal */
	uint16_t cap;			/* per cent of one CPU, 0: none */
};

struct xen_domctl_sched_credit2 {
	uint16_t weight;
	uint16_t cap;
};

struct xen_domctl_sched_rtds {
	uint32_t period;		/* us */
	uint32_t budget;		/* us */
	uint32_t flags;			/* XEN_DOMCTL_SCHEDRT_* */
};

struct xen_domctl_schedparam_vcpu {
	union {
		struct xen_domctl_sched_credit credit;
		struct xen_domctl_sched_credit2 credit2;
		struct xen_domctl_sched_rtds rtds;
	} u;
	uint32_t vcpuid;
};

struct xen_domctl_scheduler_op {
	uint32_t sched_id;		/* XEN_SCHEDULER_*, must match the running one */
	uint32_t cmd;			/* XEN_DOMCTL_SCHEDOP_* */
	union {
		struct xen_domctl_sched_credit credit;
		struct xen_domctl_sched_credit2 credit2;
		struct xen_domctl_sched_rtds rtds;
		struct {
			XEN_GUEST_HANDLE_64(xen_domctl_schedparam_vcpu_t) vcpus;
			uint32_t nr_vcpus;	/* IN; OUT: how many were done */
			uint32_t padding;
		} v;
	} u;
};

struct xen_domctl_setdomainhandle {
	xen_domain_handle_t handle;
};

struct xen_domctl_setdebugging {
	uint8_t enable;
};

struct xen_domctl_irq_permission {
	uint32_t pirq;
	uint8_t allow_access;
	uint8_t pad[3];
};

struct xen_domctl_iomem_permission {
	uint64_aligned_t first_mfn;
	uint64_aligned_t nr_mfns;
	uint8_t allow_access;
};

struct xen_domctl_ioport_permission {
	uint32_t first_port;
	uint32_t nr_ports;
	uint8_t allow_access;
};

/* Writes the hypercall stubs into a frame of the domain. */
struct xen_domctl_hypercall_init {
	uint64_aligned_t gmfn;		/* mfn for a PV domain */
};

struct xen_domctl_settimeoffset {
	int64_aligned_t time_offset_seconds;	/* wall clock minus UTC */
};

struct xen_domctl_hvmcontext {
	uint32_t size;			/* bytes */
	XEN_GUEST_HANDLE_64(uint8) buffer;	/* 0 in a get asks for the size */
};

struct xen_domctl_hvmcontext_partial {
	uint32_t type;
	uint32_t instance;
	uint64_aligned_t bufsz;		/* bytes */
	XEN_GUEST_HANDLE_64(uint8) buffer;
};

struct xen_domctl_address_size {
	uint32_t size;			/* 32 or 64 */
};

struct xen_domctl_sendtrigger {
	uint32_t trigger;		/* XEN_DOMCTL_SENDTRIGGER_* */
	uint32_t vcpu;
};

struct xen_domctl_assign_device {
	uint32_t dev;			/* XEN_DOMCTL_DEV_* */
	uint32_t flags;			/* XEN_DOMCTL_DEV_RDM_RELAXED */
	union {
		struct {
			uint32_t machine_sbdf;	/* segment 31:16, bus 15:8, devfn 7:0 */
		} pci;
		struct {
			uint32_t size;
			XEN_GUEST_HANDLE_64(char) path;
		} dt;
	} u;
};

struct xen_domctl_get_device_group {
	uint32_t machine_sbdf;		/* IN */
	uint32_t max_sdevs;		/* IN: room */
	uint32_t num_sdevs;		/* OUT */
	XEN_GUEST_HANDLE_64(uint32) sdev_array;	/* OUT */
};

enum pt_irq_type {
	PT_IRQ_TYPE_PCI,
	PT_IRQ_TYPE_ISA,
	PT_IRQ_TYPE_MSI,
	PT_IRQ_TYPE_MSI_TRANSLATE,
	PT_IRQ_TYPE_SPI,
};

struct xen_domctl_bind_pt_irq {
	uint32_t machine_irq;		/* pirq */
	uint32_t irq_type;		/* enum pt_irq_type */
	union {
		struct {
			uint8_t isa_irq;
		} isa;
		struct {
			uint8_t bus;
			uint8_t device;
			uint8_t intx;	/* 0 is INTA */
		} pci;
		struct {
			uint8_t gvec;
			uint32_t gflags;	/* XEN_DOMCTL_VMSI_X86_* */
			uint64_aligned_t gtable;	/* guest-physical MSI-X table */
		} msi;
		struct {
			uint16_t spi;
		} spi;
	} u;
};

struct xen_domctl_memory_mapping {
	uint64_aligned_t first_gfn;
	uint64_aligned_t first_mfn;
	uint64_aligned_t nr_mfns;
	uint32_t add_mapping;		/* DPCI_* */
	uint32_t padding;		/* 0 */
};

struct xen_domctl_ioport_mapping {
	uint32_t first_gport;
	uint32_t first_mport;
	uint32_t nr_ports;
	uint32_t add_mapping;		/* DPCI_* */
};

/* Virtual machine-check state of a vcpu. */
struct hvm_vmce_vcpu {
	uint64_t caps;			/* MCG_CAP */
	uint64_t mci_ctl2_bank0;
	uint64_t mci_ctl2_bank1;
	uint64_t mcg_ext_ctl;
};

/* What vcpu_guest_context has no room for. */
struct xen_domctl_ext_vcpucontext {
	uint32_t vcpu;			/* IN */
	uint32_t size;			/* IN of set: bytes given; OUT of get: bytes written */
	uint64_aligned_t syscall32_callback_eip;
	uint64_aligned_t sysenter_callback_eip;
	uint16_t syscall32_callback_cs;
	uint16_t sysenter_callback_cs;
	uint8_t syscall32_disables_events;
	uint8_t sysenter_disables_events;
	union {
		uint64_aligned_t mcg_cap;
		struct hvm_vmce_vcpu vmce;
	};
};

struct xen_domctl_set_target {
	domid_t target;			/* the domain that this one may control */
};

struct xen_domctl_cpu_policy {
	uint32_t nr_leaves;		/* IN: entries or room; OUT of get */
	uint32_t nr_msrs;		/* likewise */
	XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;
	XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;
	uint32_t err_leaf, err_subleaf, err_msr;	/* OUT of set: what was refused, or ~0 */
};

struct xen_domctl_subscribe {
	uint32_t port;			/* notified when the domain suspends */
};

struct xen_domctl_debug_op {
	uint32_t op;			/* XEN_DOMCTL_DEBUG_OP_* */
	uint32_t vcpu;
};

struct xen_domctl_tsc_info {
	uint32_t tsc_mode;		/* 0 default, 1 emulate, 2 native */
	uint32_t gtsc_khz;
	uint32_t incarnation;		/* counts migrations */
	uint32_t pad;
	uint64_aligned_t elapsed_nsec;	/* since the domain's birth */
};

struct xen_domctl_gdbsx_memio {
	uint64_aligned_t pgd3val;	/* IN: root of a 32-bit address space, or 0 */
	uint64_aligned_t gva;		/* IN: address in the guest */
	uint64_aligned_t uva;		/* IN: buffer of the caller */
	uint32_t len;			/* IN: bytes */
	uint8_t gwr;			/* IN: 1 writes to the guest */
	uint32_t remain;		/* OUT: bytes not done */
};

struct xen_domctl_gdbsx_pauseunp_vcpu {
	uint32_t vcpu;			/* ~0: all */
};

struct xen_domctl_gdbsx_domstatus {
	uint8_t paused;			/* OUT */
	uint32_t vcpu_id;		/* OUT: vcpu with an event, or ~0 */
	uint32_t vcpu_ev;		/* OUT */
};

struct xen_domctl_vm_event_op {
	uint32_t op;			/* XEN_VM_EVENT_* */
	uint32_t mode;			/* XEN_DOMCTL_VM_EVENT_OP_* */
	union {
		struct {
			uint32_t port;	/* OUT */
		} enable;
		uint32_t version;	/* OUT */
	} u;
};

struct xen_domctl_mem_sharing_op {
	uint8_t op;
	union {
		uint8_t enable;
	} u;
};

/* OUT: inconsistencies found. */
struct xen_domctl_audit_p2m {
	uint64_t orphans;
	uint64_t m2p_bad;
	uint64_t p2m_bad;
};

/* The domain of the call becomes the receiver of a host-wide virq. */
struct xen_domctl_set_virq_handler {
	uint32_t virq;
};

struct xen_domctl_vcpuextstate {
	uint32_t vcpu;			/* IN */
	uint64_aligned_t xfeature_mask;	/* OUT of get: XCR0 features held */
	uint64_aligned_t size;		/* bytes */
	XEN_GUEST_HANDLE_64(uint64) buffer;	/* u64 xcr0, u64 xcr0_accum, XSAVE area */
};

struct xen_domctl_set_access_required {
	uint8_t access_required;
};

struct xen_domctl_set_broken_page_p2m {
	uint64_aligned_t pfn;
};

struct xen_domctl_cacheflush {
	xen_pfn_t start_pfn, nr_pfns;
};

struct xen_domctl_paging_mempool {
	uint64_aligned_t size;		/* bytes, whole pages */
};

struct xen_domctl_vcpu_msr {
	uint32_t index;
	uint32_t reserved;		/* 0 */
	uint64_aligned_t value;
};

struct xen_domctl_vcpu_msrs {
	uint32_t vcpu;			/* IN */
	uint32_t msr_count;		/* IN: entries or room; OUT */
	XEN_GUEST_HANDLE_64(xen_domctl_vcpu_msr_t) msrs;
};

struct xen_domctl_vnuma {
	uint32_t nr_vnodes;
	uint32_t nr_vmemranges;
	uint32_t nr_vcpus;
	uint32_t pad;
	XEN_GUEST_HANDLE_64(uint) vdistance;	/* nr_vnodes squared */
	XEN_GUEST_HANDLE_64(uint) vcpu_to_vnode;
	XEN_GUEST_HANDLE_64(uint) vnode_to_pnode;
	XEN_GUEST_HANDLE_64(xen_vmemrange_t) vmemrange;
};

struct xen_domctl_psr_cmt_op {
	uint32_t cmd;			/* XEN_DOMCTL_PSR_CMT_OP_* */
	uint32_t data;
};

struct xen_domctl_monitor_op {
	uint32_t op;			/* XEN_DOMCTL_MONITOR_OP_* */
	uint32_t event;			/* XEN_DOMCTL_MONITOR_EVENT_*; OUT: capabilities */
	union {
		struct {
			uint8_t index;
			uint8_t sync;
			uint8_t onchangeonly;
			uint8_t pad1;
			uint32_t pad2;
			uint64_aligned_t bitmask;
		} mov_to_cr;
		struct {
			uint32_t msr;
			uint8_t onchangeonly;
		} mov_to_msr;
		struct {
			uint8_t sync;
			uint8_t allow_userspace;
		} guest_request;
		struct {
			uint8_t sync;
		} debug_exception;
		struct {
			uint8_t sync;
		} vmexit;
	} u;
};

struct xen_domctl_psr_alloc {
	uint32_t cmd;			/* XEN_DOMCTL_PSR_[SG]ET_* */
	uint32_t target;		/* socket */
	uint64_t data;
};

struct xen_domctl_vuart_op {
	uint32_t cmd;			/* XEN_DOMCTL_VUART_OP_* */
	uint32_t type;			/* XEN_DOMCTL_VUART_TYPE_* */
	uint64_aligned_t gfn;
	domid_t console_domid;
	uint8_t pad[2];
	evtchn_port_t evtchn;		/* OUT */
};

struct xen_domctl_vmtrace_op {
	uint32_t cmd;			/* XEN_DOMCTL_vmtrace_* */
	uint32_t vcpu;
	uint64_aligned_t key;
	uint64_aligned_t value;
};

struct xen_domctl {
	uint32_t cmd;			/* XEN_DOMCTL_* */
	uint32_t interface_version;	/* XEN_DOMCTL_INTERFACE_VERSION */
	domid_t domain;			/* createdomain: IN 0 or a wish, OUT the number */
	uint16_t _pad[3];		/* 0 */
	union {
		struct xen_domctl_createdomain createdomain;
		struct xen_domctl_getdomaininfo getdomaininfo;
		struct xen_domctl_getpageframeinfo3 getpageframeinfo3;
		struct xen_domctl_nodeaffinity nodeaffinity;
		struct xen_domctl_vcpuaffinity vcpuaffinity;
		struct xen_domctl_shadow_op shadow_op;
		struct xen_domctl_max_mem max_mem;
		struct xen_domctl_vcpucontext vcpucontext;
		struct xen_domctl_getvcpuinfo getvcpuinfo;
		struct xen_domctl_max_vcpus max_vcpus;
		struct xen_domctl_scheduler_op scheduler_op;
		struct xen_domctl_setdomainhandle setdomainhandle;
		struct xen_domctl_setdebugging setdebugging;
		struct xen_domctl_irq_permission irq_permission;
		struct xen_domctl_iomem_permission iomem_permission;
		struct xen_domctl_ioport_permission ioport_permission;
		struct xen_domctl_hypercall_init hypercall_init;
		struct xen_domctl_settimeoffset settimeoffset;
		struct xen_domctl_tsc_info tsc_info;
		struct xen_domctl_hvmcontext hvmcontext;
		struct xen_domctl_hvmcontext_partial hvmcontext_partial;
		struct xen_domctl_address_size address_size;
		struct xen_domctl_sendtrigger sendtrigger;
		struct xen_domctl_get_device_group get_device_group;
		struct xen_domctl_assign_device assign_device;
		struct xen_domctl_bind_pt_irq bind_pt_irq;
		struct xen_domctl_memory_mapping memory_mapping;
		struct xen_domctl_ioport_mapping ioport_mapping;
		struct xen_domctl_ext_vcpucontext ext_vcpucontext;
		struct xen_domctl_set_target set_target;
		struct xen_domctl_subscribe subscribe;
		struct xen_domctl_debug_op debug_op;
		struct xen_domctl_vm_event_op vm_event_op;
		struct xen_domctl_mem_sharing_op mem_sharing_op;
		struct xen_domctl_cpu_policy cpu_policy;
		struct xen_domctl_vcpuextstate vcpuextstate;
		struct xen_domctl_vcpu_msrs vcpu_msrs;
		struct xen_domctl_set_access_required access_required;
		struct xen_domctl_audit_p2m audit_p2m;
		struct xen_domctl_set_virq_handler set_virq_handler;
		struct xen_domctl_gdbsx_memio gdbsx_guest_memio;
		struct xen_domctl_set_broken_page_p2m set_broken_page_p2m;
		struct xen_domctl_cacheflush cacheflush;
		struct xen_domctl_gdbsx_pauseunp_vcpu gdbsx_pauseunp_vcpu;
		struct xen_domctl_gdbsx_domstatus gdbsx_domstatus;
		struct xen_domctl_vnuma vnuma;
		struct xen_domctl_psr_cmt_op psr_cmt_op;
		struct xen_domctl_monitor_op monitor_op;
		struct xen_domctl_psr_alloc psr_alloc;
		struct xen_domctl_vuart_op vuart_op;
		struct xen_domctl_vmtrace_op vmtrace_op;
		struct xen_domctl_paging_mempool paging_mempool;
		uint8_t pad[128];
	} u;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_DOMCTL_H */
