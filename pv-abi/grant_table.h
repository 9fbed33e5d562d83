/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: how a domain lets another one map, copy or receive its frames.
 * __HYPERVISOR_grant_table_op(cmd, array of structs, count). Each struct reports its own
 * outcome in .status; the hypercall itself fails only for a bad command or bad memory.
 */
#ifndef PV_ABI_GRANT_TABLE_H
#define PV_ABI_GRANT_TABLE_H

#include "xen.h"

#define GNTTABOP_map_grant_ref		0
#define GNTTABOP_unmap_grant_ref	1
#define GNTTABOP_setup_table		2
#define GNTTABOP_dump_table		3
#define GNTTABOP_transfer		4
#define GNTTABOP_copy			5
#define GNTTABOP_query_size		6
#define GNTTABOP_unmap_and_replace	7
#define GNTTABOP_set_version		8
#define GNTTABOP_get_status_frames	9
#define GNTTABOP_get_version		10
#define GNTTABOP_swap_grant_ref		11
#define GNTTABOP_cache_flush		12

/* References the toolstack fills in before the guest's first instruction. */
#define GNTTAB_NR_RESERVED_ENTRIES	8
#define GNTTAB_RESERVED_CONSOLE		0
#define GNTTAB_RESERVED_XENSTORE	1

/* grant_entry.flags: the kind of entry */
#define GTF_invalid			0
#define GTF_permit_access		1
#define GTF_accept_transfer		2
#define GTF_transitive			3	/* v2 */
#define GTF_type_mask			3
/* permit_access: set by the granter */
#define _GTF_readonly			2
#define GTF_readonly			(1 << _GTF_readonly)
/* permit_access: set by the hypervisor while mapped (v1: here, v2: in the status frames) */
#define _GTF_reading			3
#define GTF_reading			(1 << _GTF_reading)
#define _GTF_writing			4
#define GTF_writing			(1 << _GTF_writing)
/* permit_access: cache attributes of the mapping */
#define _GTF_PWT			5
#define GTF_PWT				(1 << _GTF_PWT)
#define _GTF_PCD			6
#define GTF_PCD				(1 << _GTF_PCD)
#define _GTF_PAT			7
#define GTF_PAT				(1 << _GTF_PAT)
#define _GTF_sub_page			8	/* v2: copies only, part of a page */
#define GTF_sub_page			(1 << _GTF_sub_page)
/* accept_transfer: set by the hypervisor */
#define _GTF_transfer_committed		2
#define GTF_transfer_committed		(1 << _GTF_transfer_committed)
#define _GTF_transfer_completed		3
#define GTF_transfer_completed		(1 << _GTF_transfer_completed)

/* gnttab_map_grant_ref.flags */
#define _GNTMAP_device_map		0	/* for DMA: report the machine address */
#define GNTMAP_device_map		(1 << _GNTMAP_device_map)
#define _GNTMAP_host_map		1	/* into the caller's page tables */
#define GNTMAP_host_map			(1 << _GNTMAP_host_map)
#define _GNTMAP_readonly		2
#define GNTMAP_readonly			(1 << _GNTMAP_readonly)
#define _GNTMAP_application_map		3	/* user accessible */
#define GNTMAP_application_map		(1 << _GNTMAP_application_map)
#define _GNTMAP_contains_pte		4	/* host_addr is a PTE's machine address */
#define GNTMAP_contains_pte		(1 << _GNTMAP_contains_pte)
#define _GNTMAP_guest_avail0		16	/* this bit and up: software bits of the PTE */
#define GNTMAP_guest_avail_mask		(~xen_mk_uint(0) << _GNTMAP_guest_avail0)

/* gnttab_copy.flags: which side is named by a grant reference rather than a frame */
#define _GNTCOPY_source_gref		0
#define GNTCOPY_source_gref		(1 << _GNTCOPY_source_gref)
#define _GNTCOPY_dest_gref		1
#define GNTCOPY_dest_gref		(1 << _GNTCOPY_dest_gref)

/* gnttab_cache_flush.op */
#define GNTTAB_CACHE_CLEAN		(xen_mk_uint(1) << 0)
#define GNTTAB_CACHE_INVAL		(xen_mk_uint(1) << 1)
#define GNTTAB_CACHE_SOURCE_GREF	(xen_mk_uint(1) << 31)

/* Outcomes. */
#define GNTST_okay			0
#define GNTST_general_error		(-1)
#define GNTST_bad_domain		(-2)	/* no such domain */
#define GNTST_bad_gntref		(-3)	/* reference out of range or not usable */
#define GNTST_bad_handle		(-4)	/* handle is not one of the caller's */
#define GNTST_bad_virt_addr		(-5)	/* host_addr unusable */
#define GNTST_bad_dev_addr		(-6)	/* dev_bus_addr does not match */
#define GNTST_no_device_space		(-7)	/* IOMMU has no room */
#define GNTST_permission_denied		(-8)
#define GNTST_bad_page			(-9)	/* frame cannot be given away */
#define GNTST_bad_copy_arg		(-10)	/* range leaves the page */
#define GNTST_address_too_big		(-11)	/* receiver cannot address the frame */
#define GNTST_eagain			(-12)	/* frame is paged out, try again */
#define GNTST_no_space			(-13)	/* no handle left */

#ifndef __ASSEMBLER__

typedef uint32_t grant_ref_t;
typedef uint32_t grant_handle_t;
typedef uint16_t grant_status_t;	/* v2 status frames: GTF_reading, GTF_writing */

/* Version 1 entry: 512 to a frame. Change flags last, with a barrier before. */
struct grant_entry_v1 {
	uint16_t flags;			/* GTF_* */
	domid_t domid;			/* who may use it */
	uint32_t frame;			/* pfn for auto-translated guests, else mfn */
};

struct grant_entry_header {
	uint16_t flags;
	domid_t domid;
};

/* Version 2 entry: 256 to a frame. */
union grant_entry_v2 {
	struct grant_entry_header hdr;
	struct {
		struct grant_entry_header hdr;
		uint32_t pad0;
		uint64_t frame;
	} full_page;
	struct {
		struct grant_entry_header hdr;
		uint16_t page_off;	/* bytes */
		uint16_t length;	/* bytes */
		uint64_t frame;
	} sub_page;
	struct {
		struct grant_entry_header hdr;
		domid_t trans_domid;	/* who granted it to us */
		uint16_t pad0;
		grant_ref_t gref;
	} transitive;
	uint32_t __spacer[4];
};

struct gnttab_map_grant_ref {
	uint64_t host_addr;		/* IN: virtual address, or PTE's machine address */
	uint32_t flags;			/* IN: GNTMAP_* */
	grant_ref_t ref;		/* IN */
	domid_t dom;			/* IN: the granter */
	int16_t status;			/* OUT: GNTST_* */
	grant_handle_t handle;		/* OUT */
	uint64_t dev_bus_addr;		/* OUT: machine address */
};

struct gnttab_unmap_grant_ref {
	uint64_t host_addr;		/* IN: 0 leaves the host mapping */
	uint64_t dev_bus_addr;		/* IN: 0 leaves the device mapping */
	grant_handle_t handle;		/* IN */
	int16_t status;			/* OUT */
};

/* Grows the table to nr_frames and tells where it is; at most one struct per call. */
struct gnttab_setup_table {
	domid_t dom;			/* IN */
	uint32_t nr_frames;		/* IN */
	int16_t status;			/* OUT */
	XEN_GUEST_HANDLE(xen_pfn_t) frame_list;	/* OUT: nr_frames mfns */
};

struct gnttab_dump_table {
	domid_t dom;			/* IN */
	int16_t status;			/* OUT */
};

struct gnttab_transfer {
	xen_pfn_t mfn;			/* IN: the caller's frame */
	domid_t domid;			/* IN: receiver */
	grant_ref_t ref;		/* IN: the receiver's GTF_accept_transfer entry */
	int16_t status;			/* OUT */
};

struct gnttab_copy {
	struct gnttab_copy_ptr {
		union {
			grant_ref_t ref;
			xen_pfn_t gmfn;
		} u;
		domid_t domid;
		uint16_t offset;	/* bytes into the page */
	} source, dest;			/* IN */
	uint16_t len;			/* IN: bytes, within one page on both sides */
	uint16_t flags;			/* IN: GNTCOPY_* */
	int16_t status;			/* OUT */
};

struct gnttab_query_size {
	domid_t dom;			/* IN */
	uint32_t nr_frames;		/* OUT: now */
	uint32_t max_nr_frames;		/* OUT: limit */
	int16_t status;			/* OUT */
};

/* Unmaps, and moves the PTE of new_addr to host_addr in the same step. */
struct gnttab_unmap_and_replace {
	uint64_t host_addr;		/* IN */
	uint64_t new_addr;		/* IN: its own mapping is cleared */
	grant_handle_t handle;		/* IN */
	int16_t status;			/* OUT */
};

struct gnttab_set_version {
	uint32_t version;		/* IN, OUT: the version in use afterwards */
};

struct gnttab_get_status_frames {
	uint32_t nr_frames;		/* IN */
	domid_t dom;			/* IN */
	int16_t status;			/* OUT */
	XEN_GUEST_HANDLE(uint64_t) frame_list;	/* OUT */
};

struct gnttab_get_version {
	domid_t dom;			/* IN */
	uint16_t pad;
	uint32_t version;		/* OUT */
};

struct gnttab_swap_grant_ref {
	grant_ref_t ref_a;		/* IN */
	grant_ref_t ref_b;		/* IN */
	int16_t status;			/* OUT */
};

/* Arm only. */
struct gnttab_cache_flush {
	union {
		uint64_t dev_bus_addr;
		grant_ref_t ref;
	} a;
	uint16_t offset;
	uint16_t length;
	uint32_t op;			/* GNTTAB_CACHE_* */
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_GRANT_TABLE_H */
