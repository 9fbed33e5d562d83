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

/* Give back what both halves took in this process. */
void build_release(struct build *b);

#endif
