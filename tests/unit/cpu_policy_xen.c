// SPDX-License-Identifier: GPL-2.0-or-later
/* What 4.17's libxenguest makes of a policy: the reader and writer that Debian's tools have. */
#include "cpu_policy_xen.h"

#include <xenctrl.h>
#include <xenguest.h>

/* Its messages go nowhere; it needs no hypervisor for this. */
static xc_interface *library(void)
{
	static xc_interface *xch;

	if (!xch)
		xch = xc_interface_open(NULL, NULL, XC_OPENFLAG_DUMMY);
	return xch;
}

unsigned xen_nr_features(void)
{
	return xc_get_cpu_featureset_size();
}

int xen_reads(const void *leaves, uint32_t *nr_leaves, const void *msrs, uint32_t *nr_msrs,
	      void *leaves_again, void *msrs_again)
{
	xc_cpu_policy_t *p = xc_cpu_policy_init();
	int ret;

	ret = xc_cpu_policy_update_cpuid(library(), p, leaves, *nr_leaves);
	if (!ret)
		ret = xc_cpu_policy_update_msrs(library(), p, msrs, *nr_msrs);
	*nr_leaves = *nr_msrs = 400;
	if (!ret)
		ret = xc_cpu_policy_serialise(library(), p, leaves_again, nr_leaves, msrs_again,
					      nr_msrs);
	xc_cpu_policy_destroy(p);
	return ret;
}
