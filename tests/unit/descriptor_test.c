// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/descriptor.c
//
// Segment descriptors: whatever a guest writes, what comes out of the check can be loaded without
// harm.

#include "suite.h"
#include <stdlib.h>

#include "pv/descriptor.h"

/* Access byte (P, DPL, S, type) and flags (G, D, L, AVL) of a flat descriptor. */
static u64 desc(u8 access, u8 flags)
{
	return 0xffffULL | (u64)access << 40 | 0xfULL << 48 | (u64)flags << 52;
}

static unsigned dpl(u64 d)
{
	return (d >> 45) & 3;
}

TEST(test_code_and_data, "code and data segments")
{
	for (unsigned type = 0; type < 16; type++)
		for (unsigned level = 0; level < 4; level++) {
			u64 d = desc((u8)(0x90 | level << 5 | type), 0xa), was = d;

			CU_ASSERT_TRUE(descriptor_fix(&d, false));
			CU_ASSERT_EQUAL(dpl(d), 3);
			CU_ASSERT_EQUAL(d & ~(3ULL << 45), was & ~(3ULL << 45));
		}
}

TEST(test_system, "system descriptors")
{
	for (unsigned type = 1; type < 16; type++)
		for (unsigned level = 0; level < 4; level++) {
			u64 d = desc((u8)(0x80 | level << 5 | type), 0),
				absent = desc((u8)(level << 5 | type), 0),
				was = absent;

			CU_ASSERT_FALSE(descriptor_fix(&d, false));
			CU_ASSERT_FALSE(descriptor_fix(&d, true));
			CU_ASSERT_TRUE(descriptor_fix(&absent, false));
			CU_ASSERT_EQUAL(absent, was);
		}
	u64 zero = 0, reserved = desc(0x80, 0);

	CU_ASSERT_TRUE(descriptor_fix(&zero, false) && zero == 0);
	CU_ASSERT_TRUE(descriptor_fix(&reserved, false));
}

TEST(test_ring1_guest, "32-bit guests")
{
	u64 code64 = desc(0xfa, 0xa), code32 = desc(0x9a, 0xc), user32 = desc(0xfa, 0xc),
		data_l = desc(0xf2, 0xa);

	CU_ASSERT_FALSE(descriptor_fix(&code64, true));
	CU_ASSERT_TRUE(descriptor_fix(&code32, true) && dpl(code32) == 1);
	CU_ASSERT_TRUE(descriptor_fix(&user32, true) && dpl(user32) == 3);
	/* The bit means nothing in a data segment. */
	CU_ASSERT_TRUE(descriptor_fix(&data_l, true));
}

/* The properties themselves, on anything. */
TEST(test_random, "random descriptors")
{
	srand(3);
	for (unsigned i = 0; i < 1000000; i++) {
		u64 d = (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();
		bool narrow = i & 1, s, present;

		if (!descriptor_fix(&d, narrow))
			continue;
		present = d >> 47 & 1;
		s = d >> 44 & 1;
		if (!present)
			continue;
		CU_ASSERT_TRUE_FATAL(s || ((d >> 40) & 15) == 0);
		CU_ASSERT_TRUE_FATAL(!s || dpl(d) >= (narrow ? 1 : 3));
		CU_ASSERT_FALSE_FATAL(narrow && s && (d >> 43 & 1) && (d >> 53 & 1));
	}
}

TEST(test_page, "pages")
{
	static u64 page[DESCRIPTORS_PER_PAGE];

	for (unsigned bad = 0; bad < DESCRIPTORS_PER_PAGE; bad += 73) {
		for (unsigned i = 0; i < DESCRIPTORS_PER_PAGE; i++)
			page[i] = desc(0x92, 0xc);
		CU_ASSERT_TRUE(descriptor_page_fix(page, false));
		for (unsigned i = 0; i < DESCRIPTORS_PER_PAGE; i++)
			CU_ASSERT_EQUAL(dpl(page[i]), 3);
		page[bad] = desc(0x89, 0); /* a TSS */
		CU_ASSERT_FALSE(descriptor_page_fix(page, false));
	}
}

TEST(test_ring1, "a 64-bit guest in ring 1")
{
	for (unsigned type = 0; type < 16; type++)
		for (unsigned level = 0; level < 4; level++) {
			u64 d = desc((u8)(0x90 | level << 5 | type), 0xa), was = d, again;
			u64 gate = desc((u8)(0x80 | level << 5 | type), 0);

			/* 64-bit code among them; the CPU finds nothing to write in any. */
			CU_ASSERT_TRUE(descriptor_fix(&d, DESCRIPTOR_RING1));
			CU_ASSERT_EQUAL(dpl(d), level ? level : 1);
			CU_ASSERT_TRUE(d >> 40 & 1);
			CU_ASSERT_EQUAL((d ^ was) & ~(BIT(40) | BIT(45)), 0);
			again = d;
			CU_ASSERT_TRUE(descriptor_fix(&again, DESCRIPTOR_RING1) && again == d);
			if (type)
				CU_ASSERT_FALSE(descriptor_fix(&gate, DESCRIPTOR_RING1));
		}
}

SUITE("descriptor")
