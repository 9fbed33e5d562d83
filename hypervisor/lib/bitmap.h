/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_BITMAP_H
#define ANNULUS_LIB_BITMAP_H

#include "lib/types.h"

/*
 * Searches in arrays of 64-bit words of `nbits` bits. They return `nbits` if there is no such bit.
 * Without a lock the answer may be old; claim the bit with test_and_set_bit().
 */
#define BITMAP_WORDS(nbits) DIV_ROUND_UP(nbits, 64)

/* The first bit at or after `from` that, xor `invert`, is set. */
static inline u64 bitmap_scan(const u64 *map, u64 nbits, u64 from, u64 invert)
{
	while (from < nbits) {
		u64 word = (READ_ONCE(map[from / 64]) ^ invert) >> (from % 64);

		if (word)
			return min(from + (u64)__builtin_ctzll(word), nbits);
		from = ALIGN_DOWN(from, 64) + 64;
	}
	return nbits;
}

static inline u64 bitmap_next_set(const u64 *map, u64 nbits, u64 from)
{
	return bitmap_scan(map, nbits, from, 0);
}

static inline u64 bitmap_next_zero(const u64 *map, u64 nbits, u64 from)
{
	return bitmap_scan(map, nbits, from, ~0ULL);
}

#endif
