// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/decode.c hypervisor/pv/modify.c
//
// The instruction decoder against encodings from the assembler, and the arithmetic of decoded
// instructions against the processor that runs the test: each is executed with random operands and
// must leave the same memory, registers and flags.

#include "suite.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pv/decode.h"
#include "pv/ptwr.h"

struct sample {
	const char *text;
	u8 code[16];
	unsigned n;
	enum insn_kind kind;
	unsigned size;
	u64 address; /* 0: has no memory operand */
	int reg;     /* -1: not looked at */
	s64 imm;     /* 0 with has_imm false */
};

/* rax 0x100, rcx 0x200 and so on by register number; rip 0x5000. */
#define R(n) (((n) + 1) * 0x100ULL)

static const struct sample samples[] = {
	{ "mov %rax,(%rdi)", { 0x48, 0x89, 0x07 }, 3, INSN_MOV_STORE, 8, R(7), 0, 0 },
	{ "mov %r9,0x10(%r13)", { 0x4d, 0x89, 0x4d, 0x10 }, 4, INSN_MOV_STORE, 8, R(13) + 0x10, 9,
	 0 },
	{ "mov %ecx,-4(%rax,%rbx,8)", { 0x89, 0x4c, 0xd8, 0xfc }, 4, INSN_MOV_STORE, 4,
	 R(0) + R(3) * 8 - 4, 1, 0 },
	{ "mov %cl,(%rsp)", { 0x88, 0x0c, 0x24 }, 3, INSN_MOV_STORE, 1, R(4), 1, 0 },
	{ "mov %dx,(%r12)", { 0x66, 0x41, 0x89, 0x14, 0x24 }, 5, INSN_MOV_STORE, 2, R(12), 2, 0 },
	{ "mov %rax,0x1000(%rip)", { 0x48, 0x89, 0x05, 0, 0x10, 0, 0 }, 7, INSN_MOV_STORE, 8,
	  0x5000 + 7 + 0x1000, 0, 0 },
	{ "mov %rax,0x2000", { 0x48, 0x89, 0x04, 0x25, 0, 0x20, 0, 0 }, 8, INSN_MOV_STORE, 8,
	 0x2000, 0, 0 },
	{ "movq $-1,(%rdi)", { 0x48, 0xc7, 0x07, 0xff, 0xff, 0xff, 0xff }, 7, INSN_MOV_STORE_IMM,
	 8, R(7), -1, -1 },
	{ "movb $5,1(%rsi)", { 0xc6, 0x46, 0x01, 0x05 }, 4, INSN_MOV_STORE_IMM, 1, R(6) + 1, -1,
	 5 },
	{ "movw $0x1234,(%rsi)", { 0x66, 0xc7, 0x06, 0x34, 0x12 }, 5, INSN_MOV_STORE_IMM, 2, R(6),
	 -1, 0x1234 },
	{ "lock andb $-3,(%rdi)", { 0xf0, 0x80, 0x27, 0xfd }, 4, INSN_AND, 1, R(7), -1, -3 },
	{ "lock andq $-3,(%rdi)", { 0xf0, 0x48, 0x83, 0x27, 0xfd }, 5, INSN_AND, 8, R(7), -1, -3 },
	{ "lock orl $0x12345678,(%rdi)", { 0xf0, 0x81, 0x0f, 0x78, 0x56, 0x34, 0x12 }, 7, INSN_OR,
	 4, R(7),
	  -1, 0x12345678 },
	{ "xor %rax,(%rdi)", { 0x48, 0x31, 0x07 }, 3, INSN_XOR, 8, R(7), 0, 0 },
	{ "xchg %rax,(%rdi)", { 0x48, 0x87, 0x07 }, 3, INSN_XCHG, 8, R(7), 0, 0 },
	{ "lock cmpxchg %rsi,(%rdi)", { 0xf0, 0x48, 0x0f, 0xb1, 0x37 }, 5, INSN_CMPXCHG, 8, R(7),
	 6, 0 },
	{ "lock cmpxchg8b (%rdi)", { 0xf0, 0x0f, 0xc7, 0x0f }, 4, INSN_CMPXCHG8B, 8, R(7), -1, 0 },
	{ "lock cmpxchg16b (%rdi)", { 0xf0, 0x48, 0x0f, 0xc7, 0x0f }, 5, INSN_CMPXCHG8B, 16, R(7),
	 -1, 0 },
	{ "lock btrq $1,(%rdi)", { 0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01 }, 6, INSN_BTR, 8, R(7), -1,
	 1 },
	{ "lock btr %rax,(%rdi)", { 0xf0, 0x48, 0x0f, 0xb3, 0x07 }, 5, INSN_BTR, 8, R(7), 0, 0 },
	{ "lock bts %eax,(%rdi)", { 0xf0, 0x0f, 0xab, 0x07 }, 4, INSN_BTS, 4, R(7), 0, 0 },
	{ "lock btc %eax,(%rdi)", { 0xf0, 0x0f, 0xbb, 0x07 }, 4, INSN_BTC, 4, R(7), 0, 0 },
	{ "lock xadd %rax,(%rdi)", { 0xf0, 0x48, 0x0f, 0xc1, 0x07 }, 5, INSN_XADD, 8, R(7), 0, 0 },
	{ "lock incq (%rdi)", { 0xf0, 0x48, 0xff, 0x07 }, 4, INSN_INC, 8, R(7), -1, 0 },
	{ "notl (%rdi)", { 0xf7, 0x17 }, 2, INSN_NOT, 4, R(7), -1, 0 },
	{ "rep stos %rax", { 0xf3, 0x48, 0xab }, 3, INSN_STOS, 8, R(7), -1, 0 },
	{ "rep stosb", { 0xf3, 0xaa }, 2, INSN_STOS, 1, R(7), -1, 0 },
	{ "adc %eax,(%rdi)", { 0x11, 0x07 }, 2, INSN_ADC, 4, R(7), 0, 0 },
	{ "sbbb $1,(%rdi)", { 0x80, 0x1f, 1 }, 3, INSN_SBB, 1, R(7), -1, 1 },
	{ "mov (%rdi),%rcx", { 0x48, 0x8b, 0x0f }, 3, INSN_MOV_LOAD, 8, R(7), 1, 0 },
	{ "mov 0x1122334455667788,%al", { 0xa0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11 },
	 9, INSN_MOV_LOAD, 1, 0x1122334455667788, 0, 0 },
	{ "mov %eax,0xf0000000 by 32 bits", { 0x67, 0xa3, 0, 0, 0, 0xf0 }, 6, INSN_MOV_STORE, 4,
	 0xf0000000, 0, 0 },
	{ "movzwl (%rdi),%ecx", { 0x0f, 0xb7, 0x0f }, 3, INSN_MOVZX, 2, R(7), 1, 0 },
	{ "movsbq (%rdi),%rcx", { 0x48, 0x0f, 0xbe, 0x0f }, 4, INSN_MOVSX, 1, R(7), 1, 0 },
	{ "movslq (%rdi),%rcx", { 0x48, 0x63, 0x0f }, 3, INSN_MOVSX, 4, R(7), 1, 0 },
	{ "xor (%rdi),%dx", { 0x66, 0x33, 0x17 }, 3, INSN_LOAD_OP, 2, R(7), 2, 0 },
	{ "cmpb $1,(%rdi)", { 0x80, 0x3f, 1 }, 3, INSN_CMP, 1, R(7), -1, 1 },
	{ "cmp %al,(%rdi)", { 0x38, 0x07 }, 2, INSN_CMP, 1, R(7), 0, 0 },
	{ "testl $-2,(%rdi)", { 0xf7, 0x07, 0xfe, 0xff, 0xff, 0xff }, 6, INSN_TEST, 4, R(7), -1,
	 -2 },
	{ "test %rax,(%rdi)", { 0x48, 0x85, 0x07 }, 3, INSN_TEST, 8, R(7), 0, 0 },
	{ "bt $3,(%rdi)", { 0x0f, 0xba, 0x27, 3 }, 4, INSN_BT, 4, R(7), -1, 3 },
	{ "bt %rax,(%rdi)", { 0x48, 0x0f, 0xa3, 0x07 }, 4, INSN_BT, 8, R(7), 0, 0 },
	{ "push (%rdi)", { 0xff, 0x37 }, 2, INSN_PUSH, 8, R(7), -1, 0 },
	{ "pop 4(%rdi)", { 0x8f, 0x47, 4 }, 3, INSN_POP, 8, R(7) + 4, -1, 0 },
	{ "repne scasb", { 0xf2, 0xae }, 2, INSN_SCAS, 1, R(7), -1, 0 },
	{ "lodsq", { 0x48, 0xad }, 2, INSN_LODS, 8, R(6), -1, 0 },
	{ "repe cmpsw", { 0xf3, 0x66, 0xa7 }, 3, INSN_CMPS, 2, R(6), -1, 0 },
	{ "rep movsq", { 0xf3, 0x48, 0xa5 }, 3, INSN_MOVS, 8, R(7), -1, 0 },
	{ "in $0x71,%al", { 0xe4, 0x71 }, 2, INSN_IN, 1, 0, -1, 0x71 },
	{ "in $0xf0,%eax", { 0xe5, 0xf0 }, 2, INSN_IN, 4, 0, -1, 0xf0 },
	{ "in (%dx),%ax", { 0x66, 0xed }, 2, INSN_IN, 2, 0, -1, 0 },
	{ "out %eax,(%dx)", { 0xef }, 1, INSN_OUT, 4, 0, -1, 0 },
	{ "rex.w out %eax,(%dx)", { 0x48, 0xef }, 2, INSN_OUT, 4, 0, -1, 0 },
	{ "out %al,$0x80", { 0xe6, 0x80 }, 2, INSN_OUT, 1, 0, -1, 0x80 },
	{ "rep insw", { 0xf3, 0x66, 0x6d }, 3, INSN_INS, 2, R(7), -1, 0 },
	{ "rep outsl", { 0xf3, 0x6f }, 2, INSN_OUTS, 4, R(6), -1, 0 },
	{ "rdmsr", { 0x0f, 0x32 }, 2, INSN_RDMSR, 0, 0, -1, 0 },
	{ "wrmsr", { 0x0f, 0x30 }, 2, INSN_WRMSR, 0, 0, -1, 0 },
	{ "mov %cr0,%rax", { 0x0f, 0x20, 0xc0 }, 3, INSN_MOV_FROM_CR, 8, 0, 0, 0 },
	{ "mov %rbx,%cr4", { 0x0f, 0x22, 0xe3 }, 3, INSN_MOV_TO_CR, 8, 0, 4, 0 },
	{ "mov %r9,%cr8", { 0x45, 0x0f, 0x22, 0xc1 }, 4, INSN_MOV_TO_CR, 8, 0, 8, 0 },
	{ "mov %db7,%rcx", { 0x0f, 0x21, 0xf9 }, 3, INSN_MOV_FROM_DR, 8, 0, 7, 0 },
	{ "mov %rcx,%db7", { 0x0f, 0x23, 0xf9 }, 3, INSN_MOV_TO_DR, 8, 0, 7, 0 },
	{ "clts", { 0x0f, 0x06 }, 2, INSN_CLTS, 0, 0, -1, 0 },
	{ "hlt", { 0xf4 }, 1, INSN_HLT, 0, 0, -1, 0 },
	{ "cli", { 0xfa }, 1, INSN_CLI, 0, 0, -1, 0 },
	{ "sti", { 0xfb }, 1, INSN_STI, 0, 0, -1, 0 },
	{ "invlpg (%rax)", { 0x0f, 0x01, 0x38 }, 3, INSN_INVLPG, 0, R(0), -1, 0 },
	{ "wbinvd", { 0x0f, 0x09 }, 2, INSN_WBINVD, 0, 0, -1, 0 },
	{ "invd", { 0x0f, 0x08 }, 2, INSN_INVD, 0, 0, -1, 0 },
	{ "lmsw %ax", { 0x0f, 0x01, 0xf0 }, 3, INSN_LMSW, 2, 0, -1, 0 },
	{ "smsw %eax", { 0x0f, 0x01, 0xe0 }, 3, INSN_SMSW, 4, 0, -1, 0 },
	{ "lgdt (%rax)", { 0x0f, 0x01, 0x10 }, 3, INSN_LGDT, 0, R(0), -1, 0 },
	{ "lidt (%rax)", { 0x0f, 0x01, 0x18 }, 3, INSN_LIDT, 0, R(0), -1, 0 },
	{ "sgdt (%rax)", { 0x0f, 0x01, 0x00 }, 3, INSN_SGDT, 0, R(0), -1, 0 },
	{ "lldt %ax", { 0x0f, 0x00, 0xd0 }, 3, INSN_LLDT, 0, 0, -1, 0 },
	{ "ltr %ax", { 0x0f, 0x00, 0xd8 }, 3, INSN_LTR, 0, 0, -1, 0 },
	{ "xgetbv", { 0x0f, 0x01, 0xd0 }, 3, INSN_XGETBV, 0, 0, -1, 0 },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 }, 3, INSN_XSETBV, 0, 0, -1, 0 },
	{ "swapgs", { 0x0f, 0x01, 0xf8 }, 3, INSN_SWAPGS, 0, 0, -1, 0 },
	{ "rdtscp", { 0x0f, 0x01, 0xf9 }, 3, INSN_RDTSCP, 0, 0, -1, 0 },
	{ "monitor", { 0x0f, 0x01, 0xc8 }, 3, INSN_MONITOR, 0, 0, -1, 0 },
	{ "mwait", { 0x0f, 0x01, 0xc9 }, 3, INSN_MWAIT, 0, 0, -1, 0 },
	{ "cpuid", { 0x0f, 0xa2 }, 2, INSN_CPUID, 0, 0, -1, 0 },
	{ "rdtsc", { 0x0f, 0x31 }, 2, INSN_RDTSC, 0, 0, -1, 0 },
	{ "rdpmc", { 0x0f, 0x33 }, 2, INSN_RDPMC, 0, 0, -1, 0 },
	{ "iretq", { 0x48, 0xcf }, 2, INSN_IRET, 0, 0, -1, 0 },
	{ "sysretq", { 0x48, 0x0f, 0x07 }, 3, INSN_SYSRET, 0, 0, -1, 0 },
};

static void registers(struct regs *r)
{
	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < 16; i++)
		*regs_gpr(r, i) = R(i);
	r->rip = 0x5000;
}

TEST(test_samples, "encodings")
{
	for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		struct insn in;
		struct regs r;
		bool ok = insn_decode(s->code, 15, &in);

		registers(&r);
		ok = ok && in.kind == s->kind && in.length == s->n && (!s->size ||
				in.size == s->size) &&
		     (s->reg < 0 || in.reg == s->reg) && (!s->address || insn_address(&in, &r, 0,
				0) == s->address) &&
		     (s->imm == 0 || (in.has_imm && (s64)in.imm == s->imm));
		if (!ok)
			fprintf(stderr,
				"%s: kind %d length %u size %u reg %u address %lx imm %lx\n",
				s->text,
				in.kind, in.length, in.size, in.reg, insn_address(&in, &r, 0, 0),
					in.imm);
		CU_ASSERT_TRUE(ok);
		for (unsigned n = 0; n < s->n; n++) {
			u8 *cut = malloc(n ? n : 1);

			/* Exactly so long, for the address sanitizer. */
			memcpy(cut, s->code, n);
			CU_ASSERT_FALSE(insn_decode(cut, n, &in));
			free(cut);
		}
	}
}

TEST(test_prefixes, "prefixes")
{
	/* REX counts only directly before the opcode: this is a 16-bit store. */
	static const u8 lost_rex[] = { 0x48, 0x66, 0x89, 0x07 };
	static const u8 fs[] = { 0x64, 0x48, 0x89, 0x07 }, gs[] = { 0x65, 0x48, 0x89, 0x07 };
	static const u8 fs_es[] = { 0x64, 0x26, 0x48, 0x89, 0x07 };
	static const u8 addr32[] = { 0x67, 0x48, 0x89, 0x07 };
	/* addb $0x21, 0x22802d80(, %r12d): no base, though REX.B makes one of 5 otherwise. */
	static const u8 no_base[] = { 0x67, 0x43, 0x80, 0x04, 0x25, 0x80, 0x2d, 0x80, 0x22, 0x21 };
	static const u8 lock_mov[] = { 0xf0, 0x48, 0x89, 0x07 }, lock_reg[] = { 0xf0, 0x48, 0x01,
			0xc7 };
	static const u8 lock_hlt[] = { 0xf0, 0xf4 };
	static const u8 ah[] = { 0x88, 0x27 }, spl[] = { 0x40, 0x88, 0x27 };
	u8 endless[16];
	struct insn in;
	struct regs r;

	registers(&r);
	CU_ASSERT_TRUE(insn_decode(lost_rex, sizeof(lost_rex), &in) && in.size == 2 &&
		       in.length == 4);
	CU_ASSERT_TRUE(insn_decode(fs, sizeof(fs), &in) && insn_address(&in, &r, 0x10000,
			0x20000) == 0x10000 + R(7));
	CU_ASSERT_TRUE(insn_decode(fs_es, sizeof(fs_es), &in) && insn_address(&in, &r, 0x10000,
			0x20000) == 0x10000 + R(7));
	CU_ASSERT_TRUE(insn_decode(gs, sizeof(gs), &in) && insn_address(&in, &r, 0x10000,
			0x20000) == 0x20000 + R(7));
	r.rdi = 0x123456789aULL;
	CU_ASSERT_TRUE(insn_decode(addr32, sizeof(addr32), &in) && insn_address(&in, &r, 0,
			0) == 0x3456789a);
	CU_ASSERT_TRUE(insn_decode(no_base, sizeof(no_base), &in) && insn_address(&in, &r, 0,
			0) == (u32)(R(12) + 0x22802d80));
	CU_ASSERT_FALSE(insn_decode(lock_mov, sizeof(lock_mov), &in));
	CU_ASSERT_FALSE(insn_decode(lock_reg, sizeof(lock_reg), &in));
	CU_ASSERT_FALSE(insn_decode(lock_hlt, sizeof(lock_hlt), &in));
	r.rax = 0x1122;
	r.rsp = 0x77;
	CU_ASSERT_TRUE(insn_decode(ah, sizeof(ah), &in) && regs_read(&r, in.reg, 1,
			in.byte_high) == 0x11);
	CU_ASSERT_TRUE(insn_decode(spl, sizeof(spl), &in) && regs_read(&r, in.reg, 1,
			in.byte_high) == 0x77);
	memset(endless, 0x66, sizeof(endless));
	CU_ASSERT_FALSE(insn_decode(endless, sizeof(endless), &in));
	endless[15] = 0xf4; /* the sixteenth byte does not count */
	CU_ASSERT_FALSE(insn_decode(endless, sizeof(endless), &in));
}

TEST(test_unknown, "other instructions")
{
	static const u8 others[][3] = {
		{ 0x90 }, { 0xcc }, { 0xc3 }, { 0x0f, 0x05 }, { 0x0f, 0x0b }, { 0xff, 0xd0 },
		{ 0x0f, 0xc7, 0xc9 }, { 0xf6, 0x27 }, { 0x0f, 0xba, 0x07 }, { 0xff, 0x27 },
		{ 0x8f, 0x4f, 1 }, { 0x66, 0x63, 0x07 },
	};
	struct insn in;

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		CU_ASSERT_FALSE(insn_decode(others[i], 3, &in));
}

TEST(test_random_bytes, "random bytes")
{
	unsigned known = 0;

	srand(1);
	for (unsigned i = 0; i < 2000000; i++) {
		unsigned n = (unsigned)rand() % 18;
		u8 *code = malloc(n ? n : 1);
		struct insn in;
		struct regs r;

		for (unsigned k = 0; k < n; k++)
			code[k] = (u8)(rand() >> 5);
		if (insn_decode(code, n, &in)) {
			known++;
			CU_ASSERT_TRUE_FATAL(in.length && in.length <= 15 && in.length <= n);
			CU_ASSERT_TRUE_FATAL(in.size == 1 || in.size == 2 || in.size == 4 ||
					     in.size == 8 ||
					     in.size == 16);
			registers(&r);
			(void)insn_address(&in, &r, 0, 0);
		}
		free(code);
	}
	CU_ASSERT_TRUE(known > 1000);
}

/* ---- arithmetic ---- */

#define CF 1u
#define PF 4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define OF 0x800u
#define ALL (CF | PF | AF | ZF | SF | OF)

struct operation {
	u8 code[8];
	unsigned n, flags; /* the flags that are defined afterwards */
};

/* Memory at rdi, register operand rsi. */
static const struct operation operations[] = {
	{ { 0x48, 0x89, 0x37 }, 3, ALL },              /* mov */
	{ { 0x66, 0x89, 0x37 }, 3, ALL },
	{ { 0x48, 0xc7, 0x07, 1, 2, 3, 0x84 }, 7, ALL },
	{ { 0x48, 0x21, 0x37 }, 3, ALL & ~AF },        /* and */
	{ { 0x21, 0x37 }, 2, ALL & ~AF },
	{ { 0xf0, 0x80, 0x27, 0xfd }, 4, ALL & ~AF },
	{ { 0x48, 0x83, 0x27, 0xfd }, 4, ALL & ~AF },
	{ { 0x48, 0x09, 0x37 }, 3, ALL & ~AF },        /* or */
	{ { 0x48, 0x31, 0x37 }, 3, ALL & ~AF },        /* xor */
	{ { 0x48, 0x01, 0x37 }, 3, ALL },              /* add */
	{ { 0x66, 0x01, 0x37 }, 3, ALL },
	{ { 0x40, 0x00, 0x37 }, 3, ALL },
	{ { 0x48, 0x29, 0x37 }, 3, ALL },              /* sub */
	{ { 0x29, 0x37 }, 2, ALL },
	{ { 0x48, 0x87, 0x37 }, 3, ALL },              /* xchg */
	{ { 0x87, 0x37 }, 2, ALL },
	{ { 0x66, 0x87, 0x37 }, 3, ALL },
	{ { 0x48, 0x11, 0x37 }, 3, ALL },              /* adc */
	{ { 0x11, 0x37 }, 2, ALL },
	{ { 0x48, 0x19, 0x37 }, 3, ALL },              /* sbb */
	{ { 0x66, 0x83, 0x1f, 0xff }, 4, ALL },
	{ { 0xf0, 0x48, 0x0f, 0xc1, 0x37 }, 5, ALL },  /* xadd */
	{ { 0xf0, 0x0f, 0xc1, 0x37 }, 4, ALL },
	{ { 0xf0, 0x48, 0x0f, 0xb1, 0x37 }, 5, ALL },  /* cmpxchg */
	{ { 0xf0, 0x0f, 0xb1, 0x37 }, 4, ALL },
	{ { 0xf0, 0x0f, 0xc7, 0x0f }, 4, ZF },         /* cmpxchg8b */
	{ { 0x48, 0x0f, 0xba, 0x37, 7 }, 5, CF },      /* btr $7 */
	{ { 0x48, 0x0f, 0xba, 0x2f, 63 }, 5, CF },     /* bts $63 */
	{ { 0x0f, 0xba, 0x3f, 31 }, 4, CF },           /* btc $31 */
	{ { 0x48, 0xff, 0x07 }, 3, ALL },              /* inc */
	{ { 0x48, 0xff, 0x0f }, 3, ALL },              /* dec */
	{ { 0xfe, 0x07 }, 2, ALL },
	{ { 0x48, 0xf7, 0x1f }, 3, ALL },              /* neg */
	{ { 0xf7, 0x17 }, 2, ALL },                    /* not */
	{ { 0x48, 0xab }, 2, ALL },                    /* stos */
};

struct machine {
	u64 mem, rax, rbx, rcx, rdx, rsi, flags;
};

static void run_native(void *code, struct machine *m)
{
	register u64 flags __asm__("r12") = m->flags;
	register void *go __asm__("r13") = code;
	u64 *mem = &m->mem;

	__asm__ volatile("leaq -256(%%rsp), %%rsp; pushq %%r12; popfq\n\t"
			 "callq *%%r13; pushfq; popq %%r12; leaq 256(%%rsp), %%rsp"
			 : "+r"(flags), "+a"(m->rax), "+b"(m->rbx), "+c"(m->rcx), "+d"(m->rdx),
				"+S"(m->rsi), "+D"(mem)
			 : "r"(go) : "memory", "cc");
	m->flags = flags;
}

static u64 random64(void)
{
	u64 v = (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();

	/* Where carries and signs turn over. */
	switch (rand() % 8) {
	case 0: return 0;
	case 1: return ~0ULL;
	case 2: return 0x8000000000000000ULL;
	case 3: return 0x80808080ULL * 0x100000001ULL;
	case 4: return 0x7fffffff7fffffffULL;
	default: return v;
	}
}

TEST(test_arithmetic, "arithmetic as the processor does it")
{
	u8 *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE |
			MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_TRUE_FATAL(code != MAP_FAILED);
	srand(2);
	for (unsigned i = 0; i < ARRAY_SIZE(operations); i++) {
		const struct operation *op = &operations[i];
		struct insn in;

		CU_ASSERT_TRUE_FATAL(insn_decode(op->code, op->n, &in));
		memcpy(code, op->code, op->n);
		code[op->n] = 0xc3;
		for (unsigned k = 0; k < 2000; k++) {
			struct machine m = {
				.mem = random64(), .rax = random64(), .rbx = random64(),
					.rcx = random64(),
					.rdx = random64(),
				.rsi = random64(), .flags = 0x202 | ((u64)rand() & ALL),
			};
			struct regs r = { .rflags = m.flags };
			u64 mask = in.size == 8 ? ~0ULL : BIT(8 * in.size) - 1, part;
			bool same;
			int wrote;

			if (in.kind == INSN_CMPXCHG && k % 2)
				m.rax = m.mem;
			if (in.kind == INSN_CMPXCHG8B && k % 2) {
				m.rax = (u32)m.mem;
				m.rdx = m.mem >> 32;
			}
			r.rax = m.rax;
			r.rbx = m.rbx;
			r.rcx = m.rcx;
			r.rdx = m.rdx;
			r.rsi = m.rsi;
			part = m.mem & mask;
			wrote = insn_modify(&in, &r, 0, &part);
			CU_ASSERT_TRUE_FATAL(wrote >= 0);
			if (wrote)
				part = (m.mem & ~mask) | (part & mask);
			else
				part = m.mem;
			run_native(code, &m);
			same = part == m.mem && r.rax == m.rax && r.rdx == m.rdx &&
				r.rsi == m.rsi && r.rbx == m.rbx &&
			       r.rcx == m.rcx && !((r.rflags ^ m.flags) & op->flags);
			if (!same)
				fprintf(stderr,
					"%u: mem %lx/%lx rax %lx/%lx rsi %lx/%lx flags %lx/%lx\n",
					i, part, m.mem,
					r.rax, m.rax, r.rsi, m.rsi, r.rflags & op->flags,
						m.flags & op->flags);
			CU_ASSERT_TRUE_FATAL(same);
		}
	}
	munmap(code, 4096);
}

SUITE("decode")
