// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/symbols.h"

/* scripts/link.sh writes these. */
extern const u64 symbols_base;
extern const u32 symbols_count;
extern const u32 symbols_offset[]; /* ascending distances from symbols_base */
extern const u32 symbols_name[];   /* where in symbols_names */
extern const char symbols_names[];

const char *symbol_find(vaddr_t addr, u64 *offset)
{
	u64 at = addr - symbols_base;
	u32 low = 0, high = symbols_count;

	/* The last entry only bounds the one before it. */
	if (high < 2 || addr < symbols_base || at >= symbols_offset[high - 1])
		return NULL;
	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (symbols_offset[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	*offset = at - symbols_offset[low];
	return symbols_names + symbols_name[low];
}
