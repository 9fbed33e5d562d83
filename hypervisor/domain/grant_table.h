/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_GRANT_TABLE_H
#define ANNULUS_DOMAIN_GRANT_TABLE_H

/* What grant.c (the table), grant_map.c (mappings) and grant_copy.c share. Version 1 of the ABI. */

#include "domain/grant.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "lib/upcalls.h"
#include "memory/frame.h"
#include "pv-abi/grant_table.h"

#define GRANTS_PER_FRAME   (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define MAPPINGS_PER_FRAME (PAGE_SIZE / sizeof(struct grant_mapping))

/*
 * The hypervisor's record of one grant in use; the entry in the guest's frame is only its proposal.
 */
struct grant_active {
	u32 users;   /* mappings and copies going on */
	u32 writers; /* of these, writing */
	u32 frame;   /* mfn as it was when the first user came; valid while users > 0 */
	domid_t user; /* whose uses; valid while users > 0 */
	u16 pad;
};

/*
 * A handle names one of these: index in the low 20 bits, generation above, so that an old handle
 * does not name the next mapping in the same place.
 */
#define HANDLE_INDEX_BITS  20
#define HANDLE_GENERATIONS (1U << (32 - HANDLE_INDEX_BITS))
/* Keeps the index of ~0, which guests use for "none", out of reach. */
#define MAPTRACK_FRAMES_MAX ((1U << HANDLE_INDEX_BITS) / MAPPINGS_PER_FRAME - 1)

enum mapping_state {
	MAPPING_FREE,
	MAPPING_BUSY, /* one CPU is making or ending it; nobody else touches it */
	MAPPING_LIVE,
};

struct grant_mapping {
	struct domain *granter; /* reference held unless free */
	/* general reference held; FT_WRITABLE one too unless GNTMAP_readonly */
	mfn_t mfn;
	u32 ref;                /* one user of the granter's entry */
	u32 next_free;          /* index + 1; of a claimed one: the next of a batch */
	u16 generation;
	u8 state;               /* enum mapping_state */
	u8 flags;               /* GNTMAP_*; device_map and host_map as long as that part exists */
};
_Static_assert(sizeof(struct grant_mapping) == 32, "128 to a frame");

/*
 * Locks: `lock` guards the table (frames, active entries), `maptrack_lock` the mappings' states and
 * free list, but that who has claimed a mapping makes it live without. Neither
 * is held together with another grant table's lock, nor while a type reference or a page-table
 * entry changes hands. The table grows only; nr_frames is published after what it counts, and may
 * be read without the lock. The mappings' array shrinks when the last mapping ends, so who holds no
 * mapping looks at it under its lock.
 */
struct grant_table {
	struct spinlock lock;
	u32 nr_frames, max_frames;
	struct grant_entry_v1 **frames;  /* shared with the domain */
	struct grant_active **active;    /* GRANTS_PER_FRAME for each frame */

	struct spinlock maptrack_lock;
	u32 nr_maptrack, max_maptrack;   /* in frames */
	struct grant_mapping **maptrack;
	u32 first_free;                  /* index + 1, 0: none */
	u32 mappings;                    /* not free */
	u16 new_generation;              /* what the mappings of a new frame start with */
	u32 release_next;                /* progress of grant_release_mappings() */
};

/*
 * grant_pin() - begin to use grant `ref` of `granter` for domain `user`: the entry's flags say so
 * to the guest, and the frame is fixed. Returns GNTST_okay and the frame (to which no reference was
 * taken), or GNTST_bad_gntref, GNTST_general_error (not granted to user, or not for writing; or the
 * granter is dying).
 */
s16 grant_pin(struct domain *granter, u32 ref, domid_t user, bool write, mfn_t *mfn);
void grant_unpin(struct domain *granter, u32 ref, bool write);

/*
 * The references that go with a pin: a general one, and a FT_WRITABLE one if `write`. NULL if
 * `owner` does not own the frame or it has another type. Interrupts are on and no lock is held.
 */
static inline struct frame *grant_get_frame(struct domain *owner, mfn_t mfn, bool write)
{
	struct frame *f = mfn_to_frame(mfn);

	if (!mfn_valid(mfn) || (!frame_get_usual(f, owner) && !frame_get(f, owner)))
		return NULL;
	if (!write || type_get_more(f, FT_WRITABLE) || !frame_get_type(f, FT_WRITABLE))
		return f;
	frame_put(f);
	return NULL;
}

static inline void grant_put_frame(struct frame *f, bool write)
{
	if (write && !type_put_not_last(f))
		frame_put_type(f);
	if (!frame_put_usual(f))
		frame_put(f);
}

/*
 * A domain a guest names, referenced, if the caller may administrate it: GNTST_okay, bad_domain,
 * permission_denied.
 */
s16 grant_target(domid_t id, struct domain **d);

/* One operation of each kind: fills op->status. */
void grant_map_one(struct gnttab_map_grant_ref *op);
void grant_copy_one(struct gnttab_copy *op);
void grant_transfer_one(struct gnttab_transfer *op);

/*
 * Unmapping is done in batches: any number of grant_unmap_begin(), then grant_unmap_end(). What no
 * CPU can have in its TLB is given back by begin, the rest by end, after one flush. That can be
 * anywhere while `count` grows: when it is GRANT_UNMAP_BATCH it is time, since end does not stop.
 * begin returns the GNTST_* of its operation and fails with GNTST_bad_handle too if the handle
 * waits for the flush already.
 */
#define GRANT_UNMAP_BATCH 512
struct grant_unmap_batch {
	u32 first;      /* index + 1 of a mapping that waits for the flush, 0: none; by next_free */
	unsigned count; /* so many wait */
	bool host;      /* a page-table entry went */
};
s16 grant_unmap_begin(struct grant_unmap_batch *b, u32 handle, u64 host_addr, u64 dev_bus_addr,
		      u64 new_addr);
void grant_unmap_end(struct grant_unmap_batch *b);
/* A batch of one. */
s16 grant_unmap_one(u32 handle, u64 host_addr, u64 dev_bus_addr);

#endif
