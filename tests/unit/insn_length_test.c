// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/insn_length.c
//
// Where the instruction after one that left the guest begins.

#include "suite.h"
#include <string.h>

#include "hvm/insn_length.h"

static const struct {
	u8 n, bytes[3];
} plain[HVM_INSNS] = {
	[HVM_INSN_CPUID] = { 2, "\x0f\xa2" },	[HVM_INSN_RDMSR] = { 2, "\x0f\x32" },
	[HVM_INSN_WRMSR] = { 2, "\x0f\x30" },	[HVM_INSN_HLT] = { 1, "\xf4" },
	[HVM_INSN_INVD] = { 2, "\x0f\x08" },	[HVM_INSN_WBINVD] = { 2, "\x0f\x09" },
	[HVM_INSN_XSETBV] = { 3, { 0x0f, 0x01, 0xd1 } },
	[HVM_INSN_VMMCALL] = { 3, { 0x0f, 0x01, 0xd9 } },
};
static u8 code[32];

/* The instruction behind `prefixes`, with others' bytes after it. */
static unsigned length(unsigned insn, const u8 *prefixes, unsigned n, bool mode64)
{
	memset(code + n, 0x0f, sizeof(code) - n);
	memmove(code, prefixes, n);
	memcpy(code + n, plain[insn].bytes, plain[insn].n);
	return hvm_insn_length(insn, code, sizeof(code), mode64);
}

TEST(test_plain, "each of them, and none for another")
{
	for (unsigned i = 0; i < HVM_INSNS; i++) {
		CU_ASSERT_EQUAL(length(i, code, 0, true), plain[i].n);
		CU_ASSERT_EQUAL(length(i, code, 0, false), plain[i].n);
		for (unsigned other = 0; other < HVM_INSNS; other++)
			if (other != i)
				CU_ASSERT_EQUAL(hvm_insn_length(other, code, sizeof(code), true),
						0);
	}
}

TEST(test_prefixes, "every byte as a prefix")
{
	static const u8 legacy[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3 };

	for (unsigned i = 0; i < HVM_INSNS; i++) {
		for (unsigned b = 0; b < 256; b++) {
			u8 byte = b;
			bool is = memchr(legacy, b, sizeof(legacy)), rex = b >> 4 == 4;

			/* HLT before HLT is that. */
			if (plain[i].n == 1 && byte == plain[i].bytes[0])
				continue;
			CU_ASSERT_EQUAL(length(i, &byte, 1, true), is || rex ? plain[i].n + 1U : 0);
			CU_ASSERT_EQUAL(length(i, &byte, 1, false), is ? plain[i].n + 1U : 0);
		}
		CU_ASSERT_EQUAL(length(i, (const u8 *)"\x66\x48\xf3\x2e", 4, true),
				plain[i].n + 4U);
		CU_ASSERT_EQUAL(length(i, (const u8 *)"\x66\x48\xf3\x2e", 4, false), 0);
	}
}

TEST(test_limits, "no byte beyond those there are, nor beyond fifteen")
{
	u8 prefixes[16];

	memset(prefixes, 0x66, sizeof(prefixes));
	for (unsigned i = 0; i < HVM_INSNS; i++) {
		for (unsigned n = 0; n < 16; n++) {
			unsigned whole = n + plain[i].n;

			CU_ASSERT_EQUAL(length(i, prefixes, n, true), whole <= 15 ? whole : 0);
			/* Of what was not read nothing is seen. */
			for (unsigned have = 0; have <= whole; have++) {
				u8 *copy = malloc(have ? have : 1);

				memcpy(copy, code, have);
				CU_ASSERT_EQUAL(hvm_insn_length(i, copy, have, true),
						have == whole && whole <= 15 ? whole : 0);
				free(copy);
			}
		}
	}
}

TEST(test_mov_cr8, "MOV to CR8: every register, by REX or LOCK, and nothing else that is near")
{
	unsigned gpr;

	for (unsigned rex = 0; rex < 256; rex++) {
		for (unsigned modrm = 0; modrm < 256; modrm++) {
			bool is_rex = rex >> 4 == 4, reg0 = !(modrm & 0x38);
			u8 insn[] = { rex, 0x0f, 0x22, (u8)modrm };
			unsigned want = (reg0 && is_rex && (rex & 4)) || (reg0 && rex == 0xf0) ? 4 :
				0;

			gpr = 99;
			CU_ASSERT_EQUAL(hvm_mov_to_cr8(insn, 4, true, &gpr), want);
			CU_ASSERT_EQUAL(gpr, !want ? 99 :
					     (modrm & 7) + (is_rex && (rex & 1) ? 8 : 0));
			CU_ASSERT_EQUAL(hvm_mov_to_cr8(insn, 3, true, &gpr), 0);
			CU_ASSERT_EQUAL(hvm_mov_to_cr8(insn, 4, false, &gpr),
					reg0 && rex == 0xf0 ? 4 : 0);
		}
	}
	CU_ASSERT_EQUAL(hvm_mov_to_cr8((const u8 *)"\x66\xf0\x41\x0f\x22\xc2", 6, true, &gpr),
			6);
	CU_ASSERT_EQUAL(gpr, 10);
	/* REX in front of another prefix is none; reading CR8, and writing CR0. */
	CU_ASSERT_EQUAL(hvm_mov_to_cr8((const u8 *)"\x44\x66\x0f\x22\xc0", 5, true, &gpr), 0);
	CU_ASSERT_EQUAL(hvm_mov_to_cr8((const u8 *)"\x44\x0f\x20\xc0", 4, true, &gpr), 0);
	CU_ASSERT_EQUAL(hvm_mov_to_cr8((const u8 *)"\x0f\x22\xc0", 3, true, &gpr), 0);
}

SUITE("insn_length")
