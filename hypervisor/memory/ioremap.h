/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_IOREMAP_H
#define ANNULUS_MEMORY_IOREMAP_H

#include "lib/types.h"

/*
 * ioremap() - device registers, uncached.
 * ioremap_wc() - a frame buffer: written only, and what is written may come together.
 * map_firmware() - tables of the firmware, cached, read-only.
 *
 * Mappings are never undone (the same range twice gives the same mapping). NULL: no room. Any CPU;
 * not in interrupt context.
 */
void *ioremap(paddr_t pa, size_t len);
void *ioremap_wc(paddr_t pa, size_t len);
void *map_firmware(paddr_t pa, size_t len);

#endif
