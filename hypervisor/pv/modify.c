// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arithmetic of the instructions that write to page tables, flags included: Intel SDM vol. 1,
 * 3.4.3.1.
 */
#include "pv/decode.h"
#include "pv/ptwr.h"

#define FLAG_CF BIT(0)
#define FLAG_PF BIT(2)
#define FLAG_AF BIT(4)
#define FLAG_ZF BIT(6)
#define FLAG_SF BIT(7)
#define FLAG_OF BIT(11)
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static u64 mask_of(unsigned size)
{
	return size >= 8 ? ~0ULL : BIT(8 * size) - 1;
}

/* SF, ZF and PF of a result. */
static u64 flags_result(u64 v, unsigned size)
{
	u64 f = 0;

	if (!v)
		f |= FLAG_ZF;
	if (v >> (8 * size - 1) & 1)
		f |= FLAG_SF;
	if (!(__builtin_popcountll(v & 0xff) & 1))
		f |= FLAG_PF;
	return f;
}

static u64 flags_add(u64 a, u64 b, u64 sum, unsigned size)
{
	u64 f = flags_result(sum, size);

	if (sum < a)
		f |= FLAG_CF;
	if (((a ^ sum) & (b ^ sum)) >> (8 * size - 1) & 1)
		f |= FLAG_OF;
	if ((a ^ b ^ sum) & 0x10)
		f |= FLAG_AF;
	return f;
}

static u64 flags_sub(u64 a, u64 b, u64 diff, unsigned size)
{
	u64 f = flags_result(diff, size);

	if (a < b)
		f |= FLAG_CF;
	if (((a ^ b) & (a ^ diff)) >> (8 * size - 1) & 1)
		f |= FLAG_OF;
	if ((a ^ b ^ diff) & 0x10)
		f |= FLAG_AF;
	return f;
}

static void flags_set(struct regs *r, u64 which, u64 f)
{
	r->rflags = (r->rflags & ~which) | (f & which);
}

static int modify_cmpxchg(const struct insn *in, struct regs *r, u64 *mem)
{
	u64 acc = r->rax & mask_of(in->size), old = *mem;

	flags_set(r, FLAGS_ARITH, flags_sub(acc, old, (acc - old) & mask_of(in->size), in->size));
	if (acc != old) {
		regs_write(r, 0, in->size, false, old);
		return 0;
	}
	*mem = regs_read(r, in->reg, in->size, in->byte_high);
	return 1;
}

static int modify_cmpxchg8b(struct regs *r, u64 *mem)
{
	u64 want = (r->rdx & 0xffffffff) << 32 | (r->rax & 0xffffffff);

	if (want != *mem) {
		regs_write(r, 0, 4, false, *mem & 0xffffffff);
		regs_write(r, 2, 4, false, *mem >> 32);
		flags_set(r, FLAG_ZF, 0);
		return 0;
	}
	*mem = (r->rcx & 0xffffffff) << 32 | (r->rbx & 0xffffffff);
	flags_set(r, FLAG_ZF, FLAG_ZF);
	return 1;
}

static int modify_bit(const struct insn *in, struct regs *r, u64 *mem)
{
	u64 n = in->has_imm ? in->imm : regs_read(r, in->reg, in->size, false), bit;

	n &= 8 * in->size - 1;
	bit = BIT(n);
	flags_set(r, FLAG_CF, *mem & bit ? FLAG_CF : 0);
	if (in->kind == INSN_BTS)
		*mem |= bit;
	else if (in->kind == INSN_BTR)
		*mem &= ~bit;
	else
		*mem ^= bit;
	return 1;
}

static int modify(const struct insn *in, struct regs *r, u64 src, u64 *mem)
{
	u64 mask = mask_of(in->size), old = *mem & mask, carry, v;
	u64 operand = in->has_imm ? in->imm & mask : regs_read(r, in->reg, in->size, in->byte_high);

	switch (in->kind) {
	case INSN_MOV_STORE:
	case INSN_MOV_STORE_IMM:
		*mem = operand;
		return 1;
	case INSN_STOS:
		*mem = r->rax & mask;
		return 1;
	case INSN_MOVS:
		*mem = src & mask;
		return 1;
	case INSN_AND:
	case INSN_OR:
	case INSN_XOR:
		v = in->kind == INSN_AND ? old & operand :
		    in->kind == INSN_OR ? old | operand : old ^ operand;
		flags_set(r, FLAGS_ARITH, flags_result(v, in->size));
		*mem = v;
		return 1;
	case INSN_ADD:
	case INSN_XADD:
		v = (old + operand) & mask;
		flags_set(r, FLAGS_ARITH, flags_add(old, operand, v, in->size));
		if (in->kind == INSN_XADD)
			regs_write(r, in->reg, in->size, in->byte_high, old);
		*mem = v;
		return 1;
	case INSN_SUB:
		v = (old - operand) & mask;
		flags_set(r, FLAGS_ARITH, flags_sub(old, operand, v, in->size));
		*mem = v;
		return 1;
	/* With a carry a sum, or a difference, of nothing more carries as well. */
	case INSN_ADC:
		carry = r->rflags & FLAG_CF;
		v = (old + operand + carry) & mask;
		flags_set(r, FLAGS_ARITH, flags_add(old, operand, v, in->size) |
					  (carry && v == old ? FLAG_CF : 0));
		*mem = v;
		return 1;
	case INSN_SBB:
		carry = r->rflags & FLAG_CF;
		v = (old - operand - carry) & mask;
		flags_set(r, FLAGS_ARITH, flags_sub(old, operand, v, in->size) |
					  (carry && old == operand ? FLAG_CF : 0));
		*mem = v;
		return 1;
	case INSN_INC:
		v = (old + 1) & mask;
		flags_set(r, FLAGS_ARITH & ~FLAG_CF, flags_add(old, 1, v, in->size));
		*mem = v;
		return 1;
	case INSN_DEC:
		v = (old - 1) & mask;
		flags_set(r, FLAGS_ARITH & ~FLAG_CF, flags_sub(old, 1, v, in->size));
		*mem = v;
		return 1;
	case INSN_NEG:
		v = -old & mask;
		flags_set(r, FLAGS_ARITH, flags_sub(0, old, v, in->size));
		*mem = v;
		return 1;
	case INSN_NOT:
		*mem = ~old & mask;
		return 1;
	case INSN_XCHG:
		regs_write(r, in->reg, in->size, in->byte_high, old);
		*mem = operand;
		return 1;
	case INSN_CMPXCHG:
		*mem = old;
		return modify_cmpxchg(in, r, mem);
	case INSN_CMPXCHG8B:
		return in->size == 8 ? modify_cmpxchg8b(r, mem) : -1;
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		if (in->size == 1)
			return -1;
		return modify_bit(in, r, mem);
	default:
		return -1;
	}
}

int insn_modify(const struct insn *in, struct regs *r, u64 src, u64 *mem)
{
	/* An entry taken out, by far the most frequent one. */
	if (likely(in->kind == INSN_XCHG && in->size == 8)) {
		u64 *reg = regs_gpr(r, in->reg), taken = *mem;

		*mem = *reg;
		*reg = taken;
		return 1;
	}
	return modify(in, r, src, mem);
}
