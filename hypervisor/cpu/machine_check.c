// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/machine_check.h"

bool machine_check_survivable(u64 mcg_status, const u64 *banks, unsigned n)
{
	const u64 lost = MCI_STATUS_VAL | MCI_STATUS_UC;

	if (!(mcg_status & MCG_STATUS_RIPV))
		return false;
	for (unsigned i = 0; i < n; i++)
		if ((banks[i] & lost) == lost)
			return false;
	return true;
}

bool machine_check_begun(u64 mcg_status)
{
	return mcg_status & MCG_STATUS_MCIP;
}
