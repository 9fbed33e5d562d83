/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_DECODE_H
#define ANNULUS_PV_DECODE_H

#include "cpu/regs.h"
#include "lib/types.h"

/*
 * Instructions that a PV guest executes and the hypervisor completes: privileged ones, and writes
 * to page tables. Bytes in, struct insn out; nothing here touches the guest or the machine.
 */
#define INSN_MAX_LENGTH 15

enum insn_kind {
	INSN_UNKNOWN,
	/* Writes to memory: operand size `size`, memory operand unless is_reg. */
	INSN_MOV_STORE,      /* mov r -> r/m: source is register `reg` */
	INSN_MOV_STORE_IMM,  /* mov imm -> r/m */
	/* r/m op= register `reg`, or imm if has_imm */
	INSN_AND, INSN_OR, INSN_XOR, INSN_ADD, INSN_SUB, INSN_ADC, INSN_SBB,
	INSN_XCHG,           /* r/m <-> reg */
	INSN_XADD,
	INSN_CMPXCHG,        /* with rax; source is reg */
	INSN_CMPXCHG8B,      /* size is 8 or 16 */
	INSN_BTS, INSN_BTR, INSN_BTC, /* bit number: register `reg`, or imm if has_imm */
	INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG,
	INSN_STOS, INSN_MOVS,
	/* Memory is read, or read and written elsewhere; insn_modify() does none of these. */
	INSN_MOV_LOAD,       /* mov r/m -> r */
	INSN_MOVZX, INSN_MOVSX, /* the same, the register having `wide` bytes */
	INSN_LOAD_OP,        /* register `reg` op= r/m; `op` is which */
	INSN_CMP, INSN_TEST, /* r/m with register `reg`, or imm if has_imm */
	INSN_BT,
	INSN_LODS, INSN_SCAS, INSN_CMPS, INSN_PUSH, INSN_POP,
	/* Privileged, or sensitive. */
	INSN_IN, INSN_OUT,   /* port: imm if has_imm, else dx; data in al, ax or eax */
	INSN_INS, INSN_OUTS,
	INSN_RDMSR, INSN_WRMSR, /* Control register `reg`, general register `rm`, size 8 */
	INSN_MOV_FROM_CR, INSN_MOV_TO_CR,
	INSN_MOV_FROM_DR, INSN_MOV_TO_DR, INSN_CLTS, INSN_HLT, INSN_CLI, INSN_STI,
	INSN_INVLPG, INSN_WBINVD, INSN_INVD, INSN_LMSW, INSN_SMSW,
	INSN_SGDT, INSN_SIDT, INSN_LGDT, INSN_LIDT, INSN_SLDT, INSN_STR, INSN_LLDT, INSN_LTR,
	INSN_XGETBV, INSN_XSETBV, INSN_CPUID, INSN_RDTSC, INSN_RDTSCP, INSN_RDPMC,
	INSN_SWAPGS, INSN_SYSRET, INSN_IRET, INSN_MONITOR, INSN_MWAIT,
};

enum insn_segment { SEG_NONE, SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
enum insn_rep { REP_NONE, REP_E, REP_NE };

struct insn {
	enum insn_kind kind;
	u8 length;          /* bytes, prefixes included */
	u8 size;            /* operand size in bytes: 1, 2, 4, 8 (16 for cmpxchg16b) */
	u8 wide;            /* MOVZX, MOVSX: of the register, in bytes */
	u8 address_size;    /* 4 or 8; 2 in insn_decode_bits() alone */
	enum insn_kind op;  /* INSN_LOAD_OP: INSN_ADD .. INSN_SBB, or INSN_CMP */
	enum insn_segment segment; /* override */
	enum insn_rep rep;
	bool lock;
	bool is_reg;        /* the r/m operand is register `rm` */
	bool has_modrm, has_imm;
	/* size 1 without REX: `reg` 4..7 mean ah, ch, dh, bh; but for MOVZX and MOVSX */
	bool byte_high;
	u8 reg, rm;         /* general register numbers with REX applied, 0 rax .. 15 r15 */
	u8 base, index;     /* of the memory operand: register numbers, INSN_NO_REG, or INSN_RIP */
	u8 scale;           /* 1, 2, 4, 8 */
	s64 disp;           /* of 64 bits where an absolute address is */
	u64 imm;            /* sign-extended to 64 bits where the instruction does so */
};
#define INSN_NO_REG 0xff
#define INSN_RIP    0xfe

/*
 * insn_decode() - decode 64-bit code. `n` bytes are at hand (at most INSN_MAX_LENGTH are looked
 * at).
 * True and *in, kind other than INSN_UNKNOWN; false if it is none of the above, its encoding is
 * invalid (LOCK where there must be none, too long), or it does not end within n bytes.
 */
bool insn_decode(const u8 *code, unsigned n, struct insn *in);
/*
 * The same for 32-bit code: no REX, addresses of 4 bytes (16-bit ones are refused), and the moves
 * between eax and an absolute address. Segments other than FS and GS are taken for flat.
 */
bool insn_decode32(const u8 *code, unsigned n, struct insn *in);
/* The same for code of 16, 32 or 64 bits, with addresses of any size, whatever segments are. */
bool insn_decode_bits(const u8 *code, unsigned n, unsigned bits, struct insn *in);

/* The general register `n` (0 rax .. 15 r15) of a saved state. */
u64 *regs_gpr(struct regs *r, unsigned n);
/* Leave what 32-bit code can see of the registers. */
void regs_truncate(struct regs *r);
/* Value of register `n` as an operand of `size` bytes; high: see byte_high. */
u64 regs_read(struct regs *r, unsigned n, unsigned size, bool high);
/* Write it as instructions do: 4 bytes clear the upper half, 1 and 2 bytes keep the rest. */
void regs_write(struct regs *r, unsigned n, unsigned size, bool high, u64 v);

/*
 * insn_offset() - where the memory operand is in its segment (for string instructions: that at rdi
 * for stos, ins, movs and scas, at rsi for outs, lods and cmps), as of `r`, whose rip is still at
 * the instruction.
 * insn_address() - the same as a linear address in flat segments. The bases are what FS and GS add
 * under an override.
 */
u64 insn_offset(const struct insn *in, const struct regs *r);
vaddr_t insn_address(const struct insn *in, const struct regs *r, u64 fs_base, u64 gs_base);

#endif
