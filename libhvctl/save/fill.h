/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new domain filled from an image, whatever its format: pages as they come, what they are used
 * for, then everything that names machine frames. What comes is not trusted; page tables and vCPU
 * states are judged by the hypervisor like any guest's.
 *
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_FILL_H
#define HVCTL_SAVE_FILL_H

#include "create.h"
#include "save/guest.h"

#define FILL_VCPUS	128u
#define FILL_POLICY_MAX (64u << 10) /* bytes of a CPU policy */

/* A vCPU's state, in blobs of the control ABI; NULL for none. */
enum fill_part { FILL_CONTEXT, FILL_EXT, FILL_XSAVE, FILL_MSRS, FILL_PARTS };
struct fill_vcpu {
	struct fill_kept {
		void *body;
		size_t len;
	} part[FILL_PARTS];
};

struct fill {
	struct hvctl_ctx *ctx;
	const char *name; /* of the image, for messages */
	const struct hvctl_config *config;
	uint32_t domid;
	unsigned int width;
	uint64_t nr_pfns, max_pages, nr_pages;
	uint64_t *mfn;	/* by pfn; NO_MFN for none */
	uint8_t **page; /* by pfn: where it is mapped, NULL: it is not */
	uint8_t *type;	/* by pfn: a table's level, GUEST_PINNED */
	bool *filled;	/* by pfn: its content has come */
	uint64_t *list; /* pfns of the frames with the guest's list of frames */
	uint64_t nr_list;
	struct region {
		void *at;
		size_t pages;
	} * region; /* what is mapped */
	size_t nr_regions;
	uint8_t shared[FRAME_SIZE];
	bool have_shared;
	struct fill_vcpu vcpu[FILL_VCPUS];
	uint32_t tsc_mode, tsc_khz;
	uint64_t elapsed_ns;
};

/*
 * For a domain of words of @width bytes whose list of frames has @nr_pfns entries. -ENOMEM: dom0
 * has not the memory that it takes.
 */
int fill_begin(struct fill *f, uint32_t domid, unsigned int width, uint64_t nr_pfns);
/*
 * The CPU that it was shown; the records' lengths are in bytes. -EINVAL: this machine lacks a part.
 */
int fill_cpu_policy(struct fill *f, const void *leaves, size_t leaves_len, const void *msrs,
		    size_t msrs_len);
/* Have frames for these pfns, no more than 1024, mapped; some may have come before. */
int fill_populate(struct fill *f, const uint64_t *pfns, unsigned int count);
/* The content of a pfn that has a frame: a page, or the page of another pfn. */
int fill_page(struct fill *f, uint64_t pfn, uint8_t type, const void *content);
int fill_same(struct fill *f, uint64_t pfn, uint64_t twin);
/*
 * These pages, which have come, are the guest's no more: their frames go back to the hypervisor.
 */
int fill_gone(struct fill *f, const uint64_t *pfns, uint64_t count);
/*
 * Unmap what is mapped, the pages of these pfns: each is mapped again when it is needed. For
 * whoever has time now and none at the end.
 */
void fill_rest(struct fill *f, const uint64_t *pfns, unsigned int count);
int fill_list(struct fill *f, const uint64_t *pfns, uint64_t count);
/*
 * Keep a copy of a part of vCPU @vcpu's state. -EINVAL: there is no such vCPU, it has come before,
 * or no such part is that long.
 */
int fill_keep(struct fill *f, uint32_t vcpu, enum fill_part part, const void *body, size_t len);
/*
 * All has come: what names machine frames is written, tables are pinned, vCPUs have their states.
 */
int fill_finish(struct fill *f, struct domain_rings *rings);
/* Unmap and free. */
void fill_end(struct fill *f);

#endif
