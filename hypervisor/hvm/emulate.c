// SPDX-License-Identifier: GPL-2.0-or-later
/* Intel SDM vol. 2; segments: vol. 3A, 5.2 to 5.5. Arithmetic is pv/modify.c's. */
#include "hvm/emulate.h"
#include "cpu/layout.h"
#include "pv/ptwr.h"

#define FAULT_SS 12
#define FAULT_GP 13
#define FAULT_AC 17

#define FLAG_ZF BIT(6)
#define FLAG_DF BIT(10)
#define FLAG_RF BIT(16)

/* Of a segment's attributes. */
#define AR_ACCESS BIT(1) /* data may be written, code may be read */
#define AR_DOWN	  BIT(2) /* of data: it is what lies beyond the limit */
#define AR_CODE	  BIT(3)
#define AR_P	  BIT(7)
#define AR_DB	  BIT(10)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static u64 mask_of(unsigned size)
{
	return size >= 8 ? ~0ULL : BIT(8 * size) - 1;
}

static u64 sign_extend(u64 v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return (u64)((s64)(v << shift) >> shift);
}

/* ---- where ---- */

static bool rights_allow(const struct hvm_segment *s, bool write)
{
	if (s->attributes & AR_CODE)
		return !write && (s->attributes & AR_ACCESS);
	return !write || (s->attributes & AR_ACCESS);
}

static bool limit_allows(const struct hvm_segment *s, u64 offset, unsigned size)
{
	u64 last = offset + size - 1;

	if ((s->attributes & (AR_CODE | AR_DOWN)) == AR_DOWN)
		return offset > s->limit && last <= (s->attributes & AR_DB ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

/* One more operand; false: a fault. */
static bool want(const struct hvm_mode *mode, struct hvm_emulation *e, enum insn_segment segment,
		 u64 offset, unsigned size, bool read, bool write)
{
	const struct hvm_segment *s = &mode->segment[segment];
	vaddr_t va;
	bool good;

	if (mode->bits == 64) {
		va = offset + (segment == SEG_FS || segment == SEG_GS ? s->base : 0);
		good = is_canonical(va) && is_canonical(va + size - 1);
	} else {
		va = (u32)(s->base + offset);
		good = (!mode->protected || ((s->attributes & AR_P) && rights_allow(s, write))) &&
		       limit_allows(s, offset, size);
	}
	if (!good || (mode->aligned && (va & (size - 1)))) {
		e->vector = good ? FAULT_AC : segment == SEG_SS ? FAULT_SS : FAULT_GP;
		return false;
	}
	e->operand[e->operands++] =
		(struct hvm_operand){ .va = va, .size = size, .read = read, .write = write };
	return true;
}

/* Overrides of ES, CS, SS, DS are none in 64-bit code. */
static bool overrides(const struct hvm_mode *mode, const struct insn *in)
{
	return in->segment != SEG_NONE &&
	       (mode->bits != 64 || in->segment == SEG_FS || in->segment == SEG_GS);
}

static enum insn_segment segment_of(const struct hvm_mode *mode, const struct insn *in)
{
	if (overrides(mode, in))
		return in->segment;
	return in->base == RSP || in->base == RBP ? SEG_SS : SEG_DS;
}

static bool is_string(enum insn_kind kind)
{
	return kind == INSN_MOVS || kind == INSN_STOS || kind == INSN_LODS || kind == INSN_SCAS ||
	       kind == INSN_CMPS;
}

static bool want_string(const struct hvm_mode *mode, struct hvm_emulation *e)
{
	const struct insn *in = &e->in;
	enum insn_segment from = overrides(mode, in) ? in->segment : SEG_DS;
	u64 si = regs_read(&e->regs, RSI, in->address_size, false);
	u64 di = regs_read(&e->regs, RDI, in->address_size, false);

	if (in->kind == INSN_STOS)
		return want(mode, e, SEG_ES, di, in->size, false, true);
	if (in->kind != INSN_SCAS && !want(mode, e, from, si, in->size, true, false))
		return false;
	return in->kind == INSN_LODS ||
	       want(mode, e, SEG_ES, di, in->size, in->kind != INSN_MOVS, in->kind == INSN_MOVS);
}

/* How many bytes of RSP count. */
static unsigned stack_bytes(const struct hvm_mode *mode)
{
	if (mode->bits == 64)
		return 8;
	return mode->segment[SEG_SS].attributes & AR_DB ? 4 : 2;
}

static void move_stack(const struct hvm_mode *mode, struct regs *r, u64 by)
{
	unsigned size = stack_bytes(mode);

	regs_write(r, RSP, size, false, (r->rsp + by) & mask_of(size));
}

static u64 stack_top(const struct hvm_mode *mode, struct regs *r)
{
	return regs_read(r, RSP, stack_bytes(mode), false);
}

static bool want_push(const struct hvm_mode *mode, struct hvm_emulation *e)
{
	const struct insn *in = &e->in;

	if (!want(mode, e, segment_of(mode, in), insn_offset(in, &e->regs), in->size, true, false))
		return false;
	move_stack(mode, &e->regs, -(u64)in->size);
	return want(mode, e, SEG_SS, stack_top(mode, &e->regs), in->size, false, true);
}

/* The operand's address is one with RSP as it is afterwards. */
static bool want_pop(const struct hvm_mode *mode, struct hvm_emulation *e)
{
	const struct insn *in = &e->in;

	if (!want(mode, e, SEG_SS, stack_top(mode, &e->regs), in->size, true, false))
		return false;
	move_stack(mode, &e->regs, in->size);
	return want(mode, e, segment_of(mode, in), insn_offset(in, &e->regs), in->size, false,
		    true);
}

/* A bit's number in a register counts from the operand on, in both directions. */
static u64 bits_away(struct hvm_emulation *e)
{
	const struct insn *in = &e->in;
	s64 n;

	if (in->has_imm)
		return 0;
	n = (s64)sign_extend(regs_read(&e->regs, in->reg, in->size, false), in->size);
	return (u64)((n >> 3) & ~(s64)(in->size - 1));
}

static bool want_memory(const struct hvm_mode *mode, struct hvm_emulation *e, bool read,
			bool write)
{
	const struct insn *in = &e->in;
	u64 offset = insn_offset(in, &e->regs);

	if (in->kind == INSN_BT || in->kind == INSN_BTS || in->kind == INSN_BTR ||
	    in->kind == INSN_BTC)
		offset = (offset + bits_away(e)) & mask_of(in->address_size);
	return want(mode, e, segment_of(mode, in), offset, in->size, read, write);
}

static bool repeats(const struct insn *in)
{
	return in->rep != REP_NONE;
}

enum hvm_emulated hvm_emulate_begin(const struct hvm_mode *mode, struct hvm_emulation *e)
{
	const struct insn *in = &e->in;
	bool good;

	e->operands = 0;
	e->again = false;
	if (is_string(in->kind)) {
		if (repeats(in) && !regs_read(&e->regs, RCX, in->address_size, false))
			return HVM_EMULATED;
		good = want_string(mode, e);
		return good ? HVM_EMULATED : HVM_FAULT;
	}
	if (!in->has_modrm || in->is_reg || in->size > 8)
		return HVM_UNKNOWN;
	switch (in->kind) {
	case INSN_MOV_STORE: case INSN_MOV_STORE_IMM:
		good = want_memory(mode, e, false, true);
		break;
	case INSN_MOV_LOAD: case INSN_MOVZX: case INSN_MOVSX: case INSN_LOAD_OP:
	case INSN_CMP: case INSN_TEST: case INSN_BT:
		good = want_memory(mode, e, true, false);
		break;
	case INSN_AND: case INSN_OR: case INSN_XOR: case INSN_ADD: case INSN_SUB:
	case INSN_ADC: case INSN_SBB:
	case INSN_XCHG: case INSN_XADD: case INSN_CMPXCHG: case INSN_CMPXCHG8B:
	case INSN_BTS: case INSN_BTR: case INSN_BTC:
	case INSN_INC: case INSN_DEC: case INSN_NOT: case INSN_NEG:
		good = want_memory(mode, e, true, true);
		break;
	case INSN_PUSH:
		good = want_push(mode, e);
		break;
	case INSN_POP:
		good = want_pop(mode, e);
		break;
	default:
		return HVM_UNKNOWN;
	}
	return good ? HVM_EMULATED : HVM_FAULT;
}

/* ---- what ---- */

/* The flags, and what it makes of `left`: `kind` of two values. */
static u64 arithmetic(struct hvm_emulation *e, enum insn_kind kind, u64 left, u64 right)
{
	struct insn in = e->in;

	in.kind = kind;
	in.has_imm = true;
	in.imm = right;
	(void)insn_modify(&in, &e->regs, 0, &left);
	return left;
}

/* What CMP, TEST and BT have beside memory. */
static u64 other(struct hvm_emulation *e)
{
	const struct insn *in = &e->in;

	return in->has_imm ? in->imm : regs_read(&e->regs, in->reg, in->size, in->byte_high);
}

static void do_load_op(struct hvm_emulation *e, u64 value)
{
	const struct insn *in = &e->in;
	u64 was = regs_read(&e->regs, in->reg, in->size, in->byte_high), is;

	is = arithmetic(e, in->op == INSN_CMP ? INSN_SUB : in->op, was, value);
	if (in->op != INSN_CMP)
		regs_write(&e->regs, in->reg, in->size, in->byte_high, is);
}

static void do_string(struct hvm_emulation *e)
{
	const struct insn *in = &e->in;
	struct hvm_operand *o = e->operand;
	struct regs *r = &e->regs;
	u64 accumulator = r->rax & mask_of(in->size);

	switch (in->kind) {
	case INSN_MOVS:
		o[1].value = o[0].value;
		break;
	case INSN_STOS:
		o[0].value = accumulator;
		break;
	case INSN_LODS:
		regs_write(r, RAX, in->size, false, o[0].value);
		break;
	case INSN_SCAS:
		(void)arithmetic(e, INSN_SUB, accumulator, o[0].value);
		break;
	default: /* CMPS */
		(void)arithmetic(e, INSN_SUB, o[0].value, o[1].value);
		break;
	}
}

/* The registers that a round moves. True: it was not the last. */
static bool next_round(struct hvm_emulation *e)
{
	const struct insn *in = &e->in;
	struct regs *r = &e->regs;
	u64 step = r->rflags & FLAG_DF ? -(u64)in->size : in->size, count;
	unsigned size = in->address_size;

	if (in->kind != INSN_STOS && in->kind != INSN_SCAS)
		regs_write(r, RSI, size, false, (r->rsi + step) & mask_of(size));
	if (in->kind != INSN_LODS)
		regs_write(r, RDI, size, false, (r->rdi + step) & mask_of(size));
	if (!repeats(in))
		return false;
	count = (r->rcx - 1) & mask_of(size);
	regs_write(r, RCX, size, false, count);
	if ((in->kind == INSN_SCAS || in->kind == INSN_CMPS) &&
	    !(r->rflags & FLAG_ZF) != (in->rep == REP_NE))
		return false;
	return count;
}

void hvm_emulate_finish(const struct hvm_mode *mode, struct hvm_emulation *e)
{
	const struct insn *in = &e->in;
	struct hvm_operand *o = e->operand;
	struct regs *r = &e->regs;

	if (is_string(in->kind)) {
		if (e->operands) {
			do_string(e);
			e->again = next_round(e);
		}
	} else {
		switch (in->kind) {
		case INSN_MOV_LOAD:
			regs_write(r, in->reg, in->size, in->byte_high, o->value);
			break;
		case INSN_MOVZX:
			regs_write(r, in->reg, in->wide, false, o->value);
			break;
		case INSN_MOVSX:
			regs_write(r, in->reg, in->wide, false,
				   sign_extend(o->value, in->size) & mask_of(in->wide));
			break;
		case INSN_LOAD_OP:
			do_load_op(e, o->value);
			break;
		case INSN_CMP:
			(void)arithmetic(e, INSN_SUB, o->value, other(e));
			break;
		case INSN_TEST:
			(void)arithmetic(e, INSN_AND, o->value, other(e));
			break;
		case INSN_BT:
			(void)arithmetic(e, INSN_BTS, o->value, other(e));
			break;
		case INSN_PUSH:
		case INSN_POP:
			o[1].value = o[0].value;
			break;
		default:
			/* A CMPXCHG that does not match writes what was there. */
			(void)insn_modify(in, r, 0, &o->value);
		}
	}
	if (e->again)
		return;
	r->rip += in->length;
	if (mode->bits != 64)
		r->rip = (u32)r->rip;
	r->rflags &= ~FLAG_RF;
}
