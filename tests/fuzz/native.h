/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_NATIVE_H
#define ANNULUS_TESTS_FUZZ_NATIVE_H

/*
 * Instructions that write to memory, put together from a fuzzer's bytes and done by the processor
 * itself. Included once, by a fuzzer's only file.
 */
#include <sys/mman.h>

#include "pv/decode.h"
#include "pv/ptwr.h"
#include "tests/fuzz/fuzz.h"

#define ARITH_CF 1u
#define ARITH_PF 4u
#define ARITH_AF 0x10u
#define ARITH_ZF 0x40u
#define ARITH_SF 0x80u
#define ARITH_OF 0x800u
#define ARITH (ARITH_CF | ARITH_PF | ARITH_AF | ARITH_ZF | ARITH_SF | ARITH_OF)

/* General registers in the order of their numbers, but without rsp, and the flags. */
u64 native_gpr[16], native_flags;
u8 *native_code;
void native_run(void);

__asm__(".text\n"
	"native_run:\n"
	"	pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
	"	pushq native_flags(%rip); popfq\n"
	"	movq native_gpr(%rip), %rax; movq native_gpr+8(%rip), %rcx\n"
	"	movq native_gpr+16(%rip), %rdx; movq native_gpr+24(%rip), %rbx\n"
	"	movq native_gpr+40(%rip), %rbp; movq native_gpr+48(%rip), %rsi\n"
	"	movq native_gpr+56(%rip), %rdi; movq native_gpr+64(%rip), %r8\n"
	"	movq native_gpr+72(%rip), %r9; movq native_gpr+80(%rip), %r10\n"
	"	movq native_gpr+88(%rip), %r11; movq native_gpr+96(%rip), %r12\n"
	"	movq native_gpr+104(%rip), %r13; movq native_gpr+112(%rip), %r14\n"
	"	movq native_gpr+120(%rip), %r15\n"
	"	callq *native_code(%rip)\n"
	"	pushfq; popq native_flags(%rip)\n"
	"	movq %rax, native_gpr(%rip); movq %rcx, native_gpr+8(%rip)\n"
	"	movq %rdx, native_gpr+16(%rip); movq %rbx, native_gpr+24(%rip)\n"
	"	movq %rbp, native_gpr+40(%rip); movq %rsi, native_gpr+48(%rip)\n"
	"	movq %rdi, native_gpr+56(%rip); movq %r8, native_gpr+64(%rip)\n"
	"	movq %r9, native_gpr+72(%rip); movq %r10, native_gpr+80(%rip)\n"
	"	movq %r11, native_gpr+88(%rip); movq %r12, native_gpr+96(%rip)\n"
	"	movq %r13, native_gpr+104(%rip); movq %r14, native_gpr+112(%rip)\n"
	"	movq %r15, native_gpr+120(%rip)\n"
	"	cld\n"
	"	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
	"	ret\n");

static void native_init(void)
{
	native_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_CHECK(native_code != MAP_FAILED, "no page for code");
}

/*
 * An instruction with its memory operand at (rdi) that writes there, or might. Its length; it has
 * at most 15 bytes.
 */
static __attribute__((unused)) unsigned native_build(struct fuzz_in *in, u8 *code)
{
	/*
	 * Opcode bytes, digit of the group (8: any register, 9: no ModRM), bytes of immediate (9:
	 * operand size).
	 */
	static const struct {
		u8 n, op[2], digit, imm;
	} table[] = {
		{ 1, { 0x88 }, 8, 0 }, { 1, { 0x89 }, 8, 0 }, { 1, { 0xc6 }, 0, 1 },
		{ 1, { 0xc7 }, 0, 9 }, { 1, { 0x00 }, 8, 0 }, { 1, { 0x01 }, 8, 0 },
		{ 1, { 0x08 }, 8, 0 }, { 1, { 0x09 }, 8, 0 }, { 1, { 0x20 }, 8, 0 },
		{ 1, { 0x21 }, 8, 0 }, { 1, { 0x28 }, 8, 0 }, { 1, { 0x29 }, 8, 0 },
		{ 1, { 0x30 }, 8, 0 }, { 1, { 0x31 }, 8, 0 }, { 1, { 0x80 }, 0, 1 },
		{ 1, { 0x81 }, 1, 9 }, { 1, { 0x83 }, 4, 1 }, { 1, { 0x80 }, 4, 1 },
		{ 1, { 0x81 }, 5, 9 }, { 1, { 0x83 }, 6, 1 }, { 1, { 0x86 }, 8, 0 },
		{ 1, { 0x87 }, 8, 0 }, { 2, { 0x0f, 0xc0 }, 8, 0 }, { 2, { 0x0f, 0xc1 }, 8, 0 },
		{ 2, { 0x0f, 0xb0 }, 8, 0 }, { 2, { 0x0f, 0xb1 }, 8, 0 },
		{ 2, { 0x0f, 0xc7 }, 1, 0 }, { 2, { 0x0f, 0xab }, 8, 0 },
		{ 2, { 0x0f, 0xb3 }, 8, 0 }, { 2, { 0x0f, 0xbb }, 8, 0 },
		{ 2, { 0x0f, 0xba }, 5, 1 }, { 2, { 0x0f, 0xba }, 6, 1 },
		{ 2, { 0x0f, 0xba }, 7, 1 }, { 1, { 0xfe }, 0, 0 }, { 1, { 0xfe }, 1, 0 },
		{ 1, { 0xff }, 0, 0 }, { 1, { 0xff }, 1, 0 }, { 1, { 0xf6 }, 2, 0 },
		{ 1, { 0xf7 }, 2, 0 }, { 1, { 0xf6 }, 3, 0 }, { 1, { 0xf7 }, 3, 0 },
		{ 1, { 0x80 }, 1, 1 }, { 1, { 0x80 }, 6, 1 }, { 1, { 0x83 }, 0, 1 },
		{ 1, { 0xaa }, 9, 0 }, { 1, { 0xab }, 9, 0 },
	};
	u8 which = fuzz_below(in, ARRAY_SIZE(table)), how = fuzz_u8(in), reg = fuzz_u8(in);
	unsigned n = 0, imm = table[which].imm;
	bool wide = how & 4 || reg & 8, plain = table[which].digit == 9;

	if (how & 1 && !plain && which > 3) /* not for mov */
		code[n++] = 0xf0;
	if (how & 2)
		code[n++] = 0x66;
	if (how & 8 || wide)
		code[n++] = (u8)(0x40 | (how & 4 ? 8 : 0) | (reg & 8 && !plain ? 4 : 0));
	for (unsigned i = 0; i < table[which].n; i++)
		code[n++] = table[which].op[i];
	if (!plain)
		code[n++] = (u8)((table[which].digit < 8 ? table[which].digit : reg & 7) << 3 | 7);
	if (imm == 9)
		imm = how & 4 || !(how & 2) ? 4 : 2;
	fuzz_bytes(in, code + n, imm);
	return n + imm;
}

/* Which arithmetic flags an instruction defines or leaves as they are. */
static u64 native_defined(enum insn_kind kind)
{
	switch (kind) {
	case INSN_AND: case INSN_OR: case INSN_XOR: return ARITH & ~ARITH_AF;
	case INSN_BTS: case INSN_BTR: case INSN_BTC: return ARITH_CF | ARITH_ZF;
	default: return ARITH;
	}
}

#endif
