// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/emulate.c hypervisor/pv/decode.c hypervisor/pv/modify.c
// cflags: -Itests/fuzz
//
// The instructions that are done for an HVM guest that accesses a device: 64-bit ones beside the
// processor that runs the test, which must leave the same memory, registers and flags; those of 16
// and 32 bits, PUSH and POP, and what faults, by tables.

#include "suite.h"
#include <string.h>

#include "tests/fuzz/native_memory.h"

static void begin(void)
{
	if (!native_memory)
		native_memory_init();
}

TEST(test_processor, "as the processor does it")
{
	static u8 bytes[256];
	u64 seed = 1;
	unsigned done = 0;

	for (unsigned i = 0; i < 60000; i++) {
		struct fuzz_in in = { bytes, sizeof(bytes) };

		for (unsigned k = 0; k < sizeof(bytes); k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[k] = (u8)(seed >> 56);
		}
		done += native_compare(&in);
	}
	CU_ASSERT_TRUE(done > 30000);
}

/* ---- by tables ---- */

#define DATA   0xc93U /* writable, 32 bits, pages */
#define CODE   0xc9bU
#define DOWN   0x497U
#define RDONLY 0xc91U

static struct hvm_mode mode;
static struct hvm_emulation e;

static void set_mode(unsigned bits)
{
	mode = (struct hvm_mode){ .bits = bits, .protected = bits != 16 };
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		mode.segment[s] = (struct hvm_segment){ 0x100000 * s, bits == 16 ? 0xffff : ~0U,
							bits == 16 ? 0x93 : DATA };
	if (bits == 32)
		mode.segment[SEG_CS].attributes = CODE;
	e = (struct hvm_emulation){ 0 };
	for (unsigned i = 0; i < 16; i++)
		*regs_gpr(&e.regs, i) = 0x10 * (i + 1);
	e.regs.rip = 0x1000;
	e.regs.rflags = 2;
}

/* What begins `code` is wanted; false: not decoded. */
static bool decode(const u8 *code, unsigned n)
{
	return insn_decode_bits(code, n, mode.bits, &e.in) && e.in.length == n;
}

static enum hvm_emulated start(const u8 *code, unsigned n)
{
	CU_ASSERT_TRUE(decode(code, n));
	return hvm_emulate_begin(&mode, &e);
}
#define START(...) start((const u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }))
#define NOT_DECODED(...) \
	CU_ASSERT_FALSE(decode((const u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ })))

static bool operand(unsigned n, u64 va, unsigned size, bool read, bool write)
{
	const struct hvm_operand *o = &e.operand[n];

	return n < e.operands && o->va == va && o->size == size && o->read == read &&
	       o->write == write;
}

TEST(test_addresses_16, "addresses of 16 bits: bases, indices, displacements, wrapping")
{
	static const struct {
		u8 modrm, n;
		u32 offset;
		enum insn_segment segment;
	} rows[] = {
		/* bx 0x40, bp 0x60, si 0x70, di 0x80 */
		{ 0x00, 0, 0xb0, SEG_DS }, { 0x01, 0, 0xc0, SEG_DS }, { 0x02, 0, 0xd0, SEG_SS },
		{ 0x03, 0, 0xe0, SEG_SS }, { 0x04, 0, 0x70, SEG_DS }, { 0x05, 0, 0x80, SEG_DS },
		{ 0x06, 2, 0xfff0, SEG_DS }, { 0x07, 0, 0x40, SEG_DS },
		{ 0x46, 1, 0x50, SEG_SS }, { 0x47, 1, 0x30, SEG_DS },
		{ 0x84, 2, 0x60, SEG_DS }, { 0x86, 2, 0x50, SEG_SS },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		u8 code[] = { 0x8a, rows[i].modrm, 0xf0, 0xff };

		set_mode(16);
		CU_ASSERT_EQUAL(start(code, 2U + rows[i].n), HVM_EMULATED);
		if (!operand(0, 0x100000 * rows[i].segment + rows[i].offset, 1, true, false))
			CU_FAIL("an address");
	}
	/* mov %eax, 4(%ebx) by prefixes; mov (%bx), %ax in 32-bit code. */
	set_mode(16);
	CU_ASSERT_EQUAL(START(0x66, 0x67, 0x89, 0x43, 4), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x400044, 4, false, true));
	set_mode(32);
	e.regs.rbx = 0x12340050;
	CU_ASSERT_EQUAL(START(0x66, 0x67, 0x8b, 0x07), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x400050, 2, true, false));
	/* mov 0x1234, %al, in each. */
	set_mode(16);
	CU_ASSERT_EQUAL(START(0xa0, 0x34, 0x12), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x401234, 1, true, false));
	set_mode(32);
	CU_ASSERT_EQUAL(START(0x65, 0xa3, 0x34, 0x12, 0, 0x80), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x80601234, 4, false, true));
}

TEST(test_segments, "limits and rights of segments")
{
	/* Overrides, and the stack's by what the base is. */
	set_mode(32);
	CU_ASSERT_EQUAL(START(0x8b, 0x44, 0x24, 4), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x300054, 4, true, false));
	CU_ASSERT_EQUAL(START(0x3e, 0x8b, 0x45, 4), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x400064, 4, true, false));
	CU_ASSERT_EQUAL(START(0x2e, 0x8b, 0x07), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x200080, 4, true, false));
	/* Code is not written, nor is what is read-only; what is not there is neither. */
	CU_ASSERT_EQUAL(START(0x2e, 0x89, 0x07), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 13);
	mode.segment[SEG_CS].attributes = CODE & ~2U;
	CU_ASSERT_EQUAL(START(0x2e, 0x8b, 0x07), HVM_FAULT);
	mode.segment[SEG_DS].attributes = RDONLY;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_EMULATED);
	CU_ASSERT_EQUAL(START(0x01, 0x07), HVM_FAULT);
	mode.segment[SEG_DS].attributes = 0;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_FAULT);
	/* In real mode there are limits alone. */
	set_mode(16);
	mode.segment[SEG_CS].attributes = 0x9b;
	CU_ASSERT_EQUAL(START(0x2e, 0x88, 0x07), HVM_EMULATED);
	e.regs.rbx = 0xffff;
	CU_ASSERT_EQUAL(START(0x88, 0x07), HVM_EMULATED);
	CU_ASSERT_EQUAL(START(0x89, 0x07), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 13);
	e.regs.rbp = 0xffff;
	CU_ASSERT_EQUAL(START(0x89, 0x46, 0), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 12);
	/* The last byte counts; one that grows down has what is above. */
	set_mode(32);
	mode.segment[SEG_DS].limit = 0x83;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_EMULATED);
	mode.segment[SEG_DS].limit = 0x82;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_FAULT);
	mode.segment[SEG_DS].attributes = DOWN;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_FAULT);
	mode.segment[SEG_DS].limit = 0x7f;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_EMULATED);
	e.regs.rdi = 0xfffd;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_EMULATED);
	mode.segment[SEG_DS].attributes &= ~0x400U;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_FAULT);
	/* Linear addresses wrap. */
	set_mode(32);
	e.regs.rdi = 0xffc00000;
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0, 4, true, false));
	/* Who asks for it has alignment checked. */
	mode.aligned = true;
	CU_ASSERT_EQUAL(START(0x8b, 0x47, 4), HVM_EMULATED);
	CU_ASSERT_EQUAL(START(0x8b, 0x47, 2), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 17);
	CU_ASSERT_EQUAL(START(0x8a, 0x47, 1), HVM_EMULATED);
}

TEST(test_canonical, "64-bit code: bases of FS and GS, and what is no address")
{
	set_mode(64);
	CU_ASSERT_EQUAL(START(0x36, 0x8b, 0x07), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x80, 4, true, false));
	CU_ASSERT_EQUAL(START(0x65, 0x48, 0x8b, 0x07), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x600080, 8, true, false));
	mode.segment[SEG_GS].base = 0xffff800000000000;
	CU_ASSERT_EQUAL(START(0x65, 0x48, 0x8b, 0x07), HVM_EMULATED);
	e.regs.rdi = 0x7ffffffffff9;
	CU_ASSERT_EQUAL(START(0x48, 0x8b, 0x07), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 13);
	CU_ASSERT_EQUAL(START(0x8b, 0x07), HVM_EMULATED);
	e.regs.rbp = 0x800000000000;
	CU_ASSERT_EQUAL(START(0x8b, 0x45, 0), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 12);
	/* One's own way: r13 is no rbp; rip counts from the next one. */
	e.regs.r13 = 0x800000000000;
	CU_ASSERT_EQUAL(START(0x41, 0x8b, 0x45, 0), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 13);
	CU_ASSERT_EQUAL(START(0x83, 0x3d, 0x10, 0, 0, 0, 5), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x1017, 4, true, false));
	/* A bit far below: -65 is 3 words down. */
	e.regs.rdi = 0x2000;
	e.regs.rcx = 0xffffffbf;
	CU_ASSERT_EQUAL(START(0x0f, 0xab, 0x0f), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x2000 - 12, 4, true, true));
}

TEST(test_stack, "PUSH and POP")
{
	set_mode(64);
	e.regs.rsp = 0x8000;
	CU_ASSERT_EQUAL(START(0xff, 0x77, 0x10), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x90, 8, true, false) && operand(1, 0x7ff8, 8, false, true));
	e.operand[0].value = 0x123456789abcdef0;
	hvm_emulate_finish(&mode, &e);
	CU_ASSERT_TRUE(e.operand[1].value == 0x123456789abcdef0 && e.regs.rsp == 0x7ff8 &&
		       e.regs.rip == 0x1003);
	/* The address of one by rsp: as before a PUSH, as after a POP. */
	CU_ASSERT_EQUAL(START(0xff, 0x74, 0x24, 8), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x8000, 8, true, false) && operand(1, 0x7ff0, 8, false, true));
	CU_ASSERT_EQUAL(START(0x66, 0x8f, 0x44, 0x24, 8), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x7ff0, 2, true, false) && operand(1, 0x7ffa, 2, false, true));
	set_mode(32);
	e.regs.rsp = 0x20000;
	CU_ASSERT_EQUAL(START(0xff, 0x37), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x400080, 4, true, false) &&
		       operand(1, 0x31fffc, 4, false, true));
	/* A stack of 16 bits wraps there. */
	mode.segment[SEG_SS].attributes &= ~0x400U;
	e.regs.rsp = 0x20002;
	CU_ASSERT_EQUAL(START(0xff, 0x37), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(1, 0x30fffe, 4, false, true));
	CU_ASSERT_EQUAL(e.regs.rsp, 0x2fffe);
	mode.segment[SEG_SS].limit = 0xffff;
	e.regs.rsp = 0x20002;
	CU_ASSERT_EQUAL(START(0xff, 0x37), HVM_FAULT);
	CU_ASSERT_EQUAL(e.vector, 12);
}

TEST(test_strings, "rounds of a repeated instruction, by 16 and 32 bits")
{
	set_mode(16);
	e.regs.rsi = 0x1234fffe;
	e.regs.rdi = 0x10;
	e.regs.rcx = 0x10002;
	CU_ASSERT_EQUAL(START(0xf3, 0x26, 0xa5), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x10fffe, 2, true, false) &&
		       operand(1, 0x100010, 2, false, true));
	hvm_emulate_finish(&mode, &e);
	CU_ASSERT_TRUE(e.again && e.regs.rsi == 0x12340000 && e.regs.rdi == 0x12 &&
		       e.regs.rcx == 0x10001 && e.regs.rip == 0x1000);
	CU_ASSERT_EQUAL(hvm_emulate_begin(&mode, &e), HVM_EMULATED);
	hvm_emulate_finish(&mode, &e);
	CU_ASSERT_TRUE(!e.again && e.regs.rcx == 0x10000 && e.regs.rip == 0x1003);
	/* Nothing left of it: nothing is wanted. */
	e.regs.rip = 0x1000;
	CU_ASSERT_EQUAL(hvm_emulate_begin(&mode, &e), HVM_EMULATED);
	CU_ASSERT_EQUAL(e.operands, 0);
	hvm_emulate_finish(&mode, &e);
	CU_ASSERT_TRUE(!e.again && e.regs.rip == 0x1003 && e.regs.rcx == 0x10000);
	/* The second one is looked at, too, and ES is not overridden. */
	set_mode(32);
	mode.segment[SEG_ES].attributes = RDONLY;
	CU_ASSERT_EQUAL(START(0x65, 0xa4), HVM_FAULT);
	CU_ASSERT_EQUAL(START(0x65, 0xae), HVM_EMULATED);
	CU_ASSERT_TRUE(operand(0, 0x100080, 1, true, false));
}

TEST(test_others, "what is not done, and LOCK where it must not be")
{
	set_mode(64);
	/* No operand in memory; calls, multiplications, system registers, 16 bytes. */
	CU_ASSERT_EQUAL(START(0x01, 0xc0), HVM_UNKNOWN);
	CU_ASSERT_EQUAL(START(0x0f, 0x01, 0x38), HVM_UNKNOWN);
	CU_ASSERT_EQUAL(START(0x48, 0x0f, 0xc7, 0x0f), HVM_UNKNOWN);
	CU_ASSERT_EQUAL(START(0xf4), HVM_UNKNOWN);
	NOT_DECODED(0xff, 0x17);
	NOT_DECODED(0xf7, 0x27);
	NOT_DECODED(0x0f, 0x6f, 0x07);
	NOT_DECODED(0xf0, 0x8b, 0x07);
	NOT_DECODED(0xf0, 0x39, 0x07);
	NOT_DECODED(0xf0, 0x85, 0x07);
	NOT_DECODED(0xf0, 0x0f, 0xa3, 0x07);
	NOT_DECODED(0xf0, 0x03, 0x07);
	NOT_DECODED(0xf0, 0xa4);
	CU_ASSERT_EQUAL(START(0xf0, 0x11, 0x07), HVM_EMULATED);
	set_mode(32);
	NOT_DECODED(0x63, 0x07);
	NOT_DECODED(0x40);
	/* A compare-exchange that does not match writes, too. */
	set_mode(64);
	CU_ASSERT_EQUAL(START(0xf0, 0x0f, 0xb1, 0x0f), HVM_EMULATED);
	e.operand[0].value = 7;
	hvm_emulate_finish(&mode, &e);
	CU_ASSERT_TRUE(e.operand[0].write && e.operand[0].value == 7 && e.regs.rax == 7);
}

SUITE("hvm_emulate", .begin = begin)
