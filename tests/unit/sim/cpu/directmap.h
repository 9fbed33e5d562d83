/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_DIRECTMAP_H
#define ANNULUS_CPU_DIRECTMAP_H

/* The simulated machine's RAM is an array, its frame table another. Frame 0 belongs to nobody. */
#include "lib/types.h"

#ifndef SIM_FRAMES
#define SIM_FRAMES 4096
#endif

struct frame;
extern u8 sim_ram[SIM_FRAMES * PAGE_SIZE];
extern struct frame *const sim_frame_table;
#define FRAME_TABLE sim_frame_table
#define DIRECTMAP_BASE ((u64)(uintptr_t)sim_ram)

static inline void *paddr_to_va(paddr_t pa)
{
	return sim_ram + pa;
}

static inline void *mfn_to_va(mfn_t mfn)
{
	return paddr_to_va(mfn << PAGE_SHIFT);
}

static inline paddr_t va_to_paddr(const void *va)
{
	return (paddr_t)((const u8 *)va - sim_ram);
}

static inline mfn_t va_to_mfn(const void *va)
{
	return va_to_paddr(va) >> PAGE_SHIFT;
}

#endif
