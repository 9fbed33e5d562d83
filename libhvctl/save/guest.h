/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stopped guest, looked at from outside: its list of frames (P2M), the way back from machine
 * frames to its own, what each frame is used for. All of it is the guest's word and is checked.
 * Functions return 0 or -errno with the context's message set.
 */
#ifndef HVCTL_SAVE_GUEST_H
#define HVCTL_SAVE_GUEST_H

#include "hypercall.h"

#define NO_PFN UINT32_MAX
#define NO_MFN UINT64_MAX

/* How tables of a guest look, of either width. */
#define PTE_PRESENT 1ull
#define PTE_FRAME   0x000ffffffffff000ull
#define TABLE_SLOTS 512u
/* Slots of the hypervisor's own: of a 64-bit guest's L4, and of a 32-bit guest's last L2. */
#define L4_OURS_FIRST 256u
#define L4_OURS_LAST  271u
#define L2_OURS_FIRST 428u
#define PAE_L3_SLOTS  4u

struct guest {
	struct hvctl_ctx *ctx;
	uint32_t domid;
	struct xen_domctl_getdomaininfo info;
	uint64_t most;	    /* frames that it may have, whatever its balloon is told by now */
	unsigned int width; /* bytes of its words: 8 or 4 */
	uint64_t nr_pfns;
	uint64_t *mfn;	  /* by pfn: NO_MFN for none */
	uint64_t nr_mfns; /* of the host */
	uint32_t *pfn;	  /* by mfn: NO_PFN for none */
	uint8_t *type;	  /* by pfn: a table's level, GUEST_PINNED, GUEST_LAST_L2 */
	uint64_t *list;	  /* pfns of the frames with the list itself */
	uint64_t nr_list;
	uint64_t nr_pages;	    /* it has */
	uint8_t shared[FRAME_SIZE]; /* its shared info page */
	bool live;		    /* it runs: what is not right is left out */
	uint64_t nr_foreign;	    /* entries of its list that are others' frames */
};
#define GUEST_LEVEL(t) ((t)&7u)
#define GUEST_PINNED   8u
#define GUEST_LAST_L2  16u /* of a 32-bit guest: the hypervisor has slots in it */

/*
 * Look at domain @domid, which is stopped. -EINVAL: it has what cannot be saved, and the message
 * says what. guest_close() is due in any case.
 */
int guest_look(struct hvctl_ctx *ctx, uint32_t domid, struct guest *g);
/*
 * The same for a guest that runs, and may change what is looked at: frames that are not its own, or
 * that its list names twice, are left out. So nothing of it is sure before it has stopped.
 */
int guest_look_live(struct hvctl_ctx *ctx, uint32_t domid, struct guest *g);
void guest_close(struct guest *g);

/*
 * A copy of the page table @pfn with pfns in place of mfns, the hypervisor's slots empty. -EINVAL:
 * it maps a frame that is not the guest's.
 */
int guest_table(const struct guest *g, uint64_t pfn, const uint64_t *table, uint64_t *copy);

#endif
