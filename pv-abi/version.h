/* SPDX-License-Identifier: MIT */
/* Commands of __HYPERVISOR_xen_version(cmd, buffer). */
#ifndef PV_ABI_VERSION_H
#define PV_ABI_VERSION_H

#include "xen.h"
#include "features.h"

#define XENVER_version			0	/* no buffer; returns major << 16 | minor */
#define XENVER_extraversion		1	/* xen_extraversion_t */
#define XENVER_compile_info		2	/* struct xen_compile_info */
#define XENVER_capabilities		3	/* xen_capabilities_info_t */
#define XENVER_changeset		4	/* xen_changeset_info_t */
#define XENVER_platform_parameters	5	/* struct xen_platform_parameters */
#define XENVER_get_features		6	/* struct xen_feature_info */
#define XENVER_pagesize			7	/* no buffer; returns bytes */
#define XENVER_guest_handle		8	/* xen_domain_handle_t: own UUID */
#define XENVER_commandline		9	/* xen_commandline_t: the hypervisor's */
#define XENVER_build_id			10	/* struct xen_build_id; returns its length */

#ifndef __ASSEMBLER__

typedef char xen_extraversion_t[16];
typedef char xen_capabilities_info_t[1024];	/* words such as "xen-3.0-x86_64" */
typedef char xen_changeset_info_t[64];
typedef char xen_commandline_t[1024];

#define XEN_EXTRAVERSION_LEN		(sizeof(xen_extraversion_t))
#define XEN_CAPABILITIES_INFO_LEN	(sizeof(xen_capabilities_info_t))
#define XEN_CHANGESET_INFO_LEN		(sizeof(xen_changeset_info_t))

struct xen_compile_info {
	char compiler[64];
	char compile_by[16];
	char compile_domain[32];
	char compile_date[32];
};

struct xen_platform_parameters {
	xen_ulong_t virt_start;		/* lowest address of the hypervisor's hole */
};

struct xen_feature_info {
	uint32_t submap_idx;		/* IN: word number, below XENFEAT_NR_SUBMAPS */
	uint32_t submap;		/* OUT: feature bits 32 * submap_idx and up */
};

struct xen_build_id {
	uint32_t len;			/* IN: bytes of room in buf */
	uint8_t buf[];			/* OUT: the linker's build id */
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_VERSION_H */
