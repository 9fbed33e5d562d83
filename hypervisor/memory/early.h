/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_EARLY_H
#define ANNULUS_MEMORY_EARLY_H

#include "lib/types.h"

/*
 * Memory before the heap: RAM ranges as the boot loader's map gives them, minus what is in use. One
 * CPU, no locks.
 *
 * Order: early_ranges_add() for each range of RAM, early_ranges_reserve() for modules, the image,
 * tables; then early_alloc(); at last early_ranges_drain() hands the rest to the heap.
 */

/*
 * [start, end) bytes are RAM, shrunk to whole frames. Ranges may touch but not overlap. Panics
 * beyond EARLY_RANGES: every range of the firmware's map (memory/e820.h), and what is cut out.
 */
#define EARLY_RANGES (512 + 64)
void early_ranges_add(paddr_t start, paddr_t end);
/* [start, end) bytes, grown to whole frames, are in use: taken out of every range. */
void early_ranges_reserve(paddr_t start, paddr_t end);
/*
 * early_alloc() - `frames` frames aligned to `align_frames` (a power of two), never freed, as high
 * as possible below early_end(); not cleared. Panics if there are none.
 */
paddr_t early_alloc(u64 frames, u64 align_frames);
/*
 * early_end() - from here on memory is taken below `end` bytes. At first that is what the boot page
 * tables map; the tables that grow with the machine's memory do not fit there.
 */
void early_end(paddr_t end);
/* Call fn for what is left, in rising order, and forget it: fn is heap_add_range. */
void early_ranges_drain(void (*fn)(paddr_t start, paddr_t end));

#endif
