/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_MCA_H
#define ANNULUS_CONTROL_MCA_H

#include "lib/types.h"

/*
 * __HYPERVISOR_mca: `arg` is the guest address of a struct xen_mc. dom0 only: -EPERM. It says which
 * CPUs there are; what they report is handled and logged by the hypervisor, and there is nothing to
 * fetch. -EFAULT, -EACCES (another version), -EINVAL (no room), -ENOSYS.
 */
s64 do_mca(u64 arg);

#endif
