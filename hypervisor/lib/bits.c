// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the compiler calls for __builtin_popcountll() where the CPU's own instruction may not be
 * assumed.
 */
#include "lib/types.h"

int __popcountdi2(long long v);

int __popcountdi2(long long v)
{
	u64 x = v;

	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}
