/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_VECTOR_H
#define ANNULUS_MACHINE_VECTOR_H

#include "lib/types.h"

/* Which dynamic vectors (cpu/vectors.h) are taken. Its owner, machine/irq.c, has the lock. */
struct vector_map {
	u64 used[4];
};

void vector_map_init(struct vector_map *m);
/*
 * vector_alloc() - `count` (a power of two, 1 to 32) vectors in a row, aligned to their number, as
 * multi-message MSI wants them. Returns the first, -EINVAL for a bad count, -ENOSPC.
 */
int vector_alloc(struct vector_map *m, unsigned count);
void vector_free(struct vector_map *m, u8 vector);

#endif
