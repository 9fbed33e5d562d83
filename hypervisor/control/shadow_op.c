// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl shadow_op: the log of a domain's written pages, for who copies it while it runs. */
#include "control/control.h"
#include "cpu/cpu.h"
#include "cpu/pte.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/pirq.h"
#include "memory/log_dirty.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv/descriptor.h"
#include "pv/pagetype.h"
#include "pv/shadow.h"

#define MIB_PAGES (BIT(20) / PAGE_SIZE)
#define PAGES_LIMIT BIT(40) /* more than any bitmap has bits */

/* What an operation that takes long is at: log_dirty.step. */
enum step {
	STEP_NONE,
	STEP_COPY,    /* the bitmap to the caller, from word `at` on */
	STEP_SCAN,    /* others' tables, from frame `at` on */
	STEP_PROTECT, /* shadows, from `at` on */
};

static void step_set(struct log_dirty *ld, enum step step)
{
	ld->step = step;
	ld->at = 0;
}

/* The same operation is continued, or another one begins and finds what the last one left. */
static void resume(struct log_dirty *ld, const struct xen_domctl_shadow_op *p)
{
	if (ld->step && (ld->op != p->op || ld->buffer != p->dirty_bitmap)) {
		log_dirty_set_all(ld);
		step_set(ld, STEP_NONE);
	}
	ld->op = p->op;
	ld->buffer = p->dirty_bitmap;
}

/* ---- what may be written at any time, and not by the guest's own stores ---- */

static void mark_own(u64 mfn, void *arg)
{
	if (mfn_valid(mfn) && frame_owned_by(mfn_to_frame(mfn), arg))
		log_dirty_mark(arg, mfn);
}

static void mark_vcpu(struct domain *d, const struct vcpu *v)
{
	const struct frame *info = READ_ONCE(v->info_frame);

	if (info)
		mark_own(frame_to_mfn(info), d);
	for (unsigned i = 0; i < DIV_ROUND_UP(v->pv.gdt_entries, DESCRIPTORS_PER_PAGE); i++)
		mark_own(v->pv.gdt_frames[i], d);
	for (unsigned i = 0; i < DIV_ROUND_UP(v->pv.ldt_entries, DESCRIPTORS_PER_PAGE); i++)
		mark_own(v->pv.ldt_frames[i], d);
}

static void mark_in_use(struct domain *d)
{
	const struct vcpu *v;

	for_each_vcpu(d, v)
		mark_vcpu(d, v);
	event_for_each_frame(d, mark_own, d);
	grant_for_each_written(d, mark_own, d);
	if (d->irqs && d->irqs->eoi_frame)
		mark_own(frame_to_mfn(d->irqs->eoi_frame), d);
}

/* An L1 of another domain's, or what may become one: what it has writable of d's. */
static void mark_mapped_by(struct domain *d, const struct frame *f)
{
	const u64 *table = frame_to_va(f);

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		u64 e = READ_ONCE(table[i]);

		if ((e & PTE_P) && (e & PTE_RW))
			mark_own(pte_mfn(e), d);
	}
}

/*
 * All that somebody may write without telling us is marked again for the next round, as long as he
 * may. Who begins to is marked when he can: those who end it are found here once more, or had ended
 * before this round's copy is made. 0 or -ERESTART.
 */
static int scan(struct domain *d, struct log_dirty *ld)
{
	if (!ld->at)
		mark_in_use(d);
	while (ld->at < max_mfn) {
		const struct frame *f = mfn_to_frame(ld->at++);
		const struct domain *o = frame_owner(f);
		u64 t = READ_ONCE(f->type);

		if ((t & FT_TYPE_MASK) == FT_L1 && o && o != d && owner_of(o)->foreign_mapper &&
		    !(READ_ONCE(f->count) & (FC_HEAP | FC_BAD)) &&
		    (t & (FT_COUNT_MASK | FT_LOCKED | FT_PARTIAL))) {
			mark_mapped_by(d, f);
			if (preempt_wanted())
				return -ERESTART;
		}
		if (ld->at % 1024 == 0 && preempt_wanted())
			return -ERESTART;
	}
	return 0;
}

/* ---- the bitmap ---- */

#define COPY_WORDS 64

/*
 * The next piece of at most COPY_WORDS words: 0, or -EFAULT, and what was taken out of the bitmap
 * is lost.
 */
static int copy_piece(struct log_dirty *ld, const struct xen_domctl_shadow_op *p, u64 bits,
		      bool clear)
{
	u64 words[COPY_WORDS], from = ld->at;
	u64 n = min(DIV_ROUND_UP(bits, 64ULL) - from, (u64)COPY_WORDS);

	for (u64 i = 0; i < n; i++)
		words[i] = log_dirty_take(ld, from + i, clear);
	ld->at += n;
	if (!p->dirty_bitmap)
		return 0;
	if ((from + n) * 64 > bits) {
		if (clear)
			log_dirty_return(ld, from + n - 1, words[n - 1] & ~(BIT(bits % 64) - 1));
		words[n - 1] &= BIT(bits % 64) - 1;
	}
	return copy_to_guest(p->dirty_bitmap + from * 8, words,
			     min(DIV_ROUND_UP(bits, 8ULL) - from * 8, n * 8));
}

/* 0, -ERESTART, -EFAULT. Without a buffer all of it is looked at. */
static int copy_bitmap(struct log_dirty *ld, const struct xen_domctl_shadow_op *p, bool clear)
{
	u64 bits = p->dirty_bitmap ? p->pages : ld->bits;

	while (ld->at < DIV_ROUND_UP(bits, 64ULL)) {
		if (copy_piece(ld, p, bits, clear)) {
			/* Too much is better than too little. */
			if (clear)
				log_dirty_set_all(ld);
			return -EFAULT;
		}
		if (preempt_wanted())
			return -ERESTART;
	}
	return 0;
}

/* How the steps follow each other, and why: memory/log_dirty.h, the one rule. */
static s64 clean(struct domain *d, struct xen_domctl_shadow_op *p)
{
	struct log_dirty *ld = d->log;
	int r;

	if (ld->step == STEP_COPY) {
		r = copy_bitmap(ld, p, true);
		if (r)
			return r;
		ld->round_faults = ld->faults;
		ld->round_marks = ld->marks;
		ld->faults = ld->marks = 0;
		step_set(ld, STEP_SCAN);
	}
	if (ld->step == STEP_SCAN) {
		r = scan(d, ld);
		if (r)
			return r;
		step_set(ld, STEP_PROTECT);
	}
	return shadow_protect(d, &ld->at);
}

static s64 peek_or_clean(struct domain *d, struct xen_domctl_shadow_op *p)
{
	bool is_clean = p->op == XEN_DOMCTL_SHADOW_OP_CLEAN;
	struct log_dirty *ld = d->log;
	s64 r;

	if (!d->log_dirty || p->pages > PAGES_LIMIT ||
	    (p->mode & ~(u32)XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL))
		return -EINVAL;
	if (!ld->step)
		step_set(ld, STEP_COPY);
	r = is_clean ? clean(d, p) : copy_bitmap(ld, p, false);
	if (r == -ERESTART)
		return r;
	step_set(ld, STEP_NONE);
	p->stats.fault_count = (u32)min(is_clean ? ld->round_faults : ld->faults, (u64)~0U);
	p->stats.dirty_count = (u32)min(is_clean ? ld->round_marks : ld->marks, (u64)~0U);
	return r;
}

/* ---- on and off ---- */

/* How many pfns the domain may have; what it says itself is believed within reason. */
static u64 pfns_of(const struct domain *d)
{
	u64 max_pfn = d->is_32bit ?
		READ_ONCE(((struct compat_shared_info *)d->shared_info)->arch.max_pfn) :
		READ_ONCE(d->shared_info->arch.max_pfn);
	u64 tot = READ_ONCE(d->tot_pages);

	return max(tot, min(max_pfn, tot * 8 + BIT(20)));
}

static s64 enable(struct domain *d, const struct xen_domctl_shadow_op *p)
{
	struct log_dirty *ld;
	int r;

	/* Its roots' upper half is not its processes': shadows do not know that. */
	if (d->ring1)
		return -EOPNOTSUPP;
	/*
	 * A device writes past all tables, and domctl_access() gives none while the log is on. Who
	 * rules over others can be written by nobody.
	 */
	if (d->privileged || d->dying || d->perms.iomem.first || d->perms.ports.first ||
	    d->perms.irqs.first)
		return -EINVAL;
	if (d->log_dirty && d->log->step != STEP_SCAN)
		return -EINVAL;
	r = log_dirty_create(d);
	if (r)
		return r;
	ld = d->log;
	resume(ld, p);
	if (!d->log_dirty) {
		r = log_dirty_grow(ld, pfns_of(d));
		if (!r)
			r = log_dirty_pool_fill(ld, shadow_pages(d, ld->wanted));
		if (r == -ENOMEM)
			while (log_dirty_pool_free(ld))
				;
		if (r)
			return r;
		log_dirty_clear(ld);
		domain_pause(d);
		shadow_on(d);
		domain_unpause(d);
		step_set(ld, STEP_SCAN);
	}
	r = scan(d, ld);
	if (!r)
		step_set(ld, STEP_NONE);
	return r;
}

static s64 disable(struct domain *d)
{
	if (d->log_dirty) {
		domain_pause(d);
		shadow_off(d);
		domain_unpause(d);
	}
	return d->log ? log_dirty_pool_free(d->log) : 0;
}

static s64 set_allocation(struct domain *d, u32 mb)
{
	int r = log_dirty_create(d);

	if (r)
		return r;
	if (d->log_dirty)
		return shadow_pages(d, mb * MIB_PAGES) == d->log->nr ? 0 : -EBUSY;
	d->log->wanted = mb * MIB_PAGES;
	return log_dirty_pool_free(d->log);
}

s64 domctl_shadow_op(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	struct xen_domctl_shadow_op *p = &op->u.shadow_op;

	if (d == current->domain)
		return -EINVAL;
	*copyback = true;
	if (d->log)
		resume(d->log, p);
	switch (p->op) {
	case XEN_DOMCTL_SHADOW_OP_OFF:
		return disable(d);
	case XEN_DOMCTL_SHADOW_OP_ENABLE:
		if (p->mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
			return -EINVAL;
		/* fall through */
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		return enable(d, p);
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		return peek_or_clean(d, p);
	case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
		p->mb = (u32)DIV_ROUND_UP(d->log && d->log->nr ? d->log->nr :
					  shadow_pages(d, d->log ? d->log->wanted : 0), MIB_PAGES);
		return 0;
	case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
		return set_allocation(d, p->mb);
	default:
		return -EINVAL;
	}
}
