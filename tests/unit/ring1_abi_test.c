// SPDX-License-Identifier: GPL-2.0-or-later
// sources: tests/unit/ring1_abi_asm.S
/*
 * The contract about 64-bit kernels in ring 1: its frames are what the processor pushes, its
 * numbers collide with none of Xen's, and the assembler sees what C sees.
 */
#include <stddef.h>

#include "suite.h"

#include "pv-abi/callback.h"
#include "pv-abi/elfnote.h"
#include "pv-abi/features.h"
#include "pv-abi/ring1.h"
#include "pv-abi/xen.h"
#include "ring1_abi_asm.h"

#define RPL	 3
#define IN_LDT	 4
#define SELECTOR_INDEX(sel) ((unsigned)(sel) >> 3)

TEST(test_frames, "frames are the processor's")
{
	/* Intel SDM vol. 3A, 6.14.2: from the lowest address rip, cs, rflags, rsp, ss. */
	CU_ASSERT_EQUAL(offsetof(struct annulus_frame, rip), 0);
	CU_ASSERT_EQUAL(offsetof(struct annulus_frame, cs), 8);
	CU_ASSERT_EQUAL(offsetof(struct annulus_frame, rflags), 16);
	CU_ASSERT_EQUAL(offsetof(struct annulus_frame, rsp), 24);
	CU_ASSERT_EQUAL(offsetof(struct annulus_frame, ss), 32);
	CU_ASSERT_EQUAL(sizeof(struct annulus_frame), ANNULUS_FRAME_SIZE);
	CU_ASSERT_EQUAL(offsetof(struct annulus_user_frame, ss), 32);
	CU_ASSERT_EQUAL(offsetof(struct annulus_user_frame, gs_base), ANNULUS_FRAME_SIZE);
	CU_ASSERT_EQUAL(sizeof(struct annulus_user_frame), ANNULUS_USER_FRAME_SIZE);
	/* On an aligned stack RSP is what the processor's own frame leaves, modulo 16. */
	CU_ASSERT_EQUAL(ANNULUS_USER_FRAME_SIZE % 16, ANNULUS_FRAME_SIZE % 16);
	/* IRETQ takes 16 bits of the word that holds CS. */
	CU_ASSERT_EQUAL(ANNULUS_FRAME_RETURNING & 0xffff, 0);
	CU_ASSERT_TRUE(ANNULUS_FRAME_RETURNING < 1LL << ANNULUS_FRAME_MASK_SHIFT);
}

TEST(test_iret, "the stock iret's frame, and more behind it")
{
	const size_t frame = offsetof(struct annulus_iret_context, frame);

	CU_ASSERT_EQUAL(sizeof(struct annulus_iret_context), ANNULUS_IRET_SIZE);
	CU_ASSERT_EQUAL(offsetof(struct annulus_iret_context, rax),
			offsetof(struct iret_context, rax));
	CU_ASSERT_EQUAL(offsetof(struct annulus_iret_context, r11),
			offsetof(struct iret_context, r11));
	CU_ASSERT_EQUAL(offsetof(struct annulus_iret_context, rcx),
			offsetof(struct iret_context, rcx));
	CU_ASSERT_EQUAL(offsetof(struct annulus_iret_context, flags),
			offsetof(struct iret_context, flags));
	CU_ASSERT_EQUAL(frame, offsetof(struct iret_context, rip));
	CU_ASSERT_EQUAL(frame + offsetof(struct annulus_user_frame, ss),
			offsetof(struct iret_context, ss));
	CU_ASSERT_EQUAL(frame + ANNULUS_FRAME_SIZE, sizeof(struct iret_context));
}

TEST(test_selectors, "selectors are the hypervisor's and no others'")
{
	static const unsigned kernel[] = { ANNULUS_KERNEL_CS, ANNULUS_KERNEL_SS };
	/* Ring 0's code and data, processes' segments, the TSS and the LDT of two entries each. */
	static const unsigned taken[] = { 0xe008, 0xe010, FLAT_USER_CS32, FLAT_USER_CS64,
					  FLAT_USER_SS64, 0xe040, 0xe048, 0xe050, 0xe058 };

	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(kernel[i] & RPL, 1);
		CU_ASSERT_EQUAL(kernel[i] & IN_LDT, 0);
		CU_ASSERT_TRUE(SELECTOR_INDEX(kernel[i]) > FIRST_RESERVED_GDT_ENTRY);
		CU_ASSERT_TRUE(SELECTOR_INDEX(kernel[i]) < FIRST_RESERVED_GDT_ENTRY + 512);
		for (unsigned n = 0; n < sizeof(taken) / sizeof(taken[0]); n++)
			CU_ASSERT_NOT_EQUAL(SELECTOR_INDEX(kernel[i]), SELECTOR_INDEX(taken[n]));
	}
	CU_ASSERT_NOT_EQUAL(kernel[0], kernel[1]);
}

TEST(test_numbers, "no number of Xen's")
{
	static const unsigned callbacks[] = {
		CALLBACKTYPE_event, CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall,
		CALLBACKTYPE_sysenter_deprecated, CALLBACKTYPE_nmi, CALLBACKTYPE_sysenter,
		CALLBACKTYPE_syscall32,
	};

	CU_ASSERT_STRING_NOT_EQUAL(ANNULUS_ELFNOTE_OWNER, "Xen");
	CU_ASSERT_EQUAL(sizeof(ANNULUS_ELFNOTE_OWNER), 8);
	CU_ASSERT_TRUE(ANNULUS_FEATURES > 1000 * XENFEAT_NR_SUBMAPS);
	CU_ASSERT_TRUE(ANNULUS_FEAT_ring1 < 32 && ANNULUS_FEAT_ring1_offered < 32);
	CU_ASSERT_NOT_EQUAL(ANNULUS_FEAT_ring1, ANNULUS_FEAT_ring1_offered);
	CU_ASSERT_NOT_EQUAL(ANNULUS_ADDRESS_SIZE_RING1, 32);
	CU_ASSERT_NOT_EQUAL(ANNULUS_ADDRESS_SIZE_RING1, 64);
	/* The field has 16 bits; Xen counts from 0. */
	CU_ASSERT_TRUE(ANNULUS_CALLBACKTYPE_return_start < 1 << 16);
	CU_ASSERT_TRUE(ANNULUS_CALLBACKTYPE_return_end < 1 << 16);
	for (unsigned i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
		CU_ASSERT_TRUE(ANNULUS_CALLBACKTYPE_return_start > 0x1000 + callbacks[i]);
		CU_ASSERT_TRUE(ANNULUS_CALLBACKTYPE_return_end > 0x1000 + callbacks[i]);
	}
}

extern const unsigned long long ring1_asm_numbers[];

TEST(test_assembler, "the assembler sees the same numbers")
{
	static const unsigned long long numbers[] = { RING1_NUMBERS };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CU_ASSERT_EQUAL(numbers[i], ring1_asm_numbers[i]);
}

SUITE("ring1_abi")
