// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/decode.c hypervisor/pv/modify.c
// libs: -lZydis
// options: -max_len=160
//
// The instruction decoder against Zydis: what is decoded, its length, operands and memory address.
// The arithmetic of instructions that write to page tables against the processor.

#include "native.h"

#include <Zydis/Zydis.h>

static ZydisDecoder decoder;

/* What Zydis calls our kinds. Two names: either. */
static const struct {
	ZydisMnemonic one, two;
} names[] = {
	[INSN_MOV_STORE] = { ZYDIS_MNEMONIC_MOV, 0 },
	[INSN_MOV_STORE_IMM] = { ZYDIS_MNEMONIC_MOV, 0 },
	[INSN_AND] = { ZYDIS_MNEMONIC_AND, 0 }, [INSN_OR] = { ZYDIS_MNEMONIC_OR, 0 },
	[INSN_XOR] = { ZYDIS_MNEMONIC_XOR, 0 }, [INSN_ADD] = { ZYDIS_MNEMONIC_ADD, 0 },
	[INSN_SUB] = { ZYDIS_MNEMONIC_SUB, 0 }, [INSN_XCHG] = { ZYDIS_MNEMONIC_XCHG, 0 },
	[INSN_ADC] = { ZYDIS_MNEMONIC_ADC, 0 }, [INSN_SBB] = { ZYDIS_MNEMONIC_SBB, 0 },
	[INSN_MOV_LOAD] = { ZYDIS_MNEMONIC_MOV, 0 }, [INSN_MOVZX] = { ZYDIS_MNEMONIC_MOVZX, 0 },
	[INSN_MOVSX] = { ZYDIS_MNEMONIC_MOVSX, ZYDIS_MNEMONIC_MOVSXD },
	[INSN_CMP] = { ZYDIS_MNEMONIC_CMP, 0 }, [INSN_TEST] = { ZYDIS_MNEMONIC_TEST, 0 },
	[INSN_BT] = { ZYDIS_MNEMONIC_BT, 0 }, [INSN_PUSH] = { ZYDIS_MNEMONIC_PUSH, 0 },
	[INSN_POP] = { ZYDIS_MNEMONIC_POP, 0 },
	[INSN_XADD] = { ZYDIS_MNEMONIC_XADD, 0 }, [INSN_CMPXCHG] = { ZYDIS_MNEMONIC_CMPXCHG, 0 },
	[INSN_CMPXCHG8B] = { ZYDIS_MNEMONIC_CMPXCHG8B, ZYDIS_MNEMONIC_CMPXCHG16B },
	[INSN_BTS] = { ZYDIS_MNEMONIC_BTS, 0 }, [INSN_BTR] = { ZYDIS_MNEMONIC_BTR, 0 },
	[INSN_BTC] = { ZYDIS_MNEMONIC_BTC, 0 }, [INSN_INC] = { ZYDIS_MNEMONIC_INC, 0 },
	[INSN_DEC] = { ZYDIS_MNEMONIC_DEC, 0 }, [INSN_NOT] = { ZYDIS_MNEMONIC_NOT, 0 },
	[INSN_NEG] = { ZYDIS_MNEMONIC_NEG, 0 }, [INSN_IN] = { ZYDIS_MNEMONIC_IN, 0 },
	[INSN_OUT] = { ZYDIS_MNEMONIC_OUT, 0 }, [INSN_RDMSR] = { ZYDIS_MNEMONIC_RDMSR, 0 },
	[INSN_WRMSR] = { ZYDIS_MNEMONIC_WRMSR, 0 }, [INSN_MOV_FROM_CR] = { ZYDIS_MNEMONIC_MOV, 0 },
	[INSN_MOV_TO_CR] = { ZYDIS_MNEMONIC_MOV, 0 },
	[INSN_MOV_FROM_DR] = { ZYDIS_MNEMONIC_MOV, 0 },
	[INSN_MOV_TO_DR] = { ZYDIS_MNEMONIC_MOV, 0 }, [INSN_CLTS] = { ZYDIS_MNEMONIC_CLTS, 0 },
	[INSN_HLT] = { ZYDIS_MNEMONIC_HLT, 0 }, [INSN_CLI] = { ZYDIS_MNEMONIC_CLI, 0 },
	[INSN_STI] = { ZYDIS_MNEMONIC_STI, 0 }, [INSN_INVLPG] = { ZYDIS_MNEMONIC_INVLPG, 0 },
	[INSN_WBINVD] = { ZYDIS_MNEMONIC_WBINVD, 0 },
	[INSN_INVD] = { ZYDIS_MNEMONIC_INVD, 0 }, [INSN_LMSW] = { ZYDIS_MNEMONIC_LMSW, 0 },
	[INSN_SMSW] = { ZYDIS_MNEMONIC_SMSW, 0 }, [INSN_SGDT] = { ZYDIS_MNEMONIC_SGDT, 0 },
	[INSN_SIDT] = { ZYDIS_MNEMONIC_SIDT, 0 }, [INSN_LGDT] = { ZYDIS_MNEMONIC_LGDT, 0 },
	[INSN_LIDT] = { ZYDIS_MNEMONIC_LIDT, 0 }, [INSN_SLDT] = { ZYDIS_MNEMONIC_SLDT, 0 },
	[INSN_STR] = { ZYDIS_MNEMONIC_STR, 0 }, [INSN_LLDT] = { ZYDIS_MNEMONIC_LLDT, 0 },
	[INSN_LTR] = { ZYDIS_MNEMONIC_LTR, 0 }, [INSN_XGETBV] = { ZYDIS_MNEMONIC_XGETBV, 0 },
	[INSN_XSETBV] = { ZYDIS_MNEMONIC_XSETBV, 0 }, [INSN_CPUID] = { ZYDIS_MNEMONIC_CPUID, 0 },
	[INSN_RDTSC] = { ZYDIS_MNEMONIC_RDTSC, 0 }, [INSN_RDTSCP] = { ZYDIS_MNEMONIC_RDTSCP, 0 },
	[INSN_RDPMC] = { ZYDIS_MNEMONIC_RDPMC, 0 }, [INSN_SWAPGS] = { ZYDIS_MNEMONIC_SWAPGS, 0 },
	[INSN_MONITOR] = { ZYDIS_MNEMONIC_MONITOR, 0 }, [INSN_MWAIT] = { ZYDIS_MNEMONIC_MWAIT, 0 },
};

/* The same by the size of their operands. */
static bool string_name(enum insn_kind kind, unsigned size, ZydisMnemonic m)
{
	static const ZydisMnemonic stos[] = { ZYDIS_MNEMONIC_STOSB, ZYDIS_MNEMONIC_STOSW,
					      ZYDIS_MNEMONIC_STOSD, ZYDIS_MNEMONIC_STOSQ };
	static const ZydisMnemonic movs[] = { ZYDIS_MNEMONIC_MOVSB, ZYDIS_MNEMONIC_MOVSW,
					      ZYDIS_MNEMONIC_MOVSD, ZYDIS_MNEMONIC_MOVSQ };
	static const ZydisMnemonic ins[] = { ZYDIS_MNEMONIC_INSB, ZYDIS_MNEMONIC_INSW,
					     ZYDIS_MNEMONIC_INSD, 0 };
	static const ZydisMnemonic outs[] = { ZYDIS_MNEMONIC_OUTSB, ZYDIS_MNEMONIC_OUTSW,
					      ZYDIS_MNEMONIC_OUTSD, 0 };
	static const ZydisMnemonic lods[] = { ZYDIS_MNEMONIC_LODSB, ZYDIS_MNEMONIC_LODSW,
					      ZYDIS_MNEMONIC_LODSD, ZYDIS_MNEMONIC_LODSQ };
	static const ZydisMnemonic scas[] = { ZYDIS_MNEMONIC_SCASB, ZYDIS_MNEMONIC_SCASW,
					      ZYDIS_MNEMONIC_SCASD, ZYDIS_MNEMONIC_SCASQ };
	static const ZydisMnemonic cmps[] = { ZYDIS_MNEMONIC_CMPSB, ZYDIS_MNEMONIC_CMPSW,
					      ZYDIS_MNEMONIC_CMPSD, ZYDIS_MNEMONIC_CMPSQ };
	unsigned i = (unsigned)__builtin_ctz(size);

	switch (kind) {
	case INSN_LODS: return m == lods[i];
	case INSN_SCAS: return m == scas[i];
	case INSN_CMPS: return m == cmps[i];
	case INSN_STOS: return m == stos[i];
	case INSN_MOVS: return m == movs[i];
	case INSN_INS: return m == ins[i];
	case INSN_OUTS: return m == outs[i];
	default: return false;
	}
}

static bool same_name(const struct insn *in, ZydisMnemonic m)
{
	switch (in->kind) {
	case INSN_STOS: case INSN_MOVS: case INSN_INS: case INSN_OUTS:
	case INSN_LODS: case INSN_SCAS: case INSN_CMPS:
		return string_name(in->kind, in->size, m);
	case INSN_LOAD_OP:
		return m == names[in->op].one;
	case INSN_SYSRET:
		return m == ZYDIS_MNEMONIC_SYSRET;
	case INSN_IRET:
		return m == ZYDIS_MNEMONIC_IRET || m == ZYDIS_MNEMONIC_IRETD ||
			m == ZYDIS_MNEMONIC_IRETQ;
	default:
		return in->kind < ARRAY_SIZE(names) &&
			(m == names[in->kind].one ||
			 (names[in->kind].two && m == names[in->kind].two));
	}
}

static bool uses_memory(enum insn_kind k)
{
	return k >= INSN_MOV_STORE && k <= INSN_POP;
}

static ZydisRegister gpr(unsigned n, unsigned size, bool high)
{
	switch (size) {
	case 1:
		if (n < 4)
			return ZYDIS_REGISTER_AL + n;
		if (n < 8)
			return high ? ZYDIS_REGISTER_AH + (n - 4) : ZYDIS_REGISTER_SPL + (n - 4);
		return ZYDIS_REGISTER_R8B + (n - 8);
	case 2: return ZYDIS_REGISTER_AX + n;
	case 4: return ZYDIS_REGISTER_EAX + n;
	default: return ZYDIS_REGISTER_RAX + n;
	}
}

static const ZydisDecodedOperand *memory_operand(const ZydisDecodedInstruction *z,
						 const ZydisDecodedOperand *ops)
{
	for (unsigned i = 0; i < z->operand_count_visible; i++)
		if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return &ops[i];
	return NULL;
}

static u64 reference_address(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op,
			     struct regs *r, u64 fs, u64 gs)
{
	ZydisRegisterContext c = { 0 };
	ZydisDecodedOperand right = *op;
	ZyanU64 a = 0;

	/*
	 * Zydis 4.0 takes r13d for a base where a SIB byte says that there is none (SDM vol. 2,
	 * table 2-3), and forgets the displacement, if addresses have 32 bits.
	 */
	if (z->address_width == 32 && (z->attributes & ZYDIS_ATTRIB_HAS_SIB) && !z->raw.modrm.mod &&
	    z->raw.sib.base == 5) {
		right.mem.base = ZYDIS_REGISTER_NONE;
		right.mem.disp.has_displacement = ZYAN_TRUE;
		right.mem.disp.value = z->raw.disp.value;
	}

	for (unsigned i = 0; i < 16; i++)
		c.values[ZYDIS_REGISTER_RAX + i] = *regs_gpr(r, i);
	for (unsigned i = 0; i < 16; i++)
		c.values[ZYDIS_REGISTER_EAX + i] = (u32)*regs_gpr(r, i);
	FUZZ_CHECK(ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(z, &right, r->rip, &c, &a)),
		   "Zydis knows no address");
	if (z->address_width == 32)
		a = (u32)a;
	if (op->mem.segment == ZYDIS_REGISTER_FS)
		a += fs;
	else if (op->mem.segment == ZYDIS_REGISTER_GS)
		a += gs;
	return a;
}

static void check_operands(const struct insn *in, const ZydisDecodedInstruction *z,
			   const ZydisDecodedOperand *ops, struct regs *r)
{
	const ZydisDecodedOperand *mem = memory_operand(z, ops);

	if (in->has_modrm)
		FUZZ_CHECK(in->is_reg == !mem, "memory operand");
	if (in->kind == INSN_STOS || in->kind == INSN_MOVS || in->kind == INSN_INS ||
	    in->kind == INSN_OUTS) {
		for (unsigned i = 0; i < z->operand_count; i++)
			if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			    !!(ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) ==
				    (in->kind != INSN_OUTS))
				mem = &ops[i];
	}
	if (mem) {
		u64 want = reference_address(z, mem, r, 0x1234567000, 0xfedcba987000);
		u64 got = insn_address(in, r, 0x1234567000, 0xfedcba987000);

		FUZZ_CHECK(want == got, "address %lx, not %lx", got, want);
	}
	if (!uses_memory(in->kind))
		return;
	if (mem)
		FUZZ_CHECK(mem->size == in->size * 8, "operand of %u bits, not %u", mem->size,
			   in->size * 8);
	for (unsigned i = 0; i < z->operand_count_visible; i++) {
		const ZydisDecodedOperand *o = &ops[i];

		if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && in->has_imm) {
			u64 mask = in->size >= 8 ? ~0ULL : BIT(8 * in->size) - 1;

			if (in->kind == INSN_BTS || in->kind == INSN_BTR || in->kind == INSN_BTC ||
			    in->kind == INSN_BT)
				mask = 0xff;
			FUZZ_CHECK(!((o->imm.value.u ^ in->imm) & mask), "immediate %lx, not %lx",
				   in->imm, o->imm.value.u);
		}
		/* The source, or the register that is exchanged. */
		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && mem && !in->has_imm &&
		    in->kind != INSN_CMPXCHG8B && in->kind != INSN_STOS)
			FUZZ_CHECK(o->reg.value == gpr(in->reg, in->wide ? in->wide : in->size,
						       in->byte_high && !in->wide),
				   "register %u, not %s", in->reg,
				   ZydisRegisterGetString(o->reg.value));
	}
}

/*
 * What must be known: everything that reads or modifies memory by general registers and is on the
 * list. Not moves of segment registers, and no 16 bits by MOVSXD.
 */
static bool expected(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || z->operand_count_visible < 1 ||
	    (ops[0].type != ZYDIS_OPERAND_TYPE_MEMORY &&
	     (z->operand_count_visible < 2 || ops[1].type != ZYDIS_OPERAND_TYPE_MEMORY)) ||
	    (z->mnemonic == ZYDIS_MNEMONIC_MOV &&
	     (z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT || z->opcode == 0x8c ||
	      z->opcode == 0x8e)) ||
	    (z->mnemonic == ZYDIS_MNEMONIC_MOVSXD && z->operand_width == 16))
		return false;
	for (unsigned k = INSN_MOV_STORE; k <= INSN_POP; k++)
		if (names[k].one && (z->mnemonic == names[k].one ||
				     (names[k].two && z->mnemonic == names[k].two)))
			return true;
	return false;
}

static void check_bytes(const u8 *code, unsigned n, struct regs *r)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	struct insn in;
	bool known = insn_decode(code, n, &in);
	bool valid = n && ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, n, &z, ops));

	if (fuzz_verbose()) {
		for (unsigned i = 0; i < n; i++)
			fuzz_say("%02x ", code[i]);
		fuzz_say(": kind %u length %u size %u; Zydis %s length %u\n", in.kind, in.length,
			 in.size, valid ? ZydisMnemonicGetString(z.mnemonic) : "-",
			 valid ? z.length : 0);
	}
	if (!known) {
		FUZZ_CHECK(!valid || !expected(&z, ops), "%s is not decoded",
			   ZydisMnemonicGetString(z.mnemonic));
		return;
	}
	FUZZ_CHECK(in.length && in.length <= INSN_MAX_LENGTH && in.length <= n, "length %u",
		   in.length);
	if (!valid) {
		/*
		 * The processor raises #UD for it before it comes to us: control and debug
		 * registers that do not exist, prefixes that other instructions are told by.
		 */
		FUZZ_CHECK(!uses_memory(in.kind), "kind %u, and it is none", in.kind);
		return;
	}
	/* The privileged ones have prefixes that make others of them. */
	if (!same_name(&in, z.mnemonic)) {
		FUZZ_CHECK(!uses_memory(in.kind) && (in.rep || z.raw.prefix_count > 0),
			   "kind %u, and it is %s", in.kind, ZydisMnemonicGetString(z.mnemonic));
		return;
	}
	FUZZ_CHECK(in.length == z.length, "length %u, not %u", in.length, z.length);
	check_operands(&in, &z, ops, r);
}

/* The same by the processor: the memory operand, the registers and the flags. */
static void check_arithmetic(struct fuzz_in *f)
{
	static u64 mem[8];
	u8 code[INSN_MAX_LENGTH + 1];
	unsigned n = native_build(f, code);
	struct regs r = { 0 };
	struct insn in;
	u64 old, part, mask, flags;
	int writes;

	FUZZ_CHECK(insn_decode(code, n, &in) && in.length == n, "length %u, not %u", in.length, n);
	if (in.size > 8)
		return;
	for (unsigned i = 0; i < 16; i++)
		native_gpr[i] = fuzz_u8(f) & 1 ? fuzz_number(f) : fuzz_u64(f);
	old = fuzz_u8(f) & 1 ? native_gpr[0] : fuzz_u64(f);
	flags = fuzz_u16(f) & ARITH;
	native_gpr[7] = (u64)&mem[4];
	native_gpr[4] = 0;
	if (in.kind == INSN_CMPXCHG8B && fuzz_u8(f) & 1) {
		native_gpr[0] = (u32)old;
		native_gpr[2] = old >> 32;
	}
	for (unsigned i = 0; i < 16; i++)
		*regs_gpr(&r, i) = native_gpr[i];
	r.rflags = 0x202 | flags;
	/* rsp is not ours to give, and a bit number may lead far away. */
	if (in.has_modrm && in.reg == 4 && !in.byte_high)
		return;
	if ((in.kind == INSN_BTS || in.kind == INSN_BTR || in.kind == INSN_BTC) && !in.has_imm &&
	    regs_read(&r, in.reg, in.size, false) >= 8u * in.size)
		return;
	mask = in.size == 8 ? ~0ULL : BIT(8 * in.size) - 1;
	part = old & mask;
	writes = insn_modify(&in, &r, 0, &part);
	FUZZ_CHECK(writes >= 0, "kind %u is not done", in.kind);
	if (in.kind == INSN_STOS)
		r.rdi += in.size;

	mem[4] = old;
	mem[3] = mem[5] = 0x5555;
	memcpy(native_code, code, n);
	native_code[n] = 0xc3;
	native_flags = 0x202 | flags;
	native_run();
	old = writes ? (old & ~mask) | (part & mask) : old;
	FUZZ_CHECK(mem[4] == old && mem[3] == 0x5555 && mem[5] == 0x5555,
		   "kind %u size %u: memory is %lx, the processor makes it %lx", in.kind, in.size,
		   old, mem[4]);
	for (unsigned i = 0; i < 16; i++)
		FUZZ_CHECK(*regs_gpr(&r, i) == native_gpr[i],
			   "kind %u size %u: register %u is %lx, the processor makes it %lx",
			   in.kind, in.size, i, *regs_gpr(&r, i), native_gpr[i]);
	FUZZ_CHECK(!((r.rflags ^ native_flags) & native_defined(in.kind)),
		   "kind %u size %u: flags are %lx, the processor makes them %lx", in.kind, in.size,
		   r.rflags & ARITH, native_flags & ARITH);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	native_init();
	FUZZ_CHECK(ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
						 ZYDIS_STACK_WIDTH_64)), "Zydis");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	while (fuzz_more(&in)) {
		u8 code[17];
		unsigned n;
		struct regs r = { 0 };

		if (fuzz_u8(&in) & 1) {
			check_arithmetic(&in);
			continue;
		}
		fuzz_bytes(&in, &code[16], 1);
		n = (unsigned)fuzz_bytes(&in, code, code[16] & 0xf ? 15 : 7);
		for (unsigned i = 0; i < 16; i++)
			*regs_gpr(&r, i) = (i + 1) * 0x0123456789abcdefULL ^ code[16];
		r.rip = 0xffffffff80001000 + code[16];
		check_bytes(code, n, &r);
	}
	return 0;
}
