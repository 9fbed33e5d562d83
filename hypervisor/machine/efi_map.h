/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_EFI_MAP_H
#define ANNULUS_MACHINE_EFI_MAP_H

#include "lib/types.h"

/*
 * The firmware's own memory map, as GetMemoryMap() gave it to the boot loader (UEFI 2.10, 7.2.3),
 * kept for two questions: what its services need mapped while they are called, and what dom0 asks
 * of an address.
 */
struct efi_descriptor {
	u32 type, pad;
	u64 start;      /* machine address */
	u64 virt;
	u64 pages;      /* of 4 KiB */
	u64 attributes; /* EFI_MEMORY_* */
};
#define EFI_RUNTIME_CODE   5
#define EFI_MEMORY_UC      BIT(0)
#define EFI_MEMORY_WC      BIT(1)
#define EFI_MEMORY_WT      BIT(2)
#define EFI_MEMORY_WB      BIT(3)
#define EFI_MEMORY_RUNTIME BIT(63)

/*
 * Filled by boot/multiboot.c, constant from then on. `whole` is false if something is missing here
 * that the firmware needs at run time.
 */
#define EFI_MAP_MAX 512
struct efi_map {
	unsigned n;
	bool whole;
	struct efi_descriptor e[EFI_MAP_MAX];
};
extern struct efi_map efi_map;

/*
 * efi_map_keep() - copy `bytes` of descriptors of `each` bytes, those that are needed at run time
 * first. What is empty, not page-aligned, runs over the end of the address space or has no room
 * any more is left out, and so is memory for run time that another entry for it has already.
 */
void efi_map_keep(const void *map, u64 bytes, u32 each);

/* The entry that has this address; NULL if none has. */
const struct efi_descriptor *efi_map_find(u64 address);

/* Is all of it one entry's that the firmware needs at run time? */
bool efi_map_is_runtime(u64 start, u64 size);

#endif
