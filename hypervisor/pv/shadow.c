// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/shadow.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "cpu/root_copies.h"
#include "cpu/tlb.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv/pagetype.h"
#include "pv/pv.h"

enum shadow_state {
	SHADOW_FREE, /* 0: so log_dirty_pool_free() leaves them */
	SHADOW_LIMBO, /* shadows nothing, but a CPU may remember the way to it */
	SHADOW_USED,
	SHADOW_FREE_ROOT,
};

/* A path of tables below a root. */
#define PATH 3

/* All are gone through with interrupts off when there are none left. */
#define PAGES_MAX 16384

static struct shadow *at(const struct log_dirty *ld, u32 index)
{
	return &ld->shadows[index - 1];
}

static u32 index_of(const struct log_dirty *ld, const struct shadow *s)
{
	return (u32)(s - ld->shadows) + 1;
}

/* ---- the pool; its lock is held unless a function says something else ---- */

/* Roots that can be in use at a time, and one that takes another's place. */
static u32 roots_needed(const struct domain *d)
{
	return 2 * d->max_vcpus + 1;
}

/*
 * For who has interrupts off: the areas that are written when a vCPU comes to run, the bitmap of
 * its I/O ports, the stack of `int 0x80`. To use them up it would have to come by there with tables
 * of others again and again, and no page fault of its own in between. Should it, the areas are
 * written later, the port is refused and `int 0x80` goes the long way.
 */
static u32 pages_reserved(const struct domain *d)
{
	return 4 * PATH * d->max_vcpus;
}

static u32 pages_min(const struct domain *d)
{
	return roots_needed(d) + pages_reserved(d) + 4 * PATH * d->max_vcpus;
}

u32 shadow_pages(const struct domain *d, u64 wanted)
{
	/* One L1 for each 2 MiB, three times as much for processes, and 1 MiB for each vCPU. */
	u64 n = wanted ? wanted : d->tot_pages / PT_ENTRIES * 4 + 256 * d->max_vcpus;

	return max((u32)min(n, (u64)PAGES_MAX), pages_min(d));
}

static void push(struct log_dirty *ld, u32 *list, struct shadow *s, enum shadow_state state)
{
	s->state = (u8)state;
	s->next = *list;
	*list = index_of(ld, s);
}

static struct shadow *pop(struct log_dirty *ld, u32 *list)
{
	struct shadow *s;

	if (!*list)
		return NULL;
	s = at(ld, *list);
	*list = s->next;
	return s;
}

/* As many buckets as shadows, rounded up to a power of two, were too much care. */
static u32 *bucket(const struct log_dirty *ld, mfn_t mfn)
{
	return &ld->buckets[mfn % ld->nr];
}

static struct shadow *lookup(const struct log_dirty *ld, mfn_t mfn)
{
	for (u32 i = *bucket(ld, mfn); i; i = at(ld, i)->next)
		if (at(ld, i)->of == mfn)
			return at(ld, i);
	return NULL;
}

static void unhash(struct log_dirty *ld, struct shadow *s)
{
	u32 *p = bucket(ld, s->of);

	while (*p != index_of(ld, s))
		p = &at(ld, *p)->next;
	*p = s->next;
}

static bool is_root(const struct domain *d, const struct shadow *s)
{
	return s->level == (d->is_32bit ? 3 : 4);
}

/*
 * A root's slots of the guest's. Ours never change: somebody may be on it, on his way to another
 * one.
 */
static void empty(const struct domain *d, struct shadow *s)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (d->is_32bit || i < HV_SLOT_FIRST || i > HV_SLOT_LAST)
			WRITE_ONCE(s->page[i], 0);
}

/* It shadows nothing any more; no bucket has it. */
static void give_up(const struct domain *d, struct log_dirty *ld, struct shadow *s)
{
	if (is_root(d, s)) {
		empty(d, s);
		push(ld, &ld->free_roots, s, SHADOW_FREE_ROOT);
	} else {
		push(ld, &ld->limbo, s, SHADOW_LIMBO);
		ld->limbo_count++;
	}
}

static void retire(const struct domain *d, struct log_dirty *ld, struct shadow *s)
{
	unhash(ld, s);
	give_up(d, ld, s);
}

/* A shadow of the table `mfn`, empty but for our slots. NULL: none left for that. */
static struct shadow *make(struct domain *d, struct log_dirty *ld, mfn_t mfn, unsigned level,
			   u32 keep)
{
	bool root = level == (d->is_32bit ? 3 : 4);
	struct shadow *s = root ? pop(ld, &ld->free_roots) : NULL;

	if (!s) {
		if (root && ld->roots >= roots_needed(d) + ld->pages / 8)
			return NULL;
		if (ld->free_count <= keep)
			return NULL;
		s = pop(ld, &ld->free);
		ld->free_count--;
		ld->roots += root;
	}
	if (!root)
		memset(s->page, 0, PAGE_SIZE);
	else
		empty(d, s);
	if (level == 4)
		root_fill(s->page);
	if ((atomic_read(&mfn_to_frame(mfn)->type) & FT_TYPE_MASK) == FT_L2_TOP)
		root_fill_compat(s->page);
	s->of = mfn;
	s->level = (u8)level;
	s->writable = false;
	push(ld, bucket(ld, mfn), s, SHADOW_USED);
	return s;
}

static bool root_in_use(const struct domain *d, mfn_t table)
{
	const struct vcpu *v;

	for_each_vcpu(d, v)
		if (v->pv.guest_table == table || v->pv.guest_table_user == table)
			return true;
	return false;
}

/*
 * No lock held, interrupts on: all that can be had back is free. Another CPU may be doing the same;
 * then it is done when that is.
 */
static void reclaim(struct domain *d)
{
	struct log_dirty *ld = d->log;
	u64 flags = spin_lock_irqsave(&ld->lock);
	struct shadow *s;
	u32 flushed, n;

	if (ld->reclaiming || !ld->active) {
		spin_unlock_irqrestore(&ld->lock, flags);
		cpu_relax();
		return;
	}
	ld->reclaiming = true;
	/* If many tables are gone anyway the others may stay. */
	if (ld->limbo_count < ld->pages / 4) {
		/* Buckets are made anew: a guest may have many tables in one to go through. */
		memset(ld->buckets, 0, ld->nr * sizeof(*ld->buckets));
		for (u32 i = 1; i <= ld->pages; i++) {
			s = at(ld, i);
			if (s->state != SHADOW_USED)
				continue;
			if (!is_root(d, s) || !root_in_use(d, s->of)) {
				give_up(d, ld, s);
				continue;
			}
			empty(d, s);
			push(ld, bucket(ld, s->of), s, SHADOW_USED);
		}
	}
	/* What comes into limbo from now on stays there. */
	flushed = ld->limbo;
	n = ld->limbo_count;
	ld->limbo = ld->limbo_count = 0;
	spin_unlock_irqrestore(&ld->lock, flags);
	/* Whoever comes to d now finds what was stored. */
	smp_mb();
	tlb_flush(d->dirty_cpus, TLB_GLOBAL | TLB_ROOT);
	flags = spin_lock_irqsave(&ld->lock);
	while ((s = pop(ld, &flushed)))
		push(ld, &ld->free, s, SHADOW_FREE);
	ld->free_count += n;
	ld->reclaiming = false;
	spin_unlock_irqrestore(&ld->lock, flags);
}

/* ---- roots ---- */

/* The shadow of a root of v's, or 0 if there is nothing left to make one of. */
static bool root_shadow(struct domain *d, struct log_dirty *ld, mfn_t table, mfn_t *cr3)
{
	struct shadow *s;

	if (table == INVALID_MFN) {
		*cr3 = INVALID_MFN;
		return true;
	}
	s = lookup(ld, table);
	if (!s)
		s = make(d, ld, table, d->is_32bit ? 3 : 4, pages_reserved(d));
	if (s)
		*cr3 = va_to_mfn(s->page);
	return s;
}

void shadow_roots(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct log_dirty *ld = d->log;

	for (;;) {
		u64 flags = spin_lock_irqsave(&ld->lock);
		bool done = root_shadow(d, ld, v->pv.guest_table, &v->pv.cr3_kernel) &&
			    root_shadow(d, ld, v->pv.guest_table_user, &v->pv.cr3_user);

		spin_unlock_irqrestore(&ld->lock, flags);
		if (done)
			return;
		reclaim(d);
	}
}

static void all_roots_changed(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v) {
		roots_changed(v);
		if (v->pv.root32)
			root_set_compat(v);
	}
}

void shadow_on(struct domain *d)
{
	d->log->active = true;
	d->log_dirty = true;
	atomic_or(&d->vm_assist, VM_ASSIST_SHADOWED);
	all_roots_changed(d);
	/*
	 * Somebody else may be storing to d's memory who has looked at log_dirty before: once his
	 * CPU has answered, what he stored is there for all to see.
	 */
	tlb_flush(cpus_online, TLB_GLOBAL | TLB_ROOT);
}

void shadow_off(struct domain *d)
{
	struct log_dirty *ld = d->log;
	u64 flags;

	atomic_and(&d->vm_assist, ~VM_ASSIST_SHADOWED);
	d->log_dirty = false;
	all_roots_changed(d);
	flags = spin_lock_irqsave(&ld->lock);
	ld->active = false;
	spin_unlock_irqrestore(&ld->lock, flags);
	tlb_flush(cpus_online, TLB_GLOBAL | TLB_ROOT);
}

/* ---- what changes beneath ---- */

void shadow_entry_changed(struct domain *d, struct frame *f, unsigned slot)
{
	struct log_dirty *ld = d->log;
	u64 flags = spin_lock_irqsave(&ld->lock);

	if (ld->active) {
		struct shadow *s = lookup(ld, frame_to_mfn(f));

		if (s)
			WRITE_ONCE(s->page[slot], 0);
	}
	spin_unlock_irqrestore(&ld->lock, flags);
	log_dirty_mark(d, frame_to_mfn(f));
}

void shadow_forget(struct domain *d, struct frame *f)
{
	struct log_dirty *ld = d->log;
	u64 flags = spin_lock_irqsave(&ld->lock);

	if (ld->active) {
		struct shadow *s = lookup(ld, frame_to_mfn(f));

		if (s)
			retire(d, ld, s);
	}
	spin_unlock_irqrestore(&ld->lock, flags);
	log_dirty_mark(d, frame_to_mfn(f));
}

/* Some 50 microseconds of clearing between two looks. */
#define PROTECT_BATCH 64

int shadow_protect(struct domain *d, u64 *progress)
{
	struct log_dirty *ld = d->log;

	while (*progress < ld->pages) {
		struct shadow *s = at(ld, (u32)++*progress);
		u64 flags = spin_lock_irqsave(&ld->lock);

		if (s->state == SHADOW_USED && s->level == 1 && s->writable) {
			for (unsigned i = 0; i < PT_ENTRIES; i++)
				s->page[i] &= ~PTE_RW;
			s->writable = false;
		}
		spin_unlock_irqrestore(&ld->lock, flags);
		if (*progress % PROTECT_BATCH == 0 && preempt_wanted())
			return -ERESTART;
	}
	smp_mb();
	tlb_flush(d->dirty_cpus, TLB_GLOBAL);
	return 0;
}

/* ---- faults ---- */

/* The guest's entries for an address, from the root down: [level - 1]. */
struct path {
	struct shadow *root;
	unsigned top, bottom; /* levels; 2 at the bottom: the M2P of a 32-bit guest */
	mfn_t table[4];
	u64 e[4];
};

static u64 *entry_at(const struct path *p, unsigned level, vaddr_t va)
{
	return (u64 *)mfn_to_va(p->table[level - 1]) + pt_slot(va, level);
}

/* The root that is loaded here; a change of mode may be half done. */
static mfn_t loaded_table(const struct vcpu *v)
{
	if (!v->domain->is_32bit && this_cpu()->cr3_mfn != v->pv.cr3_kernel)
		return v->pv.guest_table_user;
	return v->pv.guest_table;
}

/*
 * Follow the guest's own tables. False: not allowed, *ec says how; or a slot of ours, where there
 * is nothing for us to do.
 */
static bool walk(const struct vcpu *v, vaddr_t va, struct path *p, u32 *ec)
{
	bool is_32bit = v->domain->is_32bit;
	u64 all = ~0ULL, any = 0;

	*ec &= ~(u32)PF_PRESENT;
	p->top = is_32bit ? 3 : 4;
	p->bottom = 1;
	p->table[p->top - 1] = loaded_table(v);
	p->root = lookup(v->domain->log, p->table[p->top - 1]);
	if (!p->root)
		return false;
	for (unsigned level = p->top;; level--) {
		mfn_t table = p->table[level - 1];
		u64 e;

		if (slot_reserved(is_32bit, atomic_read(&mfn_to_frame(table)->type),
				  pt_slot(va, level))) {
			p->bottom = level;
			if (level != 2 || !(READ_ONCE(*entry_at(p, level, va)) & PTE_P))
				return false;
			/* Ours, to be read by the kernel; only the way to it may be missing. */
			*ec |= PF_PRESENT;
			return !(*ec & (PF_WRITE | PF_USER | PF_FETCH));
		}
		e = p->e[level - 1] = READ_ONCE(*entry_at(p, level, va));
		if (!(e & PTE_P))
			return false;
		all &= e;
		any |= e;
		if (level == 1)
			break;
		p->table[level - 2] = pte_mfn(e);
	}
	*ec |= PF_PRESENT;
	return !((*ec & PF_WRITE) && !(all & PTE_RW)) && !((*ec & PF_USER) && !(all & PTE_US)) &&
	       !((*ec & PF_FETCH) && (any & PTE_NX));
}

/*
 * A in all entries, D in the leaf if it is a store, as the CPU would. False: one is not what was
 * read any more.
 */
static bool set_ad(struct domain *d, struct path *p, vaddr_t va, bool write)
{
	for (unsigned level = p->top; level > (p->bottom == 1 ? 0 : p->bottom); level--) {
		u64 e = p->e[level - 1], want = e | PTE_A | (write && level == 1 ? PTE_D : 0);

		if (want == e)
			continue;
		if (!atomic_cmpxchg(entry_at(p, level, va), &e, want))
			return false;
		p->e[level - 1] = want;
		log_dirty_mark(d, p->table[level - 1]);
	}
	return true;
}

enum fill { FILL_DONE, FILL_AGAIN, FILL_DENIED, FILL_FULL };

/* The log's lock is held. */
static enum fill fill(struct vcpu *v, vaddr_t va, u32 *ec, u32 keep, bool *copies_stale)
{
	struct domain *d = v->domain;
	struct log_dirty *ld = d->log;
	bool write = *ec & PF_WRITE, watched;
	unsigned changed = 0;
	struct path p;
	struct shadow *s;
	u64 leaf;

	if (!walk(v, va, &p, ec))
		return FILL_DENIED;
	if (!set_ad(d, &p, va, write))
		return FILL_AGAIN;
	s = p.root;
	for (unsigned level = p.top; level > p.bottom; level--) {
		struct shadow *below = lookup(ld, p.table[level - 2]);
		u64 e;

		if (!below)
			below = make(d, ld, p.table[level - 2], level - 1, keep);
		if (!below)
			return FILL_FULL;
		e = (p.e[level - 1] & ~PTE_ADDR) | va_to_paddr(below->page);
		if (s->page[pt_slot(va, level)] != e) {
			WRITE_ONCE(s->page[pt_slot(va, level)], e);
			changed |= 1U << level;
		}
		s = below;
	}
	/* If all is there another vCPU was faster: nothing else can have been lacking. */
	if (p.bottom > 1)
		return FILL_DONE;
	leaf = p.e[0];
	watched = pte_mfn(leaf) < max_mfn && frame_owned_by(mfn_to_frame(pte_mfn(leaf)), d);
	if ((leaf & PTE_RW) && watched) {
		if (write)
			log_dirty_mark(d, pte_mfn(leaf));
		else if (!(leaf & PTE_D) || !log_dirty_marked(d, pte_mfn(leaf)))
			leaf &= ~PTE_RW;
		if (leaf & PTE_RW)
			s->writable = true;
	} else if (!(leaf & PTE_D)) {
		leaf &= ~PTE_RW;
	}
	if (s->page[pt_slot(va, 1)] != leaf) {
		WRITE_ONCE(s->page[pt_slot(va, 1)], leaf);
		changed |= 1U << 1;
	}
	/* Unmapped mode's copies of the root lack a new entry there, or another CPU's. */
	*copies_stale = !changed || (changed & 1U << 4);
	return FILL_DONE;
}

bool shadow_fault(vaddr_t va, u32 *error_code, bool may_wait)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	struct log_dirty *ld = d->log;
	enum fill r;
	bool copies_stale = false;

	if ((*error_code & PF_RSVD) || !guest_range_ok(va, 1) || (d->is_32bit && va >> 32))
		return false;
	do {
		u64 flags;

		if (may_wait && ld->free_count < pages_reserved(d) + PATH)
			reclaim(d);
		r = FILL_DENIED;
		flags = spin_lock_irqsave(&ld->lock);
		if (ld->active) {
			r = fill(v, va, error_code, may_wait ? pages_reserved(d) : 0,
				 &copies_stale);
			ld->faults += r == FILL_DONE;
		}
		spin_unlock_irqrestore(&ld->lock, flags);
	} while (r == FILL_AGAIN || (r == FILL_FULL && may_wait));
	if (r != FILL_DONE)
		return false;
	if (this_cpu()->unmapped && copies_stale)
		root_copies_forget();
	tlb_flush_va_local(va);
	return true;
}

/* ---- the audit ---- */

static u64 expected(const struct domain *d, const struct shadow *s, unsigned slot, bool *leaf)
{
	const u64 *table = mfn_to_va(s->of);
	u64 e = table[slot];
	const struct shadow *below;

	*leaf = s->level == 1;
	if (*leaf || !(e & PTE_P))
		return e;
	below = lookup(d->log, pte_mfn(e));
	return below && below->level == s->level - 1 ?
	       (e & ~PTE_ADDR) | va_to_paddr(below->page) : 0;
}

void shadow_check(struct domain *d, void (*wrong)(void *arg, mfn_t table, unsigned slot, u64 entry),
		  void *arg)
{
	struct log_dirty *ld = d->log;
	u64 flags;

	if (!ld || !ld->active)
		return;
	for (u32 i = 1; i <= ld->pages; i++) {
		const struct shadow *s = at(ld, i);
		u64 type;

		flags = spin_lock_irqsave(&ld->lock);
		type = s->state == SHADOW_USED ? atomic_read(&mfn_to_frame(s->of)->type) : 0;
		if (s->state == SHADOW_USED &&
		    (!ft_is_table(type) || ft_level(type) != s->level || !(type & FT_VALIDATED)))
			wrong(arg, s->of, 0, 0);
		for (unsigned k = 0; s->state == SHADOW_USED && k < PT_ENTRIES; k++) {
			u64 e = s->page[k], want;
			bool leaf;

			if (slot_reserved(d->is_32bit, type, k) || !(e & PTE_P))
				continue;
			want = expected(d, s, k, &leaf);
			/*
			 * All as in the guest's, but for the right to write, without which nothing
			 * is lost but a fault; with it the guest's D is set and the page marked.
			 */
			if (((e ^ want) & ~(PTE_RW | PTE_A | PTE_D)) || (e & ~want & PTE_RW) ||
			    !(want & PTE_A) ||
			    (leaf && (e & PTE_RW) &&
			     (!(want & PTE_D) || (pte_mfn(e) < max_mfn &&
			       frame_owned_by(mfn_to_frame(pte_mfn(e)), d) &&
			       (!s->writable || !(ld->step || log_dirty_marked(d, pte_mfn(e))))))))
				wrong(arg, s->of, k, e);
		}
		spin_unlock_irqrestore(&ld->lock, flags);
	}
}

bool shadow_is_root(const struct domain *d, mfn_t mfn)
{
	const struct log_dirty *ld = d->log;

	for (u32 i = 1; ld && i <= ld->pages; i++)
		if (at(ld, i)->state == SHADOW_USED && is_root(d, at(ld, i)) &&
		    va_to_mfn(at(ld, i)->page) == mfn)
			return true;
	return false;
}

static bool root_right(const struct domain *d, mfn_t table, mfn_t cr3)
{
	const struct shadow *s;

	if (table == INVALID_MFN || !d->log_dirty)
		return cr3 == table;
	s = lookup(d->log, table);
	return s && is_root(d, s) && va_to_mfn(s->page) == cr3;
}

bool shadow_roots_right(const struct vcpu *v)
{
	return root_right(v->domain, v->pv.guest_table, v->pv.cr3_kernel) &&
	       root_right(v->domain, v->pv.guest_table_user, v->pv.cr3_user);
}
