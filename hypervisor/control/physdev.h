/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_PHYSDEV_H
#define ANNULUS_CONTROL_PHYSDEV_H

#include "lib/types.h"

/* Hypercalls of domains with devices; errors: ABI. The second is the old form. */
s64 do_physdev_op(u64 cmd, u64 arg);
s64 do_physdev_op_compat(u64 arg);

#endif
