/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_OBJECTS_H
#define ANNULUS_MEMORY_OBJECTS_H

#include "memory/heap.h"

/* Between heap.c and objects.c: correct a class's totals. Atomic. */
void alloc_stats_add(enum alloc_class c, s64 bytes, s64 objects);

#endif
