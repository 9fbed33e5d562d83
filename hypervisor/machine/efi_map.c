// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/efi_map.h"

#include "lib/string.h"

struct efi_map efi_map = { .whole = true };

static bool overlaps(const struct efi_descriptor *a, const struct efi_descriptor *b)
{
	return a->start < b->start + (b->pages << PAGE_SHIFT) &&
	       b->start < a->start + (a->pages << PAGE_SHIFT);
}

static bool keep(const struct efi_descriptor *d, bool runtime)
{
	struct efi_map *m = &efi_map;

	if (m->n == EFI_MAP_MAX || !d->pages || (d->start & (PAGE_SIZE - 1)) ||
	    d->pages > (~0ULL >> PAGE_SHIFT) ||
	    d->start + (d->pages << PAGE_SHIFT) < d->start)
		return false;
	for (unsigned i = 0; runtime && i < m->n; i++)
		if (overlaps(d, &m->e[i]))
			return false;
	m->e[m->n++] = *d;
	return true;
}

void efi_map_keep(const void *map, u64 bytes, u32 each)
{
	if (each < sizeof(struct efi_descriptor)) {
		efi_map.whole = false;
		return;
	}
	for (unsigned runtime = 2; runtime-- > 0;)
		for (u64 off = 0; bytes - off >= each; off += each) {
			struct efi_descriptor d;

			memcpy(&d, (const u8 *)map + off, sizeof(d));
			if (runtime == !!(d.attributes & EFI_MEMORY_RUNTIME) &&
			    !keep(&d, runtime) && runtime)
				efi_map.whole = false;
		}
}

const struct efi_descriptor *efi_map_find(u64 address)
{
	for (unsigned i = 0; i < efi_map.n; i++) {
		const struct efi_descriptor *d = &efi_map.e[i];

		if (address >= d->start && address - d->start < d->pages << PAGE_SHIFT)
			return d;
	}
	return NULL;
}

bool efi_map_is_runtime(u64 start, u64 size)
{
	const struct efi_descriptor *d = efi_map_find(start);

	return d && (d->attributes & EFI_MEMORY_RUNTIME) &&
	       size <= (d->pages << PAGE_SHIFT) - (start - d->start);
}
