/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_PTE_H
#define ANNULUS_CPU_PTE_H

#include "lib/types.h"

/* Page-table entries: Intel SDM vol. 3A, 4.5. */
#define PTE_P        BIT(0)
#define PTE_RW       BIT(1)
#define PTE_US       BIT(2)
#define PTE_PWT      BIT(3)
#define PTE_PCD      BIT(4)
#define PTE_A        BIT(5)
#define PTE_D        BIT(6)
#define PTE_PAT      BIT(7) /* in an L1 entry */
#define PTE_PS       BIT(7) /* in an L2 or L3 entry: a large page */
#define PTE_G        BIT(8)
#define PTE_AVAIL    (7ULL << 9)
#define PTE_NX       BIT(63)
#define PTE_ADDR     0x000ffffffffff000ULL
#define PTE_CACHE    (PTE_PWT | PTE_PCD | PTE_PAT)

/*
 * A mark of ours in a bit that the CPU ignores and Linux does not use. A 64-bit guest's kernel runs
 * in ring 3 like its user space, so every present entry has the U bit; the mark tells whose page it
 * is.
 */
#define PTE_GUEST_KERNEL BIT(52)

#define PT_ENTRIES 512

static inline mfn_t pte_mfn(u64 e)
{
	return (e & PTE_ADDR) >> PAGE_SHIFT;
}

static inline u64 pte_make(mfn_t mfn, u64 flags)
{
	return mfn << PAGE_SHIFT | flags;
}

/*
 * Does an L1 entry make the CPU fill its cache? WB, WT and WP of PAT_VALUE (cpu/msr.h); not UC, UC-
 * and WC.
 */
static inline bool pte_cacheable(u64 e)
{
	return !(e & PTE_PCD) && (e & PTE_CACHE) != PTE_PAT;
}

/* Index of the entry that translates `va` in a table of `level` 1..4. */
static inline unsigned pt_slot(vaddr_t va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

#endif
