/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_PLATFORM_H
#define ANNULUS_CONTROL_PLATFORM_H

#include "lib/types.h"

/* __HYPERVISOR_platform_op: `arg` is the guest address of a struct xen_platform_op. dom0 only. */
s64 do_platform_op(u64 arg);

#endif
