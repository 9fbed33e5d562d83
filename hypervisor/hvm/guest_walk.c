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

int guest_walk(struct domain *d, const struct guest_paging *p, vaddr_t va, bool write, u64 *gpa)
{
	const struct shape *s = shape_of(p);
	u64 table = p->cr3 & s->root;
	bool writable = true;

	if (s == &shape_long ? !is_canonical(va) : va >> 32)
		return -EFAULT;
	if (!(p->cr0 & CR0_PG)) {
		*gpa = va;
		return 0;
	}
	for (unsigned level = s->levels;; level--) {
		unsigned shift = PAGE_SHIFT + s->bits * (level - 1);
		u64 slot = va >> shift & (BIT(s->bits) - 1), e;

		if (!read_entry(d, table + slot * s->entry, s->entry, &e) || !(e & PTE_P))
			return -EFAULT;
		/* A PAE root's entries have no such bit. */
		if (s != &shape_pae || level < 3)
			writable &= (e & PTE_RW) != 0;
		if (level == 1 || (level <= s->large && (e & PTE_PS) &&
				   (s != &shape_32 || (p->cr4 & CR4_PSE)))) {
			if (write && !writable && (p->cr0 & CR0_WP))
				return -EFAULT;
			if (level == 1)
				*gpa = (e & PTE_ADDR) | (va & ~PAGE_MASK);
			else
				*gpa = large_base(s, e, BIT(shift)) | (va & (BIT(shift) - 1));
			return 0;
		}
		table = e & PTE_ADDR;
	}
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
