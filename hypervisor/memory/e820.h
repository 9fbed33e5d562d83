/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_E820_H
#define ANNULUS_MEMORY_E820_H

#include "lib/types.h"

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5

/*
 * The machine's memory map as the firmware gave it: sorted, not overlapping. Filled by
 * boot/multiboot.c, constant from then on.
 */
struct e820_map {
	unsigned n;
	struct e820_range {
		u64 start, size;
		u32 type;
	} e[512];
};
extern struct e820_map machine_e820;

#endif
