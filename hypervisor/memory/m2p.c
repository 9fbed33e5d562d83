// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory/frame.h"
#include "memory/m2p.h"

void m2p_set(mfn_t mfn, pfn_t pfn)
{
	if (mfn < max_mfn)
		WRITE_ONCE(m2p[mfn], pfn);
	if (mfn < compat_m2p_entries())
		WRITE_ONCE(compat_m2p[mfn], (u32)pfn);
}

pfn_t m2p_get(mfn_t mfn)
{
	return mfn < max_mfn ? READ_ONCE(m2p[mfn]) : M2P_INVALID;
}
