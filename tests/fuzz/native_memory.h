/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_NATIVE_MEMORY_H
#define ANNULUS_TESTS_FUZZ_NATIVE_MEMORY_H

/*
 * Instructions with a memory operand, of all kinds that hvm/emulate.c does in 64-bit code but for
 * PUSH and POP: put together from a fuzzer's bytes, done by it on a copy, and by the processor.
 * Included once, by a fuzzer's or a test's only file; with pv/decode.c, pv/modify.c.
 */
#include "native.h"

#include "hvm/emulate.h"

/* Below 4 GiB, so that addresses of 32 bits reach it; what surrounds it is not touched. */
#define NATIVE_BYTES 1024u
static u8 *native_memory, native_copy[NATIVE_BYTES];

static void native_memory_init(void)
{
	native_init();
	native_memory = mmap(NULL, NATIVE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	FUZZ_CHECK(native_memory != MAP_FAILED, "no page below 4 GiB");
}

/* Opcode, digit of the group (8: any register, 9: no ModRM), bytes of immediate (9: operand's) */
static const struct {
	u8 n, op[2], digit, imm;
} native_opcodes[] = {
	{ 1, { 0x88 }, 8, 0 }, { 1, { 0x89 }, 8, 0 }, { 1, { 0x8a }, 8, 0 }, { 1, { 0x8b }, 8, 0 },
	{ 1, { 0xc6 }, 0, 1 }, { 1, { 0xc7 }, 0, 9 }, { 1, { 0x63 }, 8, 0 },
	{ 2, { 0x0f, 0xb6 }, 8, 0 }, { 2, { 0x0f, 0xb7 }, 8, 0 }, { 2, { 0x0f, 0xbe }, 8, 0 },
	{ 2, { 0x0f, 0xbf }, 8, 0 }, { 1, { 0x84 }, 8, 0 }, { 1, { 0x85 }, 8, 0 },
	{ 1, { 0xf6 }, 0, 1 }, { 1, { 0xf7 }, 0, 9 }, { 1, { 0xf7 }, 1, 9 },
	{ 1, { 0xf6 }, 2, 0 }, { 1, { 0xf7 }, 2, 0 }, { 1, { 0xf6 }, 3, 0 }, { 1, { 0xf7 }, 3, 0 },
	{ 1, { 0xfe }, 0, 0 }, { 1, { 0xff }, 0, 0 }, { 1, { 0xfe }, 1, 0 }, { 1, { 0xff }, 1, 0 },
	{ 1, { 0x86 }, 8, 0 }, { 1, { 0x87 }, 8, 0 }, { 2, { 0x0f, 0xc0 }, 8, 0 },
	{ 2, { 0x0f, 0xc1 }, 8, 0 }, { 2, { 0x0f, 0xb0 }, 8, 0 }, { 2, { 0x0f, 0xb1 }, 8, 0 },
	{ 2, { 0x0f, 0xc7 }, 1, 0 }, { 2, { 0x0f, 0xa3 }, 8, 0 }, { 2, { 0x0f, 0xab }, 8, 0 },
	{ 2, { 0x0f, 0xb3 }, 8, 0 }, { 2, { 0x0f, 0xbb }, 8, 0 }, { 2, { 0x0f, 0xba }, 4, 1 },
	{ 2, { 0x0f, 0xba }, 5, 1 }, { 2, { 0x0f, 0xba }, 6, 1 }, { 2, { 0x0f, 0xba }, 7, 1 },
	{ 1, { 0xa4 }, 9, 0 }, { 1, { 0xa5 }, 9, 0 }, { 1, { 0xa6 }, 9, 0 }, { 1, { 0xa7 }, 9, 0 },
	{ 1, { 0xaa }, 9, 0 }, { 1, { 0xab }, 9, 0 }, { 1, { 0xac }, 9, 0 }, { 1, { 0xad }, 9, 0 },
	{ 1, { 0xae }, 9, 0 }, { 1, { 0xaf }, 9, 0 },
};

/* The eight operations and their four forms, and those with an immediate, besides. */
#define NATIVE_PLAIN ARRAY_SIZE(native_opcodes)
#define NATIVE_ALL   (NATIVE_PLAIN + 32 + 24 + 4)

struct native_insn {
	u8 code[INSN_MAX_LENGTH + 1];
	unsigned n;
	u8 base, index;
};

/* Registers 0 to 15, but not the stack pointer. */
static u8 native_register(struct fuzz_in *in)
{
	u8 n = fuzz_u8(in) & 15;

	return n == 4 ? 7 : n;
}

static void native_address(struct fuzz_in *in, struct native_insn *i, u8 reg)
{
	u8 how = fuzz_u8(in), mod = how & 3 ? 1 : 2, disp = fuzz_u8(in) & 0x1f;
	bool sib = how & 4 || (i->base & 7) == 4;

	i->code[i->n++] = (u8)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : i->base & 7));
	if (sib)
		i->code[i->n++] = (u8)((how >> 3 & 3) << 6 | (i->index & 7) << 3 | (i->base & 7));
	else
		i->index = 4;
	i->code[i->n++] = disp;
	for (unsigned k = 1; mod == 2 && k < 4; k++)
		i->code[i->n++] = 0;
}

static void native_instruction(struct fuzz_in *in, struct native_insn *i)
{
	unsigned which = fuzz_u8(in) % NATIVE_ALL;
	u8 how = fuzz_u8(in), reg = native_register(in), digit = 8, imm = 0, op[2] = { 0 }, n = 1;
	bool narrow = how & 2, wide = how & 4;

	*i = (struct native_insn){ .base = native_register(in), .index = native_register(in) };
	if (which < NATIVE_PLAIN) {
		n = native_opcodes[which].n;
		memcpy(op, native_opcodes[which].op, 2);
		digit = native_opcodes[which].digit;
		imm = native_opcodes[which].imm;
	} else if (which < NATIVE_PLAIN + 32) {
		which -= NATIVE_PLAIN;
		op[0] = (u8)((which >> 2) << 3 | (which & 3));
	} else if (which < NATIVE_PLAIN + 56) {
		static const u8 forms[3][2] = { { 0x80, 1 }, { 0x81, 9 }, { 0x83, 1 } };

		which -= NATIVE_PLAIN + 32;
		digit = which & 7;
		op[0] = forms[which >> 3][0];
		imm = forms[which >> 3][1];
	} else {
		op[0] = (u8)(0xa0 + which - NATIVE_PLAIN - 56); /* absolute */
		digit = 10;
	}
	if (digit == 9 && how & 0x30)
		i->code[i->n++] = how & 0x10 ? 0xf3 : 0xf2;
	/* Where it is legal; elsewhere the next to look at it is test_lock. */
	if (how & 1 && (op[0] & 0xc7) == 0x01 && n == 1 && op[0] != 0x39)
		i->code[i->n++] = 0xf0;
	if (how & 0x40 && digit != 10)
		i->code[i->n++] = 0x67;
	if (narrow && op[0] != 0x63)
		i->code[i->n++] = 0x66;
	if (digit == 9)
		reg = i->base = i->index = 0;
	else if (digit < 8)
		reg = digit;
	i->code[i->n] = (u8)(0x40 | (wide ? 8 : 0) | (digit == 8 && reg & 8 ? 4 : 0) |
			     (digit != 10 && i->index & 8 ? 2 : 0) |
			     (digit != 10 && i->base & 8 ? 1 : 0));
	if (i->code[i->n] != 0x40 || how & 8)
		i->n++;
	memcpy(i->code + i->n, op, n);
	i->n += n;
	if (digit == 10) {
		u64 at = (u64)native_memory + NATIVE_BYTES / 2;

		memcpy(i->code + i->n, &at, 8);
		i->n += 8;
	} else if (digit != 9) {
		native_address(in, i, reg);
	}
	if (imm == 9)
		imm = wide || !narrow ? 4 : 2;
	fuzz_bytes(in, i->code + i->n, imm);
	i->n += imm;
}

static bool native_inside(const struct hvm_emulation *e)
{
	for (unsigned k = 0; k < e->operands; k++)
		if (e->operand[k].va - (u64)native_memory > NATIVE_BYTES - 8)
			return false;
	return true;
}

static void native_access(struct hvm_emulation *e, bool write)
{
	for (unsigned k = 0; k < e->operands; k++) {
		struct hvm_operand *o = &e->operand[k];
		u8 *at = native_copy + (o->va - (u64)native_memory);

		if (write && o->write)
			memcpy(at, &o->value, o->size);
		if (!write && o->read)
			memcpy(&o->value, at, o->size);
	}
}

/* The flags that it defines or leaves alone. */
static u64 native_flags_of(const struct insn *in)
{
	switch (in->kind) {
	case INSN_LOAD_OP: return native_defined(in->op);
	case INSN_TEST: return native_defined(INSN_AND);
	case INSN_BT: return native_defined(INSN_BTS);
	default: return native_defined(in->kind);
	}
}

static bool native_is_bit(const struct insn *in)
{
	return !in->has_imm && (in->kind == INSN_BT || in->kind == INSN_BTS ||
				in->kind == INSN_BTR || in->kind == INSN_BTC);
}

/* One instruction, both ways. False: it was none for both. */
static bool native_compare(struct fuzz_in *f)
{
	static const struct hvm_mode mode = { .bits = 64, .protected = true };
	struct hvm_emulation e = { 0 };
	struct native_insn i;
	u64 flags;

	native_instruction(f, &i);
	FUZZ_CHECK(insn_decode_bits(i.code, i.n, 64, &e.in) && e.in.length == i.n,
		   "%02x %02x %02x %02x: length %u, not %u", i.code[0], i.code[1], i.code[2],
		   i.code[3], e.in.length, i.n);
	/* CMPXCHG16B is not done; and rsp is the processor's stack. */
	if (e.in.size > 8 || (e.in.has_modrm && e.in.reg == 4 && !e.in.byte_high &&
			      e.in.kind != INSN_MOV_STORE_IMM && !e.in.has_imm))
		return false;
	for (unsigned k = 0; k < 16; k++)
		native_gpr[k] = fuzz_u8(f) & 1 ? fuzz_number(f) : fuzz_u64(f);
	fuzz_bytes(f, native_memory + NATIVE_BYTES / 2, 64);
	/* A bit that is not too far away. */
	if (native_is_bit(&e.in))
		native_gpr[e.in.reg] = (u64)(s64)((s16)fuzz_u16(f) % 1024);
	if (i.index != 4)
		native_gpr[i.index] = fuzz_u8(f) & 7;
	if (i.base != 4)
		native_gpr[i.base] = (u64)native_memory + NATIVE_BYTES / 2;
	if (!e.in.has_modrm) {
		native_gpr[6] = (u64)native_memory + NATIVE_BYTES / 2 + (fuzz_u8(f) & 31);
		native_gpr[7] = (u64)native_memory + NATIVE_BYTES / 2 + (fuzz_u8(f) & 31);
		native_gpr[1] = fuzz_u8(f) & 15;
	}
	/* What addresses of 32 bits do not see. */
	for (unsigned k = 0; e.in.address_size == 4 && k < 16; k++)
		native_gpr[k] |= (u64)fuzz_u8(f) << 56;
	flags = (fuzz_u16(f) & (ARITH | (e.in.has_modrm ? 0 : 0x400))) | 0x202;
	native_gpr[4] = 0;
	memcpy(native_copy, native_memory, NATIVE_BYTES);
	for (unsigned k = 0; k < 16; k++)
		*regs_gpr(&e.regs, k) = native_gpr[k];
	e.regs.rflags = flags;
	e.regs.rip = 0x1000;
	for (unsigned round = 0;; round++) {
		enum hvm_emulated what = hvm_emulate_begin(&mode, &e);

		FUZZ_CHECK(what == HVM_EMULATED || (what == HVM_FAULT && native_is_bit(&e.in)),
			   "kind %u is not done", e.in.kind);
		if (what == HVM_FAULT || !native_inside(&e)) {
			memset(native_memory, 0, NATIVE_BYTES);
			return false;
		}
		FUZZ_CHECK(e.operands || (!e.in.has_modrm && e.in.rep), "no operand");
		native_access(&e, false);
		hvm_emulate_finish(&mode, &e);
		native_access(&e, true);
		if (!e.again)
			break;
		FUZZ_CHECK(e.regs.rip == 0x1000 && round < 16, "it does not end");
	}
	FUZZ_CHECK(e.regs.rip == 0x1000 + i.n, "rip moved by %lx", e.regs.rip - 0x1000);

	memcpy(native_code, i.code, i.n);
	native_code[i.n] = 0xc3;
	native_flags = flags;
	native_run();
	fuzz_say("%02x %02x %02x %02x %02x: kind %u size %u\n", i.code[0], i.code[1], i.code[2],
		 i.code[3], i.code[4], e.in.kind, e.in.size);
	FUZZ_CHECK(!memcmp(native_memory, native_copy, NATIVE_BYTES),
		   "%02x %02x %02x %02x kind %u size %u: memory", i.code[0], i.code[1], i.code[2],
		   i.code[3], e.in.kind, e.in.size);
	for (unsigned k = 0; k < 16; k++)
		FUZZ_CHECK(*regs_gpr(&e.regs, k) == native_gpr[k],
			   "%02x %02x %02x %02x kind %u size %u: register %u is %lx, the "
			   "processor makes it %lx", i.code[0], i.code[1], i.code[2], i.code[3],
			   e.in.kind, e.in.size, k, *regs_gpr(&e.regs, k), native_gpr[k]);
	FUZZ_CHECK(!((e.regs.rflags ^ native_flags) & (native_flags_of(&e.in) | 0x400)),
		   "%02x %02x %02x %02x kind %u size %u: flags are %lx, the processor makes them "
		   "%lx", i.code[0], i.code[1], i.code[2], i.code[3], e.in.kind, e.in.size,
		   e.regs.rflags & ARITH, native_flags & ARITH);
	memset(native_memory, 0, NATIVE_BYTES);
	return true;
}

#endif
