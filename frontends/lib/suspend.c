// SPDX-License-Identifier: MIT
#include "frontends/lib/suspend.h"

long suspend(const struct suspend_ops *ops, void *kernel, struct start_info *si)
{
	xen_pfn_t store = si->store_mfn, console = si->console.domU.mfn;
	long result;

	si->store_mfn = ops->pfn(kernel, store);
	si->console.domU.mfn = ops->pfn(kernel, console);
	ops->let_go(kernel);
	result = ops->shutdown(kernel);
	/* Who made a new domain of us has written its frames there; nobody else has. */
	if (result != SUSPEND_RESTORED) {
		si->store_mfn = store;
		si->console.domU.mfn = console;
	}
	ops->take_up(kernel, result == SUSPEND_RESTORED);
	return result;
}
