// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/guest_access.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "cpu/layout.h"
#include "domain/refusal.h"
#include "memory/log_dirty.h"
#include "pv/descriptor_page.h"
#include "pv/mmu.h"
#include "pv/pagetype.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"

#define COUNT_CONTINUED 0x80000000U /* as in mmu.c */

/* TLB flushes that a batch asked for; done once, when the batch ends or stops. */
#define GATHER_PAGES 8
struct gather {
	cpumask_t full;
	unsigned n;
	struct {
		cpumask_t mask;
		vaddr_t va;
	} page[GATHER_PAGES];
};

static void gather_page(struct gather *g, cpumask_t mask, vaddr_t va)
{
	if (!is_canonical(va) || !mask)
		return;
	if (g->n == GATHER_PAGES) {
		g->full |= mask;
		return;
	}
	g->page[g->n].mask = mask;
	g->page[g->n++].va = va;
}

static void gather_flush(struct gather *g)
{
	if (g->full)
		tlb_flush(g->full, 0);
	for (unsigned i = 0; i < g->n; i++)
		if (g->page[i].mask & ~g->full)
			tlb_flush_va(g->page[i].mask & ~g->full, g->page[i].va, 0);
}

static void cache_flush_local(void *arg)
{
	(void)arg;
	wbinvd();
}

static struct frame *frame_arg(mfn_t mfn, struct domain *owner)
{
	if (!mfn_valid(mfn) || !frame_get(mfn_to_frame(mfn), owner))
		return NULL;
	return mfn_to_frame(mfn);
}

static int op_pin(struct domain *owner, mfn_t mfn, u64 type)
{
	struct frame *f = frame_arg(mfn, owner);
	int r;

	if (!f)
		return -EINVAL;
	if (type == FT_L4 && owner->is_32bit) {
		frame_put(f);
		return -EINVAL;
	}
	r = frame_pin(f, type);
	if (r)
		frame_put(f);
	return r;
}

static int op_unpin(struct domain *owner, mfn_t mfn)
{
	struct frame *f = frame_arg(mfn, owner);
	int r;

	if (!f)
		return -EINVAL;
	r = frame_unpin(f);
	frame_put(f);
	return r;
}

/* src INVALID_MFN: clear the page. */
static int op_copy(struct domain *owner, mfn_t dst, mfn_t src)
{
	struct frame *to, *from = NULL;
	int r;

	if (src != INVALID_MFN) {
		from = frame_arg(src, owner);
		if (!from)
			return -EINVAL;
	}
	to = frame_arg(dst, owner);
	r = to ? frame_get_type(to, FT_WRITABLE) : -EINVAL;
	if (!r) {
		if (from)
			memcpy(frame_to_va(to), frame_to_va(from), PAGE_SIZE);
		else
			memset(frame_to_va(to), 0, PAGE_SIZE);
		frame_dirtied(to);
		frame_put_type(to);
	}
	if (to)
		frame_put(to);
	if (from)
		frame_put(from);
	return r;
}

static int op_do(struct vcpu *v, struct domain *owner, const struct mmuext_op *op, struct gather *g)
{
	struct domain *d = v->domain;
	cpumask_t mask;

	/* What concerns the caller's own address space cannot be done to another domain. */
	if (op->cmd >= MMUEXT_NEW_BASEPTR && op->cmd != MMUEXT_CLEAR_PAGE &&
	    op->cmd != MMUEXT_COPY_PAGE && owner != d)
		return -EPERM;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return op_pin(owner, op->arg1.mfn, ft_of_level(op->cmd - MMUEXT_PIN_L1_TABLE + 1));
	case MMUEXT_UNPIN_TABLE:
		return op_unpin(owner, op->arg1.mfn);
	case MMUEXT_NEW_BASEPTR:
		return pv_new_guest_cr3(v, op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR:
		/* A guest in ring 1 has one root for both. */
		if (d->is_32bit || d->ring1)
			return -EINVAL;
		return pv_new_user_cr3(v, op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_LOCAL:
		g->full |= CPU_MASK(cpu_id());
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		/* One instruction: no point in waiting for the end of the batch. */
		if (is_canonical(op->arg1.linear_addr))
			tlb_flush_va_local(op->arg1.linear_addr);
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		if (pv_vcpumask_cpus(d, op->arg2.vcpumask, &mask))
			return -EFAULT;
		if (op->cmd == MMUEXT_TLB_FLUSH_MULTI)
			g->full |= mask;
		else
			gather_page(g, mask, op->arg1.linear_addr);
		return 0;
	case MMUEXT_TLB_FLUSH_ALL:
		g->full |= d->dirty_cpus;
		return 0;
	case MMUEXT_INVLPG_ALL:
		gather_page(g, d->dirty_cpus, op->arg1.linear_addr);
		return 0;
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		/* Emptying the caches costs everybody; only a domain with devices has a reason. */
		if (!d->perms.iomem.first)
			return -EACCES;
		/*
		 * A device of its own is never in a cache, nor its RAM outside of one: it has no
		 * need of other CPUs, which would stand still for milliseconds at its call.
		 */
		if (op->cmd == MMUEXT_FLUSH_CACHE || !d->privileged)
			cache_flush_local(NULL);
		else
			on_cpus(cpus_online, cache_flush_local, NULL);
		return 0;
	case MMUEXT_SET_LDT:
		return pv_set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
	case MMUEXT_CLEAR_PAGE:
		return op_copy(owner, op->arg1.mfn, INVALID_MFN);
	case MMUEXT_COPY_PAGE:
		if (op->arg2.src_mfn == INVALID_MFN)
			return -EINVAL;
		return op_copy(owner, op->arg1.mfn, op->arg2.src_mfn);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return (int)refused("mmuext_op", op->cmd, -EOPNOTSUPP);
	default:
		return (int)refused("mmuext_op", op->cmd, -ENOSYS);
	}
}

/* Operation i of the caller's list. */
static int fetch_op(struct mmuext_op *op, u64 uops, u32 i)
{
	struct compat_mmuext_op c;

	if (likely(!current->domain->is_32bit))
		return get_guest_elem(*op, uops, i);
	if (get_guest_elem(c, uops, i))
		return -EFAULT;
	*op = (struct mmuext_op){ .cmd = c.cmd,
				  .arg1.mfn = c.arg1.mfn,
				  .arg2.src_mfn = c.arg2.src_mfn };
	return 0;
}

static u64 op_at(u64 uops, u32 i)
{
	return uops + (u64)i * (current->domain->is_32bit ? sizeof(struct compat_mmuext_op)
							     : sizeof(struct mmuext_op));
}

/*
 * One page to be forgotten on this CPU, the most frequent call of all: done without the machinery
 * of a batch. False: something else; it is read again.
 */
static bool invalidate_one(u64 uop)
{
	struct mmuext_op op;

	if (fetch_op(&op, uop, 0) || op.cmd != MMUEXT_INVLPG_LOCAL)
		return false;
	if (is_canonical(op.arg1.linear_addr))
		tlb_flush_va_local(op.arg1.linear_addr);
	return true;
}

static s64 batch(u64 uops, u64 count, u64 pdone, u64 foreigndom)
{
	struct vcpu *v = current;
	struct gather gather;
	struct domain *owner = v->domain;
	u32 n = (u32)count, done = 0, i;
	int r = 0;

	if (unlikely(v->pv.old_table) && pv_finish_old_table(v))
		return hypercall_continue(__HYPERVISOR_mmuext_op, 4, uops, count, pdone,
					  foreigndom);
	if (n & COUNT_CONTINUED) {
		n &= ~COUNT_CONTINUED;
		if (pdone && get_guest(done, pdone))
			return -EFAULT;
	}
	/* The caller's own domain stays without a reference. */
	if (unlikely((u32)foreigndom != DOMID_SELF)) {
		owner = pv_domain_lookup(foreigndom & 0xffff, &r);
		if (!owner)
			return r;
		/* None of its frames is ever a table. */
		if (owner->p2m) {
			domain_put(owner);
			return -EINVAL;
		}
	}
	gather.full = 0;
	gather.n = 0;

	for (i = 0; i < n; i++) {
		struct mmuext_op op;

		if (i && preempt_wanted()) {
			r = -ERESTART;
			break;
		}
		if (fetch_op(&op, uops, i)) {
			r = -EFAULT;
			break;
		}
		r = op_do(v, owner, &op, &gather);
		if (r)
			break;
		if (v->pv.old_table) {
			i++;
			r = -ERESTART;
			break;
		}
	}
	gather_flush(&gather);
	if (unlikely((u32)foreigndom != DOMID_SELF))
		domain_put(owner);

	done += i;
	if (pdone && put_guest(done, pdone) && !r)
		r = -EFAULT;
	if (r == -ERESTART)
		return hypercall_continue(__HYPERVISOR_mmuext_op, 4,
					  op_at(uops, i),
					  (u64)((n - i) | COUNT_CONTINUED), pdone, foreigndom);
	return r;
}

s64 do_mmuext_op(u64 uops, u64 count, u64 pdone, u64 foreigndom)
{
	if (count == 1 && !pdone && (u32)foreigndom == DOMID_SELF && !current->pv.old_table &&
	    invalidate_one(uops))
		return 0;
	return batch(uops, count, pdone, foreigndom);
}
