// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/physmap.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/memory_op.h"
#include "domain/refusal.h"
#include "memory/heap.h"
#include "memory/m2p.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv-abi/memory.h"

/* A frame of d's own leaves it; with the last reference, which may be another's, it is freed. */
static void give_up(struct domain *d, mfn_t mfn)
{
	struct frame *f = mfn_to_frame(mfn);

	if (!frame_get(f, d))
		return;
	m2p_set(mfn, M2P_INVALID);
	frame_release(f);
	frame_put(f);
}

int physmap_populate(struct domain *d, gfn_t gfn, unsigned order, unsigned bits)
{
	bool large = p2m_large && order == PHYSMAP_MAX_ORDER && !(gfn & (BIT(order) - 1));
	u64 n = BIT(order), done = 0;
	struct frame *f;
	mfn_t mfn;
	int r = 0;

	if (order > PHYSMAP_MAX_ORDER || gfn >= BIT(P2M_GFN_BITS) || n > BIT(P2M_GFN_BITS) - gfn)
		return -EINVAL;
	f = heap_alloc_dom_at(d, order, bits, gfn);
	if (!f)
		return -ENOMEM;
	mfn = frame_to_mfn(f);
	if (large) {
		r = p2m_add(d, gfn, mfn, order, P2M_RAM);
		done = r ? 0 : n;
		/* Pages are there already where a table is. */
		if (r != -EEXIST)
			goto out;
		r = 0;
	}
	for (; !r && done < n; done++)
		r = p2m_add(d, gfn + done, mfn + done, 0, P2M_RAM);
	if (r)
		done--;
out:
	if (!r)
		return 0;
	/* Single pages, nothing to split. Who was quicker to take one out has given it up. */
	for (u64 i = done; i--;)
		(void)p2m_remove(d, gfn + i, mfn + i);
	if (done)
		physmap_flush(d);
	for (u64 i = 0; i < n; i++)
		give_up(d, mfn + i);
	return r;
}

int physmap_release(struct domain *d, gfn_t gfn)
{
	enum p2m_type type;
	mfn_t mfn = p2m_lookup(d, gfn, &type);
	int r;

	if (type != P2M_RAM)
		return -EINVAL;
	r = p2m_remove(d, gfn, mfn);
	if (r)
		return r == -ENOENT ? -EINVAL : r;
	give_up(d, mfn);
	return 0;
}

void physmap_flush(struct domain *d)
{
	if (d->p2m)
		tlb_flush(READ_ONCE(d->dirty_cpus), TLB_GLOBAL);
}

/*
 * Whatever is at `gfn` makes room: memory is given back, what is the hypervisor's is not there. A
 * grant is to be unmapped first.
 */
static int make_room(struct domain *d, gfn_t gfn)
{
	enum p2m_type type;
	mfn_t mfn = p2m_lookup(d, gfn, &type);

	switch (type) {
	case P2M_NONE:
		return 0;
	case P2M_RAM:
		return physmap_release(d, gfn);
	default:
		return p2m_remove(d, gfn, mfn);
	}
}

/* Where a frame of the hypervisor's is shown: the last who shows it takes it from where it was. */
static gfn_t shown_at(mfn_t mfn, gfn_t gfn)
{
	static struct spinlock lock = SPINLOCK_INIT;
	gfn_t before;

	spin_lock(&lock);
	before = m2p_get(mfn);
	m2p_set(mfn, gfn);
	spin_unlock(&lock);
	return before;
}

/* Show a frame of the hypervisor's at `gfn`, and no longer where it was. */
static int show(struct domain *d, gfn_t gfn, mfn_t mfn)
{
	enum p2m_type type;
	gfn_t before;
	int r;

	if (gfn >= BIT(P2M_GFN_BITS))
		return -EINVAL;
	if (m2p_get(mfn) == gfn && p2m_lookup(d, gfn, &type) == mfn && type == P2M_SHARED)
		return 0;
	r = make_room(d, gfn);
	if (!r)
		r = p2m_add(d, gfn, mfn, 0, P2M_SHARED);
	if (r)
		return r;
	before = shown_at(mfn, gfn);
	/* It may not be there any more. */
	if (before != gfn)
		(void)p2m_remove(d, before, mfn);
	return 0;
}

static int frame_of(struct domain *d, const struct xen_add_to_physmap *a, mfn_t *mfn)
{
	switch (a->space) {
	case XENMAPSPACE_shared_info:
		*mfn = va_to_mfn(d->shared_info);
		return a->idx ? -EINVAL : 0;
	case XENMAPSPACE_grant_table:
		if (a->idx > ~0U)
			return -EINVAL;
		return grant_frame_mfn(d, (unsigned)a->idx & ~XENMAPIDX_grant_table_status,
				       a->idx & XENMAPIDX_grant_table_status, mfn);
	default:
		return -EOPNOTSUPP;
	}
}

s64 physmap_add(u64 arg)
{
	struct xen_add_to_physmap a;
	struct domain *d;
	mfn_t mfn;
	s64 r;

	if (copy_from_guest(&a, arg, sizeof(a)))
		return -EFAULT;
	r = domain_get_controlled(a.domid, &d);
	if (r)
		return r;
	/* A PV domain keeps its own pseudo-physical map. */
	r = d->p2m ? frame_of(d, &a, &mfn) : -EACCES;
	if (!r) {
		r = show(d, a.gpfn, mfn);
		physmap_flush(d);
	}
	domain_put(d);
	if (r == -EOPNOTSUPP || r == -EACCES)
		return refused("memory_op", XENMEM_add_to_physmap, r);
	return r;
}

s64 physmap_remove(u64 arg)
{
	struct xen_remove_from_physmap a;
	struct domain *d;
	mfn_t mfn;
	s64 r;

	if (copy_from_guest(&a, arg, sizeof(a)))
		return -EFAULT;
	r = domain_get_controlled(a.domid, &d);
	if (r)
		return r;
	if (!d->p2m) {
		r = refused("memory_op", XENMEM_remove_from_physmap, -EACCES);
	} else {
		mfn = p2m_lookup(d, a.gpfn, NULL);
		r = mfn == INVALID_MFN ? -ENOENT : p2m_remove(d, a.gpfn, mfn);
		physmap_flush(d);
	}
	domain_put(d);
	return r;
}
