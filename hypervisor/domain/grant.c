// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grant tables: the entries that a domain writes, which of them are in use, and the operations on
 * the table. The entries lie in memory that the guest changes at any time; what counts is copied to
 * struct grant_active when a grant's use begins.
 */
#include "domain/grant.h"

#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/grant_table.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/nospec.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/p2m.h"
#include "memory/heap.h"
#include "memory/m2p.h"
#include "pv-abi/errno.h"

u32 grant_max_frames = 64;
u32 grant_max_maptrack = 1024;

/* ---------------------------------------------------------------------------------------------- */
/* The table */

static struct frame *table_frame(const struct grant_table *gt, u32 n)
{
	return mfn_to_frame(va_to_mfn(gt->frames[n]));
}

/* Add one frame; gt->lock held. 0, -ENOMEM. */
static int grow(struct domain *d, struct grant_table *gt)
{
	struct grant_active *active = zalloc(ALLOC_GRANT, GRANTS_PER_FRAME * sizeof(*active));
	struct grant_entry_v1 *frame = page_alloc(ALLOC_GRANT);

	if (!active || !frame) {
		zfree(active);
		if (frame)
			page_free(ALLOC_GRANT, frame);
		return -ENOMEM;
	}
	frame_share(mfn_to_frame(va_to_mfn(frame)), d, FRAME_SHARE_RW);
	gt->active[gt->nr_frames] = active;
	gt->frames[gt->nr_frames] = frame;
	__atomic_store_n(&gt->nr_frames, gt->nr_frames + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Have at least `n` frames; n <= max_frames. What was added before memory ran out stays. */
static int grow_to(struct domain *d, u32 n)
{
	struct grant_table *gt = d->grants;
	int rc = 0;

	spin_lock(&gt->lock);
	while (!rc && gt->nr_frames < n)
		rc = grow(d, gt);
	spin_unlock(&gt->lock);
	return rc;
}

static u32 limit(u32 wanted, u32 most)
{
	return !wanted || wanted == ~0U ? most : wanted;
}

int grant_init(struct domain *d, u32 max_grant_frames, u32 max_maptrack_frames)
{
	u32 frames = limit(max_grant_frames, grant_max_frames);
	u32 maptrack = limit(max_maptrack_frames, grant_max_maptrack);
	struct grant_table *gt;

	if (frames > grant_max_frames || maptrack > grant_max_maptrack ||
	    maptrack > MAPTRACK_FRAMES_MAX)
		return -EINVAL;
	gt = zalloc(ALLOC_GRANT, sizeof(*gt));
	if (!gt)
		return -ENOMEM;
	gt->max_frames = frames;
	gt->max_maptrack = maptrack;
	gt->frames = zalloc(ALLOC_GRANT, frames * sizeof(*gt->frames));
	gt->active = zalloc(ALLOC_GRANT, frames * sizeof(*gt->active));
	gt->maptrack = zalloc(ALLOC_GRANT, maptrack * sizeof(*gt->maptrack));
	d->grants = gt;
	if (!gt->frames || !gt->active || !gt->maptrack || grow_to(d, 1)) {
		grant_destroy(d);
		return -ENOMEM;
	}
	return 0;
}

void grant_destroy(struct domain *d)
{
	struct grant_table *gt = d->grants;

	if (!gt)
		return;
	for (u32 i = 0; i < gt->nr_frames; i++) {
		struct frame *f = table_frame(gt, i);

		if (frame_unshare(f))
			frame_abandon(f, ALLOC_GRANT);
		else
			page_free(ALLOC_GRANT, gt->frames[i]);
		zfree(gt->active[i]);
	}
	for (u32 i = 0; i < gt->nr_maptrack; i++)
		page_free(ALLOC_GRANT, gt->maptrack[i]);
	zfree(gt->frames);
	zfree(gt->active);
	zfree(gt->maptrack);
	zfree(gt);
	d->grants = NULL;
}

int grant_frame_mfn(struct domain *d, unsigned n, bool status, mfn_t *mfn)
{
	struct grant_table *gt = d->grants;
	int rc;

	if (!gt || status || n >= gt->max_frames)
		return -EINVAL;
	rc = grow_to(d, n + 1);
	if (!rc)
		*mfn = va_to_mfn(gt->frames[n]);
	return rc;
}

void grant_for_each_frame(struct domain *d, void (*fn)(mfn_t mfn, void *arg), void *arg)
{
	struct grant_table *gt = d->grants;

	for (u32 i = 0; gt && i < __atomic_load_n(&gt->nr_frames, __ATOMIC_ACQUIRE); i++)
		fn(va_to_mfn(gt->frames[i]), arg);
}

void grant_for_each_written(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg)
{
	struct grant_table *gt = d->grants;

	for (u32 i = 0; gt && i < __atomic_load_n(&gt->nr_frames, __ATOMIC_ACQUIRE); i++) {
		spin_lock(&gt->lock);
		for (unsigned k = 0; k < GRANTS_PER_FRAME; k++)
			if (gt->active[i][k].writers)
				fn(gt->active[i][k].frame, arg);
		spin_unlock(&gt->lock);
	}
}

/* ---------------------------------------------------------------------------------------------- */
/* Entries in use */

/* The frame of a table that holds entry `ref`, in speculation too. */
static u64 frame_of(const struct grant_table *gt, u32 ref)
{
	return index_nospec(ref / GRANTS_PER_FRAME, READ_ONCE(gt->nr_frames));
}

/* Both halves of an entry: the guest's and ours. */
static inline struct grant_active *find_entry(const struct grant_table *gt, u32 ref,
					      struct grant_entry_v1 **e)
{
	u64 frame = frame_of(gt, ref);

	*e = &gt->frames[frame][ref % GRANTS_PER_FRAME];
	return &gt->active[frame][ref % GRANTS_PER_FRAME];
}

static struct grant_entry_v1 *entry_of(const struct grant_table *gt, u32 ref)
{
	return &gt->frames[frame_of(gt, ref)][ref % GRANTS_PER_FRAME];
}

static struct grant_active *active_of(const struct grant_table *gt, u32 ref)
{
	return &gt->active[frame_of(gt, ref)][ref % GRANTS_PER_FRAME];
}

static bool ref_valid(const struct grant_table *gt, u32 ref)
{
	return ref / GRANTS_PER_FRAME < __atomic_load_n(&gt->nr_frames, __ATOMIC_ACQUIRE);
}

/*
 * Set `mark` in an entry if its flags, looked at through `mask`, are `wanted` and it names `user`.
 * The check and the change are one compare-and-exchange on flags and domid; a guest that keeps
 * changing them is told that it failed.
 */
static bool mark_entry(struct grant_entry_v1 *e, u16 mask, u16 wanted, domid_t user, u16 mark)
{
	u32 *word = (u32 *)e, old = READ_ONCE(*word);

	for (unsigned tries = 0; tries < 5; tries++) {
		if ((old & mask) != wanted || old >> 16 != user)
			return false;
		if (atomic_cmpxchg(word, &old, old | mark))
			return true;
	}
	return false;
}

s16 grant_pin(struct domain *granter, u32 ref, domid_t user, bool write, mfn_t *mfn)
{
	struct grant_table *gt = granter->grants;
	u16 mask = GTF_type_mask | (write ? GTF_readonly : 0);
	struct grant_active *act;
	struct grant_entry_v1 *e;
	s16 status = GNTST_general_error;

	if (!gt || !ref_valid(gt, ref))
		return GNTST_bad_gntref;
	act = find_entry(gt, ref, &e);
	spin_lock(&gt->lock);
	if (granter->dying || (act->users && act->user != user) || act->users == ~0U)
		goto out;
	if ((!act->users || (write && !act->writers)) &&
	    !mark_entry(e, mask, GTF_permit_access, user, GTF_reading | (write ? GTF_writing : 0)))
		goto out;
	if (!act->users) {
		act->frame = READ_ONCE(e->frame);
		/* An HVM domain's number; none is a frame that is nobody's. */
		if (granter->p2m)
			act->frame = (u32)p2m_lookup(granter, act->frame, NULL);
		act->user = user;
	}
	act->users++;
	act->writers += write;
	*mfn = act->frame;
	status = GNTST_okay;
out:
	spin_unlock(&gt->lock);
	return status;
}

void grant_unpin(struct domain *granter, u32 ref, bool write)
{
	struct grant_table *gt = granter->grants;
	struct grant_entry_v1 *e;
	struct grant_active *act = find_entry(gt, ref, &e);
	u16 clear = 0;

	spin_lock(&gt->lock);
	if (write && !--act->writers)
		clear |= GTF_writing;
	if (!--act->users)
		clear |= GTF_reading;
	if (clear)
		atomic_and(&e->flags, (u16)~clear);
	spin_unlock(&gt->lock);
}

/* ---------------------------------------------------------------------------------------------- */
/* Transfer */

/*
 * Give a stolen frame back to the domain it came from, or, if that is ending or ballooned up
 * meanwhile, to the heap.
 */
static void give_back(struct domain *d, struct frame *f)
{
	if (heap_assign(d, f, 0))
		heap_free_dom(f, 0);
}

static s16 transfer(u64 mfn, struct domain *to, u32 ref)
{
	const u16 mask = GTF_type_mask | GTF_transfer_committed | GTF_transfer_completed;
	struct domain *d = current->domain;
	struct grant_table *gt = to->grants;
	struct grant_entry_v1 *e;
	struct frame *f;

	if (!mfn_valid(mfn))
		return GNTST_bad_page;
	if (!gt || !ref_valid(gt, ref))
		return GNTST_bad_gntref;
	if (to->dying || READ_ONCE(to->tot_pages) >= READ_ONCE(to->max_pages))
		return GNTST_general_error;
	f = mfn_to_frame(mfn);
	if (frame_steal(d, f))
		return GNTST_bad_page;

	e = entry_of(gt, ref);
	if (!mark_entry(e, mask, GTF_accept_transfer, d->id, GTF_transfer_committed)) {
		give_back(d, f);
		return GNTST_general_error;
	}
	/*
	 * Until now the entry holds the pfn at which the receiver wants it. Once the frame is the
	 * receiver's, it can be somebody else's any moment.
	 */
	m2p_set(mfn, READ_ONCE(e->frame));
	if (heap_assign(to, f, 0)) {
		m2p_set(mfn, M2P_INVALID);
		atomic_and(&e->flags, (u16)~GTF_transfer_committed);
		give_back(d, f);
		return GNTST_general_error;
	}
	WRITE_ONCE(e->frame, (u32)mfn);
	atomic_or(&e->flags, GTF_transfer_completed);
	return GNTST_okay;
}

void grant_transfer_one(struct gnttab_transfer *op)
{
	struct domain *to = domain_get(op->domid);

	if (!to) {
		op->status = GNTST_bad_domain;
		return;
	}
	/* A frame moved to its own domain would change places in the list at best. */
	op->status = to == current->domain ? GNTST_bad_domain : transfer(op->mfn, to, op->ref);
	domain_put(to);
}

/* ---------------------------------------------------------------------------------------------- */
/* Operations on the table */

s16 grant_target(domid_t id, struct domain **d)
{
	*d = domain_get(id);
	if (!*d)
		return GNTST_bad_domain;
	if (*d != current->domain && !current->domain->privileged) {
		domain_put(*d);
		return GNTST_permission_denied;
	}
	if (!(*d)->grants) {
		domain_put(*d);
		return GNTST_bad_domain;
	}
	return GNTST_okay;
}

static s16 setup_table_of(struct domain *d, const struct gnttab_setup_table *op)
{
	struct grant_table *gt = d->grants;

	if (op->nr_frames > gt->max_frames || d->dying)
		return GNTST_general_error;
	if (grow_to(d, op->nr_frames))
		return GNTST_general_error;
	for (u32 i = 0; i < op->nr_frames; i++) {
		if (put_guest_word(va_to_mfn(gt->frames[i]), op->frame_list, i))
			return GNTST_bad_virt_addr;
	}
	return GNTST_okay;
}

static void setup_table(struct gnttab_setup_table *op)
{
	struct domain *d;

	op->status = grant_target(op->dom, &d);
	if (op->status == GNTST_okay) {
		op->status = setup_table_of(d, op);
		domain_put(d);
	}
}

static void query_size(struct gnttab_query_size *op)
{
	struct domain *d;

	op->status = grant_target(op->dom, &d);
	if (op->status == GNTST_okay) {
		op->nr_frames = READ_ONCE(d->grants->nr_frames);
		op->max_nr_frames = d->grants->max_frames;
		domain_put(d);
	}
}

static void dump_table(struct gnttab_dump_table *op)
{
	struct domain *d;

	if (!current->domain->privileged) {
		op->status = GNTST_permission_denied;
		return;
	}
	op->status = grant_target(op->dom, &d);
	if (op->status == GNTST_okay) {
		grant_dump(d);
		domain_put(d);
	}
}

static void get_status_frames(struct gnttab_get_status_frames *op)
{
	struct domain *d;

	op->status = grant_target(op->dom, &d);
	if (op->status == GNTST_okay) {
		/* Version 1 has none. */
		op->status = op->nr_frames ? GNTST_general_error : GNTST_okay;
		domain_put(d);
	}
}

static int set_version(struct gnttab_set_version *op)
{
	u32 wanted = op->version;

	op->version = 1;
	if (wanted == 1)
		return 0;
	return wanted == 2 ? -ENOSYS : -EINVAL;
}

static int get_version(struct gnttab_get_version *op)
{
	struct domain *d;

	switch (grant_target(op->dom, &d)) {
	case GNTST_okay:
		op->version = 1;
		domain_put(d);
		return 0;
	case GNTST_permission_denied:
		return -EPERM;
	default:
		return -ESRCH;
	}
}

static void swap_one(struct gnttab_swap_grant_ref *op)
{
	struct grant_table *gt = current->domain->grants;
	struct grant_entry_v1 *a, *b, tmp;

	if (!ref_valid(gt, op->ref_a) || !ref_valid(gt, op->ref_b)) {
		op->status = GNTST_bad_gntref;
		return;
	}
	a = entry_of(gt, op->ref_a);
	b = entry_of(gt, op->ref_b);
	spin_lock(&gt->lock);
	if (active_of(gt, op->ref_a)->users || active_of(gt, op->ref_b)->users) {
		op->status = GNTST_eagain;
	} else {
		tmp = *a;
		*a = *b;
		*b = tmp;
		op->status = GNTST_okay;
	}
	spin_unlock(&gt->lock);
}

/* ---------------------------------------------------------------------------------------------- */
/* The hypercall */

union grant_op {
	struct gnttab_map_grant_ref map;
	struct gnttab_unmap_grant_ref unmap;
	struct gnttab_unmap_and_replace replace;
	struct gnttab_setup_table setup;
	struct gnttab_dump_table dump;
	struct gnttab_transfer transfer;
	struct gnttab_copy copy;
	struct gnttab_query_size query;
	struct gnttab_set_version set_version;
	struct gnttab_get_status_frames status_frames;
	struct gnttab_get_version get_version;
	struct gnttab_swap_grant_ref swap;
};

static s64 continue_from(u64 cmd, u64 arg, u64 size, u64 done, u64 count)
{
	return hypercall_continue(__HYPERVISOR_grant_table_op, 3, cmd, arg + done * size,
				  count - done);
}

/* Map, copy, transfer, swap. */
static s64 do_array(u64 cmd, u64 arg, u64 count)
{
	union grant_op op;
	u64 size = cmd == GNTTABOP_map_grant_ref ? sizeof(op.map)
		   : cmd == GNTTABOP_copy	 ? sizeof(op.copy)
		   : cmd == GNTTABOP_transfer	 ? sizeof(op.transfer)
						 : sizeof(op.swap);

	for (u64 i = 0; i < count; i++) {
		if (i && preempt_wanted())
			return continue_from(cmd, arg, size, i, count);
		if (copy_from_guest(&op, arg + i * size, size))
			return -EFAULT;
		switch (cmd) {
		case GNTTABOP_map_grant_ref:
			grant_map_one(&op.map);
			break;
		case GNTTABOP_copy:
			grant_copy_one(&op.copy);
			break;
		case GNTTABOP_transfer:
			grant_transfer_one(&op.transfer);
			break;
		default:
			swap_one(&op.swap);
			break;
		}
		if (copy_to_guest(arg + i * size, &op, size))
			return -EFAULT;
	}
	return 0;
}

static s16 unmap_one(struct grant_unmap_batch *b, const union grant_op *op, bool replace)
{
	if (replace)
		return grant_unmap_begin(b, op->replace.handle, op->replace.host_addr, 0,
					 op->replace.new_addr);
	return grant_unmap_begin(b, op->unmap.handle, op->unmap.host_addr, op->unmap.dev_bus_addr,
				 0);
}

static s64 do_unmap(u64 cmd, u64 arg, u64 count)
{
	bool replace = cmd == GNTTABOP_unmap_and_replace;
	u64 size = replace ? sizeof(struct gnttab_unmap_and_replace)
			   : sizeof(struct gnttab_unmap_grant_ref);
	u64 at = replace ? offsetof(struct gnttab_unmap_and_replace, status)
			 : offsetof(struct gnttab_unmap_grant_ref, status);
	struct grant_unmap_batch batch = { .first = 0 };
	s64 rc = 0;

	for (u64 i = 0; i < count; i++) {
		union grant_op op;
		s16 status;

		if (i && preempt_wanted()) {
			rc = continue_from(cmd, arg, size, i, count);
			break;
		}
		if (copy_from_guest(&op, arg + i * size, size)) {
			rc = -EFAULT;
			break;
		}
		if (batch.count == GRANT_UNMAP_BATCH)
			grant_unmap_end(&batch);
		status = unmap_one(&batch, &op, replace);
		if (status == GNTST_bad_handle && batch.count) {
			/* The other part of a mapping may be on its way in this batch. */
			grant_unmap_end(&batch);
			status = unmap_one(&batch, &op, replace);
		}
		if (copy_to_guest(arg + i * size + at, &status, sizeof(status))) {
			rc = -EFAULT;
			break;
		}
	}
	grant_unmap_end(&batch);
	return rc;
}

/* The short way of a list of one, as arrays of one would be done. */
static s64 map_one(u64 arg)
{
	struct gnttab_map_grant_ref op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -EFAULT;
	grant_map_one(&op);
	/* What comes out is the rest of the struct. */
	return copy_to_guest(arg + offsetof(struct gnttab_map_grant_ref, dom), &op.dom,
			     sizeof(op) - offsetof(struct gnttab_map_grant_ref, dom));
}

static s64 copy_one(u64 arg)
{
	struct gnttab_copy op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -EFAULT;
	grant_copy_one(&op);
	return copy_to_guest(arg + offsetof(struct gnttab_copy, status), &op.status,
			     sizeof(op.status));
}

static s64 unmap_one_alone(u64 arg)
{
	struct gnttab_unmap_grant_ref op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -EFAULT;
	op.status = grant_unmap_one(op.handle, op.host_addr, op.dev_bus_addr);
	return copy_to_guest(arg + offsetof(struct gnttab_unmap_grant_ref, status), &op.status,
			     sizeof(op.status));
}

/* Operations on exactly one struct. */
static s64 do_single(u64 cmd, u64 arg, u64 count)
{
	union grant_op op;
	u64 size;
	int rc = 0;

	switch (cmd) {
	case GNTTABOP_setup_table:
		size = sizeof(op.setup);
		break;
	case GNTTABOP_dump_table:
		size = sizeof(op.dump);
		break;
	case GNTTABOP_query_size:
		size = sizeof(op.query);
		break;
	case GNTTABOP_set_version:
		size = sizeof(op.set_version);
		break;
	case GNTTABOP_get_status_frames:
		size = sizeof(op.status_frames);
		break;
	default:
		size = sizeof(op.get_version);
		break;
	}
	if (count != 1)
		return -EINVAL;
	if (copy_from_guest(&op, arg, size))
		return -EFAULT;
	switch (cmd) {
	case GNTTABOP_setup_table:
		setup_table(&op.setup);
		break;
	case GNTTABOP_dump_table:
		dump_table(&op.dump);
		break;
	case GNTTABOP_query_size:
		query_size(&op.query);
		break;
	case GNTTABOP_set_version:
		rc = set_version(&op.set_version);
		break;
	case GNTTABOP_get_status_frames:
		get_status_frames(&op.status_frames);
		break;
	default:
		rc = get_version(&op.get_version);
		break;
	}
	if (copy_to_guest(arg, &op, size))
		return -EFAULT;
	return rc;
}

s64 do_grant_table_op(u64 cmd, u64 arg, u64 count)
{
	if (count > 0x7fffffff)
		return -EINVAL;
	if (!current->domain->grants)
		return -EPERM;
	if (count == 1 && cmd == GNTTABOP_map_grant_ref)
		return map_one(arg);
	if (count == 1 && cmd == GNTTABOP_unmap_grant_ref)
		return unmap_one_alone(arg);
	if (count == 1 && cmd == GNTTABOP_copy)
		return copy_one(arg);
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
	case GNTTABOP_copy:
	case GNTTABOP_transfer:
	case GNTTABOP_swap_grant_ref:
		return do_array(cmd, arg, count);
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_unmap_and_replace:
		return do_unmap(cmd, arg, count);
	case GNTTABOP_setup_table:
	case GNTTABOP_dump_table:
	case GNTTABOP_query_size:
	case GNTTABOP_set_version:
	case GNTTABOP_get_status_frames:
	case GNTTABOP_get_version:
		return do_single(cmd, arg, count);
	case GNTTABOP_cache_flush:
		/* Arm's; caches are coherent with DMA here. */
		return refused("grant_table_op", cmd, -EOPNOTSUPP);
	default:
		return refused("grant_table_op", cmd, -ENOSYS);
	}
}

void grant_counters_get(struct domain *d, struct grant_counters *sum)
{
	struct vcpu *v;

	*sum = (struct grant_counters){ 0 };
	/* A part is read before its whole, which may grow meanwhile. */
	for_each_vcpu(d, v) {
		sum->untouched += READ_ONCE(v->grants.untouched);
		smp_rmb();
		sum->unmapped += READ_ONCE(v->grants.unmapped);
		sum->mapped += READ_ONCE(v->grants.mapped);
		sum->copied += READ_ONCE(v->grants.copied);
		sum->copied_bytes += READ_ONCE(v->grants.copied_bytes);
		sum->flushes += READ_ONCE(v->grants.flushes);
		sum->flushes_avoided += READ_ONCE(v->grants.flushes_avoided);
	}
}

void grant_dump(struct domain *d)
{
	struct grant_table *gt = d->grants;
	u32 in_use = 0;

	if (!gt)
		return;
	spin_lock(&gt->lock);
	for (u32 ref = 0; ref < gt->nr_frames * GRANTS_PER_FRAME; ref++) {
		const struct grant_active *act = active_of(gt, ref);

		if (!act->users)
			continue;
		in_use++;
		printk(LOG_INFO "d%u grant %u: frame %x used by d%u, %u times, %u writing\n", d->id,
		       ref, act->frame, act->user, act->users, act->writers);
	}
	printk(LOG_INFO
	       "d%u: %u grants in use, %u of %u grant frames, %u mappings, "
	       "%u of %u maptrack frames\n",
	       d->id, in_use, gt->nr_frames, gt->max_frames, gt->mappings, gt->nr_maptrack,
	       gt->max_maptrack);
	spin_unlock(&gt->lock);
}
