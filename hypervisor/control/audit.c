// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>

#include "control/audit.h"
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "domain/domain.h"
#include "domain/pirq.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "memory/frame.h"
#include "memory/heap.h"
#include "memory/p2m.h"
#include "memory/paging.h"
#include "pv/descriptor.h"
#include "pv/pagetype.h"
#include "pv/shadow.h"

/* What the walk found to refer to a frame. */
struct tally {
	u32 general, type;
};
#define TALLY_GRANTED BIT(31) /* in .type: somebody has it mapped by a grant */
#define TALLIES (PAGE_SIZE / sizeof(struct tally))

/*
 * One page of tallies for TALLIES frames, made when something refers to one of them. Owned by the
 * running audit.
 */
static struct tally **pages;
static u64 violations;
static bool out_of_memory;

/* An audit at a time. */
static struct spinlock audit_lock = SPINLOCK_INIT;

__printf(1, 2) static void violation(const char *fmt, ...)
{
	char line[128];
	va_list ap;

	if (violations++ >= AUDIT_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	printk(LOG_ERR "audit: %s\n", line);
}

static struct tally *tally(mfn_t mfn)
{
	struct tally **p = &pages[mfn / TALLIES];

	if (!*p) {
		*p = page_alloc(ALLOC_MISC);
		if (!*p) {
			out_of_memory = true;
			return NULL;
		}
	}
	return *p + mfn % TALLIES;
}

static void expect(mfn_t mfn, unsigned general, unsigned type, const char *who, unsigned domain)
{
	struct tally *t;

	if (!mfn_valid(mfn)) {
		violation("%s of domain %u refers to frame %llx, which does not exist", who, domain,
			  (unsigned long long)mfn);
		return;
	}
	t = tally(mfn);
	if (t) {
		t->general += general;
		t->type += type;
	}
}

static bool granted(mfn_t mfn)
{
	return pages[mfn / TALLIES] && (pages[mfn / TALLIES][mfn % TALLIES].type & TALLY_GRANTED);
}

/* ---- references that are not in page tables ---- */

static void expect_grant(mfn_t mfn, bool writable, void *arg)
{
	const struct domain *d = arg;

	expect(mfn, 1, writable, "a grant mapping", d->id);
	if (mfn_valid(mfn) && tally(mfn))
		tally(mfn)->type |= TALLY_GRANTED;
}

static void expect_event(u64 mfn, void *arg)
{
	const struct domain *d = arg;

	expect(mfn, 1, 1, "a FIFO event frame", d->id);
}

static void expect_root(const struct domain *d, mfn_t mfn)
{
	if (mfn && mfn != INVALID_MFN)
		expect(mfn, 1, 1, "a vCPU's root", d->id);
}

static void expect_physmap(gfn_t gfn, mfn_t mfn, enum p2m_type type, void *arg)
{
	bool grant = type == P2M_GRANT || type == P2M_GRANT_RO, write = type != P2M_GRANT_RO;
	const struct domain *d = arg;
	const struct frame *f;

	expect(mfn, 1, write, "a physmap entry", d->id);
	if (!mfn_valid(mfn))
		return;
	f = mfn_to_frame(mfn);
	if (write && (f->type & FT_TYPE_MASK) != FT_WRITABLE)
		violation("physmap %llx of domain %u maps frame %llx, which is no RAM",
			  (unsigned long long)gfn, d->id, (unsigned long long)mfn);
	if (!grant && frame_owner(f) != d)
		violation("physmap %llx of domain %u maps frame %llx, which is not its own",
			  (unsigned long long)gfn, d->id, (unsigned long long)mfn);
	/* A dying domain gives up its grants first. */
	if (grant && !d->dying &&
	    (!granted(mfn) || (frame_owner(f) != d && !(f->count & FC_FOREIGN))))
		violation("physmap %llx of domain %u maps frame %llx without a grant",
			  (unsigned long long)gfn, d->id, (unsigned long long)mfn);
}

static void count_vcpu(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	expect_root(d, v->pv.guest_table);
	expect_root(d, v->pv.guest_table_user);
	expect_root(d, v->pv.old_table);
	for (unsigned i = 0; i < DIV_ROUND_UP(v->pv.gdt_entries, DESCRIPTORS_PER_PAGE); i++)
		expect(v->pv.gdt_frames[i], 1, 1, "a GDT", d->id);
	for (unsigned i = 0; i < DIV_ROUND_UP(v->pv.ldt_entries, DESCRIPTORS_PER_PAGE); i++)
		expect(v->pv.ldt_frames[i], 1, 1, "an LDT", d->id);
	if (v->info_frame)
		expect(frame_to_mfn(v->info_frame), 1, 1, "a vCPU info", d->id);
}

static void count_domain(struct domain *d)
{
	struct vcpu *v;
	u64 frames = 0;

	for_each_vcpu(d, v)
		count_vcpu(v);
	grant_for_each_mapping(d, expect_grant, d);
	event_for_each_frame(d, expect_event, d);
	if (d->p2m && !p2m_for_each(d, expect_physmap, d))
		violation("physmap of domain %u has wrong entries, or its books are wrong", d->id);
	if (d->irqs && d->irqs->eoi_frame)
		expect(frame_to_mfn(d->irqs->eoi_frame), 1, 1, "an EOI map", d->id);

	for (u32 m = d->frames_head; m != FRAME_LIST_END; m = mfn_to_frame(m)->next) {
		if (!mfn_valid(m) || frame_owner(mfn_to_frame(m)) != d) {
			violation("domain %u lists frame %x, which is not its own", d->id, m);
			break;
		}
		frames++;
	}
	if (frames != d->tot_pages)
		violation("domain %u has %llu frames and counts %llu", d->id,
			  (unsigned long long)frames, (unsigned long long)d->tot_pages);
}

/* ---- page tables ---- */

static void check_leaf(const struct domain *d, mfn_t table, unsigned slot, u64 e)
{
	mfn_t mfn = pte_mfn(e);
	const struct frame *f;

	if (!mfn_valid(mfn) || (dom_io && frame_owner(mfn_to_frame(mfn)) == dom_io)) {
		if (!range_set_contains((struct range_set *)&d->perms.iomem, mfn, mfn))
			violation("L1 %llx[%u] of domain %u maps device frame %llx without leave",
				  (unsigned long long)table, slot, d->id, (unsigned long long)mfn);
		else if (!d->privileged && pte_cacheable(e))
			violation("L1 %llx[%u] of domain %u caches device frame %llx",
				  (unsigned long long)table, slot, d->id, (unsigned long long)mfn);
		return;
	}
	if ((e & PTE_CACHE) && !d->privileged)
		violation("L1 %llx[%u] of domain %u sees frame %llx past the cache",
			  (unsigned long long)table, slot, d->id, (unsigned long long)mfn);
	f = mfn_to_frame(mfn);
	expect(mfn, 1, !!(e & PTE_RW), "an L1 entry", d->id);
	if (f->count & FC_HEAP)
		violation("L1 %llx[%u] of domain %u maps frame %llx of the heap",
			  (unsigned long long)table, slot, d->id, (unsigned long long)mfn);
	else if ((e & PTE_RW) && (f->type & FT_TYPE_MASK) != FT_WRITABLE)
		violation("L1 %llx[%u] of domain %u maps frame %llx writable, its type is %u",
			  (unsigned long long)table,
			  slot, d->id, (unsigned long long)mfn, (unsigned)(f->type >> 60 & 7));
	else if (frame_owner(f) == dom_hv && !d->privileged && !(f->count & FC_DOOMED))
		/* Abandoned ones are doomed; what is left is the M2Ps. */
		violation("L1 %llx[%u] of domain %u maps frame %llx of the M2P",
			  (unsigned long long)table, slot, d->id, (unsigned long long)mfn);
	else if (frame_owner(f) != d && !d->privileged && frame_owner(f) != dom_hv && !d->dying &&
		 (!(f->count & FC_FOREIGN) || !granted(mfn)))
		/* A dying domain gives up its grants before its tables. */
		violation("L1 %llx[%u] of domain %u maps foreign frame %llx without a grant",
			  (unsigned long long)table, slot, d->id, (unsigned long long)mfn);
}

/* What a reserved slot holds. */
static u64 our_entry(unsigned level, unsigned slot, const u64 *idle_l4)
{
	if (level == 4)
		return idle_l4[slot];
	if (level == 2 && slot < COMPAT_L2_FIRST + COMPAT_M2P_L2S)
		return compat_m2p_l2[slot - COMPAT_L2_FIRST];
	return 0;
}

static void check_table(const struct frame *f, unsigned level, unsigned entries, const u64 *idle_l4)
{
	const struct domain *d = frame_owner(f);
	const u64 *table = frame_to_va(f);
	mfn_t mfn = frame_to_mfn(f);

	for (unsigned i = 0; i < entries; i++) {
		u64 e = table[i];
		const struct frame *child;

		if (slot_reserved(d->is_32bit, f->type, i)) {
			/* The CPU may have set A in the one that is loaded. */
			if ((f->type & FT_VALIDATED) &&
			    ((e ^ our_entry(level, i, idle_l4)) & ~(PTE_A | PTE_D)))
				violation("L%u %llx of domain %u: slot %u is not ours", level,
					  (unsigned long long)mfn, d->id, i);
			continue;
		}
		if (!(e & PTE_P))
			continue;
		if (level == 1) {
			check_leaf(d, mfn, i, e);
			continue;
		}
		if (level == 4 && d->ring1 && i >= PT_ENTRIES / 2 && (e & PTE_US) &&
		    (f->type & FT_VALIDATED))
			violation("L4 %llx of domain %u: slot %u is for processes",
				  (unsigned long long)mfn, d->id, i);
		if (e & PTE_PS)
			violation("L%u %llx[%u] of domain %u maps a large page", level,
				  (unsigned long long)mfn, i, d->id);
		expect(pte_mfn(e), 1, 1, "a table", d->id);
		if (!mfn_valid(pte_mfn(e)))
			continue;
		child = mfn_to_frame(pte_mfn(e));
		/* Half undone may be the last that a half undone table holds, and no other. */
		if (frame_owner(child) != d ||
		    (child->type & FT_TYPE_MASK) != ft_below(d->is_32bit, level, i) ||
		    !(child->type & (FT_VALIDATED | FT_PARTIAL)) ||
		    ((child->type & FT_PARTIAL) && !((f->type & FT_PARTIAL) && i + 1 == entries)))
			violation("L%u %llx[%u] of domain %u: frame %llx is no table for it", level,
				  (unsigned long long)mfn, i, d->id,
					(unsigned long long)pte_mfn(e));
	}
}

static void check_frame_refs(mfn_t mfn, const u64 *idle_l4)
{
	const struct frame *f = mfn_to_frame(mfn);
	unsigned general = 0, type = 0, id = frame_owner(f) ? frame_owner(f)->id : 0;
	u64 t = f->type;

	if (f->count & FC_ALLOCATED)
		general++;
	if ((f->count & FC_SHARED) && !(f->count & FC_DOOMED)) {
		general++;
		type++;
	}
	if (t & FT_PINNED) {
		general++;
		type++;
	}
	if (t & FT_PARTIAL)
		general++;
	if (general || type)
		expect(mfn, general, type, "the frame table", id);
	if (t & FT_LOCKED)
		violation("frame %llx of domain %u is locked", (unsigned long long)mfn, id);
	if (!frame_owner(f)) {
		if (f->count & FC_COUNT_MASK)
			violation("frame %llx has references and no owner",
				  (unsigned long long)mfn);
		return;
	}
	if (!ft_is_table(t))
		return;
	if (frame_owner(f)->p2m && (t & FT_COUNT_MASK))
		violation("frame %llx of HVM domain %u is a table", (unsigned long long)mfn, id);
	if (t & FT_PARTIAL)
		check_table(f, ft_level(t), (unsigned)((t & FT_PARTIAL_MASK) >> FT_PARTIAL_SHIFT),
			    idle_l4);
	else if ((t & FT_VALIDATED) && (t & FT_COUNT_MASK))
		check_table(f, ft_level(t), PT_ENTRIES, idle_l4);
}

static void compare(mfn_t mfn)
{
	const struct frame *f = mfn_to_frame(mfn);
	const struct tally *page = pages[mfn / TALLIES];
	struct tally t = page ? page[mfn % TALLIES] : (struct tally){ 0 };
	u64 general = f->count & FC_COUNT_MASK;
	u64 type = f->count & FC_HEAP ? 0 : f->type & FT_COUNT_MASK;
	unsigned id = f->count & FC_HEAP || !frame_owner(f) ? 0 : frame_owner(f)->id;

	t.type &= ~(u32)TALLY_GRANTED;
	if (t.general != general)
		violation("frame %llx of domain %u: %llu references, %u found (type %u)",
			  (unsigned long long)mfn, id,
			  (unsigned long long)general, t.general, (unsigned)(f->type >> 60 & 7));
	if (t.type != type)
		violation("frame %llx of domain %u: %llu references of type %u, %u found",
			  (unsigned long long)mfn, id,
			  (unsigned long long)type, (unsigned)(f->type >> 60 & 7), t.type);
}

static bool guest_frame(mfn_t mfn)
{
	return mfn_valid(mfn) && !(mfn_to_frame(mfn)->count & FC_HEAP);
}

/* The L4 of ours that a 32-bit guest's vCPU runs on? */
static bool is_compat_root(mfn_t mfn)
{
	struct domain *d;
	bool found = false;
	struct vcpu *v;

	for (unsigned id = 0; !found && (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
		for_each_vcpu(d, v)
			found |= v->pv.root32 && mfn_to_va(mfn) == v->pv.root32;
	return found;
}

/* A shadow of a root of its domain's? */
static bool is_shadow_root(mfn_t mfn)
{
	struct domain *d;
	bool found = false;

	for (unsigned id = 0; !found && (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
		found = shadow_is_root(d, mfn);
	return found;
}

static void shadow_is_wrong(void *arg, mfn_t table, unsigned slot, u64 entry)
{
	const struct domain *d = arg;

	violation("shadow of table %llx[%u] of domain %u says %llx", (unsigned long long)table,
		  slot, d->id, (unsigned long long)entry);
}

/* Rule of the shadows: none allows more than the guest's own entry. */
static void check_shadows(void)
{
	struct domain *d;

	for (unsigned id = 0; (d = domain_get_next(id)); id = d->id + 1U, domain_put(d)) {
		struct vcpu *v;

		shadow_check(d, shadow_is_wrong, d);
		for_each_vcpu(d, v)
			if (!shadow_roots_right(v))
				violation("vCPU %u of domain %u has other roots than its own",
					  v->id, d->id);
	}
}

/* It has the guest's root in slot 0, our slots where they belong, and nothing else. */
static void check_compat_root(const struct vcpu *v, const u64 *idle_l4)
{
	mfn_t root = v->pv.cr3_kernel;

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		u64 e = v->pv.root32[i], want = 0;

		if (i >= HV_SLOT_FIRST && i <= HV_SLOT_LAST)
			want = idle_l4[i];
		else if (!i && root != INVALID_MFN)
			want = pte_make(root, PTE_P | PTE_RW | PTE_US);
		if ((e ^ want) & ~PTE_A)
			violation("L4 of vCPU %u of domain %u: slot %u is wrong", v->id,
				  v->domain->id, i);
	}
}

static void check_roots(const u64 *idle_l4)
{
	for (unsigned c = 0; c < nr_cpus; c++) {
		mfn_t mfn = cpus[c].cr3_mfn;
		const struct frame *f;

		if (!(cpus_online & CPU_MASK(c)) || mfn_to_va(mfn) == idle_l4 ||
		    is_compat_root(mfn) || is_shadow_root(mfn))
			continue;
		f = mfn_valid(mfn) ? mfn_to_frame(mfn) : NULL;
		if (!f || (f->type & FT_TYPE_MASK) != FT_L4 || !(f->type & FT_COUNT_MASK))
			violation("CPU %u runs on frame %llx, which is no live root", c,
				  (unsigned long long)mfn);
	}
}

static void check_compat_roots(const u64 *idle_l4)
{
	struct domain *d;
	struct vcpu *v;

	for (unsigned id = 0; (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
		for_each_vcpu(d, v)
			if (v->pv.root32)
				check_compat_root(v, idle_l4);
}

static bool is_ring1_guests(mfn_t mfn)
{
	const struct domain *d = mfn_valid(mfn) ? frame_owner(mfn_to_frame(mfn)) : NULL;

	return d && d->ring1;
}

/*
 * What a guest's root shows of a CPU's entry area while it runs: no page that ring 0 pushes on, and
 * of our own nothing but what entering takes; for a kernel in ring 1 read-only but for the stacks.
 */
static void check_entry_view(const struct cpu *c, unsigned which)
{
	const u64 *full = c->area_l1, *view = c->area_view[which];
	const u64 writable = which == VIEW_RING1 ? PTE_RW : 0;

	if (!view)
		return;
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		bool own = i >= EA_INFO && i < EA_STACK + EA_NR_STACKS;
		unsigned away = i + EA_GUEST_STACKS - EA_STACK;
		bool right = !view[i];

		if (own)
			right = pte_mfn(view[i]) != pte_mfn(full[i]) &&
				(i > EA_INFO || !(view[i] & PTE_RW)) &&
				(i < EA_STACK || pte_mfn(view[i]) == pte_mfn(full[away]));
		else if (i == EA_VCPU_INFO && which == VIEW_RING1 && view[i])
			right = is_ring1_guests(pte_mfn(view[i]));
		else if (i < EA_MAIN_STACK)
			right = !((view[i] ^ (full[i] & ~writable)) & ~(PTE_A | PTE_D));
		if (!right || (view[i] & PTE_US))
			violation("entry area of CPU %u: page %u of a guest's view is %llx", c->id,
				  i, (unsigned long long)view[i]);
	}
}

/* And its copies of roots: of our slots the M2P, the way in, and nothing else. */
static void check_root_copies(const struct cpu *c, const u64 *idle_l4)
{
	const unsigned m2p_slot = pt_slot(M2P_RO_START, 4);

	for (unsigned k = 0; k < ARRAY_SIZE(c->root_copies); k++) {
		const u64 *copy = c->root_copies[k].mfn ? mfn_to_va(c->root_copies[k].mfn) : NULL;
		bool ring1 = k == 2;

		for (unsigned i = HV_SLOT_FIRST; copy && i <= HV_SLOT_LAST; i++) {
			bool right = !copy[i];

			if (i == m2p_slot)
				right = !((copy[i] ^ idle_l4[i]) & ~(PTE_A | PTE_D | PTE_US)) &&
					!(copy[i] & PTE_US) == ring1;
			else if (i == pt_slot(ENTRY_VIRT_START, 4) ||
				 i == pt_slot(IMAGE_VIRT_START, 4))
				right = copy[i] != idle_l4[i] && !(copy[i] & PTE_US);
			if (!right)
				violation("copy %u of CPU %u: slot %u is %llx", k, c->id, i,
					  (unsigned long long)copy[i]);
		}
	}
}

u64 audit_check(const u64 *idle_l4)
{
	u64 n = DIV_ROUND_UP(max_mfn, TALLIES), checked = 0, frames = 0;
	unsigned domains = 0;

	violations = 0;
	out_of_memory = false;
	pages = zalloc(ALLOC_MISC, n * sizeof(*pages));
	if (!pages) {
		printk(LOG_WARN "audit: no memory for it\n");
		return AUDIT_UNABLE;
	}
	for (struct domain *d = domain_get_next(0); d;) {
		unsigned next = d->id + 1U;

		count_domain(d);
		domains++;
		domain_put(d);
		d = domain_get_next(next);
	}
	check_compat_roots(idle_l4);
	for (unsigned c = 0; c < nr_cpus; c++) {
		check_entry_view(&cpus[c], VIEW_RING3);
		check_entry_view(&cpus[c], VIEW_RING1);
		check_root_copies(&cpus[c], idle_l4);
	}
	for (mfn_t m = 0; m < max_mfn; m++) {
		if (guest_frame(m)) {
			check_frame_refs(m, idle_l4);
			frames++;
		}
	}
	for (mfn_t m = 0; m < max_mfn && !out_of_memory; m++) {
		if (mfn_valid(m)) {
			compare(m);
			checked++;
		}
	}
	check_roots(idle_l4);
	check_shadows();

	for (u64 i = 0; i < n; i++)
		if (pages[i])
			page_free(ALLOC_MISC, pages[i]);
	zfree(pages);
	pages = NULL;
	if (out_of_memory) {
		printk(LOG_WARN "audit: not enough memory for it\n");
		return AUDIT_UNABLE;
	}
	if (violations)
		printk(LOG_ERR "audit: %llu violations\n", (unsigned long long)violations);
	else
		printk(LOG_INFO "audit: clean (%u domains, %llu frames in use of %llu)\n", domains,
		       (unsigned long long)frames, (unsigned long long)checked);
	return violations;
}

/* All domains, paused and referenced; in steps of a page. */
struct stopped {
	struct stopped *next;
	unsigned n;
	struct domain *domain[128];
};

static void release_world(struct stopped *s)
{
	while (s) {
		struct stopped *next = s->next;

		for (unsigned i = 0; i < s->n; i++) {
			domain_unpause(s->domain[i]);
			domain_put(s->domain[i]);
		}
		zfree(s);
		s = next;
	}
}

static bool stop_world(struct stopped **list)
{
	struct domain *d;

	*list = NULL;
	for (d = domain_get_next(0); d; d = domain_get_next(d->id + 1U)) {
		if (!*list || (*list)->n == ARRAY_SIZE((*list)->domain)) {
			struct stopped *s = zalloc(ALLOC_MISC, sizeof(*s));

			if (!s) {
				domain_put(d);
				return false;
			}
			s->next = *list;
			*list = s;
		}
		domain_pause(d);
		(*list)->domain[(*list)->n++] = d;
	}
	return true;
}

u64 audit_run(void)
{
	struct stopped *stopped;
	u64 n = AUDIT_UNABLE;

	if (!spin_trylock(&audit_lock)) {
		printk(LOG_WARN "audit: one is running already\n");
		return AUDIT_UNABLE;
	}
	if (stop_world(&stopped))
		n = audit_check(idle_root());
	else
		printk(LOG_WARN "audit: no memory for it\n");
	release_world(stopped);
	spin_unlock(&audit_lock);
	return n;
}
