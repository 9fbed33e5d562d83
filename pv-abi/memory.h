/* SPDX-License-Identifier: MIT */
/*
 * Memory of domains: __HYPERVISOR_memory_op(cmd, struct). Some operations return a count or
 * an amount rather than 0; a continued call keeps its progress in bits 6 and up of cmd.
 */
#ifndef PV_ABI_MEMORY_H
#define PV_ABI_MEMORY_H

#include "xen.h"
#include "physdev.h"

#define XENMEM_increase_reservation		0	/* returns extents done */
#define XENMEM_decrease_reservation		1	/* returns extents done */
#define XENMEM_maximum_ram_page			2	/* returns the highest mfn of RAM + 1 */
#define XENMEM_current_reservation		3	/* xen_memory_domain; returns frames */
#define XENMEM_maximum_reservation		4	/* xen_memory_domain; returns frames */
#define XENMEM_machphys_mfn_list		5	/* xen_machphys_mfn_list */
#define XENMEM_populate_physmap			6	/* returns extents done */
#define XENMEM_add_to_physmap			7	/* xen_add_to_physmap */
#define XENMEM_memory_map			9	/* xen_memory_map: pseudo-physical E820 */
#define XENMEM_machine_memory_map		10	/* xen_memory_map: the host's, dom0 only */
#define XENMEM_exchange				11	/* xen_memory_exchange */
#define XENMEM_machphys_mapping			12	/* xen_machphys_mapping */
#define XENMEM_set_memory_map			13	/* xen_foreign_memory_map */
#define XENMEM_maximum_gpfn			14	/* xen_memory_domain; returns a pfn */
#define XENMEM_remove_from_physmap		15	/* xen_remove_from_physmap */
#define XENMEM_set_pod_target			16	/* xen_pod_target */
#define XENMEM_get_pod_target			17	/* xen_pod_target */
#define XENMEM_get_sharing_freed_pages		18	/* returns frames */
#define XENMEM_get_sharing_shared_pages		19	/* returns frames */
#define XENMEM_paging_op			20	/* xen_mem_paging_op */
#define XENMEM_access_op			21	/* xen_mem_access_op */
#define XENMEM_sharing_op			22	/* xen_mem_sharing_op */
#define XENMEM_add_to_physmap_batch		23	/* xen_add_to_physmap_batch */
#define XENMEM_claim_pages			24	/* xen_memory_reservation */
#define XENMEM_machphys_compat_mfn_list		25	/* the 32-bit M2P's frames */
#define XENMEM_get_vnumainfo			26	/* xen_vnuma_topology_info */
#define XENMEM_reserved_device_memory_map	27	/* xen_reserved_device_memory_map */
#define XENMEM_acquire_resource			28	/* xen_mem_acquire_resource */

/* xen_memory_reservation.mem_flags. Address width in bits, 0 for any. */
#define XENMEMF_address_bits(x)		(x)
#define XENMEMF_get_address_bits(x)	((x) & 0xffu)
/* NUMA node, and whether it is an order or a wish. */
#define XENMEMF_node(x)			(((x) + 1) << 8)
#define XENMEMF_get_node(x)		((((x) >> 8) - 1) & 0xffu)
#define XENMEMF_populate_on_demand	(1 << 16)
#define XENMEMF_exact_node_request	(1 << 17)
#define XENMEMF_exact_node(n)		(XENMEMF_node(n) | XENMEMF_exact_node_request)
#define XENMEMF_vnode			(1 << 18)	/* the node is a virtual one */

/* xen_add_to_physmap.space */
#define XENMAPSPACE_shared_info		0
#define XENMAPSPACE_grant_table		1
#define XENMAPSPACE_gmfn		2
#define XENMAPSPACE_gmfn_range		3	/* add_to_physmap only */
#define XENMAPSPACE_gmfn_foreign	4	/* add_to_physmap_batch only */
#define XENMAPSPACE_dev_mmio		5
/* or into idx of XENMAPSPACE_grant_table: a status frame */
#define XENMAPIDX_grant_table_status	0x80000000

/* xen_mem_acquire_resource.type, .id, .frame */
#define XENMEM_resource_ioreq_server			0
#define XENMEM_resource_grant_table			1
#define XENMEM_resource_vmtrace_buf			2
#define XENMEM_resource_grant_table_id_shared		0
#define XENMEM_resource_grant_table_id_status		1
#define XENMEM_resource_ioreq_server_frame_bufioreq	0
#define XENMEM_resource_ioreq_server_frame_ioreq(n)	(1 + (n))

/* xen_reserved_device_memory_map.flags: every device's regions. */
#define XENMEM_RDM_ALL			1

#define XENMEM_paging_op_nominate	0
#define XENMEM_paging_op_evict		1
#define XENMEM_paging_op_prep		2

#define XENMEM_access_op_set_access		0
#define XENMEM_access_op_get_access		1
#define XENMEM_access_op_set_access_multi	4

#define XENMEM_sharing_op_nominate_gfn		0
#define XENMEM_sharing_op_nominate_gref		1
#define XENMEM_sharing_op_share			2
#define XENMEM_sharing_op_debug_gfn		3
#define XENMEM_sharing_op_debug_mfn		4
#define XENMEM_sharing_op_debug_gref		5
#define XENMEM_sharing_op_add_physmap		6
#define XENMEM_sharing_op_audit			7
#define XENMEM_sharing_op_range_share		8
#define XENMEM_sharing_op_fork			9
#define XENMEM_sharing_op_fork_reset		10

#define XENMEM_SHARING_OP_S_HANDLE_INVALID	(-10)
#define XENMEM_SHARING_OP_C_HANDLE_INVALID	(-9)
#define XENMEM_SHARING_OP_FIELD_IS_GREF_FLAG	(xen_mk_ullong(1) << 62)

#define XENMEM_FORK_WITH_IOMMU_ALLOWED		(1 << 0)
#define XENMEM_FORK_BLOCK_INTERRUPTS		(1 << 1)
#define XENMEM_FORK_RESET_STATE			(1 << 2)
#define XENMEM_FORK_RESET_MEMORY		(1 << 3)

#ifndef __ASSEMBLER__

/*
 * An extent is 2^extent_order frames. increase_reservation writes the new mfns to the list;
 * decrease_reservation reads mfns (PV) from it; populate_physmap reads pfns and overwrites
 * them with the mfns given.
 */
struct xen_memory_reservation {
	XEN_GUEST_HANDLE(xen_pfn_t) extent_start;
	xen_ulong_t nr_extents;
	uint32_t extent_order;
	uint32_t mem_flags;		/* XENMEMF_* */
	domid_t domid;
};

/* Gives .in frames for .out frames of another shape; amounts must be equal. */
struct xen_memory_exchange {
	struct xen_memory_reservation in;
	struct xen_memory_reservation out;
	xen_ulong_t nr_exchanged;	/* IN: 0; OUT: input extents consumed */
};

struct xen_memory_domain {
	domid_t domid;
};

/* The 2 MiB extents of the M2P, one mfn each, for mapping it elsewhere. */
struct xen_machphys_mfn_list {
	uint32_t max_extents;		/* IN */
	XEN_GUEST_HANDLE(xen_pfn_t) extent_start;
	uint32_t nr_extents;		/* OUT */
};

struct xen_machphys_mapping {
	xen_ulong_t v_start, v_end;	/* OUT: where the M2P is mapped */
	xen_ulong_t max_mfn;		/* OUT: last index */
};

struct xen_add_to_physmap {
	domid_t domid;
	uint16_t size;			/* frames, XENMAPSPACE_gmfn_range only */
	uint32_t space;			/* XENMAPSPACE_* */
	xen_ulong_t idx;
	xen_pfn_t gpfn;
};

struct xen_add_to_physmap_batch {
	domid_t domid;
	uint16_t space;			/* XENMAPSPACE_* */
	uint16_t size;			/* entries in each array */
	union xen_add_to_physmap_batch_extra {
		domid_t foreign_domid;	/* XENMAPSPACE_gmfn_foreign */
		uint16_t res0;		/* else 0 */
	} u;
	XEN_GUEST_HANDLE(xen_ulong_t) idxs;
	XEN_GUEST_HANDLE(xen_pfn_t) gpfns;
	XEN_GUEST_HANDLE(int) errs;	/* OUT: 0 or a negative errno each */
};

struct xen_remove_from_physmap {
	domid_t domid;
	xen_pfn_t gpfn;
};

/* Entries are packed { u64 start; u64 bytes; u32 type }, 20 bytes each. */
struct xen_memory_map {
	uint32_t nr_entries;		/* IN: room; OUT: used */
	XEN_GUEST_HANDLE(void) buffer;
};

struct xen_foreign_memory_map {
	domid_t domid;
	struct xen_memory_map map;
};

struct xen_pod_target {
	uint64_t target_pages;		/* IN */
	uint64_t tot_pages;		/* OUT */
	uint64_t pod_cache_pages;	/* OUT */
	uint64_t pod_entries;		/* OUT */
	domid_t domid;			/* IN */
};

struct xen_mem_paging_op {
	uint8_t op;			/* XENMEM_paging_op_* */
	domid_t domain;
	XEN_GUEST_HANDLE_64(const_uint8) buffer;
	uint64_aligned_t gfn;
};

typedef enum {
	XENMEM_access_n,
	XENMEM_access_r,
	XENMEM_access_w,
	XENMEM_access_rw,
	XENMEM_access_x,
	XENMEM_access_rx,
	XENMEM_access_wx,
	XENMEM_access_rwx,
	XENMEM_access_rx2rw,		/* becomes rw at the first write */
	XENMEM_access_n2rwx,		/* becomes rwx at the first access */
	XENMEM_access_default,
} xenmem_access_t;

struct xen_mem_access_op {
	uint8_t op;			/* XENMEM_access_op_* */
	uint8_t access;			/* xenmem_access_t */
	domid_t domid;
	uint32_t nr;
	uint64_aligned_t pfn;
	XEN_GUEST_HANDLE(const_uint64) pfn_list;
	XEN_GUEST_HANDLE(const_uint8) access_list;
};

struct xen_mem_sharing_op {
	uint8_t op;			/* XENMEM_sharing_op_* */
	domid_t domain;
	union {
		struct mem_sharing_op_nominate {
			union {
				uint64_aligned_t gfn;
				uint32_t grant_ref;
			} u;
			uint64_aligned_t handle;
		} nominate;
		struct mem_sharing_op_share {
			uint64_aligned_t source_gfn;
			uint64_aligned_t source_handle;
			uint64_aligned_t client_gfn;
			uint64_aligned_t client_handle;
			domid_t client_domain;
		} share;
		struct mem_sharing_op_range {
			uint64_aligned_t first_gfn;
			uint64_aligned_t last_gfn;
			uint64_aligned_t opaque;
			domid_t client_domain;
			uint16_t _pad[3];
		} range;
		struct mem_sharing_op_debug {
			union {
				uint64_aligned_t gfn;
				uint64_aligned_t mfn;
				uint32_t gref;
			} u;
		} debug;
		struct mem_sharing_op_fork {
			domid_t parent_domain;
			uint16_t flags;		/* XENMEM_FORK_* */
			uint32_t pad;
		} fork;
	} u;
};

struct xen_reserved_device_memory {
	xen_pfn_t start_pfn;
	xen_ulong_t nr_pages;
};

struct xen_reserved_device_memory_map {
	uint32_t flags;			/* XENMEM_RDM_ALL */
	uint32_t nr_entries;		/* IN: room; OUT: used, or needed with -ENOBUFS */
	XEN_GUEST_HANDLE(xen_reserved_device_memory_t) buffer;
	union {
		struct physdev_pci_device pci;
	} dev;
};

struct xen_mem_acquire_resource {
	domid_t domid;			/* IN: whose resource */
	uint16_t type;			/* IN: XENMEM_resource_* */
	uint32_t id;			/* IN */
	uint32_t nr_frames;		/* IN; OUT: the resource's size if frame_list is 0 */
	uint32_t pad;
	uint64_t frame;			/* IN: first frame of the resource */
	XEN_GUEST_HANDLE(xen_pfn_t) frame_list;	/* OUT: mfns for a PV caller */
};

struct xen_vmemrange {
	uint64_t start, end;		/* bytes, end exclusive */
	uint32_t flags;
	uint32_t nid;			/* virtual node */
};

struct xen_vnuma_topology_info {
	domid_t domid;			/* IN */
	uint16_t pad;
	uint32_t nr_vnodes;		/* IN: room; OUT */
	uint32_t nr_vcpus;		/* IN: room; OUT */
	uint32_t nr_vmemranges;		/* IN: room; OUT */
	union {
		XEN_GUEST_HANDLE(uint) h;
		uint64_t pad;
	} vdistance;
	union {
		XEN_GUEST_HANDLE(uint) h;
		uint64_t pad;
	} vcpu_to_vnode;
	union {
		XEN_GUEST_HANDLE(xen_vmemrange_t) h;
		uint64_t pad;
	} vmemrange;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_MEMORY_H */
