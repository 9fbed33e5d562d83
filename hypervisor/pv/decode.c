// SPDX-License-Identifier: GPL-2.0-or-later
/* Intel SDM vol. 2, chapter 2 (formats) and appendix A (opcode maps). */
#include "pv/decode.h"

struct reader {
	const u8 *code;
	unsigned n, at;
	bool short_of; /* ran off the end */
};

static u64 take(struct reader *rd, unsigned bytes)
{
	u64 v = 0;

	if (rd->n - rd->at < bytes) {
		rd->short_of = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v |= (u64)rd->code[rd->at + i] << (8 * i);
	rd->at += bytes;
	return v;
}

static u64 sign_extend(u64 v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return bytes >= 8 ? v : (u64)((s64)(v << shift) >> shift);
}

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

struct prefixes {
	bool opsize;
	u8 bits; /* of the code: 16, 32, 64 */
	u8 rex;
};

/* What a ModRM byte says of addresses of 16 bits: SDM vol. 2, table 2-1. */
static void modrm16(struct reader *rd, struct insn *in, u8 mod, u8 rm)
{
	static const u8 base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const u8 index[4] = { 6, 7, 6, 7 };

	in->base = base[rm];
	if (rm < 4)
		in->index = index[rm];
	if (rm == 6 && mod == 0) {
		in->base = INSN_NO_REG;
		in->disp = (s16)take(rd, 2);
	} else if (mod == 1) {
		in->disp = (s8)take(rd, 1);
	} else if (mod == 2) {
		in->disp = (s16)take(rd, 2);
	}
}

/* Returns the digit in the reg field without REX, which tells the members of a group apart. */
static unsigned modrm(struct reader *rd, struct insn *in, const struct prefixes *p)
{
	u8 m = (u8)take(rd, 1), mod = m >> 6, rm = m & 7;

	in->has_modrm = true;
	in->reg = (u8)(((m >> 3) & 7) | (p->rex & REX_R ? 8 : 0));
	in->rm = (u8)(rm | (p->rex & REX_B ? 8 : 0));
	in->base = in->index = INSN_NO_REG;
	in->scale = 1;
	in->disp = 0;
	if (mod == 3) {
		in->is_reg = true;
		return (m >> 3) & 7;
	}
	if (unlikely(in->address_size == 2)) {
		modrm16(rd, in, mod, rm);
		return (m >> 3) & 7;
	}
	if (rm == 4) {
		u8 sib = (u8)take(rd, 1);
		u8 index = (u8)(((sib >> 3) & 7) | (p->rex & REX_X ? 8 : 0));

		in->scale = (u8)(1 << (sib >> 6));
		if (index != 4)
			in->index = index;
		if ((sib & 7) == 5 && mod == 0)
			in->disp = (s32)take(rd, 4);
		else
			in->base = (u8)((sib & 7) | (p->rex & REX_B ? 8 : 0));
	} else if (rm == 5 && mod == 0) {
		in->base = p->bits == 64 ? INSN_RIP : INSN_NO_REG;
		in->disp = (s32)take(rd, 4);
	} else {
		in->base = in->rm;
	}
	if (mod == 1)
		in->disp = (s8)take(rd, 1);
	else if (mod == 2)
		in->disp = (s32)take(rd, 4);
	return (m >> 3) & 7;
}

static void immediate(struct reader *rd, struct insn *in, unsigned bytes)
{
	in->imm = sign_extend(take(rd, bytes), bytes);
	in->has_imm = true;
}

/* Immediates of 64-bit operands have 32 bits and are extended. */
static unsigned imm_bytes(const struct insn *in)
{
	return in->size > 4 ? 4 : in->size;
}

/* The eight arithmetic instructions in the order in which opcodes and groups number them. */
static enum insn_kind arithmetic(unsigned n)
{
	static const u8 kinds[8] = {
		INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP
	};

	return (enum insn_kind)kinds[n & 7];
}

static enum insn_kind decode_0f01(struct reader *rd, struct insn *in, const struct prefixes *p)
{
	static const u8 memory[8] = {
		INSN_SGDT, INSN_SIDT, INSN_LGDT, INSN_LIDT, INSN_SMSW, INSN_UNKNOWN, INSN_LMSW,
		INSN_INVLPG
	};
	unsigned group = modrm(rd, in, p);

	if (!in->is_reg) {
		in->size = group == 4 || group == 6 ? 2 : in->size;
		return (enum insn_kind)memory[group];
	}
	switch (group << 3 | (in->rm & 7)) {
	case 010: return INSN_MONITOR;
	case 011: return INSN_MWAIT;
	case 020: return INSN_XGETBV;
	case 021: return INSN_XSETBV;
	case 070: return INSN_SWAPGS;
	case 071: return INSN_RDTSCP;
	}
	if (group == 4)
		return INSN_SMSW;
	if (group == 6) {
		in->size = 2;
		return INSN_LMSW;
	}
	return INSN_UNKNOWN;
}

static enum insn_kind decode_0f(struct reader *rd, struct insn *in, const struct prefixes *p)
{
	static const u8 group6[8] = {
		INSN_SLDT, INSN_STR, INSN_LLDT, INSN_LTR, INSN_UNKNOWN, INSN_UNKNOWN,
		INSN_UNKNOWN, INSN_UNKNOWN
	};
	static const u8 bit_kinds[8] = {
		INSN_UNKNOWN, INSN_UNKNOWN, INSN_UNKNOWN, INSN_UNKNOWN,
		INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC
	};
	u8 op = (u8)take(rd, 1);
	unsigned group;

	switch (op) {
	case 0x00: return (enum insn_kind)group6[modrm(rd, in, p)];
	case 0x01: return decode_0f01(rd, in, p);
	case 0x06: return INSN_CLTS;
	case 0x07: return INSN_SYSRET;
	case 0x08: return INSN_INVD;
	case 0x09: return INSN_WBINVD;
	case 0x20: case 0x21: case 0x22: case 0x23:
		(void)modrm(rd, in, p);
		/*
		 * Always registers, whatever the mod field says; a displacement it seems to
		 * announce is not there.
		 */
		if (!in->is_reg)
			return INSN_UNKNOWN;
		in->size = 8;
		return op == 0x20 ? INSN_MOV_FROM_CR : op == 0x21 ? INSN_MOV_FROM_DR :
		       op == 0x22 ? INSN_MOV_TO_CR : INSN_MOV_TO_DR;
	case 0x30: return INSN_WRMSR;
	case 0x31: return INSN_RDTSC;
	case 0x32: return INSN_RDMSR;
	case 0x33: return INSN_RDPMC;
	case 0xa2: return INSN_CPUID;
	case 0xa3: case 0xab: case 0xb3: case 0xbb:
		(void)modrm(rd, in, p);
		return (enum insn_kind)bit_kinds[op >> 3 & 7];
	case 0xb0: case 0xb1:
		in->size = op & 1 ? in->size : 1;
		(void)modrm(rd, in, p);
		return INSN_CMPXCHG;
	case 0xb6: case 0xb7: case 0xbe: case 0xbf:
		in->wide = in->size;
		in->size = op & 1 ? 2 : 1;
		(void)modrm(rd, in, p);
		return op < 0xb8 ? INSN_MOVZX : INSN_MOVSX;
	case 0xba:
		group = modrm(rd, in, p);
		immediate(rd, in, 1);
		return (enum insn_kind)bit_kinds[group];
	case 0xc0: case 0xc1:
		in->size = op & 1 ? in->size : 1;
		(void)modrm(rd, in, p);
		return INSN_XADD;
	case 0xc7:
		if (modrm(rd, in, p) != 1 || in->is_reg)
			return INSN_UNKNOWN;
		in->size = p->rex & REX_W ? 16 : 8;
		return INSN_CMPXCHG8B;
	}
	return INSN_UNKNOWN;
}

/* There is no PUSH or POP of 32 bits in 64-bit code. */
static u8 stack_size(const struct insn *in, const struct prefixes *p)
{
	return p->bits == 64 && in->size == 4 ? 8 : in->size;
}

static enum insn_kind decode_main(struct reader *rd, struct insn *in, const struct prefixes *p)
{
	/* By bits 1 to 3 of the opcode, which begins at a0. */
	static const u8 strings[8] = {
		[2] = INSN_MOVS, INSN_CMPS, INSN_UNKNOWN, INSN_STOS, INSN_LODS, INSN_SCAS
	};
	u8 op = (u8)take(rd, 1);
	unsigned group;
	enum insn_kind k;

	/* 00-3b: eight operations, each with r/m, reg at +0 (bytes) and +1; with reg, r/m at +2. */
	if (op < 0x40 && (op & 7) < 4) {
		in->size = op & 1 ? in->size : 1;
		(void)modrm(rd, in, p);
		in->op = arithmetic(op >> 3);
		return op & 2 ? INSN_LOAD_OP : in->op;
	}
	/* Without string and I/O the width bit is the lowest one everywhere below. */
	switch (op) {
	case 0x0f:
		return decode_0f(rd, in, p);
	case 0x63:
		/* In other code, and with 16 bits, it is something else. */
		if (p->bits != 64 || in->size == 2)
			return INSN_UNKNOWN;
		in->wide = in->size;
		in->size = 4;
		(void)modrm(rd, in, p);
		return INSN_MOVSX;
	case 0x6c: case 0x6d: case 0x6e: case 0x6f:
		in->size = op & 1 ? in->size : 1;
		in->size = in->size == 8 ? 4 : in->size;
		return op < 0x6e ? INSN_INS : INSN_OUTS;
	case 0x80: case 0x81: case 0x83:
		in->size = op == 0x80 ? 1 : in->size;
		group = modrm(rd, in, p);
		immediate(rd, in, op == 0x81 ? imm_bytes(in) : 1);
		return arithmetic(group);
	case 0x84: case 0x85:
		in->size = op & 1 ? in->size : 1;
		(void)modrm(rd, in, p);
		return INSN_TEST;
	case 0x86: case 0x87:
		in->size = op & 1 ? in->size : 1;
		(void)modrm(rd, in, p);
		return INSN_XCHG;
	case 0x88: case 0x89: case 0x8a: case 0x8b:
		in->size = op & 1 ? in->size : 1;
		(void)modrm(rd, in, p);
		return op < 0x8a ? INSN_MOV_STORE : INSN_MOV_LOAD;
	case 0x8f:
		in->size = stack_size(in, p);
		return modrm(rd, in, p) == 0 ? INSN_POP : INSN_UNKNOWN;
	case 0xa0: case 0xa1: case 0xa2: case 0xa3:
		in->size = op & 1 ? in->size : 1;
		in->disp = (s64)take(rd, in->address_size);
		in->has_modrm = true; /* as if one named rax and the address */
		return op < 0xa2 ? INSN_MOV_LOAD : INSN_MOV_STORE;
	case 0xa4: case 0xa5: case 0xa6: case 0xa7:
	case 0xaa: case 0xab: case 0xac: case 0xad: case 0xae: case 0xaf:
		in->size = op & 1 ? in->size : 1;
		return (enum insn_kind)strings[(op & 0xf) >> 1];
	case 0xc6: case 0xc7:
		in->size = op & 1 ? in->size : 1;
		if (modrm(rd, in, p) != 0)
			return INSN_UNKNOWN;
		immediate(rd, in, imm_bytes(in));
		return INSN_MOV_STORE_IMM;
	case 0xcf:
		return INSN_IRET;
	case 0xe4: case 0xe5: case 0xe6: case 0xe7:
		in->size = op & 1 ? in->size : 1;
		in->size = in->size == 8 ? 4 : in->size;
		in->imm = take(rd, 1);
		in->has_imm = true;
		return op < 0xe6 ? INSN_IN : INSN_OUT;
	case 0xec: case 0xed: case 0xee: case 0xef:
		in->size = op & 1 ? in->size : 1;
		in->size = in->size == 8 ? 4 : in->size;
		return op < 0xee ? INSN_IN : INSN_OUT;
	case 0xf4: return INSN_HLT;
	case 0xf6: case 0xf7:
		in->size = op & 1 ? in->size : 1;
		group = modrm(rd, in, p);
		if (group > 1)
			return group == 2 ? INSN_NOT : group == 3 ? INSN_NEG : INSN_UNKNOWN;
		immediate(rd, in, imm_bytes(in));
		return INSN_TEST;
	case 0xfa: return INSN_CLI;
	case 0xfb: return INSN_STI;
	case 0xfe: case 0xff:
		in->size = op & 1 ? in->size : 1;
		group = modrm(rd, in, p);
		if (group == 6 && op == 0xff) {
			in->size = stack_size(in, p);
			return INSN_PUSH;
		}
		k = group == 0 ? INSN_INC : group == 1 ? INSN_DEC : INSN_UNKNOWN;
		return k;
	}
	return INSN_UNKNOWN;
}

static bool lockable(const struct insn *in)
{
	if (in->is_reg || !in->has_modrm)
		return false;
	switch (in->kind) {
	case INSN_AND: case INSN_OR: case INSN_XOR: case INSN_ADD: case INSN_SUB:
	case INSN_ADC: case INSN_SBB:
	case INSN_XCHG: case INSN_XADD: case INSN_CMPXCHG: case INSN_CMPXCHG8B:
	case INSN_BTS: case INSN_BTR: case INSN_BTC:
	case INSN_INC: case INSN_DEC: case INSN_NOT: case INSN_NEG:
		return true;
	default:
		return false;
	}
}

/*
 * Overrides that 64-bit mode ignores: an FS or GS before them stays in force (AMD APM vol. 3,
 * 1.2.4).
 */
static void segment_null(struct insn *in, unsigned bits, enum insn_segment segment)
{
	if (bits != 64 || (in->segment != SEG_FS && in->segment != SEG_GS))
		in->segment = segment;
}

static bool decode(const u8 *code, unsigned n, unsigned bits, struct insn *in)
{
	struct reader rd = { .code = code, .n = n < INSN_MAX_LENGTH ? n : INSN_MAX_LENGTH };
	struct prefixes p = { .bits = (u8)bits };
	bool more = true;

	*in = (struct insn){
		.base = INSN_NO_REG, .index = INSN_NO_REG, .scale = 1,
		.address_size = (u8)(bits / 8),
	};
	while (more && rd.at < rd.n) {
		u8 b = rd.code[rd.at];

		/* A REX prefix counts only directly before the opcode. */
		if ((b & 0xf0) == 0x40 && bits == 64) {
			p.rex = b;
			rd.at++;
			continue;
		}
		switch (b) {
		case 0x66: p.opsize = true; break;
		case 0x67: in->address_size = bits == 32 ? 2 : 4; break;
		case 0xf0: in->lock = true; break;
		case 0xf2: in->rep = REP_NE; break;
		case 0xf3: in->rep = REP_E; break;
		case 0x26: segment_null(in, bits, SEG_ES); break;
		case 0x2e: segment_null(in, bits, SEG_CS); break;
		case 0x36: segment_null(in, bits, SEG_SS); break;
		case 0x3e: segment_null(in, bits, SEG_DS); break;
		case 0x64: in->segment = SEG_FS; break;
		case 0x65: in->segment = SEG_GS; break;
		default: more = false; break;
		}
		if (more) {
			p.rex = 0;
			rd.at++;
		}
	}
	in->size = (p.rex & REX_W) ? 8 : (p.opsize != (bits == 16) ? 2 : 4);
	in->kind = decode_main(&rd, in, &p);
	if (in->kind == INSN_UNKNOWN || rd.short_of || (in->lock && !lockable(in))) {
		in->kind = INSN_UNKNOWN;
		return false;
	}
	in->byte_high = in->size == 1 && !p.rex;
	in->length = (u8)rd.at;
	return true;
}

bool insn_decode(const u8 *code, unsigned n, struct insn *in)
{
	return decode(code, n, 64, in);
}

bool insn_decode32(const u8 *code, unsigned n, struct insn *in)
{
	if (!decode(code, n, 32, in))
		return false;
	if (in->address_size == 2)
		in->kind = INSN_UNKNOWN;
	return in->kind != INSN_UNKNOWN;
}

bool insn_decode_bits(const u8 *code, unsigned n, unsigned bits, struct insn *in)
{
	return decode(code, n, bits, in);
}

u64 *regs_gpr(struct regs *r, unsigned n)
{
#define AT(reg) offsetof(struct regs, reg)
	static const u8 map[16] = {
		AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
		AT(r8), AT(r9), AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
	};
#undef AT

	return (u64 *)((u8 *)r + map[n & 15]);
}

void regs_truncate(struct regs *r)
{
	for (unsigned n = 0; n < 8; n++)
		*regs_gpr(r, n) &= 0xffffffff;
}

static u64 size_mask(unsigned size)
{
	return size >= 8 ? ~0ULL : BIT(8 * size) - 1;
}

u64 regs_read(struct regs *r, unsigned n, unsigned size, bool high)
{
	if (size == 1 && high && n >= 4 && n < 8)
		return (*regs_gpr(r, n - 4) >> 8) & 0xff;
	return *regs_gpr(r, n) & size_mask(size);
}

void regs_write(struct regs *r, unsigned n, unsigned size, bool high, u64 v)
{
	u64 *p, mask = size_mask(size);

	if (size == 1 && high && n >= 4 && n < 8) {
		p = regs_gpr(r, n - 4);
		*p = (*p & ~0xff00ULL) | (v & 0xff) << 8;
		return;
	}
	p = regs_gpr(r, n);
	if (size == 4)
		*p = v & mask;
	else
		*p = (*p & ~mask) | (v & mask);
}

u64 insn_offset(const struct insn *in, const struct regs *r)
{
	struct regs *regs = (struct regs *)r; /* only read: regs_gpr() serves writers too */
	u64 a = 0;

	switch (in->kind) {
	case INSN_STOS: case INSN_INS: case INSN_MOVS: case INSN_SCAS:
		a = r->rdi;
		break;
	case INSN_OUTS: case INSN_LODS: case INSN_CMPS:
		a = r->rsi;
		break;
	default:
		if (in->base == INSN_RIP)
			a = r->rip + in->length;
		else if (in->base != INSN_NO_REG)
			a = *regs_gpr(regs, in->base);
		if (in->index != INSN_NO_REG)
			a += *regs_gpr(regs, in->index) * in->scale;
		a += (u64)in->disp;
		break;
	}
	return in->address_size == 8 ? a : a & (BIT(8 * in->address_size) - 1);
}

vaddr_t insn_address(const struct insn *in, const struct regs *r, u64 fs_base, u64 gs_base)
{
	u64 a = insn_offset(in, r);

	/*
	 * In 64-bit mode the other segments have base 0; the string instructions' ES cannot be
	 * overridden.
	 */
	if (in->kind == INSN_STOS || in->kind == INSN_INS || in->kind == INSN_MOVS ||
	    in->kind == INSN_SCAS)
		return a;
	if (in->segment == SEG_FS)
		a += fs_base;
	else if (in->segment == SEG_GS)
		a += gs_base;
	return a;
}
