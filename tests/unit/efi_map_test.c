// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/efi_map.c
//
// The firmware's memory map: descriptors of its own size, and those that make no sense.

#include <string.h>

#include "suite.h"

#include "machine/efi_map.h"

#define EACH 48 /* what firmware uses: more than the structure */

static u8 map[(EFI_MAP_MAX + 2) * EACH];
static unsigned used;

static void add(u32 type, u64 start, u64 pages, u64 attributes)
{
	struct efi_descriptor d = { type, 0, start, 0, pages, attributes };

	memset(map + used * EACH, 0xee, EACH);
	memcpy(map + used++ * EACH, &d, sizeof(d));
}

static void clean(void)
{
	memset(&efi_map, 0, sizeof(efi_map));
	efi_map.whole = true;
	used = 0;
}

TEST(test_keep, "kept, found")
{
	add(7, 0x100000, 0x100, EFI_MEMORY_WB);
	add(EFI_RUNTIME_CODE, 0x300000, 2, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_TRUE(efi_map.n == 2 && efi_map.whole);
	CU_ASSERT_PTR_NULL(efi_map_find(0xfffff));
	CU_ASSERT_PTR_EQUAL(efi_map_find(0x100000), &efi_map.e[1]);
	CU_ASSERT_PTR_EQUAL(efi_map_find(0x1fffff), &efi_map.e[1]);
	CU_ASSERT_PTR_NULL(efi_map_find(0x200000));
	CU_ASSERT_PTR_EQUAL(efi_map_find(0x301fff), &efi_map.e[0]);
	CU_ASSERT_PTR_NULL(efi_map_find(0x302000));
}

TEST(test_runtime, "what is needed at run time")
{
	add(7, 0x100000, 0x100, EFI_MEMORY_WB);
	add(EFI_RUNTIME_CODE, 0x300000, 2, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_FALSE(efi_map_is_runtime(0x100000, 1));
	CU_ASSERT_FALSE(efi_map_is_runtime(0x200000, 1));
	CU_ASSERT_TRUE(efi_map_is_runtime(0x300000, 0x2000));
	CU_ASSERT_TRUE(efi_map_is_runtime(0x301ff8, 8));
	CU_ASSERT_FALSE(efi_map_is_runtime(0x301ff9, 8));
	CU_ASSERT_FALSE(efi_map_is_runtime(0x300000, 0x2001));
	CU_ASSERT_FALSE(efi_map_is_runtime(0x300008, ~0ULL));
}

TEST(test_nonsense, "what makes no sense is left out, and remembered")
{
	static const struct {
		u64 start, pages;
	} bad[] = {
		{ 0x1000, 0 },			  /* empty */
		{ 0x1001, 1 },			  /* not on a page */
		{ 0xfffffffffffff000ULL, 2 },	  /* over the end */
		{ 0x1000, 1ULL << 52 },		  /* more bytes than there are */
		{ 0x1000, (1ULL << 52) - 1 },	  /* the same, by its last page */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		clean();
		add(7, bad[i].start, bad[i].pages, EFI_MEMORY_RUNTIME);
		add(7, 0x100000, 1, 0);
		efi_map_keep(map, used * EACH, EACH);
		CU_ASSERT_EQUAL(efi_map.n, 1);
		CU_ASSERT_FALSE(efi_map.whole);
		CU_ASSERT_EQUAL(efi_map.e[0].start, 0x100000);
		/* Where nothing runs there is nothing missing. */
		clean();
		add(7, bad[i].start, bad[i].pages, 0);
		efi_map_keep(map, used * EACH, EACH);
		CU_ASSERT_TRUE(efi_map.n == 0 && efi_map.whole);
	}
	/* The same memory twice: for run time it is one entry's. */
	clean();
	add(6, 0x200000, 16, EFI_MEMORY_RUNTIME);
	add(5, 0x20f000, 1, EFI_MEMORY_RUNTIME);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_TRUE(efi_map.n == 1 && !efi_map.whole);
	clean();
	add(6, 0x200000, 16, EFI_MEMORY_RUNTIME);
	add(5, 0x210000, 1, EFI_MEMORY_RUNTIME);
	add(5, 0x1ff000, 1, EFI_MEMORY_RUNTIME);
	add(7, 0x200000, 1, 0);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_TRUE(efi_map.n == 4 && efi_map.whole);
	/* Descriptors that lack something. */
	clean();
	add(7, 0x100000, 1, 0);
	efi_map_keep(map, EACH, sizeof(struct efi_descriptor) - 1);
	CU_ASSERT_TRUE(efi_map.n == 0 && !efi_map.whole);
	/* What is left at the end is no descriptor. */
	clean();
	add(7, 0x100000, 1, 0);
	add(7, 0x200000, 1, 0);
	efi_map_keep(map, 2 * EACH - 1, EACH);
	CU_ASSERT_TRUE(efi_map.n == 1 && efi_map.whole);
	clean();
	efi_map_keep(map, 0, EACH);
	CU_ASSERT_TRUE(efi_map.n == 0 && efi_map.whole);
}

TEST(test_full, "more than there is room for")
{
	for (unsigned i = 0; i < EFI_MAP_MAX; i++)
		add(7, (i + 1) * 0x100000ULL, 1, 0);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_TRUE(efi_map.n == EFI_MAP_MAX && efi_map.whole);
	clean();
	for (unsigned i = 0; i < EFI_MAP_MAX + 1; i++)
		add(7, (i + 1) * 0x100000ULL, 1, 0);
	add(5, 0x1000, 1, EFI_MEMORY_RUNTIME);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_TRUE(efi_map.n == EFI_MAP_MAX && efi_map.whole);
	CU_ASSERT_TRUE(efi_map_is_runtime(0x1000, 1));
	clean();
	for (unsigned i = 0; i < EFI_MAP_MAX + 1; i++)
		add(7, (i + 1) * 0x100000ULL, 1, EFI_MEMORY_RUNTIME);
	efi_map_keep(map, used * EACH, EACH);
	CU_ASSERT_TRUE(efi_map.n == EFI_MAP_MAX && !efi_map.whole);
}

SUITE("efi_map", .begin = clean)
