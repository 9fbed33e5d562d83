// SPDX-License-Identifier: GPL-2.0-or-later

#include "machine/vector.h"
#include "machine/vectors.h"
#include "pv-abi/errno.h"

void vector_map_init(struct vector_map *m)
{
	spin_lock_init(&m->lock);
	for (unsigned i = 0; i < ARRAY_SIZE(m->used); i++)
		m->used[i] = 0;
}

int vector_alloc(struct vector_map *m, unsigned count)
{
	int found = -ENOSPC;
	u64 bits, flags;
	unsigned first;

	if (count == 0 || count > 32 || (count & (count - 1)))
		return -EINVAL;
	/* An aligned run of at most 32 never crosses a word of the map. */
	bits = BIT(count) - 1;
	first = ALIGN_UP((unsigned)DYNAMIC_VECTOR_FIRST, count);
	flags = spin_lock_irqsave(&m->lock);
	for (unsigned v = first; v + count - 1 <= DYNAMIC_VECTOR_LAST; v += count) {
		if (m->used[v / 64] & bits << (v % 64))
			continue;
		m->used[v / 64] |= bits << (v % 64);
		found = (int)v;
		break;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return found;
}

void vector_free(struct vector_map *m, u8 vector)
{
	u64 flags;

	if (vector < DYNAMIC_VECTOR_FIRST || vector > DYNAMIC_VECTOR_LAST)
		return;
	flags = spin_lock_irqsave(&m->lock);
	m->used[vector / 64] &= ~BIT(vector % 64);
	spin_unlock_irqrestore(&m->lock, flags);
}
