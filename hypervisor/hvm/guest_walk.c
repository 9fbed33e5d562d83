// SPDX-License-Identifier: GPL-2.0-or-later
/* Page tables as a guest has them: AMD APM vol. 2, 5.2 (32-bit and PAE) and 5.3 (long mode). */
#include "hvm/guest_walk.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "lib/string.h"
#include "memory/log_dirty.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"

/* A kind of tables. */
struct shape {
	unsigned levels;  /* from the root's down */
	unsigned bits;    /* of an address for each level but PAE's first */
	unsigned entry;   /* bytes */
	unsigned large;   /* the highest level whose entries may map by themselves */
	u64 root;         /* CR3's part that is an address */
};
static const struct shape shape_32 = { 2, 10, 4, 2, 0xfffff000 };
static const struct shape shape_pae = { 3, 9, 8, 2, 0xffffffe0 };
static const struct shape shape_long = { 4, 9, 8, 3, PTE_ADDR };

static const struct shape *shape_of(const struct guest_paging *p)
{
	if (p->efer & EFER_LMA)
		return &shape_long;
	return p->cr4 & CR4_PAE ? &shape_pae : &shape_32;
}

/* One entry of a table, read once. */
static bool read_entry(struct domain *d, u64 gpa, unsigned size, u64 *e)
{
	struct frame *f = p2m_get_frame(d, gpa >> PAGE_SHIFT);
	const void *at;

	if (!f)
		return false;
	at = (const char *)frame_to_va(f) + (gpa & ~PAGE_MASK);
	*e = size == 4 ? READ_ONCE(*(const u32 *)at) : READ_ONCE(*(const u64 *)at);
	frame_put(f);
	return true;
}

/* Where a large page of `size` bytes begins. */
static u64 large_base(const struct shape *s, u64 e, u64 size)
{
	/* PSE-36: bits 39 to 32 are the entry's 20 to 13. */
	if (s == &shape_32)
		return (e & 0xffc00000) | (e & 0x1fe000) << 19;
	return e & PTE_ADDR & ~(size - 1);
}

/* An address's way through the tables. */
struct path {
	struct {
		u64 at, e; /* guest-physical, and what was read there */
	} step[4];
	unsigned steps;
	/* Of all entries together; what maps is the last one. */
	bool writable, user, nx;
	u64 gpa;
};
enum way { WAY_FOUND, WAY_ABSENT, WAY_NO_TABLE };

static enum way find_path(struct domain *d, const struct guest_paging *p, const struct shape *s,
			  vaddr_t va, struct path *path)
{
	u64 table = p->cr3 & s->root;

	*path = (struct path){ .writable = true, .user = true };
	for (unsigned level = s->levels;; level--) {
		unsigned shift = PAGE_SHIFT + s->bits * (level - 1);
		u64 slot = va >> shift & (BIT(s->bits) - 1), at = table + slot * s->entry, e;

		if (!read_entry(d, at, s->entry, &e))
			return WAY_NO_TABLE;
		if (!(e & PTE_P))
			return WAY_ABSENT;
		/* A PAE root's entries have no such bits. */
		if (s != &shape_pae || level < 3) {
			path->step[path->steps].at = at;
			path->step[path->steps++].e = e;
			path->writable &= (e & PTE_RW) != 0;
			path->user &= (e & PTE_US) != 0;
			path->nx |= s != &shape_32 && (e & PTE_NX);
		}
		if (level == 1 || (level <= s->large && (e & PTE_PS) &&
				   (s != &shape_32 || (p->cr4 & CR4_PSE)))) {
			if (level == 1)
				path->gpa = (e & PTE_ADDR) | (va & ~PAGE_MASK);
			else
				path->gpa = large_base(s, e, BIT(shift)) | (va & (BIT(shift) - 1));
			return WAY_FOUND;
		}
		table = e & PTE_ADDR;
	}
}

int guest_walk(struct domain *d, const struct guest_paging *p, vaddr_t va, bool write, u64 *gpa)
{
	const struct shape *s = shape_of(p);
	struct path path;

	if (s == &shape_long ? !is_canonical(va) : va >> 32)
		return -EFAULT;
	if (!(p->cr0 & CR0_PG)) {
		*gpa = va;
		return 0;
	}
	if (find_path(d, p, s, va, &path) != WAY_FOUND ||
	    (write && !path.writable && (p->cr0 & CR0_WP)))
		return -EFAULT;
	*gpa = path.gpa;
	return 0;
}

/* SDM vol. 3A, 4.6.1. */
static bool rights_allow(const struct guest_paging *p, const struct path *path, unsigned how)
{
	bool user = how & GUEST_USER, write = how & GUEST_WRITE, fetch = how & GUEST_FETCH;

	if (user && !path->user)
		return false;
	if (fetch)
		return !(path->nx && (p->efer & EFER_NX)) &&
		       (user || !path->user || !(p->cr4 & CR4_SMEP));
	if (!user && path->user && (p->cr4 & CR4_SMAP) && !(how & GUEST_AC))
		return false;
	return !write || path->writable || (!user && !(p->cr0 & CR0_WP));
}

/* A in each entry on the way, D in the last one of a write. False: an entry is another by now. */
static bool set_accessed(struct domain *d, const struct shape *s, const struct path *path,
			 bool write)
{
	for (unsigned i = 0; i < path->steps; i++) {
		u64 bits = PTE_A | (write && i + 1 == path->steps ? PTE_D : 0);
		u64 at = path->step[i].at, e = path->step[i].e;
		struct frame *f;
		bool same;
		void *entry;

		if ((e & bits) == bits)
			continue;
		f = p2m_get_frame(d, at >> PAGE_SHIFT);
		if (!f)
			return false;
		entry = (char *)frame_to_va(f) + (at & ~PAGE_MASK);
		if (s->entry == 4) {
			u32 was = (u32)e;

			same = atomic_cmpxchg((u32 *)entry, &was, was | (u32)bits);
		} else {
			same = atomic_cmpxchg((u64 *)entry, &e, e | bits);
		}
		frame_dirtied(f);
		frame_put(f);
		if (!same)
			return false;
	}
	return true;
}

#define FAULT_PRESENT 1U
#define TRIES	      4

int guest_translate(struct domain *d, const struct guest_paging *p, vaddr_t va, unsigned how,
		    u64 *gpa, u32 *error)
{
	const struct shape *s = shape_of(p);
	bool fetch_told = (p->efer & EFER_NX) || (p->cr4 & CR4_SMEP);
	struct path path;

	if (!(p->cr0 & CR0_PG)) {
		*gpa = va;
		return 0;
	}
	*error = how & (GUEST_WRITE | GUEST_USER | (fetch_told ? GUEST_FETCH : 0));
	for (unsigned i = 0; i < TRIES; i++) {
		switch (find_path(d, p, s, va, &path)) {
		case WAY_NO_TABLE:
			return -EIO;
		case WAY_ABSENT:
			return -EFAULT;
		case WAY_FOUND:
			break;
		}
		if (!rights_allow(p, &path, how)) {
			*error |= FAULT_PRESENT;
			return -EFAULT;
		}
		if (set_accessed(d, s, &path, how & GUEST_WRITE)) {
			*gpa = path.gpa;
			return 0;
		}
	}
	return -EAGAIN;
}

int guest_walk_copy(struct domain *d, const struct guest_paging *p, vaddr_t va, void *buf,
		    size_t n, bool to_guest)
{
	char *b = buf;

	while (n) {
		size_t part = min(n, (size_t)(PAGE_SIZE - (va & ~PAGE_MASK)));
		struct frame *f;
		char *at;
		u64 gpa;

		if (guest_walk(d, p, va, to_guest, &gpa))
			return -EFAULT;
		f = p2m_get_frame(d, gpa >> PAGE_SHIFT);
		if (!f)
			return -EFAULT;
		at = (char *)frame_to_va(f) + (gpa & ~PAGE_MASK);
		if (to_guest)
			memcpy(at, b, part);
		else
			memcpy(b, at, part);
		if (to_guest)
			frame_dirtied(f);
		frame_put(f);
		va += part;
		b += part;
		n -= part;
	}
	return 0;
}
