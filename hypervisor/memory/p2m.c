// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory/p2m.h"
#include "cpu/cpu.h"
#include "cpu/pte.h"
#include "lib/printk.h"
#include "lib/upcalls.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

#define LEVELS	    4
#define LARGE_ORDER 9
#define LARGE_PAGES BIT(LARGE_ORDER)
#define GFN_LIMIT   BIT(P2M_GFN_BITS)

/*
 * What an entry has besides an address and our type. AMD's are those of long mode; Intel's EPT
 * (SDM vol. 3C, 28.2.2) has read, write and execute where those have P, RW and US, and the large
 * page's bit is the same; bits 3 to 5 of a leaf are a memory type, 6 is write-back, whatever the
 * guest's PAT says (bit 6): the frames are cached elsewhere, too.
 */
#define ACCESS	    (PTE_P | PTE_RW | PTE_US)
#define EPT_TYPE_WB (6ULL << 3 | BIT(6))
static u64 table_flags = ACCESS | PTE_A;
static u64 page_flags = ACCESS | PTE_A | PTE_D;
static u64 readonly_flags = (ACCESS & ~PTE_RW) | PTE_A;

bool p2m_large = true;

void p2m_use_ept(bool ept, bool large)
{
	p2m_large = large;
	table_flags = ACCESS | (ept ? 0 : PTE_A);
	page_flags = ACCESS | (ept ? EPT_TYPE_WB : PTE_A | PTE_D);
	readonly_flags = (ACCESS & ~PTE_RW) | (ept ? EPT_TYPE_WB : PTE_A);
}

#define TYPE_SHIFT   9
#define ENTRY_TYPE(e) ((enum p2m_type)((e) >> TYPE_SHIFT & 7))

/*
 * How many pages of tables a domain may have: twice what its memory needs in pages of 4 KiB, if it
 * lies together, and some for what does not. A guest that scatters its memory ends here. What
 * counts is the highest limit that it had: a balloon that is told to shrink, after its limit was
 * lowered, needs tables to split large pages into.
 */
static u64 tables_max(struct domain *d)
{
	struct p2m *p = owner_of(d)->p2m;

	p->most_pages = max(p->most_pages, READ_ONCE(owner_of(d)->max_pages));
	return 64 + p->most_pages / (PT_ENTRIES / 2);
}

static unsigned slot_of(gfn_t gfn, unsigned level)
{
	return gfn >> (9 * (level - 1)) & (PT_ENTRIES - 1);
}

static bool is_leaf(u64 e, unsigned level)
{
	return level == 1 || (e & PTE_PS);
}

static u64 *table_below(u64 e)
{
	return mfn_to_va(pte_mfn(e));
}

int p2m_create(struct domain *d)
{
	struct p2m *p = zalloc(ALLOC_DOMAIN, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->root = page_alloc(ALLOC_PAGING);
	if (!p->root) {
		zfree(p);
		return -ENOMEM;
	}
	spin_lock_init(&p->lock);
	p->tables = 1;
	owner_of(d)->p2m = p;
	return 0;
}

static void free_tables(u64 *table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < PT_ENTRIES; i++)
		if ((table[i] & PTE_P) && !is_leaf(table[i], level))
			free_tables(table_below(table[i]), level - 1);
	page_free(ALLOC_PAGING, table);
}

void p2m_destroy(struct domain *d)
{
	struct p2m *p = owner_of(d)->p2m;

	if (!p)
		return;
	owner_of(d)->p2m = NULL;
	free_tables(p->root, LEVELS);
	zfree(p);
}

mfn_t p2m_root(const struct domain *d)
{
	return va_to_mfn(owner_of(d)->p2m->root);
}

/* ---- references ---- */

static void put_frames(mfn_t mfn, u64 n)
{
	for (u64 i = 0; i < n; i++)
		frame_put_and_type(mfn_to_frame(mfn + i));
}

/* Those of an entry of this type. */
static void put_mapped(mfn_t mfn, u64 n, enum p2m_type type)
{
	if (type == P2M_GRANT_RO)
		frame_put(mfn_to_frame(mfn));
	else
		put_frames(mfn, n);
}

static int get_frames(struct domain *d, mfn_t mfn, u64 n)
{
	for (u64 i = 0; i < n; i++) {
		if (!mfn_valid(mfn + i) ||
		    frame_get_and_type(mfn_to_frame(mfn + i), d, FT_WRITABLE)) {
			put_frames(mfn, i);
			return -EINVAL;
		}
	}
	return 0;
}

/* Of a frame that the caller holds. */
static int get_granted(struct domain *d, mfn_t mfn, bool write)
{
	struct frame *f = mfn_to_frame(mfn);
	int r = 0;

	if (!frame_get_more(f) && !frame_get_any(f))
		return -EINVAL;
	while (write && (r = frame_get_type(f, FT_WRITABLE)) == -ERESTART)
		;
	if (r)
		frame_put(f);
	else if (!frame_owned_by(f, d))
		frame_foreign(f, d, write);
	return r;
}

/* ---- looking up ---- */

/* The leaf entry that is responsible for `gfn`, 0 for none, and its level. */
static u64 find(const struct p2m *p, gfn_t gfn, unsigned *level)
{
	const u64 *table = p->root;

	if (gfn >= GFN_LIMIT)
		return 0;
	for (*level = LEVELS;; (*level)--) {
		u64 e = READ_ONCE(table[slot_of(gfn, *level)]);

		if (!(e & PTE_P))
			return 0;
		if (is_leaf(e, *level))
			return e;
		table = table_below(e);
	}
}

/* The frame of `gfn` in a leaf entry of this level. */
static mfn_t leaf_mfn(u64 e, unsigned level, gfn_t gfn)
{
	return pte_mfn(e) + (level == 2 ? gfn % LARGE_PAGES : 0);
}

mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type)
{
	unsigned level;
	u64 e = find(owner_of(d)->p2m, gfn, &level);

	if (type)
		*type = e ? ENTRY_TYPE(e) : P2M_NONE;
	return e ? leaf_mfn(e, level, gfn) : INVALID_MFN;
}

struct frame *p2m_get_frame(struct domain *d, gfn_t gfn)
{
	mfn_t mfn = p2m_lookup(d, gfn, NULL);

	if (mfn == INVALID_MFN || !frame_get(mfn_to_frame(mfn), d))
		return NULL;
	/* It may have left the map since: then what was found is not there any more. */
	if (p2m_lookup(d, gfn, NULL) == mfn)
		return mfn_to_frame(mfn);
	frame_put(mfn_to_frame(mfn));
	return NULL;
}

/* ---- changing; the lock is held ---- */

static u64 *new_table(struct domain *d)
{
	struct p2m *p = owner_of(d)->p2m;
	u64 *table;

	if (p->tables >= tables_max(d))
		return NULL;
	table = page_alloc(ALLOC_PAGING);
	if (table)
		p->tables++;
	return table;
}

/*
 * The place of `gfn` in a table of `level`, made if need be; a large page on the way is split.
 * NULL: no memory. *exists: there is a page of more than that size, if it is not to be split.
 */
static u64 *place(struct domain *d, gfn_t gfn, unsigned level, bool split, bool *exists)
{
	u64 *table = owner_of(d)->p2m->root;

	*exists = false;
	for (unsigned l = LEVELS; l > level; l--) {
		u64 *at = &table[slot_of(gfn, l)], e = *at;

		if (!(e & PTE_P) || is_leaf(e, l)) {
			u64 *fresh;

			if ((e & PTE_P) && !split) {
				*exists = true;
				return NULL;
			}
			fresh = new_table(d);
			if (!fresh)
				return NULL;
			for (u64 i = 0; (e & PTE_P) && i < PT_ENTRIES; i++)
				fresh[i] = (e & ~PTE_PS) + (i << PAGE_SHIFT);
			/* The table is whole when a CPU or a look-up finds it. */
			smp_wmb();
			WRITE_ONCE(*at, pte_make(va_to_mfn(fresh), table_flags));
			e = *at;
		}
		table = table_below(e);
	}
	return &table[slot_of(gfn, level)];
}

static bool by_grant(enum p2m_type type)
{
	return type == P2M_GRANT || type == P2M_GRANT_RO;
}

static u64 leaf_flags(enum p2m_type type, bool large)
{
	if (type == P2M_GRANT_RO)
		return readonly_flags;
	return page_flags | (large ? PTE_PS : 0);
}

/* Where nothing is; the entry's references are there. As p2m_add(). */
static int enter(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order, enum p2m_type type)
{
	struct p2m *p = owner_of(d)->p2m;
	u64 n = BIT(order), *at;
	bool exists;
	int r = 0;

	spin_lock(&p->lock);
	at = place(d, gfn, order ? 2 : 1, false, &exists);
	/* What is being emptied would not be looked at again. */
	if (owner_of(d)->dying)
		r = -ESRCH;
	else if (!at)
		r = exists ? -EEXIST : -ENOMEM;
	else if (*at & PTE_P)
		r = -EEXIST;
	if (!r) {
		WRITE_ONCE(*at, pte_make(mfn, leaf_flags(type, order) | (u64)type << TYPE_SHIFT));
		p->entries[type] += n;
		p->highest = max(p->highest, gfn + n - 1);
	}
	spin_unlock(&p->lock);
	return r;
}

int p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order, enum p2m_type type)
{
	u64 n = BIT(order);
	int r;

	if ((order && order != LARGE_ORDER) || gfn >= GFN_LIMIT || ((gfn | mfn) & (n - 1)))
		return -EINVAL;
	/* Not under the lock: a frame's first writable reference may flush CPUs. */
	r = get_frames(d, mfn, n);
	if (r)
		return r;
	r = enter(d, gfn, mfn, order, type);
	if (r)
		put_frames(mfn, n);
	return r;
}

int p2m_add_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool write)
{
	enum p2m_type type = write ? P2M_GRANT : P2M_GRANT_RO;
	int r;

	if (gfn >= GFN_LIMIT)
		return -EINVAL;
	r = get_granted(d, mfn, write);
	if (r)
		return r;
	r = enter(d, gfn, mfn, 0, type);
	if (r)
		put_mapped(mfn, 1, type);
	return r;
}

int p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn)
{
	struct p2m *p = owner_of(d)->p2m;
	unsigned level;
	bool exists;
	int r = 0;
	u64 e, *at;

	spin_lock(&p->lock);
	e = find(p, gfn, &level);
	if (!e || leaf_mfn(e, level, gfn) != mfn) {
		r = -ENOENT;
	} else if (by_grant(ENTRY_TYPE(e))) {
		r = -EINVAL;
	} else {
		at = place(d, gfn, 1, true, &exists);
		if (at) {
			WRITE_ONCE(*at, 0);
			p->entries[ENTRY_TYPE(e)]--;
		} else {
			r = -ENOMEM;
		}
	}
	spin_unlock(&p->lock);
	if (!r)
		put_frames(mfn, 1);
	return r;
}

int p2m_remove_grant(struct domain *d, gfn_t gfn, mfn_t mfn, bool write)
{
	enum p2m_type type = write ? P2M_GRANT : P2M_GRANT_RO;
	struct p2m *p = owner_of(d)->p2m;
	unsigned level;
	bool exists;
	u64 e;
	int r = -EINVAL;

	spin_lock(&p->lock);
	e = find(p, gfn, &level);
	if (e && ENTRY_TYPE(e) == type && pte_mfn(e) == mfn) {
		/* A page of its own: no table is needed. */
		WRITE_ONCE(*place(d, gfn, 1, false, &exists), 0);
		p->entries[type]--;
		r = 0;
	}
	spin_unlock(&p->lock);
	if (!r)
		put_mapped(mfn, 1, type);
	return r;
}

/* The first leaf entry from `*gfn` on, and where it is; NULL: there is none. */
static u64 *next_leaf(const struct p2m *p, gfn_t *gfn, unsigned *level)
{
	while (*gfn < GFN_LIMIT) {
		u64 *table = p->root;

		for (*level = LEVELS;; (*level)--) {
			u64 *at = &table[slot_of(*gfn, *level)], size = BIT(9 * (*level - 1));

			if (!(*at & PTE_P)) {
				*gfn = (*gfn & ~(size - 1)) + size;
				break;
			}
			if (is_leaf(*at, *level))
				return at;
			table = table_below(*at);
		}
	}
	return NULL;
}

int p2m_relinquish(struct domain *d)
{
	struct p2m *p = owner_of(d)->p2m;
	unsigned level;
	u64 *at, e;

	if (!p)
		return 0;
	ASSERT(owner_of(d)->dying);
	for (;;) {
		u64 n;

		spin_lock(&p->lock);
		at = next_leaf(p, &p->cursor, &level);
		if (!at) {
			spin_unlock(&p->lock);
			return 0;
		}
		e = *at;
		n = level == 2 ? LARGE_PAGES : 1;
		WRITE_ONCE(*at, 0);
		p->entries[ENTRY_TYPE(e)] -= n;
		spin_unlock(&p->lock);
		put_mapped(pte_mfn(e), n, ENTRY_TYPE(e));
		if (preempt_wanted())
			return -ERESTART;
	}
}

/* ---- the audit's ---- */

static u64 count_tables(const u64 *table, unsigned level)
{
	u64 n = 1;

	for (unsigned i = 0; level > 1 && i < PT_ENTRIES; i++)
		if ((table[i] & PTE_P) && !is_leaf(table[i], level))
			n += count_tables(table_below(table[i]), level - 1);
	return n;
}

bool p2m_for_each(const struct domain *d,
		  void (*fn)(gfn_t gfn, mfn_t mfn, enum p2m_type type, void *arg), void *arg)
{
	const struct p2m *p = owner_of(d)->p2m;
	u64 found[ARRAY_SIZE(p->entries)] = { 0 };
	unsigned level;
	gfn_t gfn = 0;
	const u64 *at;
	bool ok;

	for (; (at = next_leaf(p, &gfn, &level)); gfn += level == 2 ? LARGE_PAGES : 1) {
		u64 n = level == 2 ? LARGE_PAGES : 1;
		enum p2m_type type = ENTRY_TYPE(*at);

		if (level > 2 || type == P2M_NONE || type >= P2M_TYPES ||
		    (*at & ~(PTE_ADDR | PTE_AVAIL)) != leaf_flags(type, level == 2) ||
		    (pte_mfn(*at) & (n - 1)))
			return false;
		found[type] += n;
		for (u64 i = 0; i < n; i++)
			fn(gfn + i, pte_mfn(*at) + i, type, arg);
	}
	ok = count_tables(p->root, LEVELS) == p->tables;
	for (unsigned t = 0; t < ARRAY_SIZE(found); t++)
		ok &= found[t] == p->entries[t];
	return ok;
}
