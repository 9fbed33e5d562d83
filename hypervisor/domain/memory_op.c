// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory_op hypercall: frames between domains and the heap (the balloon, the domain builder,
 * swiotlb's exchange), and what a guest may know of the memory map.
 *
 * Long operations work extent by extent and continue when something else wants the CPU. Everything
 * a guest passes is copied once; frames are stable while this code holds a reference, or owns them
 * after frame_steal().
 */
#include "domain/memory_op.h"

#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/grant_table.h"
#include "domain/guest_access.h"
#include "domain/physmap.h"
#include "domain/refusal.h"
#include "lib/string.h"
#include "memory/e820.h"
#include "memory/heap.h"
#include "memory/m2p.h"
#include "memory/p2m.h"
#include "memory/paging.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"
#include "pv-abi/memory.h"

#define EXTENT_SHIFT 6
#define CMD_MASK     (BIT(EXTENT_SHIFT) - 1)
#define EXTENTS_MAX  (~0ULL >> EXTENT_SHIFT)

/*
 * The largest extents: what one guest may ask of the buddy system without starving others of large
 * blocks.
 */
#define MAX_ORDER_GUEST      9
#define MAX_ORDER_PRIVILEGED 12

int domain_get_controlled(domid_t id, struct domain **out)
{
	struct domain *self = current->domain, *d;

	if (!self->privileged && id != DOMID_SELF && id != self->id)
		return -EPERM;
	d = domain_get(id);
	if (!d)
		return -ESRCH;
	*out = d;
	return 0;
}

static unsigned max_order(void)
{
	return current->domain->privileged ? MAX_ORDER_PRIVILEGED : MAX_ORDER_GUEST;
}

static s64 continue_at(u64 op, u64 extent, u64 arg)
{
	return hypercall_continue(__HYPERVISOR_memory_op, 2, op | extent << EXTENT_SHIFT, arg);
}

/* Take one frame from `d`. A frame that is still mapped is freed when it is no more. */
static int shrink_frame(struct domain *d, mfn_t mfn)
{
	struct frame *f = mfn_to_frame(mfn);

	if (!frame_get(f, d))
		return -EINVAL;
	m2p_set(mfn, M2P_INVALID);
	frame_release(f);
	frame_put(f);
	return 0;
}

/*
 * Take back what the domain was not told of. Its other vCPUs may have given some of it away since
 * and others have it: a frame that is not d's any more is left alone.
 */
static void take_back(struct domain *d, mfn_t mfn, unsigned order)
{
	for (u64 k = 0; k < BIT(order); k++)
		(void)shrink_frame(d, mfn + k);
}

/*
 * Give `d` one extent; where its number belongs in the guest's list. `populate`: the list holds the
 * pfn it shall have.
 */
static int grow_extent(struct domain *d, const struct xen_memory_reservation *r, u64 i,
		       bool populate)
{
	unsigned bits = XENMEMF_get_address_bits(r->mem_flags);
	pfn_t pfn = M2P_INVALID;
	struct frame *f;
	mfn_t mfn;

	if (populate && get_guest_word(&pfn, r->extent_start, i))
		return -EFAULT;
	/* Its frames' numbers are none of its business. */
	if (d->p2m)
		return populate ? physmap_populate(d, pfn, r->extent_order, bits) : -EINVAL;
	f = heap_alloc_dom_at(d, r->extent_order, bits, pfn);
	if (!f)
		return -ENOMEM;
	mfn = frame_to_mfn(f);
	if (r->extent_start && put_guest_word(mfn, r->extent_start, i)) {
		take_back(d, mfn, r->extent_order);
		return -EFAULT;
	}
	return 0;
}

/*
 * Has `d` this frame to give? One that the hypervisor shares with it, or that it gave back before,
 * is not.
 */
static bool can_release(struct domain *d, mfn_t mfn)
{
	return mfn_valid(mfn) && frame_owner(mfn_to_frame(mfn)) == d &&
		(atomic_read(&mfn_to_frame(mfn)->count) & FC_ALLOCATED);
}

static int shrink_extent(struct domain *d, const struct xen_memory_reservation *r, u64 i)
{
	mfn_t mfn;
	int ret = 0;

	if (get_guest_word(&mfn, r->extent_start, i))
		return -EFAULT;
	if (mfn + (BIT(r->extent_order) - 1) < mfn)
		return -EINVAL;
	if (d->p2m) {
		/* Page by page: what was done of an extent that then fails stays done. */
		for (u64 k = 0; !ret && k < BIT(r->extent_order); k++)
			ret = physmap_release(d, mfn + k);
		return ret;
	}
	for (u64 k = 0; k < BIT(r->extent_order); k++)
		if (!can_release(d, mfn + k))
			return -EINVAL;
	for (u64 k = 0; !ret && k < BIT(r->extent_order); k++)
		ret = shrink_frame(d, mfn + k);
	return ret;
}

/*
 * increase_reservation, decrease_reservation, populate_physmap: the number of extents done, or why
 * not even one.
 */
static s64 change_reservation(u64 op, u64 start, u64 arg)
{
	struct xen_memory_reservation r;
	struct domain *d;
	u64 i;
	int ret;

	if (copy_from_guest(&r, arg, sizeof(r)))
		return start ? (s64)start : -EFAULT;
	if (r.nr_extents > EXTENTS_MAX || r.extent_order > max_order() ||
	    (r.mem_flags & XENMEMF_populate_on_demand))
		return start ? (s64)start : -EINVAL;
	if (start >= r.nr_extents)
		return (s64)start;
	if (!r.extent_start && op != XENMEM_increase_reservation)
		return start ? (s64)start : -EFAULT;
	ret = domain_get_controlled(r.domid, &d);
	if (ret)
		return start ? (s64)start : ret;

	for (i = start; i < r.nr_extents; i++) {
		if (i != start && preempt_wanted()) {
			if (op == XENMEM_decrease_reservation)
				physmap_flush(d);
			domain_put(d);
			return continue_at(op, i, arg);
		}
		if (op == XENMEM_decrease_reservation)
			ret = shrink_extent(d, &r, i);
		else
			ret = grow_extent(d, &r, i, op == XENMEM_populate_physmap);
		if (ret)
			break;
	}
	if (op == XENMEM_decrease_reservation)
		physmap_flush(d);
	domain_put(d);
	return i == 0 && ret == -EFAULT ? -EFAULT : (s64)i;
}

/* Frames under way in an exchange, chained by frame.next: nobody else refers to them. */
struct chain {
	u32 head;
};

static void chain_push(struct chain *c, struct frame *f)
{
	f->next = c->head;
	c->head = (u32)frame_to_mfn(f);
}

static struct frame *chain_pop(struct chain *c)
{
	struct frame *f;

	if (c->head == FRAME_LIST_END)
		return NULL;
	f = mfn_to_frame(c->head);
	c->head = f->next;
	return f;
}

static void chain_free(struct chain *c, unsigned order)
{
	struct frame *f;

	while ((f = chain_pop(c))) {
		for (u64 k = 0; k < BIT(order); k++)
			m2p_set(frame_to_mfn(f) + k, M2P_INVALID);
		heap_free_dom(f, order);
	}
}

/*
 * Undo the stealing. The domain had these frames a moment ago; if it must not have them any more
 * they are free.
 */
static void chain_give_back(struct chain *c, struct domain *d)
{
	struct frame *f;

	while ((f = chain_pop(c)))
		if (heap_assign(d, f, 0))
			heap_free_dom(f, 0);
}

static int steal_extent(struct domain *d, const struct xen_memory_reservation *in, u64 i,
			struct chain *stolen)
{
	mfn_t mfn;

	if (get_guest_word(&mfn, in->extent_start, i))
		return -EFAULT;
	if (mfn + (BIT(in->extent_order) - 1) < mfn)
		return -EINVAL;
	for (u64 k = 0; k < BIT(in->extent_order); k++) {
		struct frame *f;
		int ret;

		if (!mfn_valid(mfn + k))
			return -EINVAL;
		f = mfn_to_frame(mfn + k);
		ret = frame_steal(d, f);
		if (ret)
			return ret;
		chain_push(stolen, f);
	}
	return 0;
}

/*
 * One round of an exchange: nr_in extents from `i` on for nr_out extents from `o` on. New frames
 * first (with the pfns they will have: M2P is only a hint, it holds them until then), then the old
 * ones, and nothing fails after that.
 */
static int exchange_chunk(struct domain *d, const struct xen_memory_exchange *x, u64 i, u64 nr_in,
			  u64 o, u64 nr_out)
{
	unsigned order = x->out.extent_order, bits = XENMEMF_get_address_bits(x->out.mem_flags);
	struct chain fresh = { FRAME_LIST_END }, stolen = { FRAME_LIST_END };
	struct frame *f;
	int ret = 0;

	if (d->is_32bit && (!bits || bits > COMPAT_FRAME_BITS))
		bits = COMPAT_FRAME_BITS;
	/* From the last to the first, so that they come off the chain in order. */
	for (u64 k = nr_out; k-- > 0;) {
		pfn_t pfn;

		ret = get_guest_word(&pfn, x->out.extent_start, o + k);
		if (ret)
			goto undo;
		f = heap_alloc_dom(NULL, order, bits);
		ret = f ? 0 : -ENOMEM;
		if (ret)
			goto undo;
		for (u64 n = 0; n < BIT(order); n++)
			m2p_set(frame_to_mfn(f) + n, pfn + n);
		chain_push(&fresh, f);
	}
	for (u64 k = 0; !ret && k < nr_in; k++)
		ret = steal_extent(d, &x->in, i + k, &stolen);
	if (ret)
		goto undo;

	for (u64 k = 0; (f = chain_pop(&fresh)); k++) {
		mfn_t mfn = frame_to_mfn(f);

		if (heap_assign(d, f, order)) {
			/*
			 * It is dying, or its limit fell below what it had: either way it gets no
			 * more.
			 */
			chain_push(&fresh, f);
			chain_free(&fresh, order);
			ret = -ENOMEM;
			break;
		}
		if (put_guest_word(mfn, x->out.extent_start, o + k))
			ret = -EFAULT;
	}
	chain_free(&stolen, 0);
	return ret;

undo:
	chain_free(&fresh, order);
	chain_give_back(&stolen, d);
	return ret;
}

static s64 memory_exchange(u64 arg)
{
	struct xen_memory_exchange x;
	const u64 progress = arg + offsetof(struct xen_memory_exchange, nr_exchanged);
	u64 nr_in = 1, nr_out = 1, start;
	struct domain *d;
	int ret;

	if (copy_from_guest(&x, arg, sizeof(x)))
		return -EFAULT;
	if (x.in.extent_order > max_order() || x.out.extent_order > max_order() ||
	    x.in.domid != x.out.domid || x.in.nr_extents > EXTENTS_MAX >> MAX_ORDER_PRIVILEGED ||
	    x.out.nr_extents > EXTENTS_MAX >> MAX_ORDER_PRIVILEGED ||
	    x.in.nr_extents << x.in.extent_order != x.out.nr_extents << x.out.extent_order ||
	    x.nr_exchanged > x.in.nr_extents)
		return -EINVAL;
	if (x.in.extent_order < x.out.extent_order)
		nr_in = BIT(x.out.extent_order - x.in.extent_order);
	else
		nr_out = BIT(x.in.extent_order - x.out.extent_order);
	if (x.nr_exchanged % nr_in)
		return -EINVAL;
	ret = domain_get_controlled(x.in.domid, &d);
	if (ret)
		return ret;

	if (d->p2m) {
		domain_put(d);
		return -EOPNOTSUPP;
	}
	for (start = x.nr_exchanged; x.nr_exchanged < x.in.nr_extents; x.nr_exchanged += nr_in) {
		u64 o = (x.nr_exchanged << x.in.extent_order) >> x.out.extent_order;

		if (x.nr_exchanged != start && preempt_wanted()) {
			domain_put(d);
			if (put_guest(x.nr_exchanged, progress))
				return -EFAULT;
			return hypercall_continue(__HYPERVISOR_memory_op, 2, (u64)XENMEM_exchange,
						  arg);
		}
		ret = exchange_chunk(d, &x, x.nr_exchanged, nr_in, o, nr_out);
		if (ret)
			break;
	}
	domain_put(d);
	if (put_guest(x.nr_exchanged, progress))
		return -EFAULT;
	return ret;
}

static s64 reservation_info(u64 op, u64 arg)
{
	struct xen_memory_domain q;
	struct domain *d;
	u64 n;
	s64 ret;

	if (copy_from_guest(&q, arg, sizeof(q)))
		return -EFAULT;
	ret = domain_get_controlled(q.domid, &d);
	if (ret)
		return ret;
	switch (op) {
	case XENMEM_current_reservation:
		ret = (s64)READ_ONCE(d->tot_pages);
		break;
	case XENMEM_maximum_reservation:
		ret = (s64)READ_ONCE(d->max_pages);
		break;
	default:
		if (d->p2m) {
			ret = (s64)READ_ONCE(d->p2m->highest);
			break;
		}
		/* The guest's own statement. Never let it look like an error. */
		n = d->is_32bit ?
			READ_ONCE(((struct compat_shared_info *)d->shared_info)->arch.max_pfn) :
			READ_ONCE(d->shared_info->arch.max_pfn);
		ret = n ? (s64)min(n - 1, (u64)0x7fffffffffffffff) : 0;
	}
	domain_put(d);
	return ret;
}

int memory_map_set(struct domain *d, const struct memory_range *ranges, u32 n)
{
	struct memory_map *fresh, *old;

	if (!n || n > MEMORY_MAP_MAX)
		return -EINVAL;
	fresh = zalloc(ALLOC_DOMAIN, sizeof(*fresh) + n * sizeof(*ranges));
	if (!fresh)
		return -ENOMEM;
	fresh->n = n;
	memcpy(fresh->range, ranges, n * sizeof(*ranges));
	spin_lock(&d->lock);
	old = d->memory_map;
	d->memory_map = fresh;
	spin_unlock(&d->lock);
	zfree(old);
	return 0;
}

static s64 set_memory_map(u64 arg)
{
	struct xen_foreign_memory_map m;
	struct memory_range *ranges;
	struct domain *d;
	s64 ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&m, arg, sizeof(m)))
		return -EFAULT;
	if (!m.map.nr_entries || m.map.nr_entries > MEMORY_MAP_MAX)
		return -EINVAL;
	ranges = zalloc(ALLOC_MISC, m.map.nr_entries * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	ret = copy_from_guest(ranges, m.map.buffer, m.map.nr_entries * sizeof(*ranges));
	if (!ret)
		ret = domain_get_controlled(m.domid, &d);
	if (!ret) {
		ret = memory_map_set(d, ranges, m.map.nr_entries);
		domain_put(d);
	}
	zfree(ranges);
	return ret;
}

/* XENMEM_memory_map: the caller's own, if it was given one. */
static s64 get_memory_map(u64 arg)
{
	struct domain *d = current->domain;
	struct memory_map *copy;
	struct xen_memory_map m;
	s64 ret = -ENOSYS;
	u32 n = 0;

	if (copy_from_guest(&m, arg, sizeof(m)))
		return -EFAULT;
	/* The copy to the guest may fault and takes its time: not under a lock. */
	copy = zalloc(ALLOC_MISC, sizeof(*copy) + MEMORY_MAP_MAX * sizeof(copy->range[0]));
	if (!copy)
		return -ENOMEM;
	spin_lock(&d->lock);
	if (d->memory_map) {
		n = min(d->memory_map->n, m.nr_entries);
		memcpy(copy->range, d->memory_map->range, n * sizeof(copy->range[0]));
		ret = 0;
	}
	spin_unlock(&d->lock);
	if (!ret) {
		m.nr_entries = n;
		ret = copy_to_guest(m.buffer, copy->range, n * sizeof(copy->range[0]));
		if (!ret)
			ret = copy_to_guest(arg, &m, sizeof(m));
	}
	zfree(copy);
	return ret;
}

static s64 get_machine_memory_map(u64 arg)
{
	struct xen_memory_map m;
	u32 i;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&m, arg, sizeof(m)))
		return -EFAULT;
	if (m.buffer && m.nr_entries < machine_e820.n)
		return -EINVAL;
	for (i = 0; m.buffer && i < machine_e820.n; i++) {
		struct memory_range r = {
			machine_e820.e[i].start, machine_e820.e[i].size, machine_e820.e[i].type
		};

		if (put_guest_elem(r, m.buffer, i))
			return -EFAULT;
	}
	m.nr_entries = machine_e820.n;
	return copy_to_guest(arg, &m, sizeof(m));
}

/* The i-th 2 MiB of the M2P: it is mapped by large pages. */
static mfn_t m2p_extent_mfn(u64 i)
{
	vaddr_t va = M2P_RW_START + i * BIT(21);
	u64 *table = idle_root();

	for (unsigned level = 4; level > 2; level--)
		table = mfn_to_va(pte_mfn(table[pt_slot(va, level)]));
	return pte_mfn(table[pt_slot(va, 2)]);
}

/* XENMEM_machphys_mfn_list and, for the 4-byte M2P, XENMEM_machphys_compat_mfn_list. */
static s64 machphys_mfn_list(u64 arg, bool compat)
{
	struct xen_machphys_mfn_list l;
	u64 bytes = compat ? compat_m2p_entries() * sizeof(u32) : max_mfn * sizeof(u64);
	u64 extents = DIV_ROUND_UP(bytes, BIT(21));
	u32 i;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&l, arg, sizeof(l)))
		return -EFAULT;
	for (i = 0; i < l.max_extents && i < extents; i++) {
		mfn_t mfn = compat ? pte_mfn(compat_m2p_l2[i] & ~PTE_PAT) : m2p_extent_mfn(i);

		if (put_guest_word(mfn, l.extent_start, i))
			return -EFAULT;
	}
	l.nr_extents = i;
	return copy_to_guest(arg, &l, sizeof(l));
}

static s64 machphys_mapping(u64 arg)
{
	struct xen_machphys_mapping m = {
		.v_start = M2P_RO_START,
		.v_end = M2P_RO_START + ALIGN_UP(max_mfn * sizeof(u64), PAGE_SIZE),
		.max_mfn = max_mfn - 1,
	};

	if (current->domain->is_32bit) {
		m.v_start = COMPAT_VIRT_START;
		m.v_end = COMPAT_VIRT_START + COMPAT_M2P_ENTRIES * sizeof(u32);
		m.max_mfn = compat_m2p_entries() - 1;
	}
	return copy_to_guest(arg, &m, sizeof(m));
}

/*
 * XENMEM_acquire_resource: a PV caller gets the mfns of the frames and maps them as the domain's.
 */
static s64 acquire_resource(u64 done, u64 arg)
{
	struct xen_mem_acquire_resource r;
	struct domain *d;
	bool status;
	s64 ret;
	u32 max;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&r, arg, sizeof(r)))
		return -EFAULT;
	if (r.pad)
		return -EINVAL;
	if (r.type != XENMEM_resource_grant_table)
		return -EOPNOTSUPP;
	if (r.id != XENMEM_resource_grant_table_id_shared &&
	    r.id != XENMEM_resource_grant_table_id_status)
		return -EINVAL;
	status = r.id == XENMEM_resource_grant_table_id_status;
	d = domain_get(r.domid);
	if (!d)
		return -ESRCH;

	max = status ? 0 : d->grants->max_frames; /* version 1 has no status frames */
	if (!r.frame_list) {
		/* How large is it? */
		ret = -EINVAL;
		if (!r.nr_frames) {
			r.nr_frames = max;
			ret = copy_to_guest(arg, &r, sizeof(r));
		}
		goto out;
	}
	ret = -EINVAL;
	if (r.frame >= max || r.nr_frames > max - r.frame || done > r.nr_frames)
		goto out;
	ret = 0;
	for (u64 i = done; i < r.nr_frames; i++) {
		mfn_t mfn;

		if (i != done && preempt_wanted()) {
			ret = continue_at(XENMEM_acquire_resource, i, arg);
			break;
		}
		ret = grant_frame_mfn(d, (unsigned)(r.frame + i), status, &mfn);
		if (!ret)
			ret = put_guest_word(mfn, r.frame_list, i);
		if (ret)
			break;
	}
out:
	domain_put(d);
	return ret;
}

static s64 claim_pages(u64 arg)
{
	struct xen_memory_reservation r;
	struct domain *d;
	s64 ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&r, arg, sizeof(r)))
		return -EFAULT;
	if (r.extent_start || r.extent_order || r.mem_flags)
		return -EINVAL;
	d = domain_get(r.domid);
	if (!d)
		return -ESRCH;
	ret = heap_claim(d, r.nr_extents);
	domain_put(d);
	return ret;
}

static s64 reserved_device_memory_map(u64 arg)
{
	struct xen_reserved_device_memory_map m;

	if (copy_from_guest(&m, arg, sizeof(m)))
		return -EFAULT;
	if (m.flags & ~XENMEM_RDM_ALL)
		return -EINVAL;
	/* Without an IOMMU no device has any. */
	m.nr_entries = 0;
	return copy_to_guest(arg, &m, sizeof(m));
}

s64 do_memory_op(u64 cmd, u64 arg)
{
	u64 op = cmd & CMD_MASK, done = cmd >> EXTENT_SHIFT;

	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return change_reservation(op, done, arg);
	case XENMEM_acquire_resource:
		return acquire_resource(done, arg);
	}
	if (done)
		return -EINVAL;

	switch (op) {
	case XENMEM_exchange:
		return memory_exchange(arg);
	case XENMEM_maximum_ram_page:
		return (s64)max_mfn;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return reservation_info(op, arg);
	case XENMEM_memory_map:
		return get_memory_map(arg);
	case XENMEM_machine_memory_map:
		return get_machine_memory_map(arg);
	case XENMEM_set_memory_map:
		return set_memory_map(arg);
	case XENMEM_machphys_mfn_list:
		return machphys_mfn_list(arg, current->domain->is_32bit);
	case XENMEM_machphys_compat_mfn_list:
		return machphys_mfn_list(arg, true);
	case XENMEM_machphys_mapping:
		return machphys_mapping(arg);
	case XENMEM_add_to_physmap:
	case XENMEM_remove_from_physmap:
		/* A PV domain keeps its own pseudo-physical map; only dom0 may mean another's. */
		if (!current->domain->p2m &&
		    (!current->domain->privileged || current->domain->is_32bit))
			return refused("memory_op", op, -EACCES);
		return op == XENMEM_add_to_physmap ? physmap_add(arg) : physmap_remove(arg);
	case XENMEM_add_to_physmap_batch:
		return refused("memory_op", op, -EACCES);
	case XENMEM_claim_pages:
		return claim_pages(arg);
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return 0; /* no frame is ever merged with another domain's */
	case XENMEM_reserved_device_memory_map:
		return reserved_device_memory_map(arg);
	case XENMEM_get_vnumainfo:
		return refused("memory_op", op, -EOPNOTSUPP);
	default:
		return refused("memory_op", op, -ENOSYS);
	}
}
