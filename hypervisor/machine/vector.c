// SPDX-License-Identifier: GPL-2.0-or-later

#include "cpu/vectors.h"
#include "machine/vector.h"
#include "pv-abi/errno.h"

void vector_map_init(struct vector_map *m)
{
	for (unsigned i = 0; i < ARRAY_SIZE(m->used); i++)
		m->used[i] = 0;
	m->used[LEGACY_SYSCALL_VECTOR / 64] |= BIT(LEGACY_SYSCALL_VECTOR % 64);
	m->used[LEGACY_HYPERCALL_VECTOR / 64] |= BIT(LEGACY_HYPERCALL_VECTOR % 64);
}

int vector_alloc(struct vector_map *m, unsigned count)
{
	int found = -ENOSPC;
	u64 bits;
	unsigned first;

	if (count == 0 || count > 32 || (count & (count - 1)))
		return -EINVAL;
	/* An aligned run of at most 32 never crosses a word of the map. */
	bits = BIT(count) - 1;
	first = ALIGN_UP((unsigned)DYNAMIC_VECTOR_FIRST, count);
	for (unsigned v = first; v + count - 1 <= DYNAMIC_VECTOR_LAST; v += count) {
		if (m->used[v / 64] & bits << (v % 64))
			continue;
		m->used[v / 64] |= bits << (v % 64);
		found = (int)v;
		break;
	}
	return found;
}

void vector_free(struct vector_map *m, u8 vector)
{
	if (vector < DYNAMIC_VECTOR_FIRST || vector > DYNAMIC_VECTOR_LAST ||
	    vector == LEGACY_SYSCALL_VECTOR || vector == LEGACY_HYPERCALL_VECTOR)
		return;
	m->used[vector / 64] &= ~BIT(vector % 64);
}
