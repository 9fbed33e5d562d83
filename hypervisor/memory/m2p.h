/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_M2P_H
#define ANNULUS_MEMORY_M2P_H

#include "cpu/layout.h"
#include "lib/types.h"
#include "memory/frame.h"

/*
 * The machine-to-pseudo-physical table. Guests read it, each sets the entries of its own frames to
 * what it likes: to the hypervisor a value is only a hint. Writes are single aligned stores; no
 * lock. m2p_set() is for a frame that is no domain's yet, or that the caller holds a reference on:
 * else it may be the next owner's entry that is written.
 */
void m2p_set(mfn_t mfn, pfn_t pfn);
/* How many frames 32-bit guests have an entry of: those are all they can be given. */
static inline mfn_t compat_m2p_entries(void)
{
	return max_mfn < COMPAT_M2P_ENTRIES ? max_mfn : COMPAT_M2P_ENTRIES;
}
/* M2P_INVALID for a frame without an entry. */
pfn_t m2p_get(mfn_t mfn);

#endif
