// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/cpu.h"
#include "cpu/root_copies.h"
#include "domain/continuation.h"
#include "domain/guest_access.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "cpu/layout.h"
#include "memory/m2p.h"
#include "pv/descriptor_page.h"
#include "pv/mmu.h"
#include "pv/pagetype.h"
#include "cpu/pte.h"
#include "pv/pv.h"
#include "pv/root.h"
#include "pv/shadow.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"

/*
 * In a count argument: this call continues an interrupted one, *pdone counts on. Guests never set
 * it themselves.
 */
#define COUNT_CONTINUED 0x80000000U

/* ---- tables given up ---- */

static bool root_set(mfn_t mfn)
{
	return mfn && mfn != INVALID_MFN;
}

void pv_keep_old_table(struct vcpu *v, mfn_t mfn)
{
	ASSERT(!v->pv.old_table);
	v->pv.old_table = mfn;
}

int pv_finish_old_table(struct vcpu *v)
{
	struct frame *f;
	int r;

	if (likely(!v->pv.old_table))
		return 0;
	f = mfn_to_frame(v->pv.old_table);
	r = frame_put_type_preemptible(f);
	if (r)
		return r;
	v->pv.old_table = 0;
	frame_put(f);
	return 0;
}

/* Both references of a root; most are pinned and in use already. */
static int root_get(struct domain *d, mfn_t mfn, u64 type)
{
	struct frame *f;
	int r;

	if (!mfn_valid(mfn))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	if (!frame_get_usual(f, d) && !frame_get(f, d))
		return -EINVAL;
	if (likely(type_get_more(f, type)))
		return 0;
	r = frame_get_type(f, type);
	if (r)
		frame_put(f);
	return r;
}

static void root_drop(struct vcpu *v, mfn_t old)
{
	if (!root_set(old))
		return;
	if (likely(type_put_not_last(mfn_to_frame(old)))) {
		if (!frame_put_usual(mfn_to_frame(old)))
			frame_put(mfn_to_frame(old));
		return;
	}
	pv_keep_old_table(v, old);
	(void)pv_finish_old_table(v);
}

int pv_new_guest_cr3(struct vcpu *v, mfn_t mfn)
{
	mfn_t old = v->pv.guest_table;
	int r = unlikely(v->pv.old_table) ? pv_finish_old_table(v) : 0;

	if (r)
		return r;
	r = root_get(v->domain, mfn, root_type(v->domain->is_32bit));
	if (r)
		return r;
	v->pv.guest_table = mfn;
	roots_changed(v);
	if (v->pv.root32)
		root_set_compat(v);
	if (v == current)
		root_load(v);
	root_drop(v, old);
	return 0;
}

int pv_new_user_cr3(struct vcpu *v, mfn_t mfn)
{
	mfn_t old = v->pv.guest_table_user;
	int r = unlikely(v->pv.old_table) ? pv_finish_old_table(v) : 0;

	if (r)
		return r;
	if (mfn) {
		/* A guest in ring 1 has one root for kernel and user space. */
		if (v->domain->is_32bit || v->domain->ring1)
			return -EINVAL;
		r = root_get(v->domain, mfn, FT_L4);
		if (r)
			return r;
	}
	v->pv.guest_table_user = mfn ? mfn : INVALID_MFN;
	roots_changed(v);
	if (v == current && !v->pv.kernel_mode)
		root_load(v);
	else if (v == current)
		root_copies_forget(); /* the old root's frame may come back as another root */
	root_drop(v, old);
	return 0;
}

int pv_drop_guest_tables(struct vcpu *v)
{
	mfn_t *const roots[] = { &v->pv.guest_table, &v->pv.guest_table_user };

	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++) {
		mfn_t old;
		int r = unlikely(v->pv.old_table) ? pv_finish_old_table(v) : 0;

		if (r)
			return r;
		old = *roots[i];
		*roots[i] = INVALID_MFN;
		roots_changed(v);
		if (v->pv.root32)
			root_set_compat(v);
		root_drop(v, old);
	}
	return pv_finish_old_table(v);
}

int pv_relinquish_tables(struct domain *d)
{
	struct vcpu *v;
	int r;

	for_each_vcpu(d, v) {
		r = pv_drop_guest_tables(v);
		if (!r)
			r = pv_set_gdt(v, NULL, 0);
		if (!r)
			r = pv_set_ldt(v, 0, 0);
		if (r)
			return r;
	}
	return 0;
}

/* ---- looking up ---- */

/*
 * From a table to the one that its entry for `va` leads to, as machine addresses. Another vCPU may
 * be taking the tables apart: what is read is only a number until the L1 is locked.
 */
static inline bool descend(paddr_t *table, paddr_t limit, vaddr_t va, unsigned level)
{
	const struct frame *f;
	u64 e;

	/* mfn_to_frame(), for the beginning of a frame. */
	f = (const struct frame *)((const char *)FRAME_TABLE + (*table >> (PAGE_SHIFT - 5)));
	_Static_assert(sizeof(*f) == 1 << 5, "as the shift says");
	if (*table >= limit || (f->count & FC_BAD))
		return false;
	e = READ_ONCE(*(u64 *)((char *)paddr_to_va(*table) +
			       (va >> (9 * level) & (PAGE_SIZE - sizeof(u64)))));
	/* PTE_P, which is the lowest bit, and not PTE_PS */
	if ((e - 1) & (PTE_P | PTE_PS))
		return false;
	*table = e & PTE_ADDR;
	return true;
}

mfn_t pv_find_l1(const struct vcpu *v, vaddr_t va)
{
	/* INVALID_MFN's address is beyond the limit too. */
	paddr_t limit = max_mfn << PAGE_SHIFT, table = v->pv.guest_table << PAGE_SHIFT;

	if (likely(!v->domain->is_32bit)) {
		if (!guest_range_ok(va, 1) || !descend(&table, limit, va, 4))
			return INVALID_MFN;
	} else if (va >= COMPAT_VIRT_START) {
		return INVALID_MFN;
	}
	if (!descend(&table, limit, va, 3) || !descend(&table, limit, va, 2) ||
	    !mfn_valid(table >> PAGE_SHIFT))
		return INVALID_MFN;
	return table >> PAGE_SHIFT;
}

bool pv_walk(const struct vcpu *v, vaddr_t va, u64 *leaf)
{
	mfn_t l1 = pv_find_l1(v, va);

	if (l1 == INVALID_MFN)
		return false;
	*leaf = READ_ONCE(((u64 *)mfn_to_va(l1))[pt_slot(va, 1)]);
	return *leaf & PTE_P;
}

struct domain *pv_domain_lookup(unsigned domid, int *err)
{
	struct domain *d = NULL;

	if (domid == DOMID_SELF || domid == current->domain->id) {
		d = current->domain;
	} else if (domid == DOMID_IO) {
		d = dom_io;
	} else if (!current->domain->privileged) {
		*err = -EPERM;
		return NULL;
	} else if (domid == DOMID_XEN) {
		d = dom_hv;
	}
	if (d) {
		domain_hold(d);
		return d;
	}
	d = domid < DOMID_FIRST_RESERVED ? domain_get((domid_t)domid) : NULL;
	if (!d)
		*err = -ESRCH;
	return d;
}

int pv_vcpumask_cpus(struct domain *d, vaddr_t va, cpumask_t *out)
{
	u64 map = 0;
	struct vcpu *v;

	if (copy_from_guest(&map, va, DIV_ROUND_UP(min(d->max_vcpus, 64U), 8)))
		return -EFAULT;
	*out = 0;
	for_each_vcpu(d, v)
		if (map & BIT(v->id))
			*out |= CPU_MASK(v->cpu);
	*out &= d->dirty_cpus;
	return 0;
}

/*
 * The frame number in an entry that is to map memory of an HVM domain is that domain's. It may go
 * elsewhere right after: what comes next takes a reference of the frame, which must be `frames`'.
 */
static int entry_translate(const struct domain *frames, u64 *val)
{
	mfn_t mfn;

	if (!(*val & PTE_P))
		return 0;
	mfn = p2m_lookup(frames, pte_mfn(*val), NULL);
	if (mfn == INVALID_MFN)
		return -EINVAL;
	*val = pte_make(mfn, *val & ~PTE_ADDR);
	return 0;
}

/* ---- mmu_update ---- */

/* Write one entry of a table, or one word of memory that is none. */
static int entry_update(struct vcpu *v, struct domain *tables, struct domain *frames, u64 ptr,
			u64 val)
{
	bool keep_ad = (ptr & 3) == MMU_PT_UPDATE_PRESERVE_AD;
	unsigned slot = (ptr & ~PAGE_MASK) / 8;
	mfn_t mfn = ptr >> PAGE_SHIFT;
	struct frame *f, *stuck;
	u64 old = 0;
	int level, r;

	if ((ptr & 4) || !mfn_valid(mfn))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	/*
	 * Another domain's tables go the long way: this one reads whether there are shadows of them
	 * before it stores, which is good for nobody but who is paused while that changes.
	 */
	if (likely(tables == frames && tables == v->domain) &&
	    !leaf_update(f, tables, slot, val, keep_ad, NULL))
		return 0;
	if (!frame_get(f, tables))
		return -EINVAL;
	level = table_lock(f);
	if (level > 0) {
		r = table_write(f, (unsigned)level, slot, val, frames, keep_ad, NULL, &old, &stuck);
		table_unlock(f, stuck);
		if (old && entry_put((unsigned)level, old, true))
			pv_keep_old_table(v, pte_mfn(old));
	} else {
		r = level;
		if (r == -EINVAL) {
			r = frame_get_type(f, FT_WRITABLE);
			if (!r) {
				WRITE_ONCE(((u64 *)mfn_to_va(mfn))[slot], val);
				frame_dirtied(f);
				frame_put_type(f);
			}
		}
	}
	frame_put(f);
	return r;
}

static int m2p_update(struct domain *frames, u64 ptr, u64 val)
{
	mfn_t mfn = ptr >> PAGE_SHIFT;
	struct frame *f;

	if (!mfn_valid(mfn))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	if (!frame_get(f, frames))
		return -EINVAL;
	m2p_set(mfn, val);
	frame_put(f);
	return 0;
}

/*
 * The short way for a list of one, which is what a guest's page fault comes down to. False: nothing
 * has changed, go the long way.
 */
static inline bool one_update(struct vcpu *v, u64 ureq)
{
	struct mmu_update req;
	mfn_t mfn;

	if (unlikely(v->pv.old_table) || get_guest(req, ureq))
		return false;
	mfn = req.ptr >> PAGE_SHIFT;
	/* MMU_NORMAL_PT_UPDATE is 0. */
	return !(req.ptr & 7 & ~(u64)MMU_PT_UPDATE_PRESERVE_AD) && mfn < max_mfn &&
	       !leaf_update(mfn_to_frame(mfn), v->domain, (req.ptr & ~PAGE_MASK) / 8, req.val,
			    req.ptr & MMU_PT_UPDATE_PRESERVE_AD, NULL);
}

static s64 update_list(u64 ureqs, u64 count, u64 pdone, u64 foreigndom);

s64 do_mmu_update(u64 ureqs, u64 count, u64 pdone, u64 foreigndom)
{
	if ((u32)count == 1 && !pdone && (u32)foreigndom == DOMID_SELF &&
	    one_update(current, ureqs))
		return 0;
	return update_list(ureqs, count, pdone, foreigndom);
}

static s64 update_list(u64 ureqs, u64 count, u64 pdone, u64 foreigndom)
{
	struct vcpu *v = current;
	struct domain *tables, *frames;
	u32 n = (u32)count, done = 0, i;
	int r = 0;

	if (unlikely(v->pv.old_table) && pv_finish_old_table(v))
		return hypercall_continue(__HYPERVISOR_mmu_update, 4, ureqs, count, pdone,
					  foreigndom);
	if (n & COUNT_CONTINUED) {
		n &= ~COUNT_CONTINUED;
		if (pdone && get_guest(done, pdone))
			return -EFAULT;
	}

	/* The caller's own domain stays without a reference. */
	frames = tables = v->domain;
	if (unlikely((u32)foreigndom != DOMID_SELF)) {
		frames = pv_domain_lookup(foreigndom & 0xffff, &r);
		if (!frames)
			return r;
		if ((foreigndom >> 16) & 0xffff)
			tables = pv_domain_lookup(((foreigndom >> 16) & 0xffff) - 1, &r);
		else
			domain_hold(tables);
		if (!tables) {
			domain_put(frames);
			return r;
		}
		/* What is in its map is no table, and the rest is named by nobody. */
		if (tables->p2m) {
			domain_put(tables);
			domain_put(frames);
			return -EINVAL;
		}
	}

	for (i = 0; i < n; i++) {
		struct mmu_update req;

		if (i && preempt_wanted()) {
			r = -ERESTART;
			break;
		}
		if (get_guest(req, ureqs + (u64)i * sizeof(req))) {
			r = -EFAULT;
			break;
		}
		if (unlikely(frames->p2m) && ((req.ptr & 3) == MMU_NORMAL_PT_UPDATE ||
					      (req.ptr & 3) == MMU_PT_UPDATE_PRESERVE_AD))
			r = entry_translate(frames, &req.val);
		if (r)
			break;
		if ((req.ptr & 3) == MMU_MACHPHYS_UPDATE)
			r = m2p_update(frames, req.ptr, req.val);
		else
			r = entry_update(v, tables, frames, req.ptr, req.val);
		if (r)
			break;
		if (v->pv.old_table) {
			i++;
			r = -ERESTART;
			break;
		}
	}
	if (unlikely((u32)foreigndom != DOMID_SELF)) {
		domain_put(tables);
		domain_put(frames);
	}

	done += i;
	if (pdone && put_guest(done, pdone) && !r)
		r = -EFAULT;
	if (r == -ERESTART)
		return hypercall_continue(__HYPERVISOR_mmu_update, 4,
					  ureqs + (u64)i * sizeof(struct mmu_update),
					  (u64)((n - i) | COUNT_CONTINUED), pdone, foreigndom);
	return r;
}

/* ---- update_va_mapping ---- */

static int va_flush(struct domain *d, vaddr_t va, u64 flags)
{
	u64 target = flags & ~UVMF_FLUSHTYPE_MASK;
	cpumask_t mask;

	switch (flags & UVMF_FLUSHTYPE_MASK) {
	case UVMF_TLB_FLUSH:
	case UVMF_INVLPG:
		break;
	default:
		return 0;
	}
	if (target == UVMF_LOCAL)
		mask = CPU_MASK(cpu_id());
	else if (target == UVMF_ALL)
		mask = d->dirty_cpus;
	else if (pv_vcpumask_cpus(d, target, &mask))
		return -EFAULT;
	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH)
		tlb_flush(mask, 0);
	else
		tlb_flush_va(mask, va, 0);
	return 0;
}

static int va_update(struct vcpu *v, vaddr_t va, u64 val, u64 flags, struct domain *frames)
{
	struct domain *d = v->domain;
	mfn_t l1 = pv_find_l1(v, va);
	struct frame *f, *stuck = NULL;
	u64 old = 0;
	int r;

	if (l1 == INVALID_MFN)
		return -EINVAL;
	f = mfn_to_frame(l1);
	if (likely(frames == d) && !leaf_update(f, d, pt_slot(va, 1), val, false, NULL))
		return va_flush(d, va, flags);
	if (!frame_get(f, d))
		return -EINVAL;
	r = table_lock(f);
	if (r > 0) {
		if (r == 1)
			r = table_write(f, 1, pt_slot(va, 1), val, frames, false, NULL, &old,
					&stuck);
		else
			r = -EINVAL;
		table_unlock(f, stuck);
		(void)entry_put(1, old, false);
	}
	frame_put(f);
	return r ? r : va_flush(d, va, flags);
}

s64 do_update_va_mapping(u64 va, u64 val, u64 flags)
{
	int r = pv_finish_old_table(current);

	if (!r)
		r = va_update(current, va, val, flags, current->domain);
	if (r == -ERESTART)
		return hypercall_continue(__HYPERVISOR_update_va_mapping, 3, va, val, flags);
	return r;
}

s64 do_update_va_mapping_otherdomain(u64 va, u64 val, u64 flags, u64 domid)
{
	int r = pv_finish_old_table(current);

	if (!r) {
		struct domain *frames = pv_domain_lookup(domid & 0xffff, &r);

		if (!frames)
			return r;
		if (frames->p2m)
			r = entry_translate(frames, &val);
		if (!r)
			r = va_update(current, va, val, flags, frames);
		domain_put(frames);
	}
	if (r == -ERESTART)
		return hypercall_continue(__HYPERVISOR_update_va_mapping_otherdomain, 4, va, val,
					  flags, domid);
	return r;
}
