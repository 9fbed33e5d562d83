/* SPDX-License-Identifier: MIT */
/*
 * Control of the whole host: __HYPERVISOR_sysctl(struct xen_sysctl). Only for the control
 * domain; versioned like domctl.
 */
#ifndef PV_ABI_SYSCTL_H
#define PV_ABI_SYSCTL_H

#include "xen.h"
#include "domctl.h"
#include "physdev.h"

#define XEN_SYSCTL_INTERFACE_VERSION		0x00000015

#define XEN_SYSCTL_readconsole			1
#define XEN_SYSCTL_tbuf_op			2
#define XEN_SYSCTL_physinfo			3
#define XEN_SYSCTL_sched_id			4
#define XEN_SYSCTL_perfc_op			5
#define XEN_SYSCTL_getdomaininfolist		6
#define XEN_SYSCTL_debug_keys			7
#define XEN_SYSCTL_getcpuinfo			8
#define XEN_SYSCTL_availheap			9
#define XEN_SYSCTL_get_pmstat			10
#define XEN_SYSCTL_cpu_hotplug			11
#define XEN_SYSCTL_pm_op			12
#define XEN_SYSCTL_page_offline_op		14
#define XEN_SYSCTL_lockprof_op			15
#define XEN_SYSCTL_cputopoinfo			16
#define XEN_SYSCTL_numainfo			17
#define XEN_SYSCTL_cpupool_op			18
#define XEN_SYSCTL_scheduler_op			19
#define XEN_SYSCTL_coverage_op			20
#define XEN_SYSCTL_psr_cmt_op			21
#define XEN_SYSCTL_pcitopoinfo			22
#define XEN_SYSCTL_psr_alloc			23
#define XEN_SYSCTL_get_cpu_levelling_caps	25
#define XEN_SYSCTL_get_cpu_featureset		26
#define XEN_SYSCTL_livepatch_op			27
#define XEN_SYSCTL_get_cpu_policy		29

/* tbuf_op.cmd */
#define XEN_SYSCTL_TBUFOP_get_info		0
#define XEN_SYSCTL_TBUFOP_set_cpu_mask		1
#define XEN_SYSCTL_TBUFOP_set_evt_mask		2
#define XEN_SYSCTL_TBUFOP_set_size		3
#define XEN_SYSCTL_TBUFOP_enable		4
#define XEN_SYSCTL_TBUFOP_disable		5

/* physinfo.capabilities */
#define _XEN_SYSCTL_PHYSCAP_hvm			0
#define _XEN_SYSCTL_PHYSCAP_pv			1
#define _XEN_SYSCTL_PHYSCAP_directio		2
#define _XEN_SYSCTL_PHYSCAP_hap			3
#define _XEN_SYSCTL_PHYSCAP_shadow		4
#define _XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share	5
#define XEN_SYSCTL_PHYSCAP_hvm			(1 << _XEN_SYSCTL_PHYSCAP_hvm)
#define XEN_SYSCTL_PHYSCAP_pv			(1 << _XEN_SYSCTL_PHYSCAP_pv)
#define XEN_SYSCTL_PHYSCAP_directio		(1 << _XEN_SYSCTL_PHYSCAP_directio)
#define XEN_SYSCTL_PHYSCAP_hap			(1 << _XEN_SYSCTL_PHYSCAP_hap)
#define XEN_SYSCTL_PHYSCAP_shadow		(1 << _XEN_SYSCTL_PHYSCAP_shadow)
#define XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share	(1 << _XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share)
#define XEN_SYSCTL_PHYSCAP_vmtrace		(1 << 6)
#define XEN_SYSCTL_PHYSCAP_vpmu			(1 << 7)
#define XEN_SYSCTL_PHYSCAP_gnttab_v1		(1 << 8)
#define XEN_SYSCTL_PHYSCAP_gnttab_v2		(1 << 9)
#define XEN_SYSCTL_PHYSCAP_MAX			XEN_SYSCTL_PHYSCAP_gnttab_v2

#define XEN_SYSCTL_PERFCOP_reset		1
#define XEN_SYSCTL_PERFCOP_query		2

/* get_pmstat.type */
#define PMSTAT_CATEGORY_MASK			0xf0
#define PMSTAT_PX				0x10
#define PMSTAT_CX				0x20
#define PMSTAT_get_max_px			(PMSTAT_PX | 0x1)
#define PMSTAT_get_pxstat			(PMSTAT_PX | 0x2)
#define PMSTAT_reset_pxstat			(PMSTAT_PX | 0x3)
#define PMSTAT_get_max_cx			(PMSTAT_CX | 0x1)
#define PMSTAT_get_cxstat			(PMSTAT_CX | 0x2)
#define PMSTAT_reset_cxstat			(PMSTAT_CX | 0x3)

/* cpu_hotplug.op */
#define XEN_SYSCTL_CPU_HOTPLUG_ONLINE		0
#define XEN_SYSCTL_CPU_HOTPLUG_OFFLINE		1
#define XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE	2
#define XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE	3

#define CPUFREQ_NAME_LEN			16

/* xen_set_cpufreq_para.ctrl_type */
#define SCALING_MAX_FREQ			1
#define SCALING_MIN_FREQ			2
#define SCALING_SETSPEED			3
#define SAMPLING_RATE				4
#define UP_THRESHOLD				5

/* pm_op.cmd */
#define PM_PARA_CATEGORY_MASK			0xf0
#define CPUFREQ_PARA				0x10
#define GET_CPUFREQ_PARA			(CPUFREQ_PARA | 0x01)
#define SET_CPUFREQ_GOV				(CPUFREQ_PARA | 0x02)
#define SET_CPUFREQ_PARA			(CPUFREQ_PARA | 0x03)
#define GET_CPUFREQ_AVGFREQ			(CPUFREQ_PARA | 0x04)
#define XEN_SYSCTL_pm_op_set_sched_opt_smt		0x21
#define XEN_SYSCTL_pm_op_get_max_cstate			0x22
#define XEN_SYSCTL_pm_op_set_max_cstate			0x23
#define XEN_SYSCTL_pm_op_set_vcpu_migration_delay	0x24
#define XEN_SYSCTL_pm_op_get_vcpu_migration_delay	0x25
#define XEN_SYSCTL_pm_op_enable_turbo			0x26
#define XEN_SYSCTL_pm_op_disable_turbo			0x27

#define XEN_SYSCTL_CX_UNLIMITED			0xffffffff

/* page_offline_op.cmd */
#define sysctl_page_offline			1
#define sysctl_page_online			2
#define sysctl_query_page_offline		3

/* page_offline_op.status: the outcome ... */
#define PG_OFFLINE_STATUS_MASK			(xen_mk_ulong(0xFF))
#define PG_OFFLINE_INVALID			(xen_mk_ulong(1) << 0)
#define PG_OFFLINE_OFFLINED			(xen_mk_ulong(1) << 1)
#define PG_OFFLINE_PENDING			(xen_mk_ulong(1) << 2)
#define PG_OFFLINE_FAILED			(xen_mk_ulong(1) << 3)
#define PG_OFFLINE_AGAIN			(xen_mk_ulong(1) << 4)
#define PG_ONLINE_FAILED			PG_OFFLINE_FAILED
#define PG_ONLINE_ONLINED			PG_OFFLINE_OFFLINED
/* ... or a query's answer ... */
#define PG_OFFLINE_STATUS_OFFLINED		(xen_mk_ulong(1) << 1)
#define PG_OFFLINE_STATUS_ONLINE		(xen_mk_ulong(1) << 2)
#define PG_OFFLINE_STATUS_OFFLINE_PENDING	(xen_mk_ulong(1) << 3)
#define PG_OFFLINE_STATUS_BROKEN		(xen_mk_ulong(1) << 4)
/* ... and what the frame is. */
#define PG_OFFLINE_MISC_MASK			(xen_mk_ulong(0xFF) << 4)
#define PG_OFFLINE_XENPAGE			(xen_mk_ulong(1) << 8)
#define PG_OFFLINE_DOM0PAGE			(xen_mk_ulong(1) << 9)
#define PG_OFFLINE_ANONYMOUS			(xen_mk_ulong(1) << 10)
#define PG_OFFLINE_NOT_CONV_RAM			(xen_mk_ulong(1) << 11)
#define PG_OFFLINE_OWNED			(xen_mk_ulong(1) << 12)
#define PG_OFFLINE_BROKEN			(xen_mk_ulong(1) << 13)
#define PG_ONLINE_BROKEN			PG_OFFLINE_BROKEN
#define PG_OFFLINE_OWNER_SHIFT			16

#define XEN_SYSCTL_LOCKPROF_reset		1
#define XEN_SYSCTL_LOCKPROF_query		2
#define LOCKPROF_TYPE_GLOBAL			0
#define LOCKPROF_TYPE_PERDOM			1
#define LOCKPROF_TYPE_N				2

#define XEN_INVALID_CORE_ID			(~xen_mk_uint(0))
#define XEN_INVALID_SOCKET_ID			(~xen_mk_uint(0))
#define XEN_INVALID_NODE_ID			(~xen_mk_uint(0))
#define XEN_INVALID_MEM_SZ			(~xen_mk_uint(0))
#define XEN_INVALID_NODE_DIST			(~xen_mk_uint(0))
#define XEN_INVALID_DEV				(XEN_INVALID_NODE_ID - 1)

/* cpupool_op.op */
#define XEN_SYSCTL_CPUPOOL_OP_CREATE		1
#define XEN_SYSCTL_CPUPOOL_OP_DESTROY		2
#define XEN_SYSCTL_CPUPOOL_OP_INFO		3
#define XEN_SYSCTL_CPUPOOL_OP_ADDCPU		4
#define XEN_SYSCTL_CPUPOOL_OP_RMCPU		5
#define XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN	6
#define XEN_SYSCTL_CPUPOOL_OP_FREEINFO		7
#define XEN_SYSCTL_CPUPOOL_PAR_ANY		0xFFFFFFFF

/* scheduler_op */
#define XEN_SYSCTL_SCHEDOP_putinfo		0
#define XEN_SYSCTL_SCHEDOP_getinfo		1
#define ARINC653_MAX_DOMAINS_PER_SCHEDULE	64
#define XEN_SYSCTL_SCHED_RATELIMIT_MAX		500000	/* us */
#define XEN_SYSCTL_SCHED_RATELIMIT_MIN		100	/* us */
#define XEN_SYSCTL_CSCHED_TSLICE_MAX		1000	/* ms */
#define XEN_SYSCTL_CSCHED_TSLICE_MIN		1	/* ms */
#define XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US	(100 * 1000)

#define XEN_GCOV_FORMAT_MAGIC			0x58434f56
#define XEN_SYSCTL_COVERAGE_get_size		0
#define XEN_SYSCTL_COVERAGE_read		1
#define XEN_SYSCTL_COVERAGE_reset		2

#define XEN_SYSCTL_PSR_CMT_get_total_rmid		0
#define XEN_SYSCTL_PSR_CMT_get_l3_upscaling_factor	1
#define XEN_SYSCTL_PSR_CMT_get_l3_cache_size		2
#define XEN_SYSCTL_PSR_CMT_enabled			3
#define XEN_SYSCTL_PSR_CMT_get_l3_event_mask		4

#define XEN_SYSCTL_PSR_get_l3_info		0
#define XEN_SYSCTL_PSR_get_l2_info		1
#define XEN_SYSCTL_PSR_get_mba_info		2
#define XEN_SYSCTL_PSR_CAT_L3_CDP		(1 << 0)
#define XEN_SYSCTL_PSR_MBA_LINEAR		(1 << 0)

/* cpu_levelling_caps.caps */
#define XEN_SYSCTL_CPU_LEVELCAP_faulting	(xen_mk_ulong(1) << 0)
#define XEN_SYSCTL_CPU_LEVELCAP_ecx		(xen_mk_ulong(1) << 1)
#define XEN_SYSCTL_CPU_LEVELCAP_edx		(xen_mk_ulong(1) << 2)
#define XEN_SYSCTL_CPU_LEVELCAP_extd_ecx	(xen_mk_ulong(1) << 3)
#define XEN_SYSCTL_CPU_LEVELCAP_extd_edx	(xen_mk_ulong(1) << 4)
#define XEN_SYSCTL_CPU_LEVELCAP_xsave_eax	(xen_mk_ulong(1) << 5)
#define XEN_SYSCTL_CPU_LEVELCAP_thermal_ecx	(xen_mk_ulong(1) << 6)
#define XEN_SYSCTL_CPU_LEVELCAP_l7s0_eax	(xen_mk_ulong(1) << 7)
#define XEN_SYSCTL_CPU_LEVELCAP_l7s0_ebx	(xen_mk_ulong(1) << 8)

/* cpu_featureset.index */
#define XEN_SYSCTL_cpu_featureset_raw		0
#define XEN_SYSCTL_cpu_featureset_host		1
#define XEN_SYSCTL_cpu_featureset_pv		2
#define XEN_SYSCTL_cpu_featureset_hvm		3
#define XEN_SYSCTL_cpu_featureset_pv_max	4
#define XEN_SYSCTL_cpu_featureset_hvm_max	5

/* cpu_policy.index */
#define XEN_SYSCTL_cpu_policy_raw		0
#define XEN_SYSCTL_cpu_policy_host		1
#define XEN_SYSCTL_cpu_policy_pv_max		2
#define XEN_SYSCTL_cpu_policy_hvm_max		3
#define XEN_SYSCTL_cpu_policy_pv_default	4
#define XEN_SYSCTL_cpu_policy_hvm_default	5

/* livepatch_op */
#define LIVEPATCH_PAYLOAD_VERSION		2
#define XEN_LIVEPATCH_NAME_SIZE			128
#define XEN_SYSCTL_LIVEPATCH_UPLOAD		0
#define XEN_SYSCTL_LIVEPATCH_GET		1
#define XEN_SYSCTL_LIVEPATCH_LIST		2
#define XEN_SYSCTL_LIVEPATCH_ACTION		3
#define LIVEPATCH_STATE_CHECKED			1
#define LIVEPATCH_STATE_APPLIED			2
#define LIVEPATCH_ACTION_UNLOAD			1
#define LIVEPATCH_ACTION_REVERT			2
#define LIVEPATCH_ACTION_APPLY			3
#define LIVEPATCH_ACTION_REPLACE		4
#define LIVEPATCH_ACTION_APPLY_NODEPS		(1 << 0)

#ifndef __ASSEMBLER__

/* The hypervisor's log. Positions only grow; index is the one to read from next. */
struct xen_sysctl_readconsole {
	uint8_t clear;			/* IN: empty the ring afterwards */
	uint8_t incremental;		/* IN: start at index */
	uint8_t pad0, pad1;
	uint32_t index;			/* IN with incremental; OUT */
	XEN_GUEST_HANDLE_64(char) buffer;
	uint32_t count;			/* IN: room; OUT: bytes */
};

struct xen_sysctl_tbuf_op {
	uint32_t cmd;			/* XEN_SYSCTL_TBUFOP_* */
	struct xenctl_bitmap cpu_mask;
	uint32_t evt_mask;
	uint64_aligned_t buffer_mfn;	/* OUT */
	uint32_t size;			/* IN or OUT: frames */
};

struct xen_sysctl_physinfo {
	uint32_t threads_per_core;
	uint32_t cores_per_socket;
	uint32_t nr_cpus;		/* online */
	uint32_t max_cpu_id;
	uint32_t nr_nodes;
	uint32_t max_node_id;
	uint32_t cpu_khz;
	uint32_t capabilities;		/* XEN_SYSCTL_PHYSCAP_* */
	uint32_t arch_capabilities;
	uint32_t pad;
	uint64_aligned_t total_pages;	/* frames, as all below */
	uint64_aligned_t free_pages;
	uint64_aligned_t scrub_pages;
	uint64_aligned_t outstanding_pages;	/* claimed by domains, not yet given */
	uint64_aligned_t max_mfn;
	uint32_t hw_cap[8];		/* CPUID feature words */
};

struct xen_sysctl_sched_id {
	uint32_t sched_id;		/* OUT: XEN_SCHEDULER_* */
};

struct xen_sysctl_perfc_desc {
	char name[80];
	uint32_t nr_vals;
};

typedef uint32_t xen_sysctl_perfc_val_t;

struct xen_sysctl_perfc_op {
	uint32_t cmd;			/* XEN_SYSCTL_PERFCOP_* */
	uint32_t nr_counters;		/* OUT */
	uint32_t nr_vals;		/* OUT */
	XEN_GUEST_HANDLE_64(xen_sysctl_perfc_desc_t) desc;	/* or 0 */
	XEN_GUEST_HANDLE_64(xen_sysctl_perfc_val_t) val;	/* or 0 */
};

struct xen_sysctl_getdomaininfolist {
	domid_t first_domain;		/* IN */
	uint32_t max_domains;		/* IN: room */
	XEN_GUEST_HANDLE_64(xen_domctl_getdomaininfo_t) buffer;
	uint32_t num_domains;		/* OUT */
};

struct xen_sysctl_debug_keys {
	XEN_GUEST_HANDLE_64(const_char) keys;
	uint32_t nr_keys;
};

struct xen_sysctl_cpuinfo {
	uint64_aligned_t idletime;	/* ns since boot */
};

struct xen_sysctl_getcpuinfo {
	uint32_t max_cpus;		/* IN: room */
	XEN_GUEST_HANDLE_64(xen_sysctl_cpuinfo_t) info;
	uint32_t nr_cpus;		/* OUT */
};

struct xen_sysctl_availheap {
	uint32_t min_bitwidth;		/* IN: address width in bits, 0: any */
	uint32_t max_bitwidth;		/* IN: likewise */
	int32_t node;			/* IN: -1: all */
	uint64_aligned_t avail_bytes;	/* OUT */
};

struct pm_px_val {
	uint64_aligned_t freq;		/* MHz */
	uint64_aligned_t residency;	/* ns */
	uint64_aligned_t count;
};

struct pm_px_stat {
	uint8_t total;
	uint8_t usable;
	uint8_t last;
	uint8_t cur;
	XEN_GUEST_HANDLE_64(uint64) trans_pt;	/* total squared transition counts */
	XEN_GUEST_HANDLE_64(pm_px_val_t) pt;
};

struct pm_cx_stat {
	uint32_t nr;
	uint32_t last;
	uint64_aligned_t idle_time;		/* ns */
	XEN_GUEST_HANDLE_64(uint64) triggers;
	XEN_GUEST_HANDLE_64(uint64) residencies;	/* ns */
	uint32_t nr_pc;
	uint32_t nr_cc;
	XEN_GUEST_HANDLE_64(uint64) pc;		/* package residency counters */
	XEN_GUEST_HANDLE_64(uint64) cc;		/* core residency counters */
};

struct xen_sysctl_get_pmstat {
	uint32_t type;			/* PMSTAT_* */
	uint32_t cpuid;
	union {
		struct pm_px_stat getpx;
		struct pm_cx_stat getcx;
	} u;
};

struct xen_sysctl_cpu_hotplug {
	uint32_t cpu;
	uint32_t op;			/* XEN_SYSCTL_CPU_HOTPLUG_* */
};

struct xen_userspace {
	uint32_t scaling_setspeed;
};

struct xen_ondemand {
	uint32_t sampling_rate_max;
	uint32_t sampling_rate_min;
	uint32_t sampling_rate;
	uint32_t up_threshold;
};

struct xen_get_cpufreq_para {
	uint32_t cpu_num;
	uint32_t freq_num;
	uint32_t gov_num;
	XEN_GUEST_HANDLE_64(uint32) affected_cpus;
	XEN_GUEST_HANDLE_64(uint32) scaling_available_frequencies;
	XEN_GUEST_HANDLE_64(char) scaling_available_governors;
	char scaling_driver[CPUFREQ_NAME_LEN];
	uint32_t cpuinfo_cur_freq;	/* kHz, as all below */
	uint32_t cpuinfo_max_freq;
	uint32_t cpuinfo_min_freq;
	uint32_t scaling_cur_freq;
	char scaling_governor[CPUFREQ_NAME_LEN];
	uint32_t scaling_max_freq;
	uint32_t scaling_min_freq;
	union {
		struct xen_userspace userspace;
		struct xen_ondemand ondemand;
	} u;
	int32_t turbo_enabled;
};

struct xen_set_cpufreq_gov {
	char scaling_governor[CPUFREQ_NAME_LEN];
};

struct xen_set_cpufreq_para {
	uint32_t ctrl_type;
	uint32_t ctrl_value;
};

struct xen_sysctl_pm_op {
	uint32_t cmd;
	uint32_t cpuid;
	union {
		struct xen_get_cpufreq_para get_para;
		struct xen_set_cpufreq_gov set_gov;
		struct xen_set_cpufreq_para set_para;
		uint64_aligned_t get_avgfreq;	/* kHz */
		uint32_t set_sched_opt_smt;
		uint32_t get_max_cstate;
		uint32_t set_max_cstate;
	} u;
};

struct xen_sysctl_page_offline_op {
	uint32_t cmd;			/* sysctl_*page_* */
	uint32_t start;			/* mfn */
	uint32_t end;			/* mfn, inclusive */
	XEN_GUEST_HANDLE(uint32) status;	/* OUT: PG_* each */
};

struct xen_sysctl_lockprof_data {
	char name[40];
	int32_t type;			/* LOCKPROF_TYPE_* */
	int32_t idx;			/* domain, or -1 */
	uint64_aligned_t lock_cnt;
	uint64_aligned_t block_cnt;
	uint64_aligned_t lock_time;	/* ns held */
	uint64_aligned_t block_time;	/* ns waited */
};

struct xen_sysctl_lockprof_op {
	uint32_t cmd;			/* XEN_SYSCTL_LOCKPROF_* */
	uint32_t max_elem;		/* IN: room */
	uint32_t nr_elem;		/* OUT */
	uint64_aligned_t time;		/* OUT: ns profiled */
	XEN_GUEST_HANDLE_64(xen_sysctl_lockprof_data_t) data;
};

struct xen_sysctl_cputopo {
	uint32_t core;
	uint32_t socket;
	uint32_t node;
};

/* A zero handle asks for the count. */
struct xen_sysctl_cputopoinfo {
	uint32_t num_cpus;		/* IN: room; OUT */
	XEN_GUEST_HANDLE_64(xen_sysctl_cputopo_t) cputopo;
};

struct xen_sysctl_meminfo {
	uint64_t memsize;		/* bytes */
	uint64_t memfree;		/* bytes */
};

/* Zero handles ask for the count. */
struct xen_sysctl_numainfo {
	uint32_t num_nodes;		/* IN: room; OUT */
	XEN_GUEST_HANDLE_64(xen_sysctl_meminfo_t) meminfo;
	XEN_GUEST_HANDLE_64(uint32) distance;	/* num_nodes squared, 10 is local */
};

struct xen_sysctl_cpupool_op {
	uint32_t op;			/* XEN_SYSCTL_CPUPOOL_OP_* */
	uint32_t cpupool_id;
	uint32_t sched_id;
	uint32_t domid;
	uint32_t cpu;
	uint32_t n_dom;			/* OUT: domains in the pool */
	struct xenctl_bitmap cpumap;	/* OUT */
};

struct xen_sysctl_arinc653_schedule {
	uint64_aligned_t major_frame;	/* ns */
	uint8_t num_sched_entries;
	struct {
		xen_domain_handle_t dom_handle;
		uint32_t vcpu_id;
		uint64_aligned_t runtime;	/* ns */
	} sched_entries[ARINC653_MAX_DOMAINS_PER_SCHEDULE];
};

struct xen_sysctl_credit_schedule {
	uint32_t tslice_ms;
	uint32_t ratelimit_us;
	uint32_t vcpu_migr_delay_us;
};

struct xen_sysctl_credit2_schedule {
	uint32_t ratelimit_us;
};

struct xen_sysctl_scheduler_op {
	uint32_t cpupool_id;
	uint32_t sched_id;		/* XEN_SCHEDULER_* */
	uint32_t cmd;			/* XEN_SYSCTL_SCHEDOP_* */
	union {
		struct xen_sysctl_sched_arinc653 {
			XEN_GUEST_HANDLE_64(xen_sysctl_arinc653_schedule_t) schedule;
		} sched_arinc653;
		struct xen_sysctl_credit_schedule sched_credit;
		struct xen_sysctl_credit2_schedule sched_credit2;
	} u;
};

struct xen_sysctl_coverage_op {
	uint32_t cmd;			/* XEN_SYSCTL_COVERAGE_* */
	uint32_t size;			/* IN or OUT: bytes */
	XEN_GUEST_HANDLE_64(char) buffer;
};

struct xen_sysctl_psr_cmt_op {
	uint32_t cmd;			/* XEN_SYSCTL_PSR_CMT_* */
	uint32_t flags;
	union {
		uint64_t data;		/* OUT */
		struct {
			uint32_t cpu;	/* IN */
			uint32_t rsvd;
		} l3_cache;
	} u;
};

struct xen_sysctl_pcitopoinfo {
	uint32_t num_devs;		/* IN; OUT: done before an error */
	XEN_GUEST_HANDLE_64(physdev_pci_device_t) devs;
	XEN_GUEST_HANDLE_64(uint32) nodes;
};

struct xen_sysctl_psr_alloc {
	uint32_t cmd;			/* XEN_SYSCTL_PSR_get_* */
	uint32_t target;		/* socket */
	union {
		struct {
			uint32_t cbm_len;
			uint32_t cos_max;
			uint32_t flags;
		} cat_info;
		struct {
			uint32_t thrtl_max;
			uint32_t cos_max;
			uint32_t flags;
		} mba_info;
	} u;
};

struct xen_sysctl_cpu_levelling_caps {
	uint32_t caps;			/* XEN_SYSCTL_CPU_LEVELCAP_* */
};

struct xen_sysctl_cpu_featureset {
	uint32_t index;			/* XEN_SYSCTL_cpu_featureset_* */
	uint32_t nr_features;		/* IN: words of room; OUT */
	XEN_GUEST_HANDLE_64(uint32) features;
};

struct xen_sysctl_cpu_policy {
	uint32_t index;			/* XEN_SYSCTL_cpu_policy_* */
	uint32_t nr_leaves;		/* IN: room; OUT */
	uint32_t nr_msrs;		/* IN: room; OUT */
	uint32_t _rsvd;
	XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;
	XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;
};

struct xen_livepatch_name {
	XEN_GUEST_HANDLE_64(char) name;
	uint16_t size;			/* bytes with NUL */
	uint16_t pad[3];
};

struct xen_sysctl_livepatch_upload {
	struct xen_livepatch_name name;
	uint64_t size;			/* bytes */
	XEN_GUEST_HANDLE_64(uint8) payload;
};

struct xen_livepatch_status {
	uint32_t state;			/* LIVEPATCH_STATE_* */
	int32_t rc;			/* negative errno, or 0 */
};

struct xen_sysctl_livepatch_get {
	struct xen_livepatch_name name;
	struct xen_livepatch_status status;
};

struct xen_sysctl_livepatch_list {
	uint32_t version;
	uint32_t idx;
	uint32_t nr;
	uint32_t pad;
	uint32_t name_total_size;
	uint32_t metadata_total_size;
	XEN_GUEST_HANDLE_64(xen_livepatch_status_t) status;
	XEN_GUEST_HANDLE_64(char) name;
	XEN_GUEST_HANDLE_64(uint32) len;
	XEN_GUEST_HANDLE_64(char) metadata;
	XEN_GUEST_HANDLE_64(uint32) metadata_len;
};

struct xen_sysctl_livepatch_action {
	struct xen_livepatch_name name;
	uint32_t cmd;			/* LIVEPATCH_ACTION_* */
	uint32_t timeout;		/* ns, 0: default */
	uint32_t flags;
	uint32_t pad;
};

struct xen_sysctl_livepatch_op {
	uint32_t cmd;			/* XEN_SYSCTL_LIVEPATCH_* */
	uint32_t pad;
	union {
		struct xen_sysctl_livepatch_upload upload;
		struct xen_sysctl_livepatch_list list;
		struct xen_sysctl_livepatch_get get;
		struct xen_sysctl_livepatch_action action;
	} u;
};

struct xen_sysctl {
	uint32_t cmd;			/* XEN_SYSCTL_* */
	uint32_t interface_version;	/* XEN_SYSCTL_INTERFACE_VERSION */
	union {
		struct xen_sysctl_readconsole readconsole;
		struct xen_sysctl_tbuf_op tbuf_op;
		struct xen_sysctl_physinfo physinfo;
		struct xen_sysctl_cputopoinfo cputopoinfo;
		struct xen_sysctl_pcitopoinfo pcitopoinfo;
		struct xen_sysctl_numainfo numainfo;
		struct xen_sysctl_sched_id sched_id;
		struct xen_sysctl_perfc_op perfc_op;
		struct xen_sysctl_getdomaininfolist getdomaininfolist;
		struct xen_sysctl_debug_keys debug_keys;
		struct xen_sysctl_getcpuinfo getcpuinfo;
		struct xen_sysctl_availheap availheap;
		struct xen_sysctl_get_pmstat get_pmstat;
		struct xen_sysctl_cpu_hotplug cpu_hotplug;
		struct xen_sysctl_pm_op pm_op;
		struct xen_sysctl_page_offline_op page_offline;
		struct xen_sysctl_lockprof_op lockprof_op;
		struct xen_sysctl_cpupool_op cpupool_op;
		struct xen_sysctl_scheduler_op scheduler_op;
		struct xen_sysctl_coverage_op coverage_op;
		struct xen_sysctl_psr_cmt_op psr_cmt_op;
		struct xen_sysctl_psr_alloc psr_alloc;
		struct xen_sysctl_cpu_levelling_caps cpu_levelling_caps;
		struct xen_sysctl_cpu_featureset cpu_featureset;
		struct xen_sysctl_livepatch_op livepatch;
		struct xen_sysctl_cpu_policy cpu_policy;
		uint8_t pad[128];
	} u;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_SYSCTL_H */
