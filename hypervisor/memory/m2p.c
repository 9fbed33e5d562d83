// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/printk.h"
#include "memory/frame.h"
#include "memory/log_dirty.h"
#include "memory/m2p.h"

/* A domain's, with its own reference alone: not the caller's to write. */
static bool m2p_others(mfn_t mfn)
{
	u64 c = mfn < max_mfn ? atomic_read(&mfn_to_frame(mfn)->count) : 0;

	return (c & FC_ALLOCATED) && (c & FC_COUNT_MASK) < 2;
}

void m2p_set(mfn_t mfn, pfn_t pfn)
{
	ASSERT(!m2p_others(mfn));
	if (mfn < max_mfn) {
		pfn_t old = m2p[mfn];

		WRITE_ONCE(m2p[mfn], pfn);
		log_dirty_moved(mfn, old, pfn);
	}
	if (mfn < compat_m2p_entries())
		WRITE_ONCE(compat_m2p[mfn], (u32)pfn);
}

pfn_t m2p_get(mfn_t mfn)
{
	return mfn < max_mfn ? READ_ONCE(m2p[mfn]) : M2P_INVALID;
}
