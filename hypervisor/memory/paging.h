/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_PAGING_H
#define ANNULUS_MEMORY_PAGING_H

#include "cpu/layout.h"
#include "lib/types.h"

/*
 * The hypervisor's own page tables: the idle root, whose slots 256-271 every guest's root shares,
 * and in unmapped mode a root copy per CPU that has only the entry region and the M2P.
 */
/*
 * Boot, first of all: everything above 1 MiB that machine_e820 calls RAM, but the image, is free.
 * What else is in use the caller reserves (early_ranges_reserve()) before paging_init().
 */
void paging_find_memory(void);
/* boot: direct map, frame table, M2P; switches to the idle root */
void paging_init(void);
/*
 * boot, when dom_hv exists: the frames of both M2Ps are its, of a type that never becomes writable.
 * All guests read them at addresses of ours; as DOMID_XEN's a privileged domain may map them where
 * it likes.
 */
void paging_share_m2p(void);
void paging_protect_image(void);      /* boot: W^X on the image */
void paging_free_init(void);          /* gives the init sections back to the heap */
paddr_t idle_root_paddr(void);
u64 *idle_root(void);
/*
 * A root beside the idle one, with our slots and an empty lower half; NULL without memory. It is
 * never freed. paging_map_in(): map so many bytes at va (all page-aligned) in it, for ring 0, with
 * `flags` of cpu/pte.h, P, A and D left out. False without memory.
 */
u64 *paging_new_root(void);
bool paging_map_in(u64 *root, vaddr_t va, paddr_t pa, u64 size, u64 flags);
/* L2 entries that show the compat M2P, as they are in every 32-bit guest's L2 of the last GiB. */
extern u64 compat_m2p_l2[COMPAT_M2P_L2S];
/* The L1 table of a CPU's entry area, made on first use; NULL without memory. */
void *paging_entry_l1(unsigned cpu);
/*
 * The roots of `cpu` with its own entry area only: two for guests of an unmapped hypervisor, one
 * for 64-bit guests in ring 1, for whom the area is read-only but for its stacks. The stacks are
 * the same in all. False without memory.
 */
bool paging_create_root_copies(unsigned cpu, bool ring3, bool ring1);

#endif
