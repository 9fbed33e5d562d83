// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grant mappings: the handles of a domain that maps others' frames. Making and ending one takes a
 * claim (MAPPING_BUSY), so that what follows needs no lock. The page-table entry of a mapping holds
 * references like any other entry and is pv/'s business; the handle holds one more of its own.
 */
#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "domain/grant_table.h"
#include "lib/nospec.h"
#include "lib/upcalls.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"

#define MAP_PARTS (GNTMAP_device_map | GNTMAP_host_map)
#define MAP_FLAGS (MAP_PARTS | GNTMAP_readonly | GNTMAP_application_map | GNTMAP_contains_pte)

static struct grant_mapping *mapping_at(const struct grant_table *gt, u32 index)
{
	return &gt->maptrack[index / MAPPINGS_PER_FRAME][index % MAPPINGS_PER_FRAME];
}

/* A free mapping, claimed. False if the domain has all it may have. */
static bool mapping_alloc(struct grant_table *gt, u32 *index)
{
	bool ok = false;

	spin_lock(&gt->maptrack_lock);
	if (!gt->first_free && gt->nr_maptrack < gt->max_maptrack) {
		struct grant_mapping *page = page_alloc(ALLOC_GRANT);

		if (page) {
			u32 first = gt->nr_maptrack * (u32)MAPPINGS_PER_FRAME;

			for (u32 i = 0; i < MAPPINGS_PER_FRAME; i++) {
				page[i].next_free = i + 1 < MAPPINGS_PER_FRAME ? first + i + 2 : 0;
				page[i].generation = gt->new_generation;
			}
			gt->maptrack[gt->nr_maptrack] = page;
			__atomic_store_n(&gt->nr_maptrack, gt->nr_maptrack + 1, __ATOMIC_RELEASE);
			gt->first_free = first + 1;
		}
	}
	if (gt->first_free) {
		struct grant_mapping *m;

		*index = gt->first_free - 1;
		m = mapping_at(gt, *index);
		gt->first_free = m->next_free;
		m->state = MAPPING_BUSY;
		gt->mappings++;
		ok = true;
	}
	spin_unlock(&gt->maptrack_lock);
	return ok;
}

/*
 * The last mapping is gone: give back all frames of the array but the first. Frames that come later
 * start at another generation, so that a handle from before does not fit them. maptrack_lock held.
 */
static void maptrack_shrink(struct grant_table *gt)
{
	u16 newest = gt->new_generation;

	if (gt->nr_maptrack <= 1)
		return;
	for (u32 f = 1; f < gt->nr_maptrack; f++) {
		for (u32 i = 0; i < MAPPINGS_PER_FRAME; i++)
			newest = max(newest, gt->maptrack[f][i].generation);
		page_free(ALLOC_GRANT, gt->maptrack[f]);
		gt->maptrack[f] = NULL;
	}
	__atomic_store_n(&gt->nr_maptrack, 1, __ATOMIC_RELEASE);
	gt->new_generation = (u16)((newest + 1) % HANDLE_GENERATIONS);
	for (u32 i = 0; i < MAPPINGS_PER_FRAME; i++)
		gt->maptrack[0][i].next_free = i + 1 < MAPPINGS_PER_FRAME ? i + 2 : 0;
	gt->first_free = 1;
}

static void mapping_free(struct grant_table *gt, u32 index)
{
	struct grant_mapping *m = mapping_at(gt, index);

	spin_lock(&gt->maptrack_lock);
	m->granter = NULL;
	m->flags = 0;
	m->generation = (u16)((m->generation + 1) % HANDLE_GENERATIONS);
	m->state = MAPPING_FREE;
	m->next_free = gt->first_free;
	gt->first_free = index + 1;
	if (!--gt->mappings)
		maptrack_shrink(gt);
	spin_unlock(&gt->maptrack_lock);
}

static u32 handle_of(const struct grant_table *gt, u32 index)
{
	return (u32)mapping_at(gt, index)->generation << HANDLE_INDEX_BITS | index;
}

/* Claim the live mapping of a handle, or NULL. */
static struct grant_mapping *mapping_claim(struct grant_table *gt, u32 handle, u32 *index)
{
	struct grant_mapping *m = NULL;
	u32 i = handle & ((1U << HANDLE_INDEX_BITS) - 1);

	spin_lock(&gt->maptrack_lock);
	/* Checked below; past the end it is 0 in speculation, and does not match the handle. */
	i = (u32)index_nospec(i, (u64)gt->nr_maptrack * MAPPINGS_PER_FRAME);
	if (i / MAPPINGS_PER_FRAME < gt->nr_maptrack && handle_of(gt, i) == handle &&
	    __atomic_load_n(&mapping_at(gt, i)->state, __ATOMIC_ACQUIRE) == MAPPING_LIVE) {
		m = mapping_at(gt, i);
		m->state = MAPPING_BUSY;
		*index = i;
	}
	spin_unlock(&gt->maptrack_lock);
	return m;
}

/*
 * The claimed mapping is complete, or stays as it was. Who claims it next sees all of it, because
 * this is the last store of the only CPU that wrote to it: no lock.
 */
static void mapping_live(struct grant_mapping *m)
{
	__atomic_store_n(&m->state, MAPPING_LIVE, __ATOMIC_RELEASE);
}

/* Give back what a claimed mapping holds, and itself. */
static void mapping_end(struct grant_table *gt, u32 index)
{
	struct grant_mapping *m = mapping_at(gt, index);
	struct domain *granter = m->granter;
	bool write = !(m->flags & GNTMAP_readonly);

	grant_put_frame(mfn_to_frame(m->mfn), write);
	grant_unpin(granter, m->ref, write);
	mapping_free(gt, index);
	domain_put(granter);
}

/* An HVM domain has it in its map; what it names is an address of the machine as it sees it. */
static int hvm_map(struct domain *d, const struct gnttab_map_grant_ref *op, mfn_t mfn, bool write)
{
	if (op->flags & GNTMAP_contains_pte)
		return -EINVAL;
	return p2m_add_grant(d, op->host_addr >> PAGE_SHIFT, mfn, write);
}

static int hvm_unmap(struct domain *d, const struct grant_mapping *m, u64 host_addr)
{
	int r = p2m_remove_grant(d, host_addr >> PAGE_SHIFT, m->mfn,
				 !(m->flags & GNTMAP_readonly));

	return r ? r : GRANT_PTE_CACHED;
}

/* On success the reference of the granter is the mapping's. */
static s16 map(struct domain *granter, struct gnttab_map_grant_ref *op)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	struct grant_table *gt = d->grants;
	bool write = !(op->flags & GNTMAP_readonly);
	struct grant_mapping *m;
	struct frame *f;
	u32 index;
	mfn_t mfn;
	s16 status;

	if (!mapping_alloc(gt, &index))
		return GNTST_no_space;
	status = grant_pin(granter, op->ref, d->id, write, &mfn);
	if (status != GNTST_okay)
		goto no_pin;
	status = GNTST_bad_page;
	f = grant_get_frame(granter, mfn, write);
	if (!f)
		goto no_frame;
	if (op->flags & GNTMAP_host_map) {
		int r = unlikely(d->p2m) ?
				hvm_map(d, op, mfn, write) :
				grant_pte_map(op->host_addr, mfn, op->flags & MAP_FLAGS,
					      (op->flags >> _GNTMAP_guest_avail0 & 7) << 9);

		status = r ? GNTST_bad_virt_addr : GNTST_okay;
		if (status != GNTST_okay)
			goto no_pte;
	}

	if (write)
		frame_dirtied(f);
	m = mapping_at(gt, index);
	m->granter = granter;
	m->mfn = mfn;
	m->ref = op->ref;
	m->flags = op->flags & MAP_FLAGS;
	op->handle = handle_of(gt, index);
	op->dev_bus_addr = mfn << PAGE_SHIFT;
	/* It has no device that would use one, and where its memory really is, it is not told. */
	if (unlikely(d->p2m)) {
		m->flags &= (u8)~GNTMAP_device_map;
		op->dev_bus_addr = 0;
	}
	mapping_live(m);
	v->grants.mapped++;
	return GNTST_okay;

no_pte:
	grant_put_frame(f, write);
no_frame:
	grant_unpin(granter, op->ref, write);
no_pin:
	mapping_free(gt, index);
	return status;
}

void grant_map_one(struct gnttab_map_grant_ref *op)
{
	struct domain *granter;

	if (!(op->flags & MAP_PARTS)) {
		op->status = GNTST_bad_gntref;
		return;
	}
	if (current->domain->p2m && !(op->flags & GNTMAP_host_map)) {
		op->status = GNTST_bad_dev_addr;
		return;
	}
	granter = domain_get(op->dom);
	if (!granter) {
		op->status = GNTST_bad_domain;
		return;
	}
	op->status = map(granter, op);
	if (op->status != GNTST_okay)
		domain_put(granter);
}

/*
 * Unmap what the caller names of a mapping that it has claimed; *parts are those that are gone, and
 * *cached says whether TLBs may have the entry. When that fails nothing is gone, and the mapping is
 * live again.
 */
static inline s16 unmap_parts(struct vcpu *v, struct grant_mapping *m, u64 host_addr,
			      u64 dev_bus_addr, u64 new_addr, u8 *parts, bool *cached)
{
	int r;

	*parts = 0;
	*cached = false;
	if (dev_bus_addr && (m->flags & GNTMAP_device_map)) {
		if (dev_bus_addr != m->mfn << PAGE_SHIFT) {
			mapping_live(m);
			return GNTST_bad_dev_addr;
		}
		*parts |= GNTMAP_device_map;
	}
	if (host_addr && (m->flags & GNTMAP_host_map)) {
		r = unlikely(v->domain->p2m) ?
			    hvm_unmap(v->domain, m, host_addr) :
			    grant_pte_unmap(host_addr, m->mfn, m->flags, new_addr);
		if (r < 0) {
			mapping_live(m);
			return GNTST_general_error;
		}
		*parts |= GNTMAP_host_map;
		v->grants.unmapped++;
		if (r != GRANT_PTE_UNTOUCHED)
			*cached = true;
		else
			v->grants.untouched++;
	}
	return GNTST_okay;
}

/* `parts` of a claimed mapping are gone, and no TLB has them. */
static inline void parts_gone(struct grant_table *gt, struct grant_mapping *m, u32 index, u8 parts)
{
	if (!(m->flags & MAP_PARTS & ~parts)) {
		mapping_end(gt, index);
		return;
	}
	m->flags &= (u8)~parts;
	mapping_live(m);
}

/* The flush of an unmapping, or of many at once. */
static inline void flush(struct vcpu *v)
{
	v->grants.flushes++;
	tlb_flush(v->domain->dirty_cpus, TLB_GLOBAL);
}

s16 grant_unmap_one(u32 handle, u64 host_addr, u64 dev_bus_addr)
{
	struct vcpu *v = current;
	struct grant_table *gt = v->domain->grants;
	struct grant_mapping *m;
	bool cached;
	u32 index;
	s16 status;
	u8 parts;

	m = mapping_claim(gt, handle, &index);
	if (!m)
		return GNTST_bad_handle;
	status = unmap_parts(v, m, host_addr, dev_bus_addr, 0, &parts, &cached);
	if (status != GNTST_okay)
		return status;
	if (cached)
		flush(v);
	else if (parts & GNTMAP_host_map)
		v->grants.flushes_avoided++;
	parts_gone(gt, m, index, parts);
	return GNTST_okay;
}

s16 grant_unmap_begin(struct grant_unmap_batch *b, u32 handle, u64 host_addr, u64 dev_bus_addr,
		      u64 new_addr)
{
	struct vcpu *v = current;
	struct grant_table *gt = v->domain->grants;
	struct grant_mapping *m;
	bool cached;
	u32 index;
	s16 status;
	u8 parts;

	m = mapping_claim(gt, handle, &index);
	if (!m)
		return GNTST_bad_handle;
	status = unmap_parts(v, m, host_addr, dev_bus_addr, new_addr, &parts, &cached);
	if (status != GNTST_okay)
		return status;
	if (parts & GNTMAP_host_map)
		b->host = true;
	if (!cached) {
		parts_gone(gt, m, index, parts);
		return GNTST_okay;
	}
	/* Claimed as it is, nobody else reads the flags or the link. */
	m->flags &= (u8)~parts;
	m->next_free = b->first;
	b->first = index + 1;
	b->count++;
	return GNTST_okay;
}

void grant_unmap_end(struct grant_unmap_batch *b)
{
	struct vcpu *v = current;
	struct grant_table *gt = v->domain->grants;

	if (b->first)
		flush(v);
	else if (b->host)
		v->grants.flushes_avoided++;
	while (b->first) {
		u32 index = b->first - 1;
		struct grant_mapping *m = mapping_at(gt, index);

		b->first = m->next_free;
		parts_gone(gt, m, index, 0);
	}
	b->count = 0;
	b->host = false;
}

int grant_release_mappings(struct domain *d)
{
	struct grant_table *gt = d->grants;

	if (!gt)
		return 0;
	while (gt->release_next < gt->nr_maptrack * MAPPINGS_PER_FRAME) {
		u32 index = gt->release_next++;
		struct grant_mapping *m = mapping_at(gt, index);

		if (m->state == MAPPING_LIVE)
			mapping_end(gt, index);
		if (index % 64 == 63 && preempt_wanted())
			return -ERESTART;
	}
	return 0;
}

void grant_for_each_mapping(struct domain *d, void (*fn)(mfn_t mfn, bool writable, void *arg),
			    void *arg)
{
	struct grant_table *gt = d->grants;

	if (!gt)
		return;
	for (u32 i = 0;
	     i < __atomic_load_n(&gt->nr_maptrack, __ATOMIC_ACQUIRE) * MAPPINGS_PER_FRAME; i++) {
		mfn_t mfn = 0;
		bool live, write = false;

		spin_lock(&gt->maptrack_lock);
		/* The array may have gone meanwhile. */
		live = i / MAPPINGS_PER_FRAME < gt->nr_maptrack &&
		       __atomic_load_n(&mapping_at(gt, i)->state, __ATOMIC_ACQUIRE) == MAPPING_LIVE;
		if (live) {
			mfn = mapping_at(gt, i)->mfn;
			write = !(mapping_at(gt, i)->flags & GNTMAP_readonly);
		}
		spin_unlock(&gt->maptrack_lock);
		if (live)
			fn(mfn, write, arg);
	}
}
