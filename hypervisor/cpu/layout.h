/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_LAYOUT_H
#define ANNULUS_CPU_LAYOUT_H

/*
 * The hypervisor's part of every address space: top-level slots 256 to 271 (ABI: 0xffff800000000000
 * up to 0xffff880000000000). Everything else belongs to the guest.
 *
 *   slot 256      M2P, read-only, user accessible: the one thing of ours that guests may read
 *   slot 257      entry region: per CPU GDT/LDT windows, TSS, stubs, stacks (cpu/entry_area.h)
 *   slot 258      I/O and temporary mappings of ours (memory/ioremap.h)
 *   slot 261      M2P and compat M2P (writable views), the image, the frame table
 *   slots 262-271 direct map of all RAM
 */
#define HV_SLOT_FIRST     256
#define HV_SLOT_LAST      271
#define HV_VIRT_START     0xffff800000000000
#define HV_VIRT_END       0xffff880000000000

#define M2P_RO_START      0xffff800000000000
#define ENTRY_VIRT_START  0xffff808000000000
#define IOREMAP_START     0xffff810000000000
#define IOREMAP_SIZE      0x40000000
#define M2P_RW_START      0xffff828000000000
#define COMPAT_M2P_RW_START 0xffff82c000000000 /* 4 bytes per frame, what 32-bit guests read */
#define IMAGE_VIRT_START  0xffff82d080000000
#define FRAME_TABLE_START 0xffff82e000000000
#define DIRECTMAP_START   0xffff830000000000
#define DIRECTMAP_SIZE    0x50000000000 /* 5 TiB */

/* Where GRUB puts the image; IMAGE_VIRT_START maps to this. */
#define IMAGE_PHYS_START  0x200000

/* The end of what the boot page tables map, one to one and in the direct map (boot/head.S). */
#define MAPPED_AT_BOOT    0x100000000

#ifndef __ASSEMBLER__
#include "cpu/directmap.h"
#include "lib/types.h"

#define m2p ((u64 *)M2P_RW_START)
#define compat_m2p ((u32 *)COMPAT_M2P_RW_START)
/*
 * What M2P says of a frame that no guest has as memory, and of one that is shared between domains.
 */
#define M2P_INVALID 0x5555555555555555ULL
#define M2P_SHARED  0xffffffffffffffffULL

/*
 * A 32-bit guest (pv-abi/compat.h): its L3 has four entries, and the L2 that the last one leads to
 * is ours from this slot on: the compat M2P, read-only and for supervisors (ring 1), then nothing.
 */
#define PAE_L3_ENTRIES     4
#define COMPAT_VIRT_START  0xf5800000ULL
#define COMPAT_VIRT_END    0x100000000ULL
#define COMPAT_L2_FIRST    428 /* of COMPAT_VIRT_START */
#define COMPAT_M2P_L2S     8   /* 16 MiB */
#define COMPAT_M2P_ENTRIES (COMPAT_M2P_L2S * 0x200000ULL / 4)
#define COMPAT_FRAME_BITS  34 /* of the machine addresses that it covers */

static inline bool is_canonical(vaddr_t va)
{
	return ((s64)(va << 16) >> 16) == (s64)va;
}

/*
 * guest_range_ok() - may a guest's kernel name these bytes? True if the range does not wrap, is
 * canonical and stays out of the hypervisor's slots. The size may be 0.
 */
static inline bool guest_range_ok(vaddr_t va, u64 size)
{
	vaddr_t last = va + (size ? size - 1 : 0);

	if (last < va)
		return false;
	if (last < 0x0000800000000000ULL)
		return true;
	return va >= HV_VIRT_END;
}
#endif
#endif
