/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The domain builder: from a configuration's kernel and ramdisk to a PV domain, 64-bit or 32-bit as
 * the kernel is, whose first vCPU could run. Two halves: build_prepare() reads and decides and
 * touches no domain; build_domain() does.
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_BUILD_H
#define HVCTL_BUILD_H

#include "hypercall.h"
#include "image/image.h"
#include "imagefile.h"

struct build {
	struct hvctl_ctx *ctx;
	const struct hvctl_config *config;

	/* by build_prepare() */
	uint8_t *elf;			/* the kernel, in kernel_file or unpacked in heap memory */
	size_t elf_len;
	bool slow;			/* it took long to unpack and is worth keeping */
	char key[KCACHE_KEY_MAX];	/* of the kernel file */
	struct { void *data; size_t len; } kernel_file;	/* in heap memory */
	const void *packed;		/* in kernel_file: what elf was unpacked from, or NULL */
	size_t packed_len;
	struct image_file ramdisk;	/* goes from the file into the domain */
	struct pv_image image;
	struct pv_layout layout;

	/* by build_domain() */
	uint32_t domid;
	bool ring1;			/* its 64-bit kernel runs in ring 1 (pv-abi/ring1.h) */
	xen_pfn_t *p2m;			/* layout.nr_pages machine frames */
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
};

/* Load, unpack, parse, lay out. */
int build_prepare(struct hvctl_ctx *ctx, const struct hvctl_config *config, struct build *b);

/*
 * Fill the new domain @domid, which has its vCPUs and limits but no memory. It stays as it is on
 * failure.
 */
int build_domain(struct build *b, uint32_t domid);

/* What every new domain needs: a port to dom0, and its rings' frames granted to dom0's daemons. */
int build_port(struct hvctl_ctx *ctx, uint32_t domid, uint32_t *port);
int build_grants(struct hvctl_ctx *ctx, uint32_t domid, uint64_t console_mfn, uint64_t store_mfn);
/* What the hypervisor answered to the first vCPU's state, in words if it is a (negative) errno. */
int build_vcpu_state(struct build *b, int error);

/* ---- the parts of build_domain() that both kinds of domain have ---- */

/*
 * Give it its memory: layout.nr_pages frames. A PV domain's come to p2m; a PVH one's are called
 * what is in there.
 */
int build_memory(struct build *b);

struct build_source {
	uint64_t at;		/* byte address in the domain, pseudo-physical */
	const void *data;
	uint64_t len;
	const struct image_file *file;	/* instead of data: from its beginning */
};
/* Write @count frames from @pfn on: byte ranges out of @nr sources, zero elsewhere. */
int build_fill(struct build *b, uint64_t pfn, uint64_t count, const struct build_source *s,
	       unsigned int nr);
/* The kernel's segments, the ramdisk and two empty rings, where the layout has them. */
int build_load(struct build *b);

/* ---- build_pvh.c ---- */

/*
 * Where a PVH domain of @nr_pages has what it starts with: kernel_*, start_info_pfn, initrd_*,
 * store_pfn, console_pfn, end_pfn and nr_pages of *l. Pages are counted without the hole below
 * 4 GiB. -PV_IMAGE_ENOMEM: end_pfn pages are needed.
 */
int pvh_layout_compute(const struct pv_image *img, uint64_t nr_pages, uint64_t initrd_bytes,
		       struct pv_layout *l);
/* The memory map of such a domain as the ABI numbers it: at most PVH_MAP_MAX entries to @map. */
#define PVH_MAP_MAX 3u
struct hvm_memmap_table_entry;
unsigned int pvh_memory_map(uint64_t nr_pages, struct hvm_memmap_table_entry *map);
/* build_domain() for a PVH domain. */
int pvh_build_domain(struct build *b);

/* Give back what both halves took in this process. */
void build_release(struct build *b);

#endif
