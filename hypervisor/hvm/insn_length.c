// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/insn_length.h"

static const struct {
	u8 length, bytes[3];
} opcodes[HVM_INSNS] = {
	[HVM_INSN_CPUID] = { 2, { 0x0f, 0xa2 } },
	[HVM_INSN_RDMSR] = { 2, { 0x0f, 0x32 } },
	[HVM_INSN_WRMSR] = { 2, { 0x0f, 0x30 } },
	[HVM_INSN_HLT] = { 1, { 0xf4 } },
	[HVM_INSN_INVD] = { 2, { 0x0f, 0x08 } },
	[HVM_INSN_WBINVD] = { 2, { 0x0f, 0x09 } },
	[HVM_INSN_XSETBV] = { 3, { 0x0f, 0x01, 0xd1 } },
	[HVM_INSN_VMMCALL] = { 3, { 0x0f, 0x01, 0xd9 } },
};

/* APM vol. 3, 1.2: operand and address size, segments, REP. LOCK makes all of these invalid. */
static bool is_prefix(u8 byte, bool mode64)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64 ... 0x67:
	case 0xf2:
	case 0xf3:
		return true;
	case 0x40 ... 0x4f: /* REX, without effect where another prefix follows */
		return mode64;
	}
	return false;
}

unsigned hvm_insn_length(enum hvm_insn insn, const u8 *bytes, unsigned n, bool mode64)
{
	unsigned at = 0, length = opcodes[insn].length;

	n = min(n, (unsigned)INSN_LENGTH_MAX);
	while (at < n && is_prefix(bytes[at], mode64))
		at++;
	if (n - at < length)
		return 0;
	for (unsigned i = 0; i < length; i++)
		if (bytes[at + i] != opcodes[insn].bytes[i])
			return 0;
	return at + length;
}

#define LOCK  0xf0
#define REX_R 4
#define REX_B 1

unsigned hvm_mov_to_cr8(const u8 *bytes, unsigned n, bool mode64, unsigned *gpr)
{
	unsigned at = 0, rex = 0;
	bool lock = false;
	u8 modrm;

	n = min(n, (unsigned)INSN_LENGTH_MAX);
	for (; at < n && (bytes[at] == LOCK || is_prefix(bytes[at], mode64)); at++) {
		/* A REX that is not the last is none. */
		rex = mode64 && bytes[at] >> 4 == 4 ? bytes[at] : 0;
		lock |= bytes[at] == LOCK;
	}
	if (n - at < 3 || bytes[at] != 0x0f || bytes[at + 1] != 0x22)
		return 0;
	modrm = bytes[at + 2];
	if ((modrm >> 3 & 7) || !(lock || (rex & REX_R)))
		return 0;
	*gpr = (modrm & 7) | (rex & REX_B ? 8 : 0);
	return at + 3;
}
