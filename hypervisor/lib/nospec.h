/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_NOSPEC_H
#define ANNULUS_LIB_NOSPEC_H

#include "lib/types.h"

/*
 * index_nospec() - `index` if it is below `size`, else 0, without a branch: a bound that was
 * checked and mispredicted cannot be left in speculation. For indices that a guest chooses, after
 * the check.
 */
static inline u64 index_nospec(u64 index, u64 size)
{
#ifdef __x86_64__
	u64 mask;

	__asm__ volatile("cmpq %2, %1; sbbq %0, %0" : "=r"(mask) : "r"(index), "r"(size) : "cc");
	return index & mask;
#else
	return index < size ? index : 0;
#endif
}

#endif
