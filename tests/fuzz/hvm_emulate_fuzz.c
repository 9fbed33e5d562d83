// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/emulate.c hypervisor/pv/decode.c hypervisor/pv/modify.c
// options: -max_len=256
//
// What is done for an HVM guest that accesses a device, in 64-bit code, beside the processor: the
// operands, registers, flags, repetition. And any bytes at all, in code of 16, 32 and 64 bits with
// segments of any kind: what is asked for lies within the segment, or is a fault that has a reason.

#include "native_memory.h"
#include "cpu/layout.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	native_memory_init();
	return 0;
}

static void any_segment(struct fuzz_in *in, struct hvm_segment *s)
{
	u8 how = fuzz_u8(in);

	s->base = how & 1 ? fuzz_u32(in) : 0;
	s->limit = how & 2 ? (u32)fuzz_number(in) : ~0U;
	s->attributes = (how & 4 ? 0 : 0x80) | (how >> 4) | 0x10 | (how & 8 ? 0x400 : 0);
}

/* Once more, from the manual: 5.3 and 5.5 of SDM vol. 3A, and what is canonical. */
static bool may_reach(const struct hvm_mode *mode, const struct hvm_operand *o)
{
	if (mode->bits == 64)
		return (s64)o->va >> 47 == 0 || (s64)o->va >> 47 == -1;
	if (o->va >> 32)
		return false;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++) {
		const struct hvm_segment *g = &mode->segment[s];
		u64 first = (u32)(o->va - g->base), last = first + o->size - 1;
		bool down = (g->attributes & 0xc) == 4, code = g->attributes & 8;

		if (mode->protected && (!(g->attributes & 0x80) ||
					(o->write && (code || !(g->attributes & 2))) ||
					(o->read && code && !(g->attributes & 2))))
			continue;
		if (down ? first > g->limit && last <= (g->attributes & 0x400 ? ~0U : 0xffffU) :
			   last <= g->limit)
			return true;
	}
	return false;
}

static void any_bytes(struct fuzz_in *in)
{
	static const u8 bits[4] = { 16, 32, 64, 64 };
	struct hvm_emulation e = { 0 }, before;
	struct hvm_mode mode = { 0 };
	u8 code[INSN_MAX_LENGTH], how = fuzz_u8(in);
	enum hvm_emulated what;

	mode.bits = bits[how & 3];
	mode.protected = mode.bits == 64 || how & 4;
	mode.aligned = (how & 0x18) == 0x18;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		any_segment(in, &mode.segment[s]);
	for (unsigned i = 0; i < 16; i++)
		*regs_gpr(&e.regs, i) = fuzz_number(in);
	fuzz_bytes(in, code, sizeof(code));
	if (!insn_decode_bits(code, how & 0x20 ? 15 : 5, mode.bits, &e.in))
		return;
	e.regs.rip = fuzz_u32(in);
	before = e;
	what = hvm_emulate_begin(&mode, &e);
	fuzz_say("%u bits, %02x %02x %02x %02x kind %u size %u: %d, %u operands\n", mode.bits,
		 code[0], code[1], code[2], code[3], e.in.kind, e.in.size, what, e.operands);
	if (what == HVM_FAULT) {
		FUZZ_CHECK(e.vector == 12 || e.vector == 13 || (e.vector == 17 && mode.aligned),
			   "vector %u", e.vector);
		return;
	}
	if (what == HVM_UNKNOWN)
		return;
	FUZZ_CHECK(e.operands <= 2, "%u operands", e.operands);
	for (unsigned k = 0; k < e.operands; k++) {
		const struct hvm_operand *o = &e.operand[k];

		FUZZ_CHECK(o->size && o->size <= 8 && !(o->size & (o->size - 1)) &&
				   (o->read || o->write), "size %u", o->size);
		FUZZ_CHECK(may_reach(&mode, o), "%lx is reached", o->va);
		FUZZ_CHECK(!mode.aligned || !(o->va & (o->size - 1)), "%lx is not aligned", o->va);
		FUZZ_CHECK(!k || o->read <= e.operand[0].read, "written first");
	}
	e.operand[0].value = fuzz_number(in);
	e.operand[1].value = fuzz_number(in);
	hvm_emulate_finish(&mode, &e);
	FUZZ_CHECK(e.again ? e.regs.rip == before.regs.rip && e.in.rep :
			     e.regs.rip == (mode.bits == 64 ? before.regs.rip + e.in.length :
					    (u32)(before.regs.rip + e.in.length)), "rip");
	FUZZ_CHECK(!((e.regs.rflags ^ before.regs.rflags) & ~(u64)ARITH), "flags");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	while (fuzz_more(&in)) {
		if (fuzz_u8(&in) & 3)
			(void)native_compare(&in);
		else
			any_bytes(&in);
	}
	return 0;
}
