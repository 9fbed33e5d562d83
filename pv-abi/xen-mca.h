/* SPDX-License-Identifier: MIT */
#ifndef PV_ABI_XEN_MCA_H
#define PV_ABI_XEN_MCA_H

#include "xen.h"

/* __HYPERVISOR_mca(struct xen_mc *): machine checks, for the privileged domain. */
#define __HYPERVISOR_mca			__HYPERVISOR_arch_0
#define XEN_MCA_INTERFACE_VERSION		0x01ecc003

#define XEN_MC_fetch				1
#define XEN_MC_notifydomain			2
#define XEN_MC_physcpuinfo			3
#define XEN_MC_msrinject			4
#define XEN_MC_mceinject			5
#define XEN_MC_inject_v2			6

/* xen_mc_fetch.flags, OUT */
#define XEN_MC_OK				0x0
#define XEN_MC_FETCHFAILED			0x1
#define XEN_MC_NODATA				0x2

#ifndef __ASSEMBLER__

struct mcinfo_msr {
	uint64_t reg;
	uint64_t value;
};

/* A CPU as it is. */
struct mcinfo_logical_cpu {
	uint32_t mc_cpunr;
	uint32_t mc_chipid;		/* package */
	uint16_t mc_coreid;
	uint16_t mc_threadid;
	uint32_t mc_apicid;
	uint32_t mc_clusterid;
	uint32_t mc_ncores;		/* in the package */
	uint32_t mc_ncores_active;
	uint32_t mc_nthreads;		/* in the core */
	int32_t mc_cpuid_level;		/* the highest leaf, -1 without CPUID */
	uint32_t mc_family;
	uint32_t mc_vendor;
	uint32_t mc_model;
	uint32_t mc_step;
	char mc_vendorid[16];
	char mc_brandid[64];
	uint32_t mc_cpu_caps[7];	/* CPUID feature words */
	uint32_t mc_cache_size;		/* KiB */
	uint32_t mc_cache_alignment;	/* bytes */
	int32_t mc_nmsrvals;		/* of the next: how many are there */
	struct mcinfo_msr mc_msrvalues[8];	/* first IA32_MCG_CAP */
};

struct xen_mc_physcpuinfo {
	uint32_t ncpus;			/* IN: room; OUT */
	uint32_t _pad0;
	XEN_GUEST_HANDLE(xen_mc_logical_cpu_t) info;	/* or 0: how many are there? */
};

struct xen_mc_fetch {
	uint32_t flags;			/* IN: urgent or not, acknowledged; OUT: XEN_MC_* */
	uint32_t _pad0;
	uint64_t fetch_id;
	XEN_GUEST_HANDLE(void) data;
};

struct xen_mc {
	uint32_t cmd;			/* XEN_MC_* */
	uint32_t interface_version;
	union {
		struct xen_mc_fetch mc_fetch;
		struct xen_mc_physcpuinfo mc_physcpuinfo;
		uint64_t pad[18];
	} u;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_XEN_MCA_H */
