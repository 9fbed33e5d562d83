/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_GRANT_PTE_H
#define ANNULUS_PV_GRANT_PTE_H

#include "lib/types.h"

/*
 * Entries of the current domain's L1 tables that map a granted frame. The entry holds references of
 * its own, like any other: a general one, and a FT_WRITABLE one unless GNTMAP_readonly. No lock is
 * held by the caller, who keeps references of its own on the frame meanwhile.
 *
 * grant_pte_map() - `host_addr` is a virtual address, or with GNTMAP_contains_pte the machine
 * address of the entry; `avail_bits` are the entry's bits 9-11 as the guest wants them. What was in
 * the entry is given up.
 *
 * grant_pte_unmap() - the entry must map `mfn` as `gntmap_flags` say. It is cleared, or, if
 * `new_addr` is not 0, replaced by the entry of that virtual address, which is cleared. The caller
 * flushes TLBs before it drops its own references.
 *
 * Both: 0, or a negative errno with nothing changed.
 */
int grant_pte_map(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 avail_bits);
int grant_pte_unmap(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 new_addr);

#endif
