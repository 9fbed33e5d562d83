// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/cpu.h"
#include "domain/guest_access.h"
#include "domain/domain.h"
#include "machine/msi.h"
#include "memory/frame.h"
#include "pv/decode.h"
#include "pv/mmu.h"
#include "pv/pagetype.h"
#include "cpu/pte.h"
#include "pv/ptwr.h"
#include "pv/shadow.h"
#include "pv-abi/errno.h"

#define FLAG_RF BIT(16)
#define FLAG_DF BIT(10)

static bool decode(const u8 *code, unsigned n, bool is_32bit, struct insn *in)
{
	return unlikely(is_32bit) ? insn_decode32(code, n, in) : insn_decode(code, n, in);
}

/*
 * A kernel writes to page tables from a handful of places, over and over. What their bytes were
 * decoded to is kept: the bytes are read anew each time and must be the same. One table for each
 * CPU, nothing else writes to it.
 */
#define CACHED 16
static struct decoded {
	u64 code[2];
	struct insn insn; /* kind INSN_UNKNOWN: not in use */
} decoded[NR_CPUS][2][CACHED]; /* second index: 32-bit code */
_Static_assert(INSN_MAX_LENGTH <= sizeof(((struct decoded *)NULL)->code), "an instruction fits");

/*
 * The same at the end of a page: it may cross into one that is not there although it ends before.
 */
static const struct insn *fetch_across(const struct regs *r, unsigned here, bool is_32bit)
{
	static struct insn insns[NR_CPUS];
	struct insn *in = &insns[cpu_id()];
	u8 code[INSN_MAX_LENGTH];

	if (copy_from_guest(code, r->rip, here))
		return NULL;
	if (decode(code, here, is_32bit, in))
		return in;
	if (copy_from_guest(code + here, r->rip + here, sizeof(code) - here))
		return NULL;
	return decode(code, sizeof(code), is_32bit, in) ? in : NULL;
}

/*
 * The instruction at rip. NULL: none that concerns us, or unreadable. The next fetch() overwrites
 * it.
 */
static const struct insn *fetch(const struct regs *r)
{
	bool is_32bit = current->pv.root32;
	struct decoded *c = &decoded[cpu_id()][is_32bit][(r->rip ^ r->rip >> 4) % CACHED];
	u64 here = PAGE_SIZE - (r->rip & ~PAGE_MASK), code[2];

	if (unlikely(here < INSN_MAX_LENGTH))
		return fetch_across(r, (unsigned)here, is_32bit);
	code[1] = 0;
	if (copy_from_guest(code, r->rip, min(here, sizeof(code))))
		return NULL;
	if (likely(c->code[0] == code[0] && c->code[1] == code[1] && c->insn.kind != INSN_UNKNOWN))
		return &c->insn;
	c->code[0] = code[0];
	c->code[1] = code[1];
	return decode((const u8 *)code, INSN_MAX_LENGTH, is_32bit, &c->insn) ? &c->insn : NULL;
}

/* The linear address that the instruction writes, if that is known without segment bases. */
static bool target(const struct insn *in, struct regs *r, vaddr_t *ea)
{
	if (in->segment == SEG_FS || in->segment == SEG_GS || in->size > 8)
		return false;
	if (in->kind != INSN_STOS && in->kind != INSN_MOVS && (!in->has_modrm || in->is_reg))
		return false;
	if (likely(in->base < INSN_RIP && in->index == INSN_NO_REG && in->address_size == 8))
		*ea = *regs_gpr(r, in->base) + (u64)in->disp;
	else
		*ea = insn_address(in, r, 0, 0);
	/*
	 * A bit number in a register reaches beyond the operand; only one inside it is one of an
	 * entry.
	 */
	if ((in->kind == INSN_BTS || in->kind == INSN_BTR || in->kind == INSN_BTC) &&
	    !in->has_imm && regs_read(r, in->reg, in->size, false) >= 8U * in->size)
		return false;
	return true;
}

/* Step over the instruction, or over one round of a repeated one. */
static void advance(const struct insn *in, struct regs *r)
{
	u64 step = r->rflags & FLAG_DF ? -(u64)in->size : in->size;

	r->rflags &= ~FLAG_RF;
	if (in->kind == INSN_STOS || in->kind == INSN_MOVS) {
		r->rdi += step;
		if (in->kind == INSN_MOVS)
			r->rsi += step;
		if (in->rep != REP_NONE && --r->rcx)
			return;
	}
	r->rip += in->length;
}

static u64 part_mask(unsigned size)
{
	return size >= 8 ? ~0ULL : BIT(8 * size) - 1;
}

/*
 * Do the instruction on the entry at `offset` bytes into the L1 `f`: the short way, or, if that
 * says that the long one is needed, with the table locked. -EAGAIN: A or D changed meanwhile, do it
 * once more.
 */
static int modify_entry(struct domain *d, struct frame *f, bool locked, unsigned offset,
			const struct insn *in, struct regs *r, u64 src, u64 *old,
			struct frame **stuck)
{
	unsigned slot = offset / 8, shift = (offset & 7) * 8;
	u64 cur = READ_ONCE(((u64 *)frame_to_va(f))[slot]);
	u64 mask = part_mask(in->size) << shift, part = (cur & mask) >> shift;
	/* All that insn_modify() may change, should it have been for nothing. */
	u64 *reg = regs_gpr(r, in->byte_high ? in->reg & 3 : in->reg);
	u64 flags = r->rflags, rax = r->rax, rdx = r->rdx, other = *reg;
	int err = insn_modify(in, r, src, &part);

	if (err < 0)
		return -EINVAL;
	if (err) {
		u64 val = (cur & ~mask) | (part << shift & mask);

		err = locked ? table_write(f, 1, slot, val, d, false, &cur, old, stuck) :
			       leaf_update(f, d, slot, val, false, &cur);
	} else if (!locked) {
		/* What was read goes to the guest: only if it was a table's then. */
		err = 1;
	}
	if (unlikely(err)) {
		*reg = other;
		r->rflags = flags;
		r->rax = rax;
		r->rdx = rdx;
	}
	return err;
}

/*
 * The short way for what takes entries out and puts them in: XCHG and MOV of a whole entry. Whether
 * `f` is a table of d's at all is looked at by leaf_update(). False: nothing has changed.
 */
static bool write_entry(struct domain *d, struct regs *r, vaddr_t va, struct frame *f)
{
	const struct insn *in = fetch(r);
	unsigned slot = (va & ~PAGE_MASK) / 8;
	u64 cur, *reg;
	vaddr_t ea;

	if (!in || in->size != 8 || (in->kind != INSN_XCHG && in->kind != INSN_MOV_STORE) ||
	    (va & 7) || !target(in, r, &ea) || ea != va)
		return false;
	reg = regs_gpr(r, in->reg);
	cur = READ_ONCE(((u64 *)frame_to_va(f))[slot]);
	if (leaf_update(f, d, slot, *reg, false, &cur))
		return false;
	if (in->kind == INSN_XCHG)
		*reg = cur;
	r->rflags &= ~FLAG_RF;
	r->rip += in->length;
	return true;
}

static bool write_table(struct regs *r, vaddr_t va, struct frame *f)
{
	struct domain *d = current->domain;
	const struct insn *in = fetch(r);
	unsigned offset = va & ~PAGE_MASK;
	struct frame *stuck = NULL;
	u64 src = 0, old = 0;
	vaddr_t ea;
	int err;

	if (!in || !target(in, r, &ea) || ea != va || (offset & 7) + in->size > 8)
		return false;
	if (in->kind == INSN_MOVS && copy_from_guest(&src, r->rsi, in->size))
		return false;
	do
		err = modify_entry(d, f, false, offset, in, r, src, &old, &stuck);
	while (err == -EAGAIN);
	if (likely(!err)) {
		advance(in, r);
		return true;
	}
	if (err < 0)
		return false;
	err = table_lock(f);
	if (err == -ERESTART)
		/* Somebody else is at it and we have been asked to stop: the guest faults again */
		return true;
	if (err < 0)
		return false;
	do {
		err = err == 1 || err == -EAGAIN ?
		      modify_entry(d, f, true, offset, in, r, src, &old, &stuck) : -EINVAL;
	} while (err == -EAGAIN);
	table_unlock(f, stuck);
	(void)entry_put(1, old, false);
	if (err == -ERESTART)
		return true;
	if (err)
		return false;
	advance(in, r);
	return true;
}

/*
 * A device page that is read-only to everybody, such as an MSI-X table: the write is lost, as if it
 * had been done.
 */
static bool drop_write(struct regs *r, vaddr_t va)
{
	const struct insn *in = fetch(r);
	vaddr_t ea;
	u64 mem = 0;

	if (!in || !target(in, r, &ea) || ea != va)
		return false;
	if (in->kind != INSN_MOV_STORE && in->kind != INSN_MOV_STORE_IMM && in->kind != INSN_STOS &&
	    in->kind != INSN_MOVS &&
	    insn_modify(in, r, 0, &mem) < 0)
		return false;
	advance(in, r);
	return true;
}

bool ptwr_fault(struct regs *r, vaddr_t va, u32 error_code)
{
	struct domain *d = current->domain;
	struct frame *f;
	bool done;
	u64 leaf;

	if ((error_code & (PF_PRESENT | PF_WRITE | PF_RSVD | PF_FETCH)) != (PF_PRESENT | PF_WRITE))
		return false;
	if (unlikely(current->pv.root32))
		regs_truncate(r);
	if (!pv_walk(current, va, &leaf) || (leaf & PTE_RW))
		return false;
	if (!mfn_valid(pte_mfn(leaf))) {
		if (!range_set_contains(&mmio_ro_ranges, pte_mfn(leaf), pte_mfn(leaf)))
			return false;
		return drop_write(r, va);
	}
	f = mfn_to_frame(pte_mfn(leaf));
	if (write_entry(d, r, va, f))
		return true;
	if ((atomic_read(&f->type) & FT_TYPE_MASK) != FT_L1 || !frame_get(f, d))
		return false;
	done = write_table(r, va, f);
	frame_put(f);
	return done;
}
